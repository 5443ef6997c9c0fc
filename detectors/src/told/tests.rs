use super::*;
use crate::finding::Severity;
use crate::record::Endpoint;
use crate::say::ruled;
use crate::scene::{NOW, at, pump, ward};

fn case(kind: &'static str, source: Endpoint, value: f64) -> Case {
    Case {
        first: at(NOW),
        last: at(NOW),
        kind,
        severity: Severity::Medium,
        techniques: &[],
        source,
        targets: vec![pump(1)],
        text: format!("{kind} {value}"),
        evidence: vec![ruled("B1", value, 0.0)],
        flows: vec![],
    }
}

#[test]
fn a_repetition_is_told_again_later_or_when_it_is_twice_as_large() {
    let mut told = Told::default();
    told.say(&case("port-scan", ward(1), 10.0), at(NOW));
    let is_told = |value, seconds| told.is_told(&case("port-scan", ward(1), value), at(NOW + seconds));
    assert!(is_told(19.0, 4));
    assert!(!is_told(20.0, 0));
    assert!(!is_told(1.0, 5));
    assert!(!told.is_told(&case("port-scan", ward(2), 1.0), at(NOW)), "another device");
    assert!(!told.is_told(&case("beacon", ward(1), 1.0), at(NOW)), "another kind");
}

#[test]
fn claims_of_a_station_that_floods_or_stands_in_the_middle_are_explained() {
    for kind in ["arp-spoofing", FORGED, "address-forging"] {
        let mut told = Told::default();
        told.mark(ward(1).device, kind, at(NOW), 1.0);
        let takeover = |source, seconds| {
            let claim = Case { last: at(NOW + seconds), ..case("address-takeover", source, 1.0) };
            told.is_told(&claim, at(NOW + 3600))
        };
        assert!(takeover(ward(1), 59), "{kind}");
        assert!(!takeover(ward(1), 60), "{kind}");
        assert!(!takeover(ward(2), 1), "another device's are not: {kind}");
        assert!(!told.is_told(&case("ssh-brute-force", ward(1), 1.0), at(NOW)), "nor another attack: {kind}");
    }
}

#[test]
fn a_claim_waits_and_the_largest_speaks() {
    let mut told = Told::default();
    for value in [1.0, 4.0, 2.0] {
        assert!(told.wait(case("address-takeover", ward(1), value), at(NOW)).is_none());
    }
    assert!(told.wait(case("port-scan", ward(1), 1.0), at(NOW)).is_some(), "nothing else waits");
    assert!(told.due(at(NOW + 14)).is_empty());
    let due = told.due(at(NOW + 15));
    assert_eq!(due.iter().map(|case| case.text.as_str()).collect::<Vec<_>>(), ["address-takeover 4"]);
    assert!(told.due(at(NOW + 1000)).is_empty());
}

#[test]
fn forging_stands_for_the_takeovers_of_its_station_in_either_order() {
    let both = [case("address-takeover", ward(1), 1.0), case("address-forging", ward(1), 64.0)];
    let [one, other] = both.clone();
    for cases in [both, [other, one]] {
        let mut told = Told::default();
        for case in cases {
            assert!(told.wait(case, at(NOW)).is_none());
        }
        assert!(told.wait(case("address-takeover", ward(2), 1.0), at(NOW)).is_none());
        let due: Vec<_> = told.due(at(NOW + 15)).iter().map(|case| (case.kind, case.source.device)).collect();
        assert_eq!(due, [("address-forging", ward(1).device), ("address-takeover", ward(2).device)]);
    }
}

#[test]
fn no_more_claims_wait_than_there_is_room_for() {
    let mut told = Told::default();
    let mut at_once = 0;
    for number in 0..u16::try_from(WAITING).unwrap() + 10 {
        let [a, b] = number.to_be_bytes();
        let source = Endpoint { device: DeviceKey::Mac(crate::scene::mac(a, b)), ..ward(1) };
        at_once += usize::from(told.wait(case("address-takeover", source, 1.0), at(NOW)).is_some());
    }
    assert_eq!((told.waiting.len(), at_once), (WAITING, 10));
}
