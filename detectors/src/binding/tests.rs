use super::*;
use crate::record::Endpoint;
use crate::scene::{NAMES, NOW, START, Watch, host, loud, mac, pump, sighting, ward};
use abi::device::DeviceType;

fn reply(asked: bool, target: Ip) -> SightingKind {
    SightingKind::ArpReply { target, asked }
}

fn rogue() -> Endpoint {
    host(20, 250, DeviceType::Unknown)
}

#[test]
fn a_station_that_claims_an_address_of_another_is_accused_and_the_owner_is_not() {
    let mut watch = Watch::new();
    watch.sees(&sighting(SightingKind::Frame, rogue(), NOW));
    let claim = Endpoint { ip: pump(1).ip, ..rogue() };
    watch.sees(&sighting(reply(false, ward(1).ip), claim, NOW + 1));
    watch.sees(&sighting(reply(true, ward(1).ip), pump(1), NOW + 2));
    let said = watch.end();
    assert_eq!(loud(&said), ["arp-spoofing"]);
    assert_eq!(said.len(), 1);
    assert_eq!((said[0].source.mac, said[0].source.ip), (rogue().mac, rogue().ip));
    assert_eq!(said[0].targets.first().map(|target| target.mac), Some(pump(1).mac));
}

#[test]
fn a_claim_made_for_a_station_by_the_frame_of_another_is_told() {
    let mut watch = Watch::new();
    let honest = sighting(reply(false, ward(1).ip), pump(1), NOW);
    watch.sees(&honest);
    assert!(watch.said.is_empty());
    watch.sees(&Sighting { frame_mac: rogue().mac, ..honest });
    let said = watch.end();
    assert_eq!(loud(&said), ["arp-spoofing"]);
    assert_eq!(said[0].source.mac, rogue().mac);
}

#[test]
fn a_known_address_on_a_new_station_is_a_takeover_while_its_owner_is_there() {
    let stranger = Endpoint { ip: pump(1).ip, ..rogue() };
    let mut watch = Watch::new();
    watch.sees(&sighting(reply(true, ward(1).ip), pump(1), NOW));
    watch.sees(&sighting(SightingKind::ArpRequest { target: ward(1).ip }, stranger, NOW + 5));
    assert_eq!(loud(&watch.end()), ["address-takeover"]);

    let mut watch = Watch::new();
    watch.sees(&sighting(SightingKind::ArpRequest { target: ward(1).ip }, stranger, NOW + 5));
    let said = watch.end();
    assert!(loud(&said).is_empty());
    assert_eq!(said[0].kind, "address-moved");
}

#[test]
fn a_lease_by_the_known_server_moves_an_address_and_one_by_a_stranger_does_not() {
    let moved = Endpoint { ip: pump(1).ip, ..rogue() };
    let lease = |server: Mac| Sighting { frame_mac: server, ..sighting(SightingKind::DhcpLease, moved, NOW) };
    let use_it = sighting(reply(true, ward(1).ip), moved, NOW + 1);

    let mut watch = Watch::new();
    watch.sees(&lease(NAMES().mac));
    watch.sees(&use_it);
    assert_eq!(watch.end(), vec![]);

    let mut watch = Watch::new();
    watch.sees(&lease(rogue().mac));
    watch.sees(&use_it);
    assert_eq!(watch.end().len(), 1);
}

#[test]
fn a_second_dhcp_server_is_a_rogue_and_the_known_one_is_not() {
    let mut watch = Watch::new();
    watch.sees(&sighting(SightingKind::DhcpServer, NAMES(), NOW));
    assert!(watch.said.is_empty());
    watch.sees(&sighting(SightingKind::DhcpServer, rogue(), NOW));
    watch.sees(&sighting(SightingKind::RouterAdvertisement, rogue(), NOW));
    let said = watch.end();
    assert_eq!(loud(&said), ["rogue-dhcp", "rogue-router"]);
    assert!(said.iter().all(|finding| finding.source.mac == rogue().mac));
}

#[test]
fn many_addresses_asked_for_are_a_sweep() {
    let mut watch = Watch::new();
    for low in 1..=60u8 {
        watch.sees(&sighting(SightingKind::ArpRequest { target: Ip::v4([10, 0, 20, low]) }, rogue(), NOW));
    }
    assert_eq!(loud(&watch.end()), ["port-scan"]);
}

