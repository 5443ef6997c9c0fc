//! Who may reach whom, pair by pair: the picture that auditors read.

use std::collections::BTreeMap;

use abi::table::{Access, Action, Cell, Mode, RuleId, SegmentId};

use crate::ports::PortSet;
use crate::spans::Spans;
use crate::{Compiled, Segment};

/// Every pair of segments; the first row and column are what is in no segment, the last ones `internet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// The names, in the order of rows and columns.
    pub segments: Vec<String>,
    /// One row for each initiator, one entry in it for each responder.
    pub rows: Vec<Vec<Pair>>,
}

/// What holds between two segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The parts, allowed ones first; together they are every port and protocol.
    pub parts: Vec<Part>,
}

/// Services of a pair that have one verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whether they may pass.
    pub action: Action,
    /// How far that is carried out.
    pub mode: Mode,
    /// The services in words: names, or `tcp 8043`; `any` alone where the pair has one verdict.
    pub services: Vec<String>,
    /// The rules that decide, in the order of the files; none where only the default does.
    pub rules: Vec<RuleId>,
}

impl Pair {
    /// The services that may pass.
    pub fn allowed(&self) -> impl Iterator<Item = &str> {
        let allowed = self.parts.iter().filter(|part| part.action == Action::Allow);
        allowed.flat_map(|part| part.services.iter().map(String::as_str))
    }

    /// The mode of what is denied, if anything is.
    pub fn denied(&self) -> Option<Mode> {
        self.parts.iter().filter(|part| part.action == Action::Deny).map(|part| part.mode).max()
    }
}

impl Compiled {
    /// Every pair of segments, read from the tables.
    pub fn matrix(&self) -> Matrix {
        let classes = Spans::of(&self.tables).by_class();
        let numbers: Vec<Option<SegmentId>> = std::iter::once(None)
            .chain(self.segments.iter().map(|segment: &Segment| Some(segment.id)))
            .collect();
        let mut known: BTreeMap<u16, Pair> = BTreeMap::new();
        let mut pair = |from, to| {
            let row = self.tables.row(from, to);
            known.entry(row).or_insert_with(|| self.pair(&classes, from, to)).clone()
        };
        let rows = numbers.iter().map(|&from| numbers.iter().map(|&to| pair(from, to)).collect()).collect();
        Matrix { segments: numbers.iter().map(|&id| self.segment_name(id).to_owned()).collect(), rows }
    }

    fn pair(
        &self,
        classes: &[(abi::table::ServiceClass, PortSet)],
        from: Option<SegmentId>,
        to: Option<SegmentId>,
    ) -> Pair {
        let mut parts: BTreeMap<(bool, Mode), (PortSet, Vec<RuleId>)> = BTreeMap::new();
        for (service, ports) in classes {
            let Cell { rule, action, mode } = self.tables.decide(Access { from, to, service: *service });
            let (set, rules) = parts.entry((action == Action::Deny, mode)).or_default();
            set.join(ports);
            rules.extend(rule);
        }
        let parts = parts.into_iter().map(|((denied, mode), (ports, mut rules))| {
            rules.sort_unstable();
            rules.dedup();
            let action = if denied { Action::Deny } else { Action::Allow };
            Part { action, mode, services: self.services.words(&ports.canonical()), rules }
        });
        Pair { parts: parts.collect() }
    }
}

#[cfg(test)]
mod tests;
