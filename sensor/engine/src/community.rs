//! The Community ID of a flow, version 1: one text by which Zeek, Suricata, Arkime and others name the same flow.
//!
//! `1:` and the Base64 of SHA-1 over seed, addresses, protocol, a zero byte and ports, both ends in a fixed order
//! (<https://github.com/corelight/community-id-spec>).

use abi::address::Ip;
use abi::headers::protocol;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// A Community ID: `1:` and 28 characters of Base64, all ASCII.
pub type CommunityId = [u8; 30];

/// The end of a flow as it is hashed.
type End = (Ip, u16);

/// How the two ends of the tuple are to be read.
enum Order {
    /// Both directions are one flow: the smaller end comes first.
    Sorted,
    /// A message that has no answer: source first, always.
    AsIs,
}

/// The Community ID with seed 0. For ICMP of either version `src.1` is the type and `dst.1` the code, as in the header;
/// protocols without ports take no part of `src.1` and `dst.1`.
#[must_use]
pub fn community_id(protocol: u8, src: (Ip, u16), dst: (Ip, u16)) -> CommunityId {
    let (src, dst, order) = match protocol {
        protocol::ICMP => icmp_ends(src, dst, counterpart_v4),
        protocol::ICMPV6 => icmp_ends(src, dst, counterpart_v6),
        _ => (src, dst, Order::Sorted),
    };
    let (first, second) = match order {
        Order::Sorted if dst < src => (dst, src),
        Order::Sorted | Order::AsIs => (src, dst),
    };
    text(digest(protocol, first, second))
}

/// ICMP has no ports: the type stands for one and the type of its answer for the other, so that request and answer meet.
fn icmp_ends(src: End, dst: End, counterpart: fn(u16) -> Option<u16>) -> (End, End, Order) {
    match counterpart(src.1) {
        Some(answer) => (src, (dst.0, answer), Order::Sorted),
        None => (src, dst, Order::AsIs),
    }
}

/// The ICMP type that answers (or asked for) this one (RFC 792, 950, 1256).
const fn counterpart_v4(kind: u16) -> Option<u16> {
    match kind {
        0 => Some(8),
        8 => Some(0),
        9 => Some(10),
        10 => Some(9),
        13 => Some(14),
        14 => Some(13),
        15 => Some(16),
        16 => Some(15),
        17 => Some(18),
        18 => Some(17),
        _ => None,
    }
}

/// The `ICMPv6` type that answers (or asked for) this one (RFC 4443, 2710, 4861, 4620, 6275).
const fn counterpart_v6(kind: u16) -> Option<u16> {
    match kind {
        128 => Some(129),
        129 => Some(128),
        130 => Some(131),
        131 => Some(130),
        133 => Some(134),
        134 => Some(133),
        135 => Some(136),
        136 => Some(135),
        139 => Some(140),
        140 => Some(139),
        144 => Some(145),
        145 => Some(144),
        _ => None,
    }
}

/// Hashes the ends in the order given.
fn digest(protocol: u8, first: End, second: End) -> [u8; 20] {
    // The seed.
    let mut hash = Sha1::new_with_prefix([0, 0]);
    if let (Some(v4), Some(other)) = (first.0.as_v4(), second.0.as_v4()) {
        hash.update(v4);
        hash.update(other);
    } else {
        hash.update(first.0.0);
        hash.update(second.0.0);
    }
    hash.update([protocol, 0]);
    if has_ports(protocol) {
        hash.update(first.1.to_be_bytes());
        hash.update(second.1.to_be_bytes());
    }
    hash.finalize().into()
}

/// The protocols whose ports the specification hashes.
const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, protocol::TCP | protocol::UDP | protocol::SCTP | protocol::ICMP | protocol::ICMPV6)
}

fn text(digest: [u8; 20]) -> CommunityId {
    let mut out: CommunityId = *b"1:AAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (_, encoded) = out.split_at_mut(2);
    let written = STANDARD.encode_slice(digest, encoded);
    // 20 bytes are 28 characters with the padding (RFC 4648 section 4): exactly what follows the prefix.
    debug_assert_eq!(written, Ok(28));
    out
}

#[cfg(test)]
mod tests;
