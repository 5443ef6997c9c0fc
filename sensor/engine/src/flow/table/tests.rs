//! The table against a plain list, and its promises about who has to go.

use super::{NONE, Place, QUEUES, Table, Timeouts, at, queue_of, silent};
use crate::flow::{End, Flow, Key};
use abi::address::{Ip, SECOND, Timestamp};
use abi::headers::{Headers, protocol, tcp_flag};
use detectors::record::{FlowId, FlowState};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key(number: u16, protocol: u8) -> Key {
    Key { a: Ip::v4([10, 0, 0, 1]), b: Ip::v4([10, 0, 0, 2]), ports: (number, 80), protocol }
}

fn flow(id: u64, number: u16, protocol: u8, now: u64) -> Flow {
    let headers = Headers { protocol, tcp_flags: tcp_flag::SYN, ..Headers::default() };
    Flow::start(FlowId(id), key(number, protocol), End::A, &headers, Timestamp(now))
}

fn table(capacity: usize) -> Table {
    let timeouts =
        Timeouts { established: 300, embryonic: 30, closed: 5, datagram: 60, active: 1_800 * SECOND };
    Table::new(capacity, timeouts)
}

/// What must hold at all times.
fn check(table: &Table) {
    assert!(table.len() <= table.capacity);
    let mut linked = 0;
    for queue in 0..QUEUES {
        let (mut place, mut before, mut len) = (table.queues[queue].head, NONE, 0);
        while place != NONE {
            let slot = table.slots[at(place)].as_ref().expect("a queue holds flows only");
            assert_eq!((slot.earlier, usize::from(slot.queue)), (before, queue));
            assert_eq!(table.find(&slot.flow.key), Some(Place(place)));
            (before, place) = (place, slot.later);
            len += 1;
            assert!(len <= table.len(), "a queue has no loop");
        }
        assert_eq!((table.queues[queue].tail, table.queues[queue].len), (before, len));
        linked += len;
    }
    assert_eq!(linked, table.len());
    assert_eq!(table.slots.iter().flatten().count(), linked);
    assert_eq!(table.free.len() + linked, table.slots.len());
}

