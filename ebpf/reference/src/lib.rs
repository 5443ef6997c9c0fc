//! The judge once more, as plainly as it can be said, and generated frames to compare both with.
//!
//! [`Evaluator`] judges raw frames straight from the text of a policy: rules one after another, prefixes one after
//! another, flows in maps without bounds, headers read anew from the standards. It shares no code with the judge, the
//! compiler of policies or the reader of headers; where they differ, one of them is wrong. [`packets`] makes the frames.
//!
//! ```
//! use abi::address::Timestamp;
//! use reference::packets::{Happening, Packets};
//! use reference::{Evaluator, example};
//!
//! let policies: Vec<_> = example::POLICIES.iter().map(|text| policies::resolved(&[text.source()]).unwrap()).collect();
//! let mut evaluator = Evaluator::new(&policies[0]);
//! for step in Packets::seeded(7).take(1000) {
//!     match step.what {
//!         Happening::Frame(frame) => {
//!             let outcome = evaluator.judge(&frame, step.at);
//!             assert!(!outcome.reason.is_empty() && !outcome.from.is_empty());
//!         }
//!         other => other.tell(&mut evaluator, &policies),
//!     }
//! }
//! ```

mod evaluator;
pub mod example;
mod limit;
mod orders;
pub mod packets;
mod policy;
mod reading;

pub use evaluator::Evaluator;

use abi::address::Mac;
use abi::table::{Action, Mode, RuleId, SegmentId};

/// What is said of one frame, in the words of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'p> {
    /// What is done with it.
    pub fate: Fate,
    /// What the policy says of it.
    pub action: Action,
    /// How far that is carried out.
    pub mode: Mode,
    /// Why.
    pub reason: &'static str,
    /// The `id` of the rule that decided, if one did.
    pub rule: Option<&'p str>,
    /// The segment of who asks.
    pub from: &'p str,
    /// The segment of who answers.
    pub to: &'p str,
    /// What is told with it.
    pub told: Option<Told>,
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It ends here.
    Drop,
}

/// What is told once, not with every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A flow or the other direction of one begins and is allowed.
    NewFlow,
    /// A flow is denied that was not before.
    Denied,
    /// A flow comes from another MAC address.
    MacMoved {
        /// The address that it came from until now.
        from: Mac,
    },
}

/// What a policy says of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ruling {
    action: Action,
    mode: Mode,
    cause: Cause,
    rule: Option<RuleId>,
    from: Option<SegmentId>,
    to: Option<SegmentId>,
}

impl Ruling {
    /// That of what every network needs.
    const fn allowed(word: &'static str) -> Ruling {
        let cause = Cause::Needed(word);
        Ruling { action: Action::Allow, mode: Mode::Enforce, cause, rule: None, from: None, to: None }
    }

    /// Observing never drops, and neither does alerting.
    fn fate(&self) -> Fate {
        if (self.action, self.mode) == (Action::Deny, Mode::Enforce) { Fate::Drop } else { Fate::Pass }
    }
}

/// Why a ruling is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Rule,
    Default,
    Unassigned,
    Reply,
    Midstream,
    Fragment,
    Orphan,
    Unreadable,
    Quarantine,
    RogueServer,
    FailOpen,
    FailClosed,
    RateLimit,
    /// Every network needs it.
    Needed(&'static str),
}

impl Cause {
    const fn word(self) -> &'static str {
        match self {
            Cause::Rule => "rule",
            Cause::Default => "default",
            Cause::Unassigned => "unassigned",
            Cause::Reply => "reply",
            Cause::Midstream => "midstream",
            Cause::Fragment => "fragment",
            Cause::Orphan => "orphan-fragment",
            Cause::Unreadable => "unreadable",
            Cause::Quarantine => "quarantine",
            Cause::RogueServer => "rogue-server",
            Cause::FailOpen => "fail-open",
            Cause::FailClosed => "fail-closed",
            Cause::RateLimit => "rate-limit",
            Cause::Needed(word) => word,
        }
    }
}
