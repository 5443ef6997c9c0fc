//! The path of most frames in the kernel: TCP and UDP without options, by constant offsets, to a cached verdict.
//!
//! It says nothing that [`super::judge`] would not say: it finds the same key for the same bytes, asks the same entry, and
//! leaves everything else alone.

use super::Fate;
use crate::address::Timestamp;
use crate::headers::{Bytes, ether_type, protocol};
use crate::state::{Key, Moment, Share, State};

/// The fate of a frame of a flow whose verdict is known, current, and bound to this sender; counts the frame. `None`
/// (which most often means a flow's first frame) changes nothing: the frame is [`super::judge`]'s then.
#[inline(always)]
pub fn glance<B: Bytes + ?Sized>(state: &State, frame: &B, now: Timestamp) -> Option<Fate> {
    let moment = state.moment(now);
    let head = frame.head::<{ PLAIN + V4 }>()?;
    // The source address, and the type in the lowest 16 bits.
    let link = B::be64(head, 6)?;
    // Most frames: they are not asked for tags first.
    if link & 0xffff == IPV4 {
        let glance = v4::<PLAIN, { PLAIN + V4 }, B>(frame, link, 0)?;
        return hit(state, frame, &moment, &glance);
    }
    let Place { kind, depth, vlans } = place::<B>(head, link)?;
    // One copy of what follows for each family: the other one's words would only be carried along.
    if kind == IPV4 {
        let glance = match depth {
            Depth::Plain => return None,
            Depth::Tagged => v4::<TAGGED, { TAGGED + V4 }, B>(frame, link, vlans)?,
            Depth::Double => v4::<DOUBLE, { DOUBLE + V4 }, B>(frame, link, vlans)?,
        };
        return hit(state, frame, &moment, &glance);
    }
    if kind == IPV6 {
        let more = (vlans, moment.seed);
        let glance = match depth {
            Depth::Plain => v6::<PLAIN, { PLAIN + V6_PORTS }, { PLAIN + V6_TCP }, B>(frame, link, more)?,
            Depth::Tagged => v6::<TAGGED, { TAGGED + V6_PORTS }, { TAGGED + V6_TCP }, B>(frame, link, more)?,
            Depth::Double => v6::<DOUBLE, { DOUBLE + V6_PORTS }, { DOUBLE + V6_TCP }, B>(frame, link, more)?,
        };
        return hit(state, frame, &moment, &glance);
    }
    None
}

#[inline(always)]
fn hit<B: Bytes + ?Sized>(state: &State, frame: &B, moment: &Moment, glance: &Glance) -> Option<Fate> {
    let Glance { key, meta, tcp_flags, end } = glance;
    let share = Share { bytes: frame.until(*end), tcp_flags: *tcp_flags, at: moment.now };
    let packed = state.flows.hit(key, *meta, moment, share)?;
    Some(state.carried_out(moment, packed).fate())
}

/// What an entry is found by, and what it takes from the frame.
struct Glance {
    key: Key,
    /// Source MAC address and family, as entries keep them.
    meta: u64,
    tcp_flags: u8,
    /// Where the datagram ends.
    end: u32,
}

/// How many VLAN tags there are.
#[derive(Clone, Copy)]
enum Depth {
    Plain,
    Tagged,
    Double,
}

/// What stands behind the tags.
struct Place {
    kind: u64,
    depth: Depth,
    /// As keys have them.
    vlans: u64,
}

const IPV4: u64 = ether_type::IPV4 as u64;
const IPV6: u64 = ether_type::IPV6 as u64;
const VLAN: u64 = ether_type::VLAN as u64;
const SERVICE_VLAN: u64 = ether_type::SERVICE_VLAN as u64;
const OLD_QINQ: u64 = ether_type::OLD_QINQ as u64;
const TCP: u64 = protocol::TCP as u64;
const UDP: u64 = protocol::UDP as u64;

/// Bytes of an IPv4 header without options and of TCP as far as its flags.
const V4: usize = 20 + 14;
/// Bytes of an IPv6 header and the ports; and of TCP as far as its flags.
const V6_PORTS: usize = 40 + 4;
const V6_TCP: usize = 40 + 14;

