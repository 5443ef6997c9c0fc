//! The headers of a frame, read once, with the place where reading stopped.
//!
//! Every access (for the judge, the flow table and everything above) comes from here, in the kernel and in replay alike.

use crate::address::{Ip, Mac};

mod read;
#[cfg(test)]
mod tests;

pub use read::{Bytes, read_ethernet, read_frame, read_ip, read_link_payload};

/// IP protocol numbers (IANA) that the judge tells apart.
pub mod protocol {
    /// ICMP (RFC 792).
    pub const ICMP: u8 = 1;
    /// IGMP (RFC 3376).
    pub const IGMP: u8 = 2;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// Generic routing encapsulation (RFC 2784).
    pub const GRE: u8 = 47;
    /// `ICMPv6` (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// SCTP (RFC 9260).
    pub const SCTP: u8 = 132;
}

/// Ethernet types (IEEE) that the judge tells apart.
pub mod ether_type {
    /// IPv4 (RFC 894).
    pub const IPV4: u16 = 0x0800;
    /// ARP (RFC 826).
    pub const ARP: u16 = 0x0806;
    /// A VLAN tag (IEEE 802.1Q).
    pub const VLAN: u16 = 0x8100;
    /// A service VLAN tag (IEEE 802.1ad).
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// The pre-standard QinQ tag.
    pub const OLD_QINQ: u16 = 0x9100;
    /// IPv6 (RFC 2464).
    pub const IPV6: u16 = 0x86dd;
    /// EAP over LAN (IEEE 802.1X).
    pub const EAPOL: u16 = 0x888e;
    /// LLDP (IEEE 802.1AB).
    pub const LLDP: u16 = 0x88cc;
}

/// TCP flag bits (RFC 9293 section 3.1).
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push function.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment field is significant.
    pub const ACK: u8 = 0x10;
}

/// Where an IP datagram stands in a fragmented one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fragment {
    /// Not a fragment.
    #[default]
    Whole,
    /// The first one, which has the ports.
    First {
        /// The identification that its siblings share.
        id: u32,
        /// The protocol number that they name too: of what stands first in the datagram, be it an extension header.
        protocol: u8,
        /// How many bytes of the datagram it brings, by its length field.
        len: u16,
    },
    /// A later one, without ports.
    Later {
        /// The identification that its siblings share.
        id: u32,
        /// Where its bytes begin in the datagram.
        offset: u16,
    },
}

/// A layer of a frame, to say how far reading got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Ethernet or another link header.
    Link,
    /// IPv4, IPv6 and extension headers, or ARP.
    Network,
    /// TCP, UDP, ICMP.
    Transport,
}

/// The headers of one frame. Fields that the frame does not have are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// Source MAC address; none on links without one.
    pub src_mac: Mac,
    /// Destination MAC address.
    pub dst_mac: Mac,
    /// VLAN identifiers, outer then inner; 0 is none (priority tags count as none).
    pub vlan: [u16; 2],
    /// The Ethernet type after VLAN tags; below 1536 a frame with LLC.
    pub ether_type: u16,
    /// Source IP address.
    pub src: Ip,
    /// Destination IP address.
    pub dst: Ip,
    /// IP protocol number after extension headers.
    pub protocol: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// TCP flag bits.
    pub tcp_flags: u8,
    /// Source port; for ICMP and `ICMPv6` the type.
    pub src_port: u16,
    /// Destination port; for ICMP and `ICMPv6` the code.
    pub dst_port: u16,
    /// Position in a fragmented datagram.
    pub fragment: Fragment,
    /// Where the IP or ARP header begins in the bytes that were read.
    pub network_offset: u16,
    /// Where the transport header begins (after IP options and extension headers); 0 where there is none.
    pub transport_offset: u16,
    /// Where the bytes of the application begin; 0 where there are none to find.
    pub payload_offset: u16,
    /// Bytes of application payload by the lengths in the IP and UDP headers, whether captured or not.
    pub payload_len: u32,
    /// End of the IP datagram by its own length field, counted like the offsets: bytes after it are padding.
    pub network_end: u32,
}

impl Headers {
    /// Whether an IPv4 or IPv6 header was read far enough to tell where its datagram ends.
    pub const fn is_ip(&self) -> bool {
        self.network_end != 0
    }

    /// Whether the frame carries ARP (RFC 826), at `network_offset`.
    pub const fn is_arp(&self) -> bool {
        self.ether_type == ether_type::ARP
    }

    /// Whether these TCP flags open a connection: SYN without ACK (RFC 9293 section 3.5). So may a first fragment that ends
    /// before them: they would come with the next one, which has no ports (RFC 1858 section 3, RFC 3128).
    pub const fn opens_tcp(&self) -> bool {
        let has_no_flags = matches!(self.fragment, Fragment::First { .. }) && self.payload_offset == 0;
        self.protocol == protocol::TCP
            && (self.tcp_flags & (tcp_flag::SYN | tcp_flag::ACK) == tcp_flag::SYN || has_no_flags)
    }

    /// Whether these TCP flags answer an opening: SYN and ACK together.
    pub const fn answers_tcp(&self) -> bool {
        let both = tcp_flag::SYN | tcp_flag::ACK;
        self.protocol == protocol::TCP && self.tcp_flags & both == both
    }
}

/// How far a frame could be read. A broken frame is a fact, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everything that the frame claims to have was there.
    Whole(Headers),
    /// Reading stopped; the headers hold what came before.
    Cut {
        /// What was read.
        headers: Headers,
        /// The layer that is missing bytes or contradicts itself.
        layer: Layer,
        /// The offset at which it was noticed.
        at: u16,
    },
}

impl Reading {
    /// The headers, as far as they go.
    pub const fn headers(&self) -> &Headers {
        match self {
            Reading::Whole(headers) | Reading::Cut { headers, .. } => headers,
        }
    }
}
