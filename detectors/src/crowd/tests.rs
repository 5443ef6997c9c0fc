use super::*;
use crate::finding::Finding;
use crate::record::{Both, SightingKind};
use crate::scene::{
    CT, FILES, NOW, PACS, Watch, at, flow, host, loud, mac, outside, pump, sighting, udp, ward,
};
use abi::address::Ip;
use abi::app::App;
use abi::device::DeviceType;

/// An address that somebody made up; the frame comes from `station`.
fn made_up(number: u64, station: Mac) -> Endpoint {
    let [.., a, b, c] = number.to_be_bytes();
    let ip = Ip::v4([93, a, b, c]);
    Endpoint { device: DeviceKey::Ip(ip), ip, mac: station, ..outside(1) }
}

fn syn(id: u64, client: Endpoint, server: Endpoint, seconds: u64) -> FlowRecord {
    FlowRecord {
        state: FlowState::SynSent,
        packets: Both { out: 1, back: 0 },
        payload: Both::default(),
        ..flow(id, client, server, 104, seconds)
    }
}

fn datagram(id: u64, client: Endpoint, server: Endpoint, seconds: u64) -> FlowRecord {
    FlowRecord {
        state: FlowState::OneWay,
        packets: Both { out: 1, back: 0 },
        payload: Both { out: 400, back: 0 },
        ..udp(id, client, server, 5060, seconds)
    }
}

/// How a flow is made of its number, its two ends and its second.
type Make = fn(u64, Endpoint, Endpoint, u64) -> FlowRecord;

/// An address of the site that somebody made up; the frame comes from `station`.
fn inside(number: u64, station: Mac) -> Endpoint {
    let [.., a, b] = number.to_be_bytes();
    let ip = Ip::v4([10, 7, a, b]);
    Endpoint { device: DeviceKey::Ip(ip), ip, mac: station, ..outside(1) }
}

/// Floods a server for twenty seconds, a hundred flows a second, and says what was found meanwhile.
fn flood(watch: &mut Watch, make: Make, from: impl Fn(u64) -> Endpoint) {
    for number in 0..2000u64 {
        let seconds = NOW + number / 100;
        if number % 100 == 0 {
            watch.detector.tick(at(seconds), &mut watch.said);
        }
        watch.whole(&make(number, from(number), PACS(), seconds));
    }
}

