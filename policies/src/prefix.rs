//! IP prefixes, and the prefixes that the Internet is.

use std::fmt;
use std::net::IpAddr;

use abi::address::Ip;

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::scalar::decimal;
use crate::text::Span;

/// Bits before the address in the 16 byte form of IPv4 (`::ffff:0:0/96`, RFC 4291 section 2.5.5.2).
const MAPPED: u8 = 96;

/// An IP prefix. The bits after its length are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    ip: Ip,
    /// Length in the 16 byte form: 96 more than written for IPv4.
    bits: u8,
}

impl Prefix {
    const fn v4(octets: [u8; 4], length: u8) -> Prefix {
        Prefix { ip: Ip::v4(octets), bits: MAPPED.saturating_add(length) }
    }

    /// The first address.
    pub const fn ip(self) -> Ip {
        self.ip
    }

    /// The length as it is written: at most 32 for IPv4, at most 128 for IPv6.
    pub const fn length(self) -> u8 {
        match self.ip.as_v4() {
            Some(_) => self.bits.saturating_sub(MAPPED),
            None => self.bits,
        }
    }

    /// The length counted from the first of the 128 bits of [`Ip`]: 96 more than written for IPv4.
    pub const fn mapped_length(self) -> u8 {
        self.bits
    }

    /// Whether an address lies in the prefix. No IPv4 address lies in an IPv6 prefix, however short.
    pub const fn contains(self, ip: Ip) -> bool {
        self.ip.as_v4().is_some() == ip.as_v4().is_some()
            && (u128::from_be_bytes(self.ip.0) ^ u128::from_be_bytes(ip.0)) & mask(self.bits) == 0
    }

    /// Whether every address of the other prefix lies in this one.
    pub const fn covers(self, other: Prefix) -> bool {
        self.bits <= other.bits && self.contains(other.ip)
    }

    /// The address after the last one of the prefix, in the same family.
    pub(crate) fn next(self) -> Option<Ip> {
        let last = u128::from_be_bytes(self.ip.0) | !mask(self.bits);
        let next = Ip(last.checked_add(1)?.to_be_bytes());
        (next.as_v4().is_some() == self.ip.as_v4().is_some()).then_some(next)
    }

    /// Reads `10.0.0.0/24`, `10.0.0.5`, `fd00::/48`.
    pub(crate) fn read(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Prefix> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let wrong =
            |message: String, help: &str| Mistake::new(Code::Address, span, message).help(help.to_owned());
        let form = "write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`";
        let Ok(address) = address.parse::<IpAddr>() else {
            mistakes.add(wrong(format!("`{text}` is not an IP address or prefix"), form));
            return None;
        };
        let ip = Ip::from(address);
        let (most, before) = if address.is_ipv4() { (32, MAPPED) } else { (128, 0) };
        if address.is_ipv6() && ip.as_v4().is_some() {
            mistakes.add(wrong(format!("`{text}` is an IPv4 address in IPv6 form"), "write it as IPv4"));
            return None;
        }
        let written = match length {
            None => most,
            Some(digits) => {
                let Some(length) = decimal(digits).filter(|length| *length <= most) else {
                    mistakes.add(wrong(format!("`/{digits}` is not a prefix length from 0 to {most}"), form));
                    return None;
                };
                length
            }
        };
        let bits = u8::try_from(written).unwrap_or(u8::MAX).saturating_add(before);
        let prefix = Prefix { ip: Ip((u128::from_be_bytes(ip.0) & mask(bits)).to_be_bytes()), bits };
        if prefix.ip != ip {
            let help = format!("write `{prefix}` for the network, or `{ip}` for the one address");
            mistakes.add(wrong(format!("`{text}` has bits set after its length"), &help));
            return None;
        }
        Some(prefix)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.length())
    }
}

const fn mask(bits: u8) -> u128 {
    match u128::MAX.checked_shl(128_u32.saturating_sub(bits as u32)) {
        Some(mask) => mask,
        None => 0,
    }
}

/// What the IPv4 Internet is not: "this network" (RFC 791), private (RFC 1918), shared (RFC 6598), loopback,
/// link-local (RFC 3927), multicast, reserved and limited broadcast. The same as [`Ip::is_internal`], and addresses
/// that no single host has.
const NOT_INTERNET: [Prefix; 9] = [
    Prefix::v4([0, 0, 0, 0], 8),
    Prefix::v4([10, 0, 0, 0], 8),
    Prefix::v4([100, 64, 0, 0], 10),
    Prefix::v4([127, 0, 0, 0], 8),
    Prefix::v4([169, 254, 0, 0], 16),
    Prefix::v4([172, 16, 0, 0], 12),
    Prefix::v4([192, 168, 0, 0], 16),
    Prefix::v4([224, 0, 0, 0], 4),
    Prefix::v4([240, 0, 0, 0], 4),
];

/// The IPv6 Internet: global unicast (RFC 4291 section 2.4; IANA assigns from `2000::/3` alone) and the prefix of
/// translated IPv4 (RFC 6052). What IANA has not assigned is carried by no router and stays unassigned.
const INTERNET_V6: [Prefix; 2] = [
    Prefix { ip: Ip([0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), bits: 3 },
    Prefix { ip: Ip([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), bits: 96 },
];

/// The prefixes of the segment `internet`, such that the longest prefix decides as the policy means it: whatever a
/// segment declares wins. A declared prefix inside one of these is longer and wins by itself; one that covers some of
/// these takes their place, and they are left out.
pub(crate) fn internet(declared: &[Prefix]) -> Vec<Prefix> {
    let mut found = INTERNET_V6.to_vec();
    // Cut a prefix in two until no half holds anything that the Internet is not.
    let mut open = vec![Prefix::v4([0, 0, 0, 0], 0)];
    while let Some(prefix) = open.pop() {
        if NOT_INTERNET.iter().any(|not| not.covers(prefix)) {
            continue;
        }
        if NOT_INTERNET.iter().any(|not| prefix.covers(*not)) {
            let bits = prefix.bits.saturating_add(1);
            let upper = u128::from_be_bytes(prefix.ip.0) | (mask(bits) & !mask(prefix.bits));
            open.push(Prefix { bits, ..prefix });
            open.push(Prefix { ip: Ip(upper.to_be_bytes()), bits });
        } else {
            found.push(prefix);
        }
    }
    found.retain(|prefix| !declared.iter().any(|declared| declared.covers(*prefix)));
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests;
