//! F3, F4: many who were never met send to one host, or come by one station, little each, and none is answered or finishes a
//! handshake: their addresses are made up, or others are made to send for somebody. One cause, so one finding, however many addresses.

use crate::binding::FORGING;
use crate::finding::Severity;
use crate::flood::{Commonest, FLOOD, SPAN};
use crate::memory::{Memory, is_never_open};
use crate::record::{Endpoint, FlowId, FlowRecord, FlowState};
use crate::say::{Case, NAMED, figure, name, ruled, station};
use crate::volume::Learned;
use abi::address::{DeviceKey, Mac, SECOND, Timestamp};
use rustc_hash::FxHashMap;

/// Hosts, or stations, that are followed at a time.
const HOSTS: usize = 8192;
/// Addresses that are told apart, over all hosts; what comes after is counted as flows only.
const ADDRESSES: usize = 262_144;
/// Fewest addresses in a window that are a crowd.
const FEWEST: u32 = 200;
/// The same among addresses of the site without a baseline: when a capture begins, all its devices are new, and many may report to
/// one collector that never answers.
const FEWEST_COLD: u32 = 1_000;
/// A crowd that goes on is told again after this.
const AGAIN: u64 = 5 * SECOND;
/// Most frames of a flow, and flows of an address, that are little; and how many times the mean of all is much.
const LITTLE: u32 = 10;
const MUCH: u32 = 8;

const FLOODING: &str = "connection-flood";
const POURING: &str = "packet-flood";

/// A flow that does not prove that its sender is there: whoever writes addresses into frames can make it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unproven<'a> {
    pub(crate) sender: &'a Endpoint,
    pub(crate) host: &'a Endpoint,
    /// It answers what the host never asked.
    is_unasked: bool,
    flow: FlowId,
    protocol: u8,
    at: Timestamp,
}

impl<'a> Unproven<'a> {
    /// The flow seen so, if it proves nothing and carries little.
    pub(crate) fn of(flow: &'a FlowRecord) -> Option<Unproven<'a>> {
        let (client, server) = (&flow.client, &flow.server);
        let (sender, host, frames) = match flow.protocol {
            6 if is_never_open(flow) => (client, server, flow.packets.out),
            6 => return None,
            // Hosts answer every echo request (RFC 1122 section 3.2.2.6), so an answer proves nothing.
            1 if flow.packets.out > 0 => (client, server, flow.packets.out),
            _ if flow.state != FlowState::OneWay => return None,
            // An answer that nobody asked for: another wrote this host's address into the question.
            _ if flow.packets.out == 0 => (server, client, flow.packets.back),
            _ => (client, server, flow.packets.out),
        };
        let FlowRecord { id, protocol, first, .. } = *flow;
        let is_unasked = flow.packets.out == 0;
        (frames <= u64::from(LITTLE)).then_some(Unproven {
            sender,
            host,
            is_unasked,
            flow: id,
            protocol,
            at: first,
        })
    }

    /// Whether benign time and this run know nothing of the sender but such flows.
    pub(crate) fn is_first_seen(&self, memory: &Memory) -> bool {
        let number = memory.number_of(self.sender.device);
        let device = number.and_then(|number| memory.devices.get(number as usize));
        device.is_none_or(|device| !device.known && !device.proven)
    }
}

#[derive(Debug, Default)]
struct Window {
    start: Timestamp,
    last: Timestamp,
    /// New addresses of this window.
    fresh: u32,
    /// Addresses since it began, and the flows of each.
    addresses: FxHashMap<DeviceKey, u32>,
    /// Flows since it began; those of TCP among them, those from outside, and answers that nobody asked for.
    flows: u32,
    tcp: u32,
    outside: u32,
    unasked: u32,
    macs: Commonest<Mac>,
    ports: Commonest<(u8, u16)>,
    hosts: Commonest<DeviceKey>,
    first: Option<(Endpoint, FlowId)>,
    /// Those who suffer it; bounded.
    targets: Vec<Endpoint>,
    /// When the tenth part of a crowd had come.
    rise: Timestamp,
    told: Option<Told>,
}

/// What was said of a crowd: the accused stays the same as long as it goes on.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: Timestamp,
    flows: u32,
    source: Endpoint,
    kind: &'static str,
    limit: u32,
}

/// What the flows of a crowd have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    /// The host to which they go (F3).
    Host,
    /// The station from which they come, with no host that suffers most of it (F4).
    Station,
}

