//! B1 to B9: which station may use which address, lease addresses, advertise routes; and who claims what is another's.

mod judge;

pub(crate) use judge::FORGING;

use crate::baseline::{KnownBinding, KnownStation};
use crate::record::{Sighting, SightingKind};
use crate::volume::Learned;
use abi::address::{Ip, Mac, SECOND, Timestamp};
use rustc_hash::FxHashMap;

/// Addresses and stations that are remembered.
const OWNERS: usize = 131_072;
const STATIONS: usize = 65_536;
/// Stations that may share an address (VRRP, failover clusters).
const SHARERS: usize = 2;
/// Addresses from which a station is a router.
const ROUTER: u16 = 4;
/// VLANs remembered of a station.
const VLANS: usize = 4;
const MINUTE: u64 = 60 * SECOND;
/// An address whose owner was heard this recently is in use.
const IN_USE: u64 = 600 * SECOND;
/// Unasked ARP replies in a minute that are no announcement any more.
const UNASKED: u16 = 5;
/// Fewest addresses asked for in a minute that are a sweep; the same without a baseline.
const ASKED: u32 = 24;
const ASKED_COLD: u32 = 64;
/// Fewest new stations in ten seconds that are a flood of MAC addresses.
const FLOOD: u32 = 200;
const FLOOD_SPAN: u64 = 10 * SECOND;
/// Addresses that strangers claim within a minute, from which they are one cause; fewer are one by one.
const STRANGERS: u32 = 8;
/// New addresses of one station within ten seconds that are forged.
const FORGED: u16 = 64;
/// Forging stations that are remembered, and how long after.
const FORGERS: usize = 256;
const FORGES: u64 = 20 * SECOND;
/// A flood of MAC addresses that is told again this soon is the same.
const SAME_FLOOD: u64 = 5 * MINUTE;

#[expect(clippy::struct_excessive_bools, reason = "two independent facts")]
#[derive(Clone, Copy, Debug)]
struct Owner {
    macs: [Mac; SHARERS],
    last: Timestamp,
    /// Said by ARP, neighbour discovery or a lease, not only by frames.
    confirmed: bool,
    known: bool,
    strangers: Strangers,
}

/// Stations that show no address but one that is another's: the first stands for those that follow it.
#[derive(Clone, Copy, Debug, Default)]
struct Strangers {
    first: Mac,
    last: Timestamp,
    count: u32,
}

impl Strangers {
    const NONE: Strangers = Strangers { first: Mac::NONE, last: Timestamp(0), count: 0 };

    /// One more claim by a stranger, and whether its station was never seen before. Says whether it is the first.
    fn claim(&mut self, mac: Mac, at: Timestamp, fresh: Fresh) -> bool {
        if self.count == 0 || at.since(self.last) >= MINUTE {
            *self = Strangers { first: mac, last: at, count: 1 };
            return true;
        }
        self.last = at;
        if fresh == Fresh::Yes {
            self.count = self.count.saturating_add(1);
        }
        false
    }
}

/// Whether a station was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fresh {
    Yes,
    No,
}

#[expect(clippy::struct_excessive_bools, reason = "independent roles of a station")]
#[derive(Clone, Copy, Debug)]
struct Station {
    own: Ip,
    addresses: u16,
    vlans: [u16; VLANS],
    vlan_at: Timestamp,
    is_router: bool,
    leases: bool,
    advertises: bool,
    known: bool,
    /// Unasked replies and distinct addresses asked for, in the minute from `minute`.
    minute: Timestamp,
    unasked: u16,
    asked: [u64; 4],
    /// New addresses in the ten seconds from `burst`.
    burst: Timestamp,
    fresh: u16,
}

/// Who may use what.
#[derive(Debug, Default)]
pub(crate) struct Binding {
    owners: FxHashMap<Ip, Owner>,
    stations: FxHashMap<Mac, Station>,
    begun: Option<Timestamp>,
    flood_start: Timestamp,
    /// When a flood was told last, and what stood for it.
    flood_told: Timestamp,
    flood_source: (Mac, Ip),
    /// When stations were last made up faster than a switch can remember.
    overrun: Timestamp,
    /// Addresses that strangers claim, from `STRANGERS` on the strangers themselves, and the first of them.
    strangers: Strangers,
    /// Stations that forge addresses, and when they did last.
    forgers: FxHashMap<Mac, Timestamp>,
    flood: u32,
    /// Most new stations in ten seconds, and most addresses asked for in a minute, so far; for learning.
    pub(crate) most_new: u32,
    pub(crate) most_asked: u32,
    pub(crate) lost: u64,
}

