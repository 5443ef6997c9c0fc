//! YAML text into a tree of nodes with places. Syntax errors are reported and reading goes on at the next section,
//! so that one slip does not hide the others.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StrInput};

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::text::{Span, Text, Token};

/// Collections inside collections; the format itself needs six.
const DEPTH: usize = 32;
/// Nodes of one text: the largest policy that the tables hold needs about half.
const NODES: usize = 1 << 20;
/// Nodes that aliases may add: a "billion laughs" text is refused long before it grows.
const ALIAS_NODES: usize = 1 << 16;
/// Syntax errors after which the rest of a text is not read.
const RESTARTS: usize = 32;

/// A value of the text.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// The kinds of values. Nothing is interpreted yet: `on` and `0x10` are words.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Nothing stands where a value should: an empty value, `~` or `null`.
    Nothing,
    /// A word, a number or a quoted text.
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Already reported.
    Broken,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Token<String>,
    pub(crate) value: Node,
}

/// How well a text could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All of it.
    Whole,
    /// Syntax errors hid parts: what seems to be missing may be there.
    Cut,
}

/// The top-level entries of a text.
pub(crate) struct Root {
    pub(crate) entries: Vec<Entry>,
    pub(crate) reading: Reading,
}

/// A collection that is still open.
struct Open {
    span: Span,
    anchor: usize,
    children: Children,
}

/// The key whose value is awaited.
enum Key {
    /// None: a key is awaited.
    Awaited,
    Read(Token<String>),
    /// It was reported; its value is dropped.
    Broken,
}

enum Children {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Key },
}

struct Builder<'m, 's> {
    mistakes: &'m mut Mistakes<'s>,
    file: u32,
    /// The byte at which the part begins that the parser sees.
    base: usize,
    open: Vec<Open>,
    roots: Vec<Node>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    alias_nodes: usize,
    /// The budget is spent: no further node is taken.
    spent: bool,
}

/// Reads one text. Reports syntax errors, duplicate keys, and YAML features that policies do not use.
pub(crate) fn read(text: &Text<'_>, file: u32, mistakes: &mut Mistakes<'_>) -> Root {
    let mut builder = Builder {
        mistakes,
        file,
        base: 0,
        open: Vec::new(),
        roots: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        alias_nodes: 0,
        spent: false,
    };
    let mut reading = Reading::Whole;
    let mut next = Some(0);
    let mut restarts = 0;
    while let Some(base) = next {
        builder.base = base;
        next = match builder.part(text.body.get(base..).unwrap_or("")) {
            Ok(()) => None,
            Err(at) => {
                reading = Reading::Cut;
                restarts += 1;
                if restarts < RESTARTS && !builder.spent { section_after(text, base, at) } else { None }
            }
        };
    }
    let roots = std::mem::take(&mut builder.roots);
    match top_level(roots, mistakes) {
        Some(entries) => Root { entries, reading },
        None => Root { entries: Vec::new(), reading: Reading::Cut },
    }
}

/// The byte of the first line after `base` that begins a section (`word:` in column 1): the line of the error itself
/// where the error is in column 1, as it is behind an open bracket, or a later one.
fn section_after(text: &Text<'_>, base: usize, at: usize) -> Option<usize> {
    let mut line = if text.line_start(at) == at { Some(at) } else { text.next_line(at) };
    while let Some(start) = line {
        if start > base && begins_section(text.body.get(start..).unwrap_or("")) {
            return Some(start);
        }
        line = text.next_line(start);
    }
    None
}

fn begins_section(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    rest.len() < line.len() && line.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.starts_with(':')
}

/// The entries of the parts; `None` where a part is not a mapping, which is reported.
fn top_level(roots: Vec<Node>, mistakes: &mut Mistakes<'_>) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for root in roots {
        match root.kind {
            Kind::Map(part) => entries.extend(part),
            Kind::Nothing => {}
            Kind::Broken => return None,
            Kind::Scalar(_) | Kind::List(_) => {
                mistakes.add(
                    Mistake::new(Code::WrongType, root.span, "a policy is a mapping of sections")
                        .help("begin with `version: 1`".to_owned()),
                );
                return None;
            }
        }
    }
    Some(unique(entries, mistakes))
}

/// The entries without those whose key was there before.
fn unique(entries: Vec<Entry>, mistakes: &mut Mistakes<'_>) -> Vec<Entry> {
    let mut first: HashMap<String, Span> = HashMap::with_capacity(entries.len().min(1024));
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        if let Some(&before) = first.get(&entry.key.value) {
            let message = format!("key `{}` stands twice in this mapping", entry.key.value);
            mistakes.add(
                Mistake::new(Code::DuplicateKey, entry.key.span, message)
                    .also(before, "first here")
                    .help("remove one, or write both values as one".to_owned()),
            );
        } else {
            first.insert(entry.key.value.clone(), entry.key.span);
            kept.push(entry);
        }
    }
    kept
}

