//! The flow table at its promised size, and beyond it.

use super::{PUMP, SERVER, at, mac, see, udp, world};
use crate::address::Ip;
use crate::headers::Headers;
use crate::judge::{Event, Reason, judge};
use crate::state::FLOW_SLOTS;
use crate::table::{Action, Mode};

/// A flow of its own for each number: 2^16 hosts, many ports.
fn flow(number: u32, port: u16) -> Headers {
    let [_, high, b, c] = number.to_be_bytes();
    let host = [10, 1, b, c];
    Headers { src: Ip::v4(host), src_mac: mac(host), ..udp((PUMP, 1024 + u16::from(high)), (SERVER, port)) }
}

fn reply(asked: &Headers) -> Headers {
    Headers {
        src_mac: asked.dst_mac,
        dst_mac: asked.src_mac,
        src: asked.dst,
        dst: asked.src,
        src_port: asked.dst_port,
        dst_port: asked.src_port,
        ..*asked
    }
}

#[test]
fn both_directions_of_128_000_flows_are_remembered() {
    let state = world(Mode::Enforce);
    for number in 0..128_000 {
        let asked = flow(number, 443);
        assert_eq!(see(&state, &asked).event, Some(Event::NewFlow));
        assert_eq!(see(&state, &reply(&asked)).verdict.reason, Reason::Reply);
    }
    assert_eq!((state.counters.evicted.load(), state.flows.len()), (0, 256_000));
    for number in 0..128_000 {
        assert_eq!(see(&state, &flow(number, 443)).event, None);
    }
}

#[test]
fn a_full_table_lets_the_oldest_go_and_counts_it() {
    let state = world(Mode::Enforce);
    let many = u32::try_from(FLOW_SLOTS + FLOW_SLOTS / 8).unwrap();
    for number in 0..many {
        judge(&state, &flow(number, 443), 100, at(u64::from(number / 1000)));
    }
    let kept = u64::try_from(state.flows.len()).unwrap();
    assert_eq!(kept + state.counters.evicted.load(), u64::from(many));
    assert!(state.counters.evicted.load() < u64::from(many) / 4, "{}", state.counters.evicted.load());
    let last = u64::from(many / 1000);
    let young =
        (many - 50_000..many).filter(|n| judge(&state, &flow(*n, 443), 100, at(last)).event.is_none());
    assert_eq!(young.count(), 50_000, "the youngest are all there");
}

#[test]
fn a_flood_of_denied_flows_never_drives_out_allowed_ones() {
    let state = world(Mode::Enforce);
    let many = u32::try_from(FLOW_SLOTS).unwrap();
    for number in 0..many {
        judge(&state, &flow(number, 443), 100, at(0));
    }
    let before = state.counters.evicted.load();
    let allowed = state.flows.len();
    for number in 0..many {
        let judged = judge(&state, &flow(number, 22), 100, at(1));
        assert_eq!((judged.verdict.action, judged.event), (Action::Deny, Some(Event::Denied)));
    }
    let entries = state.flows.len();
    assert!(state.counters.refused.load() > u64::from(many) / 2);
    let denied_kept =
        u64::from(many) - state.counters.refused.load() - (state.counters.evicted.load() - before);
    assert_eq!(
        u64::try_from(entries - allowed).unwrap(),
        denied_kept,
        "the rest took free places, or each other's"
    );
    let known = (0..many).filter(|number| state.flow(&flow(*number, 443)).is_some()).count();
    assert_eq!(known, allowed);
}
