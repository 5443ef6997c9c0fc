//! A captured record turned into headers: link types, the tunnels that mirrors arrive in, and TCP's own fields.
//!
//! Headers come from `abi` alone; this module finds the bytes to read them from, and takes mirrored frames out of
//! GRE, ERSPAN and VXLAN.

use abi::address::Mac;
use abi::headers::{Fragment, Headers, Layer, Reading, protocol, read_ethernet, read_ip, read_link_payload};

mod tunnel;

pub use tunnel::{Outer, Tunnel};

/// How a capture frames its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet (IEEE 802.3).
    Ethernet,
    /// An IPv4 or IPv6 packet without a link header.
    RawIp,
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    Null,
    /// `OpenBSD` loopback: four bytes of address family in network byte order.
    Loop,
    /// Linux cooked capture, version 1.
    LinuxSll,
    /// Linux cooked capture, version 2.
    LinuxSll2,
}

impl LinkType {
    /// The link type of a libpcap `DLT_` or `LINKTYPE_` number; none for a kind that cannot be read.
    pub const fn of_dlt(dlt: i32) -> Option<LinkType> {
        match dlt {
            0 => Some(LinkType::Null),
            1 => Some(LinkType::Ethernet),
            12 | 14 | 101 | 228 | 229 => Some(LinkType::RawIp),
            108 => Some(LinkType::Loop),
            113 => Some(LinkType::LinuxSll),
            276 => Some(LinkType::LinuxSll2),
            _ => None,
        }
    }
}

/// One frame, as far as it could be read. Mirrors are unwrapped: everything but `outer` tells of the innermost frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The innermost headers.
    pub headers: Headers,
    /// The outermost packet that carried the frame, if it came through a tunnel.
    pub outer: Option<Outer>,
    /// The captured bytes that the offsets of the headers count in.
    pub bytes: &'a [u8],
    /// Length of the frame on the wire, in bytes; of a mirrored frame, its own.
    pub wire_len: u32,
    /// The layer that is missing bytes or contradicts itself, and the offset at which it was noticed.
    pub cut: Option<(Layer, u16)>,
}

/// The fields of a TCP header (RFC 9293 section 3.1) that only reassembly and fingerprints need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFields<'a> {
    /// Sequence number of the first byte of payload (of the SYN, where that flag is set).
    pub seq: u32,
    /// The next sequence number expected from the other side; without meaning unless ACK is set.
    pub ack: u32,
    /// The receive window, not yet scaled.
    pub window: u16,
    /// The flag bits, as in [`abi::headers::tcp_flag`].
    pub flags: u8,
    /// The options as captured, padding included.
    pub options: &'a [u8],
}

/// What the options of a SYN say of a TCP implementation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SynOptions {
    /// Maximum segment size (RFC 9293), in bytes.
    pub mss: Option<u16>,
    /// Window scale shift (RFC 7323).
    pub window_scale: Option<u8>,
    /// Timestamp value and echo (RFC 7323).
    pub timestamps: Option<(u32, u32)>,
    /// Whether selective acknowledgment is permitted (RFC 2018).
    pub sack_permitted: bool,
}

impl TcpFields<'_> {
    /// The options that a SYN negotiates; reading stops at the first that is broken.
    pub fn syn_options(&self) -> SynOptions {
        let mut found = SynOptions::default();
        for option in etherparse::TcpOptionsIterator::from_slice(self.options) {
            match option {
                Ok(etherparse::TcpOptionElement::MaximumSegmentSize(mss)) => found.mss = Some(mss),
                Ok(etherparse::TcpOptionElement::WindowScale(shift)) => found.window_scale = Some(shift),
                Ok(etherparse::TcpOptionElement::Timestamp(value, echo)) => {
                    found.timestamps = Some((value, echo));
                }
                Ok(etherparse::TcpOptionElement::SelectiveAcknowledgementPermitted) => {
                    found.sack_permitted = true;
                }
                Ok(
                    etherparse::TcpOptionElement::Noop
                    | etherparse::TcpOptionElement::SelectiveAcknowledgement(..),
                ) => {}
                Err(_) => break,
            }
        }
        found
    }
}

