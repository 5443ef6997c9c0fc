//! A page for every code of mistakes: what leads to it, a small policy that has it, and the same policy mended.

use crate::diagnostic::Code;
use crate::suggest;

mod limits;
mod names;
mod structure;
mod values;
mod warnings;

/// What is to be known about one kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How it comes about and why it matters, in sentences.
    pub cause: &'static str,
    /// A policy with this mistake and no other.
    pub wrong: Wrong,
    /// The policy without it, which compiles without a warning.
    pub mended: &'static str,
}

/// A policy with one mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The policy itself.
    Policy(&'static str),
    /// What it would look like: it is too large for a page.
    Outline(&'static str),
}

impl Code {
    /// The page of a code.
    pub const fn page(self) -> &'static Page {
        match self {
            Code::Syntax => &structure::SYNTAX,
            Code::Budget => &structure::BUDGET,
            Code::Empty => &structure::EMPTY,
            Code::Feature => &structure::FEATURE,
            Code::DuplicateKey => &structure::DUPLICATE_KEY,
            Code::UnknownKey => &structure::UNKNOWN_KEY,
            Code::MissingKey => &structure::MISSING_KEY,
            Code::WrongType => &structure::WRONG_TYPE,
            Code::Version => &structure::VERSION,
            Code::Word => &values::WORD,
            Code::Name => &values::NAME,
            Code::Address => &values::ADDRESS,
            Code::Mac => &values::MAC,
            Code::Vlan => &values::VLAN,
            Code::Class => &values::CLASS,
            Code::Port => &values::PORT,
            Code::Protocol => &values::PROTOCOL,
            Code::EmptyList => &values::EMPTY_LIST,
            Code::EmptySelector => &values::EMPTY_SELECTOR,
            Code::Duplicate => &names::DUPLICATE,
            Code::Claimed => &names::CLAIMED,
            Code::UnknownSegment => &names::UNKNOWN_SEGMENT,
            Code::UnknownService => &names::UNKNOWN_SERVICE,
            Code::Star => &names::STAR,
            Code::NoSegment => &names::NO_SEGMENT,
            Code::TooManySegments => &limits::SEGMENTS,
            Code::TooManyRules => &limits::RULES,
            Code::TooManyClasses => &limits::CLASSES,
            Code::TooManyRows => &limits::ROWS,
            Code::TooManySelectors => &limits::SELECTORS,
            Code::Rate => &values::RATE,
            Code::TooManyLimits => &limits::LIMITS,
            Code::UnknownRule => &names::UNKNOWN_RULE,
            Code::FailingTest => &names::FAILING_TEST,
            Code::NeverMatches => &warnings::NEVER_MATCHES,
            Code::MixedSelector => &warnings::MIXED_SELECTOR,
            Code::Repeated => &warnings::REPEATED,
        }
    }

    /// The code of this text, in capital letters or not.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.text().eq_ignore_ascii_case(text))
    }

    /// The code that a text which is none probably means.
    pub fn nearest(text: &str) -> Option<Code> {
        suggest::closest(&text.to_uppercase(), Code::ALL.iter().map(|code| code.text())).and_then(Code::parse)
    }
}

#[cfg(test)]
mod tests;
