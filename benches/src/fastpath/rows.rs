//! The rows of the table: what is measured, against which target.

pub mod fresh;
pub mod hot;
pub mod live;
pub mod many;
pub mod mixture;
pub mod swap;

use super::Failure;
use std::fmt;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A figure with what it must reach.
    Judged {
        /// The figures, for people.
        text: String,
        /// What it must reach, for people.
        target: &'static str,
        /// Whether it does.
        met: bool,
    },
    /// A figure without a target.
    Told(String),
    /// It could not be measured here, and why.
    Absent(String),
}

impl Row {
    /// A figure with its target.
    pub fn judged(name: impl Into<String>, text: String, (target, met): (&'static str, bool)) -> Row {
        Row { name: name.into(), outcome: Outcome::Judged { text, target, met } }
    }

    /// A figure without a target.
    pub fn told(name: impl Into<String>, text: String) -> Row {
        Row { name: name.into(), outcome: Outcome::Told(text) }
    }

    /// What cannot be measured here.
    pub fn absent(name: impl Into<String>, why: &Failure) -> Row {
        let mut text = why.to_string();
        let mut cause = why.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Row { name: name.into(), outcome: Outcome::Absent(text) }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.outcome {
            Outcome::Judged { text, target, met } => {
                let word = if *met { "met" } else { "missed" };
                write!(f, "| {name} | {text} | {target} | {word} |")
            }
            Outcome::Told(text) => write!(f, "| {name} | {text} | | |"),
            Outcome::Absent(why) => write!(f, "| {name} | not measured: {why} | | |"),
        }
    }
}
