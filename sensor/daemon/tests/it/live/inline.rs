//! In the wire between two hosts.

use super::ground::{Ground, PATIENCE, Place, SILENCE, Tap, datagram, shell};
use super::others::wardline;
use super::{POLICY, Sensor};
use crate::run::text;
use daemon::fastpath::interface::{Interface, Link, Occupied, Reception};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

fn mebibyte() -> Vec<u8> {
    (0..1_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A stream of numbered datagrams from left to right, without end until it is told; at most 64 are on their way.
struct Stream<'g> {
    ground: &'g Ground,
    ends: AtomicBool,
    sent: AtomicU32,
    arrived: AtomicU32,
}

impl<'g> Stream<'g> {
    fn new(ground: &'g Ground) -> Stream<'g> {
        Stream { ground, ends: AtomicBool::new(false), sent: AtomicU32::new(0), arrived: AtomicU32::new(0) }
    }

    fn send(&self) {
        let mut tap = self.ground.tap(Place::Left);
        let mut number = 0;
        while !self.ends.load(Ordering::Relaxed) {
            let mut waits = 0_u128;
            while number >= self.arrived.load(Ordering::Relaxed) + 64 {
                thread::sleep(Duration::from_micros(100));
                waits += 1;
                assert!(waits < PATIENCE.as_micros() / 100, "nothing arrives after {number}");
            }
            tap.send(&datagram(&[], 104, number, 200));
            number += 1;
            self.sent.store(number, Ordering::Relaxed);
        }
    }

    /// Every number must come, in order.
    fn receive(&self, mut tap: Tap) {
        tap.only_arriving();
        let mut waits = 0_u128;
        loop {
            // The hosts talk too, meanwhile.
            if let Some(frame) =
                tap.next().filter(|frame| frame.get(..12) == datagram(&[], 104, 0, 32).get(..12))
            {
                let expected = self.arrived.load(Ordering::Relaxed);
                assert_eq!(frame, datagram(&[], 104, expected, 200), "number {expected}");
                self.arrived.store(expected + 1, Ordering::Relaxed);
                waits = 0;
                continue;
            }
            thread::sleep(Duration::from_micros(100));
            let (sent, arrived) = (self.sent.load(Ordering::Relaxed), self.arrived.load(Ordering::Relaxed));
            if self.ends.load(Ordering::Relaxed) && sent == arrived {
                return;
            }
            waits += 1;
            assert!(waits < PATIENCE.as_micros() / 100, "nothing arrives after {arrived} of {sent}");
        }
    }

    /// Runs while something is done, and gives the number of frames; none was lost.
    fn during(&self, act: impl FnOnce()) -> u32 {
        let tap = self.ground.tap(Place::Right);
        thread::scope(|scope| {
            scope.spawn(|| self.send());
            scope.spawn(|| self.receive(tap));
            // Also when a claim fails meanwhile.
            let _end = End(self);
            self.flows();
            act();
            self.flows();
        });
        assert_eq!(self.sent.load(Ordering::Relaxed), self.arrived.load(Ordering::Relaxed));
        self.arrived.load(Ordering::Relaxed)
    }

    /// Waits until some more have arrived.
    fn flows(&self) {
        let until = self.arrived.load(Ordering::Relaxed) + 1000;
        for _ in 0..PATIENCE.as_millis() {
            if self.arrived.load(Ordering::Relaxed) >= until {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("the stream stands still at {}", self.arrived.load(Ordering::Relaxed));
    }
}

struct End<'s, 'g>(&'s Stream<'g>);

impl Drop for End<'_, '_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_allowed_transfer_passes_byte_for_byte_and_a_denied_connection_never_opens() {
    let Some(ground) = Ground::make() else { return };
    let sensor = Sensor::start(&ground, "inline", &ground.file("policy.yaml", POLICY), &[]);
    let bytes = mebibyte();
    assert!(ground.transfer(104, &bytes).as_ref() == Some(&bytes), "1 MiB of DICOM");
    assert_eq!(ground.transfer(445, b"SMB"), None);
    let pins = ground.pins();
    let second = wardline(&ground, &["run", "--detach", "--pin", text(&pins)]);
    assert_eq!(second.code, 2, "{}", second.stderr);
    assert!(second.stderr.contains("another wardline runs with it"), "{}", second.stderr);
    let (status, summary, said) = sensor.end("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("warning"), "it is native: {said}");
    let ways: Vec<&str> =
        summary["ports"].as_array().unwrap().iter().map(|port| port["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["native", "native"]);
    assert!(summary["fates"]["allowed"].as_u64().unwrap() > 100, "{summary}");
    assert!(summary["fates"]["dropped"].as_u64().unwrap() >= 1, "{summary}");
    let rules = summary["rules"].as_array().unwrap();
    let store = rules.iter().find(|row| row["rule"] == "store").unwrap();
    assert!(store["bytes"].as_u64().unwrap() > 1 << 20, "{store}");
    assert_eq!(summary["events"]["lost"], 0);
    // Nothing is left: not on the interfaces, not in the file system, and nothing stands between the hosts.
    assert!(!ground.pins().exists());
    for name in ["one", "two"] {
        let port = ground.inside(Place::Sensor, || Interface::named(name)).unwrap().unwrap();
        assert_eq!((port.has_program, port.reception()), (Occupied::No, Reception::Own), "{name}");
    }
    assert_eq!(ground.transfer(104, b"C-ECHO"), None);
}

#[test]
fn tags_jumbo_frames_and_what_bridges_say_pass_unchanged_and_denied_frames_do_not() {
    let Some(ground) = Ground::make() else { return };
    let sensor = Sensor::start(&ground, "inline", &ground.file("policy.yaml", POLICY), &[]);
    let (mut left, mut right) = (ground.tap(Place::Left), ground.tap(Place::Right));
    right.only_arriving();
    let control = |mac: u8, kind: [u8; 2]| {
        let head = [1, 0x80, 0xc2, 0, 0, mac, 2, 0, 0, 0, 0, 1, kind[0], kind[1]];
        [&head[..], &[0x42; 46]].concat()
    };
    let passing = [
        datagram(&[], 104, 1, 100),
        datagram(&[20], 104, 2, 100),
        datagram(&[30, 20], 104, 3, 100),
        datagram(&[], 104, 4, 9000),
        datagram(&[20], 104, 5, 8996),
        control(0, [0, 38]),
        control(2, [0x88, 0x09]),
        control(3, [0x88, 0x8e]),
        control(0xe, [0x88, 0xcc]),
    ];
    let denied = [datagram(&[], 445, 6, 100), datagram(&[20], 445, 7, 9000 - 4), datagram(&[], 445, 8, 9000)];
    for frame in passing.iter().chain(&denied) {
        left.send(frame);
    }
    for (number, frame) in passing.iter().enumerate() {
        let arrived = right.wait(PATIENCE).unwrap_or_else(|| panic!("frame {number} is lost"));
        assert!(
            arrived == *frame,
            "frame {number}: {} and {} bytes: {arrived:02x?}",
            frame.len(),
            arrived.len()
        );
    }
    assert_eq!(right.wait(SILENCE), None);
    let (status, summary, said) = sensor.end("INT");
    assert_eq!((status.code(), &summary["fates"]["dropped"]), (Some(0), &3.into()), "{said}");
}

#[test]
fn a_port_that_loses_its_carrier_takes_the_other_down_until_it_is_back() {
    let Some(ground) = Ground::make() else { return };
    let sensor = Sensor::start(&ground, "inline", &ground.file("policy.yaml", POLICY), &[]);
    let link = |name: &str| ground.inside(Place::Sensor, || Interface::named(name)).unwrap().unwrap().link();
    let host = |place: Place, state: &str| {
        shell(&format!("ip -n {} link set host {state}", ground.namespace(place)));
    };
    assert_eq!((link("one"), link("two")), (Link::Up, Link::Up));
    host(Place::Left, "down");
    sensor.wait_for("note: two set down: one has no carrier");
    assert_eq!((link("one"), link("two")), (Link::NoCarrier, Link::Down));
    let right = ground.inside(Place::Right, || Interface::named("host")).unwrap().unwrap();
    assert_eq!(right.link(), Link::NoCarrier, "the other host notices");
    host(Place::Left, "up");
    sensor.wait_for("note: two set up again: one has its carrier back");
    assert!(ground.transfer(104, &mebibyte()).is_some(), "the wire is whole again");
    // What was set down is set up when the sensor leaves.
    host(Place::Right, "down");
    sensor.wait_for("note: one set down: two has no carrier");
    let (status, _, said) = sensor.end("TERM");
    assert_eq!((status.code(), link("one")), (Some(0), Link::Up), "{said}");
}

#[test]
fn a_policy_swap_under_load_loses_nothing_and_an_invalid_policy_changes_nothing() {
    let Some(ground) = Ground::make() else { return };
    let policy = ground.file("policy.yaml", POLICY);
    let sensor = Sensor::start(&ground, "inline", &policy, &[]);
    let closed =
        POLICY.replace("service: dicom }", "service: [dicom, smb] }").replace("id: store", "id: stored");
    let frames = Stream::new(&ground).during(|| {
        for number in 1..=20 {
            let text = if number % 2 == 1 { &closed } else { POLICY };
            ground.file("policy.yaml", text);
            sensor.signal("HUP");
            for _ in 0..PATIENCE.as_millis() {
                if sensor.said().matches("note: policy replaced").count() == number {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        ground.file("policy.yaml", "version: 1\nallow: [ { from: nobody } ]\n");
        sensor.signal("HUP");
        sensor.wait_for("warning: the policy was NOT replaced");
    });
    assert!(frames > 2000, "{frames}");
    assert_eq!(ground.transfer(445, b"SMB"), None, "the last good policy is in force");
    assert_eq!(ground.transfer(104, b"C-ECHO"), Some(b"C-ECHO".to_vec()));
    let (_, summary, said) = sensor.end("TERM");
    assert_eq!(said.matches("note: policy replaced").count(), 20, "{said}");
    assert!(said.contains("nobody"), "the mistake is told: {said}");
    // Counted by name across policies: no frame of the stream is missing.
    let rules = summary["rules"].as_array().unwrap();
    let counted =
        |name: &str| rules.iter().find(|row| row["rule"] == name).unwrap()["packets"].as_u64().unwrap();
    let (store, stored) = (counted("store"), counted("stored"));
    assert!(store > 0 && stored > 0, "{store}, {stored}");
    assert!(store + stored >= u64::from(frames), "{store} and {stored} of {frames}");
}

#[test]
fn a_killed_sensor_changes_nothing_on_the_wire_and_the_next_one_takes_over_without_a_gap() {
    let Some(ground) = Ground::make() else { return };
    let policy = ground.file("policy.yaml", POLICY);
    let first = Sensor::start(&ground, "inline", &policy, &[]);
    let mut second = None;
    let frames = Stream::new(&ground).during(|| {
        let (status, _, _) = first.end("KILL");
        assert_eq!(status.signal(), Some(9));
        // The last policy goes on, for new flows too.
        assert!(ground.transfer(104, &mebibyte()).is_some());
        assert_eq!(ground.transfer(445, b"SMB"), None);
        second = Some(Sensor::start(&ground, "inline", &policy, &[]));
    });
    let second = second.unwrap();
    assert!(second.said().contains("note: one: took over from the sensor before"), "{}", second.said());
    assert_eq!(ground.transfer(445, b"SMB"), None);
    let (status, summary, said) = second.end("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(
        summary["generation"], 4,
        "the memory is the same: its policy was the third, this is the fourth"
    );
    let replies = summary["rules"].as_array().unwrap().iter().find(|row| row["rule"] == "store").unwrap();
    assert!(
        replies["packets"].as_u64().unwrap() > 100,
        "it counts what it judges itself: {summary}, {frames} in all"
    );
    assert!(!ground.pins().exists(), "the one that took over takes away");
    // Also what the first one had changed.
    let port = ground.inside(Place::Sensor, || Interface::named("one")).unwrap().unwrap();
    assert_eq!((port.has_program, port.reception()), (Occupied::No, Reception::Own));
}

#[test]
fn where_the_memory_cannot_be_taken_over_a_new_one_begins_and_is_exchanged_without_a_gap() {
    let Some(ground) = Ground::make() else { return };
    let policy = ground.file("policy.yaml", POLICY);
    let first = Sensor::start(&ground, "inline", &policy, &[]);
    let mut second = None;
    Stream::new(&ground).during(|| {
        first.end("KILL");
        // As if it had another layout: then it is let go of first.
        std::fs::remove_file(ground.pins().join("STATE")).unwrap();
        second = Some(Sensor::start(&ground, "inline", &policy, &[]));
    });
    let second = second.unwrap();
    assert!(second.said().contains("note: two: took over from the sensor before"), "{}", second.said());
    assert_eq!(ground.transfer(445, b"SMB"), None);
    let (_, summary, said) = second.end("TERM");
    assert_eq!(summary["generation"], 3, "it begins anew: {said}");
}
