//! What becomes of segments when userspace has died.

use super::Sensor;
use super::ground::{Ground, PATIENCE, Place, Tap, datagram};
use std::thread;
use std::time::Duration;

/// Everything is denied but DICOM; what the receiver's segment does when nobody attends is said for each case.
fn policy(receiver: &str) -> String {
    format!(
        "version: 1
defaults: {{ between: deny, within: deny, unassigned: deny, mode: enforce }}
services: {{ dicom: {{ udp: [104] }} }}
segments:
  ct:   {{ fail: static, match: {{ ip: 10.0.0.1 }} }}
  pacs: {{ {receiver}, match: {{ ip: 10.0.0.2 }} }}
allow:
  - {{ id: store, from: ct, to: pacs, service: dicom }}
"
    )
}

/// Which of the two arrive: what the policy allows, and what it denies.
fn arrive(left: &mut Tap, right: &mut Tap) -> [bool; 2] {
    let frames = [datagram(&[], 104, 1, 60), datagram(&[], 445, 2, 60)];
    for frame in &frames {
        left.send(frame);
    }
    let mut arrived = [false; 2];
    while let Some(frame) = right.wait(Duration::from_millis(300)) {
        for (arrived, expected) in arrived.iter_mut().zip(&frames) {
            *arrived |= frame == *expected;
        }
    }
    arrived
}

fn after_death(receiver: &str, expected: [bool; 2]) {
    let Some(ground) = Ground::make() else { return };
    let policy = ground.file("policy.yaml", &policy(receiver));
    let sensor = Sensor::start(&ground, "inline", &policy, &[]);
    let (mut left, mut right) = (ground.tap(Place::Left), ground.tap(Place::Right));
    right.only_arriving();
    assert_eq!(arrive(&mut left, &mut right), [true, false], "{receiver}: attended");
    sensor.end("KILL");
    assert_eq!(arrive(&mut left, &mut right), [true, false], "{receiver}: the deadline has not passed");
    // A known flow, whose verdict is cached, and all others alike.
    thread::sleep(Duration::from_secs(11));
    assert_eq!(arrive(&mut left, &mut right), expected, "{receiver}: unattended");
    let next = Sensor::start(&ground, "inline", &policy, &[]);
    let mut again = arrive(&mut left, &mut right);
    for _ in 0..PATIENCE.as_secs() {
        if again == [true, false] {
            break;
        }
        again = arrive(&mut left, &mut right);
    }
    assert_eq!(again, [true, false], "{receiver}: attended again");
    next.end("TERM");
}

#[test]
fn unattended_a_life_critical_segment_opens() {
    after_death("life_critical: true", [true, true]);
}

#[test]
fn unattended_a_segment_that_says_open_opens() {
    after_death("fail: open", [true, true]);
}

#[test]
fn unattended_a_segment_that_says_closed_closes() {
    after_death("fail: closed", [false, false]);
}

#[test]
fn unattended_a_static_segment_goes_on() {
    after_death("fail: static", [true, false]);
}
