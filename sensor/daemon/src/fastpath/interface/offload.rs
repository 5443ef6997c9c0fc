//! What an interface does by itself with frames, and what it offers to XDP.

use super::super::netlink::{self, Message, Netlink, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

const ETHTOOL: &str = "ethtool";
const GET_FEATURES: u8 = 11;
const GET_CHANNELS: u8 = 17;
const DEVICE: u16 = 1;
const DEVICE_INDEX: u16 = 1;
const SWITCHABLE: u16 = 2;
const ACTIVE: u16 = 4;
const FIXED: u16 = 5;
const BITS: u16 = 3;
const BIT_NAME: u16 = 2;

/// Receive queues, transmit queues and those that are both: in use.
const QUEUES: [u16; 3] = [6, 7, 9];
/// The same: that could be used.
const MOST_QUEUES: [u16; 3] = [2, 3, 5];

const NETDEV: &str = "netdev";
const GET_DEVICE: u8 = 1;
const NETDEV_INDEX: u16 = 1;
const NETDEV_XDP: u16 = 3;

/// What a driver can do with XDP (`NETDEV_XDP_ACT_*`, Linux 6.3).
const XDP_BASIC: u64 = 1;
const XDP_TRANSMIT: u64 = 4;
const XDP_RECEIVE_PARTS: u64 = 32;
const XDP_TRANSMIT_PARTS: u64 = 64;

/// Something that an interface does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It does not.
    Off,
    /// It does, and can be told not to.
    On,
    /// It does, and cannot be told not to.
    Fixed,
}

/// What an interface does by itself, and what its driver can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offloads {
    features: BTreeMap<String, Switch>,
    /// None if this kernel does not say.
    xdp: Option<u64>,
}

/// Queues of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Receive queues in use.
    pub receive: u32,
    /// Transmit queues in use.
    pub transmit: u32,
    /// Queues for both that could be used.
    pub most: u32,
}

impl Offloads {
    /// Of the interface of this number. What the kernel does not tell is left out.
    pub fn of(index: u32) -> io::Result<Offloads> {
        let mut netlink = Netlink::open(Service::Generic)?;
        let mut features = BTreeMap::new();
        for message in ethtool(&mut netlink, GET_FEATURES, index)? {
            let sets: BTreeMap<u16, BTreeSet<String>> =
                attributes(&message).map(|(kind, value)| (kind, names(value))).collect();
            let has = |set: u16, name: &String| sets.get(&set).is_some_and(|names| names.contains(name));
            for name in sets.get(&ACTIVE).into_iter().flatten() {
                let is_fixed = has(FIXED, name) || !has(SWITCHABLE, name);
                features.insert(name.clone(), if is_fixed { Switch::Fixed } else { Switch::On });
            }
        }
        Ok(Offloads { features, xdp: xdp(&mut netlink, index)? })
    }

    /// Whether it joins segments to large frames, which no program could undo.
    pub fn large_receive(&self) -> Switch {
        self.feature("rx-lro")
    }

    /// The same in hardware, by other rules.
    pub fn hardware_gro(&self) -> Switch {
        self.feature("rx-gro-hw")
    }

    /// Whether it takes VLAN tags out of frames (IEEE 802.1Q, 0x8100), so that no program sees them.
    pub fn vlan_stripping(&self) -> Switch {
        self.feature("rx-vlan-hw-parse")
    }

    /// The same of service tags (IEEE 802.1ad, 0x88a8).
    pub fn service_tag_stripping(&self) -> Switch {
        self.feature("rx-vlan-stag-hw-parse")
    }

    /// Whether it drops frames of VLANs that this machine has no interface for.
    pub fn vlan_filtering(&self) -> Switch {
        self.feature("rx-vlan-filter")
    }

    fn feature(&self, name: &str) -> Switch {
        self.features.get(name).copied().unwrap_or(Switch::Off)
    }

    /// Whether the driver runs XDP programs. None if the kernel does not say.
    pub fn is_native(&self) -> Option<bool> {
        self.xdp.map(|bits| bits & XDP_BASIC != 0)
    }

    /// Whether the driver sends frames that a program on another interface redirected. None if the kernel does not say.
    pub fn takes_redirected(&self) -> Option<bool> {
        self.xdp.map(|bits| bits & XDP_TRANSMIT != 0)
    }

    /// Whether the driver does either also with frames of several parts, as jumbo frames are. None if the kernel does
    /// not say.
    pub fn takes_parts(&self) -> Option<bool> {
        let both = XDP_RECEIVE_PARTS | XDP_TRANSMIT_PARTS;
        self.xdp.map(|bits| bits & both == both)
    }
}

impl Queues {
    /// Of the interface of this number. None if its driver does not say.
    pub fn of(index: u32) -> io::Result<Option<Queues>> {
        let mut netlink = Netlink::open(Service::Generic)?;
        let answer = match ethtool(&mut netlink, GET_CHANNELS, index) {
            Ok(answer) => answer,
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(answer.first().map(|message| {
            let counts: BTreeMap<u16, u32> = attributes(message)
                .filter_map(|(kind, value)| Some((kind, netlink::word(value, 0)?)))
                .collect();
            let count = |kind: u16| counts.get(&kind).copied().unwrap_or(0);
            let ([receive, transmit, both], [.., most]) = (QUEUES, MOST_QUEUES);
            Queues {
                receive: count(receive).saturating_add(count(both)),
                transmit: count(transmit).saturating_add(count(both)),
                most: count(most),
            }
        }))
    }
}

/// Bytes before the attributes of a message of a family.
const FAMILY_HEAD: usize = 4;

fn attributes(message: &Message) -> impl Iterator<Item = (u16, &[u8])> {
    netlink::attributes(message.body.get(FAMILY_HEAD..).unwrap_or_default())
}

fn ethtool(netlink: &mut Netlink, command: u8, index: u32) -> io::Result<Vec<Message>> {
    let Some(family) = netlink.family(ETHTOOL)? else { return Ok(Vec::new()) };
    let mut device = Vec::new();
    netlink::put(&mut device, DEVICE_INDEX, &index.to_ne_bytes());
    let mut body = vec![command, 1, 0, 0];
    netlink::put_nested(&mut body, DEVICE, &device);
    netlink.ask(family, &body)
}

fn xdp(netlink: &mut Netlink, index: u32) -> io::Result<Option<u64>> {
    let Some(family) = netlink.family(NETDEV)? else { return Ok(None) };
    let mut body = vec![GET_DEVICE, 1, 0, 0];
    netlink::put(&mut body, NETDEV_INDEX, &index.to_ne_bytes());
    let answer = netlink.ask(family, &body)?;
    let bits = answer.iter().flat_map(attributes).find(|(kind, _)| *kind == NETDEV_XDP);
    Ok(bits.and_then(|(_, value)| netlink::double(value, 0)))
}

/// The names of a set of bits.
fn names(set: &[u8]) -> BTreeSet<String> {
    let bits = netlink::attributes(set).filter(|(kind, _)| *kind == BITS);
    let bits = bits.flat_map(|(_, bits)| netlink::attributes(bits));
    let names = bits.filter_map(|(_, bit)| netlink::attributes(bit).find(|(kind, _)| *kind == BIT_NAME));
    names.map(|(_, name)| netlink::text(name)).collect()
}
