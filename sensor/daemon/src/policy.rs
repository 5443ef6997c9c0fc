//! `wardline policy test|explain|matrix|diff|impact|learn`: what policies say, asked, compared, and tried on what was talked.

pub(crate) mod ask;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod impact;
pub(crate) mod learn;
pub(crate) mod matrix;

use crate::capture::Input;
use crate::check::read_sources;
use crate::exit::Failure;
use crate::harmless;
use abi::table::{Action, Cell, Mode};
use policies::Source;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The sources of all paths: together they are one policy.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for path in paths {
        sources.extend(read_sources(path)?);
    }
    Ok(sources)
}

/// Writes text for people to stdout; names of files and words of a policy cannot steer the terminal.
fn print(text: &str) -> Result<(), Failure> {
    let shown: Vec<_> = text.split('\n').map(harmless::line).collect();
    write(shown.join("\n").as_bytes())
}

/// The same for a page with colours of our own.
fn print_coloured(text: &str) -> Result<(), Failure> {
    write(harmless::page(text).as_bytes())
}

/// Refuses a target that is one of the files of a policy, or one of what was recorded: writing would destroy it.
fn refuse(target: &Path, paths: &[PathBuf]) -> Result<(), Failure> {
    let mut inputs: Vec<Input> = Vec::new();
    for path in paths {
        match std::fs::read_dir(path) {
            Ok(entries) => {
                inputs.extend(entries.filter_map(Result::ok).map(|entry| Input::File(entry.path())));
            }
            Err(_) => inputs.push(Input::File(path.clone())),
        }
    }
    crate::overwrite::refuse(target, &inputs)
}

/// Writes a JSON document to stdout.
fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    write(format!("{value}\n").as_bytes())
}

fn write(bytes: &[u8]) -> Result<(), Failure> {
    let written = std::io::stdout().lock().write_all(bytes);
    written.map_err(|error| Failure::writing("standard output", error))
}

/// Adds a line to a page.
fn line(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

/// Adds text to a page.
fn add(page: &mut String, text: &str) {
    page.push_str(text);
}

/// A verdict as a person says it.
const fn outcome(cell: Cell) -> &'static str {
    match (cell.action, cell.mode) {
        (Action::Allow, _) => "allowed",
        (Action::Deny, Mode::Enforce) => "denied and dropped",
        (Action::Deny, Mode::Alert) => "denied, told and not dropped (mode alert)",
        (Action::Deny, Mode::Observe) => "denied, counted and not dropped (mode observe)",
    }
}
