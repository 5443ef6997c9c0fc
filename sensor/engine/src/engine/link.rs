//! What frames say about addresses: ARP, neighbour discovery, and leases.

use super::Engine;
use crate::inventory::{Sender, Standing};
use abi::address::{Ip, SECOND, Timestamp};
use abi::headers::ether_type;
use detectors::record::{Sighting, SightingKind};
use wire::frame::Frame;
use wire::nd::Discovery;

/// An ARP reply within this time after the request was asked for.
const ASKED: u64 = 2 * SECOND;
const SLOTS: usize = 1024;

/// Who was asked for by ARP lately, by target; the most recent of each slot.
#[derive(Debug)]
pub(crate) struct Asked {
    slots: Box<[(Ip, Timestamp)]>,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { slots: vec![(Ip::NONE, Timestamp(0)); SLOTS].into_boxed_slice() }
    }
}

impl Asked {
    fn slot(ip: Ip) -> usize {
        let [.., a, b] = ip.0;
        usize::from(u16::from_be_bytes([a, b])) & (SLOTS - 1)
    }

    fn note(&mut self, target: Ip, at: Timestamp) {
        if let Some(slot) = self.slots.get_mut(Self::slot(target)) {
            *slot = (target, at);
        }
    }

    fn was(&self, target: Ip, at: Timestamp) -> bool {
        self.slots.get(Self::slot(target)).is_some_and(|&(ip, when)| ip == target && at.since(when) <= ASKED)
    }
}

impl Engine {
    /// A frame that is no IP packet.
    pub(super) fn link_frame(&mut self, frame: &Frame<'_>, at: Timestamp) {
        let headers = &frame.headers;
        if let Some(guard) = &mut self.guard {
            guard.judge(headers, frame.wire_len, at, wire::Side::Client);
        }
        if headers.ether_type == ether_type::ARP {
            self.arp(frame, at);
            return;
        }
        // A mirror's own gear speaks below IP too; only its address is learned.
        let [vlan, _] = headers.vlan;
        let sender =
            Sender { mac: headers.src_mac, ip: Ip::NONE, ttl: 0, vlan, at, standing: Standing::Shown };
        self.inventory.sender(&sender);
    }

    fn arp(&mut self, frame: &Frame<'_>, at: Timestamp) {
        let Some(arp) = wire::arp::read(frame.network()) else { return };
        let request = arp.operation == wire::arp::Operation::Request;
        let kind = if request {
            SightingKind::ArpRequest { target: arp.target_ip }
        } else {
            SightingKind::ArpReply { target: arp.target_ip, asked: self.asked.was(arp.sender_ip, at) }
        };
        if request {
            self.asked.note(arp.target_ip, at);
        }
        let [vlan, _] = frame.headers.vlan;
        let sighting = Sighting {
            at,
            kind,
            mac: arp.sender_mac,
            ip: arp.sender_ip,
            frame_mac: frame.headers.src_mac,
            vlan,
        };
        // A probe (RFC 5227) claims nothing: its sender address is zero.
        if arp.sender_ip.is_none() || arp.sender_ip == Ip::v4([0; 4]) {
            let sender = Sender {
                mac: frame.headers.src_mac,
                ip: Ip::NONE,
                ttl: 0,
                vlan,
                at,
                standing: Standing::Shown,
            };
            self.inventory.sender(&sender);
            return;
        }
        // The detectors see the claim before the inventory takes it over.
        self.sighting(&sighting);
        if request || !self.inventory.is_proxy(arp.sender_mac, arp.sender_ip) {
            self.inventory.claim(arp.sender_mac, arp.sender_ip, at);
        }
    }

    /// An `ICMPv6` message that tells of addresses.
    pub(super) fn discovery(&mut self, frame: &Frame<'_>, at: Timestamp) {
        let start = usize::from(frame.headers.transport_offset);
        let Some(message) = frame.bytes.get(start..).filter(|_| start > 0) else { return };
        let Some(discovery) = wire::nd::read(message) else { return };
        let headers = &frame.headers;
        let frame_mac = headers.src_mac;
        let (kind, mac, ip) = match discovery {
            Discovery::Advertisement { target, mac } => {
                (SightingKind::NeighbourAdvertisement, mac.unwrap_or(frame_mac), target)
            }
            Discovery::Router => (SightingKind::RouterAdvertisement, frame_mac, headers.src),
            Discovery::Solicitation { mac: Some(mac) } if !headers.src.is_none() => {
                self.inventory.claim(mac, headers.src, at);
                return;
            }
            Discovery::Solicitation { .. } => return,
        };
        let [vlan, _] = headers.vlan;
        self.sighting(&Sighting { at, kind, mac, ip, frame_mac, vlan });
        if kind == SightingKind::NeighbourAdvertisement {
            self.inventory.claim(mac, ip, at);
        }
    }
}
