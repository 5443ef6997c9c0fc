//! What a frame says, read from the standards and from nothing else. Fields that a frame does not have are zero.

use abi::address::{Ip, Mac};

/// VLAN tags that are read; what stands behind more of them is hidden.
const TAGS: usize = 4;
/// Extension headers that are walked; what stands behind more of them is hidden.
const EXTENSIONS: usize = 8;

pub(crate) const ICMP: u8 = 1;
pub(crate) const IGMP: u8 = 2;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT: u8 = 59;

/// An Ethernet frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    pub(crate) src_mac: Mac,
    pub(crate) dst_mac: Mac,
    /// The outer two identifiers that are not 0 (IEEE 802.1Q section 9.6: 0 is a priority tag), outer then inner.
    pub(crate) vlans: [u16; 2],
    pub(crate) content: Content,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// Not IP; the Ethernet type, or the length of an LLC frame.
    Other(u16),
    /// What stands behind tags that are cut or too many.
    Hidden,
    /// IP whose header contradicts itself or is cut, with source and destination where it is read so far.
    Broken(Option<(Ip, Ip)>),
    /// IP.
    Datagram(Datagram),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    Four,
    Six,
}

/// An IP datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram {
    pub(crate) version: Version,
    pub(crate) src: Ip,
    pub(crate) dst: Ip,
    pub(crate) hops: u8,
    /// The one behind all extension headers.
    pub(crate) protocol: u8,
    pub(crate) piece: Piece,
    /// Source and destination port; type and code of ICMP.
    pub(crate) ports: (u16, u16),
    /// `None` where the datagram ends before them, where their header contradicts itself, and where it is not TCP.
    pub(crate) tcp_flags: Option<u8>,
}

/// Where a datagram stands in a fragmented one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Whole,
    /// `len` bytes of it, by its own length.
    First {
        id: u32,
        protocol: u8,
        len: usize,
    },
    Later {
        id: u32,
        protocol: u8,
        offset: u16,
    },
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

fn number(bytes: &[u8], at: usize) -> u16 {
    u16::from(byte(bytes, at)) << 8 | u16::from(byte(bytes, at.saturating_add(1)))
}

fn wide(bytes: &[u8], at: usize) -> u32 {
    u32::from(number(bytes, at)) << 16 | u32::from(number(bytes, at.saturating_add(2)))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|place| byte(bytes, at.saturating_add(place)))
}

fn after(bytes: &[u8], skipped: usize) -> &[u8] {
    bytes.get(skipped..).unwrap_or_default()
}

/// Reads a frame. Every frame is something; one without a whole Ethernet header is of type 0.
pub(crate) fn read(frame: &[u8]) -> Sight {
    let mut sight =
        Sight { src_mac: Mac::NONE, dst_mac: Mac::NONE, vlans: [0; 2], content: Content::Other(0) };
    if frame.len() < 14 {
        return sight;
    }
    sight.dst_mac = Mac(array(frame, 0));
    sight.src_mac = Mac(array(frame, 6));
    let mut kind = number(frame, 12);
    let mut rest = after(frame, 14);
    let mut vlans = Vec::new();
    let is_tag = |kind| [0x8100, 0x88a8, 0x9100].contains(&kind);
    for _ in 0..TAGS {
        if is_tag(kind) && rest.len() >= 4 {
            vlans.push(number(rest, 0) & 0xfff);
            kind = number(rest, 2);
            rest = after(rest, 4);
        }
    }
    vlans.retain(|vlan| *vlan != 0);
    for (place, vlan) in sight.vlans.iter_mut().zip(vlans) {
        *place = vlan;
    }
    sight.content = match kind {
        _ if is_tag(kind) => Content::Hidden,
        0x0800 => ipv4(rest),
        0x86dd => ipv6(rest),
        other => Content::Other(other),
    };
    sight
}

/// RFC 791.
fn ipv4(bytes: &[u8]) -> Content {
    let header_len = usize::from(byte(bytes, 0) & 15).saturating_mul(4);
    if bytes.len() < 20 || byte(bytes, 0) >> 4 != 4 || header_len < 20 {
        return Content::Broken(None);
    }
    let (src, dst) = (Ip::v4(array(bytes, 12)), Ip::v4(array(bytes, 16)));
    let protocol = byte(bytes, 9);
    // No length: a network card was to fill it in, so the datagram is what was captured.
    let total = match usize::from(number(bytes, 2)) {
        0 => bytes.len(),
        total => total,
    };
    if total < header_len {
        return Content::Broken(Some((src, dst)));
    }
    let (id, place) = (u32::from(number(bytes, 4)), number(bytes, 6));
    let len = total.saturating_sub(header_len);
    let piece = piece((id, protocol, len), (place & 0x1fff) << 3, place & 0x2000);
    let mut datagram = Datagram {
        version: Version::Four,
        src,
        dst,
        hops: byte(bytes, 8),
        protocol,
        piece,
        ports: (0, 0),
        tcp_flags: None,
    };
    if header_len <= bytes.len() {
        let body = bytes.get(header_len..total.min(bytes.len())).unwrap_or_default();
        walk(&mut datagram, body, len);
    }
    Content::Datagram(datagram)
}

