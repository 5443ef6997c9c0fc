//! Why an access is decided as it is: each rule asked in plain words, without the tables.

use std::collections::BTreeSet;

use abi::table::{Action, Cell, Mode, RuleId, SegmentId};

use crate::ports::{TCP, UDP};
use crate::{PlainRule, Resolved, Unassigned};

/// Who wants what of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The segment of the initiator; `None` is unassigned.
    pub from: Option<SegmentId>,
    /// The segment of the responder; `None` is unassigned.
    pub to: Option<SegmentId>,
    /// The IP protocol, by its IANA number.
    pub protocol: u8,
    /// The destination port; 0 for protocols without ports.
    pub port: u16,
}

/// What decides on an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// A rule.
    Rule(RuleId),
    /// No rule; the default from one segment to another (`between`).
    Between,
    /// No rule; the default inside a segment (`within`).
    Within,
    /// One side is in no segment (`unassigned`).
    Unassigned,
}

/// Why a rule does not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It matches, and another rule is asked before it.
    After(RuleId),
    /// It matches and is on trial (an allow rule in mode observe).
    OnTrial,
    /// It speaks of these two segments, and of other services.
    OtherService,
    /// It speaks of this initiator and service, and of other responders.
    OtherResponder,
    /// It speaks of this responder and service, and of other initiators.
    OtherInitiator,
    /// It speaks of other segments the other way round: replies need no rule.
    OtherWay,
    /// More than one thing is different.
    Other,
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The verdict.
    pub cell: Cell,
    /// What gives it.
    pub decider: Decider,
    /// Why the other rules do not, the nearest first, then in the order of the files.
    pub others: Vec<(Reason, RuleId)>,
}

impl Resolved {
    /// Decides on an access and says why.
    pub fn explain(&self, asked: Asked) -> Explanation {
        let mode = self.mode_between(asked);
        let mut matching: Vec<&PlainRule> =
            self.rules.iter().filter(|rule| meets(rule, asked) == [true; 3]).collect();
        let is_trial = |rule: &&PlainRule| rule.action == Action::Allow && rule.mode == Some(Mode::Observe);
        // Deny before allow; among deny rules the stricter mode; then the order of the files.
        matching.sort_by_key(|rule| match rule.action {
            Action::Deny => (0, std::cmp::Reverse(Some(rule.mode.unwrap_or(mode))), rule.id),
            Action::Allow => (1, std::cmp::Reverse(None), rule.id),
        });
        let first = matching.iter().find(|rule| !is_trial(rule)).copied();
        let (decider, cell) = match first {
            Some(rule) => {
                let cell = Cell { rule: Some(rule.id), action: rule.action, mode: rule.mode.unwrap_or(mode) };
                (Decider::Rule(rule.id), cell)
            }
            None => self.default_of(asked, mode),
        };
        let others = self.rules.iter().filter(|rule| Some(rule.id) != first.map(|rule| rule.id));
        let mut others: Vec<(Reason, RuleId)> =
            others.map(|rule| (reason(rule, asked, first, is_trial(&rule)), rule.id)).collect();
        others.sort_by_key(|&(reason, id)| (rank(reason), id));
        Explanation { cell, decider, others }
    }

    fn mode_between(&self, asked: Asked) -> Mode {
        let pair = self.pairs.iter().find(|pair| holds(&pair.from, asked.from) && holds(&pair.to, asked.to));
        pair.map_or(self.mode, |pair| pair.mode)
    }

    fn default_of(&self, asked: Asked, mode: Mode) -> (Decider, Cell) {
        let (decider, action, mode) = match (asked.from, asked.to) {
            (Some(from), Some(to)) if from == to => {
                let segment = self.segments.get(usize::from(from.0.get()).wrapping_sub(1));
                (Decider::Within, segment.map_or(self.between, |segment| segment.within), mode)
            }
            (Some(_), Some(_)) => (Decider::Between, self.between, mode),
            (None, _) | (_, None) => match self.unassigned {
                Unassigned::Observe => (Decider::Unassigned, self.between, Mode::Observe),
                Unassigned::Alert => (Decider::Unassigned, self.between, Mode::Alert),
                Unassigned::Deny => (Decider::Unassigned, Action::Deny, mode),
            },
        };
        (decider, Cell { rule: None, action, mode })
    }
}

/// Whether an access meets the initiators, the responders and the services of a rule.
fn meets(rule: &PlainRule, asked: Asked) -> [bool; 3] {
    let service = rule.services.as_ref().is_none_or(|ports| {
        let within =
            |ranges: &[std::ops::RangeInclusive<u16>]| ranges.iter().any(|range| range.contains(&asked.port));
        match asked.protocol {
            TCP => within(&ports.tcp),
            UDP => within(&ports.udp),
            other => ports.protocols.contains(&other),
        }
    });
    [holds(&rule.from, asked.from), holds(&rule.to, asked.to), service]
}

fn holds(set: &BTreeSet<SegmentId>, segment: Option<SegmentId>) -> bool {
    segment.is_some_and(|segment| set.contains(&segment))
}

fn reason(rule: &PlainRule, asked: Asked, first: Option<&PlainRule>, on_trial: bool) -> Reason {
    match (meets(rule, asked), first) {
        ([true, true, true], Some(first)) => Reason::After(first.id),
        ([true, true, true], None) if on_trial => Reason::OnTrial,
        ([true, true, _], _) => Reason::OtherService,
        ([true, false, true], _) => Reason::OtherResponder,
        ([false, true, true], _) => Reason::OtherInitiator,
        _ if holds(&rule.from, asked.to) && holds(&rule.to, asked.from) => Reason::OtherWay,
        _ => Reason::Other,
    }
}

/// The nearest first.
const fn rank(reason: Reason) -> u8 {
    match reason {
        Reason::After(_) => 0,
        Reason::OnTrial => 1,
        Reason::OtherService => 2,
        Reason::OtherResponder => 3,
        Reason::OtherInitiator => 4,
        Reason::OtherWay => 5,
        Reason::Other => 6,
    }
}