impl Builder<'_, '_> {
    /// Reads from the base to the end, or to a syntax error, whose byte is returned.
    fn part(&mut self, text: &str) -> Result<(), usize> {
        let mut options = granit_parser::options! {
            disallow_directives: true,
            emit_unresolved_aliases: true,
            flow_nesting_limit: DEPTH,
            block_nesting_limit: DEPTH
        };
        options.set_emit_comments(false);
        let mut parser = parser(text, options);
        let mut documents: usize = 0;
        while let Some(event) = parser.next_event() {
            match event {
                Ok((Event::DocumentStart(..), span)) => {
                    documents += 1;
                    if documents > 1 {
                        self.second_document(self.span(span));
                        return Ok(());
                    }
                }
                Ok((event, span)) => self.event(event, span),
                Err(error) => return Err(self.syntax(&error, text)),
            }
            if self.spent {
                return Err(text.len().saturating_add(self.base));
            }
        }
        Ok(())
    }

    fn second_document(&mut self, span: Span) {
        self.mistakes.add(
            Mistake::new(
                Code::Feature,
                span,
                "a policy file holds one document, and here a second one begins",
            )
            .help("put it into a file of its own, or remove the `---`".to_owned()),
        );
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate is open")]
    fn event(&mut self, event: Event<'_>, at: granit_parser::Span) {
        let span = self.span(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.is_some(), at);
                let node = Node { span, kind: scalar(text, style) };
                self.finish(node, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.is_some(), at);
                self.open.push(Open { span, anchor, children: Children::List(Vec::new()) });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.is_some(), at);
                let children = Children::Map { entries: Vec::new(), key: Key::Awaited };
                self.open.push(Open { span, anchor, children });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                let message = format!("nothing is anchored as `&{name}` before this alias");
                let help = "an unquoted `*` begins an alias; for every segment write `\"*\"`";
                self.mistakes.add(Mistake::new(Code::Feature, span, message).help(help.to_owned()));
                self.place(Node { span, kind: Kind::Broken });
            }
            // Documents are counted in `part`; comments and anchor events are switched off; the enum is open.
            _ => {}
        }
    }

    fn tag(&mut self, tagged: bool, at: granit_parser::Span) {
        if tagged {
            let span = at.tag_span().map_or_else(|| self.span(at), |tag| self.span(tag));
            self.mistakes.add(
                Mistake::new(Code::Feature, span, "policies have no YAML tags")
                    .help("remove the tag; the format knows which kind of value belongs here".to_owned()),
            );
        }
    }

    fn close(&mut self, end: Span) {
        let Some(open) = self.open.pop() else { return };
        let kind = match open.children {
            Children::List(items) => Kind::List(items),
            Children::Map { entries, .. } => Kind::Map(unique(entries, self.mistakes)),
        };
        // A block collection has no closing mark: its place is its beginning.
        let span =
            if self.mistakes.source(end).is_empty() { open.span } else { Span { end: end.end, ..open.span } };
        self.finish(Node { span, kind }, open.anchor);
    }

    /// Remembers an anchored node, then puts it into its parent.
    fn finish(&mut self, node: Node, anchor: usize) {
        if anchor > 0 && !self.spent {
            let size = size(&node);
            if self.take_alias_nodes(size, node.span) {
                self.anchors.insert(anchor, (node.clone(), size));
            }
        }
        self.place(node);
    }

    fn alias(&mut self, id: usize, span: Span) {
        let known = self.anchors.get(&id).map(|(node, size)| (node.kind.clone(), *size));
        let kind = match known {
            Some((kind, size)) if self.take_alias_nodes(size, span) => kind,
            Some(_) => Kind::Broken,
            None => {
                let message = "this alias stands inside the value that it repeats";
                self.mistakes.add(Mistake::new(Code::Feature, span, message));
                Kind::Broken
            }
        };
        self.place(Node { span, kind });
    }

    fn take_alias_nodes(&mut self, size: usize, span: Span) -> bool {
        self.alias_nodes = self.alias_nodes.saturating_add(size);
        if self.alias_nodes > ALIAS_NODES && !self.spent {
            self.spent = true;
            let message = format!("aliases repeat more than {ALIAS_NODES} values");
            self.mistakes.add(
                Mistake::new(Code::Budget, span, message)
                    .help("write the values out, or use fewer".to_owned()),
            );
        }
        !self.spent
    }

    fn place(&mut self, node: Node) {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES && !self.spent {
            self.spent = true;
            let message = format!("the text has more than {NODES} values");
            self.mistakes.add(Mistake::new(Code::Budget, node.span, message));
        }
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.roots.push(node),
            Some(Children::List(items)) => items.push(node),
            Some(Children::Map { entries, key }) => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => *key = key_of(node, self.mistakes),
                Key::Read(key) => entries.push(Entry { key, value: node }),
                Key::Broken => {}
            },
        }
    }

    /// Reports the error and keeps what was complete: sections, and the entries of the section that was open.
    /// Deeper collections are half read, and what they seem to lack may stand behind the error.
    fn syntax(&mut self, error: &ScanError, text: &str) -> usize {
        let marker = error.marker();
        let mut at = marker.byte_offset().unwrap_or(0).min(text.len());
        if text.get(..at).is_some_and(|before| before.ends_with('\t')) {
            at = at.saturating_sub(1);
        }
        let long = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let span = self.bytes(at, at.saturating_add(long));
        let code =
            if error.kind() == &ErrorKind::RecursionLimitExceeded { Code::Budget } else { Code::Syntax };
        self.mistakes.add(Mistake::new(code, span, cause(error)).help(fix(error.kind()).map(str::to_owned)));
        self.open.truncate(2);
        while let Some(open) = self.open.pop() {
            let kind = match open.children {
                Children::List(items) => Kind::List(items),
                Children::Map { entries, .. } => Kind::Map(unique(entries, self.mistakes)),
            };
            self.place(Node { span: open.span, kind });
        }
        self.anchors.clear();
        at.saturating_add(self.base)
    }

    fn span(&self, at: granit_parser::Span) -> Span {
        let start = at.start.byte_offset().unwrap_or(0);
        self.bytes(start, at.end.byte_offset().unwrap_or(start))
    }

    fn bytes(&self, start: usize, end: usize) -> Span {
        let place = |byte: usize| u32::try_from(byte.saturating_add(self.base)).unwrap_or(u32::MAX);
        Span { file: self.file, start: place(start), end: place(end) }
    }
}