/// RFC 8200.
fn ipv6(bytes: &[u8]) -> Content {
    if bytes.len() < 40 || byte(bytes, 0) >> 4 != 6 {
        return Content::Broken(None);
    }
    let protocol = byte(bytes, 6);
    let behind = bytes.len().saturating_sub(40);
    // No length although something follows: a jumbogram (RFC 2675), or a network card was to fill it in.
    let len = match usize::from(number(bytes, 4)) {
        0 if protocol != NO_NEXT => behind,
        len => len,
    };
    let mut datagram = Datagram {
        version: Version::Six,
        src: Ip(array(bytes, 8)),
        dst: Ip(array(bytes, 24)),
        hops: byte(bytes, 7),
        protocol,
        piece: Piece::Whole,
        ports: (0, 0),
        tcp_flags: None,
    };
    let body = bytes.get(40..len.min(behind).saturating_add(40)).unwrap_or_default();
    walk(&mut datagram, body, len);
    Content::Datagram(datagram)
}

/// Offset 0 with nothing to come is the whole datagram (RFC 6946).
fn piece((id, protocol, len): (u32, u8, usize), offset: u16, more: u16) -> Piece {
    if offset > 0 {
        Piece::Later { id, protocol, offset }
    } else if more != 0 {
        Piece::First { id, protocol, len }
    } else {
        Piece::Whole
    }
}

/// Extension headers in front of the transport: of IPv6 (RFC 8200 section 4 and IANA's list), of IPv4 only AH (RFC 4302).
fn is_extension(version: Version, protocol: u8) -> bool {
    match version {
        Version::Four => protocol == AUTHENTICATION,
        Version::Six => [0, 43, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140].contains(&protocol),
    }
}

/// Walks to the transport header and reads it. Where the chain is cut, the datagram is of the protocol of the header that
/// could not be read. `body` is what was captured of `whole` bytes.
fn walk(datagram: &mut Datagram, body: &[u8], whole: usize) {
    let mut rest = body;
    let is_later = |piece| matches!(piece, Piece::Later { .. });
    for step in 0..=EXTENSIONS {
        if is_later(datagram.piece) {
            return;
        }
        if !is_extension(datagram.version, datagram.protocol) {
            return transport(datagram, rest);
        }
        let len = match datagram.protocol {
            FRAGMENT => 8,
            AUTHENTICATION => usize::from(byte(rest, 1)).saturating_mul(4).saturating_add(8),
            _ => usize::from(byte(rest, 1)).saturating_mul(8).saturating_add(8),
        };
        if step == EXTENSIONS || rest.len() < len || rest.len() < 8 {
            return;
        }
        let next = byte(rest, 0);
        // Of two fragment headers the first one says what the datagram is.
        if datagram.protocol == FRAGMENT && datagram.piece == Piece::Whole {
            let place = number(rest, 2);
            let len = whole.saturating_sub(body.len().saturating_sub(rest.len())).saturating_sub(8);
            datagram.piece = piece((wide(rest, 4), next, len), place & 0xfff8, place & 1);
        }
        datagram.protocol = next;
        rest = after(rest, len);
    }
}

/// Ports stand in the first four bytes, even where the rest is missing.
fn transport(datagram: &mut Datagram, body: &[u8]) {
    if body.len() < 4 {
        return;
    }
    match datagram.protocol {
        TCP | UDP | SCTP => datagram.ports = (number(body, 0), number(body, 2)),
        ICMP | ICMPV6 => datagram.ports = (u16::from(byte(body, 0)), u16::from(byte(body, 1))),
        _ => {}
    }
    if datagram.protocol == TCP && body.len() >= 14 {
        // A header that claims to be shorter than it is (RFC 9293 section 3.1) says nothing.
        let is_sound = byte(body, 12) >> 4 >= 5;
        datagram.tcp_flags = is_sound.then(|| byte(body, 13));
    }
}
