//! Learns a baseline from benign time.

use crate::act::is_learned_by_operation;
use crate::baseline::{Baseline, Calibration, KnownDevice, KnownPair, KnownZone};
use crate::binding::Binding;
use crate::dns::{Purpose, Zones};
use crate::flood::Floods;
use crate::memory::{
    GoesOn, Memory, Pair, Proof, Triple, asked, grown, is_idle_visit, is_never_open, opened,
};
use crate::names::Names;
use crate::norm::{Counts, Figure, WINDOW, log2_milli};
use crate::record::{Activity, FlowRecord, Sighting};
use crate::settings::Overflow;
use abi::address::Timestamp;
use abi::app::App;
use rustc_hash::FxHashMap;

/// Learns from the same calls that a [`crate::detector::Detector`] judges.
#[derive(Debug, Default)]
pub struct Learner {
    memory: Memory,
    binding: Binding,
    names: Names,
    zones: Zones,
    floods: Floods,
    span: Option<[Timestamp; 2]>,
}

impl Learner {
    /// Nothing learned yet.
    pub fn new() -> Learner {
        Learner::default()
    }

    fn pass(&mut self, now: Timestamp) {
        let [_, last] = self.span.get_or_insert([now, now]);
        *last = now.max(*last);
    }

    /// A flow whose outcome is first known.
    pub fn flow_opened(&mut self, flow: &FlowRecord, now: Timestamp) {
        self.pass(now);
        let Some(triple) = self.memory.triple_of_flow(flow) else { return };
        if is_never_open(flow) {
            let _case_of_benign_time = self.floods.empty(triple.server, flow, now, u32::MAX);
        }
        self.add(triple, now, &opened(flow));
    }

    /// The running totals of a long flow.
    pub fn flow_progress(&mut self, flow: &FlowRecord, now: Timestamp) {
        self.pass(now);
        self.grow(flow, now, GoesOn::Yes);
    }

    /// The final record of a flow, or one at an active time-out.
    pub fn flow_closed(&mut self, flow: &FlowRecord, now: Timestamp) {
        self.pass(now);
        self.grow(flow, now, GoesOn::of(flow));
    }

    fn grow(&mut self, flow: &FlowRecord, now: Timestamp, goes_on: GoesOn) {
        let Some(triple) = self.memory.triple_of_flow(flow) else { return };
        if goes_on == GoesOn::No && is_idle_visit(flow) {
            let _case_of_benign_time = self.floods.empty(triple.server, flow, now, u32::MAX);
        }
        let counts = grown(&self.memory.growth(flow, goes_on));
        self.add(triple, now, &counts);
        let outside = |number: u32| {
            self.memory.devices.get(number as usize).is_some_and(crate::memory::Device::is_outside)
        };
        if outside(triple.server)
            && let Some(device) = self.memory.devices.get_mut(triple.client as usize)
            && let Some(ended) = device.outside.add(now, &counts)
        {
            device.outside_norm.learn(&ended);
        }
    }

    fn add(&mut self, triple: Triple, now: Timestamp, counts: &Counts) {
        if let Some(pair) = self.memory.pair(triple, now)
            && let Some(ended) = pair.meter.add(now, counts)
        {
            pair.norm.learn(&ended);
        }
    }

    /// An application operation.
    pub fn activity(&mut self, activity: &Activity<'_>) {
        self.pass(activity.at);
        self.names.learn(activity);
        if activity.app == App::Dns
            && let Some(client) = self.memory.device(&activity.client, Proof::Shown)
        {
            let _case_of_benign_time = self.zones.query(client, activity, Purpose::Learn);
            if let Some(server) = self.memory.device(&activity.server, Proof::Shown)
                && let Some(server) = self.memory.devices.get_mut(server as usize)
            {
                server.resolver = true;
            }
        }
        if is_learned_by_operation(activity.app)
            && let Some(triple) = self.memory.triple_of_activity(activity)
        {
            self.add(triple, activity.at, &asked(activity));
        }
    }

    /// An address in use.
    pub fn sighting(&mut self, sighting: &Sighting) {
        self.pass(sighting.at);
        self.binding.learn(sighting);
    }

    /// Time passes; nothing is learned from it, but the detector is called so too.
    pub fn tick(&mut self, now: Timestamp) {
        self.pass(now);
        self.zones.expire(now);
        self.floods.expire(now);
    }

    /// What found no room.
    pub fn overflow(&self) -> Overflow {
        Overflow {
            names: self.names.lost,
            zones: self.zones.lost,
            bindings: self.binding.lost,
            windows: self.floods.lost,
            ..self.memory.overflow
        }
    }

