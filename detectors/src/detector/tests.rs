use super::*;
use crate::record::{Both, FlowState};
use crate::scene::{
    CT, FILES, NAMES, NOW, PACS, PUMP_SERVER, VIEWER, Watch, asks, at, flow, host, loud, outside, pump,
    refused, udp, ward,
};
use crate::settings::Overflow;
use abi::address::Ip;
use abi::device::DeviceType;

#[test]
fn another_minute_of_custom_is_silent() {
    let mut watch = Watch::new();
    watch.whole(&flow(1, ward(1), FILES(), 445, NOW));
    watch.whole(&flow(2, PUMP_SERVER(), pump(1), 8100, NOW));
    watch.whole(&udp(3, pump(1), NAMES(), 53, NOW));
    assert_eq!(watch.end(), vec![]);
}

#[test]
fn a_workstation_that_commands_pumps_is_told_once_with_all_its_victims() {
    let mut watch = Watch::new();
    for number in 1..=3 {
        watch.whole(&flow(u64::from(number), ward(1), pump(number), 8100, NOW + u64::from(number)));
    }
    let said = watch.end();
    assert_eq!(loud(&said), ["device-command"]);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].source.device, ward(1).device);
    assert_eq!(said[0].targets.len(), 3);
    assert!(said[0].techniques.iter().any(|technique| technique.0 == "T0855"));
    assert_eq!((said[0].first, said[0].last), (at(NOW + 1), at(NOW + 3)));
}

#[test]
fn a_new_pump_that_does_what_pumps_do_is_announced_and_not_accused() {
    for class in [DeviceType::InfusionPump, DeviceType::Unknown] {
        let newcomer = host(20, 77, class);
        let mut watch = Watch::new();
        watch.whole(&udp(1, newcomer, NAMES(), 53, NOW));
        watch.whole(&flow(2, newcomer, PUMP_SERVER(), 443, NOW + 1));
        watch.whole(&flow(3, PUMP_SERVER(), newcomer, 8100, NOW + 2));
        let said = watch.end();
        assert!(loud(&said).is_empty(), "{said:?}");
        assert!(said.iter().any(|finding| finding.kind == "new-device"));
    }
}

#[test]
fn a_newcomer_that_does_what_nobody_does_is_accused() {
    let mut watch = Watch::new();
    watch.whole(&FlowRecord { app: App::Ssh, ..flow(1, host(60, 200, DeviceType::Unknown), CT(), 22, NOW) });
    assert_eq!(loud(&watch.end()), ["ssh-access"]);
}

#[test]
fn one_of_its_kind_more_at_a_service_is_no_incident() {
    let mut watch = Watch::new();
    watch.whole(&flow(1, host(60, 5, DeviceType::Workstation), FILES(), 445, NOW));
    assert!(loud(&watch.end()).is_empty());
}

#[test]
fn a_scan_takes_the_place_of_the_new_contacts_it_consists_of() {
    let mut watch = Watch::new();
    for port in 1..=40u16 {
        watch.whole(&refused(u64::from(port), ward(2), pump(1), port, NOW));
    }
    watch.whole(&flow(99, ward(2), pump(1), 8100, NOW));
    let said = watch.end();
    assert_eq!(loud(&said), ["port-scan"]);
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].source.device, ward(2).device);
}

#[test]
fn after_a_scan_a_command_is_told_for_itself() {
    let mut watch = Watch::new();
    for port in 8090..=8110u16 {
        watch.whole(&refused(u64::from(port), ward(2), pump(1), port, NOW));
    }
    watch.whole(&flow(99, ward(2), pump(1), 8100, NOW + 60));
    assert_eq!(loud(&watch.end()), ["device-command", "port-scan"]);
}

