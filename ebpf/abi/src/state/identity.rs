//! Which segment an address belongs to: by MAC address, IP prefix, VLAN, or the class of the device.
//!
//! Precedence: a MAC address that the policy names, then the longest prefix, then the VLAN, then the class of the device
//! (by its IP address where it is routed, by its MAC address where it is local). Of what comes through a router, by its MAC
//! address or by a prefix that lies behind one, only the address says something.

mod address;
mod mac;
mod prefix4;
mod prefix6;

pub use address::ADDRESS_SLOTS;
pub use mac::{MAC_SLOTS, PlacedBy};
pub use prefix4::V4_BLOCKS;
pub use prefix6::{V6_LENGTHS, V6_SLOTS};

use crate::address::{Ip, Mac};
use crate::cell::Cell8;
use crate::headers::Headers;
use crate::table::{Full, SegmentId};

/// VLAN identifiers (IEEE 802.1Q).
const VLANS: usize = 4096;

/// One side of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Aligned, because the kernel takes no unaligned access to the stack.
#[repr(C, align(8))]
pub(crate) struct Endpoint {
    pub(crate) ip: Ip,
    pub(crate) mac: Mac,
    /// Outer, then inner.
    pub(crate) vlan: [u16; 2],
}

/// What is known of an address by its prefixes, in one word: the number of the segment whose prefix is the longest, in the
/// next eight bits the length of that and one, and a bit where any prefix lies behind routers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Found(u64);

impl Found {
    pub(crate) const NOTHING: Found = Found(0);
    const SEGMENT: u64 = 0xff;
    const ROUTED: u64 = 1 << 16;

    const fn segment(self) -> Option<SegmentId> {
        SegmentId::new((self.0 & Found::SEGMENT) as u8)
    }

    /// The same, if the prefix has at least so many bits.
    const fn segment_within(self, least: u64) -> Option<SegmentId> {
        if self.0 >> 8 & 0xff > least { self.segment() } else { None }
    }

    /// Whether frames have the MAC address of whichever router took them.
    pub(crate) const fn is_routed(self) -> bool {
        self.0 & Found::ROUTED != 0
    }
}

/// The segment of every known address.
#[repr(C)]
pub struct Identities {
    macs: mac::Macs,
    prefixes4: prefix4::Prefixes,
    prefixes6: prefix6::Prefixes,
    addresses: address::Addresses,
    /// Segment number by VLAN identifier.
    vlans: [Cell8; VLANS],
}

impl Identities {
    /// Places a MAC address. A placement by the policy itself holds against a later one by class.
    pub fn place_mac(&self, mac: Mac, segment: SegmentId, by: PlacedBy) -> Result<(), Full> {
        self.macs.place(mac, segment, by)
    }

    /// Says that a MAC address is a router's: what comes from it or goes to it is somebody else's, so the MAC address
    /// and the VLAN do not place it, and a change to another router is no move.
    pub fn mark_router(&self, mac: Mac) -> Result<(), Full> {
        self.macs.mark_router(mac)
    }

    /// The same by the policy, and for as long as that is in force.
    pub fn declare_router(&self, mac: Mac) -> Result<(), Full> {
        self.macs.declare_router(mac)
    }

    /// Says that the addresses of a prefix lie behind routers: whichever MAC address their frames have, it does not place
    /// them, and neither does the VLAN; their flows are not bound to it, and a change of it is no move.
    pub fn route_prefix(&self, network: Ip, len: u8) -> Result<(), Full> {
        match network.as_v4() {
            Some(v4) => self.prefixes4.route(u32::from_be_bytes(v4), len),
            None => self.prefixes6.route(network, len),
        }
    }

    /// Forgets everything about a MAC address.
    pub fn forget_mac(&self, mac: Mac) {
        self.macs.forget(mac);
    }

    /// Places a prefix, in any order; the longest one that matches decides. `len` counts in the bits of the address's own
    /// family and is cut to its width; bits of `network` beyond it are ignored. Placing the same prefix again replaces it.
    pub fn place_prefix(&self, network: Ip, len: u8, segment: SegmentId) -> Result<(), Full> {
        match network.as_v4() {
            Some(v4) => self.prefixes4.place(u32::from_be_bytes(v4), len, segment),
            None => self.prefixes6.place(network, len, segment),
        }
    }

    /// Places a VLAN (1 to 4094). With two tags the inner one decides if it is placed.
    pub fn place_vlan(&self, vlan: u16, segment: SegmentId) {
        if let Some(slot) = self.vlans.get(usize::from(vlan)) {
            slot.store(SegmentId::number(Some(segment)));
        }
    }