#[test]
fn more_new_stations_than_a_switch_holds_are_a_flood() {
    let mut watch = Watch::new();
    for number in 0..1000u64 {
        let [.., a, b] = number.to_be_bytes();
        let station = Endpoint { ip: Ip::v4([172, 16, a, b]), mac: mac(a, b), ..rogue() };
        let strange = Endpoint { mac: Mac([2, 9, 9, 9, a, b]), ..station };
        watch.sees(&sighting(SightingKind::Frame, strange, NOW));
    }
    assert_eq!(loud(&watch.end()), ["mac-flood"]);
}

#[test]
fn one_station_with_address_after_address_forges_them() {
    let mut watch = Watch::new();
    for low in 0..200u8 {
        let forged = Endpoint { ip: Ip::v4([172, 16, 9, low]), ..rogue() };
        watch.sees(&sighting(SightingKind::Frame, forged, NOW));
    }
    assert_eq!(loud(&watch.end()), ["address-forging"]);
}

#[test]
fn a_station_in_two_vlans_at_once_bridges_them() {
    let mut learner = Binding::default();
    learner.learn(&Sighting { vlan: 20, ..sighting(SightingKind::Frame, rogue(), START) });
    let (bindings, stations) = learner.to_baseline();
    let mut binding = Binding::from_baseline(&bindings, &stations);
    let usual = Usual { learned: Learned::Yes, asked: 0, new_stations: 0 };
    let memory = crate::memory::Memory::default();
    let mut kinds = Vec::new();
    for (vlan, seconds) in [(20, NOW), (30, NOW + 1)] {
        let mut cases = Vec::new();
        let seen = Sighting { vlan, ..sighting(SightingKind::Frame, rogue(), seconds) };
        binding.judge(&seen, usual, (&memory, &|_, _| false), &mut cases);
        kinds.push(cases.iter().map(|case| case.kind).collect::<Vec<_>>());
    }
    assert_eq!(kinds, [vec![], vec!["vlan-bridging"]]);
}

#[test]
fn routers_and_virtual_addresses_may_speak_for_many() {
    let mut learner = Binding::default();
    let router = host(1, 1, DeviceType::NetworkDevice);
    for low in 1..=9u8 {
        let carried = Endpoint { ip: Ip::v4([10, 0, 77, low]), ..router };
        learner.learn(&sighting(SightingKind::Frame, carried, START));
    }
    let (bindings, stations) = learner.to_baseline();
    assert!(stations.iter().any(|station| station.mac == router.mac && station.is_router));
    assert!(bindings.is_empty());
    let mut watch = Watch::new();
    watch.sees(&sighting(reply(true, ward(1).ip), pump(1), NOW));
    let shared = Endpoint { mac: Mac([0, 0, 0x5e, 0, 1, 7]), ip: pump(1).ip, ..pump(1) };
    watch.sees(&sighting(reply(false, ward(1).ip), shared, NOW));
    assert_eq!(watch.end(), vec![]);
}

/// A station with an address that was made up.
fn nameless(number: u64, ip: Ip) -> Endpoint {
    let [.., a, b, c] = number.to_be_bytes();
    let mac = Mac([2, 9, 9, a, b, c]);
    Endpoint { device: abi::address::DeviceKey::Mac(mac), ip, mac, ..rogue() }
}

#[test]
fn an_address_on_very_many_stations_is_one_cause_with_its_count() {
    for spacing in [0, 1] {
        let mut watch = Watch::new();
        watch.sees(&sighting(reply(true, ward(1).ip), pump(1), NOW));
        for number in 0..150u64 {
            let seconds = NOW + 1 + number * spacing;
            watch.sees(&sighting(reply(false, Ip::NONE), nameless(number, pump(1).ip), seconds));
            watch.detector.tick(crate::scene::at(seconds), &mut watch.said);
        }
        let said = watch.end();
        assert_eq!(loud(&said), ["address-takeover"]);
        assert!(said.iter().all(|finding| finding.source.mac == nameless(0, pump(1).ip).mac), "{said:#?}");
        assert!(said.iter().all(|finding| finding.targets[0].mac == pump(1).mac));
        let most = said.iter().map(|finding| finding.evidence[0].value).fold(0.0, f64::max);
        assert!(most >= 128.0, "{most}");
        let last = said.last().unwrap();
        assert!(last.text.contains("stations or more that show no other address"), "{}", last.text);
    }
}

