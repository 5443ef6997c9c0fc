//! A policy whose names are found, as plain values: for those who judge by it without the tables.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use abi::table::{Action, Failure, Limit, Mode, RuleId, SEGMENTS, SegmentId};

use crate::ports::{PortRange, PortSet, has_bit};
use crate::resolve::{Policy, Ports, ResolvedPair, ResolvedRule, SegmentSet};
use crate::text::Text;
use crate::{Diagnostics, Mistakes, Routers, Segment, Source, Unassigned, draft, ordered, resolve};

/// A policy as its text says it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What holds from one segment to another where no rule does.
    pub between: Action,
    /// What holds where one side is in no segment.
    pub unassigned: Unassigned,
    /// The mode of what says none itself.
    pub mode: Mode,
    /// The segments, [`SegmentId`] by place counted from 1; the last one is `internet`.
    pub segments: Vec<Segment>,
    /// What becomes of what is in no segment when nobody attends to the sensor.
    pub failure: Failure,
    /// The segments that devices in quarantine may reach.
    pub refuges: BTreeSet<SegmentId>,
    /// What comes through routers.
    pub routers: Routers,
    /// The modes of pairs, in the order of the files; the first one that holds a pair is its.
    pub pairs: Vec<PlainPair>,
    /// The rules, [`RuleId`] by place counted from 1, in the order of the files.
    pub rules: Vec<PlainRule>,
}

/// The mode of some pairs of segments, for what says none itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainPair {
    /// Who begins.
    pub from: BTreeSet<SegmentId>,
    /// Who answers.
    pub to: BTreeSet<SegmentId>,
    /// The mode.
    pub mode: Mode,
}

/// A rule as its text says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainRule {
    /// Its number.
    pub id: RuleId,
    /// Its `id` in the text.
    pub name: String,
    /// Whether it allows or denies.
    pub action: Action,
    /// What it says itself; the policy's mode holds where that is nothing.
    pub mode: Option<Mode>,
    /// Who may begin.
    pub from: BTreeSet<SegmentId>,
    /// Who answers.
    pub to: BTreeSet<SegmentId>,
    /// What is asked for; every service where that is nothing.
    pub services: Option<PlainPorts>,
    /// How often a device may use it.
    pub limit: Option<Limit>,
}

/// Ports and protocols of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlainPorts {
    /// TCP destination ports.
    pub tcp: Vec<RangeInclusive<u16>>,
    /// UDP destination ports.
    pub udp: Vec<RangeInclusive<u16>>,
    /// Other IP protocols, by their IANA numbers.
    pub protocols: Vec<u8>,
}

/// Finds every name of a policy and compiles nothing. The order of the sources does not matter.
///
/// # Errors
/// Every mistake of all sources, warnings included, as soon as one of them is an error. A policy that is too large for
/// the tables is none here.
pub fn resolved(sources: &[Source]) -> Result<Resolved, Diagnostics> {
    let texts: Vec<Text<'_>> = ordered(sources);
    let mut mistakes = Mistakes::new(&texts);
    let policy = draft(&texts, &mut mistakes).map(|draft| resolve::resolve(draft, &mut mistakes));
    match policy {
        Some(policy) if mistakes.errors() == 0 => Ok(Resolved::of(policy)),
        Some(_) | None => Err(mistakes.finish()),
    }
}

impl Resolved {
    fn of(policy: Policy) -> Resolved {
        let Policy { defaults, segments, sets, rules, pairs, refuges, routers, .. } = policy;
        let plain_pair = |pair: ResolvedPair| PlainPair {
            from: members(pair.from),
            to: members(pair.to),
            mode: pair.mode,
        };
        let rules = rules.into_iter().map(|rule| plain(rule, &sets)).collect();
        Resolved {
            between: defaults.between,
            unassigned: defaults.unassigned,
            mode: defaults.mode,
            failure: defaults.failure,
            refuges: members(refuges),
            routers,
            segments,
            pairs: pairs.into_iter().map(plain_pair).collect(),
            rules,
        }
    }
}

fn plain(rule: ResolvedRule, sets: &[PortSet]) -> PlainRule {
    let services = match rule.ports {
        Ports::Any => None,
        Ports::Set(set) => Some(sets.get(set).map(plain_ports).unwrap_or_default()),
    };
    PlainRule {
        id: rule.id,
        name: rule.name.value,
        action: rule.action,
        mode: rule.mode,
        from: members(rule.from),
        to: members(rule.to),
        services,
        limit: rule.limit,
    }
}

fn plain_ports(set: &PortSet) -> PlainPorts {
    let ranges = |all: &[PortRange]| all.iter().map(|range| range.first..=range.last).collect();
    PlainPorts { tcp: ranges(&set.tcp), udp: ranges(&set.udp), protocols: set.protocols.clone() }
}

fn members(set: SegmentSet) -> BTreeSet<SegmentId> {
    let numbers = (0..SEGMENTS).filter(|&number| has_bit(&set, number));
    numbers.filter_map(|number| u8::try_from(number).ok().and_then(SegmentId::new)).collect()
}

#[cfg(test)]
mod tests;
