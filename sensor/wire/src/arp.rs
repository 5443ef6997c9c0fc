//! ARP (RFC 826) for IPv4 over Ethernet.

use abi::address::{Ip, Mac};

/// What an ARP frame does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Asks who has the target address.
    Request,
    /// Tells who has the sender address.
    Reply,
    /// Another operation, by its number (RARP, `InARP`, ...).
    Other(u16),
}

/// One ARP frame.
///
/// A probe (RFC 5227 section 2.1.1) has the sender address 0.0.0.0; an announcement has equal sender and target addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// What it does.
    pub operation: Operation,
    /// The MAC address that the sender claims to have.
    pub sender_mac: Mac,
    /// The IP address that the sender claims to have.
    pub sender_ip: Ip,
    /// The MAC address of the target; without meaning in requests.
    pub target_mac: Mac,
    /// The IP address of the target.
    pub target_ip: Ip,
}

/// Reads the bytes at the network offset of a frame; none if they are cut short, or not IPv4 over Ethernet.
pub fn read(bytes: &[u8]) -> Option<Arp> {
    let (packet, _) = bytes.split_first_chunk::<28>()?;
    let [
        0,
        1,
        8,
        0,
        6,
        4,
        o0,
        o1, //
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        b0,
        b1,
        b2,
        b3, //
        c0,
        c1,
        c2,
        c3,
        c4,
        c5,
        d0,
        d1,
        d2,
        d3,
    ] = *packet
    else {
        return None;
    };
    Some(Arp {
        operation: match u16::from_be_bytes([o0, o1]) {
            1 => Operation::Request,
            2 => Operation::Reply,
            other => Operation::Other(other),
        },
        sender_mac: Mac([a0, a1, a2, a3, a4, a5]),
        sender_ip: Ip::v4([b0, b1, b2, b3]),
        target_mac: Mac([c0, c1, c2, c3, c4, c5]),
        target_ip: Ip::v4([d0, d1, d2, d3]),
    })
}

#[cfg(test)]
mod tests;
