use super::*;
use crate::scene::{NAMES, NOW, START, asks, udp, ward};
use abi::app::App;
use proptest::prelude::{prop, proptest};

fn ask(zones: &mut Zones, name: &str, kind: &str, seconds: u64, purpose: Purpose) -> Option<Case> {
    let flow = udp(1, ward(1), NAMES(), 53, seconds);
    zones.query(1, &Activity { server_name: name, ..asks(&flow, App::Dns, "query", kind) }, purpose)
}

#[test]
fn a_zone_is_what_somebody_registered() {
    assert_eq!(split("a.b.example.com"), Some(("a.b", "example.com")));
    assert_eq!(split("a.b.example.co.uk."), Some(("a.b", "example.co.uk")));
    assert_eq!(split("host.hosp.lan"), Some(("host", "hosp.lan")));
    assert_eq!(split("example.com"), None);
}

#[test]
fn many_long_names_of_one_zone_are_a_tunnel() {
    let mut zones = Zones::default();
    let said = (0..60).find_map(|n: u32| {
        let name = format!("{:032x}.t.evil.example", n.wrapping_mul(2_654_435_761));
        ask(&mut zones, &name, "A", NOW, Purpose::Judge)
    });
    let case = said.expect("a tunnel is told");
    assert_eq!(case.kind, "dns-tunnel");
    assert_eq!(case.source.device, ward(1).device);
}

#[test]
fn a_few_names_of_a_type_that_no_host_asks_for_are_a_tunnel() {
    let mut zones = Zones::default();
    let said = (0..12)
        .any(|n| ask(&mut zones, &format!("x{n}.t.evil.example"), "NULL", NOW, Purpose::Judge).is_some());
    assert!(said);
}

#[test]
fn the_same_few_names_asked_for_often_are_none() {
    let mut zones = Zones::default();
    for n in 0..500u64 {
        let name = format!("a-rather-long-host-name-of-a-content-network-{}.cdn.example", n % 6);
        assert!(ask(&mut zones, &name, "A", NOW + n / 20, Purpose::Judge).is_none());
    }
}

#[test]
fn what_a_zone_is_used_for_in_benign_time_is_no_tunnel() {
    let mut zones = Zones::default();
    let name = |n: u64| format!("{:030x}.rbl.filter.example", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for n in 0..60 {
        ask(&mut zones, &name(n), "A", START, Purpose::Learn);
    }
    let said = (0..100).any(|n| ask(&mut zones, &name(n), "A", NOW, Purpose::Judge).is_some());
    assert!(!said);
}

#[test]
fn the_bitmap_counts_within_a_tenth() {
    let mut names = Distinct([0; 4]);
    for n in 0..100u32 {
        names.add(fnv(format!("name-{n}").bytes()));
    }
    assert!((85..=115).contains(&names.count()), "{}", names.count());
}

proptest! {
    #[test]
    fn any_name_is_split_without_loss(name in ".{0,80}", more in prop::collection::vec("[a-z.]{0,9}", 0..4)) {
        let name = format!("{name}.{}", more.join("."));
        if let Some((left, zone)) = split(&name) {
            assert_eq!(format!("{left}.{zone}"), name.strip_suffix('.').unwrap_or(&name));
        }
    }
}

#[test]
fn look_ups_of_keys_and_services_are_no_tunnel() {
    let mut zones = Zones::default();
    for n in 0..30 {
        let key = format!("selector-{n:08}-of-mail._domainkey.corp.example");
        assert_eq!(ask(&mut zones, &key, "TXT", NOW, Purpose::Judge).map(|case| case.kind), None);
    }
}
