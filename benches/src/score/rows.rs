//! Reads labels and incidents, one JSON object a line.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// A source of more addresses than this is a crowd, and accuses nobody.
const CROWD: usize = 4;

/// A labelled event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Whether it is an attack.
    pub malicious: bool,
    /// The technique as the label writes it; empty for harmless events.
    pub label: String,
    /// The technique without its sub-technique.
    pub technique: String,
    /// Seconds since 1970.
    pub start: f64,
    /// Seconds since 1970.
    pub end: f64,
    /// The names and addresses of the device that did it, in lower case.
    pub actor: BTreeSet<String>,
}

/// An incident of a replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its kind.
    pub kind: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Seconds since 1970.
    pub first: f64,
    /// Seconds since 1970.
    pub last: f64,
    /// The names and addresses of the device that it accuses, in lower case; empty for a crowd.
    pub source: BTreeSet<String>,
    /// Techniques without their sub-techniques.
    pub techniques: BTreeSet<String>,
    /// What it says.
    pub text: String,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The line is no JSON.
    Json {
        /// The line, from 1.
        line: usize,
    },
    /// The row lacks a field, or has another type there.
    Field {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
    },
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowError::Json { line } => write!(f, "line {line} is no JSON"),
            RowError::Field { line, field } => write!(f, "line {line} has no readable `{field}`"),
        }
    }
}

impl std::error::Error for RowError {}

/// The labelled events of a recording, without the labels of its whole phases.
pub fn events(text: &str) -> Result<Vec<Event>, RowError> {
    let mut events = rows(text, event)?;
    events.retain(|event| event.name != "benign_training" && event.name != "evaluation");
    Ok(events)
}

/// The incidents of a replay.
pub fn incidents(text: &str) -> Result<Vec<Incident>, RowError> {
    rows(text, incident)
}

fn rows<T>(text: &str, read: fn(&Value) -> Result<T, &'static str>) -> Result<Vec<T>, RowError> {
    let mut rows = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        if row.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(row).map_err(|_error| RowError::Json { line })?;
        rows.push(read(&value).map_err(|field| RowError::Field { line, field })?);
    }
    Ok(rows)
}

fn event(row: &Value) -> Result<Event, &'static str> {
    let label = row.get("technique").and_then(Value::as_str).unwrap_or_default();
    Ok(Event {
        name: text(row, "name")?,
        malicious: row.get("malicious").and_then(Value::as_bool).ok_or("malicious")?,
        label: label.to_owned(),
        technique: base(label),
        start: time(row, "t_start")?,
        end: time(row, "t_end")?,
        actor: row.get("attacker").map(|actor| names(actor, &["id", "ip", "mac"])).unwrap_or_default(),
    })
}

fn incident(row: &Value) -> Result<Incident, &'static str> {
    let techniques = row.get("technique").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(Incident {
        kind: text(row, "kind")?,
        severity: text(row, "severity")?,
        first: time(row, "ts_first")?,
        last: time(row, "ts_last")?,
        source: names(row.get("source").ok_or("source")?, &["device", "ip", "mac", "id"]),
        techniques: techniques.iter().filter_map(Value::as_str).map(base).collect(),
        text: text(row, "text").unwrap_or_default(),
    })
}

fn text(row: &Value, field: &'static str) -> Result<String, &'static str> {
    row.get(field).and_then(Value::as_str).map(str::to_owned).ok_or(field)
}

fn time(row: &Value, field: &'static str) -> Result<f64, &'static str> {
    match row.get(field) {
        Some(Value::String(text)) => seconds(text).ok_or(field),
        Some(value) => value.as_f64().ok_or(field),
        None => Err(field),
    }
}

/// A technique without its sub-technique: `T1557` of `T1557.002`.
fn base(technique: &str) -> String {
    technique.split('.').next().unwrap_or_default().to_owned()
}

fn names(value: &Value, fields: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for field in fields {
        match value.get(field) {
            Some(Value::String(name)) if !name.is_empty() => {
                names.insert(name.to_lowercase());
            }
            Some(Value::Array(list)) if list.len() > CROWD => return BTreeSet::new(),
            Some(Value::Array(list)) => {
                names.extend(list.iter().filter_map(Value::as_str).map(str::to_lowercase));
            }
            _ => {}
        }
    }
    names
}

/// Seconds since 1970 of an RFC 3339 time in UTC.
fn seconds(text: &str) -> Option<f64> {
    let (date, clock) = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut clock = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (clock.next()?.parse().ok()?, clock.next()?.parse().ok()?);
    let second: f64 = clock.next()?.parse().ok()?;
    // Days of the proleptic Gregorian calendar, counted in years that begin in March so that the leap day comes last.
    let shifted = if month > 2 { year } else { year.checked_sub(1)? };
    let months = (month + 9) % 12;
    let leap = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    let days = shifted.checked_mul(365)? + leap + (153 * months + 2) / 5 + day - 1 - 719_468;
    let minutes = i32::try_from((days.checked_mul(24)? + hour) * 60 + minute).ok()?;
    Some(f64::from(minutes) * 60.0 + second)
}

#[cfg(test)]
mod tests;
