//! The baseline as bytes: one header line with version and hash, then the tables in postcard's wire format
//! (<https://postcard.jamesmunns.com/wire-format>). The same baseline gives the same bytes.
//!
//! A text format would cost a large sensor a tenth of a second at every start.

use crate::act::{Act, ActKey};
use crate::baseline::{
    Baseline, Calibration, KnownBinding, KnownDevice, KnownName, KnownPair, KnownStation, KnownZone,
    is_closed,
};
use crate::memory::{ACTS, DEVICES, PAIRS};
use crate::norm::{Figure, Gauge, Norm};
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::app::App;
use abi::device::DeviceType;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First word of a snapshot.
const NAME: &str = "wardline-baseline";
/// Version of the body; another version is refused, for a margin read wrongly would silence the detectors.
const VERSION: u32 = 2;
/// Snapshots larger than this are refused unread.
const SIZE: usize = 512 << 20;

/// Why bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The first line is not that of a snapshot.
    #[error("not a baseline snapshot")]
    NotASnapshot,
    /// It was written by another version.
    #[error("baseline snapshot has version {found}, this program reads version {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// It is larger than any snapshot can be.
    #[error("baseline snapshot of {bytes} bytes is larger than the limit of {SIZE}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The hash in the header is not that of the body: it was cut or changed.
    #[error("baseline snapshot is damaged: its hash does not match its content")]
    Damaged,
    /// The body is not what the version says.
    #[error("baseline snapshot cannot be read: {0}")]
    Body(#[from] postcard::Error),
    /// A number points outside its table, or a table is larger than the detectors hold.
    #[error("baseline snapshot contradicts itself in `{table}`")]
    Contradiction {
        /// The table.
        table: &'static str,
    },
}

type GaugeRow = [u64; 4];
type IpRow = [u8; 16];
type MacRow = [u8; 6];

#[derive(Clone, Copy, Serialize, Deserialize)]
enum KeyRow {
    Mac(MacRow),
    Ip(IpRow),
}

#[derive(Serialize, Deserialize)]
struct NormRow(u32, [GaugeRow; 5]);

#[derive(Serialize, Deserialize)]
struct Body {
    span: [u64; 2],
    /// key, ip, mac, type, outside, resolver
    devices: Vec<(KeyRow, IpRow, MacRow, String, NormRow, bool)>,
    /// key, application, operation, text
    acts: Vec<(u64, String, String, String)>,
    /// client, server, act, first, norm
    pairs: Vec<(u32, u32, u32, u64, NormRow)>,
    bindings: Vec<(IpRow, MacRow)>,
    /// mac, own address, VLANs, router, leases, advertises
    stations: Vec<(MacRow, IpRow, Vec<u16>, bool, bool, bool)>,
    /// kind, name, users, uses
    names: Vec<(u8, String, Vec<KeyRow>, u64)>,
    zones: Vec<(u64, u32)>,
    margin: [u64; 5],
    margin_n: u64,
    fan_out: u32,
    asked: u32,
    new_stations: u32,
    empty: u32,
    fresh_outside: u64,
    contacts_outside: u64,
}

impl Baseline {
    /// The snapshot: deterministic, so that the same learning gives the same file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = self.encoded();
        let mut bytes = format!("{NAME} {VERSION} {}\n", hex(&Sha256::digest(&body))).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }

    /// SHA-256 of the snapshot's body.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.encoded()).into()
    }

    fn encoded(&self) -> Vec<u8> {
        // Strings, numbers and sequences of known length only: nothing here can fail to be encoded.
        postcard::to_allocvec(&self.body()).unwrap_or_default()
    }

    /// Reads a snapshot.
    pub fn from_bytes(bytes: &[u8]) -> Result<Baseline, SnapshotError> {
        Baseline::with_hash(bytes).map(|(baseline, _)| baseline)
    }

    /// Reads a snapshot and gives the hash of its body too: [`Baseline::hash`] without writing it all again.
    pub fn with_hash(bytes: &[u8]) -> Result<(Baseline, [u8; 32]), SnapshotError> {
        if bytes.len() > SIZE {
            return Err(SnapshotError::TooLarge { bytes: bytes.len() });
        }
        let end = bytes.iter().take(256).position(|b| *b == b'\n').ok_or(SnapshotError::NotASnapshot)?;
        let (head, rest) = bytes.split_at_checked(end).ok_or(SnapshotError::NotASnapshot)?;
        let head = std::str::from_utf8(head).map_err(|_not_text| SnapshotError::NotASnapshot)?;
        let mut words = head.split(' ');
        let (Some(NAME), Some(version), Some(hash)) = (words.next(), words.next(), words.next()) else {
            return Err(SnapshotError::NotASnapshot);
        };
        let found = version.parse().map_err(|_not_a_number| SnapshotError::NotASnapshot)?;
        if found != VERSION {
            return Err(SnapshotError::Version { found });
        }
        let body = rest.strip_prefix(b"\n").ok_or(SnapshotError::Damaged)?;
        let digest = Sha256::digest(body);
        if hex(&digest) != hash {
            return Err(SnapshotError::Damaged);
        }
        match postcard::take_from_bytes(body)? {
            (tables, []) => Ok((read(tables)?, digest.into())),
            _ => Err(SnapshotError::Damaged),
        }
    }

    fn body(&self) -> Body {
        let Calibration {
            margin,
            margin_n,
            fan_out,
            asked,
            new_stations,
            empty,
            fresh_outside,
            contacts_outside,
        } = self.calibration;
        Body {
            span: self.span.map(|at| at.0),
            devices: self
                .devices
                .iter()
                .map(|d| {
                    let class = d.class.word().to_owned();
                    (key_row(d.key), d.ip.0, d.mac.0, class, norm_row(&d.outside), d.resolver)
                })
                .collect(),
            acts: self
                .acts
                .iter()
                .map(|act| (act.key.0, act.app.word().to_owned(), act.op.clone(), act.text.clone()))
                .collect(),
            pairs: self
                .pairs
                .iter()
                .map(|p| (p.client, p.server, p.act, p.first.0, norm_row(&p.norm)))
                .collect(),
            bindings: self.bindings.iter().map(|b| (b.ip.0, b.mac.0)).collect(),
            stations: self
                .stations
                .iter()
                .map(|s| (s.mac.0, s.own.0, s.vlans.clone(), s.is_router, s.leases, s.advertises))
                .collect(),
            names: self
                .names
                .iter()
                .map(|n| (n.app, n.name.clone(), n.users.iter().map(|user| key_row(*user)).collect(), n.uses))
                .collect(),
            zones: self.zones.iter().map(|zone| (zone.zone, zone.distinct)).collect(),
            margin,
            margin_n,
            fan_out,
            asked,
            new_stations,
            empty,
            fresh_outside,
            contacts_outside,
        }
    }
}

