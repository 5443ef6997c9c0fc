//! Who sent a frame: local and routed devices, proofs, splits and joins, and bounds.

use super::{DEVICES, Device, Inventory, PROVED, Pair, Sender, Standing};
use crate::output::Evidence;
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

const ROUTER: Mac = mac(0xee);

const fn mac(last: u8) -> Mac {
    Mac([0x00, 0x50, 0x56, 0, 0, last])
}

const fn ip(last: u8) -> Ip {
    Ip::v4([10, 0, 0, last])
}

fn v6(first: u8, last: u8) -> Ip {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1], bytes[15]) = (first, 0x80, last);
    Ip(bytes)
}

fn sender(mac: Mac, ip: Ip, ttl: u8) -> Sender {
    Sender { mac, ip, ttl, vlan: 0, at: Timestamp(SECOND), standing: Standing::Shown }
}

fn send(inventory: &mut Inventory, mac: Mac, ip: Ip, ttl: u8) -> Option<(DeviceKey, Pair)> {
    let met = inventory.sender(&sender(mac, ip, ttl))?;
    check(inventory);
    Some((inventory.device(met.device)?.key, met.pair))
}

fn owner(inventory: &Inventory, ip: Ip) -> Option<DeviceKey> {
    let number = inventory.by_ip(ip)?;
    inventory.device(number).map(|device| device.key)
}

/// What must hold at all times.
fn check(inventory: &Inventory) {
    let mut keys = BTreeSet::new();
    for device in &inventory.devices {
        let is_shell = device.moved.is_some();
        assert!(is_shell || keys.insert(device.key), "one device for a key: {:?}", device.key);
        assert!(device.ips.len() <= super::ADDRESSES && device.aliases.len() <= super::ADDRESSES);
        assert!(!device.ips.iter().any(|ip| ip.is_group() || ip.is_none()));
        if is_shell {
            assert!(device.ips.is_empty() && device.macs.is_empty());
        }
    }
    for (ip, binding) in &inventory.bindings {
        let device = inventory.device(binding.device).expect("a binding names a device");
        assert!(device.moved.is_none(), "{ip} is bound to a shell");
        match binding.mac {
            Some(mac) => assert_eq!(inventory.by_mac(mac), Some(binding.device)),
            None => assert_eq!(device.key, DeviceKey::Ip(*ip)),
        }
    }
    assert!(inventory.devices.len() <= DEVICES && inventory.stations.len() <= 2 * DEVICES);
}

#[test]
fn a_local_device_is_named_by_its_mac_address() {
    let mut inventory = Inventory::default();
    let key = DeviceKey::Mac(mac(1));
    assert_eq!(send(&mut inventory, mac(1), ip(1), 64), Some((key, Pair::New)));
    assert_eq!(send(&mut inventory, mac(1), ip(1), 64), Some((key, Pair::Known)));
    assert_eq!(send(&mut inventory, mac(1), v6(0xfe, 1), 255), Some((key, Pair::New)));
    assert_eq!((owner(&inventory, ip(1)), owner(&inventory, v6(0xfe, 1))), (Some(key), Some(key)));
    assert_eq!(inventory.devices().len(), 1);
}

#[test]
fn a_device_whose_time_to_live_was_counted_down_is_named_by_its_ip_address() {
    let mut inventory = Inventory::default();
    for last in 1..30 {
        let key = DeviceKey::Ip(ip(last));
        assert_eq!(send(&mut inventory, ROUTER, ip(last), 63), Some((key, Pair::Routed)));
    }
    assert!(inventory.is_router(ROUTER));
    assert_eq!(inventory.devices()[0].gateway, Some(ROUTER));
    assert_eq!(inventory.by_mac(ROUTER), None, "the router itself has said nothing");
}

