//! A policy drafted from what was talked: segments by what devices are, rules by who asks whom for what, with the evidence beside
//! each line. It is a proposal to read, never an order: its mode is observe.
//!
//! What is proposed: services *seen often* (between several pairs of devices, or over a good part of the record) as plain rules, and
//! those *seen once* with `mode: alert`. What looks like scanning is not proposed, and said so.

mod text;

use crate::record::{Access, Record, Side};
use abi::address::{DeviceKey, Ip};
use abi::device::DeviceType;
use abi::headers::protocol;
use std::collections::{BTreeMap, BTreeSet};

/// A client with so many unanswered accesses, and as many as answered ones, scans.
const UNANSWERED: usize = 16;
/// A client that asks one server for so many ports scans it.
const PORTS: usize = 24;
/// An access with fewer flows may be part of a scan.
const FEW: u64 = 3;
/// So many server ports at or above 1024 between two segments were negotiated, and are proposed as a range.
const NEGOTIATED: usize = 8;
/// A service that was seen over this part of the record is a custom (one in this number).
const PART: u64 = 4;

/// What a draft is made by.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether patients depend on devices of a type.
    pub is_life_critical: fn(DeviceType) -> bool,
}

/// A drafted policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its text: YAML that compiles.
    pub text: String,
    /// Rules for what was seen often.
    pub often: usize,
    /// Rules for what was seen once.
    pub once: usize,
    /// Flows that are not proposed because they look like scanning.
    pub scans: u64,
}

/// Drafts a policy.
pub fn draft(record: &Record, style: Style) -> Draft {
    let profiles = Profiles::of(record);
    let scanners = scanners(record);
    let mut bonds: BTreeMap<(String, String), Bond> = BTreeMap::new();
    let mut scans: BTreeMap<DeviceKey, Scan> = BTreeMap::new();
    for access in &record.accesses {
        let client = access.client.device;
        if scanners.contains(&client) && access.flows < FEW {
            scans.entry(client).or_default().add(access);
            continue;
        }
        let from = profiles.name(access.client);
        // What goes to a group belongs to the sender's own segment.
        let to = if is_group(access.server) { from.clone() } else { profiles.name(access.server) };
        bonds.entry((from, to)).or_default().add(access);
    }
    text::write(record, &profiles, &bonds, &scans, style)
}

/// What two segments have to do with each other.
#[derive(Default)]
pub(crate) struct Bond {
    /// By protocol and port of the server.
    pub(crate) services: BTreeMap<(u8, u16), Seen>,
}

/// What was seen of a service between two segments.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) flows: u64,
    pub(crate) pairs: BTreeSet<(DeviceKey, DeviceKey)>,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// How sure a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Custom {
    Often,
    Once,
}

impl Bond {
    fn add(&mut self, access: &Access) {
        let seen = self.services.entry((access.protocol, access.port)).or_default();
        seen.join(access.flows, (access.first.0, access.last.0));
        seen.pairs.insert((access.client.device, access.server.device));
    }

    /// The services by how sure they are, negotiated ports as one service of port 0.
    pub(crate) fn customs(&self, span: u64) -> BTreeMap<(Custom, u8, u16), Seen> {
        let is_high =
            |&(protocol, port): &(u8, u16)| matches!(protocol, protocol::TCP | protocol::UDP) && port >= 1024;
        let count = |wanted: u8| self.services.keys().filter(|key| key.0 == wanted && is_high(key)).count();
        let is_range =
            [protocol::TCP, protocol::UDP].map(|protocol| (protocol, count(protocol) >= NEGOTIATED));
        let mut services: BTreeMap<(u8, u16), Seen> = BTreeMap::new();
        for (key, seen) in &self.services {
            let ranged = is_high(key) && is_range.contains(&(key.0, true));
            let sum = services.entry(if ranged { (key.0, 0) } else { *key }).or_default();
            sum.join(seen.flows, (seen.first, seen.last));
            sum.pairs.extend(&seen.pairs);
        }
        let keyed =
            services.into_iter().map(|((protocol, port), seen)| ((seen.custom(span), protocol, port), seen));
        keyed.collect()
    }
}

impl Seen {
    fn join(&mut self, flows: u64, (first, last): (u64, u64)) {
        self.first = if self.flows == 0 { first } else { self.first.min(first) };
        self.last = self.last.max(last);
        self.flows = self.flows.saturating_add(flows);
    }

