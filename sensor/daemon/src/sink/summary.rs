//! The figures of a run: `summary.json`, and the page that a person reads on the terminal.

mod layout;
pub(crate) mod terminal;

use super::json::Json;
use super::names::UNASSIGNED;
use super::{Names, rows};
use abi::device::DeviceType;
use engine::output::{Finished, Summary};
use std::collections::BTreeMap;

/// What a run found, and under which names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    /// What the engine said at its end.
    pub(crate) finished: &'a Finished,
    /// How segments and rules are called.
    pub(crate) names: &'a Names<'a>,
    /// Hash of the baseline that was loaded.
    pub(crate) baseline: Option<&'a [u8; 32]>,
    /// What the input had to say: a capture that ends in mid-packet, frames out of order, ...
    pub(crate) notes: &'a [String],
}

/// The text of `summary.json`. It depends on the input alone: no wall time, and notes in alphabetical order.
pub(crate) fn json(report: &Report<'_>) -> Vec<u8> {
    let figures = &report.finished.summary;
    let mut out = Json::with_capacity(4096);
    out.raw(b"{\n  \"packets\": ").number(figures.packets);
    out.raw(b",\n  \"bytes\": ").number(figures.bytes);
    out.raw(b",\n  \"frames\": {\"short\": ").number(figures.frames_short);
    out.raw(b", \"malformed\": ").number(figures.frames_malformed);
    out.raw(b", \"unwrapped\": ").number(figures.frames_unwrapped);
    out.raw(b", \"duplicate\": ").number(figures.frames_duplicate).raw(b"}");
    span(&mut out, figures);
    out.raw(b",\n  \"flows\": ").number(figures.flows);
    out.raw(b",\n  \"flow_keys\": {\"tcp\": ").number(figures.flow_keys.0);
    out.raw(b", \"udp\": ").number(figures.flow_keys.1).raw(b"}");
    out.raw(b",\n  \"devices\": ").number(figures.devices);
    out.raw(b",\n  \"devices_by_type\": ");
    counts(
        &mut out,
        devices_by_type(report.finished).into_iter().map(|(class, count)| (class.word(), count)),
    );
    out.raw(b",\n  \"sessions\": ");
    counts(&mut out, figures.sessions.iter().map(|(app, count)| (*app, *count)));
    out.raw(b",\n  \"verdicts\": {\"allow\": ").number(figures.verdicts.0);
    out.raw(b", \"deny\": ").number(figures.verdicts.1).raw(b"}");
    matrix(&mut out, report);
    out.raw(b",\n  \"incidents\": ");
    counts(&mut out, incidents_by_severity(figures));
    rows::hash(out.raw(b",\n  \"policy_hash\": "), report.names.policy_hash());
    rows::hash(out.raw(b",\n  \"baseline_hash\": "), report.baseline);
    loss(&mut out, figures);
    out.raw(b",\n  \"overflows\": ");
    counts(&mut out, figures.overflows.iter().map(|(name, count)| (*name, *count)));
    out.raw(b",\n  \"notes\": [");
    for note in sorted_notes(report) {
        out.raw(b"\n    ").text(note).raw(b",");
    }
    out.close(b']').raw(b"\n}\n");
    out.bytes().to_vec()
}

fn span(out: &mut Json, figures: &Summary) {
    match figures.span {
        Some((first, last)) => {
            out.raw(b",\n  \"ts_first\": ").time(first).raw(b",\n  \"ts_last\": ").time(last);
            out.raw(b",\n  \"seconds\": ").seconds(last.since(first));
        }
        None => {
            out.raw(b",\n  \"ts_first\": null,\n  \"ts_last\": null,\n  \"seconds\": 0");
        }
    }
}

fn matrix(out: &mut Json, report: &Report<'_>) {
    out.raw(b",\n  \"matrix\": [");
    for (&(from, to), &(allow, deny)) in &report.finished.summary.matrix {
        out.raw(b"\n    {\"from\": ").text(report.names.segment(from).unwrap_or(UNASSIGNED));
        out.raw(b", \"to\": ").text(report.names.segment(to).unwrap_or(UNASSIGNED));
        out.raw(b", \"allow\": ").number(allow).raw(b", \"deny\": ").number(deny).raw(b"},");
    }
    out.close(b']');
}

fn loss(out: &mut Json, figures: &Summary) {
    let (missing, seen) = figures.tcp_missing;
    out.raw(b",\n  \"tcp_loss\": {\"missing_bytes\": ").number(missing);
    out.raw(b", \"seen_bytes\": ").number(seen);
    out.raw(b", \"estimate\": ").fixed(loss_estimate(figures), 6).raw(b"}");
}

/// The part of TCP payload that was acknowledged but never captured, 0 to 1: what the tap or the mirror lost.
#[expect(clippy::cast_precision_loss, reason = "a ratio that is shown with six decimals")]
fn loss_estimate(figures: &Summary) -> f64 {
    let (missing, seen) = figures.tcp_missing;
    match missing.saturating_add(seen) {
        0 => 0.0,
        all => missing as f64 / all as f64,
    }
}

fn counts<'a>(out: &mut Json, counts: impl IntoIterator<Item = (&'a str, u64)>) {
    out.raw(b"{");
    for (name, count) in counts {
        out.text(name).raw(b": ").number(count).raw(b",");
    }
    out.close(b'}');
}

/// All severities, also those that did not occur: a reader need not know which words exist.
fn incidents_by_severity(figures: &Summary) -> [(&'static str, u64); 4] {
    ["critical", "high", "medium", "low"]
        .map(|word| (word, figures.incidents.get(word).copied().unwrap_or_default()))
}

fn devices_by_type(finished: &Finished) -> BTreeMap<DeviceType, u64> {
    let mut counts = BTreeMap::new();
    for device in &finished.devices {
        let count: &mut u64 = counts.entry(device.class.value).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

fn sorted_notes<'a>(report: &Report<'a>) -> Vec<&'a str> {
    let mut notes: Vec<&str> = report.notes.iter().map(String::as_str).collect();
    notes.sort_unstable();
    notes
}
