//! Addresses and time as small `Copy` values.

use core::fmt;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z. Time is an argument everywhere below the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Nanoseconds from `earlier` to this instant; 0 where `earlier` lies later.
    pub const fn since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One second in nanoseconds, the unit of [`Timestamp`].
pub const SECOND: u64 = 1_000_000_000;
/// One millisecond in nanoseconds, the unit of [`Timestamp`].
pub const MILLISECOND: u64 = 1_000_000;

/// An IEEE 802 MAC address. All zero means "no link layer seen".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The absent address.
    pub const NONE: Mac = Mac([0; 6]);

    /// Whether no address was seen.
    pub const fn is_none(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether the group bit is set (broadcast and multicast).
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether the address is locally administered (randomised phones, containers): its prefix names no vendor.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 == 2
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [b0, b1, b2, b3, b4, b5] = self.0;
        write!(f, "{b0:02x}:{b1:02x}:{b2:02x}:{b3:02x}:{b4:02x}:{b5:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IP address of either family in 16 bytes; IPv4 as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2). All zero: none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Ip(pub [u8; 16]);

impl Ip {
    /// The absent address.
    pub const NONE: Ip = Ip([0; 16]);

    /// From the four bytes of an IPv4 address.
    pub const fn v4(b: [u8; 4]) -> Ip {
        Ip([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, b[0], b[1], b[2], b[3]])
    }

    /// The four bytes, if this is an IPv4 address.
    pub const fn as_v4(self) -> Option<[u8; 4]> {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => Some([a, b, c, d]),
            _ => None,
        }
    }

    /// Whether no address was seen.
    pub const fn is_none(self) -> bool {
        u128::from_be_bytes(self.0) == 0
    }

    /// The standard library's form, for display and for parsing.
    pub const fn to_std(self) -> core::net::IpAddr {
        match self.as_v4() {
            Some([a, b, c, d]) => core::net::IpAddr::V4(core::net::Ipv4Addr::new(a, b, c, d)),
            None => core::net::IpAddr::V6(core::net::Ipv6Addr::from_octets(self.0)),
        }
    }

    /// Multicast, IPv4 limited broadcast included. A directed broadcast is not known without the prefix length.
    pub const fn is_group(self) -> bool {
        match self.as_v4() {
            Some([a, b, c, d]) => (a >= 224 && a < 240) || (a == 255 && b == 255 && c == 255 && d == 255),
            None => self.0[0] == 0xff,
        }
    }

    /// Private, shared, link-local, loopback or unique-local (RFC 1918, 6598, 3927, 4193): an address of the site itself.
    pub const fn is_internal(self) -> bool {
        match self.as_v4() {
            Some([10 | 127, ..] | [192, 168, ..] | [169, 254, ..]) => true,
            Some([172, b, ..]) => b >= 16 && b < 32,
            Some([100, b, ..]) => b >= 64 && b < 128,
            Some(_) => false,
            None => {
                self.0[0] & 0xfe == 0xfc
                    || (self.0[0] == 0xfe && self.0[1] & 0xc0 == 0x80)
                    || u128::from_be_bytes(self.0) == 1
            }
        }
    }

    /// Link-local of either family (RFC 3927, RFC 4291).
    pub const fn is_link_local(self) -> bool {
        match self.as_v4() {
            Some([169, 254, ..]) => true,
            Some(_) => false,
            None => self.0[0] == 0xfe && self.0[1] & 0xc0 == 0x80,
        }
    }
}

impl From<core::net::IpAddr> for Ip {
    fn from(ip: core::net::IpAddr) -> Ip {
        match ip {
            core::net::IpAddr::V4(v4) => Ip::v4(v4.octets()),
            core::net::IpAddr::V6(v6) => Ip(v6.octets()),
        }
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_std(), f)
    }
}

impl fmt::Debug for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What names a device over time: its MAC address where the frame is local, its IP address where it is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKey {
    /// The device was seen on its own segment.
    Mac(Mac),
    /// The device was seen through a router.
    Ip(Ip),
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceKey::Mac(Mac([b0, b1, b2, b3, b4, b5])) => {
                write!(f, "mac-{b0:02x}{b1:02x}{b2:02x}{b3:02x}{b4:02x}{b5:02x}")
            }
            DeviceKey::Ip(ip) => write!(f, "ip-{ip}"),
        }
    }
}