#[derive(Clone, Debug)]
enum Step {
    /// A frame of this flow, which brings it to this state.
    Frame(u16, FlowState, bool),
    Remove(u16),
    Time(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let state = prop::sample::select(vec![
        FlowState::OneWay,
        FlowState::SynSent,
        FlowState::HalfOpen,
        FlowState::Established,
        FlowState::Closing,
        FlowState::Closed,
        FlowState::Reset,
    ]);
    let frame = (0u16..60, state, any::<bool>()).prop_map(|(key, state, tcp)| Step::Frame(key, state, tcp));
    let step =
        prop_oneof![8 => frame, 1 => (0u16..60).prop_map(Step::Remove), 3 => (0u64..40).prop_map(Step::Time)];
    prop::collection::vec(step, 1..300)
}

proptest! {
    #[test]
    fn every_flow_that_goes_in_comes_out_once(steps in steps()) {
        let mut table = table(16);
        let mut inside: BTreeMap<u64, (u16, u8)> = BTreeMap::new();
        let (mut now, mut next, mut evictions) = (1_000u64, 1u64, 0u64);
        for step in steps {
            match step {
                Step::Frame(number, state, tcp) => {
                    let protocol = if tcp { protocol::TCP } else { protocol::UDP };
                    let known = inside.iter().find(|(_, key)| **key == (number, protocol)).map(|(id, _)| *id);
                    let found = table.find(&key(number, protocol));
                    prop_assert_eq!(found.and_then(|place| table.flow(place)).map(|flow| flow.id.0), known);
                    let place = if let Some(place) = found {
                        place
                    } else {
                        let (place, evicted) = table.insert(flow(next, number, protocol, now));
                        inside.insert(next, (number, protocol));
                        next += 1;
                        if let Some(gone) = evicted {
                            evictions += 1;
                            let key = (gone.key.ports.0, gone.key.protocol);
                            prop_assert_eq!(inside.remove(&gone.id.0), Some(key));
                        }
                        place
                    };
                    let flow = table.flow_mut(place).unwrap();
                    (flow.state, flow.last) = (state, Timestamp(now));
                    table.touch(place);
                }
                Step::Remove(number) => {
                    for protocol in [protocol::TCP, protocol::UDP] {
                        if let Some(place) = table.find(&key(number, protocol)) {
                            let removed = table.remove(place).unwrap();
                            prop_assert!(inside.remove(&removed.id.0).is_some());
                            prop_assert!(table.remove(place).is_none());
                        }
                    }
                }
                Step::Time(passed) => {
                    now += passed;
                    while let Some(gone) = table.expire(Timestamp(now)) {
                        prop_assert!(inside.remove(&gone.id.0).is_some());
                        prop_assert!(now - gone.last.0 >= table.limit(usize::from(queue_of(&gone))));
                        check(&table);
                    }
                    for slot in table.slots.iter().flatten() {
                        let limit = table.limit(usize::from(slot.queue));
                        prop_assert!(silent(slot.flow.last, Timestamp(now)) < 2 * limit, "none outlives twice its time-out");
                    }
                }
            }
            check(&table);
            prop_assert_eq!(table.evictions, evictions);
        }
        let places = table.places();
        let left: Vec<u64> = places.iter().map(|&place| table.flow(place).unwrap().id.0).collect();
        prop_assert_eq!(left, inside.into_keys().collect::<Vec<_>>(), "in the order of their numbers");
    }
}

fn fill(table: &mut Table, count: u16, protocol: u8, state: FlowState) {
    for number in 0..count {
        let id = u64::from(protocol) * 100_000 + u64::from(number);
        let (place, _) = table.insert(flow(id, number, protocol, 1_000));
        table.flow_mut(place).unwrap().state = state;
        table.touch(place);
    }
}

#[test]
fn what_is_over_goes_first() {
    let mut table = table(1000);
    fill(&mut table, 900, protocol::UDP, FlowState::TwoWay);
    fill(&mut table, 100, protocol::TCP, FlowState::Closed);
    for number in 0..100 {
        let (_, evicted) = table.insert(flow(u64::from(number), 2000 + number, protocol::UDP, 2_000));
        assert_eq!(evicted.map(|flow| flow.state), Some(FlowState::Closed));
    }
}

#[test]
fn a_flood_of_openings_pushes_out_itself_and_no_conversation() {
    let mut table = table(1000);
    fill(&mut table, 500, protocol::TCP, FlowState::Established);
    fill(&mut table, 200, protocol::UDP, FlowState::TwoWay);
    for number in 0..5000 {
        let (_, evicted) = table.insert(flow(u64::from(number), 1000 + number, protocol::TCP, 2_000));
        if let Some(evicted) = evicted {
            assert_eq!((evicted.key.protocol, evicted.state), (protocol::TCP, FlowState::OneWay));
        }
    }
    assert_eq!((table.len(), table.evictions), (1000, 4700));
}

#[test]
fn a_flood_of_datagrams_leaves_a_handshake_its_time() {
    let mut table = table(1000);
    fill(&mut table, 500, protocol::TCP, FlowState::Established);
    let (handshake, _) = table.insert(flow(1, 9999, protocol::TCP, 1_000));
    for number in 0..5000 {
        table.insert(flow(u64::from(number) + 10, 1000 + number, protocol::UDP, 2_000));
    }
    assert_eq!(table.flow(handshake).map(|flow| flow.id), Some(FlowId(1)));
    check(&table);
}

#[test]
fn a_table_full_of_conversations_still_takes_a_new_one() {
    let mut table = table(1000);
    fill(&mut table, 1000, protocol::TCP, FlowState::Established);
    let (place, evicted) = table.insert(flow(1, 9999, protocol::TCP, 2_000));
    assert_eq!(evicted.map(|flow| flow.state), Some(FlowState::Established));
    let (_, evicted) = table.insert(flow(2, 9998, protocol::TCP, 2_000));
    assert_eq!(evicted.map(|flow| flow.state), Some(FlowState::Established));
    assert!(table.flow(place).is_some(), "the new one has room to get through its handshake");
}

#[test]
fn of_those_in_line_the_longest_silent_goes() {
    let mut table = table(16);
    fill(&mut table, 16, protocol::UDP, FlowState::OneWay);
    for number in [0, 1, 2, 4, 5, 6, 7] {
        let place = table.find(&key(number, protocol::UDP)).unwrap();
        table.flow_mut(place).unwrap().last = Timestamp(1_500);
    }
    let (_, evicted) = table.insert(flow(1, 99, protocol::UDP, 2_000));
    assert_eq!(evicted.map(|flow| flow.key.ports.0), Some(3));
}

#[test]
fn a_flow_from_a_later_time_goes_when_time_is_set_back() {
    let mut table = table(16);
    table.insert(flow(1, 1, protocol::UDP, 1_000_000));
    table.insert(flow(2, 2, protocol::UDP, 1_000));
    assert_eq!(table.expire(Timestamp(1_001)).map(|flow| flow.id), Some(FlowId(1)));
    assert!(table.expire(Timestamp(1_001)).is_none());
}

#[test]
fn a_frame_as_far_from_the_last_one_as_the_time_out_is_another_flow_whichever_way() {
    let table = table(16);
    let flow = flow(1, 1, protocol::UDP, 1_000);
    for (then, stale) in [(1_000, false), (1_059, false), (1_060, true), (941, false), (940, true)] {
        assert_eq!(table.is_stale(&flow, Timestamp(then)), stale, "{then}");
    }
}
