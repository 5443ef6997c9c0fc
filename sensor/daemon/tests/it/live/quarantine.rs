//! Devices that are cut off by order, from the next frame on, across policies and processes.

use super::ground::{Ground, PATIENCE, Place, SILENCE, Tap, datagram};
use super::others::wardline;
use super::{POLICY, Sensor};
use crate::read::Ran;
use crate::run::text;
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Numbered datagrams of the left host, one after another without waiting for an answer.
struct Numbers {
    ends: AtomicBool,
    /// The last number that may have been sent by now.
    sent: AtomicU32,
    arrived: Mutex<Vec<u32>>,
}

impl Numbers {
    fn send(&self, mut tap: Tap) {
        for number in 1.. {
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            self.sent.store(number, Ordering::SeqCst);
            tap.send(&datagram(&[], 104, number, 60));
            thread::sleep(Duration::from_micros(20));
        }
    }

    fn receive(&self, mut tap: Tap) {
        tap.only_arriving();
        while !self.ends.load(Ordering::SeqCst) {
            match tap.next() {
                Some(frame) if frame.get(..12) == datagram(&[], 104, 0, 60).get(..12) => {
                    let number = frame.get(42..46).unwrap().try_into().unwrap();
                    self.arrived.lock().unwrap().push(u32::from_be_bytes(number));
                }
                Some(_) => {}
                None => thread::sleep(Duration::from_micros(100)),
            }
        }
    }

    fn now(&self) -> u32 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Waits until so many more were sent.
    fn go_on(&self, more: u32) {
        let until = self.now() + more;
        while self.now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until a number arrives that is larger.
    fn wait_beyond(&self, number: u32) {
        for _ in 0..PATIENCE.as_millis() {
            if self.arrived.lock().unwrap().last().is_some_and(|last| *last > number) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("nothing arrives beyond {number}");
    }

    /// Numbers that have arrived between two, both left out.
    fn between(&self, low: u32, high: u32) -> usize {
        self.arrived.lock().unwrap().iter().filter(|number| (low + 1..high).contains(number)).count()
    }
}

/// Runs something while numbers are sent.
fn under_numbers(ground: &Ground, act: impl FnOnce(&Numbers)) {
    struct End<'n>(&'n Numbers);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.ends.store(true, Ordering::SeqCst);
        }
    }
    let numbers =
        Numbers { ends: AtomicBool::new(false), sent: AtomicU32::new(0), arrived: Mutex::default() };
    let (left, right) = (ground.tap(Place::Left), ground.tap(Place::Right));
    thread::scope(|scope| {
        scope.spawn(|| numbers.receive(right));
        scope.spawn(|| numbers.send(left));
        let _end = End(&numbers);
        numbers.wait_beyond(100);
        act(&numbers);
    });
}

fn ask(ground: &Ground, arguments: &[&str]) -> Ran {
    let state = ground.state();
    wardline(ground, &[arguments, &["--state", text(&state)]].concat())
}