#[test]
fn short_ssh_sessions_are_guesses_and_a_backup_is_none() {
    let mut watch = Watch::new();
    for visit in 0..8 {
        watch.whole(&FlowRecord { app: App::Ssh, ..flow(visit, ward(1), CT(), 22, NOW + visit) });
    }
    let said = watch.end();
    assert!(loud(&said).contains(&"ssh-brute-force"), "{said:?}");

    let mut watch = Watch::new();
    for copy in 0..20 {
        let bulk = Both { out: 600_000, back: 4_000 };
        watch.whole(&FlowRecord {
            app: App::Ssh,
            payload: bulk,
            ..flow(copy, PACS(), FILES(), 22, NOW + copy)
        });
    }
    assert!(loud(&watch.end()).is_empty());
}

#[test]
fn a_pump_that_goes_outside_is_accused_and_its_server_fetching_an_update_is_not() {
    let mut watch = Watch::new();
    watch.whole(&FlowRecord { app: App::Tls, ..flow(1, pump(2), outside(1), 443, NOW) });
    watch.whole(&FlowRecord { app: App::Tls, ..flow(2, PUMP_SERVER(), outside(9), 443, NOW) });
    let said = watch.end();
    assert_eq!(loud(&said), ["first-internet"]);
    let accused: Vec<DeviceKey> = said
        .iter()
        .filter(|finding| finding.severity > Severity::Low)
        .map(|finding| finding.source.device)
        .collect();
    assert_eq!(accused, [pump(2).device]);
}

#[test]
fn even_visits_to_a_host_nobody_knows_are_a_beacon_and_uneven_ones_are_not() {
    let even = [0, 6, 11, 17, 24, 29, 35];
    let uneven = [0, 1, 2, 40, 41, 200, 202];
    let said = |times: [u64; 7]| {
        let mut watch = Watch::new();
        for (id, time) in (1..).zip(times) {
            watch.whole(&FlowRecord { app: App::Tls, ..flow(id, ward(1), outside(66), 443, NOW + time) });
        }
        loud(&watch.end())
    };
    assert_eq!(said(even), ["beacon"]);
    assert_eq!(said(uneven), [""; 0]);
}

#[test]
fn much_more_than_ever_to_a_host_outside_is_an_exfiltration() {
    let mut watch = Watch::new();
    let much = Both { out: 30 << 20, back: 1000 };
    watch.whole(&FlowRecord { app: App::Tls, payload: much, ..flow(1, ward(1), outside(1), 443, NOW) });
    assert_eq!(loud(&watch.end()), ["exfiltration"]);
}

#[test]
fn a_known_client_that_reads_everything_is_told_and_one_large_download_is_not() {
    let mut watch = Watch::new();
    let large = Both { out: 700, back: 20 << 20 };
    watch.whole(&FlowRecord { app: App::Tls, payload: large, ..flow(1, pump(1), PUMP_SERVER(), 443, NOW) });
    assert!(loud(&watch.end()).is_empty());

    let mut watch = Watch::new();
    let read = Both { out: 2 << 20, back: 30 << 20 };
    watch.whole(&FlowRecord { app: App::Smb, payload: read, ..flow(1, ward(1), FILES(), 445, NOW) });
    assert_eq!(loud(&watch.end()), ["mass-read"]);
}

#[test]
fn what_is_read_and_written_back_in_place_is_encrypted() {
    let mut watch = Watch::new();
    let both = Both { out: 20 << 20, back: 20 << 20 };
    watch.whole(&FlowRecord { app: App::Smb, payload: both, ..flow(1, ward(1), FILES(), 445, NOW) });
    assert_eq!(loud(&watch.end()), ["mass-modification"]);
}

#[test]
fn an_operation_of_another_nature_between_two_that_know_each_other_is_told() {
    let mut watch = Watch::new();
    let store = flow(1, CT(), PACS(), 104, NOW);
    watch.whole(&store);
    watch.asks(&asks(&store, App::Dicom, "c-store", ""));
    watch.asks(&asks(&store, App::Dicom, "c-move", ""));
    let said = watch.end();
    assert_eq!(loud(&said), ["dicom-collection"]);
    assert_eq!(said[0].source.device, CT().device);
}

#[test]
fn more_operations_than_ever_of_a_known_client_are_a_mass_read() {
    let mut watch = Watch::new();
    let view = flow(1, VIEWER(), PACS(), 104, NOW);
    watch.whole(&view);
    for _ in 0..60 {
        watch.asks(&asks(&view, App::Dicom, "c-move", ""));
    }
    assert_eq!(loud(&watch.end()), ["mass-read"]);
}