fn parser(text: &str, options: Options) -> Parser<'_, StrInput<'_>> {
    Parser::new_from_str_with_options(text, options)
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Kind {
    if style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
        Kind::Nothing
    } else {
        Kind::Scalar(text.into_owned())
    }
}

/// The key that a node is.
fn key_of(node: Node, mistakes: &mut Mistakes<'_>) -> Key {
    match node.kind {
        Kind::Scalar(value) if value == "<<" => {
            mistakes.add(
                Mistake::new(Code::Feature, node.span, "policies have no merge keys")
                    .help("write the entries out".to_owned()),
            );
            Key::Broken
        }
        Kind::Scalar(value) => Key::Read(Token { value, span: node.span }),
        Kind::Broken => Key::Broken,
        Kind::Nothing | Kind::List(_) | Kind::Map(_) => {
            mistakes.add(Mistake::new(Code::WrongType, node.span, "a key is a word"));
            Key::Broken
        }
    }
}

/// How many nodes a copy of this one makes. The depth is bounded by [`DEPTH`] and the budget of aliases.
fn size(node: &Node) -> usize {
    let inner: usize = match &node.kind {
        Kind::List(items) => items.iter().map(size).fold(0, usize::saturating_add),
        Kind::Map(entries) => entries.iter().map(|entry| size(&entry.value)).fold(0, usize::saturating_add),
        Kind::Nothing | Kind::Scalar(_) | Kind::Broken => 0,
    };
    inner.saturating_add(1)
}

fn cause(error: &ScanError) -> String {
    let info = error.info();
    let first = info.lines().next().unwrap_or("");
    if first.is_empty() { "the text is not YAML".to_owned() } else { format!("YAML: {first}") }
}

fn fix(kind: &ErrorKind) -> Option<&'static str> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and most kinds explain themselves")]
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => Some("YAML indents with spaces: replace the tab"),
        ErrorKind::UnclosedQuotedScalar => Some("close the quotation mark"),
        ErrorKind::MissingAnchorOrAliasName => {
            Some("an unquoted `*` begins an alias; for every segment write `\"*\"`")
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence => Some("close the bracket"),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            Some("entries between brackets are separated by commas; is a bracket open above?")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            Some("entries of one mapping begin in the same column, each as `key: value`")
        }
        _ => None,
    }
}