/// What benign time allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    pub(crate) learned: Learned,
    pub(crate) asked: u32,
    pub(crate) new_stations: u32,
}

/// VRRP and HSRP move an address between stations by design (RFC 9568 section 7.3, RFC 2281).
fn is_virtual(mac: Mac) -> bool {
    matches!(mac.0, [0, 0, 0x5e, 0, 1 | 2, _] | [0, 0, 0x0c, 0x07, 0xac, _] | [0, 0, 0x0c, 0x9f, _, _])
}

fn is_address(ip: Ip) -> bool {
    !ip.is_none() && ip != Ip::v4([0; 4]) && !ip.is_group()
}

impl Binding {
    pub(crate) fn from_baseline(bindings: &[KnownBinding], stations: &[KnownStation]) -> Binding {
        let mut binding = Binding::default();
        for KnownBinding { ip, mac } in bindings.iter().take(OWNERS) {
            let fresh = Owner {
                macs: [Mac::NONE; SHARERS],
                last: Timestamp(0),
                confirmed: true,
                known: true,
                strangers: Strangers::NONE,
            };
            let owner = binding.owners.entry(*ip).or_insert(fresh);
            if let Some(free) = owner.macs.iter_mut().find(|free| free.is_none()) {
                *free = *mac;
            }
        }
        for known in stations.iter().take(STATIONS) {
            let mut station = Station::new(known.own, Timestamp(0));
            for (place, vlan) in station.vlans.iter_mut().zip(&known.vlans) {
                *place = *vlan;
            }
            station.is_router = known.is_router;
            station.leases = known.leases;
            station.advertises = known.advertises;
            station.known = true;
            binding.stations.insert(known.mac, station);
        }
        binding
    }

    pub(crate) fn to_baseline(&self) -> (Vec<KnownBinding>, Vec<KnownStation>) {
        let mut bindings: Vec<KnownBinding> = self
            .owners
            .iter()
            .filter(|(_, owner)| owner.confirmed || self.is_single(owner))
            .flat_map(|(ip, owner)| {
                owner.macs.iter().filter(|mac| !mac.is_none()).map(|mac| KnownBinding { ip: *ip, mac: *mac })
            })
            .collect();
        bindings.sort();
        let mut stations: Vec<KnownStation> = self
            .stations
            .iter()
            .map(|(mac, station)| KnownStation {
                mac: *mac,
                own: station.own,
                vlans: station.vlans.iter().copied().filter(|vlan| *vlan != 0).collect(),
                is_router: station.is_router || station.addresses >= ROUTER,
                leases: station.leases,
                advertises: station.advertises,
            })
            .collect();
        stations.sort();
        (bindings, stations)
    }

    /// Whether frames alone bind an address to a station that is no router.
    fn is_single(&self, owner: &Owner) -> bool {
        owner
            .macs
            .iter()
            .filter(|mac| !mac.is_none())
            .all(|mac| self.stations.get(mac).is_some_and(|station| station.addresses < ROUTER))
    }

    /// Learns from a sighting in benign time.
    pub(crate) fn learn(&mut self, sighting: &Sighting) {
        let mut ignored = Vec::new();
        self.note(sighting, &mut ignored);
        if let Some(station) = self.stations.get_mut(&sighting.frame_mac) {
            match sighting.kind {
                SightingKind::DhcpServer => station.leases = true,
                SightingKind::RouterAdvertisement => station.advertises = true,
                SightingKind::ArpRequest { .. }
                | SightingKind::ArpReply { .. }
                | SightingKind::NeighbourAdvertisement
                | SightingKind::DhcpLease
                | SightingKind::Frame => {}
            }
        }
        let is_server = matches!(sighting.kind, SightingKind::DhcpServer | SightingKind::RouterAdvertisement);
        if is_server || !is_address(sighting.ip) || is_virtual(sighting.mac) {
            return;
        }
        let confirmed = sighting.kind != SightingKind::Frame;
        if !confirmed && !sighting.ip.is_internal() {
            return;
        }
        if self.owners.len() >= OWNERS && !self.owners.contains_key(&sighting.ip) {
            self.lost += 1;
            return;
        }
        let fresh = Owner {
            macs: [Mac::NONE; SHARERS],
            last: sighting.at,
            confirmed,
            known: false,
            strangers: Strangers::NONE,
        };
        let owner = self.owners.entry(sighting.ip).or_insert(fresh);
        if confirmed && !owner.confirmed {
            *owner = fresh;
        }
        if (confirmed || !owner.confirmed)
            && !owner.macs.contains(&sighting.mac)
            && let Some(free) = owner.macs.iter_mut().find(|free| free.is_none())
        {
            *free = sighting.mac;
        }
    }

