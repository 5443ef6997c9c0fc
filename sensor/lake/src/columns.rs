//! Accesses as columns and back: addresses are two integers, everything else one.

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use polars::prelude::{Column, DataFrame, PolarsResult};

/// The columns that name an access.
pub(crate) const KEY: [&str; 13] = [
    "client_device_high",
    "client_device_low",
    "client_ip_high",
    "client_ip_low",
    "client_mac",
    "server_device_high",
    "server_device_low",
    "server_ip_high",
    "server_ip_low",
    "server_mac",
    "vlan",
    "protocol",
    "ports",
];

/// The columns that count it: they are added up, but for the times.
pub(crate) const FLOWS: &str = "flows";
pub(crate) const BYTES: &str = "bytes";
pub(crate) const ANSWERED: &str = "answered";
pub(crate) const FIRST: &str = "first";
pub(crate) const LAST: &str = "last";

/// The high half of a device that is named by its MAC address; no unicast address begins like this.
const BY_MAC: u64 = u64::MAX;

/// Who asked whom over which port, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Who began.
    pub client: Side,
    /// Who was addressed.
    pub server: Side,
    /// The outer VLAN; 0 for none.
    pub vlan: u16,
    /// The IP protocol (IANA number).
    pub protocol: u8,
    /// The port of the client, where it says something (DHCP, ICMP types); else 0.
    pub client_port: u16,
    /// The port of the server; 0 for protocols without.
    pub port: u16,
    /// Flows.
    pub flows: u64,
    /// Those that the server took part in.
    pub answered: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Time of the first frame of all.
    pub first: Timestamp,
    /// Time of the last frame of all.
    pub last: Timestamp,
}

/// One side of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Side {
    /// The device.
    pub device: DeviceKey,
    /// Its address.
    pub ip: Ip,
    /// The MAC address of its frames.
    pub mac: Mac,
}

/// Accesses, column by column.
#[derive(Default)]
pub(crate) struct Columns {
    key: [Vec<u64>; KEY.len()],
    flows: Vec<u64>,
    answered: Vec<u64>,
    bytes: Vec<u64>,
    first: Vec<u64>,
    last: Vec<u64>,
}

impl Columns {
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    pub(crate) fn push(&mut self, access: &Access) {
        for (column, value) in self.key.iter_mut().zip(key(access)) {
            column.push(value);
        }
        self.flows.push(access.flows);
        self.answered.push(access.answered);
        self.bytes.push(access.bytes);
        self.first.push(access.first.0);
        self.last.push(access.last.0);
    }

    pub(crate) fn frame(self) -> PolarsResult<DataFrame> {
        let height = self.len();
        let mut columns: Vec<Column> =
            KEY.iter().zip(self.key).map(|(name, values)| Column::new((*name).into(), values)).collect();
        let counted = [
            (FLOWS, self.flows),
            (ANSWERED, self.answered),
            (BYTES, self.bytes),
            (FIRST, self.first),
            (LAST, self.last),
        ];
        columns.extend(counted.map(|(name, values)| Column::new(name.into(), values)));
        DataFrame::new(height, columns)
    }
}

/// The accesses of a frame.
pub(crate) fn accesses(frame: &DataFrame) -> PolarsResult<Vec<Access>> {
    let column = |name: &str| -> PolarsResult<Vec<u64>> {
        Ok(frame.column(name)?.u64()?.iter().map(Option::unwrap_or_default).collect())
    };
    let key: Vec<Vec<u64>> = KEY.iter().map(|name| column(name)).collect::<PolarsResult<_>>()?;
    let (flows, answered, bytes) = (column(FLOWS)?, column(ANSWERED)?, column(BYTES)?);
    let (first, last) = (column(FIRST)?, column(LAST)?);
    let at = |values: &[u64], row: usize| values.get(row).copied().unwrap_or_default();
    let access = |row: usize| {
        let of = |place: usize| key.get(place).map_or(0, |values| at(values, row));
        let side = |from: usize| Side {
            device: device(of(from), of(from.saturating_add(1))),
            ip: ip(of(from.saturating_add(2)), of(from.saturating_add(3))),
            mac: mac(of(from.saturating_add(4))),
        };
        let (client_port, port) = halves(of(12));
        Access {
            client: side(0),
            server: side(5),
            vlan: low16(of(10)),
            protocol: u8::try_from(of(11)).unwrap_or_default(),
            client_port,
            port,
            flows: at(&flows, row),
            answered: at(&answered, row),
            bytes: at(&bytes, row),
            first: Timestamp(at(&first, row)),
            last: Timestamp(at(&last, row)),
        }
    };
    Ok((0..frame.height()).map(access).collect())
}

fn key(access: &Access) -> [u64; KEY.len()] {
    let side = |side: &Side| {
        let (device_high, device_low) = match side.device {
            DeviceKey::Mac(mac) => (BY_MAC, number(mac)),
            DeviceKey::Ip(ip) => words(ip),
        };
        let (high, low) = words(side.ip);
        [device_high, device_low, high, low, number(side.mac)]
    };
    let ports = u64::from(access.client_port) << 16 | u64::from(access.port);
    let rest = [u64::from(access.vlan), u64::from(access.protocol), ports];
    let all = side(&access.client).into_iter().chain(side(&access.server)).chain(rest);
    let mut key = [0; KEY.len()];
    key.iter_mut().zip(all).for_each(|(place, value)| *place = value);
    key
}

fn device(high: u64, low: u64) -> DeviceKey {
    if high == BY_MAC { DeviceKey::Mac(mac(low)) } else { DeviceKey::Ip(ip(high, low)) }
}

fn words(ip: Ip) -> (u64, u64) {
    let all = u128::from_be_bytes(ip.0);
    let low = u64::try_from(all & u128::from(u64::MAX)).unwrap_or_default();
    (u64::try_from(all >> 64).unwrap_or_default(), low)
}

fn ip(high: u64, low: u64) -> Ip {
    Ip((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn number(mac: Mac) -> u64 {
    mac.0.iter().fold(0, |number, &octet| number << 8 | u64::from(octet))
}

const fn mac(number: u64) -> Mac {
    let [_, _, octets @ ..] = number.to_be_bytes();
    Mac(octets)
}

const fn low16(number: u64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

const fn halves(number: u64) -> (u16, u16) {
    (low16(number >> 16), low16(number))
}

#[cfg(test)]
mod tests;
