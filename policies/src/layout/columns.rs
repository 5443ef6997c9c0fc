//! Columns: what stands below each other in the lines of one block.

use std::ops::Range;

use super::flow::{Flow, entry};
use super::lines::{Line, Row, Value};

/// A cell that is wider than this one does not push the others of its column; the rest of its line is not aligned.
const WIDEST: usize = 40;

/// Spaces before a comment at the end of a line.
const BEFORE_COMMENT: usize = 2;

/// The text of every row, by line; empty for lines that are none.
pub(super) fn rows(lines: &[Line]) -> Vec<String> {
    let mut texts: Vec<String> = lines
        .iter()
        .map(|line| match line {
            Line::Row(row) => plain(row),
            Line::Blank | Line::Comment(..) | Line::More(_) => String::new(),
        })
        .collect();
    for group in groups(lines) {
        align(&group, &mut texts);
    }
    for run in commented(lines) {
        let width = run.clone().filter_map(|at| texts.get(at)).map(|text| width(text)).max().unwrap_or(0);
        for at in run {
            if let (Some(Line::Row(Row { comment: Some(comment), .. })), Some(text)) =
                (lines.get(at), texts.get_mut(at))
            {
                fill(text, width.saturating_add(BEFORE_COMMENT));
                text.push_str(comment);
            }
        }
    }
    texts
}

fn plain(row: &Row) -> String {
    let mut text = " ".repeat(row.indent) + &row.head;
    match &row.value {
        Value::Nothing => {}
        Value::Text(value) => text.extend([" ", value]),
        Value::Flow(flow) => text.extend([" ", &flow.text()]),
    }
    text
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn fill(text: &mut String, to: usize) {
    let missing = to.saturating_sub(width(text));
    text.push_str(&" ".repeat(missing));
}

/// A row whose value is a mapping in brackets, with its line.
type Member<'l> = (usize, &'l Row, &'l [(String, Option<Flow>)]);

/// Rows of one block that follow each other and whose values are mappings in brackets; comments do not part them.
fn groups(lines: &[Line]) -> Vec<Vec<Member<'_>>> {
    let mut groups: Vec<Vec<Member<'_>>> = vec![Vec::new()];
    for (at, line) in lines.iter().enumerate() {
        let member = match line {
            Line::Comment(..) => continue,
            Line::Row(row) => match &row.value {
                Value::Flow(Flow::Map(entries)) => Some((at, row, entries.as_slice())),
                Value::Flow(_) | Value::Text(_) | Value::Nothing => None,
            },
            Line::Blank | Line::More(_) => None,
        };
        let before = groups.last().and_then(|group| group.last());
        let joins = match (&member, before) {
            (Some((_, row, _)), Some((_, before, _))) => {
                row.block == before.block && (row.head == "-") == (before.head == "-")
            }
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !joins {
            groups.push(Vec::new());
        }
        if let (Some(member), Some(group)) = (member, groups.last_mut()) {
            group.push(member);
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// How many entries, from the first one, begin in a column of their own: those before which all rows have the same keys.
fn aligned(group: &[Member<'_>]) -> usize {
    let Some(((_, _, first), rest)) = group.split_first() else { return 0 };
    let same = (0..first.len())
        .take_while(|&at| {
            let key = first.get(at).map(|(key, _)| key);
            rest.iter().all(|(_, _, entries)| entries.get(at).map(|(key, _)| key) == key)
        })
        .count();
    same.saturating_add(1)
}

fn align(group: &[Member<'_>], texts: &mut [String]) {
    let cells: Vec<Vec<String>> =
        group.iter().map(|(_, _, entries)| entries.iter().map(entry).collect()).collect();
    let head = |row: &Row| width(&row.head);
    let heads = group.iter().map(|(_, row, _)| head(row)).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let columns: Vec<usize> = (1..aligned(group))
        .map(|next| {
            // The cell before this column, where something follows it.
            let cell = next.saturating_sub(1);
            let widths = cells.iter().filter(|cells| cells.len() > next).filter_map(|cells| cells.get(cell));
            widths.map(|cell| width(cell)).filter(|width| *width <= WIDEST).max().unwrap_or(0)
        })
        .collect();
    for ((at, row, _), cells) in group.iter().zip(&cells) {
        let Some(text) = texts.get_mut(*at) else { continue };
        if cells.is_empty() {
            continue;
        }
        *text = " ".repeat(row.indent) + &row.head;
        let mut loose = head(row) > WIDEST;
        if !loose {
            fill(text, row.indent.saturating_add(heads));
        }
        text.push_str(" { ");
        for (number, cell) in cells.iter().enumerate() {
            text.push_str(cell);
            let is_last = number.saturating_add(1) == cells.len();
            if is_last {
                text.push_str(" }");
                continue;
            }
            text.push_str(", ");
            loose |= width(cell) > WIDEST;
            if let (Some(column), false) = (columns.get(number), loose) {
                text.push_str(&" ".repeat(column.saturating_sub(width(cell))));
            }
        }
    }
}

/// Runs of rows that follow each other, each with a comment at its end.
fn commented(lines: &[Line]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !matches!(line, Line::Row(Row { comment: Some(_), .. })) {
            continue;
        }
        let behind = at.saturating_add(1);
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = behind,
            Some(_) | None => runs.push(at..behind),
        }
    }
    runs
}
