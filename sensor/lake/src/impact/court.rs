//! The judge, with a policy in force and the devices of a record placed.

use crate::record::{Access, Record};
use abi::address::{DeviceKey, Timestamp};
use abi::headers::{Headers, ether_type, protocol, tcp_flag};
use abi::judge::{Verdict, judge};
use abi::state::{PlacedBy, State};
use policies::Compiled;

/// Between two accesses so much time goes by that no flow of an earlier one is left: each begins anew, and none is taken for a reply.
const APART: u64 = 2 * 3600 * abi::address::SECOND;
/// The frame by which an access is judged: its first one.
const FRAME: u32 = 64;

pub(super) struct Court {
    state: Box<State>,
}

impl Court {
    /// Puts a policy in force and places the devices of the record that it selects by class, as a replay does: by MAC
    /// address, and by IP address, for a device may be seen from beyond a router too.
    pub(super) fn of(policy: &Compiled, record: &Record) -> Court {
        let state = State::boxed();
        // A compiled policy fits an empty state. Devices that find no room stay where their address is.
        let mut full = u64::from(policy.install(&state).is_err());
        let identities = state.identities();
        for side in record.accesses.iter().flat_map(|access| [access.client, access.server]) {
            if matches!(side.device, DeviceKey::Ip(_))
                && !side.mac.is_none()
                && !identities.is_router(side.mac)
            {
                full = full.saturating_add(u64::from(identities.mark_router(side.mac).is_err()));
            }
            let class = record.classes.get(&side.device).copied();
            if let Some(segment) = class.and_then(|class| policy.segment_for_class(class)) {
                if let DeviceKey::Mac(mac) = side.device {
                    full = full.saturating_add(u64::from(
                        identities.place_mac(mac, segment, PlacedBy::Class).is_err(),
                    ));
                }
                full = full.saturating_add(u64::from(identities.place_address(side.ip, segment).is_err()));
            }
        }
        state.publish();
        Court { state }
    }

    /// The verdict on each access, as on the first frame of a flow.
    pub(super) fn judge(&self, accesses: &[Access]) -> Vec<Verdict> {
        let mut at = Timestamp(APART);
        let mut verdicts = Vec::with_capacity(accesses.len());
        for access in accesses {
            verdicts.push(judge(&self.state, &headers(access), FRAME, at).verdict);
            at = Timestamp(at.0.saturating_add(APART));
        }
        verdicts
    }
}

fn headers(access: &Access) -> Headers {
    let is_v4 = access.client.ip.as_v4().is_some();
    let tcp_flags = if access.protocol == protocol::TCP { tcp_flag::SYN } else { 0 };
    Headers {
        src_mac: access.client.mac,
        dst_mac: access.server.mac,
        vlan: [access.vlan, 0],
        ether_type: if is_v4 { ether_type::IPV4 } else { ether_type::IPV6 },
        src: access.client.ip,
        dst: access.server.ip,
        protocol: access.protocol,
        // What neighbour discovery and listener reports must have; nothing else asks for it.
        ttl: if matches!((access.protocol, access.client_port), (protocol::ICMPV6, 130..=132 | 143)) {
            1
        } else {
            255
        },
        tcp_flags,
        src_port: access.client_port,
        dst_port: access.port,
        network_end: FRAME,
        ..Headers::default()
    }
}
