//! `wardline policy diff OLD NEW`: what a change of policy opens, closes and moves.

use super::{line, print, print_json};
use crate::check::load;
use crate::command::{Form, PolicyDiff};
use crate::exit::{Exit, Failure};
use crate::sink::words;
use abi::table::{Action, Cell, Mode};
use anyhow::anyhow;
use policies::{Change, Compiled, Difference, Kind, Move};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Compares. Exit code 1 where they decide differently.
///
/// # Errors
/// A policy cannot be read or is invalid, or the two have too little in common.
pub(crate) fn run(request: &PolicyDiff) -> Result<Exit, Failure> {
    let (old, new) = (load(&request.old)?, load(&request.new)?);
    let difference = policies::difference(&old, &new).map_err(|error| Failure::usage(anyhow!("{error}")))?;
    match request.form {
        Form::Json => print_json(&as_json((&old, &new), &difference))?,
        Form::Text => print(&page((&old, &new), &difference))?,
    }
    Ok(if is_equal((&old, &new), &difference) { Exit::Ok } else { Exit::Findings })
}

type Both<'p> = (&'p Compiled, &'p Compiled);

/// The name of a segment, or both where it changes.
fn name((old, new): Both<'_>, step: Move) -> String {
    let (before, after) = (old.segment_name(step.before), new.segment_name(step.after));
    if before == after { after.to_owned() } else { format!("{after} (was {before})") }
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Opened => "Opened: was denied, may pass",
        Kind::Closed => "Closed: could pass, is denied",
        Kind::Mode => "Mode: the same verdict, carried out differently",
    }
}

/// Whether the two mean the same in every respect: verdicts, and what has no pair of segments.
fn is_equal((old, new): Both<'_>, difference: &Difference) -> bool {
    difference.is_empty() && old.hash == new.hash
}

/// What the hash knows and pairs do not show.
const BESIDES: &str = "Besides: rates, trust, quarantine, routers, what happens when nobody attends, what is life-critical, or ids of rules may \
                       be other ones; the hashes of the policies differ, and pairs and services above are all that this command compares.";

fn page(both: Both<'_>, difference: &Difference) -> String {
    if is_equal(both, difference) {
        return "the policies decide alike on every frame\n".to_owned();
    }
    let mut text = String::new();
    if difference.is_empty() {
        line(&mut text, "No pair of segments changes its verdict.\n");
    }
    if !difference.moved.is_empty() {
        text.push_str("Moved: in another segment\n");
        for moved in &difference.moved {
            let (before, after) =
                (both.0.segment_name(moved.step.before), both.1.segment_name(moved.step.after));
            line(&mut text, &format!("  {}: {before} -> {after}", moved.selector));
        }
        text.push('\n');
    }
    for kind in [Kind::Opened, Kind::Closed, Kind::Mode] {
        let lines = lines(both, difference.changes.iter().filter(|change| change.kind == kind));
        if !lines.is_empty() {
            line(&mut text, &format!("{}\n{lines}", heading(kind)));
        }
    }
    if both.0.hash != both.1.hash {
        line(&mut text, BESIDES);
    }
    text
}

/// One line for the pairs that share services and reason: initiators with the same responders stand together.
fn lines<'d>(both: Both<'_>, changes: impl Iterator<Item = &'d Change>) -> String {
    let mut responders: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for change in changes {
        let key = (reason(both, change), change.services.join(", "), name(both, change.from));
        responders.entry(key).or_default().push(name(both, change.to));
    }
    let mut initiators: BTreeMap<(String, String, Vec<String>), Vec<String>> = BTreeMap::new();
    for ((reason, services, from), to) in responders {
        initiators.entry((reason, services, to)).or_default().push(from);
    }
    let mut text = String::new();
    let mut last = None;
    for ((reason, services, to), from) in &initiators {
        if last.replace(reason) != Some(reason) {
            line(&mut text, &format!("  {reason}"));
        }
        line(&mut text, &format!("    {} -> {}: {services}", from.join(", "), to.join(", ")));
    }
    text
}

fn reason((old, new): Both<'_>, change: &Change) -> String {
    let said = |policy: &Compiled, cell: Cell| {
        let by = match cell.rule.and_then(|id| policy.rule(id)) {
            Some(rule) => format!("{} ({}:{})", rule.name, rule.file, rule.line),
            None => "the default".to_owned(),
        };
        format!("{} in mode {} by {by}", words::action(cell.action), words::mode(cell.mode))
    };
    format!("{}; before: {}", said(new, change.after), said(old, change.before))
}

fn as_json(both: Both<'_>, difference: &Difference) -> Value {
    let cell = |policy: &Compiled, cell: Cell| {
        json!({
            "action": words::action(cell.action),
            "mode": words::mode(cell.mode),
            "dropped": cell.action == Action::Deny && cell.mode == Mode::Enforce,
            "rule": cell.rule.and_then(|id| policy.rule(id)).map(|rule| rule.name.clone()),
        })
    };
    let step = |step: Move| json!({ "before": both.0.segment_name(step.before), "after": both.1.segment_name(step.after) });
    let changes: Vec<Value> = difference
        .changes
        .iter()
        .map(|change| {
            json!({
                "change": match change.kind { Kind::Opened => "opened", Kind::Closed => "closed", Kind::Mode => "mode" },
                "from": step(change.from),
                "to": step(change.to),
                "services": change.services,
                "before": cell(both.0, change.before),
                "after": cell(both.1, change.after),
            })
        })
        .collect();
    let moved: Vec<Value> = difference
        .moved
        .iter()
        .map(|moved| json!({ "selector": moved.selector, "segment": step(moved.step) }))
        .collect();
    json!({ "equal": is_equal(both, difference), "same_hash": both.0.hash == both.1.hash, "moved": moved, "changes": changes })
}