#[test]
fn a_device_that_takes_an_address_among_made_up_stations_is_accused_itself() {
    let mut watch = Watch::new();
    watch.sees(&sighting(reply(true, ward(1).ip), pump(1), NOW));
    let known = Endpoint { ip: pump(1).ip, ..ward(3) };
    for number in 0..100u64 {
        watch.sees(&sighting(reply(false, Ip::NONE), nameless(number, pump(1).ip), NOW + 1));
        if number == 50 {
            watch.sees(&sighting(reply(false, ward(1).ip), known, NOW + 1));
        }
        // And a stranger that takes another's address.
        if number == 60 {
            watch.sees(&sighting(reply(false, Ip::NONE), nameless(999, pump(2).ip), NOW + 1));
        }
    }
    let said = watch.end();
    let mut accused: Vec<_> = said.iter().map(|finding| (finding.kind, finding.source.mac)).collect();
    accused.sort_unstable();
    accused.dedup();
    let first = ("address-takeover", nameless(0, pump(1).ip).mac);
    let stranger = nameless(999, pump(2).ip).mac;
    assert_eq!(accused.len(), 3, "{accused:?}");
    assert!(accused.contains(&first));
    assert!(accused.contains(&("arp-spoofing", ward(3).mac)));
    assert!(accused.iter().any(|(_, mac)| *mac == stranger));
}

#[test]
fn very_many_stations_with_an_address_of_another_each_are_one_cause() {
    let mut watch = Watch::new();
    let addresses: Vec<Ip> = (1..=60).map(|number| Ip::v4([10, 0, 20, number])).collect();
    for (number, ip) in (5000..).zip(&addresses) {
        watch.sees(&sighting(reply(true, ward(1).ip), nameless(number, *ip), NOW));
    }
    for (number, ip) in (0..).zip(addresses.iter().cycle().take(600)) {
        watch.sees(&sighting(reply(false, Ip::NONE), nameless(number, *ip), NOW + 1 + number / 10));
    }
    let said = watch.end();
    let mut accused: Vec<Mac> = said.iter().map(|finding| finding.source.mac).collect();
    accused.sort_unstable();
    accused.dedup();
    assert!(accused.len() <= usize::try_from(STRANGERS).unwrap(), "{accused:?}");
    assert!(said.iter().any(|finding| finding.evidence[0].value >= 256.0));
}

#[test]
fn a_station_that_claims_very_many_addresses_is_one_cause() {
    let mut watch = Watch::new();
    for number in 1..=6 {
        watch.sees(&sighting(reply(true, ward(1).ip), pump(number), NOW));
    }
    for number in 1..=6 {
        let claim = Endpoint { ip: pump(number).ip, ..rogue() };
        watch.sees(&sighting(reply(false, ward(1).ip), claim, NOW + u64::from(number)));
    }
    let said = watch.end();
    assert_eq!(loud(&said), ["arp-spoofing"], "{said:#?}");
    assert!(said.iter().all(|finding| finding.source.mac == rogue().mac));
}

/// Frames of `count` stations never seen before, all within `span` seconds.
fn crowd(watch: &mut Watch, count: u64, start: u64, span: u64) {
    for number in 0..count {
        let [.., a, b] = number.to_be_bytes();
        let station = nameless((start - NOW) * 1000 + number, Ip::v4([172, 16, a, b]));
        watch.sees(&sighting(SightingKind::Frame, station, start + number * span / count));
    }
}

#[test]
fn a_flood_of_stations_is_told_once_a_minute_in_the_name_of_the_first() {
    let mut watch = Watch::new();
    for round in 0..13u64 {
        crowd(&mut watch, 400, NOW + round * 10, 10);
    }
    let said = watch.end();
    let floods: Vec<_> = said.iter().filter(|finding| finding.kind == "mac-flood").collect();
    assert_eq!(floods.len(), 3, "within two minutes and ten seconds");
    assert!(floods.iter().all(|flood| flood.source.device == floods[0].source.device));
}

#[test]
fn without_a_baseline_a_flood_of_stations_needs_a_thousand_of_them() {
    let mut watch = Watch::cold();
    crowd(&mut watch, 999, NOW, 5);
    assert_eq!(loud(&watch.end()), [""; 0]);
    let mut watch = Watch::cold();
    crowd(&mut watch, 1000, NOW, 5);
    assert_eq!(loud(&watch.end()), ["mac-flood"]);
}
