//! Records and rows made of a flow.

use crate::flow::{End, Flow};
use crate::inventory::Inventory;
use crate::output::{Outputs, Summary, VerdictRow};
use abi::address::DeviceKey;
use abi::device::DeviceType;
use abi::headers::protocol;
use abi::table::{Action, SegmentId};
use detectors::record::{Both, Endpoint, FlowEnd, FlowRecord, Visibility};

/// One end of a flow, as rows name it.
pub(super) fn endpoint(flow: &Flow, end: End, inventory: &Inventory) -> Endpoint {
    let ip = flow.key.ip(end);
    let number =
        flow.device.of(end).map(|number| inventory.current(number, ip)).or_else(|| inventory.by_ip(ip));
    let device = number.and_then(|number| inventory.device(number));
    let (from, to) =
        flow.ruling.as_ref().map_or((None, None), |ruling| (ruling.verdict.from, ruling.verdict.to));
    let client = end == flow.client;
    let port = match flow.key.protocol {
        // ICMP has no ports: the first message's type and code stand in their place, as in Zeek and community id.
        protocol::ICMP | protocol::ICMPV6 if client => flow.icmp.0,
        protocol::ICMP | protocol::ICMPV6 => flow.icmp.1,
        _ => flow.key.port(end),
    };
    Endpoint {
        device: device.map_or(DeviceKey::Ip(ip), |device| device.key),
        ip,
        mac: flow.sent.of(end).mac,
        port,
        class: device.map_or(DeviceType::Unknown, |device| device.identity.class()),
        segment: if client { from } else { to },
    }
}

fn both<T>(flow: &Flow, of: impl Fn(&crate::flow::Sent) -> T) -> Both<T> {
    Both { out: of(flow.sent.of(flow.client)), back: of(flow.sent.of(flow.client.other())) }
}

/// The record of a flow.
pub(super) fn record(flow: &Flow, inventory: &Inventory, end: FlowEnd) -> FlowRecord {
    FlowRecord {
        id: flow.id,
        first: flow.first,
        last: flow.last,
        protocol: flow.key.protocol,
        client: endpoint(flow, flow.client, inventory),
        server: endpoint(flow, flow.client.other(), inventory),
        vlan: flow.vlan,
        packets: both(flow, |sent| sent.packets),
        bytes: both(flow, |sent| sent.bytes),
        payload: both(flow, |sent| sent.payload),
        state: flow.state,
        app: flow.app,
        visibility: match flow.visibility {
            Visibility::Full if flow.sent.a.missing > 0 || flow.sent.b.missing > 0 => Visibility::Gap,
            seen @ (Visibility::Full | Visibility::Midstream | Visibility::Gap | Visibility::Encrypted) => {
                seen
            }
        },
        arrivals: flow.timing.arrivals(),
        first_sizes: flow.first_sizes,
        missing: both(flow, |sent| sent.missing),
        tcp_flags: both(flow, |sent| sent.flags),
        retransmissions: both(flow, |sent| sent.retransmissions),
        end,
    }
}

/// The verdict row of a flow, if it was judged, and its place in the matrix.
pub(super) fn verdict(flow: &Flow, summary: &mut Summary, out: &mut Outputs) {
    let Some(ruling) = &flow.ruling else { return };
    let verdict = &ruling.verdict;
    let pair: (Option<SegmentId>, Option<SegmentId>) = (verdict.from, verdict.to);
    let cell = summary.matrix.entry(pair).or_default();
    match verdict.action {
        Action::Allow => {
            cell.0 += 1;
            summary.verdicts.0 += 1;
        }
        Action::Deny => {
            cell.1 += 1;
            summary.verdicts.1 += 1;
        }
    }
    let server = flow.client.other();
    let port = match flow.key.protocol {
        protocol::ICMP | protocol::ICMPV6 => 0,
        _ => flow.key.port(server),
    };
    out.verdicts.push(VerdictRow {
        flow: flow.id,
        at: ruling.at,
        from: verdict.from,
        to: verdict.to,
        protocol: flow.key.protocol,
        port,
        action: verdict.action,
        mode: verdict.mode,
        frames_dropped: ruling.frames_dropped,
        rule: verdict.rule,
        reason: verdict.reason,
    });
}
