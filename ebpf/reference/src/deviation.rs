//! Frames on which the judge is known to say something else than the standards, until it is mended.

use crate::reading::{Chain, Content, Datagram, ICMPV6, IGMP, Piece, TCP, Version, read};

/// Why the judge and the evaluator differ on a frame. A comparison leaves such frames out for both, and counts them; for
/// each kind a test holds what the judge says today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deviation {
    /// IPv4 whose total length ends before its header does (RFC 791), with the protocol number of IGMP: no IGMP, yet
    /// allowed as such.
    BrokenIgmp,
    /// IGMP in IPv6 or ICMPv6 in IPv4, which no standard knows, yet allowed as group membership or neighbour discovery.
    OtherFamily,
    /// TCP flags or a fragment header of IPv6 that lie behind the end of the datagram: they are read from the padding.
    ReadFromPadding,
    /// A first fragment whose fragmented part begins with a further extension header (RFC 8200 section 4.5), or AH in IPv4:
    /// its later fragments, which have that header's number, are not found to belong to it.
    FragmentedExtension,
    /// A fragment in IPv6 between IPv4-mapped addresses shares the datagrams of IPv4.
    MappedFragment,
    /// Extension headers of IPv6 behind AH in IPv4 are walked as if it were IPv6.
    OtherExtension,
    /// A first fragment of TCP that ends before the flags (RFC 1858 section 3, RFC 3128): it is taken for one of a
    /// connection whose opening was not seen, and allowed if the other side may open one.
    TinyFragment,
}

/// Extension headers that IPv4 does not have.
const OF_IPV6: [u8; 7] = [0, 43, 44, 60, 135, 139, 140];

impl Deviation {
    /// Whether a frame is one of these.
    #[must_use]
    pub fn of(frame: &[u8]) -> Option<Deviation> {
        match read(frame).content {
            Content::Datagram(datagram) => of_datagram(&datagram),
            Content::Broken { addresses: Some(_), protocol: IGMP } => Some(Deviation::BrokenIgmp),
            Content::Broken { .. } | Content::Hidden | Content::Other(_) => None,
        }
    }
}

fn of_datagram(datagram: &Datagram) -> Option<Deviation> {
    let Datagram { version, protocol, .. } = *datagram;
    let is_mapped = datagram.src.as_v4().is_some() && datagram.dst.as_v4().is_some();
    match datagram.piece {
        Piece::First { protocol: announced, .. } if announced != protocol => {
            return Some(Deviation::FragmentedExtension);
        }
        Piece::First { .. } | Piece::Later { .. } if version == Version::Six && is_mapped => {
            return Some(Deviation::MappedFragment);
        }
        Piece::First { .. } if protocol == TCP && datagram.tcp_flags.is_none() => {
            return Some(Deviation::TinyFragment);
        }
        Piece::Whole | Piece::First { .. } | Piece::Later { .. } => {}
    }
    let discovers = protocol == ICMPV6
        && matches!((datagram.ports.0, datagram.hops), (133..=136, 255) | (130..=132 | 143, 1));
    match version {
        Version::Six if protocol == IGMP => Some(Deviation::OtherFamily),
        Version::Four if discovers => Some(Deviation::OtherFamily),
        Version::Four if datagram.chain == Chain::Authenticated && OF_IPV6.contains(&protocol) => {
            Some(Deviation::OtherExtension)
        }
        _ if datagram.padded
            && (datagram.chain == Chain::CutAtFragment
                || (protocol == TCP && datagram.tcp_flags.is_none())) =>
        {
            Some(Deviation::ReadFromPadding)
        }
        Version::Four | Version::Six => None,
    }
}
