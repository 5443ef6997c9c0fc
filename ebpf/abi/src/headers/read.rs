//! Reading the headers: link, network and transport, each by fixed-size reads at an offset.

use super::{Fragment, Headers, Layer, Reading, ether_type, protocol};
use crate::address::{Ip, Mac};

/// The bytes of a frame, wherever they lie: a slice in userspace, a packet in the kernel.
pub trait Bytes {
    /// How many there are.
    fn captured(&self) -> usize;

    /// `N` bytes from `at` on, if there are so many.
    fn chunk<const N: usize>(&self, at: usize) -> Option<[u8; N]>;

    /// How many of the first `end` bytes there are on the wire.
    fn until(&self, end: u32) -> u32;

    /// The two bytes at `at`, in network order.
    #[inline(always)]
    fn be16(head: &[u8], at: usize) -> Option<u64> {
        Some(u64::from(u16::from_be_bytes(*head.get(at..)?.first_chunk()?)))
    }

    /// The four bytes at `at`, in network order.
    #[inline(always)]
    fn be32(head: &[u8], at: usize) -> Option<u64> {
        Some(u64::from(u32::from_be_bytes(*head.get(at..)?.first_chunk()?)))
    }

    /// The eight bytes at `at`, in network order.
    #[inline(always)]
    fn be64(head: &[u8], at: usize) -> Option<u64> {
        Some(u64::from_be_bytes(*head.get(at..)?.first_chunk()?))
    }

    /// The first `N` bytes where they lie; `None` also where they cannot be had without a copy.
    fn head<const N: usize>(&self) -> Option<&[u8; N]>;
}

impl Bytes for [u8] {
    #[inline(always)]
    fn captured(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn chunk<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.get(at..)?.first_chunk::<N>().copied()
    }

    #[inline(always)]
    fn until(&self, end: u32) -> u32 {
        length(self.len()).min(end)
    }

    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.first_chunk::<N>()
    }
}

/// VLAN tags that are skipped; a frame with more is cut.
const TAGS: usize = 4;
/// IPv6 extension headers that are walked; a chain with more is cut.
const EXTENSIONS: usize = 8;

/// IPv6 extension header numbers (IANA), and AH, which IPv4 may carry too.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const NO_NEXT: u8 = 59;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
    pub(super) const HIP: u8 = 139;
    pub(super) const SHIM6: u8 = 140;
}

/// Where and at which layer reading stopped.
struct Stop {
    layer: Layer,
    at: usize,
}

const fn stop(layer: Layer, at: usize) -> Stop {
    Stop { layer, at }
}

/// Reads an Ethernet frame. Offsets in the result count from the start of `frame`.
///
/// A frame that was captured short is whole as long as its headers are: lengths come from the headers.
#[inline]
pub fn read_ethernet(frame: &[u8]) -> Reading {
    let Some([d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, high, low]) = frame.chunk::<14>(0) else {
        return Reading::Cut { headers: Headers::default(), layer: Layer::Link, at: 0 };
    };
    let link = Headers {
        dst_mac: Mac([d0, d1, d2, d3, d4, d5]),
        src_mac: Mac([s0, s1, s2, s3, s4, s5]),
        ether_type: u16::from_be_bytes([high, low]),
        ..Headers::default()
    };
    read_link_payload(link, frame, 14)
}

/// Reads an Ethernet frame that need not lie in one piece into headers that are elsewhere than on the stack, as the
/// kernel program must: the same as [`read_ethernet`], but for where reading stopped.
#[inline]
pub fn read_frame(headers: &mut Headers, frame: &(impl Bytes + ?Sized)) {
    *headers = Headers::default();
    let Some([d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, high, low]) = frame.chunk::<14>(0) else {
        return;
    };
    headers.dst_mac = Mac([d0, d1, d2, d3, d4, d5]);
    headers.src_mac = Mac([s0, s1, s2, s3, s4, s5]);
    headers.ether_type = u16::from_be_bytes([high, low]);
    // What stopped the reading shows in the headers; the judge asks no further.
    drop(link_payload(headers, frame, 14));
}

