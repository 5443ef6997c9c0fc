//! A small hospital for tests: a pump server and its pumps, workstations, an archive, an engine, a name server.

use crate::baseline::Baseline;
use crate::detector::Detector;
use crate::finding::{Finding, Severity};
use crate::learn::Learner;
use crate::record::{
    Activity, Arrivals, Both, Endpoint, FlowEnd, FlowId, FlowRecord, FlowState, Outcome, Sighting,
    SightingKind, Visibility,
};
use crate::settings::Settings;
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use abi::app::App;
use abi::device::DeviceType;

/// Start of benign time, in seconds; minutes align with it.
pub(crate) const START: u64 = 1_700_000_040;
/// Its length in minutes.
pub(crate) const MINUTES: u64 = 30;
/// When the test's own events begin.
pub(crate) const NOW: u64 = START + MINUTES * 60 + 30;

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

pub(crate) fn mac(net: u8, host: u8) -> Mac {
    Mac([0, 0x10, 0x20, 0, net, host])
}

pub(crate) fn host(net: u8, number: u8, class: DeviceType) -> Endpoint {
    // One vendor for each kind of device.
    let mac = Mac([0, 0x10, 0x20 + class as u8, 0, net, number]);
    Endpoint {
        device: DeviceKey::Mac(mac),
        ip: Ip::v4([10, 0, net, number]),
        mac,
        port: 0,
        class,
        segment: None,
    }
}

pub(crate) fn outside(last: u8) -> Endpoint {
    let ip = Ip::v4([198, 51, 100, last]);
    let mac = Mac([0, 0x99, 0, 0, 0, 1]);
    Endpoint { device: DeviceKey::Ip(ip), ip, mac, port: 0, class: DeviceType::Unknown, segment: None }
}

pub(crate) fn pump(number: u8) -> Endpoint {
    host(20, number, DeviceType::InfusionPump)
}

pub(crate) fn ward(number: u8) -> Endpoint {
    host(60, number, DeviceType::Workstation)
}

pub(crate) const PUMP_SERVER: fn() -> Endpoint = || host(50, 30, DeviceType::PumpServer);
pub(crate) const PACS: fn() -> Endpoint = || host(50, 11, DeviceType::Pacs);
pub(crate) const FILES: fn() -> Endpoint = || host(50, 18, DeviceType::Server);
pub(crate) const NAMES: fn() -> Endpoint = || host(50, 10, DeviceType::Server);
pub(crate) const CT: fn() -> Endpoint = || host(10, 1, DeviceType::Ct);
pub(crate) const VIEWER: fn() -> Endpoint = || host(60, 90, DeviceType::Viewer);

/// A finished TCP flow with some payload.
pub(crate) fn flow(id: u64, client: Endpoint, server: Endpoint, port: u16, seconds: u64) -> FlowRecord {
    FlowRecord {
        id: FlowId(id),
        first: at(seconds),
        last: at(seconds),
        protocol: 6,
        client: Endpoint { port: 40_000, ..client },
        server: Endpoint { port, ..server },
        vlan: [0; 2],
        packets: Both { out: 6, back: 6 },
        bytes: Both { out: 1000, back: 3000 },
        payload: Both { out: 600, back: 2600 },
        state: FlowState::Closed,
        app: App::Unknown,
        visibility: Visibility::Full,
        arrivals: Arrivals::default(),
        first_sizes: [0; 8],
        missing: Both::default(),
        tcp_flags: Both::default(),
        retransmissions: Both::default(),
        end: FlowEnd::Closed,
    }
}

pub(crate) fn udp(id: u64, client: Endpoint, server: Endpoint, port: u16, seconds: u64) -> FlowRecord {
    FlowRecord { protocol: 17, state: FlowState::TwoWay, ..flow(id, client, server, port, seconds) }
}

pub(crate) fn refused(id: u64, client: Endpoint, server: Endpoint, port: u16, seconds: u64) -> FlowRecord {
    FlowRecord {
        state: FlowState::Rejected,
        payload: Both::default(),
        ..flow(id, client, server, port, seconds)
    }
}

