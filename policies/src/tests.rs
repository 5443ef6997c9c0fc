//! Whole policies through the whole compiler.

mod documents;
mod meaning;
mod mistakes;
mod places;

use crate::{Compiled, Diagnostics, Source, compile};

/// One file named `p.yaml`.
fn one(text: &str) -> Result<Compiled, Diagnostics> {
    compile(&[Source { name: "p.yaml".to_owned(), text: text.to_owned() }])
}

/// A policy that compiles, whatever its warnings.
fn right(text: &str) -> Compiled {
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
