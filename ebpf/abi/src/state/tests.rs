//! Identities against linear scans, the bounds of every table, and the packed verdict.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::packed::{PackedVerdict, reason};
use super::{ADDRESS_SLOTS, Identities, MAC_SLOTS, PlacedBy, State, V4_BLOCKS, V6_LENGTHS};
use crate::address::{Ip, Mac, Timestamp};
use crate::judge::{Builtin, Direction, Fate, Reason, Verdict};
use crate::table::{Access, Action, Cell, Full, Mode, PackedCell, RuleId, SegmentId, ServiceClass};

fn segment(number: u8) -> SegmentId {
    SegmentId::new(number).unwrap()
}

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([2, 0, a, b, c, d])
}

fn v4(number: u32) -> Ip {
    Ip::v4(number.to_be_bytes())
}

fn find(identities: &Identities, ip: Ip) -> Option<u8> {
    identities.segment_of(Mac::NONE, ip, [0, 0]).map(|segment| segment.0.get())
}

#[test]
fn a_device_is_placed_by_mac_then_prefix_then_vlan_then_class() {
    let state = State::boxed();
    let ids = state.identities();
    let (device, ip, vlan) = (mac(1), v4(0x0a01_0203), [30, 0]);
    let place = |ids: &Identities| ids.segment_of(device, ip, vlan).map(|segment| segment.0.get());
    assert_eq!(place(ids), None);
    ids.place_mac(device, segment(1), PlacedBy::Class).unwrap();
    assert_eq!(place(ids), Some(1));
    ids.place_address(ip, segment(2)).unwrap();
    assert_eq!(place(ids), Some(2));
    ids.place_vlan(30, segment(3));
    assert_eq!(place(ids), Some(3));
    ids.place_prefix(v4(0x0a01_0000), 16, segment(4)).unwrap();
    assert_eq!(place(ids), Some(4));
    ids.place_mac(device, segment(5), PlacedBy::Policy).unwrap();
    assert_eq!(place(ids), Some(5));
    ids.place_mac(device, segment(6), PlacedBy::Class).unwrap();
    assert_eq!(place(ids), Some(5), "a class does not undo what the policy names");
    ids.forget_mac(device);
    ids.forget_address(ip);
    assert_eq!(place(ids), Some(4));
    ids.forget_segments();
    assert_eq!(place(ids), None);
}

#[test]
fn behind_a_router_only_the_address_places_a_device() {
    let state = State::boxed();
    let ids = state.identities();
    ids.place_mac(mac(1), segment(1), PlacedBy::Policy).unwrap();
    ids.place_vlan(30, segment(3));
    ids.mark_router(mac(1)).unwrap();
    assert!(ids.is_router(mac(1)) && !ids.is_router(mac(2)));
    let remote = v4(0x0808_0808);
    assert_eq!(ids.segment_of(mac(1), remote, [30, 0]), None);
    ids.place_address(remote, segment(2)).unwrap();
    assert_eq!(ids.segment_of(mac(1), remote, [30, 0]), Some(segment(2)));
    ids.forget_segments();
    assert!(ids.is_router(mac(1)), "that is a fact, not a policy");
    assert_eq!(ids.segment_of(mac(1), remote, [30, 0]), None);
}

