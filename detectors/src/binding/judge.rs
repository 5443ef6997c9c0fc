//! Judging sightings against the bindings.

use super::{
    ASKED, ASKED_COLD, Binding, FLOOD, FLOOD_SPAN, FORGED, Fresh, IN_USE, MINUTE, OWNERS, Owner, ROUTER,
    SAME_FLOOD, STRANGERS, Station, Strangers, UNASKED, Usual, is_address, is_virtual,
};
use crate::finding::{Severity, Technique};
use crate::memory::Memory;
use crate::record::{Endpoint, Sighting, SightingKind};
use crate::say::{Case, name, ruled, station};
use crate::volume::Learned;
use abi::address::{DeviceKey, Ip, Mac};

const SPOOFING: &[Technique] = &[Technique("T1557.002"), Technique("T0830")];
const TAKEOVER: &[Technique] = &[Technique("T1557"), Technique("T1036")];
const ROGUE_DHCP: &[Technique] = &[Technique("T1557.003"), Technique("T0830")];
const ROGUE_ROUTER: &[Technique] = &[Technique("T1557"), Technique("T0830")];
const MAC_FLOOD: &[Technique] = &[Technique("T1557"), Technique("T1040"), Technique("T1499")];
pub(crate) const FORGING: &[Technique] = &[Technique("T1036"), Technique("T1498")];
const SWEEP: &[Technique] = &[Technique("T1018"), Technique("T1046"), Technique("T0846")];
const BRIDGING: &[Technique] = &[Technique("T1599"), Technique("T1557")];

