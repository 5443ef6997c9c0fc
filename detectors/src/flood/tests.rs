use super::*;
use crate::baseline::KnownStation;
use crate::detector::Detector;
use crate::record::Both;
use crate::scene::{NOW, PACS, Watch, at, flow, learned, loud, mac, refused, ward};
use crate::settings::Settings;
use abi::address::Ip;

#[test]
fn a_flood_is_told_when_its_limit_is_passed_and_follows_benign_time() {
    let first = |usual: u32| {
        let mut floods = Floods::default();
        (1..=5000u64)
            .find(|n| floods.empty(1, &refused(*n, ward(1), PACS(), 104, NOW), at(NOW), usual).is_some())
    };
    assert_eq!(first(0), Some(u64::from(FEWEST)));
    assert_eq!(first(300), Some(1200));
}

#[test]
fn connections_to_many_ports_are_left_to_the_scan() {
    let mut floods = Floods::default();
    let told = (1..=1000u16)
        .any(|port| floods.empty(1, &refused(port.into(), ward(1), PACS(), port, NOW), at(NOW), 0).is_some());
    assert!(!told);
}

#[test]
fn a_stray_refusal_before_does_not_begin_the_flood() {
    let mut floods = Floods::default();
    floods.empty(1, &refused(1, ward(2), PACS(), 104, NOW), at(NOW), 0);
    let case = (2..=500u64)
        .find_map(|n| floods.empty(1, &refused(n, ward(1), PACS(), 104, NOW + 8), at(NOW + 8), 0))
        .expect("a flood");
    assert_eq!((case.first, case.source.device), (at(NOW + 8), ward(1).device));
}

#[test]
fn packets_poured_without_answer_are_a_flood_and_a_conversation_is_none() {
    let stream = FlowRecord { protocol: 17, ..flow(1, ward(1), PACS(), 5060, NOW) };
    assert!(pouring(&stream, 40_000, 0, at(NOW + 5)).is_some());
    assert!(pouring(&stream, 40_000, 30_000, at(NOW + 5)).is_none());
    let upload = FlowRecord { protocol: 6, payload: Both { out: 1 << 30, back: 0 }, ..stream };
    assert!(pouring(&upload, 40_000, 0, at(NOW + 5)).is_none());
}

#[test]
fn a_server_that_is_down_does_not_accuse_the_router_of_its_clients() {
    let gateway = mac(1, 1);
    let said = |is_router: bool| {
        let mut baseline = learned();
        let vlans = vec![];
        let station =
            KnownStation { mac: gateway, own: Ip::NONE, vlans, is_router, leases: false, advertises: false };
        baseline.stations.push(station);
        let detector = Detector::new(Settings::default(), Some(baseline));
        let mut watch = Watch { detector, said: Vec::new() };
        for number in 0..1000u64 {
            let client = Endpoint { mac: gateway, ..ward(1 + (number % 4) as u8) };
            watch.whole(&refused(number, client, PACS(), 104, NOW + number / 200));
        }
        loud(&watch.end())
    };
    assert_eq!(said(true), [""; 0]);
    assert_eq!(said(false), ["connection-flood"]);
}
