//! Findings grouped into incidents: one source, one kind of cause, one incident, as long as it goes on.

use crate::output::Incident;
use abi::address::{DeviceKey, SECOND};
use abi::table::RuleId;
use detectors::finding::{Finding, Severity};
use rustc_hash::FxHashMap;

/// Findings of one source and kind that are no further apart belong to one incident. Long enough for the pauses of a slow
/// scan, short enough that two attacks of one device stay two.
const QUIET: u64 = 5 * 60 * SECOND;
/// Incidents of one run that are kept; what comes after is counted.
const MOST: usize = 10_000;
/// Notices among them: many harmless novelties leave room for an attack.
const MOST_LOW: usize = MOST / 2;
const TARGETS: usize = 16;
const FLOWS: usize = 32;
const EVIDENCES: usize = 8;

/// The incidents of a run.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    all: Vec<Incident>,
    /// Notices among them, as they were opened.
    low: usize,
    latest: FxHashMap<(DeviceKey, &'static str), usize>,
    /// Findings of each when it was shown last; as long as `all`, or empty where none ever was.
    told: Vec<u64>,
    /// Findings that found no room.
    pub(crate) overflows: u64,
}

impl Incidents {
    /// Adds a finding to its incident, or opens one. `rule` is the line of the policy that was broken, if one was.
    pub(crate) fn add(&mut self, finding: Finding, rule: Option<RuleId>) {
        let key = (finding.source.device, finding.kind);
        if let Some(incident) = self.latest.get(&key).and_then(|&place| self.all.get_mut(place))
            && finding.first.since(incident.last) <= QUIET
        {
            join(incident, finding);
            return;
        }
        let is_low = finding.severity == Severity::Low;
        if self.all.len() >= MOST || (is_low && self.low >= MOST_LOW) {
            self.overflows += 1;
            return;
        }
        self.low += usize::from(is_low);
        self.latest.insert(key, self.all.len());
        let Finding {
            first,
            last,
            kind,
            severity,
            techniques,
            source,
            mut targets,
            text,
            mut evidence,
            score,
            mut flows,
        } = finding;
        targets.truncate(TARGETS);
        evidence.truncate(EVIDENCES);
        flows.truncate(FLOWS);
        self.all.push(Incident {
            id: self.all.len() as u64 + 1,
            first,
            last,
            severity,
            kind,
            techniques,
            source,
            targets,
            text,
            evidence,
            score,
            flows,
            rule,
            findings: 1,
        });
    }

    /// Shows each incident that is new or has twice the findings that it had when it was shown last.
    pub(crate) fn news<E>(&mut self, mut show: impl FnMut(&Incident) -> Result<(), E>) -> Result<(), E> {
        self.told.resize(self.all.len(), 0);
        for (incident, told) in self.all.iter().zip(&mut self.told) {
            if *told == 0 || incident.findings >= told.saturating_mul(2) {
                show(incident)?;
                *told = incident.findings;
            }
        }
        Ok(())
    }

    /// The incidents in the order of time, numbered from 1; where some were shown before, in the order in which they were
    /// found, by the numbers that they have.
    pub(crate) fn finish(self) -> Vec<Incident> {
        let mut all = self.all;
        if !self.told.is_empty() {
            return all;
        }
        all.sort_by(|a, b| (a.first, a.source.device, a.kind).cmp(&(b.first, b.source.device, b.kind)));
        for (id, incident) in (1u64..).zip(&mut all) {
            incident.id = id;
        }
        all
    }
}

/// The strongest finding speaks for the incident, of equally strong ones the larger; times, targets and flows add up.
fn join(incident: &mut Incident, finding: Finding) {
    incident.first = incident.first.min(finding.first);
    incident.last = incident.last.max(finding.last);
    incident.findings += 1;
    let strength = (finding.severity, finding.score);
    let known = (incident.severity, incident.score);
    // Repeated findings of what goes on count on: the last of them says how much it was in all.
    let goes_on = strength == known && counts_on(incident, &finding);
    if strength > known || goes_on {
        incident.text = finding.text;
        incident.evidence = finding.evidence;
        incident.evidence.truncate(EVIDENCES);
    }
    incident.severity = incident.severity.max(finding.severity);
    incident.score = incident.score.max(finding.score);
    for technique in finding.techniques {
        if !incident.techniques.contains(&technique) {
            incident.techniques.push(technique);
        }
    }
    for target in finding.targets {
        let known =
            incident.targets.iter().any(|other| other.device == target.device && other.port == target.port);
        if !known && incident.targets.len() < TARGETS {
            incident.targets.push(target);
        }
    }
    for flow in finding.flows {
        if incident.flows.len() < FLOWS && !incident.flows.contains(&flow) {
            incident.flows.push(flow);
        }
    }
}

/// Whether a finding measures more of what the incident says already, or as much of it from its very beginning on.
fn counts_on(incident: &Incident, finding: &Finding) -> bool {
    let (Some(new), Some(old)) = (finding.evidence.first(), incident.evidence.first()) else { return false };
    let is_later = finding.first == incident.first && finding.last >= incident.last;
    new.id == old.id && (new.value > old.value || (is_later && new.value >= old.value))
}

#[cfg(test)]
mod tests;
