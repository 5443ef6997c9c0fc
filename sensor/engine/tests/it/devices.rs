//! Devices as the rows name them: routers, spoofed sources, addresses that move.

use crate::run::run;
use abi::address::{DeviceKey, Ip, Mac};
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::{Envelope, Host};
use fixtures::traffic::attacks::{arp_exchange, arp_spoof, spoofed_syn_flood};
use fixtures::traffic::{Closing, Conversation};

const ROUTER: [u8; 6] = [0x00, 0x0c, 0x29, 0, 0, 0xee];

/// A station behind the router: its own address, the router's card.
fn behind(number: u16) -> Host {
    Host { mac: ROUTER, ..Host::numbered(number) }
}

/// A datagram of a station; those of one flow differ in their identification, as a sender's do.
fn datagram(from: Host, to: Host, ttl: u8, at: u64) -> Frame {
    let ports = if from.mac == ROUTER { (5000, 5001) } else { (5001, 5000) };
    let id = u32::try_from(at / 1000 % 65_535).unwrap();
    Frame { at, bytes: Envelope::between(from, to).ttl(ttl).id(id).udp(ports, b"x") }
}

#[test]
fn routed_devices_are_named_by_ip_and_say_their_gateway() {
    let local = Host::numbered(1);
    let mut frames = Vec::new();
    for number in 10..30 {
        let at = START + u64::from(number) * 1_000_000;
        frames.push(datagram(behind(number), local, 62, at));
        frames.push(datagram(local, behind(number), 64, at + 1000));
        frames.push(datagram(behind(number), local, 62, at + 2000));
    }
    let outcome = run(&frames);
    let devices = &outcome.finished.devices;
    assert_eq!(devices.len(), 21);
    let routed: Vec<_> = devices.iter().filter(|device| device.behind_gateway.is_some()).collect();
    assert_eq!(routed.len(), 20);
    assert!(routed.iter().all(|device| device.behind_gateway == Some(DeviceKey::Mac(Mac(ROUTER)))));
    assert_eq!(outcome.flows[0].client.device, DeviceKey::Ip(Ip::from(Host::numbered(10).ip)));
}

#[test]
fn rows_of_flows_that_began_before_a_router_was_known_name_the_right_device() {
    // The mirror sits where the time to live is still whole: only the number of addresses gives the router away.
    let local = Host::numbered(1);
    let mut frames = Vec::new();
    for number in 10..30 {
        let at = START + u64::from(number) * 1_000_000;
        for turn in 0..3 {
            frames.push(datagram(behind(number), local, 64, at + turn * 2000));
            frames.push(datagram(local, behind(number), 64, at + turn * 2000 + 1000));
        }
    }
    let outcome = run(&frames);
    for flow in &outcome.flows {
        assert_eq!(flow.client.device, DeviceKey::Ip(flow.client.ip));
        assert_eq!(flow.server.device, DeviceKey::Mac(Mac(local.mac)));
    }
    assert_eq!(outcome.finished.devices.len(), 22, "twenty, the local one, and the router");
}

#[test]
fn a_device_is_last_seen_with_its_last_frame_not_with_the_beginning_of_its_last_flow() {
    let frames = Conversation::between(Host::numbered(1), Host::numbered(2))
        .client_says(&vec![1; 50_000])
        .gap(1_000_000_000)
        .closing(Closing::Open)
        .frames();
    let last = |mac: [u8; 6]| frames.iter().rev().find(|frame| frame.bytes[6..12] == mac).unwrap().at;
    let outcome = run(&frames);
    for device in &outcome.finished.devices {
        assert_eq!(device.last_seen.0, last(device.mac[0].0));
    }
}

#[test]
fn multicast_with_a_short_reach_makes_nobody_a_router() {
    let group = Host { mac: [0x01, 0, 0x5e, 0x7f, 0xff, 0xfa], ip: "239.255.255.250".parse().unwrap() };
    let mut frames = Vec::new();
    for number in 1..10 {
        let from = Host::numbered(number);
        for (turn, ttl) in [2, 4, 16].into_iter().enumerate() {
            frames.push(datagram(from, group, ttl, START + u64::from(number) * 100_000 + turn as u64 * 1000));
        }
    }
    let outcome = run(&frames);
    assert_eq!(outcome.finished.devices.len(), 9);
    assert!(outcome.finished.devices.iter().all(|device| matches!(device.device, DeviceKey::Mac(_))));
}

#[test]
fn spoofed_sources_are_no_devices_and_no_growth() {
    let (attacker, target) = (Host::numbered(66), Host::numbered(1));
    let outcome = run(&spoofed_syn_flood(attacker, target, 104, 37_000, 1));
    assert!(outcome.flows.len() >= 36_900, "{}", outcome.flows.len());
    assert!(outcome.finished.devices.len() < 10, "{}", outcome.finished.devices.len());
}

#[test]
fn an_arp_lie_is_told_before_it_is_believed_and_the_owner_wins_back() {
    let (a, b, attacker) = (Host::numbered(1), Host::numbered(2), Host::numbered(66));
    let captures = vec![
        arp_exchange(a, b, START),
        Conversation::between(a, b).starting(START + 1_000_000).client_says(b"hello").frames(),
        arp_spoof(attacker, (a, b), 5, START + 10_000_000_000),
        arp_exchange(a, b, START + 30_000_000_000),
        arp_exchange(b, a, START + 31_000_000_000),
        Conversation::between(a, b)
            .ports(49_999, 80)
            .starting(START + 40_000_000_000)
            .client_says(b"hello")
            .frames(),
    ];
    let outcome = run(&by_time(captures));
    for flow in &outcome.flows {
        assert_eq!(flow.client.device, DeviceKey::Mac(Mac(a.mac)));
        assert_eq!(flow.server.device, DeviceKey::Mac(Mac(b.mac)));
    }
    assert_eq!(outcome.finished.devices.len(), 3);
}

#[test]
fn a_router_that_answers_arp_for_others_does_not_become_them() {
    let (local, remote) = (Host::numbered(1), behind(10));
    let router = behind(20);
    let mut frames = Vec::new();
    for turn in 0..3 {
        frames.push(datagram(remote, local, 62, START + turn * 1_000_000));
        frames.push(datagram(local, remote, 64, START + turn * 1_000_000 + 1_000));
    }
    // It answers for the remote one (RFC 1027), and asks with an address of its own.
    frames.extend(arp_exchange(local, remote, START + 10_000_000));
    frames.extend(arp_exchange(router, local, START + 20_000_000));
    let outcome = run(&frames);
    let keys: Vec<DeviceKey> = outcome.finished.devices.iter().map(|device| device.device).collect();
    let mac = |host: Host| DeviceKey::Mac(Mac(host.mac));
    let mut expected = vec![mac(local), mac(router), DeviceKey::Ip(Ip::from(remote.ip))];
    expected.sort();
    assert_eq!(keys, expected);
    let device = outcome.finished.devices.iter().find(|device| device.device == mac(router)).unwrap();
    assert_eq!(device.ip, [Ip::from(router.ip)]);
}

#[test]
fn the_target_of_a_probe_that_never_answers_is_no_device() {
    let outcome = run(&[datagram(Host::numbered(1), Host::numbered(2), 64, START)]);
    assert_eq!(outcome.finished.devices.len(), 1);
    let server = outcome.flows[0].server;
    assert_eq!(server.device, DeviceKey::Ip(Ip::from(Host::numbered(2).ip)));
}