#[test]
fn a_routed_prefix_places_by_address_alone_and_goes_with_its_policy() {
    let state = State::boxed();
    let ids = state.identities();
    ids.place_mac(mac(1), segment(1), PlacedBy::Policy).unwrap();
    ids.place_vlan(30, segment(3));
    let six = Ip([0xfd, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let four = v4(0x0a01_0203);
    ids.route_prefix(v4(0x0a01_0200), 28).unwrap();
    ids.route_prefix(six, 48).unwrap();
    ids.declare_router(mac(2)).unwrap();
    for ip in [four, six] {
        assert_eq!(ids.segment_of(mac(1), ip, [30, 0]), None, "{ip}");
        ids.place_address(ip, segment(2)).unwrap();
        assert_eq!(ids.segment_of(mac(1), ip, [30, 0]), Some(segment(2)), "{ip}");
        ids.place_prefix(ip, 12, segment(4)).unwrap();
        assert_eq!(ids.segment_of(mac(1), ip, [30, 0]), Some(segment(4)), "{ip}");
    }
    assert_eq!(ids.segment_of(mac(1), v4(0x0a01_0210), [30, 0]), Some(segment(1)), "outside the prefix");
    assert!(ids.is_router(mac(2)));
    let next = &state.idle().identities;
    next.take_routers(ids);
    assert!(!next.is_router(mac(2)), "it was said by the policy alone");
    next.place_mac(mac(1), segment(1), PlacedBy::Policy).unwrap();
    assert_eq!([four, six].map(|ip| next.segment_of(mac(1), ip, [0, 0])), [Some(segment(1)); 2]);
}

#[test]
fn the_inner_vlan_decides_where_it_is_placed() {
    let state = State::boxed();
    state.identities().place_vlan(100, segment(1));
    state.identities().place_vlan(5, segment(2));
    let place =
        |vlan| state.identities().segment_of(Mac::NONE, Ip::NONE, vlan).map(|segment| segment.0.get());
    assert_eq!(
        [place([100, 5]), place([100, 6]), place([5, 0]), place([7, 0])],
        [Some(2), Some(1), Some(2), None]
    );
}

#[test]
fn half_of_the_mac_slots_can_be_used_and_a_full_table_says_so() {
    let state = State::boxed();
    let many = u32::try_from(MAC_SLOTS / 2).unwrap();
    for number in 0..many {
        state.identities().place_mac(mac(number), segment(7), PlacedBy::Policy).unwrap();
    }
    assert!((0..many).all(|number| state.identities().segment_of(mac(number), Ip::NONE, [0, 0]).is_some()));
    assert_eq!(state.identities().segment_of(mac(many), Ip::NONE, [0, 0]), None);
    let placed = (many..100_000)
        .filter(|&n| state.identities().place_mac(mac(n), segment(8), PlacedBy::Class).is_ok())
        .count();
    assert!(placed < MAC_SLOTS / 2 + 1 && placed > 0);
    assert_eq!(
        state.identities().place_mac(mac(0), segment(9), PlacedBy::Policy),
        Ok(()),
        "known ones still change"
    );
}

#[test]
fn half_of_the_address_slots_can_be_used_and_a_full_table_says_so() {
    let state = State::boxed();
    let many = u32::try_from(ADDRESS_SLOTS / 2).unwrap();
    for number in 0..many {
        state.identities().place_address(v4(number), segment(7)).unwrap();
    }
    assert!((0..many).all(|number| find(state.identities(), v4(number)) == Some(7)));
    let full =
        (many..100_000).find_map(|number| state.identities().place_address(v4(number), segment(8)).err());
    assert_eq!(full, Some(Full::Addresses));
}

#[test]
fn hosts_in_more_networks_than_there_are_blocks_are_refused() {
    let state = State::boxed();
    let placed = (0..5000_u32)
        .take_while(|n| state.identities().place_prefix(v4(0x0a00_0001 + (n << 8)), 32, segment(1)).is_ok())
        .count();
    assert!(placed > V4_BLOCKS - 32 && placed < V4_BLOCKS, "{placed}");
    assert_eq!(find(state.identities(), v4(0x0a00_0001)), Some(1));
    assert_eq!(find(state.identities(), v4(0x0a00_0002)), None);
    state.identities().forget_segments();
    assert_eq!(find(state.identities(), v4(0x0a00_0001)), None);
    assert_eq!(state.identities().place_prefix(v4(0x0a00_0001), 32, segment(2)), Ok(()));
}

#[test]
fn ipv6_prefixes_of_too_many_lengths_are_refused() {
    let state = State::boxed();
    let ip = Ip([0x20; 16]);
    let placed =
        (1..=128).filter(|&len| state.identities().place_prefix(ip, len, segment(len)).is_ok()).count();
    assert_eq!(placed, V6_LENGTHS);
    assert_eq!(find(state.identities(), ip).map(usize::from), Some(V6_LENGTHS));
    assert_eq!(state.identities().place_prefix(ip, 200, segment(1)), Err(Full::Prefixes));
}

#[test]
fn the_unspecified_address_is_in_no_prefix() {
    let state = State::boxed();
    state.identities().place_prefix(Ip([0; 16]), 0, segment(1)).unwrap();
    assert_eq!(find(state.identities(), Ip::NONE), None);
    assert_eq!(find(state.identities(), Ip([1; 16])), Some(1));
}

#[test]
fn a_packed_decision_is_what_the_cell_says() {
    for (rule, from, to, reason) in [
        (4711, 250, 0, Reason::Rule),
        (0, 1, 2, Reason::Default),
        (0, 1, 0, Reason::Unassigned),
        (0, 0, 2, Reason::Unassigned),
    ] {
        for action in [Action::Allow, Action::Deny] {
            for mode in [Mode::Observe, Mode::Alert, Mode::Enforce] {
                let (rule, from, to) = (RuleId::new(rule), SegmentId::new(from), SegmentId::new(to));
                let service = ServiceClass(77);
                let cell = PackedCell::new(Cell { rule, action, mode });
                let packed =
                    PackedVerdict::decided(Access { from, to, service }, cell).with_generation(40_001);
                let verdict = Verdict { action, mode, reason, rule, from, to, service };
                assert_eq!(
                    (packed.verdict(), packed.generation(), packed.action()),
                    (verdict, 40_001, action)
                );
                assert_eq!((packed.fate(), packed.outdated().verdict()), (verdict.fate(), verdict));
                assert_eq!((packed.outdated().generation(), packed.direction()), (0, Direction::Forward));
            }
        }
    }
}

#[test]
fn reasons_and_directions_keep_apart_in_five_bits() {
    let packed = PackedVerdict(0x1234_5678_9abc_de05);
    let backward = [reason::REPLY, reason::BACKWARD_MIDSTREAM];
    for number in 0..32 {
        let with = packed.with_reason(number);
        assert_eq!(
            (with.reason(), with.fate(), with.rule(), with.pair()),
            (number, Fate::Drop, 0x5678, 0x9abc)
        );
        assert_eq!(with.direction() == Direction::Backward, backward.contains(&number));
    }
    for builtin in Builtin::ALL {
        let verdict = PackedVerdict::allowed(builtin, SegmentId::new(3), SegmentId::new(4)).verdict();
        assert_eq!((verdict.reason, verdict.fate()), (Reason::Builtin(builtin), Fate::Pass));
        assert_eq!(
            (verdict.from, verdict.to, verdict.mode),
            (SegmentId::new(3), SegmentId::new(4), Mode::Enforce)
        );
    }
    assert_eq!(packed.with_reason(reason::MIDSTREAM).verdict().reason, Reason::Midstream);
    assert_eq!(packed.with_reason(reason::BACKWARD_MIDSTREAM).verdict().reason, Reason::Midstream);
}

#[test]
fn generations_count_on_while_their_short_form_wraps_without_zero() {
    let state = State::boxed();
    let now = || state.moment(Timestamp(0)).generation;
    assert_eq!((state.generation(), now()), (2, 2));
    for _ in 0..40_000 {
        let before = state.generation();
        state.publish();
        assert!(state.generation() > before && now() > 1 && now() & 1 == 0);
        state.swap();
        assert!(now() > 1 && now() & 1 == 1);
        state.swap();
        assert_eq!(now() & 1, 0);
    }
    assert!(state.generation() > 2 * 65_536);
}

#[test]
fn the_idle_policy_is_in_force_after_a_swap_and_not_before() {
    let state = State::boxed();
    state.identities().place_vlan(7, segment(1));
    state.idle().identities.place_vlan(7, segment(2));
    let place = || state.identities().segment_of(Mac::NONE, Ip::NONE, [7, 0]);
    assert_eq!(place(), Some(segment(1)));
    state.swap();
    assert_eq!(place(), Some(segment(2)));
    state.publish();
    assert_eq!(place(), Some(segment(2)));
    state.swap();
    assert_eq!(place(), Some(segment(1)));
}

fn covers(network: Ip, len: u8, ip: Ip) -> bool {
    let (network, ip, len) = match (network.as_v4(), ip.as_v4()) {
        (Some(_), Some(_)) => (network, ip, u32::from(len) + 96),
        (None, None) => (network, ip, u32::from(len)),
        (Some(_), None) | (None, Some(_)) => return false,
    };
    (0..len).all(|bit| {
        let of = |ip: Ip| ip.0[bit as usize / 8] >> (7 - bit % 8) & 1;
        of(network) == of(ip)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn the_longest_prefix_decides_in_whatever_order_they_came(
        four in vec((any::<[u8; 4]>(), 0_u8..=32, 0_u8..8), 0..60),
        six in vec((any::<[u8; 16]>(), 0_usize..8, 0_u8..8), 0..40),
        asked in vec((any::<u8>(), any::<u8>(), any::<u8>()), 60),
    ) {
        // Few different bytes, so that prefixes nest.
        let narrow = |byte: u8| byte & 0x81;
        let mut placed = Vec::new();
        for (ip, len, number) in four {
            placed.push((Ip::v4(ip.map(narrow)), len, number));
        }
        for (ip, len, number) in six {
            let mut ip = ip.map(narrow);
            ip[0] = 0x20;
            placed.push((Ip(ip), [0, 1, 32, 48, 56, 64, 127, 128][len], number));
        }
        let state = State::boxed();
        for (ip, len, number) in &placed {
            // Number 0 is a prefix that lies behind routers.
            match number {
                0 => state.identities().route_prefix(*ip, *len).unwrap(),
                _ => state.identities().place_prefix(*ip, *len, segment(*number)).unwrap(),
            }
        }
        let near = asked.iter().filter_map(|(pick, at, bit)| {
            let (mut ip, _, _) = *placed.get(usize::from(*pick) % placed.len().max(1))?;
            let first = if ip.as_v4().is_some() { 12 } else { 1 };
            ip.0[first + usize::from(*at) % (16 - first)] ^= 1 << (bit % 8);
            Some(ip)
        });
        let exact = placed.iter().map(|(ip, _, _)| *ip);
        for ip in near.chain(exact).collect::<Vec<_>>() {
            // The last of the longest: a prefix that is placed again replaces what was there.
            let covering = placed.iter().filter(|(network, len, _)| covers(*network, *len, ip));
            let (routed, named): (Vec<_>, Vec<_>) = covering.partition(|(_, _, number)| *number == 0);
            let expected = named.into_iter().max_by_key(|(_, len, _)| *len);
            prop_assert_eq!(find(state.identities(), ip), expected.map(|(_, _, number)| number), "{}", ip);
            prop_assert_eq!(state.identities().found(ip).is_routed(), !routed.is_empty(), "{}", ip);
        }
    }
}