    /// The baseline.
    pub fn finish(mut self) -> Baseline {
        for pair in self.memory.pairs.values_mut() {
            if let Some(last) = pair.meter.close() {
                pair.norm.learn(&last);
            }
        }
        for device in &mut self.memory.devices {
            if let Some(last) = device.outside.close() {
                device.outside_norm.learn(&last);
            }
        }
        let span = self.span.unwrap_or_default();
        let mut sorted: Vec<(&Triple, &Pair)> = self.memory.pairs.iter().collect();
        sorted.sort_by_key(|(triple, _)| **triple);
        let (bindings, stations) = self.binding.to_baseline();
        let mut zones: Vec<KnownZone> = self
            .zones
            .learned
            .iter()
            .map(|(zone, distinct)| KnownZone { zone: *zone, distinct: *distinct })
            .collect();
        zones.sort();
        let (margin, margin_n) = margins(&sorted);
        let is_service = |triple: &Triple| {
            self.memory.acts.get(triple.act as usize).is_some_and(|act| !act.key.is_operation())
        };
        let services: Vec<(&Triple, &Pair)> =
            sorted.iter().filter(|(triple, _)| is_service(triple)).copied().collect();
        let (fresh_outside, contacts_outside) = self.outside(&sorted, span);
        Baseline {
            span,
            devices: self
                .memory
                .devices
                .iter()
                .map(|device| KnownDevice {
                    key: device.key,
                    ip: device.ip,
                    mac: device.mac,
                    class: device.class,
                    outside: *device.outside_norm,
                    resolver: device.resolver,
                })
                .collect(),
            pairs: sorted
                .iter()
                .map(|(triple, pair)| KnownPair {
                    client: triple.client,
                    server: triple.server,
                    act: triple.act,
                    first: pair.first,
                    norm: *pair.norm,
                })
                .collect(),
            calibration: Calibration {
                margin,
                margin_n,
                fan_out: fan_out(&services, span),
                asked: self.binding.most_asked,
                new_stations: self.binding.most_new,
                empty: self.floods.most,
                fresh_outside,
                contacts_outside,
            },
            acts: self.memory.acts,
            bindings,
            stations,
            names: self.names.to_baseline(),
            zones,
        }
    }

    /// Hosts outside that were new in the last half of the time, and windows of contact with hosts outside in all of it, halved.
    fn outside(&self, sorted: &[(&Triple, &Pair)], span: [Timestamp; 2]) -> (u64, u64) {
        let [start, end] = span;
        let middle = Timestamp(start.0 + end.since(start) / 2);
        let is_outside = |number: u32| {
            self.memory.devices.get(number as usize).is_some_and(crate::memory::Device::is_outside)
        };
        let mut first: FxHashMap<u32, Timestamp> = FxHashMap::default();
        let mut contacts = 0u64;
        for (triple, pair) in sorted.iter().filter(|(triple, _)| is_outside(triple.server)) {
            contacts += u64::from(pair.norm.windows);
            let known = first.entry(triple.server).or_insert(pair.first);
            *known = (*known).min(pair.first);
        }
        (first.values().filter(|at| **at >= middle).count() as u64, contacts / 2)
    }
}

/// By figure, the 99th percentile of how far a triple's largest window lies above its second largest.
fn margins(sorted: &[(&Triple, &Pair)]) -> ([u64; 5], u64) {
    let settled: Vec<&&Pair> =
        sorted.iter().filter(|(_, pair)| pair.norm.windows >= 4).map(|(_, pair)| pair).collect();
    let margin = Figure::ALL.map(|figure| {
        let mut ratios: Vec<u64> = settled
            .iter()
            .map(|pair| pair.norm.of(figure))
            .filter(|gauge| gauge.second > 0)
            .map(|gauge| log2_milli(gauge.max) - log2_milli(gauge.second))
            .collect();
        ratios.sort_unstable();
        ratios.get(ratios.len() * 99 / 100).or(ratios.last()).copied().unwrap_or(0)
    });
    (margin, settled.len() as u64)
}

/// The most triples that one client began in a minute, after the first quarter of the time.
fn fan_out(sorted: &[(&Triple, &Pair)], [start, end]: [Timestamp; 2]) -> u32 {
    let settled = Timestamp(start.0 + end.since(start) / 4);
    let mut begun: FxHashMap<(u32, u64), u32> = FxHashMap::default();
    for (triple, pair) in sorted.iter().filter(|(_, pair)| pair.first >= settled) {
        *begun.entry((triple.client, pair.first.0 / WINDOW)).or_default() += 1;
    }
    begun.values().copied().max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
