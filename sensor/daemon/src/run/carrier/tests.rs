//! Two cables, pulled and plugged.

use super::*;

const UP: Link = Link::Up;
const GONE: Link = Link::NoCarrier;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_port_without_carrier_takes_the_other_down_and_brings_it_up_again() {
    let mut wire = Wire::new([false; 2]);
    assert_eq!(wire.step([UP, UP], at(0)), None);
    assert_eq!(wire.step([GONE, UP], at(1)), Some(Order::Lower(Side::Second)));
    assert_eq!(wire.lowered(), [false, true]);
    assert_eq!(wire.step([GONE, Link::Down], at(2)), None);
    assert_eq!(wire.step([UP, Link::Down], at(3)), Some(Order::Raise(Side::Second)));
    assert_eq!(wire.step([UP, UP], at(4)), None);
    assert_eq!(wire.step([UP, Link::Down], at(5)), Some(Order::Lower(Side::First)));
}

#[test]
fn a_port_that_was_set_up_has_time_to_find_its_partner() {
    let mut wire = Wire::new([true, false]);
    assert_eq!(wire.step([Link::Down, UP], at(0)), Some(Order::Raise(Side::First)));
    assert_eq!(wire.step([GONE, UP], at(9)), None);
    assert_eq!(wire.step([GONE, UP], at(10)), Some(Order::Lower(Side::Second)));
    assert_eq!(wire.step([UP, Link::Down], at(30)), Some(Order::Raise(Side::Second)));
    assert_eq!(wire.step([UP, UP], at(32)), None);
}

#[test]
fn a_port_that_settles_is_set_down_when_the_other_loses_its_carrier() {
    let mut wire = Wire::new([true, false]);
    assert_eq!(wire.step([Link::Down, UP], at(0)), Some(Order::Raise(Side::First)));
    assert_eq!(wire.step([GONE, GONE], at(1)), None);
    assert_eq!(wire.step([UP, GONE], at(2)), Some(Order::Lower(Side::First)));
}

#[test]
fn two_dead_ports_stay_as_they_are_until_one_lives() {
    let mut wire = Wire::new([false; 2]);
    assert_eq!(wire.step([GONE, GONE], at(0)), None);
    assert_eq!(wire.step([UP, GONE], at(1)), Some(Order::Lower(Side::First)));
    assert_eq!(wire.step([Link::Down, UP], at(2)), Some(Order::Raise(Side::First)));
}

#[test]
fn whatever_happens_one_port_is_never_set_down_while_the_other_is() {
    let links = [UP, GONE, Link::Down];
    let mut wire = Wire::new([false; 2]);
    let mut state = 1_u64;
    for second in 0..100_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let pick = |shift: u32| links[usize::try_from(state >> shift).unwrap() % 3];
        wire.step([pick(40), pick(50)], at(second));
        assert_ne!(wire.lowered(), [true, true]);
    }
}
