//! Contacts with hosts outside: the first of a device that never had one, new hosts, rhythms, and how much leaves.

use crate::act::{ActKey, is_controlled, is_personal};
use crate::baseline::Calibration;
use crate::beacon::Beacons;
use crate::finding::{Severity, Technique};
use crate::index::Index;
use crate::memory::{Device, Memory, Triple};
use crate::norm::Counts;
use crate::novelty::kin_of;
use crate::record::FlowRecord;
use crate::say::{Case, end_of, figure, measured, name, ruled, tail};
use abi::address::Timestamp;

/// Least payload out of the site within a minute that can be an exfiltration.
const LEAST: u64 = 1 << 20;
/// The same for devices of which no custom is known.
const LEAST_UNKNOWN: u64 = 32 << 20;

const FIRST: &[Technique] = &[Technique("T1041"), Technique("T1071.001"), Technique("T1567")];
const BEACON: &[Technique] = &[Technique("T1071.001"), Technique("T1573"), Technique("T1571")];
const PORT: &[Technique] = &[Technique("T1571"), Technique("T1071"), Technique("T1095")];
const INBOUND: &[Technique] = &[Technique("T1190"), Technique("T1133")];
const EXFILTRATION: &[Technique] = &[Technique("T1041"), Technique("T1048"), Technique("T1567")];

/// Names and time come from outside everywhere, and tell nothing.
fn is_upkeep(key: ActKey) -> bool {
    matches!(key.service(), Some((6 | 17, 53 | 123 | 853) | (1, _)))
}

/// What a new contact across the site's edge means.
pub(crate) fn contact(
    index: &Index,
    memory: &Memory,
    triple: Triple,
    flow: &FlowRecord,
    calibration: &Calibration,
) -> Option<Case> {
    let client = memory.devices.get(triple.client as usize)?;
    let server = memory.devices.get(triple.server as usize)?;
    let act = memory.acts.get(triple.act as usize)?;
    if client.is_outside() {
        let clients = index.clients(triple.server, triple.act);
        let text = format!(
            "{} came from outside to {} {}, which had {clients} clients from anywhere in benign time",
            name(&end_of(client)),
            name(&end_of(server)),
            act.text
        );
        let severity = if clients == 0 { Severity::Medium } else { Severity::Low };
        return (clients < 3)
            .then(|| case(flow, end_of(client), ("inbound-access", severity, INBOUND), text));
    }
    if is_upkeep(act.key) {
        return None;
    }
    let kin = kin_of(index, triple.client, client);
    let members = index.with_outside(kin);
    let others = index.size(kin).saturating_sub(u32::from(client.known));
    let custom = index.custom(triple.client);
    if client.known && custom.outside == 0 && members == 0 {
        let severity = severity_of_first(index, triple.client, client);
        let kind = if severity == Severity::Low { "first-outside" } else { "first-internet" };
        let text = format!(
            "{} contacted a host outside for the first time ({} {}): never in {} learned minutes, and none of {others} others of its kind does",
            name(&end_of(client)),
            server.ip,
            act.text,
            custom.events,
        );
        let mut made = case(flow, end_of(client), (kind, severity, FIRST), text);
        let p = 1.0 / (figure(custom.events) + 10.0) / (f64::from(others) + 1.0);
        made.evidence = vec![measured("E1", 1.0, 0.0, custom.events, p)];
        return Some(made);
    }
    if server.known || !client.known {
        return None;
    }
    let is_odd = !index.knows_outside(act.key) && !is_personal(client.class);
    let p = (figure(calibration.fresh_outside) + 0.5) / (figure(calibration.contacts_outside) + 10.0);
    let text = format!(
        "{} contacted {} {}, a host that nobody at the site met before{}",
        name(&end_of(client)),
        server.ip,
        act.text,
        if is_odd { ", by a service that nobody uses outside" } else { "" },
    );
    let (kind, severity) =
        if is_odd { ("outside-port", Severity::Medium) } else { ("new-outside", Severity::Low) };
    if !is_odd && index.knows_net(server.ip) {
        return None;
    }
    let mut made = case(flow, end_of(client), (kind, severity, PORT), text);
    made.evidence = vec![measured("E1", 1.0, 0.0, calibration.contacts_outside, p)];
    Some(made)
}

