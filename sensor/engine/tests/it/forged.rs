//! Floods whose source addresses are made up, through the whole engine: one cause, one incident, and nobody else is hidden.

use crate::run::{Outcome, Run, detector};
use abi::address::{DeviceKey, Mac};
use detectors::detector::Detector;
use detectors::finding::Severity;
use detectors::learn::Learner;
use engine::engine::{Engine, Settings};
use engine::output::Incident;
use engine::watch::Watch;
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::Host;
use fixtures::traffic::Conversation;
use fixtures::traffic::attacks::{
    arp_exchange, contested_address, spoofed_syn_flood, spoofed_udp_flood, syn_scan,
};

const SECOND: u64 = 1_000_000_000;
/// How long before the flood ordinary traffic begins, and ends.
const BEFORE: u64 = 1_000 * SECOND;

fn victim() -> Host {
    Host::numbered(2)
}

fn attacker() -> Host {
    Host::numbered(66)
}

/// Twenty hosts that use two servers, once a minute for a quarter of an hour.
fn custom() -> Vec<Frame> {
    let mut captures = Vec::new();
    for minute in 0..15u16 {
        for number in 0..20u16 {
            let (client, server) = (Host::numbered(100 + number), Host::numbered(2 + number % 2));
            let start = START - BEFORE + u64::from(minute) * 60 * SECOND + u64::from(number) * SECOND;
            captures.push(arp_exchange(client, server, start));
            let conversation = Conversation::between(client, server)
                .ports(40_000 + minute, 104)
                .seed(u64::from(minute * 20 + number))
                .starting(start + SECOND / 10)
                .client_says(&[1; 500])
                .server_says(&[2; 900]);
            captures.push(conversation.frames());
        }
    }
    by_time(captures)
}

/// A detector that knows the custom.
fn learned() -> Watch {
    let mut run = Run::new(&Settings::default(), None);
    run.engine = Engine::new(&Settings::default(), None, Watch::Learn(Box::new(Learner::new())));
    run.frames(&custom());
    let (_, _, watch) = run.engine.finish();
    let Watch::Learn(learner) = watch else { panic!("a learner went in") };
    Watch::Detect(Box::new(Detector::new(detectors::settings::Settings::default(), Some(learner.finish()))))
}

fn replay(watch: Watch, frames: &[Frame]) -> Outcome {
    let mut run = Run::new(&Settings::default(), None);
    run.engine = Engine::new(&Settings::default(), None, watch);
    run.frames(frames);
    run.end()
}

fn key(host: Host) -> DeviceKey {
    DeviceKey::Mac(Mac(host.mac))
}

fn kinds(incidents: &[Incident]) -> Vec<&'static str> {
    let mut kinds: Vec<&'static str> = incidents.iter().map(|incident| incident.kind).collect();
    kinds.sort_unstable();
    kinds
}

#[test]
fn a_flood_with_made_up_addresses_is_one_incident_with_its_victim_its_station_and_its_counts() {
    // 5,000 addresses within 50 ms, and within five seconds.
    for (frames, kind) in [
        (spoofed_syn_flood(attacker(), victim(), 104, 5_000, 3), "connection-flood"),
        (spoofed_udp_flood(attacker(), victim(), 5060, 5_000, 3), "packet-flood"),
    ] {
        for watch in [detector(), learned()] {
            let outcome = replay(watch, &by_time(vec![custom(), frames.clone()]));
            let incidents = &outcome.finished.incidents;
            assert_eq!(kinds(incidents), [kind], "{incidents:#?}");
            let incident = &incidents[0];
            assert_eq!((incident.source.device, incident.severity), (key(attacker()), Severity::High));
            let targets: Vec<DeviceKey> = incident.targets.iter().map(|target| target.device).collect();
            assert_eq!(targets, [key(victim())]);
            assert!(incident.evidence[0].value > 4_900.0, "{incident:#?}");
            assert!(
                incident.text.contains("5000 flows") && incident.text.contains("forged"),
                "{incident:#?}"
            );
            assert!(incident.first.0 >= START && incident.last.0 >= incident.first.0);
        }
    }
}

#[test]
fn a_scan_during_the_flood_is_an_incident_of_its_own() {
    let scanner = Host::numbered(105);
    let ports: Vec<u16> = (1..200).collect();
    let scan = syn_scan(scanner, &[victim(), Host::numbered(3)], &ports, &[104], START + SECOND);
    let flood = spoofed_udp_flood(attacker(), victim(), 5060, 5_000, 3);
    for watch in [detector(), learned()] {
        let outcome = replay(watch, &by_time(vec![custom(), flood.clone(), scan.clone()]));
        let incidents = &outcome.finished.incidents;
        assert_eq!(kinds(incidents), ["packet-flood", "port-scan"]);
        let scan = incidents.iter().find(|incident| incident.kind == "port-scan").unwrap();
        assert_eq!(scan.source.device, key(scanner));
    }
}

#[test]
fn an_address_on_hundreds_of_stations_is_one_incident() {
    for watch in [detector(), learned()] {
        let before = arp_exchange(Host::numbered(100), victim(), START - SECOND);
        let frames = by_time(vec![custom(), before, contested_address(victim(), 150, START)]);
        let outcome = replay(watch, &frames);
        let incidents = &outcome.finished.incidents;
        assert_eq!(kinds(incidents), ["address-takeover"], "{incidents:#?}");
        assert_eq!(incidents[0].targets[0].device, key(victim()));
        assert!(incidents[0].evidence[0].value >= 128.0, "{incidents:#?}");
    }
}

#[test]
fn the_seed_of_the_engine_changes_nothing_that_is_said_of_a_flood() {
    let frames = by_time(vec![custom(), spoofed_syn_flood(attacker(), victim(), 104, 5_000, 3)]);
    let said = |seed| {
        let mut run = Run::new(&Settings { seed, ..Settings::default() }, None);
        run.frames(&frames);
        run.end().text()
    };
    assert_eq!(said(0), said(0x5eed_5eed_5eed_5eed));
}
