//! What identifies one direction of a flow: addresses, ports, protocol, VLANs, in few words.

use crate::address::{Ip, Mac};
use crate::headers::{Headers, ether_type, protocol};
use crate::mix::mix;

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// IPv4: source and destination, 32 bits each. IPv6: a digest of `wide`.
    pub(crate) short: u64,
    /// Source port, destination port, protocol, two VLAN identifiers of 12 bits.
    pub(crate) tuple: u64,
    /// IPv6: source and destination, two words each. IPv4: zeros.
    pub(crate) wide: [u64; 4],
    /// [`FOUR`] or [`SIX`].
    pub(crate) family: u64,
}

/// The entry is in use, and its addresses are IPv4's.
pub(crate) const FOUR: u64 = 1;
/// The entry is in use, and its addresses are IPv6's.
pub(crate) const SIX: u64 = 2;

const VLAN_BITS: u64 = 0x00ff_ffff;
const MAPPED: u64 = 0xffff;

impl Key {
    /// That of no flow.
    pub(crate) const NONE: Key = Key::v4(0, 0);

    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn of(headers: &Headers, seed: u64) -> Key {
        let (src_port, dst_port) = ports(headers);
        let [outer, inner] = headers.vlan;
        let tuple = (u64::from(src_port) << 48)
            | (u64::from(dst_port) << 32)
            | (u64::from(headers.protocol) << 24)
            | (u64::from(outer & 0xfff) << 12)
            | u64::from(inner & 0xfff);
        let [s0, s1] = words(headers.src);
        let [d0, d1] = words(headers.dst);
        let is_v4 = headers.ether_type == ether_type::IPV4;
        if is_v4 && s0 | d0 == 0 && s1 >> 32 == MAPPED && d1 >> 32 == MAPPED {
            Key::v4((s1 << 32) | (d1 & 0xffff_ffff), tuple)
        } else {
            Key::v6([s0, s1, d0, d1], tuple, seed)
        }
    }

    /// The key of source and destination in the halves of `short`.
    #[inline(always)]
    pub(crate) const fn v4(short: u64, tuple: u64) -> Key {
        Key { short, tuple, wide: [0; 4], family: FOUR }
    }

    #[inline(always)]
    pub(crate) fn v6(wide: [u64; 4], tuple: u64, seed: u64) -> Key {
        Key { short: mix(wide, seed), tuple, wide, family: SIX }
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn reversed(&self, seed: u64) -> Key {
        let ports = self.tuple >> 32;
        let turned = ((ports & 0xffff) << 16) | (ports >> 16);
        let tuple = (turned << 32) | (self.tuple & 0xffff_ffff);
        if self.family == FOUR {
            return Key::v4(self.short.rotate_left(32), tuple);
        }
        let [s0, s1, d0, d1] = self.wide;
        Key::v6([d0, d1, s0, s1], tuple, seed)
    }

    /// The port that names the service, as [`crate::table::Tables::class`] wants it.
    pub(crate) const fn dst_port(&self) -> u16 {
        (self.tuple >> 32 & 0xffff) as u16
    }

    /// The port of the other side, which names the service of what is answered.
    pub(crate) const fn src_port(&self) -> u16 {
        (self.tuple >> 48) as u16
    }

    pub(crate) const fn protocol(&self) -> u8 {
        (self.tuple >> 24 & 0xff) as u8
    }

    /// The VLANs are no part of the hash: a reply that was routed comes back in another VLAN and must be found.
    #[inline(always)]
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        mix([self.short, self.tuple & !VLAN_BITS], seed)
    }
}

/// Whether two tuples are equal but for the VLANs.
pub(crate) const fn alike(one: u64, other: u64) -> bool {
    (one ^ other) & !VLAN_BITS == 0
}

/// VLAN identifiers of a tuple, outer then inner.
pub(crate) const fn vlan(tuple: u64) -> [u16; 2] {
    [(tuple >> 12 & 0xfff) as u16, (tuple & 0xfff) as u16]
}

pub(crate) const fn words(ip: Ip) -> [u64; 2] {
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, ba, bb, bc, bd, be, bf] = ip.0;
    [
        u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
        u64::from_be_bytes([b8, b9, ba, bb, bc, bd, be, bf]),
    ]
}

/// A MAC address in the upper 48 bits.
pub(crate) const fn mac_word(mac: Mac) -> u64 {
    let [b0, b1, b2, b3, b4, b5] = mac.0;
    u64::from_be_bytes([b0, b1, b2, b3, b4, b5, 0, 0])
}

/// The MAC address of the upper 48 bits.
pub(crate) const fn mac_of(word: u64) -> Mac {
    let [b0, b1, b2, b3, b4, b5, _, _] = word.to_be_bytes();
    Mac([b0, b1, b2, b3, b4, b5])
}

/// The ports of a key. ICMP queries and their answers are made each other's reverse (RFC 792, RFC 4443, RFC 4620);
/// all else of ICMP gets a port that has no reverse.
fn ports(headers: &Headers) -> (u16, u16) {
    let kind = headers.src_port;
    let answer = match headers.protocol {
        protocol::ICMP => match kind {
            8 | 0 => Some((8, 0)),
            13 | 14 => Some((13, 14)),
            17 | 18 => Some((17, 18)),
            _ => None,
        },
        protocol::ICMPV6 => match kind {
            128 | 129 => Some((128, 129)),
            139 | 140 => Some((139, 140)),
            _ => None,
        },
        _ => return (headers.src_port, headers.dst_port),
    };
    match answer {
        Some((query, answer)) if kind == query => (query, answer),
        Some((query, answer)) => (answer, query),
        None => ((kind << 8) | (headers.dst_port & 0xff), u16::MAX),
    }
}
