//! What is wrong in a policy, told so that it can be mended: code, place, caret, cause and fix.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::text::{Excerpt, Span, Text};

/// Diagnostics kept of one compilation; what is beyond is counted by [`Diagnostics::left_out`].
const KEPT: usize = 200;

/// Whether a mistake keeps the policy from being compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy compiles to nothing.
    Error,
    /// The policy compiles, and probably does not say what was meant.
    Warning,
}

/// Whether the rendered text carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Text only.
    Plain,
    /// ANSI escape sequences.
    Ansi,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $meaning:literal;)*) => {
        /// The kinds of mistakes. The texts (`POL001`) are stable: scripts may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in the order of their texts.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The stable text, as `POL001`.
            pub const fn text(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// What the code stands for, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    Syntax = "POL001", "The text is not YAML.";
    Budget = "POL002", "The policy is larger, deeper or more repetitive than the reader accepts.";
    Empty = "POL003", "There is no policy text.";
    Feature = "POL004", "A YAML feature that policies do not use: tags, merge keys, several documents, unknown aliases.";
    DuplicateKey = "POL005", "A key stands twice in one mapping.";
    UnknownKey = "POL006", "A key that the format does not have.";
    MissingKey = "POL007", "A key that must be there is not.";
    WrongType = "POL008", "A value of the wrong kind: a list where a word is expected, and the like.";
    Version = "POL009", "The version is not one that this program reads.";
    Word = "POL010", "A word that is not among the words of this key.";
    Name = "POL011", "A name with characters that names do not have, or a reserved name.";
    Address = "POL012", "Not an IP address or prefix.";
    Mac = "POL013", "Not the MAC address of a device.";
    Vlan = "POL014", "Not a VLAN number from 1 to 4094.";
    Class = "POL015", "Not a device class.";
    Port = "POL016", "Not a port from 1 to 65535, or not a range of ports.";
    Protocol = "POL017", "Not an IP protocol, or one that has ports.";
    EmptyList = "POL018", "A list that must name something is empty.";
    EmptySelector = "POL019", "A segment that selects nothing.";
    Duplicate = "POL020", "A segment, service, rule or the defaults declared twice.";
    Claimed = "POL021", "Two segments claim the same address, prefix, VLAN or class.";
    UnknownSegment = "POL022", "A rule names a segment that is not declared.";
    UnknownService = "POL023", "A rule names a service that is not declared.";
    Star = "POL024", "`\"*\"` or `except` used where it has no meaning.";
    NoSegment = "POL025", "A rule whose `except` leaves no segment.";
    TooManySegments = "POL026", "More segments than the tables hold.";
    TooManyRules = "POL027", "More rules than the tables hold.";
    TooManyClasses = "POL028", "The services of the rules divide the ports into more classes than the tables hold.";
    TooManyRows = "POL029", "The pairs of segments differ in more ways than the tables hold.";
    TooManySelectors = "POL030", "More addresses, prefixes or VLANs than the tables hold.";
    Rate = "POL031", "Not a rate, or one where none can be.";
    TooManyLimits = "POL032", "More different rates than the tables hold.";
    UnknownRule = "POL033", "A test names a rule that there is not.";
    FailingTest = "POL040", "A test of the policy fails.";
    NeverMatches = "POL050", "Warning: other rules decide everything that this rule would match.";
    MixedSelector = "POL051", "Warning: a class beside other selectors widens a segment, it does not narrow it.";
    Repeated = "POL052", "Warning: the same thing is listed twice.";
}

impl Code {
    /// Whether a mistake of this kind keeps the policy from being compiled.
    pub const fn severity(self) -> Severity {
        match self {
            Code::NeverMatches | Code::MixedSelector | Code::Repeated => Severity::Warning,
            Code::Syntax
            | Code::Budget
            | Code::Empty
            | Code::Feature
            | Code::DuplicateKey
            | Code::UnknownKey
            | Code::MissingKey
            | Code::WrongType
            | Code::Version
            | Code::Word
            | Code::Name
            | Code::Address
            | Code::Mac
            | Code::Vlan
            | Code::Class
            | Code::Port
            | Code::Protocol
            | Code::EmptyList
            | Code::EmptySelector
            | Code::Duplicate
            | Code::Claimed
            | Code::UnknownSegment
            | Code::UnknownService
            | Code::Star
            | Code::NoSegment
            | Code::TooManySegments
            | Code::TooManyRules
            | Code::TooManyClasses
            | Code::TooManyRows
            | Code::TooManySelectors
            | Code::Rate
            | Code::TooManyLimits
            | Code::UnknownRule
            | Code::FailingTest => Severity::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Another place that has to do with a mistake: where the first of two was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The name of the source.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is there.
    pub message: String,
    excerpt: Excerpt,
}

impl Related {
    /// As [`Diagnostic::end_column`].
    pub fn end_column(&self) -> u32 {
        self.excerpt.end_column(self.column)
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of mistake.
    pub code: Code,
    /// Whether the policy compiles in spite of it.
    pub severity: Severity,
    /// The name of the source, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters (a tab is one), counted from 1.
    pub column: u32,
    /// The cause, in one sentence without a full stop.
    pub message: String,
    /// The fix, where one is known.
    pub help: Option<String>,
    /// Another place that has to do with it.
    pub related: Option<Related>,
    excerpt: Excerpt,
}

impl Diagnostic {
    /// The column behind the last character of the place, in characters, counted from 1; the column itself where nothing
    /// stands at the place.
    pub fn end_column(&self) -> u32 {
        self.excerpt.end_column(self.column)
    }

    /// The message with the source line, a caret under the place, and the fix.
    pub fn render(&self, colour: Colour) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(normalize_untrusted_str(&self.message)).id(self.code.text());
        let mut group =
            located(Group::with_title(title), (&self.file, self.line, self.column), &self.excerpt, None);
        if let Some(related) = &self.related {
            let place = (related.file.as_str(), related.line, related.column);
            group = located(group, place, &related.excerpt, Some(&related.message));
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Ansi => Renderer::styled(),
        };
        let mut text = renderer.render(&[group]);
        text.push('\n');
        text
    }
}

/// The group with one more place and its line of source; the label stands at the caret.
fn located<'a>(
    group: Group<'a>,
    (file, line, column): (&'a str, u32, u32),
    excerpt: &'a Excerpt,
    label: Option<&'a str>,
) -> Group<'a> {
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let annotation = kind.span(excerpt.from..excerpt.to).label(label.map(normalize_untrusted_str));
    let snippet = Snippet::source(excerpt.line.as_str()).line_start(line as usize).annotation(annotation);
    let path = normalize_untrusted_str(file);
    if excerpt.begin == 0 {
        return group.element(snippet.path(path));
    }
    // Where only the end of a long line is shown, the column cannot be counted from it.
    let origin = Origin::path(path).line(line as usize).char_column(column as usize);
    group.element(origin).element(snippet)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

/// Mistakes of one compilation, ordered by file, line and column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl Diagnostics {
    /// The mistakes.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// How many mistakes are kept.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many mistakes were found beyond those that are kept.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// All of them as text, each with its source line, caret, cause and fix.
    pub fn render(&self, colour: Colour) -> String {
        let mut text: Vec<String> = self.list.iter().map(|diagnostic| diagnostic.render(colour)).collect();
        if self.left_out > 0 {
            text.push(format!("... and {} more\n", self.left_out));
        }
        text.join("\n")
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// A mistake on its way into the list.
pub(crate) struct Mistake {
    code: Code,
    span: Span,
    message: String,
    help: Option<String>,
    related: Option<(Span, String)>,
}

impl Mistake {
    pub(crate) fn new(code: Code, span: Span, message: impl Into<String>) -> Mistake {
        Mistake { code, span, message: message.into(), help: None, related: None }
    }

    pub(crate) fn help(self, help: impl Into<Option<String>>) -> Mistake {
        Mistake { help: help.into(), ..self }
    }

    pub(crate) fn also(self, span: Span, message: impl Into<String>) -> Mistake {
        Mistake { related: Some((span, message.into())), ..self }
    }
}

/// The mistakes found so far. The pieces of the compiler write here and go on.
pub(crate) struct Mistakes<'s> {
    texts: &'s [Text<'s>],
    list: Vec<Diagnostic>,
    left_out: usize,
    errors: usize,
}

impl<'s> Mistakes<'s> {
    pub(crate) fn new(texts: &'s [Text<'s>]) -> Mistakes<'s> {
        Mistakes { texts, list: Vec::new(), left_out: 0, errors: 0 }
    }

    pub(crate) fn add(&mut self, mistake: Mistake) {
        if mistake.code.severity() == Severity::Error {
            self.errors = self.errors.saturating_add(1);
        }
        if self.list.len() >= KEPT {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        let (file, line, column, excerpt) = crate::text::locate(self.texts, mistake.span);
        let related = mistake.related.map(|(span, message)| {
            let (file, line, column, excerpt) = crate::text::locate(self.texts, span);
            Related { file, line, column, message, excerpt }
        });
        self.list.push(Diagnostic {
            code: mistake.code,
            severity: mistake.code.severity(),
            file,
            line,
            column,
            message: mistake.message,
            help: mistake.help,
            related,
            excerpt,
        });
    }

    /// How many errors there are so far; warnings do not count.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// The source text under a span.
    pub(crate) fn source(&self, span: Span) -> &'s str {
        crate::text::slice(self.texts, span)
    }

    pub(crate) fn finish(mut self) -> Diagnostics {
        self.list
            .sort_by(|a, b| (&a.file, a.line, a.column, a.code).cmp(&(&b.file, b.line, b.column, b.code)));
        Diagnostics { list: self.list, left_out: self.left_out }
    }
}
