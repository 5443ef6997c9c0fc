//! `wardline policy matrix`: who may reach whom, as a page, as JSON, or drawn.

mod svg;

use super::{add, line, print, print_json, sources};
use crate::command::{Form, PolicyMatrix};
use crate::exit::{Exit, Failure};
use crate::sink::words;
use crate::whole;
use abi::table::Mode;
use policies::{Compiled, Matrix, Pair};
use serde_json::{Value, json};

/// Prints the matrix; draws it where a file is named.
///
/// # Errors
/// The policy cannot be read or is invalid, or something cannot be written.
pub(crate) fn run(request: &PolicyMatrix) -> Result<Exit, Failure> {
    let policy = policies::compile(&sources(&request.paths)?).map_err(Failure::invalid)?;
    let matrix = policy.matrix();
    if let Some(path) = &request.svg {
        super::refuse(path, &request.paths)?;
        whole::write(path, svg::drawing(&matrix).as_bytes())?;
    }
    match request.form {
        Form::Json => print_json(&as_json(&policy, &matrix))?,
        Form::Text => print(&page(&matrix))?,
    }
    Ok(Exit::Ok)
}

/// What an entry of the table shows: `.` nothing passes, `*` everything, or how many services may; `!` where what is denied is
/// also dropped.
fn sign(pair: &Pair) -> String {
    let allowed = pair.allowed().count();
    let sign = match (allowed, pair.denied()) {
        (0, _) => ".".to_owned(),
        (_, None) => "*".to_owned(),
        (count, Some(_)) => count.to_string(),
    };
    let bang = if pair.denied() == Some(Mode::Enforce) { "!" } else { "" };
    format!("{sign}{bang}")
}

fn page(matrix: &Matrix) -> String {
    let names = &matrix.segments;
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut text = String::from("Initiators are rows, responders columns.\n\n");
    add(&mut text, &format!("{:>4} {:<widest$} ", "", ""));
    for number in 1..=names.len() {
        add(&mut text, &format!("{number:>4}"));
    }
    text.push('\n');
    for (number, (name, row)) in (1..).zip(names.iter().zip(&matrix.rows)) {
        add(&mut text, &format!("{number:>4} {name:<widest$} "));
        for pair in row {
            add(&mut text, &format!("{:>4}", sign(pair)));
        }
        text.push('\n');
    }
    text.push_str(
        "\n. nothing may pass   * everything   3 so many services   ! what is denied is dropped, not only counted\n\n",
    );
    for (from, row) in names.iter().zip(&matrix.rows) {
        for (to, pair) in names.iter().zip(row) {
            let services: Vec<&str> = pair.allowed().collect();
            if !services.is_empty() {
                line(&mut text, &format!("{from} -> {to}: {}", services.join(", ")));
            }
        }
    }
    text
}

fn as_json(policy: &Compiled, matrix: &Matrix) -> Value {
    let pairs = matrix.segments.iter().zip(&matrix.rows).flat_map(|(from, row)| {
        matrix.segments.iter().zip(row).map(move |(to, pair)| {
            let parts: Vec<Value> = pair
                .parts
                .iter()
                .map(|part| {
                    let rules =
                        part.rules.iter().filter_map(|&id| policy.rule(id).map(|rule| rule.name.as_str()));
                    json!({
                        "action": words::action(part.action),
                        "mode": words::mode(part.mode),
                        "services": part.services,
                        "rules": rules.collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!({ "from": from, "to": to, "verdicts": parts })
        })
    });
    json!({ "segments": matrix.segments, "pairs": pairs.collect::<Vec<Value>>() })
}
