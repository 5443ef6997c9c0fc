//! Hand-made rows for the tests of the output: every variant of every fixed word, and values that are hard to write.

use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use abi::app::App;
use abi::device::DeviceType;
use abi::judge::{Builtin, Reason};
use abi::table::{Action, Mode, RuleId, SegmentId};
use detectors::finding::{Evidence as Surprise, Severity, Technique};
use detectors::record::{Arrivals, Both, Endpoint, FlowEnd, FlowId, FlowRecord, FlowState, Visibility};
use engine::output::{Claim, DeviceRow, Evidence, Finished, Incident, Summary, VerdictRow};
use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU16};

mod exchange;

pub(crate) use exchange::sessions;

/// 2026-03-01 08:00:00 UTC, and 123,456,789 ns.
pub(crate) const MORNING: Timestamp = Timestamp(1_772_352_000 * SECOND + 123_456_789);

/// Text that a careless writer would break on, as a device might call itself.
pub(crate) const AWKWARD: &str = "pump \"7\"\\ü\u{1b}[31m\n";

pub(crate) fn later(seconds: u64) -> Timestamp {
    Timestamp(MORNING.0 + seconds * SECOND)
}

pub(crate) fn segment(number: u8) -> Option<SegmentId> {
    NonZeroU8::new(number).map(SegmentId)
}

pub(crate) fn rule(number: u16) -> Option<RuleId> {
    NonZeroU16::new(number).map(RuleId)
}

/// A device on its own segment.
pub(crate) fn local(last: u8, class: DeviceType, port: u16) -> Endpoint {
    let mac = Mac([0, 0x09, 0xfb, 0, 0, last]);
    Endpoint {
        device: DeviceKey::Mac(mac),
        ip: Ip::v4([10, 1, 0, last]),
        mac,
        port,
        class,
        segment: segment(1),
    }
}

