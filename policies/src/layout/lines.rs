//! Lines: what each one is, how deep it stands, and the text that is made of it.

use super::columns;
use super::content::Content;
use super::flow::{self, Flow};

/// Spaces of one level.
const STEP: usize = 2;

/// A line of the text.
pub(super) enum Line {
    Blank,
    /// A comment alone: its text and the spaces before it.
    Comment(String, usize),
    Row(Row),
    /// A further line of a value, as it is written but for the spaces before it.
    More(String),
}

/// A line with a key or an element of a list.
pub(super) struct Row {
    /// Spaces before it.
    pub(super) indent: usize,
    /// Which collection it belongs to.
    pub(super) block: usize,
    /// `key:`, `-`, or several of them.
    pub(super) head: String,
    pub(super) value: Value,
    /// With its `#`.
    pub(super) comment: Option<String>,
}

/// What stands behind the head on the same line.
pub(super) enum Value {
    Nothing,
    Text(String),
    Flow(Flow),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    List,
}

/// A block collection: the columns where its entries stood and will stand.
#[derive(Clone, Copy)]
struct Level {
    kind: Kind,
    old: usize,
    new: usize,
    block: usize,
}

/// The text in its layout; nothing where a line is not understood.
pub(super) fn laid_out(text: &str, content: &Content) -> Option<String> {
    let mut reader =
        Reader { text, content, levels: Vec::new(), lines: Vec::new(), waiting: Vec::new(), blocks: 0 };
    let mut start = 0_usize;
    let mut last: Option<(usize, usize)> = None;
    for line in text.split('\n') {
        let end = start.saturating_add(line.len());
        let inside = content.long.iter().any(|&(first, behind)| first < start && start < behind);
        if inside {
            // The first line of the value tells how far the others move.
            let (old, new) = last?;
            reader.lines.push(Line::More(moved(line, old, new)?));
        } else if line.trim().is_empty() {
            reader.lines.push(Line::Blank);
        } else {
            let column = line.len().saturating_sub(line.trim_start_matches(' ').len());
            if line.trim_start().starts_with('#') {
                reader.waiting.push((reader.lines.len(), column));
                reader.lines.push(Line::Comment(line.trim().to_owned(), 0));
            } else {
                last = Some((column, reader.row(start, end, column)?));
            }
        }
        start = end.saturating_add(1);
    }
    reader.settle(0, 0);
    Some(written(&reader.lines))
}

/// A further line of a value whose first line moves; nothing where it has not enough spaces to move so far.
fn moved(line: &str, old: usize, new: usize) -> Option<String> {
    if line.trim().is_empty() {
        return Some(line.to_owned());
    }
    match new.checked_sub(old) {
        Some(more) => Some(" ".repeat(more) + line),
        None => line.strip_prefix(&" ".repeat(old.saturating_sub(new))).map(str::to_owned),
    }
}

struct Reader<'t> {
    text: &'t str,
    content: &'t Content,
    levels: Vec<Level>,
    lines: Vec<Line>,
    /// Comments whose level is known with the next row: their lines and their columns.
    waiting: Vec<(usize, usize)>,
    blocks: usize,
}

