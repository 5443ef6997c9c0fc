//! Where the heartbeat stays away each segment opens, closes or goes on, cached verdicts too, and all is as before after.

use super::{PUMP, SERVER, STRANGER, SYN, at, close_https, counted, facts, see, segment, tcp, udp, world};
use crate::address::Timestamp;
use crate::headers::Headers;
use crate::judge::{Fate, Reason, Verdict, glance, judge};
use crate::state::State;
use crate::table::{Action, Failure, Mode};

fn allowed() -> Headers {
    tcp(SYN, (PUMP, 50_000), (SERVER, 443))
}

fn denied() -> Headers {
    tcp(SYN, (PUMP, 50_000), (SERVER, 22))
}

fn failing(mode: Mode, pumps: Failure, servers: Failure) -> Box<State> {
    let state = world(mode);
    state.tables().set_failure(segment(1), pumps);
    state.tables().set_failure(segment(2), servers);
    state.set_deadline(Some(at(10)));
    state
}

fn later(state: &State, headers: &Headers) -> Verdict {
    judge(state, headers, 100, at(11)).verdict
}

#[test]
fn until_the_deadline_nothing_changes_and_without_one_never() {
    let state = failing(Mode::Enforce, Failure::Closed, Failure::Closed);
    assert_eq!(judge(&state, &allowed(), 100, at(10)).verdict.fate(), Fate::Pass);
    assert_eq!(later(&state, &allowed()).fate(), Fate::Drop);
    state.set_deadline(None);
    assert_eq!(later(&state, &allowed()).fate(), Fate::Pass);
    assert_eq!(world(Mode::Enforce).deadline(), None);
    state.set_deadline(Some(Timestamp(u64::MAX)));
    assert_eq!(later(&state, &allowed()).fate(), Fate::Pass);
}

#[test]
fn a_static_segment_goes_on_by_the_last_policy() {
    let state = failing(Mode::Enforce, Failure::Static, Failure::Static);
    let before = [allowed(), denied()].map(|headers| see(&state, &headers).verdict);
    assert_eq!([allowed(), denied()].map(|headers| later(&state, &headers)), before);
}

#[test]
fn an_open_segment_passes_what_the_policy_drops_known_flow_or_new() {
    for (pumps, servers) in [(Failure::Open, Failure::Static), (Failure::Closed, Failure::Open)] {
        let state = failing(Mode::Enforce, pumps, servers);
        assert_eq!(see(&state, &denied()).verdict.fate(), Fate::Drop);
        let new = tcp(SYN, (PUMP, 50_001), (SERVER, 22));
        for headers in [denied(), new] {
            let verdict = later(&state, &headers);
            assert_eq!(facts(verdict), (Action::Allow, Reason::FailOpen, 0));
            assert_eq!(verdict.fate(), Fate::Pass);
        }
        assert_eq!(later(&state, &allowed()).reason, Reason::Rule);
        // Back at work, everything is as it was: no verdict was changed.
        state.set_deadline(Some(at(100)));
        assert_eq!([denied(), new].map(|headers| later(&state, &headers).fate()), [Fate::Drop; 2]);
        assert_eq!((state.counters.opened.load(), state.counters.closed.load()), (2, 0));
        assert_eq!(counted(&state).rule(None).dropped, 5, "by rule stands what the policy says");
    }
}

#[test]
fn a_closed_segment_drops_what_the_policy_enforces_and_nothing_that_is_only_observed() {
    let state = failing(Mode::Enforce, Failure::Static, Failure::Closed);
    assert_eq!(see(&state, &allowed()).verdict.fate(), Fate::Pass);
    let verdict = later(&state, &allowed());
    assert_eq!((facts(verdict), verdict.fate()), ((Action::Deny, Reason::FailClosed, 7), Fate::Drop));
    // An access that the policy only observes (here: of what is in no segment) passes on.
    let observed = tcp(SYN, (STRANGER, 1), (SERVER, 443));
    assert_eq!(later(&state, &observed).fate(), Fate::Pass);
    assert_eq!(later(&state, &udp((PUMP, 68), (SERVER, 67))).fate(), Fate::Pass, "an allowance holds on");
    assert_eq!((state.counters.opened.load(), state.counters.closed.load()), (0, 1));
}

#[test]
fn the_failure_of_what_is_in_no_segment_can_be_said_too() {
    let state = failing(Mode::Enforce, Failure::Static, Failure::Static);
    state.tables().set_failure(None, Failure::Open);
    close_https(&state);
    let other = tcp(SYN, (PUMP, 50_000), (SERVER, 443));
    assert_eq!(later(&state, &other).fate(), Fate::Drop, "both have a segment");
    assert_eq!(state.tables().failure(None), Failure::Open);
}

#[test]
fn the_path_of_known_flows_knows_the_deadline_too() {
    use crate::headers::read_ethernet;
    let mut frame = [0_u8; 60];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14..18].copy_from_slice(&[0x45, 0, 0, 46]);
    frame[22..24].copy_from_slice(&[64, 17]);
    frame[26..34].copy_from_slice(&[10, 1, 0, 5, 10, 2, 0, 9]);
    frame[34..40].copy_from_slice(&[0, 9, 1, 187, 0, 26]);
    let state = failing(Mode::Enforce, Failure::Closed, Failure::Static);
    let reading = read_ethernet(&frame);
    assert_eq!(see(&state, reading.headers()).verdict.fate(), Fate::Pass);
    let bytes: &[u8] = &frame;
    assert_eq!(glance(&state, bytes, at(10)), Some(Fate::Pass));
    assert_eq!(glance(&state, bytes, at(11)), Some(Fate::Drop));
    assert_eq!(state.counters.closed.load(), 1);
}