#[test]
fn a_link_local_address_is_never_routed() {
    let mut inventory = Inventory::default();
    send(&mut inventory, ROUTER, ip(1), 63);
    let own = send(&mut inventory, ROUTER, v6(0xfe, 9), 1);
    assert_eq!(own, Some((DeviceKey::Mac(ROUTER), Pair::New)), "also not behind a router");
    let odd = send(&mut inventory, mac(2), v6(0xfe, 2), 63);
    assert_eq!(odd, Some((DeviceKey::Mac(mac(2)), Pair::New)), "also with an odd hop limit");
}

#[test]
fn arp_proves_that_many_addresses_are_one_host() {
    let mut inventory = Inventory::default();
    for last in 1..12 {
        assert_eq!(inventory.claim(mac(1), ip(last), Timestamp(1)).map(|met| met.pair), Some(Pair::New));
        assert_eq!(send(&mut inventory, mac(1), ip(last), 64), Some((DeviceKey::Mac(mac(1)), Pair::Known)));
    }
    assert_eq!(inventory.devices().len(), 1);
    assert!(!inventory.is_router(mac(1)));
}

#[test]
fn more_than_four_unproved_addresses_make_a_router_and_are_split_from_it() {
    let mut inventory = Inventory::default();
    inventory.claim(ROUTER, ip(100), Timestamp(1));
    for last in 1..=4 {
        let (key, _) = send(&mut inventory, ROUTER, ip(last), 64).unwrap();
        assert_eq!(key, DeviceKey::Mac(ROUTER));
    }
    let number = inventory.by_mac(ROUTER).unwrap();
    let evidence = |value: &str| Evidence {
        attribute: "name",
        value: value.to_owned(),
        source: "test",
        tier: 1,
        weight: 0.9,
        flow: None,
        rule: "test",
    };
    let router = inventory.device_mut(number).unwrap();
    router.identity.add(evidence("two"), ip(2));
    router.identity.plays("dicom-scp", ip(2));
    router.identity.add(evidence("gateway"), ip(100));

    assert_eq!(send(&mut inventory, ROUTER, ip(5), 64), Some((DeviceKey::Ip(ip(5)), Pair::Routed)));
    assert!(inventory.is_router(ROUTER));
    for last in 1..=5 {
        assert_eq!(owner(&inventory, ip(last)), Some(DeviceKey::Ip(ip(last))));
    }
    assert_eq!(owner(&inventory, ip(100)), Some(DeviceKey::Mac(ROUTER)), "what ARP proved stays");
    let names =
        |device: &Device| device.identity.values("name").into_iter().map(|claim| claim.value).collect();
    let router: Vec<String> = names(inventory.device(number).unwrap());
    let split = inventory.device(inventory.by_ip(ip(2)).unwrap()).unwrap();
    assert_eq!((router, names(split)), (vec!["gateway".to_owned()], vec!["two".to_owned()]));
    assert!(split.identity.has("dicom-scp") && split.aliases == [DeviceKey::Mac(ROUTER)]);
    // Flows that began before know better now.
    assert_eq!(Some(inventory.current(number, ip(2))), inventory.by_ip(ip(2)));
    assert_eq!(inventory.current(number, ip(100)), number);
}

#[test]
fn one_address_that_changes_to_and_fro_between_two_cards_makes_no_router() {
    let mut inventory = Inventory::default();
    for round in 0..20 {
        send(&mut inventory, mac(1 + round % 2), ip(1), 64);
    }
    assert!(!inventory.is_router(mac(1)) && !inventory.is_router(mac(2)));
}