/// The hosts to which strangers send, or the stations from which they do.
#[derive(Debug)]
pub(crate) struct Crowds {
    common: Common,
    windows: FxHashMap<DeviceKey, Window>,
    /// Hosts whose crowd was told and goes on, in the order of telling.
    going_on: Vec<DeviceKey>,
    /// Addresses in all windows.
    held: usize,
    pub(crate) lost: u64,
}

/// What is normal at a site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normal {
    pub(crate) learned: Learned,
    /// Most connections without content that a server saw in a window of benign time.
    pub(crate) empty: u32,
}

impl Crowds {
    pub(crate) fn new(common: Common) -> Crowds {
        Crowds { common, windows: FxHashMap::default(), going_on: Vec::new(), held: 0, lost: 0 }
    }

    fn key(&self, unproven: &Unproven<'_>) -> DeviceKey {
        match self.common {
            Common::Host => unproven.host.device,
            Common::Station => DeviceKey::Mac(unproven.sender.mac),
        }
    }

    /// Counts a flow of somebody never met; a case when such make a crowd.
    pub(crate) fn met(
        &mut self,
        unproven: &Unproven<'_>,
        now: Timestamp,
        normal: Normal,
        memory: &Memory,
    ) -> Option<Case> {
        let key = self.key(unproven);
        if self.common == Common::Station && unproven.sender.mac.is_none() {
            return None;
        }
        if self.windows.len() >= HOSTS && !self.windows.contains_key(&key) {
            self.lost += 1;
            return None;
        }
        let window = self.windows.entry(key).or_default();
        if now.since(window.start) >= SPAN {
            if window.goes_on(now) {
                (window.start, window.fresh) = (now, 0);
            } else {
                self.held = self.held.saturating_sub(window.addresses.len());
                *window = Window { start: now, ..Window::default() };
            }
        }
        match window.addresses.get_mut(&unproven.sender.device) {
            Some(flows) => *flows = flows.saturating_add(1),
            None if self.held >= ADDRESSES => self.lost += 1,
            None => {
                window.addresses.insert(unproven.sender.device, 1);
                self.held += 1;
                window.fresh = window.fresh.saturating_add(1);
            }
        }
        window.count(unproven, now);
        let limit = window.limit(normal);
        let is_due = match &window.told {
            None => window.fresh >= limit,
            Some(told) => now.since(told.at) >= AGAIN,
        };
        if !is_due || (self.common == Common::Station && window.told.is_none() && window.has_host()) {
            return None;
        }
        if window.told.is_none() {
            self.going_on.push(key);
        }
        window.tell(self.common, now, limit, memory)
    }

    /// Whether a crowd goes on at a host, or at a station, now.
    pub(crate) fn goes_on(&self, common: DeviceKey, now: Timestamp) -> bool {
        !self.going_on.is_empty() && self.windows.get(&common).is_some_and(|window| window.goes_on(now))
    }

    /// Whether a flow is of a crowd that goes on now. An address that sends much more than the others stands for itself.
    pub(crate) fn hides(&self, unproven: &Unproven<'_>, now: Timestamp) -> bool {
        !self.going_on.is_empty()
            && self
                .windows
                .get(&self.key(unproven))
                .is_some_and(|window| window.goes_on(now) && !window.is_outstanding(unproven.sender.device))
    }

    /// What came since it was told last of the crowds that are over, and room for others.
    pub(crate) fn expire(&mut self, now: Timestamp, memory: &Memory) -> Vec<Case> {
        let mut cases = Vec::new();
        let windows = &mut self.windows;
        let mut freed = 0;
        let common = self.common;
        self.going_on.retain(|key| {
            let Some(window) = windows.get_mut(key) else { return false };
            let goes_on = window.goes_on(now);
            let is_quiet = now.since(window.last) >= AGAIN;
            if let Some(told) = window.told
                && (is_quiet || !goes_on)
                && window.flows > told.flows
            {
                let last = window.last;
                cases.extend(window.tell(common, last, told.limit, memory));
            }
            if !goes_on {
                freed += window.addresses.len();
                windows.remove(key);
            }
            goes_on
        });
        self.held = self.held.saturating_sub(freed);
        if self.windows.len() > HOSTS / 4 * 3 || self.held > ADDRESSES / 4 * 3 {
            self.windows.retain(|_, window| window.goes_on(now) || now.since(window.start) < SPAN);
            self.held = self.windows.values().map(|window| window.addresses.len()).sum();
        }
        cases
    }
}

impl Window {
    fn goes_on(&self, now: Timestamp) -> bool {
        self.told.is_some() && now.since(self.last) < 2 * SPAN
    }

