//! Novelties wait a few seconds, so that a better explanation of the same source (a scan, a flood, an operation) may take their place.

use crate::finding::{Evidence, Finding, Severity};
use crate::memory::{Proof, Triple};
use crate::record::FlowId;
use crate::say::{Case, NAMED};
use abi::address::Timestamp;

/// Novelties that wait at a time.
const WAITING: usize = 4096;
/// Those of them against devices that were part of no conversation: made-up addresses leave room for devices.
const ALLEGED: usize = WAITING / 2;
/// Evidences that a merged finding keeps.
const EVIDENCES: usize = 4;

/// A novelty that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The device that it accuses, by number.
    pub(crate) accused: u32,
    pub(crate) triple: Triple,
    /// Whether the accused is there, as far as was known then.
    pub(crate) proof: Proof,
    /// An operation speaks louder than the flow that carries it.
    pub(crate) is_operation: bool,
    pub(crate) case: Case,
}

/// The novelties that wait, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Held {
    waiting: Vec<(Timestamp, Waiting)>,
    pub(crate) lost: u64,
}

impl Held {
    /// Keeps a novelty until `due`, or until the first of the same device is due.
    pub(crate) fn hold(&mut self, due: Timestamp, waiting: Waiting) {
        let is_alleged = |(_, other): &&(Timestamp, Waiting)| other.proof == Proof::Alleged;
        let is_full = match waiting.proof {
            Proof::Shown => self.waiting.len() >= WAITING,
            // Looked at only where it may be so.
            Proof::Alleged => {
                self.waiting.len() >= ALLEGED && self.waiting.iter().filter(is_alleged).count() >= ALLEGED
            }
        };
        if is_full || self.waiting.len() >= WAITING {
            self.lost += 1;
            return;
        }
        let earlier =
            self.waiting.iter().find(|(_, other)| other.accused == waiting.accused).map(|(due, _)| *due);
        self.waiting.push((earlier.unwrap_or(due), waiting));
    }

    /// Takes back what waits against a device: something else explains it. The triples may be judged anew later.
    pub(crate) fn absorb(&mut self, accused: u32) -> Vec<Triple> {
        let mut taken = Vec::new();
        self.waiting.retain(|(_, waiting)| {
            let goes = waiting.accused == accused;
            if goes {
                taken.push(waiting.triple);
            }
            !goes
        });
        taken
    }

    /// Takes back what waits and is explained.
    pub(crate) fn forgive(&mut self, is_explained: impl Fn(&Waiting) -> bool) {
        self.waiting.retain(|(_, waiting)| !is_explained(waiting));
    }

    /// Takes back the flow-level novelty of one client and server, which a better finding names.
    pub(crate) fn absorb_between(&mut self, client: u32, server: u32) {
        self.waiting
            .retain(|(_, waiting)| (waiting.triple.client, waiting.triple.server) != (client, server));
    }

    /// Flows whose application became known tell more of what waits.
    pub(crate) fn waiting_for(&mut self, flow: FlowId) -> Option<&mut Waiting> {
        self.waiting.iter_mut().map(|(_, waiting)| waiting).find(|waiting| waiting.case.flows.contains(&flow))
    }

    /// What waits and will be given out by `now`, to be looked at once more.
    pub(crate) fn due(&mut self, now: Timestamp) -> impl Iterator<Item = &mut Waiting> {
        self.waiting.iter_mut().filter(move |(due, _)| *due <= now).map(|(_, waiting)| waiting)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Gives out what is due, one finding for each device and kind.
    pub(crate) fn release(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        if !self.waiting.iter().any(|(due, _)| *due <= now) {
            return;
        }
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(due, _)| *due <= now);
        self.waiting = later;
        // Between one client and one server only the gravest is told, an operation before the flow that carries it.
        let rank = |waiting: &Waiting| (waiting.case.severity, waiting.is_operation);
        let mut gravest: Vec<((u32, u32), (Severity, bool))> = Vec::new();
        for (_, waiting) in &due {
            let pair = (waiting.triple.client, waiting.triple.server);
            match gravest.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, known)) => *known = (*known).max(rank(waiting)),
                None => gravest.push((pair, rank(waiting))),
            }
        }
        let mut merged: Vec<(u32, Case)> = Vec::new();
        for (_, waiting) in due {
            let pair = (waiting.triple.client, waiting.triple.server);
            if !gravest.contains(&(pair, rank(&waiting))) {
                continue;
            }
            let same = merged
                .iter_mut()
                .find(|(accused, case)| *accused == waiting.accused && case.kind == waiting.case.kind);
            match same {
                Some((_, case)) => join(case, waiting.case),
                None => merged.push((waiting.accused, waiting.case)),
            }
        }
        out.extend(merged.into_iter().map(|(_, case)| case.finding()));
    }
}

/// A rule has no probability, and is stronger than any.
fn is_rarer(evidence: &Evidence, known: &Evidence) -> bool {
    known.p.is_some_and(|known| evidence.p.is_none_or(|p| p < known))
}

fn join(case: &mut Case, more: Case) {
    case.first = case.first.min(more.first);
    case.last = case.last.max(more.last);
    if more.severity > case.severity {
        case.severity = more.severity;
        case.text = more.text;
    }
    for target in more.targets {
        if case.targets.len() < NAMED && !case.targets.iter().any(|known| known.device == target.device) {
            case.targets.push(target);
        }
    }
    for flow in more.flows {
        if case.flows.len() < NAMED && !case.flows.contains(&flow) {
            case.flows.push(flow);
        }
    }
    for evidence in more.evidence {
        // The rarest of one kind of evidence stands for all of it.
        let has_room = case.evidence.len() < EVIDENCES;
        match case.evidence.iter_mut().find(|known| known.id == evidence.id) {
            Some(known) if is_rarer(&evidence, known) => *known = evidence,
            None if has_room => case.evidence.push(evidence),
            Some(_) | None => {}
        }
    }
}