    fn custom(&self, span: u64) -> Custom {
        let lasts = self.last.saturating_sub(self.first) >= span / PART;
        if self.flows > 1 && (self.pairs.len() > 1 || lasts) { Custom::Often } else { Custom::Once }
    }
}

/// What a scanning client was after.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) flows: u64,
    pub(crate) servers: BTreeSet<DeviceKey>,
    pub(crate) ports: BTreeSet<(u8, u16)>,
    pub(crate) ip: Ip,
}

impl Scan {
    fn add(&mut self, access: &Access) {
        self.flows = self.flows.saturating_add(access.flows);
        self.servers.insert(access.server.device);
        self.ports.insert((access.protocol, access.port));
        self.ip = access.client.ip;
    }
}

/// The clients that asked about.
fn scanners(record: &Record) -> BTreeSet<DeviceKey> {
    #[derive(Default)]
    struct Asked {
        answered: usize,
        unanswered: usize,
        ports: BTreeMap<DeviceKey, BTreeSet<u16>>,
    }
    let mut all: BTreeMap<DeviceKey, Asked> = BTreeMap::new();
    // Echo requests and connections; datagrams that nobody answers may be reports.
    for access in
        record.accesses.iter().filter(|access| matches!(access.protocol, protocol::TCP | protocol::ICMP))
    {
        let asked = all.entry(access.client.device).or_default();
        let count = if access.answered == 0 { &mut asked.unanswered } else { &mut asked.answered };
        *count = count.saturating_add(1);
        if access.flows < FEW {
            asked.ports.entry(access.server.device).or_default().insert(access.port);
        }
    }
    let scans = |asked: &Asked| {
        (asked.unanswered >= UNANSWERED && asked.unanswered >= asked.answered)
            || asked.ports.values().any(|ports| ports.len() >= PORTS)
    };
    all.into_iter().filter(|(_, asked)| scans(asked)).map(|(device, _)| device).collect()
}

/// Which segment each device is drafted into.
#[derive(Default)]
pub(crate) struct Profiles {
    /// By device; what is outside is in none of them.
    names: BTreeMap<DeviceKey, String>,
    /// Segments of one type of device.
    pub(crate) classes: BTreeMap<&'static str, (DeviceType, BTreeSet<DeviceKey>)>,
    /// Segments of devices whose type is not known, by network.
    pub(crate) networks: BTreeMap<String, BTreeSet<DeviceKey>>,
    /// The addresses of devices that were seen from beyond a router, where their MAC addresses are not.
    pub(crate) routed: BTreeMap<DeviceKey, BTreeSet<Ip>>,
}

impl Profiles {
    fn of(record: &Record) -> Profiles {
        let mut profiles = Profiles::default();
        for side in record.accesses.iter().flat_map(|access| [access.client, access.server]) {
            if is_group(side) || !side.ip.is_internal() {
                continue;
            }
            if side.device != DeviceKey::Mac(side.mac) {
                profiles.routed.entry(side.device).or_default().insert(side.ip);
            }
            if profiles.names.contains_key(&side.device) {
                continue;
            }
            let name = if let Some(&class) = record.classes.get(&side.device) {
                let name = class.word();
                profiles.classes.entry(name).or_insert((class, BTreeSet::new())).1.insert(side.device);
                name.to_owned()
            } else {
                let name = network(side.ip);
                profiles.networks.entry(name.clone()).or_default().insert(side.device);
                name
            };
            profiles.names.insert(side.device, name);
        }
        profiles
    }

    fn name(&self, side: Side) -> String {
        let known = self.names.get(&side.device).cloned();
        known.unwrap_or_else(|| if side.ip.is_internal() { "unassigned" } else { "internet" }.to_owned())
    }
}

/// The network of an address in a name: 24 bits of IPv4, 64 of IPv6.
fn network(ip: Ip) -> String {
    if let Some([a, b, c, _]) = ip.as_v4() {
        return format!("net-{a}-{b}-{c}");
    }
    let (pairs, _) = ip.0.as_chunks::<2>();
    let words: Vec<String> = pairs.iter().take(4).map(|[high, low]| format!("{high:02x}{low:02x}")).collect();
    format!("net-{}", words.join("-"))
}

fn is_group(side: Side) -> bool {
    side.ip.is_group() || side.mac.is_group() || side.ip.is_none()
}