#[test]
fn an_archive_that_stores_to_the_one_who_asked_is_not_accused() {
    let mut watch = Watch::new();
    let rogue = host(60, 201, DeviceType::Unknown);
    let question = FlowRecord { app: App::Dicom, ..flow(1, rogue, PACS(), 104, NOW) };
    watch.whole(&question);
    watch.asks(&asks(&question, App::Dicom, "c-move", ""));
    watch.whole(&FlowRecord { app: App::Dicom, ..flow(2, PACS(), rogue, 11112, NOW + 1) });
    let said = watch.end();
    assert_eq!(loud(&said), ["dicom-collection"]);
    assert!(said.iter().all(|finding| finding.source.device != PACS().device));
}

#[test]
fn a_flood_from_forged_addresses_accuses_the_station_that_sends_it() {
    let mut watch = Watch::new();
    let mut last = None;
    for number in 0..2000u64 {
        let [.., high, low] = number.to_be_bytes();
        let ip = Ip::v4([10, 80, high, low]);
        let station = ward(4).mac;
        let forged = Endpoint { device: DeviceKey::Ip(ip), ip, mac: station, ..ward(4) };
        let syn = FlowRecord {
            state: FlowState::SynSent,
            payload: Both::default(),
            ..flow(number, forged, PACS(), 104, NOW)
        };
        watch.whole(&syn);
        last = Some(station);
    }
    let said = watch.end();
    let flood = said.iter().find(|finding| finding.kind == "connection-flood").expect("a flood is told");
    assert_eq!(flood.source.mac, last.expect("some were sent"));
}

#[test]
fn without_a_baseline_novelty_is_silent_and_guesses_and_scans_are_not() {
    let mut watch = Watch::cold();
    watch.whole(&flow(1, ward(1), pump(1), 8100, NOW));
    watch.whole(&flow(2, pump(1), outside(1), 443, NOW));
    assert_eq!(watch.end(), vec![]);

    let mut watch = Watch::cold();
    for port in 1..=40u16 {
        watch.whole(&refused(u64::from(port), ward(2), pump(1), port, NOW));
    }
    for visit in 0..12 {
        watch.whole(&FlowRecord { app: App::Ssh, ..flow(100 + visit, ward(1), CT(), 22, NOW + visit) });
    }
    assert_eq!(loud(&watch.end()), ["port-scan", "ssh-brute-force"]);
}

#[test]
fn a_flow_met_midway_is_no_novelty() {
    let mut watch = Watch::new();
    watch.whole(&FlowRecord { visibility: Visibility::Midstream, ..flow(1, ward(1), pump(1), 8100, NOW) });
    assert_eq!(watch.end(), vec![]);
}

#[test]
fn the_same_input_gives_the_same_findings() {
    let run = || {
        let mut watch = Watch::new();
        for id in 0..300u64 {
            let client = if id % 3 == 0 { ward(1) } else { host(60, 210, DeviceType::Unknown) };
            let server = if id % 2 == 0 { pump(1 + (id % 5) as u8) } else { CT() };
            watch.whole(&flow(id, client, server, (id % 50) as u16 + 1, NOW + id));
        }
        watch.end()
    };
    assert_eq!(run(), run());
}

#[test]
fn tables_stay_bounded_and_what_is_lost_is_counted() {
    let mut watch = Watch::new();
    for number in 0..80_000u32 {
        let [_, a, b, c] = number.to_be_bytes();
        let ip = Ip::v4([10, 100 + a, b, c]);
        let many = Endpoint { device: DeviceKey::Ip(ip), ip, ..ward(1) };
        watch.detector.flow_opened(&flow(number.into(), many, PACS(), 104, NOW), at(NOW), &mut watch.said);
    }
    assert!(watch.detector.overflow().devices > 10_000);
    assert!(watch.detector.memory.devices.len() <= crate::memory::DEVICES);
    assert!(watch.detector.overflow().total() > Overflow::default().total());
}
