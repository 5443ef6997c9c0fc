//! E10 to E14: one client meets many hosts or services that it never met. A scan is explained once, not by twenty novelties.

use crate::finding::Severity;
use crate::finding::Technique;
use crate::memory::Triple;
use crate::record::{Endpoint, FlowId};
use crate::say::{Case, figure, name, ruled};
use abi::address::{SECOND, Timestamp};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// Clients that are followed at a time.
const CLIENTS: usize = 4096;
/// New contacts that are remembered for a client; older ones give way.
const CONTACTS: usize = 96;
/// The two windows: a quick scan and a patient one.
const QUICK: u64 = 60 * SECOND;
const PATIENT: u64 = 1800 * SECOND;
/// A scan that goes on is told again no sooner than this.
const AGAIN: u64 = 10 * SECOND;

/// Further contacts that make a scan go on.
const FURTHER: u32 = 5;

/// Techniques of scans.
const SCAN: &[Technique] = &[Technique("T1046"), Technique("T1018"), Technique("T0846")];

/// Contacts from which a fan-out is a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Distinct (server, service) in a minute.
    pub(crate) quick: u32,
    /// The same, of those that failed.
    pub(crate) failed: u32,
    /// Distinct failing servers, or services of a server, in half an hour.
    pub(crate) patient: u32,
}

impl Limits {
    /// Without a baseline every contact is new, so only many failures count.
    pub(crate) const COLD: Limits = Limits { quick: u32::MAX, failed: 15, patient: 30 };

    /// From the largest fan-out of benign time.
    pub(crate) fn learned(most: u32) -> Limits {
        Limits {
            quick: (2 * most.min(10_000) + 4).max(12),
            failed: (most.min(10_000) + 4).max(8),
            patient: (2 * most.min(10_000) + 4).max(12),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Contact {
    at: Timestamp,
    triple: Triple,
    failed: u8,
    flow: FlowId,
    server: Endpoint,
}

#[derive(Debug, Default)]
struct Fan {
    contacts: VecDeque<Contact>,
    told: Timestamp,
    /// Contacts until then belong to a scan that was told.
    covered: Timestamp,
}

/// A contact that benign time does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met<'a> {
    pub(crate) at: Timestamp,
    pub(crate) triple: Triple,
    pub(crate) is_failed: IsFailed,
    pub(crate) flow: FlowId,
    pub(crate) client: &'a Endpoint,
    pub(crate) server: &'a Endpoint,
}

/// Whether the contact was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsFailed {
    Yes,
    No,
}

/// The clients that meet new hosts.
#[derive(Debug, Default)]
pub(crate) struct Fans {
    fans: FxHashMap<u32, Fan>,
    pub(crate) lost: u64,
}

impl Fans {
    /// Remembers a contact; a case when it makes a scan.
    pub(crate) fn met(&mut self, met: &Met<'_>, limits: Limits) -> Option<Case> {
        let client = met.triple.client;
        if self.fans.len() >= CLIENTS && !self.fans.contains_key(&client) {
            self.lost += 1;
            return None;
        }
        let fan = self.fans.entry(client).or_default();
        let failed = u8::from(met.is_failed == IsFailed::Yes);
        if let Some(old) = fan
            .contacts
            .iter_mut()
            .find(|old| (old.server.ip, old.triple.act) == (met.server.ip, met.triple.act))
        {
            // The same contact again is no further host.
            old.failed = failed;
        } else {
            if fan.contacts.len() >= CONTACTS {
                fan.contacts.pop_front();
            }
            let Met { at, triple, flow, .. } = *met;
            fan.contacts.push_back(Contact { at, triple, failed, flow, server: *met.server });
        }
        if fan.told.0 != 0 && met.at.since(fan.told) < AGAIN {
            fan.covered = met.at;
            return None;
        }
        let (evidence, since) = fan.judge(met.at, limits)?;
        fan.told = met.at;
        fan.covered = met.at;
        Some(fan.case(met, evidence, since))
    }

    /// Forgets clients that meet nobody new, when room is wanted.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.fans.len() > CLIENTS / 4 * 3 {
            self.fans.retain(|_, fan| fan.contacts.back().is_some_and(|last| now.since(last.at) < PATIENT));
        }
    }
}

impl Fan {
    fn judge(&self, now: Timestamp, limits: Limits) -> Option<(crate::finding::Evidence, Timestamp)> {
        // What was told already counts no more; a scan that goes on needs fewer to be told again.
        let enough = |limit: u32| if self.told.0 == 0 { limit } else { limit.min(FURTHER) };
        let within = |span: u64, failed: u8, limit: u32| {
            let mut met: Vec<Timestamp> = self
                .contacts
                .iter()
                .filter(|contact| {
                    contact.at > self.covered && now.since(contact.at) <= span && contact.failed >= failed
                })
                .map(|contact| contact.at)
                .collect();
            met.sort_unstable();
            let count = u32::try_from(met.len()).unwrap_or(u32::MAX);
            // A stray contact long before is no part of the scan: it began with the latest three quarters of the limit.
            let latest = met.len().saturating_sub(limit.min(1000) as usize * 3 / 4);
            let since = met.get(latest.min(met.len().saturating_sub(1))).copied().unwrap_or(now);
            (count >= limit).then_some((count, since))
        };
        let found = |(id, limit): (&'static str, u32), (count, since): (u32, Timestamp)| {
            (ruled(id, f64::from(count), f64::from(limit)), since)
        };
        within(QUICK, 1, enough(limits.failed))
            .map(|seen| found(("E14", limits.failed), seen))
            .or_else(|| within(QUICK, 0, enough(limits.quick)).map(|seen| found(("E10", limits.quick), seen)))
            .or_else(|| within(PATIENT, 1, limits.patient).map(|seen| found(("E11", limits.patient), seen)))
    }

    fn case(&self, met: &Met<'_>, evidence: crate::finding::Evidence, since: Timestamp) -> Case {
        let recent = || self.contacts.iter().filter(|contact| contact.at >= since);
        let mut targets: Vec<Endpoint> = Vec::new();
        let mut services: Vec<u32> = Vec::new();
        for contact in recent() {
            if !targets.iter().any(|known| known.ip == contact.server.ip) {
                targets.push(contact.server);
            }
            if !services.contains(&contact.triple.act) {
                services.push(contact.triple.act);
            }
        }
        let failed = recent().filter(|contact| contact.failed > 0).count();
        let text = format!(
            "{} met {} hosts and {} services new to it within {} s, {failed} of them without success",
            name(met.client),
            targets.len(),
            services.len(),
            met.at.since(since) / SECOND + 1,
        );
        Case {
            first: since,
            last: met.at,
            kind: "port-scan",
            severity: Severity::High,
            techniques: SCAN,
            source: *met.client,
            targets,
            text,
            evidence: vec![evidence, ruled("E13", figure(services.len() as u64), 1.0)],
            flows: recent().map(|contact| contact.flow).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