impl Reader<'_> {
    /// Reads a line from its first character on; tells where it will stand.
    fn row(&mut self, start: usize, end: usize, column: usize) -> Option<usize> {
        let mut at = start.saturating_add(column);
        let before = self.levels.clone();
        let mut head = String::new();
        let mut first: Option<Level> = None;
        let mut has_key = false;
        while at < end && !has_key {
            let rest = self.text.get(at..end)?;
            let here = at.saturating_sub(start);
            let kind = match self.content.keys.get(&at) {
                Some(&behind) => {
                    head.push_str(self.text.get(at..behind)?);
                    let colon = self.text.get(behind..end)?;
                    let spaces = colon.len().saturating_sub(colon.trim_start_matches([' ', '\t']).len());
                    colon.trim_start_matches([' ', '\t']).strip_prefix(':')?;
                    head.push(':');
                    at = behind.saturating_add(spaces).saturating_add(1);
                    has_key = true;
                    Kind::Map
                }
                None if rest == "-" || rest.starts_with("- ") || rest.starts_with("-\t") => {
                    head.push('-');
                    at = at.saturating_add(1);
                    Kind::List
                }
                None => break,
            };
            let level = self.enter(kind, here, first.is_some());
            first = first.or(Some(level));
            let rest = self.text.get(at..end)?;
            let value = rest.trim_start_matches([' ', '\t']);
            at = at.saturating_add(rest.len().saturating_sub(value.len()));
            if !has_key && !value.is_empty() && self.begins_entry(at, value) {
                head.push(' ');
            }
        }
        let level = first?;
        self.place_comments(&before, column, level.new);
        let is_long =
            self.content.long.iter().any(|&(first, behind)| first < end && end < behind && first >= start);
        let (value, comment) = parts(self.text.get(at..end)?, is_long)?;
        self.lines.push(Line::Row(Row { indent: level.new, block: level.block, head, value, comment }));
        Some(level.new)
    }

    fn begins_entry(&self, at: usize, value: &str) -> bool {
        self.content.keys.contains_key(&at)
            || value == "-"
            || value.starts_with("- ")
            || value.starts_with("-\t")
    }

    /// The collection to which an entry at this column belongs. What stands behind a dash begins a new one.
    fn enter(&mut self, kind: Kind, column: usize, behind_dash: bool) -> Level {
        while !behind_dash
            && self.levels.last().is_some_and(|level| {
                level.old > column || (level.old == column && level.kind == Kind::List && kind == Kind::Map)
            })
        {
            self.levels.pop();
        }
        if let Some(level) = self.levels.last()
            && level.old == column
            && level.kind == kind
        {
            return *level;
        }
        let new = self.levels.last().map_or(0, |level| level.new.saturating_add(STEP));
        self.blocks = self.blocks.saturating_add(1);
        let level = Level { kind, old: column, new, block: self.blocks };
        self.levels.push(level);
        level
    }

    /// Comments stand before what follows; those that stood deeper belong to what was before.
    fn place_comments(&mut self, levels: &[Level], column: usize, indent: usize) {
        for (line, at) in std::mem::take(&mut self.waiting) {
            let own = levels.iter().rev().find(|level| level.old <= at).filter(|level| level.old > column);
            if let Some(Line::Comment(_, spaces)) = self.lines.get_mut(line) {
                *spaces = own.map_or(indent, |level| level.new);
            }
        }
    }

    fn settle(&mut self, column: usize, indent: usize) {
        let levels = std::mem::take(&mut self.levels);
        self.place_comments(&levels, column, indent);
    }
}

/// Value and comment of the rest of a line.
fn parts(rest: &str, is_long: bool) -> Option<(Value, Option<String>)> {
    let rest = rest.trim_end();
    let behind = |value: Value, bytes: usize| {
        let comment = rest.get(bytes..)?;
        let text = comment.trim_start();
        let is_comment = text.is_empty() || (text.starts_with('#') && text.len() < comment.len());
        is_comment.then(|| (value, (!text.is_empty()).then(|| text.to_owned())))
    };
    match rest.chars().next() {
        None => Some((Value::Nothing, None)),
        Some('#') => Some((Value::Nothing, Some(rest.to_owned()))),
        // Anchors and aliases stay as they are written, with all that follows.
        Some('&' | '*' | '!') => Some((Value::Text(rest.to_owned()), None)),
        Some(_) if is_long => Some((Value::Text(rest.to_owned()), None)),
        Some('{' | '[') => match Flow::read(rest) {
            Some((value, bytes)) => behind(Value::Flow(value), bytes),
            None => Some((Value::Text(rest.to_owned()), None)),
        },
        Some('"' | '\'') => {
            let bytes = flow::quoted(rest)?;
            behind(Value::Text(rest.get(..bytes)?.to_owned()), bytes)
        }
        Some(_) => {
            let comment = [" #", "\t#"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
            let word = rest.get(..comment)?.trim_end();
            behind(Value::Text(word.to_owned()), word.len())
        }
    }
}

/// The lines as text: no blank lines at the ends, none after another, one line end at the end.
fn written(lines: &[Line]) -> String {
    let rows = columns::rows(lines);
    let mut out = String::new();
    let mut blank = false;
    for (line, row) in lines.iter().zip(rows) {
        match line {
            Line::Blank => {
                blank = !out.is_empty();
                continue;
            }
            Line::Comment(text, spaces) => {
                out.push_str(if blank { "\n" } else { "" });
                out.push_str(&" ".repeat(*spaces));
                out.push_str(text);
            }
            Line::Row(_) => {
                out.push_str(if blank { "\n" } else { "" });
                out.push_str(&row);
            }
            Line::More(text) => out.push_str(text),
        }
        out.push('\n');
        blank = false;
    }
    out
}
