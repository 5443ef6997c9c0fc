//! What was talked: flows come in, one row for each access is kept.

use crate::Error;
use crate::columns::{ANSWERED, BYTES, Columns, FIRST, FLOWS, KEY, LAST, accesses};
use crate::flow::{Answered, Flow};
use abi::address::{DeviceKey, Timestamp};
use abi::device::DeviceType;
use abi::headers::protocol;
use polars::prelude::{DataFrame, IntoLazy, UnionArgs, col, concat};
use std::collections::BTreeMap;

pub use crate::columns::{Access, Side};

/// Flows that are gathered before they are added up.
const CHUNK: usize = 262_144;
/// Accesses that are kept at most: a scan of every port of every device must not take all memory.
const ACCESSES: usize = 2_000_000;

/// Takes flows.
#[derive(Default)]
pub struct Recorder {
    gathered: Columns,
    kept: Option<DataFrame>,
    classes: BTreeMap<DeviceKey, DeviceType>,
    flows: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// What was talked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Every access, sorted.
    pub accesses: Vec<Access>,
    /// What each device is, as far as is known.
    pub classes: BTreeMap<DeviceKey, DeviceType>,
    /// Flows in all.
    pub flows: u64,
    /// Times of the first and of the last frame of all flows.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Recorder {
    /// Adds a flow. What is no IP is left out: policies do not speak of it.
    ///
    /// # Errors
    /// There are more accesses than are kept.
    pub fn push(&mut self, flow: &Flow) -> Result<(), Error> {
        if flow.client.ip.is_none() && flow.server.ip.is_none() {
            return Ok(());
        }
        self.flows = self.flows.saturating_add(1);
        let (first, last) = self.span.unwrap_or((flow.first, flow.last));
        self.span = Some((first.min(flow.first), last.max(flow.last)));
        for end in [&flow.client, &flow.server] {
            if end.class != DeviceType::Unknown {
                self.classes.insert(end.device, end.class);
            }
        }
        self.gathered.push(&access(flow));
        if self.gathered.len() >= CHUNK { self.add_up() } else { Ok(()) }
    }

    /// Says what a device is. What is said later holds.
    pub fn class(&mut self, device: DeviceKey, class: DeviceType) {
        if class != DeviceType::Unknown {
            self.classes.insert(device, class);
        }
    }

    /// What was talked in all.
    ///
    /// # Errors
    /// There are more accesses than are kept.
    pub fn finish(mut self) -> Result<Record, Error> {
        self.add_up()?;
        let mut accesses = match &self.kept {
            Some(frame) => accesses(frame)?,
            None => Vec::new(),
        };
        accesses.sort_unstable();
        Ok(Record { accesses, classes: self.classes, flows: self.flows, span: self.span })
    }

    /// Adds what was gathered to what is kept.
    fn add_up(&mut self) -> Result<(), Error> {
        let gathered = std::mem::take(&mut self.gathered).frame()?.lazy();
        let all = match self.kept.take() {
            None => gathered,
            Some(kept) => concat([kept.lazy(), gathered], UnionArgs::default())?,
        };
        let counted =
            [col(FLOWS).sum(), col(ANSWERED).sum(), col(BYTES).sum(), col(FIRST).min(), col(LAST).max()];
        let kept = all.group_by(KEY.map(col)).agg(counted).collect()?;
        if kept.height() > ACCESSES {
            return Err(Error::TooMany(ACCESSES));
        }
        self.kept = Some(kept);
        Ok(())
    }
}

fn access(flow: &Flow) -> Access {
    // The client's port says something only where it is fixed: DHCP (RFC 2131 section 4.1, RFC 8415 section 7.2) and, in its
    // place, the type of ICMP.
    let is_telling = match flow.protocol {
        protocol::UDP => {
            matches!((flow.client.port, flow.server.port), (68, 67) | (67, 68) | (546, 547) | (547, 546))
        }
        protocol::TCP => false,
        _ => true,
    };
    let side = |end: &crate::flow::End| Side { device: end.device, ip: end.ip, mac: end.mac };
    Access {
        client: side(&flow.client),
        server: side(&flow.server),
        vlan: flow.vlan,
        protocol: flow.protocol,
        client_port: if is_telling { flow.client.port } else { 0 },
        port: flow.server.port,
        flows: 1,
        answered: u64::from(flow.answered == Answered::Yes),
        bytes: flow.bytes,
        first: flow.first,
        last: flow.last,
    }
}
