//! `wardline policy test`: the tests that stand in a policy, one by one.

use super::{print_coloured, print_json, sources};
use crate::check::{colour, row};
use crate::command::{Form, PolicyFiles};
use crate::exit::{Exit, Failure};
use policies::Tested;
use serde_json::json;

/// Asks all tests.
///
/// # Errors
/// A file cannot be read, the policy has mistakes other than failing tests, or stdout cannot be written.
pub(crate) fn run(request: &PolicyFiles) -> Result<Exit, Failure> {
    let tested = policies::tested(&sources(&request.paths)?).map_err(Failure::invalid)?;
    let failed = tested.iter().filter(|test| test.failure.is_some()).count();
    match request.form {
        Form::Json => {
            let rows: Vec<_> = tested.iter().map(as_json).collect();
            print_json(
                &json!({ "tests": rows, "passed": tested.len().saturating_sub(failed), "failed": failed }),
            )?;
        }
        Form::Text => print_coloured(&page(&tested, failed, request))?,
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Findings })
}

fn page(tested: &[Tested], failed: usize, request: &PolicyFiles) -> String {
    let line = |test: &Tested| {
        let word = if test.failure.is_none() { "ok" } else { "FAILED" };
        format!("{word:<6}  {}:{}  {}\n", test.file, test.line, test.title)
    };
    let mut text: String = tested.iter().map(line).collect();
    for failure in tested.iter().filter_map(|test| test.failure.as_ref()) {
        text.push('\n');
        text.push_str(&failure.render(colour(request.color)));
    }
    let sum = match (tested.len(), failed) {
        (0, _) => "the policy has no tests (write them under `tests:`)\n".to_owned(),
        (all, 0) => format!("\n{all} tests hold\n"),
        (all, failed) => format!("\n{failed} of {all} tests failed\n"),
    };
    text + &sum
}

fn as_json(test: &Tested) -> serde_json::Value {
    json!({
        "file": test.file,
        "line": test.line,
        "test": test.title,
        "passed": test.failure.is_none(),
        "failure": test.failure.as_ref().map(row),
    })
}
