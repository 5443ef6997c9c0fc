//! Takes frames out of the tunnels that remote mirrors arrive in.

use super::Frame;
use abi::address::Ip;
use abi::headers::{Fragment, Headers, Layer, Reading, ether_type, protocol, read_ethernet, read_ip};

/// Tunnels within tunnels are followed this far; what lies deeper stays payload.
const MOST_LAYERS: u8 = 4;

/// The IANA port of VXLAN, and the one that Linux used before there was any.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

/// A tunnel that carried a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// Generic routing encapsulation of IP or Ethernet (RFC 2784, RFC 2890).
    Gre,
    /// ERSPAN type I: an Ethernet frame in bare GRE.
    ErspanI,
    /// ERSPAN type II.
    ErspanII,
    /// ERSPAN type III.
    ErspanIII,
    /// VXLAN (RFC 7348).
    Vxlan,
}

/// The packet that carried a frame; of nested tunnels the outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outer {
    /// Its source address.
    pub src: Ip,
    /// Its destination address.
    pub dst: Ip,
    /// Its IP protocol number.
    pub protocol: u8,
    /// Its source port; 0 for GRE.
    pub src_port: u16,
    /// Its destination port; 0 for GRE.
    pub dst_port: u16,
    /// Its VLAN identifiers.
    pub vlan: [u16; 2],
    /// What kind of tunnel it is.
    pub kind: Tunnel,
}

/// What a tunnel header announces.
struct Inside<'a> {
    kind: Tunnel,
    carries: Carries,
    bytes: &'a [u8],
    /// The VLAN that the mirror took off the frame; 0 is none.
    vlan: u16,
}

enum Carries {
    Ethernet,
    Ip,
}

/// Whether the headers are of a packet that may carry another frame.
#[inline]
pub(super) fn may_carry(headers: &Headers) -> bool {
    match headers.protocol {
        protocol::GRE => true,
        protocol::UDP => VXLAN_PORTS.contains(&headers.dst_port),
        _ => false,
    }
}

/// Follows tunnels inwards as long as their inside can be read.
#[cold]
pub(super) fn unwrap(frame: &mut Frame<'_>) {
    for _ in 0..MOST_LAYERS {
        if !may_carry(&frame.headers) {
            return;
        }
        let inside = if frame.headers.protocol == protocol::GRE { gre(frame) } else { vxlan(frame) };
        let Some(inner) = inside.and_then(|inside| step(frame, &inside)) else {
            return;
        };
        *frame = inner;
    }
}

fn step<'a>(carrier: &Frame<'a>, inside: &Inside<'a>) -> Option<Frame<'a>> {
    let reading = match inside.carries {
        Carries::Ethernet => read_ethernet(inside.bytes),
        Carries::Ip => read_ip(inside.bytes),
    };
    if !is_readable(&reading) {
        return None;
    }
    // The inside ends where the carrier's datagram does, so its length tells its offset.
    let offset = u32::try_from(end_of(carrier).saturating_sub(inside.bytes.len())).unwrap_or(u32::MAX);
    let captured = u32::try_from(inside.bytes.len()).unwrap_or(u32::MAX);
    let wire_len = carrier.headers.network_end.min(carrier.wire_len).saturating_sub(offset).max(captured);
    let mut frame = Frame::of(&reading, inside.bytes, wire_len);
    if frame.headers.vlan == [0; 2] {
        frame.headers.vlan = [inside.vlan, 0];
    }
    let headers = &carrier.headers;
    frame.outer = carrier.outer.or(Some(Outer {
        src: headers.src,
        dst: headers.dst,
        protocol: headers.protocol,
        src_port: if headers.protocol == protocol::GRE { 0 } else { headers.src_port },
        dst_port: if headers.protocol == protocol::GRE { 0 } else { headers.dst_port },
        vlan: headers.vlan,
        kind: inside.kind,
    }));
    Some(frame)
}

/// Where the carrier's datagram ends in its captured bytes: behind it lies padding.
fn end_of(carrier: &Frame<'_>) -> usize {
    usize::try_from(carrier.headers.network_end).unwrap_or(usize::MAX).min(carrier.bytes.len())
}

