//! `wardline policy check`: policy files in, diagnostics out.

use crate::command::{Check, Color, Report};
use crate::exit::{Exit, Failure};
use crate::harmless;
use crate::sarif;
use anyhow::Context;
use policies::{Colour, Compiled, Diagnostic, Diagnostics, Source};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Most bytes read of one policy file: twice what the compiler takes of all, so that its message is the one seen.
const MOST: u64 = 8 << 20;

/// Checks the policy files: all of them together are one policy.
///
/// # Errors
/// A file cannot be read, or stdout cannot be written.
pub fn run(request: &Check) -> Result<Exit, Failure> {
    let mut sources = Vec::new();
    for path in &request.paths {
        sources.extend(read_sources(path)?);
    }
    let outcome = policies::compile(&sources);
    let text = match (request.form, &outcome) {
        (Report::Json, outcome) => format!("{}\n", rows(outcome)),
        (Report::Sarif, outcome) => format!("{:#}\n", sarif::log(found(outcome))),
        (Report::Text, Ok(compiled)) => {
            let warnings = compiled.warnings.render(colour(request.color));
            let (segments, rules) = (compiled.segments.len(), compiled.rules.len());
            format!("{warnings}the policy is valid: {segments} segments, {rules} rules\n")
        }
        (Report::Text, Err(diagnostics)) => {
            format!("{}\nthe policy is invalid\n", diagnostics.render(colour(request.color)))
        }
    };
    let shown = match request.form {
        Report::Json | Report::Sarif => Cow::Borrowed(text.as_str()),
        Report::Text => harmless::page(&text),
    };
    std::io::stdout()
        .lock()
        .write_all(shown.as_bytes())
        .map_err(|error| Failure::writing("standard output", error))?;
    Ok(if outcome.is_ok() { Exit::Ok } else { Exit::Invalid })
}

/// Compiles the policy at `path`, a file or a folder.
///
/// # Errors
/// A file cannot be read, or the policy is invalid: the cause is its diagnostics then.
pub fn load(path: &Path) -> Result<Compiled, Failure> {
    policies::compile(&read_sources(path)?).map_err(Failure::invalid)
}

/// Reads a policy file, or the files `*.yaml` and `*.yml` of a folder in the order of their names.
///
/// # Errors
/// A file cannot be read or is no text, or the folder holds none.
pub fn read_sources(path: &Path) -> Result<Vec<Source>, Failure> {
    if !path.is_dir() {
        return Ok(vec![read_source(path)?]);
    }
    let unreadable = || format!("{}: the folder cannot be read", path.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).with_context(unreadable).map_err(Failure::usage)? {
        let file = entry.with_context(unreadable).map_err(Failure::usage)?.path();
        let yaml = matches!(file.extension().and_then(OsStr::to_str), Some("yaml" | "yml"));
        if yaml && !file.is_file() {
            let text = format!("{}: is named like a policy and is no file (a broken link?)", file.display());
            return Err(Failure::usage(anyhow::anyhow!(text)));
        }
        if yaml {
            files.push(file);
        }
    }
    if files.is_empty() {
        let text = format!("{}: holds no policy (files are named *.yaml or *.yml)", path.display());
        return Err(Failure::usage(anyhow::anyhow!(text)));
    }
    files.sort();
    files.iter().map(|file| read_source(file)).collect()
}

fn read_source(path: &Path) -> Result<Source, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("{name}: the policy cannot be read"));
    read_text(name, file.map_err(Failure::usage)?)
}

/// Reads a policy from a stream.
///
/// # Errors
/// It cannot be read or is no text.
pub(crate) fn read_text(name: String, stream: impl Read) -> Result<Source, Failure> {
    let mut bytes = Vec::new();
    stream
        .take(MOST)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name}: the policy cannot be read"))
        .map_err(Failure::usage)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line =
                error.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count().saturating_add(1);
            let text = format!("{name}:{line}: is not UTF-8 (save the policy as UTF-8)");
            Err(Failure::invalid(anyhow::anyhow!(text)))
        }
    }
}

pub(crate) const fn colour(color: Color) -> Colour {
    match color {
        Color::On => Colour::Ansi,
        Color::Off => Colour::Plain,
    }
}

/// What was found: warnings alone where the policy compiles.
fn found(outcome: &Result<Compiled, Diagnostics>) -> &Diagnostics {
    match outcome {
        Ok(compiled) => &compiled.warnings,
        Err(diagnostics) => diagnostics,
    }
}

fn rows(outcome: &Result<Compiled, Diagnostics>) -> Value {
    let diagnostics = found(outcome);
    json!({
        "valid": outcome.is_ok(),
        "diagnostics": diagnostics.iter().map(row).collect::<Vec<Value>>(),
        "left_out": diagnostics.left_out(),
    })
}

pub(crate) fn row(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity {
        policies::Severity::Error => "error",
        policies::Severity::Warning => "warning",
    };
    let related = diagnostic.related.as_ref().map(|related| {
        json!({ "file": related.file, "line": related.line, "column": related.column, "message": related.message })
    });
    json!({
        "code": diagnostic.code.text(),
        "severity": severity,
        "file": diagnostic.file,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "end_column": diagnostic.end_column(),
        "message": diagnostic.message,
        "help": diagnostic.help,
        "related": related,
    })
}