#[test]
fn a_device_met_through_a_router_and_then_on_its_own_segment_is_one() {
    let mut inventory = Inventory::default();
    let routed = inventory.sender(&sender(ROUTER, ip(1), 63)).unwrap().device;
    inventory.device_mut(routed).unwrap().identity.plays("hl7-sender", ip(1));
    let (key, pair) = send(&mut inventory, mac(1), ip(1), 64).unwrap();
    assert_eq!((key, pair), (DeviceKey::Mac(mac(1)), Pair::New));
    let device = inventory.device(inventory.by_ip(ip(1)).unwrap()).unwrap();
    assert_eq!(
        (device.key, &device.aliases[..], &device.ips[..]),
        (key, &[DeviceKey::Ip(ip(1))][..], &[ip(1)][..])
    );
    assert!(device.identity.has("hl7-sender"));
    assert_eq!(Some(inventory.current(routed, ip(1))), inventory.by_mac(mac(1)), "flows follow");
    inventory.seen(routed, Timestamp(9 * SECOND));
    assert_eq!(inventory.device(inventory.by_mac(mac(1)).unwrap()).unwrap().last, Timestamp(9 * SECOND));
}

#[test]
fn an_address_moves_to_another_device_by_proof_or_when_nothing_was_proved() {
    let mut inventory = Inventory::default();
    send(&mut inventory, mac(1), ip(1), 64);
    assert_eq!(send(&mut inventory, mac(2), ip(1), 64), Some((DeviceKey::Mac(mac(2)), Pair::New)));
    assert_eq!(owner(&inventory, ip(1)), Some(DeviceKey::Mac(mac(2))));
    inventory.claim(mac(3), ip(1), Timestamp(SECOND));
    assert_eq!(owner(&inventory, ip(1)), Some(DeviceKey::Mac(mac(3))));
    check(&inventory);
}

#[test]
fn a_frame_alone_takes_no_address_that_was_proved_from_a_device_that_is_there() {
    let mut inventory = Inventory::default();
    inventory.claim(mac(1), ip(1), Timestamp(SECOND));
    let spoofed = send(&mut inventory, mac(9), ip(1), 64);
    assert_eq!(spoofed, Some((DeviceKey::Mac(mac(9)), Pair::New)), "the sender is still the one that sent");
    assert_eq!(owner(&inventory, ip(1)), Some(DeviceKey::Mac(mac(1))));
    let late = Sender { at: Timestamp(SECOND + PROVED), ..sender(mac(9), ip(1), 64) };
    inventory.sender(&late);
    assert_eq!(owner(&inventory, ip(1)), Some(DeviceKey::Mac(mac(9))), "but not for ever");
}

#[test]
fn a_router_answers_for_those_behind_it_and_does_not_become_them() {
    let mut inventory = Inventory::default();
    send(&mut inventory, ROUTER, ip(1), 63);
    assert!(inventory.is_proxy(ROUTER, ip(1)));
    assert!(!inventory.is_proxy(ROUTER, ip(2)), "nobody is known to be there");
    assert!(!inventory.is_proxy(mac(1), ip(1)), "this one is no router");
}

#[test]
fn groups_and_absent_addresses_are_no_devices() {
    let mut inventory = Inventory::default();
    let broadcast = Mac([0xff; 6]);
    let multicast = Mac([0x01, 0, 0x5e, 0, 0, 1]);
    assert_eq!(send(&mut inventory, broadcast, ip(1), 64), None);
    assert_eq!(send(&mut inventory, multicast, ip(1), 64), None);
    assert_eq!(send(&mut inventory, mac(1), Ip::v4([224, 0, 0, 1]), 1), None);
    assert_eq!(send(&mut inventory, Mac::NONE, Ip::NONE, 64), None);
    assert_eq!(inventory.claim(broadcast, ip(1), Timestamp(1)), None);
    assert_eq!(inventory.claim(mac(1), Ip::v4([255; 4]), Timestamp(1)), None);
    assert!(inventory.devices().is_empty());
}

#[test]
fn clients_without_an_address_yet_share_none() {
    let mut inventory = Inventory::default();
    for last in 1..20 {
        let met = send(&mut inventory, mac(last), Ip::v4([0; 4]), 16);
        assert_eq!(met, Some((DeviceKey::Mac(mac(last)), Pair::Known)));
    }
    assert_eq!(owner(&inventory, Ip::v4([0; 4])), None);
    assert!(inventory.devices().iter().all(|device| device.ips.is_empty()));
}

