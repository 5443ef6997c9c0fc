//! What every network needs is allowed by name; what only resembles it is not.

use super::{PUMP, SERVER, mac, packet, see, udp, world};
use crate::address::Mac;
use crate::headers::{Headers, ether_type, protocol};
use crate::judge::{Builtin, Fate, Reason};
use crate::table::{Action, Mode};

fn link(ether_type: u16, dst_mac: Mac) -> Headers {
    Headers { src_mac: mac(PUMP), dst_mac, ether_type, ..Headers::default() }
}

fn icmpv6(kind: u16, ttl: u8) -> Headers {
    Headers { ether_type: ether_type::IPV6, ttl, ..packet(protocol::ICMPV6, (PUMP, kind), (SERVER, 0)) }
}

fn dhcpv6(src_port: u16, dst_port: u16) -> Headers {
    Headers { ether_type: ether_type::IPV6, ..udp((PUMP, src_port), (SERVER, dst_port)) }
}

#[test]
fn each_allowance_has_its_name_and_its_counter() {
    let bridge = Mac([1, 0x80, 0xc2, 0, 0, 0]);
    let cases = [
        (link(ether_type::ARP, Mac([0xff; 6])), Builtin::Arp),
        (link(ether_type::EAPOL, Mac([1, 0x80, 0xc2, 0, 0, 3])), Builtin::Eapol),
        (link(ether_type::LLDP, Mac([1, 0x80, 0xc2, 0, 0, 14])), Builtin::Lldp),
        (link(38, bridge), Builtin::Bridge),
        (link(0x8809, Mac([1, 0x80, 0xc2, 0, 0, 2])), Builtin::Bridge),
        (link(38, mac(SERVER)), Builtin::NonIp),
        (link(0x8892, mac(SERVER)), Builtin::NonIp),
        (icmpv6(133, 255), Builtin::NeighborDiscovery),
        (icmpv6(134, 255), Builtin::NeighborDiscovery),
        (icmpv6(135, 255), Builtin::NeighborDiscovery),
        (icmpv6(136, 255), Builtin::NeighborDiscovery),
        (icmpv6(143, 1), Builtin::Mld),
        (icmpv6(130, 1), Builtin::Mld),
        (packet(protocol::IGMP, (PUMP, 0), ([224, 0, 0, 22], 0)), Builtin::Igmp),
        (udp(([0, 0, 0, 0], 68), ([255, 255, 255, 255], 67)), Builtin::Dhcp),
        (udp((SERVER, 67), (PUMP, 68)), Builtin::Dhcp),
        (dhcpv6(546, 547), Builtin::Dhcpv6),
        (dhcpv6(547, 546), Builtin::Dhcpv6),
    ];
    let state = world(Mode::Enforce);
    let mut counted = [0; Builtin::ALL.len()];
    for (headers, builtin) in cases {
        let judged = see(&state, &headers);
        assert_eq!(judged.verdict.reason, Reason::Builtin(builtin));
        assert_eq!((judged.verdict.fate(), judged.event), (Fate::Pass, None));
        counted[builtin as usize] += 1;
    }
    assert_eq!(Builtin::ALL.map(|builtin| state.counters.builtin(builtin).packets), counted);
    assert!(counted.iter().all(|count| *count > 0), "every allowance was tried");
    assert!(state.counters.all_pairs().all(|pair| pair.allowed == 0) && state.flows.is_empty());
}

#[test]
fn the_names_stand_in_the_order_of_their_numbers() {
    for (number, builtin) in Builtin::ALL.into_iter().enumerate() {
        assert_eq!(builtin as usize, number);
    }
}

#[test]
fn what_only_resembles_an_allowance_is_judged() {
    let cases = [
        packet(protocol::TCP, (PUMP, 68), (SERVER, 67)),
        udp((PUMP, 67), (SERVER, 67)),
        udp((PUMP, 68), (SERVER, 53)),
        udp((PUMP, 546), (SERVER, 547)),
        icmpv6(135, 64),
        icmpv6(143, 64),
        icmpv6(128, 255),
        Headers { ether_type: ether_type::IPV4, ..icmpv6(135, 255) },
        Headers { ether_type: ether_type::IPV4, ..icmpv6(143, 1) },
        Headers { ether_type: ether_type::IPV6, ..packet(protocol::IGMP, (PUMP, 0), (SERVER, 0)) },
        Headers { network_end: 0, ..packet(protocol::IGMP, (PUMP, 0), (SERVER, 0)) },
    ];
    let state = world(Mode::Enforce);
    for headers in cases {
        let judged = see(&state, &headers);
        assert_eq!((judged.verdict.action, judged.verdict.fate()), (Action::Deny, Fate::Drop), "{headers:?}");
    }
}

#[test]
fn ip_that_cannot_be_read_is_judged_by_what_is_known_of_its_place() {
    let state = world(Mode::Enforce);
    let vlans = [(5, 1), (6, 2)];
    for (vlan, number) in vlans {
        state.identities().place_vlan(vlan, super::segment(number).unwrap());
    }
    for ether_type in [ether_type::IPV4, ether_type::IPV6, ether_type::VLAN] {
        let headers = Headers { vlan: [5, 0], ..link(ether_type, mac(SERVER)) };
        let judged = see(&state, &headers);
        assert_eq!((judged.verdict.action, judged.verdict.reason), (Action::Deny, Reason::Unreadable));
        assert_eq!((judged.verdict.from, judged.verdict.to), (super::segment(1), super::segment(1)));
    }
    assert_eq!(state.counters.unreadable.load(), 3);
}
