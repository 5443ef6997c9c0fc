//! The summary that a person reads when a run has ended.

use super::super::words;
use super::layout::{byte_size, date_and_clock, grouped, left, right, width, wrapped};
use super::{Report, UNASSIGNED, devices_by_type, incidents_by_severity, loss_estimate, sorted_notes};
use crate::command::Color;
use crate::harmless;
use abi::device::DeviceType;
use abi::table::SegmentId;
use detectors::finding::Severity;
use engine::output::Incident;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Incidents shown; the file has them all.
const INCIDENTS: usize = 10;
/// Pairs of segments shown as a list; the file has them all.
const PAIRS: usize = 16;
/// Fewer columns than this are not laid out for.
const NARROWEST: usize = 40;

/// How the page looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    /// Whether it is coloured.
    pub(crate) colour: Color,
    /// Columns of the terminal.
    pub(crate) columns: usize,
    /// The output folder, if one was written.
    pub(crate) folder: Option<&'a Path>,
}

/// What is meant by a colour.
#[derive(Clone, Copy, Debug)]
enum Tone {
    Heading,
    Danger,
    Warning,
    Notice,
    Quiet,
}

impl Look<'_> {
    /// The text in the colour of its meaning, by ANSI escape sequences (ECMA-48).
    fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Heading => "1",
            Tone::Danger => "1;31",
            Tone::Warning => "31",
            Tone::Notice => "33",
            Tone::Quiet => "2",
        };
        match self.colour {
            Color::Off => text.to_owned(),
            Color::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// The whole page, ending with a line end.
pub(crate) fn page(report: &Report<'_>, look: Look<'_>) -> String {
    let look = Look { columns: look.columns.max(NARROWEST), ..look };
    let mut lines = headline(report, look);
    lines.extend(health(report, look));
    lines.extend(devices(report, look));
    lines.extend(segments(report, look));
    lines.extend(incidents(report, look));
    if let Some(folder) = look.folder {
        lines.push(format!("Written to {}", harmless::line(&folder.display().to_string())));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn headline(report: &Report<'_>, look: Look<'_>) -> Vec<String> {
    let figures = &report.finished.summary;
    let traffic = format!("{} packets, {}", grouped(figures.packets), byte_size(figures.bytes));
    let mut lines = vec![look.paint(Tone::Heading, &traffic)];
    if let Some((first, last)) = figures.span {
        let nanoseconds = last.since(first);
        let seconds = format!("{}.{}", nanoseconds / 1_000_000_000, nanoseconds / 100_000_000 % 10);
        lines.push(format!("  {} to {} UTC, {seconds} s", date_and_clock(first), date_and_clock(last)));
    }
    lines.push(format!(
        "  {} flows ({} TCP and {} UDP keys), {} devices",
        grouped(figures.flows),
        grouped(figures.flow_keys.0),
        grouped(figures.flow_keys.1),
        grouped(figures.devices)
    ));
    let sessions: Vec<String> =
        figures.sessions.iter().map(|(app, count)| format!("{} {app}", grouped(*count))).collect();
    if !sessions.is_empty() {
        for (at, line) in wrapped(&sessions.join(", "), look.columns.saturating_sub(12)).iter().enumerate() {
            lines.push(format!("  {}{line}", if at == 0 { "sessions: " } else { "          " }));
        }
    }
    lines
}

/// What the sensor could not see, or had to leave out; nothing where all is well.
fn health(report: &Report<'_>, look: Look<'_>) -> Vec<String> {
    let figures = &report.finished.summary;
    let mut facts = vec![];
    for (count, what) in [
        (figures.frames_short, "captured shorter than they were"),
        (figures.frames_malformed, "with headers cut or contradicting themselves"),
        (figures.frames_unwrapped, "unwrapped from a mirror's tunnel"),
        (figures.frames_duplicate, "seen twice and counted once"),
    ] {
        if count > 0 {
            facts.push(format!("{} frames {what}", grouped(count)));
        }
    }
    if figures.tcp_missing.0 > 0 {
        facts.push(format!(
            "{:.3} % of TCP payload was never captured ({})",
            loss_estimate(figures) * 100.0,
            byte_size(figures.tcp_missing.0)
        ));
    }
    for (name, count) in figures.overflows.iter().filter(|(_, count)| **count > 0) {
        facts.push(format!("{} times over the limit: {}", grouped(*count), name.replace('_', " ")));
    }
    facts.extend(sorted_notes(report).into_iter().map(|note| harmless::line(note).into_owned()));
    section("Health", facts.iter().flat_map(|fact| indented(fact, 2, look.columns)).collect(), look)
}

fn devices(report: &Report<'_>, look: Look<'_>) -> Vec<String> {
    let mut counts: Vec<(DeviceType, u64)> = devices_by_type(report.finished).into_iter().collect();
    // The devices that nobody knows come last: they are a task, not a result.
    counts.sort_by_key(|(class, _)| (*class == DeviceType::Unknown, *class));
    let names = counts.iter().map(|(class, _)| width(class.word())).max().unwrap_or_default();
    let lines = counts.into_iter().map(|(class, count)| {
        let text = format!("  {}  {}", left(class.word(), names), right(&grouped(count), 5));
        let room = look.columns.saturating_sub(width(&text)).saturating_sub(2);
        let vendors = vendors(report, class);
        match wrapped(&vendors.join(", "), room).first() {
            Some(line) => format!("{text}  {}", look.paint(Tone::Quiet, line)),
            None => text,
        }
    });
    section("Devices by type", lines.collect(), look)
}

fn vendors(report: &Report<'_>, class: DeviceType) -> Vec<String> {
    let of_class = report.finished.devices.iter().filter(|device| device.class.value == class);
    let vendors: BTreeSet<&str> =
        of_class.filter_map(|device| device.vendor.as_ref()).map(|vendor| vendor.value.as_str()).collect();
    vendors.into_iter().map(|vendor| harmless::line(vendor).into_owned()).collect()
}

/// Flows allowed and denied.
type Cells = BTreeMap<(Option<SegmentId>, Option<SegmentId>), (u64, u64)>;

fn segments(report: &Report<'_>, look: Look<'_>) -> Vec<String> {
    let cells = &report.finished.summary.matrix;
    let table = table(report, cells);
    if table.iter().all(|row| row.iter().map(|cell| width(cell) + 2).sum::<usize>() <= look.columns) {
        let lines = table.iter().map(|row| format!("  {}", row.join("  ").trim_end())).collect();
        section("Segments: flows allowed/denied, from (row) to (column)", lines, look)
    } else {
        section("Segments: flows allowed/denied", pairs(report, cells), look)
    }
}

fn segment_name<'a>(report: &Report<'a>, segment: Option<SegmentId>) -> Cow<'a, str> {
    harmless::line(report.names.segment(segment).unwrap_or(UNASSIGNED))
}

/// The matrix as padded cells, header row included.
fn table(report: &Report<'_>, cells: &Cells) -> Vec<Vec<String>> {
    let rows: BTreeSet<_> = cells.keys().map(|(from, _)| *from).collect();
    let columns: BTreeSet<_> = cells.keys().map(|(_, to)| *to).collect();
    let first = rows.iter().map(|from| width(&segment_name(report, *from))).max().unwrap_or_default();
    let text = |from, to| match cells.get(&(from, to)) {
        Some((allow, deny)) => format!("{}/{}", grouped(*allow), grouped(*deny)),
        None => "-".to_owned(),
    };
    let widths: BTreeMap<_, usize> = columns
        .iter()
        .map(|to| {
            let cells = rows.iter().map(|from| width(&text(*from, *to)));
            (*to, cells.chain([width(&segment_name(report, *to))]).max().unwrap_or_default())
        })
        .collect();
    let line = |name: &str, cell: &dyn Fn(Option<SegmentId>) -> String| {
        let cells = widths.iter().map(|(to, width)| right(&cell(*to), *width));
        std::iter::once(left(name, first)).chain(cells).collect::<Vec<_>>()
    };
    if rows.is_empty() {
        return vec![];
    }
    let header = line("", &|to| segment_name(report, to).into_owned());
    let body = rows.iter().map(|from| line(&segment_name(report, *from), &|to| text(*from, to)));
    std::iter::once(header).chain(body).collect()
}

/// The pairs as a list, for narrow terminals: those with denials first.
fn pairs(report: &Report<'_>, cells: &Cells) -> Vec<String> {
    let mut sorted: Vec<_> = cells.iter().collect();
    sorted.sort_by_key(|(pair, (allow, deny))| (std::cmp::Reverse((*deny, *allow)), **pair));
    let mut lines: Vec<String> = sorted
        .iter()
        .take(PAIRS)
        .map(|((from, to), (allow, deny))| {
            let pair = format!("{} -> {}", segment_name(report, *from), segment_name(report, *to));
            format!("  {pair}  {}/{}", grouped(*allow), grouped(*deny))
        })
        .collect();
    if sorted.len() > PAIRS {
        lines.push(format!("  and {} pairs more", sorted.len() - PAIRS));
    }
    lines
}

fn incidents(report: &Report<'_>, look: Look<'_>) -> Vec<String> {
    let all = &report.finished.incidents;
    let counts = incidents_by_severity(&report.finished.summary);
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let by: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{} {word}", grouped(*count)))
        .collect();
    if total == 0 {
        return vec![look.paint(Tone::Heading, "No incidents")];
    }
    let mut sorted: Vec<&Incident> = all.iter().collect();
    sorted.sort_by(|a, b| {
        (b.severity.cmp(&a.severity)).then(b.score.total_cmp(&a.score)).then(a.id.cmp(&b.id))
    });
    let mut lines: Vec<String> =
        sorted.iter().take(INCIDENTS).flat_map(|incident| incident_lines(incident, look)).collect();
    if sorted.len() > INCIDENTS {
        lines.push(format!("  and {} more", sorted.len() - INCIDENTS));
    }
    section(&format!("Incidents: {}", by.join(", ")), lines, look)
}

fn incident_lines(incident: &Incident, look: Look<'_>) -> Vec<String> {
    let tone = match incident.severity {
        Severity::Critical => Tone::Danger,
        Severity::High => Tone::Warning,
        Severity::Medium => Tone::Notice,
        Severity::Low => Tone::Quiet,
    };
    let source = if incident.source.ip.is_none() {
        incident.source.device.to_string()
    } else {
        incident.source.ip.to_string()
    };
    let techniques: Vec<&str> = incident.techniques.iter().map(|technique| technique.0).collect();
    let severity = look.paint(tone, &left(words::severity(incident.severity), 8));
    let mut head = format!(
        "  {severity}  {}  {}  {source} ({})",
        date_and_clock(incident.first),
        incident.kind,
        incident.source.class.word()
    );
    if !techniques.is_empty() {
        head.push_str("  ");
        head.push_str(&techniques.join(" "));
    }
    let mut lines = vec![head];
    lines.extend(indented(&harmless::line(&incident.text), 12, look.columns));
    lines
}

fn indented(text: &str, by: usize, columns: usize) -> Vec<String> {
    let lines = wrapped(text, columns.saturating_sub(by));
    lines.into_iter().map(|line| format!("{}{line}", " ".repeat(by))).collect()
}

/// A heading and its lines; nothing where there are none.
fn section(heading: &str, lines: Vec<String>, look: Look<'_>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    std::iter::once(look.paint(Tone::Heading, heading)).chain(lines).collect()
}

#[cfg(test)]
mod tests;
