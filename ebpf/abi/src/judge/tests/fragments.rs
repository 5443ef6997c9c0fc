//! Fragments: the first is judged by its ports, the later ones by the first.

use super::{ACK, HTTPS, PUMP, SERVER, at, facts, see, tcp, udp, world};
use crate::headers::{Fragment, Headers, protocol};
use crate::judge::{Event, Reason, judge};
use crate::state::{FRAGMENT_SLOTS, State};
use crate::table::{Action, Mode};

fn first(id: u32, port: u16) -> Headers {
    Headers {
        fragment: Fragment::First { id, protocol: protocol::UDP, len: 1480 },
        ..udp((PUMP, 50_000), (SERVER, port))
    }
}

fn later(id: u32) -> Headers {
    Headers { fragment: Fragment::Later { id, offset: 1480 }, ..udp((PUMP, 0), (SERVER, 0)) }
}

#[test]
fn a_later_fragment_has_the_verdict_of_its_first_one() {
    let state = world(Mode::Enforce);
    see(&state, &first(1, 443));
    see(&state, &first(2, 22));
    let allowed = see(&state, &later(1)).verdict;
    assert_eq!((facts(allowed), allowed.service), ((Action::Allow, Reason::Fragment, 7), HTTPS));
    assert_eq!(facts(see(&state, &later(2)).verdict), (Action::Deny, Reason::Fragment, 0));
    assert_eq!(state.counters.orphans.load(), 0);
}

#[test]
fn every_first_fragment_of_a_known_flow_speaks_for_its_own_datagram() {
    let state = world(Mode::Enforce);
    for id in 0..20 {
        see(&state, &first(id, 443));
    }
    assert!((0..20).all(|id| see(&state, &later(id)).verdict.action == Action::Allow));
}

#[test]
fn a_later_fragment_without_its_first_one_is_judged_by_the_pair() {
    let state = world(Mode::Enforce);
    let orphan = see(&state, &later(1));
    assert_eq!(facts(orphan.verdict), (Action::Deny, Reason::Orphan, 0));
    assert_eq!((orphan.event, state.counters.orphans.load()), (Some(Event::Denied), 1));
    see(&state, &first(1, 443));
    let other = Headers { src: later(1).dst, dst: later(1).src, ..later(1) };
    assert_eq!(see(&state, &other).verdict.reason, Reason::Orphan);
}

#[test]
fn a_first_fragment_counts_for_a_minute_and_for_its_generation() {
    let state = world(Mode::Enforce);
    judge(&state, &first(1, 443), 100, at(0));
    assert_eq!(judge(&state, &later(1), 100, at(59)).verdict.reason, Reason::Fragment);
    assert_eq!(judge(&state, &later(1), 100, at(62)).verdict.reason, Reason::Orphan);
    judge(&state, &first(1, 443), 100, at(70));
    state.publish();
    assert_eq!(judge(&state, &later(1), 100, at(70)).verdict.reason, Reason::Orphan);
}

#[test]
fn a_later_fragment_that_would_overwrite_a_tcp_header_does_not_profit_from_the_first() {
    let state = world(Mode::Enforce);
    let fragment = Fragment::First { id: 5, protocol: protocol::TCP, len: 24 };
    let start = Headers { fragment, payload_offset: 54, ..tcp(ACK, (PUMP, 50_000), (SERVER, 443)) };
    assert_eq!(see(&state, &start).verdict.action, Action::Allow);
    let at_offset = |state: &State, offset| {
        let fragment = Fragment::Later { id: 5, offset };
        facts(see(state, &Headers { fragment, ..tcp(0, (PUMP, 0), (SERVER, 0)) }).verdict)
    };
    assert_eq!(at_offset(&state, 8), (Action::Deny, Reason::Orphan, 0));
    assert_eq!(at_offset(&state, 24), (Action::Allow, Reason::Fragment, 7));
}

#[test]
fn a_flood_of_first_fragments_is_bounded_and_counted() {
    let state = world(Mode::Enforce);
    let many = u32::try_from(FRAGMENT_SLOTS * 2).unwrap();
    for id in 0..many {
        see(&state, &first(id, 443));
    }
    let known = (0..many).filter(|id| see(&state, &later(*id)).verdict.reason == Reason::Fragment).count();
    let forgotten = usize::try_from(state.counters.fragments_evicted.load()).unwrap();
    assert!(known <= FRAGMENT_SLOTS && forgotten > 0);
    assert_eq!(known + forgotten, FRAGMENT_SLOTS * 2);
}
