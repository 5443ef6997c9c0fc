//! What a text says, apart from its layout, and where its structure stands.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

/// Collections inside collections, as for the reader of policies.
const DEPTH: usize = 32;

/// One thing that is said, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Scalar(String, ScalarStyle, usize),
    Map(usize),
    List(usize),
    End,
    Alias(usize),
}

/// Values, comments and structure of a text.
pub(super) struct Content {
    said: Vec<Said>,
    comments: Vec<String>,
    /// Where keys of block mappings begin and end, in bytes.
    pub(super) keys: HashMap<usize, usize>,
    /// Values that stand on several lines: their first and last byte.
    pub(super) long: Vec<(usize, usize)>,
}

/// A collection that is open.
struct Open {
    start: usize,
    flow: bool,
    /// In a mapping: whether a key is next.
    key_next: Option<bool>,
}

impl Content {
    /// Nothing where the text is not YAML, has several documents or tags, or keys that are no words.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate is open")]
    pub(super) fn of(text: &str) -> Option<Content> {
        let mut options = granit_parser::options! {
            disallow_directives: true,
            flow_nesting_limit: DEPTH,
            block_nesting_limit: DEPTH
        };
        options.set_emit_comments(true);
        let mut content =
            Content { said: Vec::new(), comments: Vec::new(), keys: HashMap::new(), long: Vec::new() };
        let mut open: Vec<Open> = Vec::new();
        let mut documents = 0_usize;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.ok()?;
            let start = span.start.byte_offset()?;
            let end = span.end.byte_offset()?.max(start);
            match event {
                Event::Comment(text, _) => content.comments.push(text.trim_end().to_owned()),
                Event::DocumentStart(..) => {
                    documents = documents.checked_add(1).filter(|count| *count < 2)?;
                }
                Event::Scalar(_, _, _, Some(_))
                | Event::MappingStart(_, _, Some(_))
                | Event::SequenceStart(_, _, Some(_)) => return None,
                Event::Scalar(value, style, anchor, None) => {
                    if begin(&mut open) {
                        content.keys.insert(start, end);
                    }
                    content.long(text, start, end);
                    content.said.push(Said::Scalar(value.into_owned(), style, anchor));
                }
                Event::MappingStart(style, anchor, None) => {
                    if begin(&mut open) {
                        return None;
                    }
                    open.push(Open { start, flow: style == StructureStyle::Flow, key_next: Some(true) });
                    content.said.push(Said::Map(anchor));
                }
                Event::SequenceStart(style, anchor, None) => {
                    if begin(&mut open) {
                        return None;
                    }
                    open.push(Open { start, flow: style == StructureStyle::Flow, key_next: None });
                    content.said.push(Said::List(anchor));
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    let closed = open.pop()?;
                    if closed.flow {
                        content.long(text, closed.start, end);
                    }
                    content.said.push(Said::End);
                }
                Event::Alias(id) => {
                    if begin(&mut open) {
                        return None;
                    }
                    content.said.push(Said::Alias(id));
                }
                _ => {}
            }
        }
        Some(content)
    }

    /// Remembers a value that stands on several lines.
    fn long(&mut self, text: &str, start: usize, end: usize) {
        let inside = text.get(start..end).unwrap_or("").trim_end();
        if inside.contains('\n') {
            self.long.push((start, start.saturating_add(inside.len())));
        }
    }

    /// Whether two texts have the same values and the same comments.
    pub(super) fn says_the_same(&self, other: &Content) -> bool {
        self.said == other.said && self.comments == other.comments
    }
}

/// A value begins; whether it is the key of a block mapping.
fn begin(open: &mut [Open]) -> bool {
    match open.last_mut() {
        Some(Open { flow, key_next: Some(key_next), .. }) => {
            let is_key = *key_next && !*flow;
            *key_next = !*key_next;
            is_key
        }
        Some(Open { key_next: None, .. }) | None => false,
    }
}
