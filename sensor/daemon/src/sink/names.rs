//! How the numbers in rows are called: segments, services and rules, by the policy that judged. Names of a policy are letters,
//! digits, `-`, `_` and `.`, which need no escape in any format.

use abi::table::{RuleId, SegmentId};
use policies::{Compiled, Criticality, Rule};

/// The word for a device that no segment of the policy holds.
pub(crate) const UNASSIGNED: &str = "unassigned";

/// The names of one run. Without a policy there are none, and rows say `null`.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    policy: Option<&'a Compiled>,
}

impl<'a> Names<'a> {
    /// The names of `policy`, if one is loaded.
    pub(crate) fn of(policy: Option<&'a Compiled>) -> Names<'a> {
        Names { policy }
    }

    /// The segment's name, [`UNASSIGNED`] where the policy places the device nowhere; none without a policy.
    pub(crate) fn segment(&self, segment: Option<SegmentId>) -> Option<&'a str> {
        self.policy.map(|policy| policy.segment_name(segment))
    }

    /// The policy's name for a service.
    pub(crate) fn service(&self, protocol: u8, port: u16) -> Option<&'a str> {
        self.policy.and_then(|policy| policy.service_name(protocol, port))
    }

    /// The rule, by what the author called it and where it is written.
    pub(crate) fn rule(&self, rule: RuleId) -> Option<&'a Rule> {
        self.policy.and_then(|policy| policy.rule(rule))
    }

    /// Whether patients depend on the segment's devices, by the word of its author.
    pub(crate) fn is_life_critical(&self, segment: Option<SegmentId>) -> bool {
        self.policy.is_some_and(|policy| {
            let found = policy.segments.iter().find(|declared| Some(declared.id) == segment);
            found.is_some_and(|segment| segment.criticality == Criticality::LifeCritical)
        })
    }

    /// The hash of the policy.
    pub(crate) fn policy_hash(&self) -> Option<&'a [u8; 32]> {
        self.policy.map(|policy| &policy.hash)
    }
}
