//! Whole policies through the whole compiler.

mod bounds;
mod documents;
mod expectations;
mod meaning;
mod mistakes;
mod places;
mod rates;
mod routers;
mod samples;
mod standing;
mod values;

use crate::{Compiled, Diagnostics, Source, compile};

/// One file named `p.yaml`.
fn one(text: &str) -> Result<Compiled, Diagnostics> {
    compile(&[Source { name: "p.yaml".to_owned(), text: text.to_owned() }])
}

/// A policy that compiles, whatever its warnings.
pub(crate) fn right(text: &str) -> Compiled {
    match one(text) {
        Ok(compiled) => compiled,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// What is said about a policy that does not compile.
fn told(text: &str) -> String {
    match one(text) {
        Ok(compiled) => panic!("it compiles: {compiled:?}"),
        Err(mistakes) => mistakes.to_string(),
    }
}

/// The same in a line for each mistake: place, code, cause, fix, and the place that is related.
fn brief(text: &str) -> String {
    let mistakes = one(text).unwrap_err();
    let line = |mistake: &crate::Diagnostic| {
        let related = mistake.related.as_ref();
        let related = related.map(|other| format!(" [{} {}:{}]", other.message, other.line, other.column));
        let help = mistake.help.as_ref().map(|help| format!(" -> {help}"));
        let (line, column, code) = (mistake.line, mistake.column, mistake.code);
        let (help, related) = (help.unwrap_or_default(), related.unwrap_or_default());
        format!("{line}:{column} {code} {}{help}{related}", mistake.message)
    };
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}
