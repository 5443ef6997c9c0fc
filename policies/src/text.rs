//! Source texts and places in them.

/// A piece of a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Which text, in the order in which they are read.
    pub(crate) file: u32,
    /// The first byte.
    pub(crate) start: u32,
    /// The byte after the last.
    pub(crate) end: u32,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Token<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// One source text.
pub(crate) struct Text<'s> {
    pub(crate) name: &'s str,
    pub(crate) body: &'s str,
    /// The byte at which each line begins.
    lines: Vec<usize>,
}

impl<'s> Text<'s> {
    pub(crate) fn new(name: &'s str, text: &'s str) -> Text<'s> {
        // Some editors write a byte-order mark, which is no character of the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // YAML 1.2 section 5.4: a line ends at LF, CR LF, or CR alone.
        let bytes = text.as_bytes();
        let breaks = bytes.iter().enumerate().filter(|&(at, &byte)| {
            byte == b'\n' || (byte == b'\r' && bytes.get(at.wrapping_add(1)) != Some(&b'\n'))
        });
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at.wrapping_add(1))).collect();
        Text { name, body: text, lines }
    }

    /// The line (from 0) of a byte, and the byte at which that line begins.
    fn line_of(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= byte).saturating_sub(1);
        (line, self.lines.get(line).copied().unwrap_or(0))
    }

    /// The byte at which the next line after this byte's line begins.
    pub(crate) fn next_line(&self, byte: usize) -> Option<usize> {
        self.lines.get(self.line_of(byte).0.saturating_add(1)).copied()
    }

    /// The byte at which this byte's line begins.
    pub(crate) fn line_start(&self, byte: usize) -> usize {
        self.line_of(byte).1
    }
}

/// The line of a diagnostic, or the part of it around the place where the line is long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) line: String,
    /// The byte of the source line at which `line` begins.
    pub(crate) begin: usize,
    /// The first byte of `line` that the caret underlines.
    pub(crate) from: usize,
    /// The byte after the last.
    pub(crate) to: usize,
}

impl Excerpt {
    /// The column behind the place that begins at this column.
    pub(crate) fn end_column(&self, column: u32) -> u32 {
        let characters = self.line.get(self.from..self.to).map_or(0, |place| place.chars().count());
        column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX))
    }
}

/// Bytes of a line shown on each side of a place; a policy may be one long line of JSON.
const AROUND: usize = 160;

/// File, line, column (in characters, both from 1) and line of source of a place.
pub(crate) fn locate(texts: &[Text<'_>], span: Span) -> (String, u32, u32, Excerpt) {
    let Some(text) = texts.get(span.file as usize) else {
        return ("policy".to_owned(), 1, 1, Excerpt::default());
    };
    let start = floor(text.body, (span.start as usize).min(text.body.len()));
    let (line, begin) = text.line_of(start);
    let rest = text.body.get(begin..).unwrap_or("");
    let source = rest.split(['\n', '\r']).next().unwrap_or("");
    let from = start.saturating_sub(begin).min(source.len());
    let column = source.get(..from).map_or(0, |before| before.chars().count()).saturating_add(1);
    let end = floor(text.body, (span.end as usize).min(text.body.len()));
    let to = end.saturating_sub(begin).clamp(from, source.len());
    let cut_from = if from > AROUND { floor(source, from.saturating_sub(AROUND / 2)) } else { 0 };
    let cut_to = floor(source, to.min(from.saturating_add(AROUND)).saturating_add(AROUND).min(source.len()));
    let excerpt = Excerpt {
        line: source.get(cut_from..cut_to).unwrap_or("").to_owned(),
        begin: cut_from,
        from: from.saturating_sub(cut_from),
        to: to.min(cut_to).saturating_sub(cut_from),
    };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (text.name.to_owned(), number(line.saturating_add(1)), number(column), excerpt)
}

/// The source text under a span.
pub(crate) fn slice<'s>(texts: &[Text<'s>], span: Span) -> &'s str {
    let text = texts.get(span.file as usize).map_or("", |text| text.body);
    text.get(span.start as usize..span.end as usize).unwrap_or("")
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, byte: usize) -> usize {
    text.floor_char_boundary(byte)
}