pub(crate) fn asks<'a>(flow: &FlowRecord, app: App, op: &'a str, subject: &'a str) -> Activity<'a> {
    Activity {
        at: flow.last,
        flow: flow.id,
        app,
        client: flow.client,
        server: flow.server,
        op,
        subject,
        client_name: "",
        server_name: "",
        outcome: Outcome::Success,
        objects: 1,
        bytes: 100,
    }
}

pub(crate) fn sighting(kind: SightingKind, end: Endpoint, seconds: u64) -> Sighting {
    Sighting { at: at(seconds), kind, mac: end.mac, ip: end.ip, frame_mac: end.mac, vlan: 0 }
}

/// Half an hour of the hospital's custom.
pub(crate) fn learned() -> Baseline {
    let mut learner = Learner::new();
    let mut id = 1_000_000;
    let ends: Vec<Endpoint> = (1..=6)
        .map(pump)
        .chain((1..=4).map(ward))
        .chain([PUMP_SERVER(), PACS(), FILES(), NAMES(), CT(), VIEWER()])
        .collect();
    for end in &ends {
        learner.sighting(&sighting(SightingKind::Frame, *end, START));
        learner.sighting(&sighting(SightingKind::ArpReply { target: Ip::NONE, asked: true }, *end, START));
    }
    learner.sighting(&sighting(SightingKind::DhcpServer, NAMES(), START));
    for minute in 0..MINUTES {
        let seconds = START + minute * 60;
        learner.tick(at(seconds));
        for flow in custom(seconds, &ends, &mut id) {
            learner.flow_opened(&flow, flow.first);
            learner.flow_closed(&flow, flow.last);
            if flow.server.port == 104 {
                let op = if flow.client.device == VIEWER().device { "c-move" } else { "c-store" };
                learner.activity(&Activity { client_name: "CT1", ..asks(&flow, App::Dicom, op, "") });
            }
        }
    }
    learner.finish()
}

/// What happens every minute.
fn custom(seconds: u64, ends: &[Endpoint], id: &mut u64) -> Vec<FlowRecord> {
    let mut flows = Vec::new();
    let mut add = |make: fn(u64, Endpoint, Endpoint, u16, u64) -> FlowRecord, client, server, port, app| {
        *id += 1;
        flows.push(FlowRecord { app, ..make(*id, client, server, port, seconds + 1) });
    };
    for end in ends {
        add(udp, *end, NAMES(), 53, App::Dns);
    }
    for number in 1..=6 {
        add(flow, pump(number), PUMP_SERVER(), 443, App::Tls);
        add(flow, PUMP_SERVER(), pump(number), 8100, App::Unknown);
    }
    for number in 1..=4 {
        add(flow, ward(number), FILES(), 445, App::Smb);
        add(flow, ward(number), outside(1), 443, App::Tls);
    }
    add(flow, CT(), PACS(), 104, App::Dicom);
    add(flow, VIEWER(), PACS(), 104, App::Dicom);
    add(flow, VIEWER(), FILES(), 445, App::Smb);
    flows
}

/// A detector at work, with what it said.
pub(crate) struct Watch {
    pub(crate) detector: Detector,
    pub(crate) said: Vec<Finding>,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch { detector: Detector::new(Settings::default(), Some(learned())), said: Vec::new() }
    }

    pub(crate) fn cold() -> Watch {
        Watch { detector: Detector::new(Settings::default(), None), said: Vec::new() }
    }

    pub(crate) fn whole(&mut self, flow: &FlowRecord) {
        self.detector.flow_opened(flow, flow.first, &mut self.said);
        self.detector.flow_closed(flow, flow.last, &mut self.said);
    }

    pub(crate) fn asks(&mut self, activity: &Activity<'_>) {
        self.detector.activity(activity, &mut self.said);
    }

    pub(crate) fn sees(&mut self, sighting: &Sighting) {
        self.detector.sighting(sighting, &mut self.said);
    }

    /// Lets what waits come out.
    pub(crate) fn end(mut self) -> Vec<Finding> {
        self.detector.tick(at(NOW + 100_000), &mut self.said);
        self.said
    }
}

/// The kinds that are worth a look, without repetition.
pub(crate) fn loud(findings: &[Finding]) -> Vec<&'static str> {
    let mut kinds: Vec<&'static str> = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Low)
        .map(|finding| finding.kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