/// Reads an IP datagram that has no link header. Its version nibble decides; `ether_type` is set to match.
#[inline]
pub fn read_ip(bytes: &[u8]) -> Reading {
    let version = bytes.chunk::<1>(0).map_or(0, |[byte]| byte >> 4);
    let ether_type = match version {
        4 => ether_type::IPV4,
        6 => ether_type::IPV6,
        _ => return Reading::Cut { headers: Headers::default(), layer: Layer::Network, at: 0 },
    };
    read_link_payload(Headers { ether_type, ..Headers::default() }, bytes, 0)
}

/// Reads on after a link header that the caller has read: `link` holds the addresses and `ether_type` names what
/// begins at offset `at` of `bytes` (VLAN tags included). For cooked and other captures without Ethernet headers.
#[inline]
pub fn read_link_payload(link: Headers, bytes: &(impl Bytes + ?Sized), at: u16) -> Reading {
    // The headers are written where they are returned: a copy of what was just stored in small parts would wait for it.
    let mut reading = Reading::Whole(link);
    let Reading::Whole(headers) = &mut reading else { return reading };
    match link_payload(headers, bytes, usize::from(at)) {
        Ok(()) => reading,
        Err(Stop { layer, at }) => Reading::Cut { headers: *headers, layer, at: offset(at) },
    }
}

fn link_payload(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), start: usize) -> Result<(), Stop> {
    let mut at = start;
    if is_tag(headers.ether_type) {
        at = tags(headers, bytes, at)?;
    }
    match headers.ether_type {
        ether_type::IPV4 => ipv4(headers, bytes, at),
        ether_type::IPV6 => ipv6(headers, bytes, at),
        ether_type::ARP => {
            headers.network_offset = offset(at);
            Ok(())
        }
        _ => Ok(()),
    }
}

const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, ether_type::VLAN | ether_type::SERVICE_VLAN | ether_type::OLD_QINQ)
}

/// Skips the VLAN tags and keeps the outer two identifiers; identifier 0 is a priority tag (IEEE 802.1Q section 9.6).
fn tags(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), start: usize) -> Result<usize, Stop> {
    let mut at = start;
    for _ in 0..TAGS {
        let Some([id_high, id_low, type_high, type_low]) = bytes.chunk::<4>(at) else {
            return Err(stop(Layer::Link, at));
        };
        let id = u16::from_be_bytes([id_high, id_low]) & 0x0fff;
        match headers.vlan {
            [0, _] => headers.vlan = [id, 0],
            [outer, 0] => headers.vlan = [outer, id],
            [_, _] => {}
        }
        headers.ether_type = u16::from_be_bytes([type_high, type_low]);
        at += 4;
        if !is_tag(headers.ether_type) {
            return Ok(at);
        }
    }
    Err(stop(Layer::Link, at))
}