fn read(body: Body) -> Result<Baseline, SnapshotError> {
    let wrong = |table| SnapshotError::Contradiction { table };
    if body.devices.len() > DEVICES {
        return Err(wrong("devices"));
    }
    if body.acts.len() > ACTS {
        return Err(wrong("acts"));
    }
    let devices = body.devices.into_iter().map(device).collect::<Option<Vec<_>>>().ok_or(wrong("devices"))?;
    let acts = body.acts.into_iter().map(act).collect::<Option<Vec<_>>>().ok_or(wrong("acts"))?;
    let pairs: Vec<KnownPair> = body
        .pairs
        .into_iter()
        .map(|(client, server, act, first, norm)| KnownPair {
            client,
            server,
            act,
            first: Timestamp(first),
            norm: norm_of(&norm),
        })
        .collect();
    if pairs.len() > PAIRS || !is_closed(&pairs, devices.len(), acts.len()) {
        return Err(wrong("pairs"));
    }
    let names = body.names.into_iter().map(|(app, name, users, uses)| {
        let users = users.into_iter().map(key).collect();
        KnownName { app, name, users, uses }
    });
    Ok(Baseline {
        span: body.span.map(Timestamp),
        devices,
        acts,
        pairs,
        bindings: body
            .bindings
            .into_iter()
            .map(|(ip, mac)| KnownBinding { ip: Ip(ip), mac: Mac(mac) })
            .collect(),
        stations: body.stations.into_iter().map(station).collect(),
        names: names.collect(),
        zones: body.zones.into_iter().map(|(zone, distinct)| KnownZone { zone, distinct }).collect(),
        calibration: Calibration {
            margin: body.margin,
            margin_n: body.margin_n,
            fan_out: body.fan_out,
            asked: body.asked,
            new_stations: body.new_stations,
            empty: body.empty,
            fresh_outside: body.fresh_outside,
            contacts_outside: body.contacts_outside,
        },
    })
}

fn device(row: (KeyRow, IpRow, MacRow, String, NormRow, bool)) -> Option<KnownDevice> {
    let (k, ip, mac, class, outside, resolver) = row;
    let class = DeviceType::parse(&class)?;
    Some(KnownDevice { key: key(k), ip: Ip(ip), mac: Mac(mac), class, outside: norm_of(&outside), resolver })
}

fn act((key, app, op, text): (u64, String, String, String)) -> Option<Act> {
    Some(Act { key: ActKey(key), app: App::parse(&app)?, op, text })
}

fn station(row: (MacRow, IpRow, Vec<u16>, bool, bool, bool)) -> KnownStation {
    let (mac, own, vlans, is_router, leases, advertises) = row;
    KnownStation { mac: Mac(mac), own: Ip(own), vlans, is_router, leases, advertises }
}

fn norm_row(norm: &Norm) -> NormRow {
    let gauge = |figure| {
        let Gauge { max, second, sum, squares } = *norm.of(figure);
        [max, second, sum, squares]
    };
    NormRow(norm.windows, Figure::ALL.map(gauge))
}

fn norm_of(NormRow(windows, gauges): &NormRow) -> Norm {
    let [times, out, back, objects, failures] =
        gauges.map(|[max, second, sum, squares]| Gauge { max, second, sum, squares });
    Norm { windows: *windows, times, out, back, objects, failures }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

const fn key_row(key: DeviceKey) -> KeyRow {
    match key {
        DeviceKey::Mac(mac) => KeyRow::Mac(mac.0),
        DeviceKey::Ip(ip) => KeyRow::Ip(ip.0),
    }
}

const fn key(row: KeyRow) -> DeviceKey {
    match row {
        KeyRow::Mac(mac) => DeviceKey::Mac(Mac(mac)),
        KeyRow::Ip(ip) => DeviceKey::Ip(Ip(ip)),
    }
}

#[cfg(test)]
mod tests;
