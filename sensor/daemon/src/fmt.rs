//! `wardline policy fmt`: policy files in their usual layout.

use crate::check;
use crate::command::{Format, FormatThen, FormatWhat};
use crate::exit::{Exit, Failure};
use crate::harmless;
use crate::whole;
use policies::{Compiled, Formatted, Source};
use std::io::Write;
use std::path::Path;

/// Lays out the files, or names those whose layout is another.
///
/// # Errors
/// A file cannot be read or written, or the policy has mistakes: the cause is its diagnostics then.
pub(crate) fn run(request: &Format) -> Result<Exit, Failure> {
    let sources = match &request.what {
        FormatWhat::Stdin => vec![check::read_text("standard input".to_owned(), std::io::stdin().lock())?],
        FormatWhat::Paths(paths) => {
            let mut sources = Vec::new();
            for path in paths {
                sources.extend(check::read_sources(path)?);
            }
            sources
        }
    };
    let before = policies::compile(&sources).map_err(Failure::invalid)?;
    let after: Vec<Source> = sources.iter().map(laid_out).collect();
    same_meaning(&before, &after)?;
    let others: Vec<&Source> = sources
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(_, after)| after)
        .collect();
    match (&request.what, request.then) {
        (FormatWhat::Stdin, FormatThen::Replace) => {
            print(after.iter().map(|source| source.text.as_str()).collect::<String>().as_str())?;
        }
        (FormatWhat::Paths(_), FormatThen::Replace) => {
            for (before, after) in sources.iter().zip(&after).filter(|(before, after)| before != after) {
                replace(before, after)?;
            }
        }
        (FormatWhat::Stdin | FormatWhat::Paths(_), FormatThen::Name) => {
            let names: Vec<String> =
                others.iter().map(|source| harmless::line(&source.name).into_owned() + "\n").collect();
            print(&names.concat())?;
            return Ok(if others.is_empty() { Exit::Ok } else { Exit::Findings });
        }
    }
    Ok(Exit::Ok)
}

/// The file in its layout, or as it is where that is not safe.
fn laid_out(source: &Source) -> Source {
    let text = match policies::format(&source.text) {
        Formatted::Text(text) => text,
        Formatted::Left => {
            let text = format!(
                "{}: is written in a way that cannot be laid out safely, and stays as it is",
                source.name
            );
            crate::say("note", &text);
            source.text.clone()
        }
    };
    Source { name: source.name.clone(), text }
}

/// The layout holds every value and comment already; this holds that the compiler agrees.
fn same_meaning(before: &Compiled, after: &[Source]) -> Result<(), Failure> {
    let after = policies::compile(after).map_err(Failure::invalid)?;
    if after.hash == before.hash {
        return Ok(());
    }
    Err(Failure::usage(anyhow::anyhow!("the new layout would mean another policy; nothing was changed")))
}

fn replace(before: &Source, after: &Source) -> Result<(), Failure> {
    let path = Path::new(&before.name);
    // Somebody may have saved the file since it was read.
    if check::read_sources(path)? != [before.clone()] {
        let text = format!("{}: has changed since it was read, and stays as it is; try again", before.name);
        return Err(Failure::usage(anyhow::anyhow!(text)));
    }
    whole::replace(path, after.text.as_bytes())
}

fn print(text: &str) -> Result<(), Failure> {
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failure::writing("standard output", error))
}