/// Devices at the patient never go out; servers fetch updates; of others it is worth a look.
fn severity_of_first(index: &Index, number: u32, client: &Device) -> Severity {
    if is_controlled(client.class) {
        Severity::High
    } else if index.serves(number, client.class) {
        Severity::Low
    } else {
        Severity::Medium
    }
}

fn case(
    flow: &FlowRecord,
    source: crate::record::Endpoint,
    (kind, severity, techniques): (&'static str, Severity, &'static [Technique]),
    text: String,
) -> Case {
    Case {
        first: flow.first,
        last: flow.last,
        kind,
        severity,
        techniques,
        source,
        targets: vec![if source.device == flow.client.device { flow.server } else { flow.client }],
        text,
        evidence: vec![ruled("E1", 1.0, 0.0)],
        flows: vec![flow.id],
    }
}

/// Notes a visit to a host outside that benign time does not know; a case when the visits come evenly.
pub(crate) fn rhythm(
    beacons: &mut Beacons,
    index: &Index,
    memory: &Memory,
    triple: Triple,
    flow: &FlowRecord,
) -> Option<Case> {
    let client = memory.devices.get(triple.client as usize)?;
    let act = memory.acts.get(triple.act as usize)?;
    let kin = kin_of(index, triple.client, client);
    if is_upkeep(act.key) || index.members(kin, triple.server, triple.act) > 0 {
        return None;
    }
    let beat = beacons.visit(triple, flow.first, flow.id)?;
    let text = format!(
        "{} visits {} {} every {:.1} s (variation {:.2} over {} gaps), a host it never met before",
        name(&end_of(client)),
        flow.server.ip,
        act.text,
        beat.mean,
        beat.variation,
        beat.gaps,
    );
    let bits = 3.0 * f64::from(beat.gaps).log10() * (1.0 - beat.variation / 0.6);
    let mut made = case(flow, end_of(client), ("beacon", Severity::High, BEACON), text);
    made.first = beat.since;
    made.evidence =
        vec![measured("E20", beat.variation, 1.0, u64::from(beat.gaps), 10f64.powf(-bits.max(0.0)))];
    made.flows = vec![beat.flow, flow.id];
    Some(made)
}

/// Judges how much a device has sent out of the site within the running minute (E17).
pub(crate) fn leaving(
    memory: &mut Memory,
    triple: Triple,
    flow: &FlowRecord,
    more: &Counts,
    now: Timestamp,
) -> Option<Case> {
    let device = memory.devices.get_mut(triple.client as usize)?;
    device.outside.add(now, more);
    let counts = device.outside.counts;
    let norm = &device.outside_norm;
    let usual = norm.out.max;
    let limit = if device.known { LEAST.max(usual.saturating_mul(5)) } else { LEAST_UNKNOWN };
    if counts.out < limit || counts.out < counts.back.saturating_mul(2) {
        return None;
    }
    let z = norm.out.z(counts.out, norm.windows);
    let source = end_of(device);
    let text = format!(
        "{} sent {} kB out of the site within a minute; the most in {} learned minutes is {} kB",
        name(&source),
        counts.out >> 10,
        norm.windows,
        usual >> 10,
    );
    let since = device.outside.since;
    let mut made = case(flow, source, ("exfiltration", Severity::High, EXFILTRATION), text);
    made.first = if since > flow.last { flow.first } else { since.max(flow.first) };
    made.evidence =
        vec![measured("E17", figure(counts.out), figure(usual), u64::from(norm.windows), tail(z))];
    Some(made)
}
