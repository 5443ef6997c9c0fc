//! So many frames at a time, of each device and rule.

use super::{ACK, PUMP, SERVER, STRANGER, SYN, mac, segment, tcp, udp, world};
use crate::address::{Ip, Mac, SECOND, Timestamp};
use crate::headers::Headers;
use crate::judge::{Event, Fate, Judgement, Reason, glance, judge};
use crate::state::{BUCKET_SLOTS, State, Tap};
use crate::table::{Action, Limit, Mode, RuleId};

/// Two frames at once, then one in ten seconds, for rule 7.
const SLOW: Limit = Limit { count: 6, period: 60 * SECOND, burst: 2, mode: None };

fn limited(limit: Limit) -> Box<State> {
    let state = world(Mode::Enforce);
    state.tables().set_limit(3, limit);
    state.tables().limit_rule(RuleId::new(7).unwrap(), 3);
    state.publish();
    state
}

/// At a number of seconds.
fn see(state: &State, headers: &Headers, second: u64) -> Judgement {
    judge(state, headers, 100, Timestamp((1_700_000_000 + second) * SECOND))
}

fn passes(state: &State, headers: &Headers, seconds: &[u64]) -> Vec<bool> {
    seconds.iter().map(|&second| see(state, headers, second).verdict.fate() == Fate::Pass).collect()
}

#[test]
fn a_device_sends_its_burst_and_then_as_the_rate_allows() {
    let state = limited(SLOW);
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    let seconds = [0, 0, 0, 9, 10, 10, 19, 20, 100, 100, 100];
    let expected = [true, true, false, false, true, false, false, true, true, true, false];
    assert_eq!(passes(&state, &flow, &seconds), expected);
    let beyond = see(&state, &flow, 100).verdict;
    assert_eq!(
        (beyond.action, beyond.reason, beyond.rule),
        (Action::Deny, Reason::RateLimit, RuleId::new(7))
    );
    assert_eq!((beyond.from, beyond.to, beyond.mode), (segment(1), segment(2), Mode::Enforce));
    state.settle();
    let rule = state.counters.rule(RuleId::new(7));
    assert_eq!((rule.packets, rule.denied, rule.dropped), (12, 6, 6));
    // The flow itself stays what it is, and knows the frames that were within.
    let known = state.flow(&flow).unwrap();
    assert_eq!((known.verdict.action, known.packets), (Action::Allow, 6));
}

#[test]
fn an_excess_is_told_once_a_second_and_not_with_every_frame() {
    let state = limited(Limit { count: 1, period: 3600 * SECOND, burst: 1, mode: None });
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    let events: Vec<_> = [0, 0, 0, 0, 1, 1, 5].iter().map(|&at| see(&state, &flow, at).event).collect();
    let denied = Some(Event::Denied);
    assert_eq!(events, [Some(Event::NewFlow), denied, None, None, denied, None, denied]);
}

#[test]
fn a_limit_is_that_of_one_device_over_all_its_flows_and_not_of_answers() {
    let state = limited(SLOW);
    let of = |src, port| udp((src, port), (SERVER, 443));
    let [one, two, three] = [1, 2, 3].map(|port| see(&state, &of(PUMP, port), 0).verdict.fate());
    assert_eq!([one, two, three], [Fate::Pass, Fate::Pass, Fate::Drop]);
    assert_eq!(passes(&state, &of([10, 1, 0, 6], 1), &[0, 0, 0]), [true, true, false]);
    let answer = udp((SERVER, 443), (PUMP, 1));
    assert!(passes(&state, &answer, &[0; 9]).into_iter().all(|passes| passes));
    // A flow that began beyond the limit is none: it has no answers.
    assert_eq!(see(&state, &udp((SERVER, 443), (PUMP, 3)), 0).verdict.action, Action::Deny);
}

#[test]
fn behind_a_router_devices_are_told_apart_by_their_ip_addresses() {
    let routed = |prepare: fn(&State)| {
        let state = limited(SLOW);
        prepare(&state);
        state.publish();
        let of = |last| Headers { src_mac: mac(STRANGER), ..udp(([10, 1, 0, last], 1), (SERVER, 443)) };
        [1, 1, 2, 2].map(|last| see(&state, &of(last), 0).verdict.fate() == Fate::Pass)
    };
    assert_eq!(routed(|_| {}), [true, true, false, false], "one MAC address is one device");
    assert_eq!(routed(|state| state.identities().mark_router(mac(STRANGER)).unwrap()), [true; 4]);
    assert_eq!(
        routed(|state| state.identities().route_prefix(Ip::v4([10, 1, 0, 0]), 16).unwrap()),
        [true; 4]
    );
}

#[test]
fn a_limit_is_carried_out_in_its_own_mode_or_its_rules_and_drops_nothing_where_patients_depend_on_it() {
    let seen = |limit: Limit, critical: Option<u8>| {
        let state = limited(limit);
        if let Some(number) = critical {
            state.tables().set_life_critical(segment(number).unwrap());
            state.publish();
        }
        let flow = udp((PUMP, 50_000), (SERVER, 443));
        let last = [0; 3].map(|at| see(&state, &flow, at))[2].verdict;
        let rule = state.counters.rule(RuleId::new(7));
        assert_eq!((last.reason, rule.denied), (Reason::RateLimit, 1));
        (last.mode, last.fate(), rule.would_drop())
    };
    let own = |mode| Limit { mode: Some(mode), ..SLOW };
    assert_eq!(seen(SLOW, None), (Mode::Enforce, Fate::Drop, 0));
    assert_eq!(seen(own(Mode::Observe), None), (Mode::Observe, Fate::Pass, 1));
    assert_eq!(seen(own(Mode::Alert), None), (Mode::Alert, Fate::Pass, 1));
    for critical in [1, 2] {
        assert_eq!(seen(SLOW, Some(critical)), (Mode::Alert, Fate::Pass, 1));
        assert_eq!(seen(own(Mode::Observe), Some(critical)), (Mode::Observe, Fate::Pass, 1));
        assert_eq!(seen(own(Mode::Enforce), Some(critical)), (Mode::Enforce, Fate::Drop, 0));
    }
}