fn done(ran: Ran) -> String {
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

#[test]
fn a_quarantined_device_is_silent_when_the_command_returns_and_speaks_again_after_release_and_after_its_time()
{
    let Some(ground) = Ground::make() else { return };
    let sensor = Sensor::start(&ground, "inline", &ground.file("policy.yaml", POLICY), &[]);
    under_numbers(&ground, |numbers| {
        let before = numbers.now();
        let told = done(ask(&ground, &["quarantine", "10.0.0.1", "--reason", "scans the ward"]));
        let last = numbers.now();
        assert!(told.starts_with("quarantine: ip-10.0.0.1 until 2"), "{told}");
        assert!(told.ends_with(": scans the ward\n"), "{told}");
        numbers.go_on(3000);
        assert!(numbers.between(before, last) > 0, "it spoke until then");
        assert_eq!(numbers.between(last, u32::MAX), 0, "no number beyond {last} arrives");
        done(ask(&ground, &["release", "10.0.0.1"]));
        let (first, after) = (numbers.now(), 500);
        numbers.go_on(after);
        numbers.wait_beyond(first + after - 1);
        assert_eq!(
            numbers.between(first, first + after),
            usize::try_from(after).unwrap() - 1,
            "each one arrives"
        );
        // By its MAC address, and for a time.
        done(ask(&ground, &["quarantine", "02:00:00:00:00:01", "--ttl", "2s", "--reason", "a moment"]));
        let last = numbers.now();
        numbers.go_on(1000);
        assert_eq!(numbers.between(last, numbers.now()), 0);
        sensor.wait_for("note: quarantine ends: mac-020000000001 (released, its time is over)");
        numbers.wait_beyond(numbers.now());
    });
    let (_, summary, said) = sensor.end("TERM");
    assert!(said.contains("note: quarantine: ip-10.0.0.1 until "), "{said}");
    assert!(summary["others"]["in_quarantine"].as_u64().unwrap() > 3000, "{summary}");
}

#[test]
fn a_quarantine_outlasts_another_policy_a_killed_sensor_and_one_that_ended() {
    let Some(ground) = Ground::make() else { return };
    let policy = ground.file("policy.yaml", POLICY);
    let is_silent = |tap: &mut Tap| {
        let mut left = ground.tap(Place::Left);
        left.send(&datagram(&[], 104, 7, 60));
        let ours = |frame: &Vec<u8>| frame.get(..12) == datagram(&[], 104, 7, 60).get(..12);
        (0..4).all(|_| tap.wait(SILENCE / 4).is_none_or(|frame| !ours(&frame)))
    };
    let mut right = ground.tap(Place::Right);
    right.only_arriving();
    let sensor = Sensor::start(&ground, "inline", &policy, &[]);
    assert!(!is_silent(&mut right));
    done(ask(&ground, &["quarantine", "10.0.0.1", "--ttl", "1h", "--reason", "waits for its vendor"]));
    assert!(is_silent(&mut right));
    ground.file("policy.yaml", &POLICY.replace("id: store", "id: stored"));
    sensor.signal("HUP");
    sensor.wait_for("note: policy replaced");
    assert!(is_silent(&mut right), "under another policy");
    sensor.end("KILL");
    assert!(is_silent(&mut right), "while nobody runs");
    let sensor = Sensor::start(&ground, "inline", &policy, &[]);
    assert!(is_silent(&mut right), "after the next one took over");
    sensor.end("TERM");
    let sensor = Sensor::start(&ground, "inline", &policy, &[]);
    sensor.wait_for("note: quarantine: ip-10.0.0.1 until ");
    assert!(is_silent(&mut right), "in memory that began empty");
    let status: Value = serde_json::from_str(&done(ask(&ground, &["status", "--json"]))).unwrap();
    assert_eq!(status["quarantine"][0]["reason"], "waits for its vendor", "{status}");
    done(ask(&ground, &["release", "ip-10.0.0.1"]));
    assert!(!is_silent(&mut right));
}

#[test]
fn what_lives_may_depend_on_is_refused_without_force_and_so_is_what_is_no_device() {
    let Some(ground) = Ground::make() else { return };
    let critical = POLICY.replace("ct:   { match", "ct:   { life_critical: true, match");
    let policy = ground.file("policy.yaml", &critical);
    let nobody = ask(&ground, &["status"]);
    assert_eq!(nobody.code, 5, "{}", nobody.stderr);
    assert!(nobody.stderr.contains("is `wardline run` at work?"), "{}", nobody.stderr);
    let sensor = Sensor::start(&ground, "inline", &policy, &[]);
    let quarantine =
        |arguments: &[&str]| ask(&ground, &[&["quarantine"], arguments, &["--reason", "a test"]].concat());
    let refused = quarantine(&["10.0.0.1"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.contains("`ct`, which is life_critical"), "{}", refused.stderr);
    assert_eq!(quarantine(&["ff:ff:ff:ff:ff:ff"]).code, 4);
    assert_eq!(quarantine(&["pump"]).code, 2);
    assert_eq!(ask(&ground, &["release", "10.0.0.1"]).code, 2, "it is not in quarantine");
    done(quarantine(&["10.0.0.1", "--force"]));
    done(quarantine(&["10.0.0.2", "--ttl", "30d"]));
    let folder = std::fs::metadata(ground.state()).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&folder.permissions()) & 0o777, 0o700);
    // Another user does not even find it.
    let (binary, state) = (env!("CARGO_BIN_EXE_wardline"), ground.state());
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", binary, "status", "--state", text(&state)])
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let (status, _, said) = sensor.end("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(ask(&ground, &["status"]).code, 5, "nobody answers any more");
}

#[test]
fn the_status_tells_mode_ports_policy_frames_losses_and_quarantines() {
    let Some(ground) = Ground::make() else { return };
    let out = ground.state().with_file_name("out");
    let sensor =
        Sensor::start(&ground, "inline", &ground.file("policy.yaml", POLICY), &["--out", text(&out)]);
    assert!(ground.transfer(104, b"hello").is_some());
    // The inventory knows the other address by now, or soon.
    let mut row = Value::Null;
    for _ in 0..50 {
        row =
            serde_json::from_str(&done(ask(&ground, &["quarantine", "10.0.0.1", "--reason", "x", "--json"])))
                .unwrap();
        if row["addresses"].as_array().unwrap().len() == 2 {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(row["addresses"].as_array().unwrap().len(), 2, "{row}");
    assert_eq!(ground.transfer(104, b"hello"), None);
    let status: Value = serde_json::from_str(&done(ask(&ground, &["status", "--json"]))).unwrap();
    assert_eq!((&status["mode"], &status["ports"][1]["interface"]), (&"inline".into(), &"two".into()));
    assert_eq!(status["policy_hash"].as_str().unwrap().len(), 64);
    assert!(status["fates"]["allowed"].as_u64().unwrap() > 4, "{status}");
    assert!(status["others"]["in_quarantine"].as_u64().unwrap() > 0, "{status}");
    assert!(status["engine"]["seen"].as_u64().unwrap() > 4, "{status}");
    assert_eq!(status["engine"]["lost"], serde_json::json!({ "ring": 0, "capture": 0, "queue": 0 }));
    assert!(status["interface_drops"]["one"].is_u64(), "{status}");
    assert_eq!(status["quarantine"].as_array().unwrap().len(), 1, "{status}");
    let page = done(ask(&ground, &["status"]));
    for expected in ["mode inline, at work for ", "port one: native", "in quarantine\n  ip-10.0.0.1 (mac-"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    sensor.end("TERM");
}
