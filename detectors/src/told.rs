//! What was said lately, and what waits to be said: one cause is told once, by the kind that explains most.

use crate::say::{Case, NAMED};
use abi::address::{DeviceKey, SECOND, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

/// Findings of one source and kind are repeated no sooner than this, unless they are of twice the size.
const REPEAT: u64 = 5 * SECOND;
/// What a station forges is explained by what was said of it this long.
const MIDDLE: u64 = 60 * SECOND;
/// Sources and kinds whose last finding is remembered.
const TOLD: usize = 65_536;
/// How long a claim of addresses waits for a flood or a spoofing that explains it.
const WAIT: u64 = 15 * SECOND;
/// Claims that wait at a time; more are said at once.
const WAITING: usize = 1024;

/// The mark of a station whose forged flood was told.
pub(crate) const FORGED: &str = "forged";

#[derive(Clone, Copy, Debug)]
struct Said {
    at: Timestamp,
    /// The first evidence's value.
    value: f64,
}

/// What was said, by source and kind.
#[derive(Debug, Default)]
pub(crate) struct Told {
    said: FxHashMap<(DeviceKey, &'static str), Said>,
    waiting: Vec<(Timestamp, Case)>,
    /// Sources and kinds of what waits: every claim of an address asks for them.
    queued: FxHashSet<(DeviceKey, &'static str)>,
}

/// Whether a kind of finding is explained by others of its station, of which the rest come later.
fn is_explained_by_others(kind: &str) -> bool {
    matches!(kind, "address-takeover" | "address-moved" | "address-forging")
}

fn value(case: &Case) -> f64 {
    case.evidence.first().map_or(0.0, |evidence| evidence.value)
}

impl Told {
    /// Whether a finding of this source and kind was said a moment ago, or waits to be.
    pub(crate) fn is_known(&self, device: DeviceKey, kind: &'static str, now: Timestamp) -> bool {
        self.said.get(&(device, kind)).is_some_and(|said| now.since(said.at) < REPEAT)
            || self.queued.contains(&(device, kind))
    }

    /// Whether a case is only a repetition, or another finding of its station explains it.
    pub(crate) fn is_told(&self, case: &Case, now: Timestamp) -> bool {
        let device = case.source.device;
        let is_repeated = self.said.get(&(device, case.kind)).is_some_and(|said| {
            now.since(said.at) < REPEAT && (said.value <= 0.0 || value(case) < 2.0 * said.value)
        });
        // A station in the middle sends with the addresses of those between whom it stands, a flooding one with any. What a claim
        // waits for comes before it or after.
        let explains = |kind: &'static str| {
            kind != case.kind
                && self.said.get(&(device, kind)).is_some_and(|said| said.at.0.abs_diff(case.last.0) < MIDDLE)
        };
        let graver = ["arp-spoofing", FORGED, "address-forging"];
        is_repeated || (is_explained_by_others(case.kind) && graver.into_iter().any(explains))
    }

    /// Remembers that a case was said.
    pub(crate) fn say(&mut self, case: &Case, now: Timestamp) {
        self.mark(case.source.device, case.kind, now, value(case));
    }

    /// Remembers that something was said of a device.
    pub(crate) fn mark(&mut self, device: DeviceKey, kind: &'static str, at: Timestamp, value: f64) {
        let key = (device, kind);
        if self.said.len() < TOLD || self.said.contains_key(&key) {
            self.said.insert(key, Said { at, value });
        }
    }

    /// Keeps a claim of addresses until its cause is clear; gives back what is to be said at once.
    pub(crate) fn wait(&mut self, case: Case, now: Timestamp) -> Option<Case> {
        if !is_explained_by_others(case.kind) {
            return Some(case);
        }
        let device = case.source.device;
        if case.kind == "address-forging" {
            self.waiting.retain(|(_, other)| other.source.device != device || other.kind == case.kind);
            self.queued.retain(|&(other, kind)| other != device || kind == case.kind);
        }
        let is_full = self.waiting.len() >= WAITING;
        let same = self.waiting.iter_mut().find(|(_, other)| {
            other.source.device == device && (other.kind == case.kind || other.kind == "address-forging")
        });
        match same {
            Some((_, known)) if known.kind == case.kind => join(known, case),
            Some(_) => {}
            None if is_full => return Some(case),
            None => {
                self.queued.insert((device, case.kind));
                self.waiting.push((Timestamp(now.0.saturating_add(WAIT)), case));
            }
        }
        None
    }

    /// What has waited long enough, in the order of its coming.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Case> {
        if self.waiting.iter().all(|(due, _)| *due > now) {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(due, _)| *due <= now);
        self.waiting = later;
        for (_, case) in &due {
            self.queued.remove(&(case.source.device, case.kind));
        }
        due.into_iter().map(|(_, case)| case).collect()
    }

    /// Forgets what was said long ago, when room is wanted.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.said.len() > TOLD / 4 * 3 {
            self.said.retain(|_, said| now.since(said.at) < MIDDLE);
        }
    }
}

/// The larger speaks for both.
fn join(case: &mut Case, more: Case) {
    case.last = case.last.max(more.last);
    if value(&more) > value(case) {
        (case.text, case.evidence) = (more.text, more.evidence);
    }
    for target in more.targets {
        if case.targets.len() < NAMED && !case.targets.iter().any(|known| known.device == target.device) {
            case.targets.push(target);
        }
    }
}

#[cfg(test)]
mod tests;
