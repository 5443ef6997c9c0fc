//! Addresses that somebody makes up: they are counted against whom they hit, and are no newcomers themselves.

use super::{Detector, EXPLAINED};
use crate::crowd::{Normal, Unproven};
use crate::finding::Finding;
use crate::held::Waiting;
use crate::memory::{Memory, Proof, is_conversation};
use crate::record::{Endpoint, FlowRecord};
use crate::say::Case;
use crate::told::FORGED;
use abi::address::{DeviceKey, Mac, Timestamp};

impl Detector {
    /// Whether a flow is of somebody never met, proves nothing, and comes while such addresses are being made up for its target, by its
    /// station, or by the hundred. Nobody is accused by it, and nothing is remembered of it.
    pub(super) fn is_made_up(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) -> bool {
        let Some(unproven) = Unproven::of(flow).filter(|_| is_conversation(flow)) else { return false };
        if !unproven.is_first_seen(&self.memory) {
            return false;
        }
        let normal = Normal { learned: self.learned, empty: self.calibration.empty };
        if let Some(case) = self.crowds.met(&unproven, now, normal, &self.memory) {
            self.flooded(&case, now, out);
        }
        if let Some(case) = self.forgers.met(&unproven, now, normal, &self.memory) {
            self.forging(case, now, out);
        }
        self.crowds.hides(&unproven, now)
            || self.forgers.hides(&unproven, now)
            || self.binding.is_forging(unproven.sender.mac, now)
            || self.binding.is_overrun(now)
    }

    /// Whether nothing was remembered of a flow when it began, because its sender's address was made up.
    pub(super) fn was_made_up(&self, flow: &FlowRecord) -> bool {
        Unproven::of(flow).is_some_and(|unproven| self.memory.number_of(unproven.sender.device).is_none())
    }

    /// Says that a crowd of made-up addresses floods a host. It paces itself, for one station may flood several hosts.
    pub(super) fn flooded(&mut self, case: &Case, now: Timestamp, out: &mut Vec<Finding>) {
        self.told.say(case, now);
        self.told.mark(case.source.device, FORGED, now, 0.0);
        self.explain(case.source.device, now);
        self.excuse(&case.targets, now);
        out.push(case.clone().finding());
    }

    /// Says that a station makes up addresses, unless a flood or a spoofing comes to explain it.
    pub(super) fn forging(&mut self, case: Case, now: Timestamp, out: &mut Vec<Finding>) {
        self.excuse_station(case.source.mac);
        self.claimed(case, now, out);
    }

    /// Says that a station claims addresses, unless something graver comes to explain it.
    pub(super) fn claimed(&mut self, case: Case, now: Timestamp, out: &mut Vec<Finding>) {
        if let Some(case) = self.told.wait(case, now) {
            self.say(case, now, out);
        }
    }

    /// What waits against a device is explained, and what it does next.
    pub(super) fn explain(&mut self, device: DeviceKey, now: Timestamp) {
        let Some(number) = self.memory.number_of(device) else { return };
        for triple in self.held.absorb(number) {
            if let Some(pair) = self.memory.pairs.get_mut(&triple) {
                pair.reported = Timestamp(0);
            }
        }
        if let Some(device) = self.memory.devices.get_mut(number as usize) {
            device.explained = Timestamp(now.0.saturating_add(EXPLAINED));
        }
    }

    /// What waits against made-up addresses at these hosts is explained, and what follows.
    pub(super) fn excuse(&mut self, hosts: &[Endpoint], now: Timestamp) {
        for host in hosts {
            let Some(number) = self.memory.number_of(host.device) else { continue };
            if let Some(device) = self.memory.devices.get_mut(number as usize) {
                device.flooded = Timestamp(now.0.saturating_add(EXPLAINED));
            }
            let memory = &self.memory;
            self.held.forgive(|Waiting { triple, .. }| {
                (triple.server == number && is_alleged(memory, triple.client))
                    || (triple.client == number && is_alleged(memory, triple.server))
            });
        }
    }

    /// Whether a device is there, as far as is known.
    pub(super) fn proof_of(&self, number: u32) -> Proof {
        if is_alleged(&self.memory, number) { Proof::Alleged } else { Proof::Shown }
    }

    /// What waits against addresses that a station made up is explained.
    pub(super) fn excuse_station(&mut self, station: Mac) {
        let memory = &self.memory;
        self.held.forgive(|Waiting { triple, case, .. }| {
            let source = &case.source;
            source.mac == station
                && source.device != DeviceKey::Mac(station)
                && is_alleged(memory, triple.client)
        });
    }

    /// What waits against anybody who was part of no conversation is explained: stations are being made up.
    pub(super) fn excuse_all(&mut self) {
        let memory = &self.memory;
        self.held.forgive(|Waiting { triple, .. }| is_alleged(memory, triple.client));
    }
}

/// Whether nothing but flows that prove nothing is known of a device.
fn is_alleged(memory: &Memory, number: u32) -> bool {
    memory.devices.get(number as usize).is_some_and(|device| !device.known && !device.proven)
}
