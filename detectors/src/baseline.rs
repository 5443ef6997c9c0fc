//! What benign time looked like: the devices, what they do with whom and how much of it, who owns which address and name.

use crate::act::Act;
use crate::norm::Norm;
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::device::DeviceType;

/// A learned baseline. Opaque: it is made by a [`crate::learn::Learner`] or read from a snapshot, and used by a
/// [`crate::detector::Detector`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// First and last capture time that was learned from.
    pub(crate) span: [Timestamp; 2],
    pub(crate) devices: Vec<KnownDevice>,
    pub(crate) acts: Vec<Act>,
    pub(crate) pairs: Vec<KnownPair>,
    pub(crate) bindings: Vec<KnownBinding>,
    /// Who speaks for addresses of others, who leases addresses, who advertises routes.
    pub(crate) stations: Vec<KnownStation>,
    pub(crate) names: Vec<KnownName>,
    pub(crate) zones: Vec<KnownZone>,
    pub(crate) calibration: Calibration,
}

impl Baseline {
    /// Devices that were learned.
    pub fn devices(&self) -> usize {
        self.devices.len()
    }

    /// Triples of client, server and service or operation that were learned.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// First and last capture time that was learned from.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let [first, last] = self.span;
        (first, last)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownDevice {
    pub(crate) key: DeviceKey,
    pub(crate) ip: Ip,
    pub(crate) mac: Mac,
    pub(crate) class: DeviceType,
    pub(crate) outside: Norm,
    pub(crate) resolver: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownPair {
    /// Places in the lists of devices and acts.
    pub(crate) client: u32,
    pub(crate) server: u32,
    pub(crate) act: u32,
    pub(crate) first: Timestamp,
    pub(crate) norm: Norm,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownBinding {
    pub(crate) ip: Ip,
    pub(crate) mac: Mac,
}

#[expect(clippy::struct_excessive_bools, reason = "three independent roles of a station")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownStation {
    pub(crate) mac: Mac,
    pub(crate) own: Ip,
    /// VLANs it was seen in; bounded.
    pub(crate) vlans: Vec<u16>,
    pub(crate) is_router: bool,
    pub(crate) leases: bool,
    pub(crate) advertises: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownName {
    pub(crate) app: u8,
    pub(crate) name: String,
    /// Devices that used it; bounded.
    pub(crate) users: Vec<DeviceKey>,
    pub(crate) uses: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KnownZone {
    pub(crate) zone: u64,
    /// Distinct names that one client asked for within a window, at most.
    pub(crate) distinct: u32,
}

/// Margins measured on the learned time itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calibration {
    /// By figure: how far (in thousandths of an octave) the largest window of a triple lies above its second largest, at the
    /// 99th percentile of triples.
    pub(crate) margin: [u64; 5],
    /// Triples behind the margin.
    pub(crate) margin_n: u64,
    /// Most new (server, service) pairs that one client met in a minute, after the first quarter of the time.
    pub(crate) fan_out: u32,
    /// Most addresses that one station asked for by ARP in a minute.
    pub(crate) asked: u32,
    /// Most new stations in ten seconds.
    pub(crate) new_stations: u32,
    /// Most half-open, refused or empty connections to one server in ten seconds.
    pub(crate) empty: u32,
    /// External hosts that were new to the site in the last half of the time, and contacts with external hosts in it.
    pub(crate) fresh_outside: u64,
    /// See `fresh_outside`.
    pub(crate) contacts_outside: u64,
}

/// Checks that the numbers in the pairs point into the lists.
pub(crate) fn is_closed(pairs: &[KnownPair], devices: usize, acts: usize) -> bool {
    pairs.iter().all(|pair| {
        (pair.client as usize) < devices && (pair.server as usize) < devices && (pair.act as usize) < acts
    })
}