#[test]
fn time_that_runs_backwards_gives_nothing_and_takes_nothing() {
    let state = limited(SLOW);
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    assert_eq!(
        passes(&state, &flow, &[100, 100, 90, 95, 105, 110, 110]),
        [true, true, false, false, false, true, false]
    );
}

#[test]
fn a_swap_of_policies_begins_all_limits_anew_and_a_publication_does_not() {
    let state = limited(SLOW);
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    assert_eq!(passes(&state, &flow, &[0, 0, 0]), [true, true, false]);
    state.publish();
    assert_eq!(passes(&state, &flow, &[0]), [false]);
    state.idle().tables.copy_from(state.tables());
    state.idle().identities.place_prefix(Ip::v4([10, 1, 0, 0]), 16, segment(1).unwrap()).unwrap();
    state.idle().identities.place_prefix(Ip::v4([10, 2, 0, 0]), 16, segment(2).unwrap()).unwrap();
    state.swap();
    assert_eq!(passes(&state, &flow, &[0, 0, 0]), [true, true, false]);
}

#[test]
fn more_devices_than_there_is_room_for_pass_and_are_counted() {
    let state = limited(Limit { count: 1, period: 3600 * SECOND, burst: 1, mode: None });
    let of = |number: u32| {
        let [_, _, high, low] = number.to_be_bytes();
        Headers { src_mac: Mac([2, 1, 0, 0, high, low]), ..udp((PUMP, 50_000), (SERVER, 443)) }
    };
    let devices = u32::try_from(BUCKET_SLOTS).unwrap() * 3 / 2;
    for number in 0..devices {
        assert_eq!(see(&state, &of(number), 0).verdict.fate(), Fate::Pass, "the first frame of {number}");
    }
    let unlimited = state.counters.unlimited.load();
    assert!(unlimited >= u64::from(devices) - BUCKET_SLOTS as u64, "{unlimited}");
    let held =
        (0..devices).filter(|&number| see(&state, &of(number), 1).verdict.fate() == Fate::Drop).count();
    assert_eq!(held as u64, u64::from(devices) - unlimited);
    // Whoever has not used it for long enough has a full bucket, and gives way.
    assert_eq!(passes(&state, &of(devices - 1), &[3602, 3602]), [true, false]);
}

#[test]
fn flows_of_rules_without_a_limit_stay_hits_and_those_with_one_are_none() {
    let frame = |protocol: u8| {
        let mut frame = [0; 60];
        frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 10, 1, 0, 5, 8, 0]);
        frame[14..24].copy_from_slice(&[0x45, 0, 0, 46, 0, 0, 0, 0, 64, protocol]);
        frame[26..38].copy_from_slice(&[10, 1, 0, 5, 10, 2, 0, 9, 9, 9, 1, 187]);
        frame[38..40].copy_from_slice(&[0, 26]);
        frame
    };
    for (state, is_hit) in [(world(Mode::Enforce), true), (limited(SLOW), false)] {
        let at = Timestamp(1_700_000_000 * SECOND);
        let udp = frame(17);
        let reading = crate::headers::read_ethernet(&udp);
        assert_eq!(judge(&state, reading.headers(), 60, at).event, Some(Event::NewFlow));
        assert_eq!(glance(&state, &udp[..], at).is_some(), is_hit);
    }
}

#[test]
fn a_connection_is_limited_in_the_direction_in_which_it_was_opened() {
    let state = limited(SLOW);
    let (ask, answer) = (tcp(SYN, (PUMP, 1), (SERVER, 443)), tcp(SYN | ACK, (SERVER, 443), (PUMP, 1)));
    assert_eq!(passes(&state, &ask, &[0]), [true]);
    assert_eq!(passes(&state, &answer, &[0, 0, 0, 0]), [true; 4]);
    let data = Headers { tcp_flags: ACK, ..ask };
    assert_eq!(passes(&state, &data, &[0, 0]), [true, false]);
    // The policy changes under it, and the answers are asked first.
    state.publish();
    assert_eq!(passes(&state, &answer, &[0]), [true]);
    assert_eq!(passes(&state, &data, &[0, 10, 10]), [false, true, false]);
}

#[test]
fn of_a_limited_flow_the_first_frames_and_those_of_a_kept_one_are_copied() {
    let state = limited(Limit { burst: 4, mode: Some(Mode::Observe), ..SLOW });
    state.set_tap_frames(2);
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    let copied = |state: &State| {
        let mut desk = crate::judge::Desk::EMPTY;
        desk.look(state, &flow, (100, Timestamp(1_700_000_000 * SECOND)));
        desk.place(state, &flow);
        desk.decide(state, &flow);
        desk.keep(state, &flow);
        desk.is_tapped()
    };
    assert_eq!([0; 6].map(|_| copied(&state)), [true, true, false, false, false, false]);
    assert!(state.set_tap(&flow, Tap::Kept));
    assert!(copied(&state), "what is beyond it passes, and is seen");
}
