//! Findings become incidents: one source, one kind, one incident, as long as it goes on.

use super::{EVIDENCES, FLOWS, Incidents, MOST, MOST_LOW, QUIET, TARGETS};
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::device::DeviceType;
use detectors::finding::{Evidence, Finding, Severity, Technique};
use detectors::record::{Endpoint, FlowId};

fn endpoint(last: u8, port: u16) -> Endpoint {
    let ip = Ip::v4([10, 0, 0, last]);
    Endpoint {
        device: DeviceKey::Ip(ip),
        ip,
        mac: Mac::NONE,
        port,
        class: DeviceType::Unknown,
        segment: None,
    }
}

fn finding(source: u8, kind: &'static str, at: u64) -> Finding {
    let evidence = Evidence { id: "E1", value: 1.0, baseline: 0.0, n: 1, p: Some(0.01) };
    Finding {
        first: Timestamp(at),
        last: Timestamp(at + 1),
        kind,
        severity: Severity::Medium,
        techniques: vec![Technique("T1046")],
        source: endpoint(source, 0),
        targets: vec![endpoint(200, 104)],
        text: format!("{kind} at {at}"),
        evidence: vec![evidence],
        score: 2.0,
        flows: vec![FlowId(at)],
    }
}

#[test]
fn findings_of_one_source_and_kind_are_one_incident() {
    let mut incidents = Incidents::default();
    for (source, kind, at) in
        [(1, "scan", 5), (2, "scan", 6), (1, "flood", 7), (1, "scan", 8), (1, "scan", 3)]
    {
        incidents.add(finding(source, kind, at), None);
    }
    let all = incidents.finish();
    let told: Vec<_> =
        all.iter().map(|one| (one.id, one.first.0, one.last.0, one.kind, one.findings)).collect();
    assert_eq!(told, [(1, 3, 9, "scan", 3), (2, 6, 7, "scan", 1), (3, 7, 8, "flood", 1)]);
    assert_eq!(all[0].flows, [FlowId(5), FlowId(8), FlowId(3)]);
    assert_eq!(all[0].targets.len(), 1, "the same target counts once");
}

#[test]
fn after_a_quiet_time_a_new_incident_begins() {
    let mut incidents = Incidents::default();
    for at in [0, 1 + QUIET, 2 + 2 * QUIET, 4 + 3 * QUIET] {
        incidents.add(finding(1, "scan", at), None);
    }
    let findings: Vec<u64> = incidents.finish().iter().map(|one| one.findings).collect();
    assert_eq!(findings, [3, 1]);
}

#[test]
fn the_strongest_finding_speaks_for_the_incident() {
    let mut incidents = Incidents::default();
    incidents.add(finding(1, "scan", 1), None);
    incidents.add(Finding { score: 9.0, severity: Severity::High, ..finding(1, "scan", 2) }, None);
    incidents
        .add(Finding { score: 3.0, techniques: vec![Technique("T1110")], ..finding(1, "scan", 3) }, None);
    let all = incidents.finish();
    assert_eq!((all[0].severity, all[0].text.as_str()), (Severity::High, "scan at 2"));
    assert_eq!(all[0].techniques, [Technique("T1046"), Technique("T1110")]);
    assert!((all[0].score - 9.0).abs() < f64::EPSILON);
}

#[test]
fn of_equally_strong_findings_the_larger_speaks() {
    let measured = |value, at| {
        let evidence = vec![Evidence { id: "F3", value, baseline: 200.0, n: 0, p: None }];
        Finding { evidence, text: format!("{value}"), ..finding(1, "flood", at) }
    };
    let mut incidents = Incidents::default();
    for (value, at) in [(200.0, 1), (900.0, 2), (500.0, 3)] {
        incidents.add(measured(value, at), None);
    }
    let other = Evidence { id: "F1", value: 5000.0, baseline: 0.0, n: 0, p: None };
    incidents.add(Finding { evidence: vec![other], ..finding(1, "flood", 4) }, None);
    let all = incidents.finish();
    assert_eq!((all[0].text.as_str(), all[0].evidence[0].value, all[0].findings), ("900", 900.0, 4));
}

#[test]
fn of_equally_large_findings_of_one_beginning_the_last_speaks() {
    let told = |first, at, text: &str| Finding {
        first: Timestamp(first),
        last: Timestamp(at),
        text: text.to_owned(),
        ..finding(1, "flood", at)
    };
    let mut incidents = Incidents::default();
    for (first, at, text) in [(1, 5, "5 of it"), (1, 9, "9 of it"), (10, 11, "another")] {
        incidents.add(told(first, at, text), None);
    }
    assert_eq!(incidents.finish()[0].text, "9 of it");
}

#[test]
fn an_incident_stays_small_however_long_it_goes_on() {
    let mut incidents = Incidents::default();
    for at in 0..1000 {
        let many = Finding {
            targets: (0..100).map(|port| endpoint(100, port)).collect(),
            evidence: vec![Evidence { id: "E1", value: 1.0, baseline: 0.0, n: 1, p: Some(0.01) }; 50],
            flows: (0..100).map(|flow| FlowId(at * 100 + flow)).collect(),
            ..finding(1, "scan", at)
        };
        incidents.add(many, None);
    }
    let all = incidents.finish();
    assert_eq!((all.len(), all[0].findings), (1, 1000));
    assert_eq!(
        (all[0].targets.len(), all[0].flows.len(), all[0].evidence.len()),
        (TARGETS, FLOWS, EVIDENCES)
    );
}

#[test]
fn notices_leave_room_for_an_attack() {
    let mut incidents = Incidents::default();
    for index in 0..u64::try_from(MOST).unwrap() {
        let at = index * (QUIET + 2);
        incidents.add(Finding { severity: Severity::Low, ..finding(1, "new-device", at) }, None);
    }
    incidents.add(finding(2, "scan", 5), None);
    assert_eq!(incidents.overflows, u64::try_from(MOST - MOST_LOW).unwrap());
    assert!(incidents.finish().iter().any(|one| one.kind == "scan"));
}

#[test]
fn more_incidents_than_are_kept_are_counted() {
    let mut incidents = Incidents::default();
    for index in 0..u64::try_from(MOST).unwrap() + 10 {
        incidents.add(finding(1, "scan", index * (QUIET + 2)), None);
    }
    assert_eq!(incidents.overflows, 10);
    assert_eq!(incidents.finish().len(), MOST);
}