    /// Places a routed device by its class: one IP address.
    pub fn place_address(&self, ip: Ip, segment: SegmentId) -> Result<(), Full> {
        self.addresses.place(ip, segment)
    }

    /// Forgets where an IP address was placed by class.
    pub fn forget_address(&self, ip: Ip) {
        self.addresses.forget(ip);
    }

    /// Forgets what a policy says, as before a new one. Routers that were marked stay so.
    pub fn forget_segments(&self) {
        self.macs.forget_segments();
        self.forget_places();
    }

    /// Becomes the routers of other identities and nothing else, as before a new policy in the idle buffer.
    pub fn take_routers(&self, other: &Identities) {
        self.macs.take_routers(&other.macs);
        self.forget_places();
    }

    fn forget_places(&self) {
        self.prefixes4.forget();
        self.prefixes6.forget();
        self.addresses.forget_all();
        for vlan in &self.vlans {
            vlan.store(0);
        }
    }

    /// The segment of an address that was seen on its own (a device of the inventory), by the same precedence.
    pub fn segment_of(&self, mac: Mac, ip: Ip, vlan: [u16; 2]) -> Option<SegmentId> {
        self.segment(&Endpoint { ip, mac, vlan }, self.found(ip))
    }

    /// Whether a MAC address is a router's.
    pub fn is_router(&self, mac: Mac) -> bool {
        self.macs.find(mac).is_some_and(mac::Entry::is_router)
    }

    /// Whether frames of a sender, of whom this is found, that had one MAC address and now have another are no move: it lies
    /// behind routers, or both are routers that take turns (VRRP, HSRP, several of equal cost).
    #[inline(always)]
    pub(crate) fn is_turn(&self, sender: Found, [before, now]: [Mac; 2]) -> bool {
        sender.is_routed() || self.are_routers([before, now])
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn are_routers(&self, [one, other]: [Mac; 2]) -> bool {
        self.is_router(one) && self.is_router(other)
    }

    /// The segment in which the policy names a MAC address, though it may forward for others.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn named(&self, mac: Mac) -> Option<SegmentId> {
        self.macs.find(mac).and_then(|entry| entry.segment(PlacedBy::Policy))
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn segment(&self, endpoint: &Endpoint, found: Found) -> Option<SegmentId> {
        let entry = self.macs.find(endpoint.mac).unwrap_or_default();
        let is_beyond = entry.is_router() || found.is_routed();
        if let (false, Some(segment)) = (is_beyond, entry.segment(PlacedBy::Policy)) {
            return Some(segment);
        }
        if let Some(segment) = found.segment() {
            return Some(segment);
        }
        if is_beyond {
            return self.addresses.find(endpoint.ip);
        }
        let [outer, inner] = endpoint.vlan;
        self.vlan(inner)
            .or_else(|| self.vlan(outer))
            .or_else(|| self.addresses.find(endpoint.ip))
            .or_else(|| entry.segment(PlacedBy::Class))
    }

    /// The two sides of a frame, by what is found of their addresses. A group has no segment of its own: it is the sender's, unless a prefix of group
    /// addresses names it.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn sides(
        &self,
        headers: &Headers,
        [src, dst]: [Found; 2],
    ) -> (Option<SegmentId>, Option<SegmentId>) {
        let sender = Endpoint { mac: headers.src_mac, ip: headers.src, vlan: headers.vlan };
        let from = self.segment(&sender, src);
        let to = if headers.dst.is_group() {
            // A prefix such as 0.0.0.0/0 means hosts; only one that lies within the groups means groups.
            let least = if headers.dst.as_v4().is_some() { 4 } else { 8 };
            dst.segment_within(least).or(from)
        } else if headers.dst_mac.is_group() {
            dst.segment().or(from)
        } else {
            let receiver = Endpoint { mac: headers.dst_mac, ip: headers.dst, vlan: headers.vlan };
            self.segment(&receiver, dst)
        };
        (from, to)
    }

    /// What the prefixes of an address say of it.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn found(&self, ip: Ip) -> Found {
        match ip.as_v4() {
            Some(v4) => self.prefixes4.find(u32::from_be_bytes(v4)),
            None if ip.is_none() => Found::NOTHING,
            None => self.prefixes6.find(ip),
        }
    }

    fn vlan(&self, vlan: u16) -> Option<SegmentId> {
        // Identifier 0 is "no tag"; its slot can only be filled by a policy that names it, which means nothing.
        if vlan == 0 {
            return None;
        }
        self.vlans.get(usize::from(vlan)).map(Cell8::load).and_then(SegmentId::new)
    }
}
