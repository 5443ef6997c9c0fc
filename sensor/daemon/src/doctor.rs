//! `wardline doctor`: what holds of this machine and its interfaces, and what to do where it does not.

mod machine;
mod port;

pub(crate) use machine::missing_capability;

use crate::command::{Doctor, Form};
use crate::exit::{Exit, Failure};
use crate::harmless;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::io::Write;

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// It is.
    Yes,
    /// It is not, and the sensor works all the same, with a loss.
    Worse,
    /// It is not, and the sensor does not work.
    No,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// What.
    what: String,
    holds: Holds,
    /// How it is.
    found: String,
    /// What to do, where it does not hold.
    remedy: Option<String>,
}

impl Finding {
    fn holds(what: &str, found: impl Into<String>) -> Finding {
        Finding { what: what.to_owned(), holds: Holds::Yes, found: found.into(), remedy: None }
    }

    fn lacks(what: &str, holds: Holds, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { what: what.to_owned(), holds, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// Looks at the machine and the interfaces.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn run(request: &Doctor) -> Result<Exit, Failure> {
    let mut findings = machine::findings();
    for name in &request.interfaces {
        findings.extend(port::findings(name));
    }
    let text = match request.form {
        Form::Json => format!("{}\n", rows(&findings)),
        Form::Text => harmless::page(&page(&findings)).into_owned(),
    };
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failure::writing("standard output", error))?;
    let works = findings.iter().all(|finding| finding.holds != Holds::No);
    Ok(if works { Exit::Ok } else { Exit::Findings })
}

fn page(findings: &[Finding]) -> String {
    let line = |Finding { what, holds, found, remedy }: &Finding| {
        let mark = match holds {
            Holds::Yes => "ok     ",
            Holds::Worse => "worse  ",
            Holds::No => "MISSING",
        };
        let remedy =
            remedy.as_ref().map_or(Cow::Borrowed(""), |remedy| format!("         do: {remedy}\n").into());
        format!("{mark}  {what}: {found}\n{remedy}")
    };
    findings.iter().map(line).collect()
}

fn rows(findings: &[Finding]) -> Value {
    let row = |finding: &Finding| {
        let holds = match finding.holds {
            Holds::Yes => "yes",
            Holds::Worse => "worse",
            Holds::No => "no",
        };
        json!({ "what": finding.what, "holds": holds, "found": finding.found, "remedy": finding.remedy })
    };
    Value::Array(findings.iter().map(row).collect())
}