impl<'a> Frame<'a> {
    /// The application bytes that were captured, without padding; may be shorter than the headers' `payload_len`.
    pub fn payload(&self) -> &'a [u8] {
        if self.headers.payload_offset == 0 {
            return &[];
        }
        let start = usize::from(self.headers.payload_offset);
        let len = usize::try_from(self.headers.payload_len).unwrap_or(usize::MAX);
        let end = start.saturating_add(len).min(self.bytes.len());
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The fields of the TCP header; none for other protocols, later fragments, and headers cut before the window.
    pub fn tcp(&self) -> Option<TcpFields<'a>> {
        if self.headers.protocol != protocol::TCP
            || self.headers.transport_offset == 0
            || matches!(self.headers.fragment, Fragment::Later { .. })
        {
            return None;
        }
        let segment = self.bytes.get(usize::from(self.headers.transport_offset)..)?;
        let (fixed, _) = segment.split_first_chunk::<16>()?;
        let [_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, w0, w1] = *fixed;
        let header_len = usize::from(offset >> 4).saturating_mul(4);
        Some(TcpFields {
            seq: u32::from_be_bytes([s0, s1, s2, s3]),
            ack: u32::from_be_bytes([a0, a1, a2, a3]),
            window: u16::from_be_bytes([w0, w1]),
            flags,
            options: segment.get(20..header_len.min(segment.len())).unwrap_or_default(),
        })
    }

    /// The captured bytes from the IP or ARP header on.
    pub fn network(&self) -> &'a [u8] {
        self.bytes.get(usize::from(self.headers.network_offset)..).unwrap_or_default()
    }

    fn of(reading: &Reading, bytes: &'a [u8], wire_len: u32) -> Frame<'a> {
        let (headers, cut) = match *reading {
            Reading::Whole(headers) => (headers, None),
            Reading::Cut { headers, layer, at } => (headers, Some((layer, at))),
        };
        Frame { headers, outer: None, bytes, wire_len, cut }
    }
}

/// Reads a captured record and takes it out of the tunnels that mirrors use. Never fails: a frame that cannot be read
/// to its end says how far it got, and a tunnel whose inside cannot be read stays a frame of its own.
///
/// `wire_len` is the length that the record claims to have had on the wire, `bytes` what was captured of it.
pub fn read(link: LinkType, bytes: &[u8], wire_len: u32) -> Frame<'_> {
    let mut frame = match link {
        LinkType::Ethernet => Frame::of(&read_ethernet(bytes), bytes, wire_len),
        LinkType::RawIp => Frame::of(&read_ip(bytes), bytes, wire_len),
        LinkType::Null | LinkType::Loop => loopback(bytes, wire_len),
        LinkType::LinuxSll => cooked(bytes, wire_len),
        LinkType::LinuxSll2 => cooked_2(bytes, wire_len),
    };
    if tunnel::may_carry(&frame.headers) {
        tunnel::unwrap(&mut frame);
    }
    frame
}

/// The address families of IPv4 and IPv6 by the numbers of the BSDs, Darwin and Linux.
const fn is_ip_family(family: u32) -> bool {
    matches!(family, 2 | 10 | 24 | 28 | 30)
}

fn loopback(bytes: &[u8], wire_len: u32) -> Frame<'_> {
    let Some((family, packet)) = bytes.split_first_chunk::<4>() else {
        return Frame::of(&cut_link(), bytes, wire_len);
    };
    // The byte order is the capturing host's, which the file does not tell; no family reads the same both ways.
    if is_ip_family(u32::from_be_bytes(*family)) || is_ip_family(u32::from_le_bytes(*family)) {
        Frame::of(&read_ip(packet), packet, wire_len)
    } else {
        Frame::of(&Reading::Whole(Headers::default()), packet, wire_len)
    }
}

/// Linux cooked capture: packet type, hardware type, address length (2 bytes each), 8 bytes of link address, protocol.
fn cooked(bytes: &[u8], wire_len: u32) -> Frame<'_> {
    let Some((header, _)) = bytes.split_first_chunk::<16>() else {
        return Frame::of(&cut_link(), bytes, wire_len);
    };
    let [_, _, _, _, len_high, len_low, address @ .., _, _, kind_high, kind_low] = *header;
    let link = Headers {
        src_mac: if [len_high, len_low] == [0, 6] { Mac(address) } else { Mac::NONE },
        ether_type: u16::from_be_bytes([kind_high, kind_low]),
        ..Headers::default()
    };
    Frame::of(&read_link_payload(link, bytes, 16), bytes, wire_len)
}

/// Linux cooked capture 2: protocol, 2 reserved bytes, interface index (4), hardware type (2), packet type, address
/// length, 8 bytes of link address.
fn cooked_2(bytes: &[u8], wire_len: u32) -> Frame<'_> {
    let Some((header, _)) = bytes.split_first_chunk::<20>() else {
        return Frame::of(&cut_link(), bytes, wire_len);
    };
    let [kind_high, kind_low, _, _, _, _, _, _, _, _, _, len, address @ .., _, _] = *header;
    let link = Headers {
        src_mac: if len == 6 { Mac(address) } else { Mac::NONE },
        ether_type: u16::from_be_bytes([kind_high, kind_low]),
        ..Headers::default()
    };
    Frame::of(&read_link_payload(link, bytes, 20), bytes, wire_len)
}

fn cut_link() -> Reading {
    Reading::Cut { headers: Headers::default(), layer: Layer::Link, at: 0 }
}

#[cfg(test)]
mod tests;