    fn count(&mut self, unproven: &Unproven<'_>, now: Timestamp) {
        let Unproven { sender, host, is_unasked, flow, protocol, at } = *unproven;
        self.last = self.last.max(now);
        self.flows = self.flows.saturating_add(1);
        self.tcp = self.tcp.saturating_add(u32::from(protocol == 6));
        self.outside = self.outside.saturating_add(u32::from(!sender.ip.is_internal()));
        self.unasked = self.unasked.saturating_add(u32::from(is_unasked));
        if !sender.mac.is_none() {
            self.macs.add(sender.mac);
        }
        self.ports.add((protocol, host.port));
        self.hosts.add(host.device);
        self.first.get_or_insert((*sender, flow));
        if self.targets.len() < NAMED && !self.targets.iter().any(|known| known.device == host.device) {
            self.targets.push(*host);
        }
        if self.fresh <= FEWEST / 10 && self.told.is_none() {
            // A window may begin with a stray packet.
            self.rise = at;
        }
    }

    /// Whether most of it goes to one host, which then tells it.
    fn has_host(&self) -> bool {
        self.hosts.leader(self.flows, 50).is_some()
    }

    fn is_outstanding(&self, sender: DeviceKey) -> bool {
        let addresses = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX).max(1);
        let much = LITTLE.max((self.flows / addresses).saturating_mul(MUCH));
        self.addresses.get(&sender).is_some_and(|flows| *flows > much)
    }

    fn limit(&self, normal: Normal) -> u32 {
        let least = match normal.learned {
            Learned::Yes => FEWEST,
            Learned::No if u64::from(self.outside) * 2 > u64::from(self.flows) => FEWEST,
            Learned::No => FEWEST_COLD,
        };
        least.max(normal.empty.saturating_mul(4))
    }

    /// The station that sends most of it; where none does, the first of all.
    fn source(&self, memory: &Memory) -> Option<Endpoint> {
        let (first, _) = self.first?;
        let station =
            self.macs.leader(self.flows, 50).map(|mac| station(memory, mac, abi::address::Ip::NONE));
        Some(station.unwrap_or(Endpoint { port: 0, ..first }))
    }

    fn tell(&mut self, common: Common, now: Timestamp, limit: u32, memory: &Memory) -> Option<Case> {
        let source = match &self.told {
            Some(told) => told.source,
            None => self.source(memory)?,
        };
        let kind = match &self.told {
            Some(told) => told.kind,
            None if common == Common::Station => "address-forging",
            None if u64::from(self.tcp) * 2 > u64::from(self.flows) => FLOODING,
            None => POURING,
        };
        self.told = Some(Told { at: now, flows: self.flows, source, kind, limit });
        let addresses = self.addresses.len();
        let port = match self.ports.leader(self.flows, 60) {
            Some((protocol, port)) => format!(" {}", place(protocol, port)),
            None => String::new(),
        };
        let (id, severity, techniques, target) = match (common, self.targets.first()) {
            (Common::Host, Some(host)) => ("F3", Severity::High, FLOOD, name(host)),
            (Common::Host | Common::Station, _) => ("F4", Severity::Medium, FORGING, "many hosts".to_owned()),
        };
        let text = format!(
            "{addresses} addresses never met before sent {} flows to {target}{port} within {} s, and not one held a \
             conversation: {}. {}",
            self.flows,
            now.since(self.rise) / SECOND + 1,
            self.cause(),
            self.who(&source),
        );
        let (_, flow) = self.first?;
        Some(Case {
            first: self.rise,
            last: now,
            kind,
            severity,
            techniques,
            source,
            targets: self.targets.clone(),
            text,
            evidence: vec![ruled(id, figure(addresses as u64), f64::from(limit))],
            flows: vec![flow],
        })
    }

    fn cause(&self) -> &'static str {
        if u64::from(self.unasked) * 2 > u64::from(self.flows) {
            "they answer questions that somebody asks with a forged source address"
        } else {
            "the source addresses are forged"
        }
    }

    fn who(&self, source: &Endpoint) -> String {
        match self.macs.leader(self.flows, 50) {
            Some(mac) if mac == source.mac => {
                format!("The station {mac} sends them, or forwards them for who does")
            }
            Some(_) | None => {
                format!("No station sends most of them, and {} was only the first", name(source))
            }
        }
    }
}

fn place(protocol: u8, port: u16) -> String {
    match protocol {
        1 => "by ICMP".to_owned(),
        6 => format!("TCP port {port}"),
        17 => format!("UDP port {port}"),
        other => format!("by IP protocol {other}"),
    }
}

#[cfg(test)]
mod tests;