/// Where the IP header begins behind zero, one and two tags.
const PLAIN: usize = 14;
const TAGGED: usize = 18;
const DOUBLE: usize = 22;

#[inline(always)]
fn place<B: Bytes + ?Sized>(head: &[u8; PLAIN + V4], link: u64) -> Option<Place> {
    let kind = link & 0xffff;
    if !is_tag(kind) {
        return Some(Place { kind, depth: Depth::Plain, vlans: 0 });
    }
    let tag = B::be32(head, PLAIN)?;
    let (kind, outer) = (tag & 0xffff, tag >> 16 & 0xfff);
    if !is_tag(kind) {
        return Some(Place { kind, depth: Depth::Tagged, vlans: outer << 12 });
    }
    let tag = B::be32(head, TAGGED)?;
    let (kind, inner) = (tag & 0xffff, tag >> 16 & 0xfff);
    // A priority tag outside leaves the place to what is inside (IEEE 802.1Q section 9.6).
    let vlans = if outer == 0 { inner << 12 } else { (outer << 12) | inner };
    Some(Place { kind, depth: Depth::Double, vlans })
}

#[inline(always)]
const fn is_tag(kind: u64) -> bool {
    matches!(kind, VLAN | SERVICE_VLAN | OLD_QINQ)
}

/// The source address in the upper 48 bits of `link`, with the family of the key.
#[inline(always)]
const fn meta(link: u64, key: &Key) -> u64 {
    (link & !0xffff) | key.family
}

#[inline(always)]
const fn end(at: u64) -> u32 {
    (at & 0xf_ffff) as u32
}

/// IPv4 without options, not a fragment, long enough for the ports and the flags.
#[inline(always)]
fn v4<const AT: usize, const END: usize, B: Bytes + ?Sized>(
    frame: &B,
    link: u64,
    vlans: u64,
) -> Option<Glance> {
    let head = frame.head::<END>()?;
    let len = B::be16(head, AT + 2)?;
    if byte(head, AT)? != 0x45 || B::be16(head, AT + 6)? & 0x3fff != 0 {
        return None;
    }
    let protocol = byte(head, AT + 9)?;
    let tcp_flags = match protocol {
        TCP if len >= V4 as u64 => tcp_flags::<B>(head, AT + 20)?,
        UDP if len >= 24 => 0,
        _ => return None,
    };
    let ports = B::be32(head, AT + 20)?;
    let key = Key::v4(B::be64(head, AT + 12)?, (ports << 32) | (protocol << 24) | vlans);
    Some(Glance { meta: meta(link, &key), key, tcp_flags, end: end(AT as u64 + len) })
}

/// IPv6 without extension headers, long enough for the ports and the flags.
#[inline(always)]
fn v6<const AT: usize, const PORTS: usize, const FLAGS: usize, B: Bytes + ?Sized>(
    frame: &B,
    link: u64,
    (vlans, seed): (u64, u64),
) -> Option<Glance> {
    let head = frame.head::<PORTS>()?;
    let len = B::be16(head, AT + 4)?;
    if byte(head, AT)? >> 4 != 6 {
        return None;
    }
    let protocol = byte(head, AT + 6)?;
    let tcp_flags = match protocol {
        TCP if len >= 14 => tcp_flags::<B>(frame.head::<FLAGS>()?, AT + 40)?,
        UDP if len >= 4 => 0,
        _ => return None,
    };
    let ports = B::be32(head, AT + 40)?;
    let wide =
        [B::be64(head, AT + 8)?, B::be64(head, AT + 16)?, B::be64(head, AT + 24)?, B::be64(head, AT + 32)?];
    let key = Key::v6(wide, (ports << 32) | (protocol << 24) | vlans, seed);
    Some(Glance { meta: meta(link, &key), key, tcp_flags, end: end(AT as u64 + 40 + len) })
}

/// The flags of a TCP header that says it is long enough to have them.
#[inline(always)]
fn tcp_flags<B: Bytes + ?Sized>(head: &[u8], at: usize) -> Option<u8> {
    let offset = B::be16(head, at + 12)?;
    if offset >> 12 < 5 { None } else { Some((offset & 0xff) as u8) }
}

#[inline(always)]
fn byte(head: &[u8], at: usize) -> Option<u64> {
    head.get(at).map(|byte| u64::from(*byte))
}
