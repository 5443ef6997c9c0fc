//! Who may be a DHCP server or a router, once the policy names some.

use super::{PUMP, SERVER, mac, packet, see, segment, udp, world};
use crate::address::{Ip, Mac};
use crate::headers::{Headers, ether_type, protocol};
use crate::judge::{Builtin, Event, Fate, Reason};
use crate::state::PlacedBy;
use crate::table::{Action, Mode, Server};

fn offer(from: [u8; 4]) -> Headers {
    Headers { dst_mac: Mac([0xff; 6]), ..udp((from, 67), ([255; 4], 68)) }
}

/// A router advertisement, from a link-local address.
fn advertisement(src_mac: Mac) -> Headers {
    Headers {
        src_mac,
        ether_type: ether_type::IPV6,
        ttl: 255,
        src: Ip([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        dst: Ip([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ..packet(protocol::ICMPV6, (SERVER, 134), (PUMP, 0))
    }
}

#[test]
fn where_no_server_is_named_every_server_is_heard() {
    let state = world(Mode::Enforce);
    assert_eq!(see(&state, &offer(PUMP)).verdict.reason, Reason::Builtin(Builtin::Dhcp));
    let advertised = see(&state, &advertisement(mac(PUMP))).verdict;
    assert_eq!(advertised.reason, Reason::Builtin(Builtin::NeighborDiscovery));
}

#[test]
fn a_dhcp_server_that_is_not_trusted_is_denied_in_the_mode_of_the_guard() {
    for (mode, fate) in [(Mode::Observe, Fate::Pass), (Mode::Alert, Fate::Pass), (Mode::Enforce, Fate::Drop)]
    {
        let state = world(Mode::Enforce);
        state.tables().trust(segment(2).unwrap(), Server::Dhcp);
        state.tables().guard(Server::Dhcp, mode);
        state.publish();
        let rogue = see(&state, &offer(PUMP));
        assert_eq!((rogue.verdict.reason, rogue.verdict.action), (Reason::RogueServer, Action::Deny));
        assert_eq!((rogue.verdict.fate(), rogue.event), (fate, Some(Event::Denied)));
        assert_eq!(see(&state, &offer(SERVER)).verdict.reason, Reason::Builtin(Builtin::Dhcp));
        // Clients need no trust, and a router is not asked for by this guard.
        assert_eq!(see(&state, &udp((PUMP, 68), ([255; 4], 67))).verdict.fate(), Fate::Pass);
        assert_eq!(see(&state, &advertisement(mac(PUMP))).verdict.fate(), Fate::Pass);
        let dropped = u64::from(fate == Fate::Drop);
        let pair = state.counters.pair(segment(1), segment(1));
        assert_eq!((pair.denied, pair.dropped), (1, dropped));
        assert_eq!((state.counters.rogue_servers().packets, state.counters.rule(None).packets), (1, 0));
        assert_eq!(state.counters.builtin(Builtin::Dhcp).packets, 2);
    }
}

#[test]
fn a_router_is_known_by_the_mac_address_that_the_policy_names() {
    let state = world(Mode::Enforce);
    let [router, other] = [Mac([2, 0, 0, 0, 9, 9]), Mac([2, 0, 0, 0, 9, 8])];
    let named = segment(3).unwrap();
    state.identities().place_mac(router, named, PlacedBy::Policy).unwrap();
    state.identities().mark_router(router).unwrap();
    state.tables().trust(named, Server::Router);
    state.tables().guard(Server::Router, Mode::Enforce);
    state.publish();
    assert_eq!(
        see(&state, &advertisement(router)).verdict.reason,
        Reason::Builtin(Builtin::NeighborDiscovery)
    );
    assert_eq!(see(&state, &advertisement(other)).verdict.reason, Reason::RogueServer);
    // A segment that a class gives is no name.
    state.identities().place_mac(other, named, PlacedBy::Class).unwrap();
    state.identities().mark_router(other).unwrap();
    assert_eq!(see(&state, &advertisement(other)).verdict.reason, Reason::RogueServer);
    let solicitation = Headers { src_port: 133, ..advertisement(other) };
    assert_eq!(see(&state, &solicitation).verdict.fate(), Fate::Pass);
    // One that was not sent on this link is no advertisement (RFC 4861 section 6.1.2).
    let passed_on = Headers { ttl: 254, ..advertisement(router) };
    assert!(!matches!(see(&state, &passed_on).verdict.reason, Reason::Builtin(_)));
}
