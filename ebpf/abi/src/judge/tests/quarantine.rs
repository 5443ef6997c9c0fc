//! A device that was cut off is silent with the next frame, whatever the policy is, and heard again when it is released.

use super::{
    ACK, HTTPS, PUMP, SERVER, STRANGER, SYN, at, cell, counted, facts, mac, packet, see, segment, tcp, udp,
    world,
};
use crate::address::{DeviceKey, Ip, Mac};
use crate::headers::{Headers, ether_type, protocol};
use crate::judge::{Builtin, Event, Fate, Reason, judge};
use crate::state::State;
use crate::table::{Action, Full, Mode, Server};

fn pump_mac() -> DeviceKey {
    DeviceKey::Mac(mac(PUMP))
}

fn pump_ip() -> DeviceKey {
    DeviceKey::Ip(Ip::v4(PUMP))
}

fn request() -> Headers {
    tcp(ACK, (PUMP, 50_000), (SERVER, 443))
}

fn reply() -> Headers {
    tcp(ACK, (SERVER, 443), (PUMP, 50_000))
}

/// A world with a connection of the pump.
fn connected(mode: Mode) -> Box<State> {
    let state = world(mode);
    for headers in [tcp(SYN, (PUMP, 50_000), (SERVER, 443)), reply(), request()] {
        assert_eq!(see(&state, &headers).verdict.action, Action::Allow);
    }
    state
}

fn link(ether_type: u16, dst_mac: Mac) -> Headers {
    Headers { src_mac: mac(PUMP), dst_mac, ether_type, ..Headers::default() }
}

#[test]
fn the_next_frame_of_an_open_connection_is_dropped_both_ways_in_every_mode() {
    for mode in [Mode::Observe, Mode::Alert, Mode::Enforce] {
        for device in [pump_mac(), pump_ip()] {
            let state = connected(mode);
            let generation = state.generation();
            state.quarantine(&[device]).unwrap();
            assert_eq!(state.generation(), generation + 2, "one publication");
            for headers in [request(), reply()] {
                let judged = see(&state, &headers);
                assert_eq!(
                    facts(judged.verdict),
                    (Action::Deny, Reason::Quarantine, 0),
                    "{mode:?} {device:?}"
                );
                assert_eq!((judged.verdict.fate(), judged.event), (Fate::Drop, Some(Event::Denied)));
                let again = see(&state, &headers);
                assert_eq!((again.verdict, again.event), (judged.verdict, None), "told once");
            }
            let counters = counted(&state);
            assert_eq!((counters.quarantined().packets, counters.rule(None).packets), (4, 0));
            assert_eq!(counters.pair(segment(1), segment(2)).denied, 0, "no denial of the policy");
        }
    }
}

#[test]
fn a_released_device_goes_on_where_it_was() {
    let state = connected(Mode::Enforce);
    state.quarantine(&[pump_mac(), pump_ip()]).unwrap();
    for headers in [request(), reply()] {
        assert_eq!(see(&state, &headers).verdict.fate(), Fate::Drop);
    }
    state.release(&[pump_mac()]);
    assert_eq!(see(&state, &request()).verdict.reason, Reason::Quarantine, "its IP address still is");
    state.release(&[pump_ip()]);
    assert!(!state.is_quarantined(pump_ip()) && !state.is_quarantined(pump_mac()));
    // The side that answers comes first; what it answers is found by its own direction.
    assert_eq!(facts(see(&state, &reply()).verdict), (Action::Allow, Reason::Reply, 7));
    assert_eq!(see(&state, &request()).verdict.action, Action::Allow);
}

#[test]
fn a_quarantine_outlasts_a_swap_of_policies() {
    let state = world(Mode::Enforce);
    state.quarantine(&[pump_mac()]).unwrap();
    let next = state.idle();
    next.tables.copy_from(state.tables());
    state.swap();
    assert_eq!(see(&state, &request()).verdict.reason, Reason::Quarantine);
}

#[test]
fn what_keeps_a_device_on_its_link_passes_and_nothing_else_of_it() {
    let state = world(Mode::Enforce);
    state.quarantine(&[pump_mac()]).unwrap();
    let everybody = Mac([0xff; 6]);
    let icmpv6 = |kind| Headers {
        ether_type: ether_type::IPV6,
        ttl: 255,
        ..packet(protocol::ICMPV6, (PUMP, kind), (SERVER, 0))
    };
    let passing = [
        (link(ether_type::ARP, everybody), Builtin::Arp),
        (link(ether_type::EAPOL, Mac([1, 0x80, 0xc2, 0, 0, 3])), Builtin::Eapol),
        (icmpv6(133), Builtin::NeighborDiscovery),
        (icmpv6(135), Builtin::NeighborDiscovery),
        (udp((PUMP, 68), (SERVER, 67)), Builtin::Dhcp),
        (udp((SERVER, 67), (PUMP, 68)), Builtin::Dhcp),
    ];
    for (headers, builtin) in passing {
        assert_eq!(see(&state, &headers).verdict.reason, Reason::Builtin(builtin), "{headers:?}");
    }
    let denied = [
        link(ether_type::LLDP, Mac([1, 0x80, 0xc2, 0, 0, 14])),
        link(38, Mac([1, 0x80, 0xc2, 0, 0, 0])),
        link(0x8892, mac(SERVER)),
        packet(protocol::IGMP, (PUMP, 0), ([224, 0, 0, 22], 0)),
        udp((PUMP, 5353), ([224, 0, 0, 251], 5353)),
        // As a server it would speak for the network.
        udp((PUMP, 67), (SERVER, 68)),
        icmpv6(134),
        Headers { network_end: 0, ..packet(protocol::TCP, (PUMP, 1), (SERVER, 443)) },
    ];
    for headers in denied {
        let judged = see(&state, &headers);
        assert_eq!(
            (judged.verdict.reason, judged.verdict.fate()),
            (Reason::Quarantine, Fate::Drop),
            "{headers:?}"
        );
    }
    state.set_quarantine_allowances(&[Builtin::Lldp]);
    assert_eq!(see(&state, &link(ether_type::ARP, everybody)).verdict.reason, Reason::Quarantine);
    assert_eq!(see(&state, &denied[0]).verdict.reason, Reason::Builtin(Builtin::Lldp));
}

