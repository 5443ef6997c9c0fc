//! Which frames are copied: the first ones of what passes, and those of the flows that userspace keeps.

use super::{ACK, PUMP, SERVER, SYN, at, close_https, tcp, world};
use crate::address::DeviceKey;
use crate::headers::Headers;
use crate::judge::{Desk, Look};
use crate::state::{State, Tap};
use crate::table::Mode;

/// The steps of a judgement; tells whether the frame is copied.
fn is_tapped(state: &State, headers: &Headers) -> bool {
    let mut desk = Desk::EMPTY;
    if desk.look(state, headers, (100, at(0))) == Look::Miss {
        desk.hold(state, headers);
        desk.place(state, headers);
        desk.decide(state, headers);
        desk.keep(state, headers);
    }
    desk.is_tapped()
}

fn request() -> Headers {
    tcp(SYN, (PUMP, 50_000), (SERVER, 443))
}

fn reply() -> Headers {
    tcp(SYN | ACK, (SERVER, 443), (PUMP, 50_000))
}

fn copied(state: &State, headers: &Headers, frames: usize) -> usize {
    (0..frames).filter(|_| is_tapped(state, headers)).count()
}

#[test]
fn without_being_asked_nothing_is_copied() {
    let state = world(Mode::Enforce);
    assert_eq!(copied(&state, &request(), 20), 0);
}

#[test]
fn the_first_frames_of_each_direction_of_a_flow_are_copied_and_counted_as_all_others() {
    for most in [1, 2, 8] {
        let state = world(Mode::Enforce);
        state.set_tap_frames(most);
        let expected = usize::try_from(most).unwrap();
        assert_eq!([request(), reply()].map(|headers| copied(&state, &headers, 20)), [expected; 2]);
        assert_eq!(state.flow(&request()).unwrap().packets, 20);
    }
}

#[test]
fn a_kept_flow_is_copied_until_userspace_has_enough_whatever_is_judged_meanwhile() {
    let state = world(Mode::Enforce);
    state.set_tap_frames(2);
    assert!(!state.set_tap(&request(), Tap::Kept), "it is not known yet");
    assert_eq!(copied(&state, &request(), 1), 1);
    assert!(state.set_tap(&request(), Tap::Kept));
    assert_eq!(copied(&state, &request(), 20), 20);
    state.publish();
    assert_eq!(copied(&state, &request(), 5), 5, "a frame that is judged anew is copied too");
    let moved = Headers { src_mac: crate::address::Mac([2, 9, 9, 9, 9, 9]), ..request() };
    assert_eq!(copied(&state, &moved, 5), 5);
    assert!(state.set_tap(&request(), Tap::Off));
    assert_eq!(copied(&state, &moved, 5), 0);
}

#[test]
fn a_flow_that_interests_nobody_is_released_early() {
    let state = world(Mode::Enforce);
    state.set_tap_frames(8);
    assert_eq!(copied(&state, &request(), 2), 2);
    assert!(state.set_tap(&request(), Tap::Off));
    assert_eq!(copied(&state, &request(), 20), 0);
}

#[test]
fn what_is_dropped_is_not_copied_and_what_only_would_be_is() {
    let ssh = tcp(SYN, (PUMP, 50_000), (SERVER, 22));
    for (mode, expected) in [(Mode::Enforce, 0), (Mode::Alert, 4)] {
        let state = world(mode);
        state.set_tap_frames(4);
        assert_eq!(copied(&state, &ssh, 20), expected);
    }
    let state = world(Mode::Enforce);
    state.set_tap_frames(100);
    assert_eq!(copied(&state, &request(), 3), 3);
    close_https(&state);
    assert_eq!(copied(&state, &request(), 3), 0);
    state.quarantine(&[DeviceKey::Ip(crate::address::Ip::v4(SERVER))]).unwrap();
    assert_eq!(copied(&state, &reply(), 3), 0);
}
