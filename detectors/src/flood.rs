//! F1, F2: more connections without content, or more unanswered packets, than a server ever sees.

use crate::finding::{Severity, Technique};
use crate::record::{Endpoint, FlowId, FlowRecord};
use crate::say::{Case, figure, name, ruled};
use abi::address::{DeviceKey, Mac, SECOND, Timestamp};
use rustc_hash::FxHashMap;

/// Servers that are followed at a time.
const SERVERS: usize = 8192;
/// Window of the counters.
pub(crate) const SPAN: u64 = 10 * SECOND;
/// Fewest empty connections in a window that are a flood.
const FEWEST: u32 = 200;
/// Fewest unanswered packets in a window that are a flood.
const PACKETS: u64 = 5_000;
/// A flood that goes on is told again after this.
const AGAIN: u64 = 5 * SECOND;
/// Sources and services that are told apart within a window.
const PLACES: usize = 4;

pub(crate) const FLOOD: &[Technique] = &[Technique("T1499.001"), Technique("T1498"), Technique("T0814")];

/// The commonest few of a stream (Misra-Gries): what has more than a fifth of it is among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commonest<T> {
    places: [Option<(T, u32)>; PLACES],
}

impl<T> Default for Commonest<T> {
    fn default() -> Commonest<T> {
        Commonest { places: [const { None }; PLACES] }
    }
}

impl<T: PartialEq + Copy> Commonest<T> {
    pub(crate) fn add(&mut self, item: T) {
        if let Some((_, count)) = self.places.iter_mut().flatten().find(|(known, _)| *known == item) {
            *count += 1;
        } else if let Some(free) = self.places.iter_mut().find(|place| place.is_none()) {
            *free = Some((item, 1));
        } else {
            for place in &mut self.places {
                *place = place.and_then(|(known, count)| (count > 1).then_some((known, count - 1)));
            }
        }
    }

    /// The commonest, if it has at least the given share of all.
    pub(crate) fn leader(&self, all: u32, percent: u32) -> Option<T> {
        let (item, count) = self.places.iter().flatten().max_by_key(|(_, count)| *count)?;
        (u64::from(*count) * 100 >= u64::from(all) * u64::from(percent)).then_some(*item)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start: Timestamp,
    empty: u32,
    ports: Commonest<(u8, u16)>,
    devices: Commonest<DeviceKey>,
    macs: Commonest<Mac>,
    /// Some end of the commonest device and MAC address.
    sample: Option<Endpoint>,
    flow: Option<FlowId>,
    told: Timestamp,
    /// When the tenth part of a flood had come: the window may have begun with a stray refusal.
    rise: Timestamp,
    /// When the flood that is being told began.
    began: Timestamp,
}

/// The servers that see empty connections.
#[derive(Debug, Default)]
pub(crate) struct Floods {
    windows: FxHashMap<u32, Window>,
    /// The fullest window so far, for learning.
    pub(crate) most: u32,
    pub(crate) lost: u64,
}

impl Floods {
    /// Counts a connection without content against its server; a case when they are a flood. `usual` is the fullest window of
    /// benign time.
    pub(crate) fn empty(
        &mut self,
        server: u32,
        flow: &FlowRecord,
        now: Timestamp,
        usual: u32,
    ) -> Option<Case> {
        if self.windows.len() >= SERVERS && !self.windows.contains_key(&server) {
            self.lost += 1;
            return None;
        }
        let window = self.windows.entry(server).or_default();
        if now.since(window.start) >= SPAN {
            let goes_on = window.told.0 != 0 && now.since(window.told) < 2 * SPAN;
            let (told, began) = if goes_on { (window.told, window.began) } else { Default::default() };
            *window = Window { start: now, told, began, ..Window::default() };
        }
        window.empty = window.empty.saturating_add(1);
        self.most = self.most.max(window.empty);
        window.ports.add((flow.protocol, flow.server.port));
        window.devices.add(flow.client.device);
        window.macs.add(flow.client.mac);
        window.sample = Some(flow.client);
        window.flow = window.flow.or(Some(flow.id));
        let limit = FEWEST.max(usual.saturating_mul(4));
        if window.empty == limit / 10 {
            window.rise = now;
        }
        if window.empty < limit || (window.told.0 != 0 && now.since(window.told) < AGAIN) {
            return None;
        }
        // Many ports are a scan, which the fan-out explains.
        let (_, port) = window.ports.leader(window.empty, 60)?;
        let source = window.source(limit)?;
        window.told = now;
        if window.began.0 == 0 {
            window.began = window.rise;
        }
        let rate = f64::from(window.empty);
        let forged = if source.ip.is_none() { ", from many addresses" } else { "" };
        let text = format!(
            "{} opened {} connections without content{forged} to {} port {port} within {} s; the most seen in benign time is {usual}",
            name(&source),
            window.empty,
            name(&flow.server),
            now.since(window.start) / SECOND + 1,
        );
        Some(Case {
            first: window.began,
            last: now,
            kind: "connection-flood",
            severity: Severity::High,
            techniques: FLOOD,
            source,
            targets: vec![flow.server],
            text,
            evidence: vec![ruled("F1", rate, f64::from(limit))],
            flows: window.flow.into_iter().chain([flow.id]).collect(),
        })
    }

    /// Forgets quiet servers when room is wanted.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.windows.len() > SERVERS / 4 * 3 {
            self.windows.retain(|_, window| now.since(window.start) < 6 * SPAN);
        }
    }
}

impl Window {
    /// Whom to accuse: the commonest device, or, where there is none, the station that sends for many addresses. Such as were never
    /// met are a crowd, which is told sooner.
    fn source(&self, limit: u32) -> Option<Endpoint> {
        let sample = self.sample?;
        match self.devices.leader(self.empty, 50) {
            Some(device) if sample.device == device => Some(sample),
            Some(device) => Some(Endpoint { device, ip: address_of(device), mac: mac_of(device), ..sample }),
            None if self.empty < limit.saturating_mul(2) => None,
            None => {
                let mac = self.macs.leader(self.empty, 50)?;
                Some(Endpoint { device: DeviceKey::Mac(mac), ip: abi::address::Ip::NONE, mac, ..sample })
            }
        }
    }
}

fn address_of(device: DeviceKey) -> abi::address::Ip {
    match device {
        DeviceKey::Ip(ip) => ip,
        DeviceKey::Mac(_) => abi::address::Ip::NONE,
    }
}

fn mac_of(device: DeviceKey) -> Mac {
    match device {
        DeviceKey::Mac(mac) => mac,
        DeviceKey::Ip(_) => Mac::NONE,
    }
}

/// One flow that pours packets at somebody who does not answer (F2).
pub(crate) fn pouring(flow: &FlowRecord, sent: u64, answered: u64, now: Timestamp) -> Option<Case> {
    if flow.protocol == 6 || sent < PACKETS || answered * 10 > sent {
        return None;
    }
    let text = format!(
        "{} sent {sent} packets to {} with {answered} answers",
        name(&flow.client),
        name(&flow.server)
    );
    Some(Case {
        first: Timestamp(now.0.saturating_sub(SPAN)).max(flow.first),
        last: now,
        kind: "packet-flood",
        severity: Severity::High,
        techniques: FLOOD,
        source: flow.client,
        targets: vec![flow.server],
        text,
        evidence: vec![ruled("F2", figure(sent), figure(PACKETS))],
        flows: vec![flow.id],
    })
}

#[cfg(test)]
mod tests;