#[test]
fn with_a_refuge_the_policy_decides_and_with_nobody_else() {
    let state = world(Mode::Enforce);
    state.tables().set_refuge(segment(2).unwrap());
    state.quarantine(&[pump_mac()]).unwrap();
    assert_eq!(
        facts(see(&state, &tcp(SYN, (PUMP, 1), (SERVER, 443))).verdict),
        (Action::Allow, Reason::Rule, 7)
    );
    assert_eq!(see(&state, &tcp(ACK, (SERVER, 443), (PUMP, 1))).verdict.reason, Reason::Reply);
    assert_eq!(see(&state, &tcp(SYN, (PUMP, 1), (SERVER, 22))).verdict.reason, Reason::Default);
    assert_eq!(see(&state, &tcp(SYN, (PUMP, 1), (STRANGER, 443))).verdict.reason, Reason::Quarantine);
    // A server of the refuge that is itself in quarantine is no refuge.
    state.quarantine(&[DeviceKey::Ip(Ip::v4(SERVER))]).unwrap();
    assert_eq!(see(&state, &tcp(SYN, (PUMP, 1), (SERVER, 443))).verdict.reason, Reason::Quarantine);
}

#[test]
fn what_a_device_in_quarantine_asked_has_no_answer_by_another_way() {
    let state = world(Mode::Enforce);
    let question = udp((PUMP, 50_000), (SERVER, 443));
    assert_eq!(see(&state, &question).verdict.action, Action::Allow);
    state.quarantine(&[pump_mac()]).unwrap();
    // The reply takes a router, whose address is none of the pump's.
    let astray = Headers { dst_mac: mac([10, 2, 0, 1]), ..udp((SERVER, 443), (PUMP, 50_000)) };
    assert_eq!(facts(see(&state, &astray).verdict), (Action::Deny, Reason::Default, 0));
    // That must not have brought the pump's own entry up to date.
    assert_eq!(see(&state, &question).verdict.reason, Reason::Quarantine);
}

#[test]
fn a_quarantine_holds_on_while_nobody_attends() {
    let state = connected(Mode::Enforce);
    state.tables().set_failure(segment(1), crate::table::Failure::Open);
    state.quarantine(&[pump_mac()]).unwrap();
    state.set_deadline(Some(at(0)));
    assert_eq!(judge(&state, &request(), 100, at(5)).verdict.reason, Reason::Quarantine);
}

#[test]
fn addresses_of_groups_and_of_nobody_are_left_out_and_a_full_table_says_so() {
    let state = world(Mode::Enforce);
    let nobody = [DeviceKey::Mac(Mac([0xff; 6])), DeviceKey::Mac(Mac::NONE), DeviceKey::Ip(Ip::NONE)];
    state.quarantine(&nobody).unwrap();
    assert!(nobody.iter().all(|&key| !state.is_quarantined(key)) && !state.has_quarantine());
    let number = |n: u32| DeviceKey::Ip(Ip::v4(n.to_be_bytes()));
    let half: Vec<_> = (1..=1024).map(|n| number(0x0a00_0000 + n)).collect();
    state.quarantine(&half).unwrap();
    state.quarantine(&half).unwrap();
    assert!(half.iter().all(|&key| state.is_quarantined(key)));
    let many: Vec<_> = (1..=4096).map(|n| number(0x0b00_0000 + n)).collect();
    assert_eq!(state.quarantine(&many), Err(Full::Quarantine));
    assert!(
        many.iter().filter(|key| state.is_quarantined(**key)).count() > 512,
        "as many as there is room for"
    );
    state.release(&half);
    state.release(&many);
    assert!(!state.has_quarantine());
}

#[test]
fn trust_in_a_server_is_no_excuse_in_quarantine() {
    let state = world(Mode::Enforce);
    state.tables().trust(segment(1).unwrap(), Server::Dhcp);
    state.tables().guard(Server::Dhcp, Mode::Enforce);
    state.tables().set_refuge(segment(2).unwrap());
    state.tables().set_cell(2, HTTPS, cell(7, Action::Allow, Mode::Enforce)).unwrap();
    state.quarantine(&[pump_mac()]).unwrap();
    assert_eq!(see(&state, &udp((PUMP, 67), (SERVER, 68))).verdict.reason, Reason::Quarantine);
}
