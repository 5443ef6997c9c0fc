//! Text for a terminal: numbers that can be read, padding, wrapping.

use super::super::json::Json;
use abi::address::Timestamp;

/// A whole number with a comma between thousands.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the decimal unit in which they have at most three digits before the point.
pub(super) fn byte_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// `2026-01-31 23:59:59`, in UTC.
pub(super) fn date_and_clock(at: Timestamp) -> String {
    let mut json = Json::default();
    json.time(at);
    let text = String::from_utf8_lossy(json.bytes());
    text.get(1..20).unwrap_or_default().replace('T', " ")
}

/// Characters that a text takes. Wide characters count once: columns may then be off, nothing is lost.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text with blanks after it up to `columns`.
pub(super) fn left(text: &str, columns: usize) -> String {
    format!("{text:<columns$}")
}

/// The text with blanks before it up to `columns`.
pub(super) fn right(text: &str, columns: usize) -> String {
    format!("{text:>columns$}")
}

/// The text in lines of at most `columns`, broken at blanks; a longer word gets a line of its own.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line).saturating_add(1).saturating_add(width(word)) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
