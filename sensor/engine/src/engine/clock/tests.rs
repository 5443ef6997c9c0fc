//! Times that frames should not have.

use super::{CONFIRMED, Clock, DISORDER, LEAP};
use abi::address::{SECOND, Timestamp};

const DAY: u64 = 24 * 3600 * SECOND;

fn told(clock: &mut Clock, at: u64) -> u64 {
    clock.tell(Timestamp(at)).0
}

#[test]
fn time_goes_on_with_the_latest_frame() {
    let mut clock = Clock::default();
    let times = [5 * DAY, 5 * DAY + 7, 5 * DAY + 3, 5 * DAY + LEAP];
    assert_eq!(times.map(|at| told(&mut clock, at)), [5 * DAY, 5 * DAY + 7, 5 * DAY + 7, 5 * DAY + LEAP]);
}

#[test]
fn a_single_frame_from_the_future_changes_nothing() {
    let mut clock = Clock::default();
    told(&mut clock, DAY);
    for round in 1..100 {
        assert_eq!(told(&mut clock, u64::MAX), DAY + round - 1);
        assert_eq!(told(&mut clock, DAY + round), DAY + round);
    }
}

#[test]
fn a_second_frame_confirms_that_a_long_time_has_passed() {
    let mut clock = Clock::default();
    told(&mut clock, 0);
    assert_eq!((told(&mut clock, DAY), told(&mut clock, DAY + 1)), (0, DAY + 1));
}

#[test]
fn time_that_was_set_back_is_followed_after_many_frames() {
    let mut clock = Clock::default();
    told(&mut clock, 9 * DAY);
    for index in 1..u64::from(CONFIRMED) {
        assert_eq!(told(&mut clock, DAY + index), 9 * DAY);
    }
    assert_eq!(told(&mut clock, DAY + 5000), DAY + 5000);
    assert_eq!(told(&mut clock, DAY + 4000), DAY + 5000);
}

#[test]
fn a_little_disorder_is_none() {
    let mut clock = Clock::default();
    told(&mut clock, DAY);
    for _ in 0..2 * CONFIRMED {
        assert_eq!(told(&mut clock, DAY - DISORDER), DAY);
    }
}
