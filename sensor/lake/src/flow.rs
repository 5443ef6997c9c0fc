//! A flow as it was recorded.

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::device::DeviceType;

/// One bidirectional flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Time of the first frame.
    pub first: Timestamp,
    /// Time of the last frame.
    pub last: Timestamp,
    /// Who began.
    pub client: End,
    /// Who was addressed.
    pub server: End,
    /// The outer VLAN; 0 for none.
    pub vlan: u16,
    /// The IP protocol (IANA number).
    pub protocol: u8,
    /// Bytes of all frames.
    pub bytes: u64,
    /// Whether the addressed side took part: for TCP a connection that came about, else any frame.
    pub answered: Answered,
}

/// Whether the addressed side took part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It did.
    Yes,
    /// It never answered, or refused.
    No,
}

/// One side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The device.
    pub device: DeviceKey,
    /// Its address.
    pub ip: Ip,
    /// The MAC address of its frames; that of the router where it is routed.
    pub mac: Mac,
    /// Its port; 0 for protocols without.
    pub port: u16,
    /// What it is, as far as it was known then.
    pub class: DeviceType,
}