/// An inside counts as read if it is more than an assertion of the tunnel: a link header at least, and an IP header where
/// that, or the tunnel, promises one.
fn is_readable(reading: &Reading) -> bool {
    match reading {
        Reading::Whole(headers) => {
            headers.is_ip() || !matches!(headers.ether_type, ether_type::IPV4 | ether_type::IPV6)
        }
        Reading::Cut { layer: Layer::Link, .. } => false,
        Reading::Cut { headers, .. } => headers.is_ip(),
    }
}

/// The bytes of the carrier from an offset to the end of its datagram; none for fragments, whose rest is elsewhere.
fn body<'a>(carrier: &Frame<'a>, offset: u16) -> Option<&'a [u8]> {
    if carrier.headers.fragment != Fragment::Whole {
        return None;
    }
    carrier.bytes.get(usize::from(offset)..end_of(carrier))
}

/// GRE: flags and version (2 bytes), protocol (2), then checksum, key and sequence number (4 each) as the flags say.
fn gre<'a>(carrier: &Frame<'a>) -> Option<Inside<'a>> {
    let ([f0, f1, p0, p1], rest) =
        body(carrier, carrier.headers.transport_offset)?.split_first_chunk::<4>()?;
    let flags = u16::from_be_bytes([*f0, *f1]);
    // Source routing (RFC 1701) is obsolete, and version 1 is PPTP (RFC 2637).
    if flags & 0x4007 != 0 {
        return None;
    }
    let has_sequence = flags & 0x1000 != 0;
    let optional = [0x8000, 0x2000, 0x1000].into_iter().filter(|bit| flags & bit != 0).count();
    let rest = rest.get(optional.saturating_mul(4)..)?;
    match u16::from_be_bytes([*p0, *p1]) {
        ether_type::IPV4 | ether_type::IPV6 => {
            Some(Inside { kind: Tunnel::Gre, carries: Carries::Ip, bytes: rest, vlan: 0 })
        }
        0x6558 => Some(Inside { kind: Tunnel::Gre, carries: Carries::Ethernet, bytes: rest, vlan: 0 }),
        0x88be if has_sequence => erspan_2(rest),
        0x88be => Some(Inside { kind: Tunnel::ErspanI, carries: Carries::Ethernet, bytes: rest, vlan: 0 }),
        0x22eb => erspan_3(rest),
        _ => None,
    }
}

/// ERSPAN type II (draft-foschiano-erspan-03 section 4.2): version and VLAN, then class, encapsulation, truncation and
/// session, then 4 bytes with an index.
fn erspan_2(bytes: &[u8]) -> Option<Inside<'_>> {
    let ([v0, v1, e0, ..], rest) = bytes.split_first_chunk::<8>()?;
    if v0 >> 4 != 1 {
        return None;
    }
    // Encapsulation 2: the frame had a tag, which now stands here alone.
    let vlan = if (e0 >> 3) & 3 == 2 { u16::from_be_bytes([*v0, *v1]) & 0x0fff } else { 0 };
    Some(Inside { kind: Tunnel::ErspanII, carries: Carries::Ethernet, bytes: rest, vlan })
}

/// ERSPAN type III (draft-foschiano-erspan-03 section 4.3): 12 bytes, and 8 more if the O bit is set.
fn erspan_3(bytes: &[u8]) -> Option<Inside<'_>> {
    let ([v0, _, _, _, _, _, _, _, _, _, h0, h1], rest) = bytes.split_first_chunk::<12>()?;
    if v0 >> 4 != 2 {
        return None;
    }
    let rest = if h1 & 1 == 1 { rest.get(8..)? } else { rest };
    let carries = match (h0 >> 2) & 0x1f {
        0 => Carries::Ethernet,
        2 => Carries::Ip,
        _ => return None,
    };
    Some(Inside { kind: Tunnel::ErspanIII, carries, bytes: rest, vlan: 0 })
}

/// VXLAN: flags, 3 reserved bytes, VNI (3), 1 reserved byte (RFC 7348 section 5); the group policy extension uses some of
/// the reserved bits.
fn vxlan<'a>(carrier: &Frame<'a>) -> Option<Inside<'a>> {
    let ([flags, _, _, _, _, _, _, reserved], rest) =
        body(carrier, carrier.headers.payload_offset)?.split_first_chunk::<8>()?;
    if flags & 0x7f != 0x08 || *reserved != 0 {
        return None;
    }
    Some(Inside { kind: Tunnel::Vxlan, carries: Carries::Ethernet, bytes: rest, vlan: 0 })
}