/// IPv4 (RFC 791), options skipped.
fn ipv4(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Result<(), Stop> {
    headers.network_offset = offset(at);
    let Some(header) = bytes.chunk::<20>(at) else {
        return Err(stop(Layer::Network, at));
    };
    let [v, _, t0, t1, i0, i1, f0, f1, ttl, next, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let header_len = usize::from(v & 0x0f) * 4;
    if v >> 4 != 4 || header_len < 20 {
        return Err(stop(Layer::Network, at));
    }
    headers.src = Ip::v4([s0, s1, s2, s3]);
    headers.dst = Ip::v4([d0, d1, d2, d3]);
    headers.ttl = ttl;
    headers.protocol = next;
    let end = match usize::from(u16::from_be_bytes([t0, t1])) {
        // A segmentation offload leaves the length to the network card, so what was captured is all there is to go by.
        0 => bytes.captured(),
        total => at + total,
    };
    let body = at + header_len;
    if end < body {
        return Err(stop(Layer::Network, at));
    }
    headers.network_end = length(end);
    let flags = u16::from_be_bytes([f0, f1]);
    let id = u32::from(u16::from_be_bytes([i0, i1]));
    headers.fragment = fragment((id, next), ((flags & 0x1fff) << 3, flags & 0x2000), end - body);
    if body > bytes.captured() {
        return Err(stop(Layer::Network, at));
    }
    if is_extension(headers) { extensions(headers, bytes, body) } else { transport(headers, bytes, body) }
}

/// IPv6 (RFC 8200).
fn ipv6(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Result<(), Stop> {
    headers.network_offset = offset(at);
    let Some(header) = bytes.chunk::<40>(at) else {
        return Err(stop(Layer::Network, at));
    };
    let Some(([v, _, _, _, l0, l1, next, ttl], addresses)) = header.split_first_chunk::<8>() else {
        return Err(stop(Layer::Network, at));
    };
    let (v, l0, l1, next, ttl) = (*v, *l0, *l1, *next, *ttl);
    if v >> 4 != 6 {
        return Err(stop(Layer::Network, at));
    }
    if let (Some(src), Some(dst)) = (addresses.first_chunk::<16>(), addresses.last_chunk::<16>()) {
        headers.src = Ip(*src);
        headers.dst = Ip(*dst);
    }
    headers.ttl = ttl;
    headers.protocol = next;
    let body = at + 40;
    let end = match usize::from(u16::from_be_bytes([l0, l1])) {
        // Zero with something following is a segmentation offload or a jumbogram (RFC 2675).
        0 if next != extension::NO_NEXT => bytes.captured(),
        len => body + len,
    };
    headers.network_end = length(end);
    if is_extension(headers) { extensions(headers, bytes, body) } else { transport(headers, bytes, body) }
}

/// Whether an extension header comes next. IPv4 has none but AH; what IPv6 skips, it does not know.
const fn is_extension(headers: &Headers) -> bool {
    use extension::{AUTHENTICATION, DESTINATION, FRAGMENT, HIP, HOP_BY_HOP, MOBILITY, ROUTING, SHIM6};
    match headers.protocol {
        AUTHENTICATION => true,
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION | MOBILITY | HIP | SHIM6 => {
            headers.ether_type == ether_type::IPV6
        }
        _ => false,
    }
}

/// Walks extension headers (RFC 8200 section 4; AH: RFC 4302) up to the transport or a later fragment.
fn extensions(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), start: usize) -> Result<(), Stop> {
    let mut at = start;
    for _ in 0..EXTENSIONS {
        // Behind the first fragment header of a later fragment there is data, whatever the number promises.
        if !is_extension(headers) || matches!(headers.fragment, Fragment::Later { .. }) {
            return transport(headers, bytes, at);
        }
        let Some([next, len, o0, o1, i0, i1, i2, i3]) = bytes.chunk::<8>(at) else {
            return Err(stop(Layer::Network, at));
        };
        let len = match headers.protocol {
            extension::FRAGMENT => 8,
            extension::AUTHENTICATION => (usize::from(len) + 2) * 4,
            _ => (usize::from(len) + 1) * 8,
        };
        if at + len > bytes.captured() || length(at + len) > headers.network_end {
            return Err(stop(Layer::Network, at));
        }
        // A second fragment header would hide the first one, so it is only skipped.
        if headers.protocol == extension::FRAGMENT && headers.fragment == Fragment::Whole {
            let (id, flags) = (u32::from_be_bytes([i0, i1, i2, i3]), u16::from_be_bytes([o0, o1]));
            let rest = (headers.network_end as usize).saturating_sub(at + len);
            headers.fragment = fragment((id, next), (flags & 0xfff8, flags & 1), rest);
        }
        at += len;
        headers.protocol = next;
    }
    if is_extension(headers) && !matches!(headers.fragment, Fragment::Later { .. }) {
        return Err(stop(Layer::Network, at));
    }
    transport(headers, bytes, at)
}

/// An atomic fragment (offset 0, no more to come) is a whole datagram (RFC 8200 section 4.5, RFC 6946).
fn fragment((id, protocol): (u32, u8), (offset, more): (u16, u16), len: usize) -> Fragment {
    match (offset, more) {
        (0, 0) => Fragment::Whole,
        (0, _) => Fragment::First { id, protocol, len: u16::try_from(len).unwrap_or(u16::MAX) },
        (offset, _) => Fragment::Later { id, offset },
    }
}

/// The transport header at `at`. Lengths come from the headers, so a payload that was captured short is no cut.
fn transport(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Result<(), Stop> {
    if matches!(headers.fragment, Fragment::Later { .. }) || headers.protocol == extension::NO_NEXT {
        payload(headers, at);
        return Ok(());
    }
    headers.transport_offset = offset(at);
    let whole = match headers.protocol {
        protocol::TCP => tcp(headers, bytes, at),
        protocol::UDP => udp(headers, bytes, at),
        protocol::ICMP | protocol::ICMPV6 => icmp(headers, bytes, at),
        protocol::SCTP => sctp(headers, bytes, at),
        _ => {
            payload(headers, at);
            Some(())
        }
    };
    whole.ok_or(stop(Layer::Transport, at))
}

/// Everything from `at` to the end of the datagram is payload.
#[inline]
fn payload(headers: &mut Headers, at: usize) {
    headers.payload_offset = offset(at);
    headers.payload_len = headers.network_end.saturating_sub(length(at));
}

/// `Some` if a header from `at` to `end` lies within the datagram and within what was captured.
#[inline]
fn fits(headers: &Headers, bytes: &(impl Bytes + ?Sized), end: usize) -> Option<()> {
    (end <= bytes.captured() && length(end) <= headers.network_end).then_some(())
}

/// The two ports, which lie in the first four bytes of TCP, UDP and SCTP, even where the rest is missing.
#[inline]
fn ports(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Option<()> {
    fits(headers, bytes, at + 4)?;
    let [s0, s1, d0, d1] = bytes.chunk::<4>(at)?;
    headers.src_port = u16::from_be_bytes([s0, s1]);
    headers.dst_port = u16::from_be_bytes([d0, d1]);
    Some(())
}

/// TCP (RFC 9293 section 3.1).
fn tcp(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Option<()> {
    ports(headers, bytes, at)?;
    fits(headers, bytes, at + 14)?;
    let [data_offset, flags] = bytes.chunk::<2>(at + 12)?;
    let len = usize::from(data_offset >> 4) * 4;
    if len < 20 {
        return None;
    }
    headers.tcp_flags = flags;
    payload(headers, at + len);
    fits(headers, bytes, at + len)
}

/// UDP (RFC 768). Its length ends the payload before the datagram does; a first fragment announces more than it has.
fn udp(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Option<()> {
    ports(headers, bytes, at)?;
    let [l0, l1] = bytes.chunk::<2>(at + 4)?;
    fits(headers, bytes, at + 8)?;
    payload(headers, at + 8);
    let len = u32::from(u16::from_be_bytes([l0, l1]));
    match len {
        // A segmentation offload or a jumbogram (RFC 2675 section 4): the datagram's own length holds.
        0 => Some(()),
        1..8 => {
            headers.payload_len = 0;
            None
        }
        _ => {
            let told = len - 8;
            let contradicts = told > headers.payload_len && headers.fragment == Fragment::Whole;
            headers.payload_len = headers.payload_len.min(told);
            (!contradicts).then_some(())
        }
    }
}

/// ICMP and `ICMPv6` (RFC 792, RFC 4443): type, code and checksum must be there; payload begins after eight bytes.
fn icmp(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Option<()> {
    fits(headers, bytes, at + 4)?;
    let [kind, code] = bytes.chunk::<2>(at)?;
    headers.src_port = u16::from(kind);
    headers.dst_port = u16::from(code);
    payload(headers, at + 8);
    Some(())
}

/// SCTP (RFC 9260 section 3.1).
fn sctp(headers: &mut Headers, bytes: &(impl Bytes + ?Sized), at: usize) -> Option<()> {
    ports(headers, bytes, at)?;
    payload(headers, at + 12);
    fits(headers, bytes, at + 12)
}

/// Header offsets stay far below 64 KiB: four tags, eight extension headers of at most 2 KiB.
#[inline]
fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

#[inline]
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