    /// Whether a station is a router by benign time.
    pub(crate) fn is_router(&self, mac: Mac) -> bool {
        self.stations.get(&mac).is_some_and(|station| station.is_router)
    }

    /// Whether a station makes up addresses now.
    pub(crate) fn is_forging(&self, mac: Mac, now: Timestamp) -> bool {
        !self.forgers.is_empty() && self.forgers.get(&mac).is_some_and(|at| now.since(*at) < FORGES)
    }

    /// Whether stations are being made up now.
    pub(crate) fn is_overrun(&self, now: Timestamp) -> bool {
        self.overrun.0 != 0 && now.since(self.overrun) < FORGES
    }

    /// Remembers that a station makes up addresses.
    fn forges(&mut self, mac: Mac, at: Timestamp) {
        if self.forgers.len() >= FORGERS {
            self.forgers.retain(|_, last| at.since(*last) < FORGES);
        }
        if self.forgers.len() < FORGERS {
            self.forgers.insert(mac, at);
        } else {
            self.lost += 1;
        }
    }

    /// Keeps what stations there are, in learning as in judging. Gives out the stations that are new.
    fn note(&mut self, sighting: &Sighting, fresh: &mut Vec<Mac>) {
        let mac = sighting.frame_mac;
        if mac.is_group() || mac.is_none() {
            return;
        }
        if self.stations.len() >= STATIONS && !self.stations.contains_key(&mac) {
            self.lost += 1;
            self.flood = self.flood.saturating_add(1);
            return;
        }
        let is_own =
            sighting.mac == mac && sighting.kind != SightingKind::DhcpLease && is_address(sighting.ip);
        let at = sighting.at;
        if at.since(self.flood_start) >= FLOOD_SPAN {
            self.flood_start = at;
            self.flood = 0;
        }
        let entry = self.stations.entry(mac).or_insert_with(|| {
            fresh.push(mac);
            Station::new(Ip::NONE, at)
        });
        if !fresh.is_empty() {
            self.flood += 1;
            // Where the capture begins, every station is new.
            let begun = *self.begun.get_or_insert(at);
            if at.since(begun) >= MINUTE {
                self.most_new = self.most_new.max(self.flood);
            }
        }
        if is_own && !sighting.ip.is_link_local() {
            if entry.own.is_none() {
                entry.own = sighting.ip;
            }
            if sighting.kind == SightingKind::Frame && entry.own != sighting.ip {
                entry.addresses = entry.addresses.saturating_add(1);
            }
        }
        entry.turn(at);
        if let SightingKind::ArpRequest { target } = sighting.kind {
            self.most_asked = self.most_asked.max(entry.ask(target));
        }
        if sighting.vlan != 0
            && !entry.vlans.contains(&sighting.vlan)
            && let Some(free) = entry.vlans.iter_mut().find(|free| **free == 0)
            && !entry.known
        {
            *free = sighting.vlan;
        }
    }
}

impl Station {
    fn new(own: Ip, at: Timestamp) -> Station {
        Station {
            own,
            addresses: 0,
            vlans: [0; VLANS],
            vlan_at: Timestamp(0),
            is_router: false,
            leases: false,
            advertises: false,
            known: false,
            minute: at,
            unasked: 0,
            asked: [0; 4],
            burst: Timestamp(0),
            fresh: 0,
        }
    }

    fn turn(&mut self, at: Timestamp) {
        if at.since(self.minute) >= MINUTE {
            self.minute = at;
            self.unasked = 0;
            self.asked = [0; 4];
        }
    }

    /// Notes an address asked for; the distinct ones so far.
    fn ask(&mut self, target: Ip) -> u32 {
        let [.., low] = target.0;
        if let Some(word) = self.asked.get_mut(usize::from(low >> 6)) {
            *word |= 1 << (low & 63);
        }
        self.asked()
    }

    fn asked(&self) -> u32 {
        self.asked.iter().map(|word| word.count_ones()).sum()
    }
}

#[cfg(test)]
mod tests;