fn sources(said: &[Finding]) -> Vec<DeviceKey> {
    let mut sources: Vec<DeviceKey> = said.iter().map(|finding| finding.source.device).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

#[test]
fn a_flood_from_made_up_addresses_accuses_the_station_that_sends_it_and_nobody_else() {
    let rogue = host(60, 77, DeviceType::Unknown);
    for (make, kind) in [(syn as Make, "connection-flood"), (datagram as Make, "packet-flood")] {
        let both = [(Watch::new(), made_up as fn(u64, Mac) -> Endpoint), (Watch::cold(), made_up)];
        // Of the site's own networks, too.
        for (mut watch, from) in
            both.into_iter().chain([(Watch::new(), inside as _), (Watch::cold(), inside as _)])
        {
            flood(&mut watch, make, |number| from(number, rogue.mac));
            let said = watch.end();
            assert_eq!(sources(&said), [rogue.device], "{said:#?}");
            assert_eq!(loud(&said), [kind]);
            let last = said.last().unwrap();
            assert_eq!(last.targets, [Endpoint { port: last.targets[0].port, ..PACS() }]);
            assert_eq!((last.evidence[0].id, last.evidence[0].value), ("F3", 2000.0), "all are counted");
            assert!(last.text.contains("2000 flows") && last.text.contains("forged"), "{}", last.text);
            assert!(last.text.contains(&rogue.mac.to_string()), "{}", last.text);
            assert_eq!((last.first, last.last), (at(NOW), at(NOW + 19)));
        }
    }
}

#[test]
fn without_a_common_station_the_first_stands_for_all_and_the_text_says_so() {
    let mut watch = Watch::new();
    flood(&mut watch, datagram, |number| {
        let [.., a, b] = number.to_be_bytes();
        made_up(number, mac(a, b))
    });
    let said = watch.end();
    assert_eq!(sources(&said), [made_up(0, Mac::NONE).device]);
    assert!(said.last().unwrap().text.contains("No station sends most of them"));
}

#[test]
fn answers_that_nobody_asked_for_accuse_their_forwarder_and_not_the_one_they_hit() {
    let gateway = mac(1, 1);
    for mut watch in [Watch::new(), Watch::cold()] {
        for number in 0..1000u64 {
            let reflector = made_up(number, gateway);
            let answer = FlowRecord {
                packets: Both { out: 0, back: 2 },
                payload: Both { out: 0, back: 900 },
                ..datagram(number, PACS(), reflector, NOW)
            };
            watch.whole(&FlowRecord { server: Endpoint { port: 161, ..reflector }, ..answer });
        }
        let said = watch.end();
        assert_eq!(sources(&said), [DeviceKey::Mac(gateway)], "{said:#?}");
        assert_eq!(said[0].targets[0].device, PACS().device);
        assert!(said[0].text.contains("they answer questions"), "{}", said[0].text);
    }
}

#[test]
fn one_sender_with_many_flows_is_no_crowd() {
    for sender in [host(60, 77, DeviceType::Unknown), ward(1)] {
        let mut watch = Watch::new();
        flood(&mut watch, datagram, |_| sender);
        let said = watch.end();
        assert!(said.iter().all(|finding| finding.evidence[0].id != "F3"), "{said:#?}");
    }
}

#[test]
fn devices_of_the_site_that_report_to_a_collector_are_no_crowd_when_a_capture_begins() {
    let report = |watch: &mut Watch, count: u64| {
        for number in 0..count {
            let [.., a, b] = number.to_be_bytes();
            let ip = Ip::v4([10, 9, a, b]);
            let device = Endpoint { device: DeviceKey::Ip(ip), ip, mac: mac(1, 1), ..ward(1) };
            watch.whole(&datagram(number, device, FILES(), NOW));
        }
    };
    let mut watch = Watch::cold();
    report(&mut watch, 900);
    assert_eq!(watch.end(), vec![]);
    let mut watch = Watch::cold();
    report(&mut watch, 1100);
    assert_eq!(loud(&watch.end()), ["packet-flood"]);
}

#[test]
fn a_flood_hides_no_other_attack() {
    let rogue = host(60, 77, DeviceType::Unknown);
    let newcomer = host(60, 201, DeviceType::Unknown);
    let mut watch = Watch::new();
    for number in 0..2000u64 {
        let seconds = NOW + number / 100;
        watch.whole(&syn(number, made_up(number, rogue.mac), PACS(), seconds));
        match number {
            // Somebody who is there, at the flooded server and at another; a known device, and guesses.
            1000 => watch.whole(&FlowRecord { app: App::Ssh, ..flow(5000, newcomer, PACS(), 22, seconds) }),
            1001 => watch.whole(&flow(5001, ward(1), pump(1), 8100, seconds)),
            1100..1110 => {
                watch.whole(&FlowRecord { app: App::Ssh, ..flow(4000 + number, ward(2), CT(), 22, seconds) });
            }
            _ => {}
        }
    }
    let said = watch.end();
    assert_eq!(loud(&said), ["connection-flood", "device-command", "ssh-access", "ssh-brute-force"]);
    let of = |kind| said.iter().find(|finding| finding.kind == kind).unwrap().source.device;
    assert_eq!(of("ssh-access"), newcomer.device);
    assert_eq!(of("device-command"), ward(1).device);
    assert_eq!(of("connection-flood"), rogue.device);
}

#[test]
fn made_up_addresses_take_no_room_from_devices() {
    let rogue = host(60, 77, DeviceType::Unknown);
    let mut watch = Watch::new();
    let before = watch.detector.memory.devices.len();
    for number in 0..300_000u64 {
        let seconds = NOW + number / 10_000;
        watch.whole(&syn(number, made_up(number, rogue.mac), PACS(), seconds));
    }
    watch.detector.tick(at(NOW + 29), &mut watch.said);
    assert!(watch.detector.memory.devices.len() <= before + 2 * FEWEST as usize);
    assert!(watch.detector.crowds.held.max(watch.detector.forgers.held) <= ADDRESSES);
    assert_eq!(watch.detector.overflow().devices, 0);
    watch.detector.tick(at(NOW + 100), &mut watch.said);
    assert_eq!((watch.detector.crowds.held, watch.detector.crowds.windows.len()), (0, 0));
    // Not even when nothing tells them from others.
    for number in 0..100_000u64 {
        let [.., a, b, c] = number.to_be_bytes();
        let ip = Ip::v4([10, 64 + a, b, c]);
        let target = Endpoint { device: DeviceKey::Ip(ip), ip, ..ward(1) };
        // By another station each, and to another host.
        let forged = inside(number, Mac([2, 7, 7, a, b, c]));
        let ip = Ip::v4([10, 128 + a, b, c]);
        let forged = Endpoint { device: DeviceKey::Ip(ip), ip, ..forged };
        watch.whole(&syn(number, forged, target, NOW + 200));
    }
    watch.whole(&FlowRecord {
        app: App::Ssh,
        ..flow(1, host(60, 201, DeviceType::Unknown), CT(), 22, NOW + 201)
    });
    assert!(watch.detector.overflow().devices > 10_000 && watch.detector.overflow().held > 0);
    assert!(loud(&watch.end()).contains(&"ssh-access"), "there is room for who is there");
}

#[test]
fn a_server_that_is_down_is_missed_by_its_clients_and_they_are_no_crowd() {
    let mut watch = Watch::new();
    for number in 0..600u64 {
        watch.whole(&flow(number, inside(number, mac(1, 1)), FILES(), 445, NOW + number / 60));
    }
    for number in 0..600u64 {
        watch.whole(&syn(1000 + number, inside(number, mac(1, 1)), PACS(), NOW + 60 + number / 100));
    }
    let said = watch.end();
    assert!(said.iter().all(|finding| finding.evidence[0].id != "F3"), "{said:#?}");
}

#[test]
fn an_answer_that_nobody_asked_for_is_no_contact_of_its_receiver() {
    let unasked = |server: Endpoint| FlowRecord {
        packets: Both { out: 0, back: 2 },
        payload: Both { out: 0, back: 900 },
        ..datagram(1, pump(2), server, NOW)
    };
    assert!(!crate::memory::is_failed(&FlowRecord { payload: Both::default(), ..unasked(outside(9)) }));
    for server in [outside(9), host(60, 78, DeviceType::Unknown)] {
        let mut watch = Watch::new();
        watch.whole(&unasked(server));
        assert_eq!(watch.end(), vec![]);
        let mut watch = Watch::new();
        watch.whole(&FlowRecord {
            packets: Both { out: 2, back: 2 },
            state: FlowState::TwoWay,
            ..unasked(server)
        });
        assert!(!watch.end().is_empty(), "and one that was asked for is");
    }
}

#[test]
fn a_datagram_from_outside_is_a_contact_when_it_is_answered() {
    let mut watch = Watch::new();
    watch.whole(&datagram(1, outside(9), pump(1), NOW));
    watch.whole(&syn(2, outside(9), pump(1), NOW));
    assert_eq!(watch.end(), vec![]);
    let mut watch = Watch::new();
    watch.whole(&FlowRecord { state: FlowState::TwoWay, ..udp(1, outside(9), pump(1), 5060, NOW) });
    assert_eq!(loud(&watch.end()), ["inbound-access"]);
}

#[test]
fn a_station_that_forges_and_floods_is_one_cause() {
    let rogue = host(60, 77, DeviceType::Unknown);
    let mut watch = Watch::new();
    for number in 0..2000u64 {
        let seconds = NOW + number / 100;
        let forged = made_up(number, rogue.mac);
        watch.sees(&sighting(SightingKind::Frame, forged, seconds));
        watch.whole(&syn(number, forged, PACS(), seconds));
    }
    let said = watch.end();
    assert_eq!((loud(&said), sources(&said)), (vec!["connection-flood"], vec![rogue.device]), "{said:#?}");
}

#[test]
fn a_station_that_makes_up_addresses_against_many_hosts_is_told_once() {
    let rogue = host(60, 77, DeviceType::Unknown);
    for (make, is_inside) in [(syn as Make, false), (syn, true), (datagram, false), (datagram, true)] {
        let mut watch = Watch::new();
        for number in 0..20_000u64 {
            let forged =
                if is_inside { inside(number % 1500, rogue.mac) } else { made_up(number, rogue.mac) };
            let [.., target] = (number % 97).to_be_bytes();
            watch.whole(&make(number, forged, host(70, target, DeviceType::Unknown), NOW + number / 1000));
        }
        let said = watch.end();
        let accused = sources(&said);
        assert_eq!((loud(&said), accused), (vec!["address-forging"], vec![rogue.device]), "{is_inside}");
        assert_eq!(said[0].evidence[0].id, "F4");
        assert_eq!(said[0].targets.len(), NAMED);
    }
}

#[test]
fn a_scanner_among_made_up_addresses_of_its_station_is_accused_itself() {
    let gateway = mac(1, 1);
    let scanner = made_up(77_777, gateway);
    for mut watch in [Watch::new(), Watch::cold()] {
        for number in 0..3000u64 {
            let seconds = NOW + number / 200;
            let [.., target] = (number % 97).to_be_bytes();
            let target = host(70, target, DeviceType::Unknown);
            watch.whole(&syn(number, made_up(number, gateway), target, seconds));
            // The flood has long begun.
            if number < 1500 {
                continue;
            }
            let port = u16::try_from(number % 1000).unwrap();
            let probe = syn(10_000 + number, scanner, PACS(), seconds);
            watch.whole(&FlowRecord { server: Endpoint { port, ..PACS() }, ..probe });
        }
        let said = watch.end();
        let scan = said.iter().find(|finding| finding.kind == "port-scan").expect("a scan");
        assert_eq!(scan.source.device, scanner.device);
    }
}

#[test]
fn two_hosts_that_are_flooded_at_once_are_both_named() {
    let rogue = host(60, 77, DeviceType::Unknown);
    let mut watch = Watch::new();
    for number in 0..2000u64 {
        let target = if number % 2 == 0 { PACS() } else { FILES() };
        watch.whole(&syn(number, made_up(number, rogue.mac), target, NOW + number / 200));
    }
    let mut targets: Vec<DeviceKey> = watch.end().iter().map(|finding| finding.targets[0].device).collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), 2);
}

#[test]
fn a_crowd_is_counted_alike_however_often_it_is_run() {
    let run = || {
        let mut watch = Watch::cold();
        for number in 0..6000u64 {
            let [.., low] = number.to_be_bytes();
            let target = ward(low % 7);
            watch.whole(&datagram(number, made_up(number, mac(1, low)), target, NOW + number / 600));
        }
        watch.end()
    };
    assert!(!run().is_empty());
    assert_eq!(run(), run());
}

#[test]
fn a_flood_of_one_host_hides_nothing_of_its_station_at_other_hosts() {
    let gateway = mac(1, 1);
    let mut watch = Watch::new();
    for number in 0..2000u64 {
        let seconds = NOW + number / 100;
        watch.whole(&syn(number, made_up(number, gateway), PACS(), seconds));
        if number == 1500 {
            watch.whole(&datagram(9000, inside(9000, gateway), pump(1), seconds));
        }
    }
    assert_eq!(loud(&watch.end()), ["connection-flood", "eavesdropping"]);
}