/// A device behind a router.
pub(crate) fn routed(class: DeviceType, port: u16) -> Endpoint {
    let ip = Ip([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    Endpoint { device: DeviceKey::Ip(ip), ip, mac: Mac([2, 0, 0, 0, 0, 1]), port, class, segment: None }
}

/// A DICOM association of a CT with an archive.
pub(crate) fn flow() -> FlowRecord {
    FlowRecord {
        id: FlowId(12),
        first: MORNING,
        last: Timestamp(MORNING.0 + 1_500_000_000),
        protocol: 6,
        client: local(7, DeviceType::Ct, 49_152),
        server: local(9, DeviceType::Pacs, 104),
        vlan: [100, 0],
        packets: Both { out: 12, back: 9 },
        bytes: Both { out: 9_000, back: 800 },
        payload: Both { out: 8_208, back: 206 },
        state: FlowState::Closed,
        app: App::Dicom,
        visibility: Visibility::Full,
        arrivals: Arrivals { mean: 75_000_000.0, variance: 2.5e15, max: 400_000_000 },
        first_sizes: [206, -184, 1460, 1460, -32_768, 0, 0, 0],
        missing: Both { out: 0, back: 0 },
        tcp_flags: Both { out: 0x1b, back: 0x1a },
        retransmissions: Both { out: 1, back: 0 },
        end: FlowEnd::Closed,
    }
}

/// Flows with every protocol word, state, application, visibility and end, and one below IP.
pub(crate) fn flows() -> Vec<FlowRecord> {
    let states = [
        FlowState::OneWay,
        FlowState::TwoWay,
        FlowState::SynSent,
        FlowState::Rejected,
        FlowState::HalfOpen,
        FlowState::Established,
        FlowState::Closing,
        FlowState::Closed,
        FlowState::Reset,
    ];
    let mut flows = vec![flow()];
    flows.extend([1, 2, 6, 17, 47, 58, 132, 0, 89, 255].map(|protocol| FlowRecord { protocol, ..flow() }));
    flows.extend(states.map(|state| FlowRecord { state, ..flow() }));
    flows.extend(App::ALL.map(|app| FlowRecord { app, ..flow() }));
    let seen = [Visibility::Full, Visibility::Midstream, Visibility::Gap, Visibility::Encrypted];
    flows.extend(seen.map(|visibility| FlowRecord { visibility, ..flow() }));
    let ends = [FlowEnd::Closed, FlowEnd::Idle, FlowEnd::Active, FlowEnd::Evicted, FlowEnd::InputEnd];
    flows.extend(ends.map(|end| FlowRecord { end, ..flow() }));
    flows.extend(DeviceType::ALL.map(|class| FlowRecord { server: routed(class, 0), ..flow() }));
    flows.push(below_ip());
    flows.push(largest());
    flows
}

fn below_ip() -> FlowRecord {
    let nobody = Endpoint { ip: Ip::NONE, port: 0, segment: None, ..local(3, DeviceType::NetworkDevice, 0) };
    FlowRecord { protocol: 0, client: nobody, server: nobody, vlan: [0, 0], app: App::Lldp, ..flow() }
}

/// The largest figures that the types hold.
fn largest() -> FlowRecord {
    let most = Both { out: u64::MAX, back: u64::MAX };
    FlowRecord {
        id: FlowId(u64::MAX),
        last: Timestamp(u64::MAX),
        vlan: [4094, 4094],
        packets: most,
        bytes: most,
        payload: most,
        missing: most,
        arrivals: Arrivals { mean: f64::MAX, variance: f64::MAX, max: u64::MAX },
        first_sizes: [i16::MIN, i16::MAX, -1, 1, 2, 3, 4, 5],
        tcp_flags: Both { out: 255, back: 255 },
        retransmissions: Both { out: u32::MAX, back: u32::MAX },
        ..flow()
    }
}

/// A flow that the policy allows by a rule.
pub(crate) fn verdict() -> VerdictRow {
    VerdictRow {
        flow: FlowId(12),
        at: MORNING,
        from: segment(1),
        to: segment(2),
        protocol: 6,
        port: 104,
        action: Action::Allow,
        mode: Mode::Enforce,
        frames_dropped: 0,
        rule: rule(1),
        reason: reasons()[0],
    }
}

/// Every reason.
pub(crate) fn reasons() -> Vec<Reason> {
    let plain = [
        Reason::Rule,
        Reason::Default,
        Reason::Unassigned,
        Reason::Reply,
        Reason::Midstream,
        Reason::Fragment,
        Reason::Orphan,
        Reason::Unreadable,
        Reason::Quarantine,
        Reason::RogueServer,
        Reason::FailOpen,
        Reason::FailClosed,
        Reason::RateLimit,
    ];
    plain.into_iter().chain(Builtin::ALL.map(Reason::Builtin)).collect()
}

/// Verdicts with every action, mode and reason, and services with and without a name.
pub(crate) fn verdicts() -> Vec<VerdictRow> {
    let mut rows = vec![verdict()];
    for action in [Action::Allow, Action::Deny] {
        rows.extend([Mode::Observe, Mode::Alert, Mode::Enforce].map(|mode| VerdictRow {
            action,
            mode,
            frames_dropped: 21,
            rule: None,
            ..verdict()
        }));
    }
    rows.extend(reasons().into_iter().map(|reason| VerdictRow { reason, ..verdict() }));
    rows.extend([1, 6, 17, 132, 89].map(|protocol| VerdictRow {
        protocol,
        port: 4242,
        from: None,
        ..verdict()
    }));
    // A number that the policy does not have: the row says null, it does not fail.
    rows.push(VerdictRow { rule: rule(9_999), ..verdict() });
    rows
}

/// An archive with all that can be known.
pub(crate) fn device() -> DeviceRow {
    let end = local(9, DeviceType::Pacs, 0);
    let claim = |value: &str| Claim { value: value.to_owned(), confidence: 0.9 };
    DeviceRow {
        device: end.device,
        aliases: vec![DeviceKey::Ip(end.ip)],
        mac: vec![end.mac],
        ip: vec![end.ip, routed(DeviceType::Pacs, 0).ip],
        vlan: vec![100],
        first_seen: MORNING,
        last_seen: later(540),
        name: Some(AWKWARD.to_owned()),
        vendor: Some(claim("Orthanc")),
        class: Claim { value: DeviceType::Pacs, confidence: 2.0 / 3.0 },
        model: Some(claim("Orthanc 1.12")),
        software: vec![claim("ORTHANC_1.12"), claim(AWKWARD)],
        serial_hash: Some("0123456789abcdef".to_owned()),
        role: vec!["dicom-scp", "dicom-scu"],
        segment: segment(2),
        behind_gateway: Some(local(1, DeviceType::Gateway, 0).device),
        evidence: vec![
            Evidence {
                attribute: "vendor",
                value: "Orthanc".to_owned(),
                source: "dicom",
                tier: 2,
                weight: 0.9,
                flow: Some(FlowId(12)),
                rule: "implementation-class-uid",
            },
            Evidence {
                attribute: "ae_title",
                value: AWKWARD.to_owned(),
                source: "oui",
                tier: 5,
                weight: 0.0,
                flow: None,
                rule: "oui",
            },
        ],
        conflicts: vec!["two vendors: A and B".to_owned()],
        unknown_reason: None,
    }
}

/// Devices of every type, with all and with next to nothing known.
pub(crate) fn devices() -> Vec<DeviceRow> {
    let mut rows = vec![device()];
    rows.extend(
        DeviceType::ALL
            .map(|value| DeviceRow { class: Claim { value, confidence: 0.5 }, ..unknown_device() }),
    );
    rows
}

fn unknown_device() -> DeviceRow {
    DeviceRow {
        device: routed(DeviceType::Unknown, 0).device,
        aliases: vec![],
        mac: vec![],
        ip: vec![],
        vlan: vec![],
        first_seen: MORNING,
        last_seen: MORNING,
        name: None,
        vendor: None,
        class: Claim { value: DeviceType::Unknown, confidence: 0.0 },
        model: None,
        software: vec![],
        serial_hash: None,
        role: vec![],
        segment: None,
        behind_gateway: None,
        evidence: vec![],
        conflicts: vec![],
        unknown_reason: Some("no evidence"),
    }
}

/// A spoofer.
pub(crate) fn incident() -> Incident {
    Incident {
        id: 1,
        first: later(60),
        last: later(90),
        severity: Severity::Critical,
        kind: "arp-spoofing",
        techniques: vec![Technique("T1557.002"), Technique("T0830")],
        source: local(66, DeviceType::Unknown, 0),
        targets: vec![local(7, DeviceType::InfusionPump, 0), routed(DeviceType::Gateway, 0)],
        text: "00:09:fb:00:00:42 claims 10.1.0.9, which belonged to 00:09:fb:00:00:09 for 9 minutes; \
               12 unasked ARP replies."
            .to_owned(),
        evidence: vec![
            Surprise { id: "B1", value: 12.0, baseline: 0.0, n: 540, p: None },
            Surprise { id: "E3", value: 0.333_333_333, baseline: 1e-9, n: 12, p: Some(3.4e-11) },
            Surprise { id: "E4", value: f64::INFINITY, baseline: 0.0, n: 0, p: Some(1.0) },
        ],
        score: 18.25,
        flows: vec![FlowId(3), FlowId(12)],
        rule: None,
        findings: 4,
    }
}

/// Incidents of every severity.
pub(crate) fn incidents() -> Vec<Incident> {
    let make = |(at, severity, kind, text): (u64, Severity, &'static str, &str)| Incident {
        id: at,
        first: later(at * 60),
        severity,
        kind,
        text: text.to_owned(),
        techniques: vec![Technique("T1046")],
        rule: rule(1),
        score: 3.0,
        ..incident()
    };
    let mut rows = vec![incident()];
    rows.extend(
        [
            (2, Severity::High, "port-scan", "10.1.0.66 asked 900 ports of 12 devices in 20 s; usual are 2."),
            (3, Severity::Low, "new-peer", "10.1.0.7 spoke to 10.1.0.200 for the first time."),
            (4, Severity::Medium, "policy-violation", "Sent \u{1b}[2J through imaging-to-archive."),
        ]
        .map(make),
    );
    rows
}

/// The end of a run with all of the above.
pub(crate) fn finished() -> Finished {
    let words = ["critical", "high", "medium", "low"];
    Finished {
        devices: devices(),
        incidents: incidents(),
        summary: Summary {
            packets: 1_234_567,
            bytes: 481_481_130,
            frames_short: 3,
            frames_malformed: 12,
            frames_unwrapped: 0,
            frames_duplicate: 1_040,
            span: Some((MORNING, Timestamp(MORNING.0 + 540_250_000_001))),
            flows: flows().len() as u64,
            flow_keys: (7_000, 801),
            devices: devices().len() as u64,
            sessions: session_counts(),
            verdicts: verdict_counts(),
            matrix: BTreeMap::from([
                ((None, segment(1)), (2, 0)),
                ((segment(1), segment(1)), (0, 3)),
                ((segment(1), segment(2)), (12_000, 0)),
                ((segment(2), segment(1)), (40, 5)),
            ]),
            incidents: words.iter().map(|word| (*word, 1)).collect(),
            tcp_missing: (1_200, 998_800),
            overflows: BTreeMap::from([("flows evicted", 4), ("sessions not kept", 0)]),
        },
    }
}

fn session_counts() -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for row in sessions() {
        *counts.entry(row.exchange.said.app().word()).or_default() += 1;
    }
    counts
}

fn verdict_counts() -> (u64, u64) {
    let (allowed, denied): (Vec<_>, Vec<_>) =
        verdicts().into_iter().partition(|row| row.action == Action::Allow);
    (allowed.len() as u64, denied.len() as u64)
}

/// A policy with the segments `imaging` and `archive`, the service `dicom`, and the rule `imaging-to-archive` on line
/// 7 of `site.yaml`.
pub(crate) fn policy() -> policies::Compiled {
    let text = "version: 1
segments:
  imaging: { match: { ip: 10.1.0.0/24 }, life_critical: true }
  archive: { match: { ip: 10.2.0.9 } }
allow:
  # The scanners keep what they make.
  - id: imaging-to-archive
    from: imaging
    to: archive
    service: dicom
";
    policies::compile(&[policies::Source { name: "site.yaml".to_owned(), text: text.to_owned() }]).unwrap()
}