/// Whether a finding of a kind about a device would only be repeated: then its text need not be written.
pub(crate) type Told<'a> = &'a dyn Fn(DeviceKey, &'static str) -> bool;

impl Binding {
    /// Judges a sighting.
    pub(crate) fn judge(
        &mut self,
        sighting: &Sighting,
        usual: Usual,
        (memory, told): (&Memory, Told<'_>),
        out: &mut Vec<Case>,
    ) {
        let mut fresh = Vec::new();
        self.note(sighting, &mut fresh);
        // At a start without a baseline every station is new: only what no switch holds is a flood then.
        let least = match usual.learned {
            Learned::Yes => FLOOD,
            Learned::No => FLOOD.saturating_mul(5),
        };
        let is_overrun = !fresh.is_empty() && self.flood >= least.max(usual.new_stations.saturating_mul(4));
        if is_overrun {
            self.overrun = sighting.at;
        }
        let since = sighting.at.since(self.flood_told);
        if is_overrun && (self.flood_told.0 == 0 || since >= MINUTE) {
            // The forged addresses name nobody: one finding a minute stands for all of them, in the name of the first.
            if self.flood_told.0 == 0 || since >= SAME_FLOOD {
                self.flood_source = (sighting.frame_mac, sighting.ip);
            }
            self.flood_told = sighting.at;
            out.push(self.mac_flood(usual));
        }
        let fresh = if fresh.is_empty() { Fresh::No } else { Fresh::Yes };
        self.vlan(sighting, memory, out);
        match sighting.kind {
            SightingKind::ArpRequest { .. } => {
                self.sweep(sighting, usual, memory, out);
                self.claim(sighting, (memory, told), (usual, fresh), out);
            }
            SightingKind::ArpReply { target, asked } => {
                // An announcement tells a station's own address to itself or to nobody (RFC 5227 section 3).
                if !asked && target != sighting.ip && is_address(target) {
                    self.unasked(sighting, (memory, told), out);
                }
                self.claim(sighting, (memory, told), (usual, fresh), out);
            }
            SightingKind::NeighbourAdvertisement => self.claim(sighting, (memory, told), (usual, fresh), out),
            SightingKind::Frame => {
                self.forged(sighting, usual, memory, out);
                self.claim(sighting, (memory, told), (usual, fresh), out);
            }
            SightingKind::DhcpServer => self.server(sighting, usual, memory, out),
            SightingKind::RouterAdvertisement => self.router(sighting, usual, memory, out),
            SightingKind::DhcpLease => self.lease(sighting),
        }
    }

    /// B1, B2, B3: an address claimed by another station than its owner.
    fn claim(
        &mut self,
        sighting: &Sighting,
        (memory, told): (&Memory, Told<'_>),
        (usual, fresh): (Usual, Fresh),
        out: &mut Vec<Case>,
    ) {
        let Sighting { at, mac, ip, frame_mac, .. } = *sighting;
        if !is_address(ip) || is_virtual(mac) || is_virtual(frame_mac) {
            return;
        }
        // B3: the claim is made for a station by another one's frame, as tools do that put caches right behind them.
        if mac != frame_mac && sighting.kind != SightingKind::Frame {
            let relays = self.stations.get(&frame_mac).is_some_and(|station| station.is_router);
            if !relays {
                out.extend(self.spoofing(sighting, frame_mac, "B3", (memory, told)));
            }
            return;
        }
        let is_frame = sighting.kind == SightingKind::Frame;
        let Some(owner) = self.owners.get_mut(&ip) else {
            if self.owners.len() >= OWNERS {
                self.lost += 1;
            } else if !is_frame || ip.is_internal() {
                let macs = [mac, Mac::NONE];
                self.owners.insert(
                    ip,
                    Owner { macs, last: at, confirmed: !is_frame, known: false, strangers: Strangers::NONE },
                );
            }
            return;
        };
        if owner.macs.contains(&mac) {
            owner.last = at;
            owner.confirmed |= !is_frame;
            return;
        }
        if !owner.confirmed {
            // Only frames spoke for the owner so far, and a router's frames carry the addresses of others.
            if !is_frame {
                *owner = Owner { macs: [mac, Mac::NONE], confirmed: true, ..*owner };
                owner.last = at;
            }
            return;
        }
        let claimant = self.stations.get(&mac).copied().unwrap_or_else(|| Station::new(Ip::NONE, at));
        let is_cold_frame = is_frame && (usual.learned == Learned::No || !owner.known);
        if claimant.is_router
            || is_cold_frame
            || (is_frame && claimant.addresses >= ROUTER && !claimant.known)
        {
            return;
        }
        let has_own = is_address(claimant.own) && claimant.own != ip;
        let case = if has_own && !is_frame {
            self.spoofing(sighting, mac, "B2", (memory, told))
        } else {
            // A station that shows nothing but the claim may be made up, and so may the next: they are one cause.
            let is_stranger = !has_own && !claimant.known;
            if is_stranger {
                if owner.strangers.claim(mac, at, fresh) {
                    self.strangers.claim(mac, at, Fresh::Yes);
                } else if self.strangers.count >= STRANGERS {
                    self.strangers.claim(mac, at, fresh);
                }
            }
            let owner = *owner;
            let claimants = match is_stranger {
                false => Strangers::NONE,
                true if self.strangers.count >= STRANGERS => self.strangers,
                true => owner.strangers,
            };
            takeover(sighting, &owner, (has_own, claimants), (memory, told))
        };
        out.extend(case);
    }

    fn spoofing(
        &self,
        sighting: &Sighting,
        accused: Mac,
        id: &'static str,
        (memory, told): (&Memory, Told<'_>),
    ) -> Option<Case> {
        const KIND: &str = "arp-spoofing";
        let own = self.stations.get(&accused).map_or(Ip::NONE, |station| station.own);
        let source = station(memory, accused, if own == sighting.ip { Ip::NONE } else { own });
        if told(source.device, KIND) {
            return None;
        }
        let owner = self.owners.get(&sighting.ip);
        let owner_mac = owner.and_then(|owner| owner.macs.first().copied()).unwrap_or(Mac::NONE);
        let asker = match sighting.kind {
            SightingKind::ArpReply { target, .. } if is_address(target) => Some(target),
            SightingKind::ArpReply { .. }
            | SightingKind::ArpRequest { .. }
            | SightingKind::NeighbourAdvertisement
            | SightingKind::RouterAdvertisement
            | SightingKind::DhcpServer
            | SightingKind::DhcpLease
            | SightingKind::Frame => None,
        };
        let victim = asker.and_then(|ip| self.owners.get(&ip).map(|owner| (ip, owner)));
        let unasked = self.stations.get(&accused).map_or(0, |station| station.unasked);
        let text = format!(
            "{} ({accused}) claims {} by ARP, which belongs to {owner_mac}{}",
            name(&source),
            sighting.ip,
            asker.map(|ip| format!("; it told {ip}")).unwrap_or_default(),
        );
        let mut targets = vec![station(memory, owner_mac, sighting.ip)];
        if let Some((ip, owner)) = victim {
            targets.push(station(memory, owner.macs.first().copied().unwrap_or(Mac::NONE), ip));
        }
        let mut evidence = vec![ruled(id, 1.0, 0.0)];
        if unasked > 0 {
            evidence.push(ruled("B3", f64::from(unasked), 0.0));
        }
        Some(case(sighting, (KIND, Severity::High, SPOOFING), source, targets, (text, evidence)))
    }

    /// Many replies that nobody asked for, for an address that is not the station's own.
    fn unasked(&mut self, sighting: &Sighting, about: (&Memory, Told<'_>), out: &mut Vec<Case>) {
        let Some(station) = self.stations.get_mut(&sighting.frame_mac) else { return };
        station.unasked = station.unasked.saturating_add(1);
        let foreign = is_address(station.own) && station.own != sighting.ip && !station.is_router;
        let owned = self.owners.get(&sighting.ip).is_some_and(|owner| owner.macs.contains(&sighting.mac));
        if station.unasked >= UNASKED && foreign && owned && !station.known {
            out.extend(self.spoofing(sighting, sighting.frame_mac, "B3", about));
        }
    }

    /// E14 below IP: many addresses asked for.
    fn sweep(&mut self, sighting: &Sighting, usual: Usual, memory: &Memory, out: &mut Vec<Case>) {
        let Some(station_) = self.stations.get(&sighting.frame_mac) else { return };
        let asked = station_.asked();
        let limit = match usual.learned {
            Learned::Yes => ASKED.max(usual.asked.saturating_mul(2)),
            Learned::No => ASKED_COLD,
        };
        if asked < limit || station_.is_router {
            return;
        }
        let source = station(memory, sighting.frame_mac, station_.own);
        let text = format!("{} asked by ARP for about {asked} addresses within a minute", name(&source));
        let evidence = vec![ruled("E14", f64::from(asked), f64::from(usual.asked))];
        let mut found =
            case(sighting, ("port-scan", Severity::Medium, SWEEP), source, vec![], (text, evidence));
        found.first = station_.minute;
        out.push(found);
    }

    /// B8: one station sends from address after address.
    fn forged(&mut self, sighting: &Sighting, usual: Usual, memory: &Memory, out: &mut Vec<Case>) {
        let Some(station_) = self.stations.get_mut(&sighting.frame_mac) else { return };
        if station_.is_router || usual.learned == Learned::No {
            return;
        }
        if sighting.at.since(station_.burst) >= FLOOD_SPAN {
            station_.burst = sighting.at;
            station_.fresh = 0;
        }
        station_.fresh = station_.fresh.saturating_add(1);
        let (count, own) = (station_.fresh, station_.own);
        if count < FORGED {
            return;
        }
        self.forges(sighting.frame_mac, sighting.at);
        // Each doubling is told, not each address.
        if !count.is_power_of_two() {
            return;
        }
        let source = station(memory, sighting.frame_mac, own);
        let text = format!("{} sent from {count} new addresses within ten seconds", sighting.frame_mac);
        let evidence = vec![ruled("B8", f64::from(count), 1.0)];
        out.push(case(
            sighting,
            ("address-forging", Severity::Medium, FORGING),
            source,
            vec![],
            (text, evidence),
        ));
    }

    /// B4: somebody leases addresses who never did.
    fn server(&mut self, sighting: &Sighting, usual: Usual, memory: &Memory, out: &mut Vec<Case>) {
        let Some(station_) = self.stations.get_mut(&sighting.frame_mac) else { return };
        let is_new = !station_.leases && !station_.is_router;
        if usual.learned == Learned::No {
            station_.leases = true;
            return;
        }
        if !is_new {
            return;
        }
        let own = if is_address(station_.own) { station_.own } else { sighting.ip };
        // The known server's answer, forwarded by a station in the middle: the claim of the address tells that better.
        let is_forwarded = self
            .owners
            .get(&sighting.ip)
            .is_some_and(|owner| owner.known && !owner.macs.contains(&sighting.frame_mac));
        let source = station(memory, sighting.frame_mac, own);
        if is_forwarded {
            return;
        }
        let text = format!("{} answers DHCP as a server, which it never did in benign time", name(&source));
        let evidence = vec![ruled("B4", 1.0, 0.0)];
        out.push(case(
            sighting,
            ("rogue-dhcp", Severity::High, ROGUE_DHCP),
            source,
            vec![],
            (text, evidence),
        ));
    }

    /// B5: somebody advertises routes who never did.
    fn router(&mut self, sighting: &Sighting, usual: Usual, memory: &Memory, out: &mut Vec<Case>) {
        let Some(station_) = self.stations.get_mut(&sighting.frame_mac) else { return };
        if usual.learned == Learned::No {
            station_.advertises = true;
        }
        if station_.advertises || station_.is_router {
            return;
        }
        let source = station(memory, sighting.frame_mac, station_.own);
        let text = format!(
            "{} advertises itself as an IPv6 router, which it never did in benign time",
            name(&source)
        );
        let evidence = vec![ruled("B5", 1.0, 0.0)];
        out.push(case(
            sighting,
            ("rogue-router", Severity::High, ROGUE_ROUTER),
            source,
            vec![],
            (text, evidence),
        ));
    }

    /// A lease by a server that may lease moves the address.
    fn lease(&mut self, sighting: &Sighting) {
        let trusted =
            self.stations.get(&sighting.frame_mac).is_some_and(|server| server.leases || server.is_router);
        if !trusted
            || !is_address(sighting.ip)
            || (self.owners.len() >= OWNERS && !self.owners.contains_key(&sighting.ip))
        {
            return;
        }
        let owner = Owner {
            macs: [sighting.mac, Mac::NONE],
            last: sighting.at,
            confirmed: true,
            known: true,
            strangers: Strangers::NONE,
        };
        self.owners.insert(sighting.ip, owner);
        if let Some(station) = self.stations.get_mut(&sighting.mac) {
            station.own = sighting.ip;
        }
    }

    /// B9: a station that lives in one VLAN speaks in another within the same minute.
    fn vlan(&mut self, sighting: &Sighting, memory: &Memory, out: &mut Vec<Case>) {
        let Some(station_) = self.stations.get_mut(&sighting.frame_mac) else { return };
        let has_home = station_.known && station_.vlans.iter().any(|vlan| *vlan != 0);
        if sighting.vlan == 0 || station_.is_router || !has_home {
            return;
        }
        if station_.vlans.contains(&sighting.vlan) {
            station_.vlan_at = sighting.at;
            return;
        }
        if station_.vlan_at.0 == 0 || sighting.at.since(station_.vlan_at) > MINUTE {
            return;
        }
        let source = station(memory, sighting.frame_mac, station_.own);
        let text =
            format!("{} speaks in VLAN {}, and in its own at the same time", name(&source), sighting.vlan);
        let evidence = vec![ruled("B9", f64::from(sighting.vlan), 0.0)];
        out.push(case(
            sighting,
            ("vlan-bridging", Severity::Medium, BRIDGING),
            source,
            vec![],
            (text, evidence),
        ));
    }

    /// B7: more new stations than a switch can remember.
    fn mac_flood(&self, usual: Usual) -> Case {
        let (mac, ip) = self.flood_source;
        let source = Endpoint {
            device: DeviceKey::Mac(mac),
            ip,
            mac,
            port: 0,
            class: abi::device::DeviceType::Unknown,
            segment: None,
        };
        let text = format!(
            "{} new MAC addresses within ten seconds, {mac} among them; the most in benign time is {}",
            self.flood, usual.new_stations
        );
        let evidence = vec![ruled("B7", f64::from(self.flood), f64::from(usual.new_stations))];
        Case {
            first: self.flood_start,
            last: self.flood_told,
            kind: "mac-flood",
            severity: Severity::High,
            techniques: MAC_FLOOD,
            source,
            targets: vec![],
            text,
            evidence,
            flows: vec![],
        }
    }
}

/// B1: a known address on a new station. Where the owner has long been silent, a network card was changed.
fn takeover(
    sighting: &Sighting,
    owner: &Owner,
    (has_own, strangers): (bool, Strangers),
    (memory, told): (&Memory, Told<'_>),
) -> Option<Case> {
    let in_use = sighting.at.since(owner.last) < IN_USE && owner.last.0 != 0;
    let owner_mac = owner.macs.first().copied().unwrap_or(Mac::NONE);
    let own = if has_own { Ip::NONE } else { sighting.ip };
    let accused = if strangers.count > 1 { strangers.first } else { sighting.mac };
    let source = station(memory, accused, own);
    let (kind, severity) = if in_use || has_own {
        ("address-takeover", Severity::Medium)
    } else {
        ("address-moved", Severity::Low)
    };
    // More than ever is no repetition; each doubling is enough.
    let count = strangers.count.max(1);
    if told(source.device, kind) && !(count > 1 && count.is_power_of_two()) {
        return None;
    }
    let while_in_use = if in_use { " and was in use by it within ten minutes" } else { "" };
    let text = if count > 1 {
        format!(
            "{count} stations or more that show no other address use addresses of others, such as {}, which belongs to \
             {owner_mac}{while_in_use}: their MAC addresses are forged, and {accused} was only the first",
            sighting.ip,
        )
    } else {
        format!("{accused} uses {}, which belongs to {owner_mac}{while_in_use}", sighting.ip)
    };
    let evidence = vec![ruled("B1", f64::from(count), 0.0)];
    let targets = vec![station(memory, owner_mac, sighting.ip)];
    Some(case(sighting, (kind, severity, TAKEOVER), source, targets, (text, evidence)))
}

fn case(
    sighting: &Sighting,
    (kind, severity, techniques): (&'static str, Severity, &'static [Technique]),
    source: Endpoint,
    targets: Vec<Endpoint>,
    (text, evidence): (String, Vec<crate::finding::Evidence>),
) -> Case {
    let at = sighting.at;
    Case { first: at, last: at, kind, severity, techniques, source, targets, text, evidence, flows: vec![] }
}