#[test]
fn without_link_addresses_devices_are_named_by_ip() {
    let mut inventory = Inventory::default();
    assert_eq!(send(&mut inventory, Mac::NONE, ip(1), 64), Some((DeviceKey::Ip(ip(1)), Pair::Routed)));
}

#[test]
fn made_up_sources_behind_a_router_are_no_devices_until_they_are_answered() {
    let mut inventory = Inventory::default();
    let alleged = Sender { standing: Standing::Alleged, ..sender(ROUTER, ip(1), 50) };
    assert_eq!(inventory.sender(&alleged), None);
    assert!(inventory.sender(&sender(ROUTER, ip(1), 50)).is_some());
    assert!(inventory.sender(&alleged).is_some(), "it is known by now");
}

#[test]
fn a_locally_administered_address_names_a_device_but_no_vendor() {
    let mut inventory = Inventory::default();
    let random = Mac([0x02, 0x50, 0x56, 1, 2, 3]);
    send(&mut inventory, random, ip(1), 64);
    let device = &inventory.devices()[0];
    assert_eq!((device.key, device.identity.evidence().len()), (DeviceKey::Mac(random), 0));
    send(&mut inventory, mac(7), ip(2), 64);
    let vendor = inventory.devices()[1].identity.values("vendor");
    assert_eq!(vendor.first().map(|claim| claim.value.as_str()), Some("VMware"));
}

#[test]
fn a_flood_of_addresses_stays_within_its_bounds_and_is_counted() {
    let mut inventory = Inventory::default();
    let count = u32::try_from(DEVICES).unwrap() + 1000;
    for index in 0..count {
        let [_, a, b, c] = index.to_be_bytes();
        let mac = Mac([2, 9, 9, a, b, c]);
        for last in 0..2u8 {
            inventory.sender(&sender(mac, Ip::v4([10 + last, a, b, c]), 64));
        }
        inventory.routes(Mac([2, 8, 8, a, b, c]));
        inventory.claim(mac, Ip::v4([20, a, b, c]), Timestamp(1));
    }
    check(&inventory);
    assert!(inventory.overflows > 1000);
    assert!(inventory.bindings.len() <= 4 * DEVICES + DEVICES);
}

#[derive(Clone, Debug)]
enum Step {
    Frame(u8, u8, u8),
    Claim(u8, u8),
    Routes(u8),
}

proptest! {
    #[test]
    fn addresses_and_devices_agree_whatever_comes(
        steps in prop::collection::vec(
            prop_oneof![
                6 => (0u8..8, 0u8..14, prop::sample::select(vec![64u8, 63, 1, 255, 0]))
                    .prop_map(|(mac, ip, ttl)| Step::Frame(mac, ip, ttl)),
                2 => (0u8..8, 0u8..14).prop_map(|(mac, ip)| Step::Claim(mac, ip)),
                1 => (0u8..8).prop_map(Step::Routes),
            ],
            0..200,
        ),
    ) {
        let address = |number: u8| if number < 10 { ip(number) } else { v6(if number < 12 { 0xfe } else { 0xfd }, number) };
        let mut inventory = Inventory::default();
        for (second, step) in (1u64..).zip(steps) {
            match step {
                Step::Frame(from, number, ttl) => {
                    let at = Timestamp(second * 7 * SECOND);
                    let met = inventory.sender(&Sender { at, ..sender(mac(from), address(number), ttl) });
                    if let Some(met) = met {
                        let current = inventory.current(met.device, address(number));
                        prop_assert_eq!(current, met.device, "what was just met is up to date");
                    }
                }
                Step::Claim(from, number) => {
                    inventory.claim(mac(from), address(number), Timestamp(second * 7 * SECOND));
                    prop_assert_eq!(inventory.bound_mac(address(number)), Some(mac(from)));
                }
                Step::Routes(from) => inventory.routes(mac(from)),
            }
            check(&inventory);
        }
    }
}
