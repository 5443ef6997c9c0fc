//! What a running sensor makes of the frames that it sees.

use super::Sensor;
use super::ground::{Ground, PATIENCE, Place, Tap};
use crate::build::Folder;
use crate::run::{Run, rows, text};
use fixtures::capture::{Endian, Format, Frame, by_time, write};
use fixtures::frames::Host;
use fixtures::traffic::attacks::{arp_exchange, syn_scan};
use fixtures::traffic::{Conversation, dicom, hl7};
use serde_json::Value;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Who speaks here are made-up hosts, so that those of the ground do not answer.
const POLICY: &str = "version: 1
defaults: { between: deny, within: deny, unassigned: deny, mode: enforce }
segments:
  ct:   { match: { ip: 10.77.0.1 } }
  pacs: { match: { ip: 10.77.0.2 } }
allow:
  - { id: talk, from: ct, to: pacs, tcp: [104, 2575, 9999] }
";

/// More frames of a direction than are copied of a flow that nobody keeps.
const MANY: usize = 4500;

fn conversation(ports: (u16, u16)) -> Conversation {
    Conversation::between(Host::numbered(1), Host::numbered(2)).ports(ports.0, ports.1)
}

/// An image of many frames, a message, and something that nobody can read.
fn exchanges(port: u16) -> Vec<Frame> {
    let image = dicom::image("ACME", "CT-9000", MANY * 1460);
    let message = hl7::exchange(conversation((port + 1, 2575)), &[hl7::Message::default()], "AA");
    by_time(vec![
        dicom::store(conversation((port, 104)), &dicom::Association::default(), &[image]).frames(),
        message.frames(),
        conversation((port + 2, 9999)).client_says(&vec![0x55; 300 * 1460]).frames(),
    ])
}

/// Both hosts' interfaces.
struct Hosts {
    left: Tap,
    right: Tap,
}

impl Hosts {
    fn of(ground: &Ground) -> Hosts {
        let (mut left, mut right) = (ground.tap(Place::Left), ground.tap(Place::Right));
        left.only_arriving();
        right.only_arriving();
        Hosts { left, right }
    }

    /// Puts frames on the wire, those of the first host at the left, all others at the right; each has to arrive before the
    /// next is sent.
    fn play(&mut self, frames: &[Frame]) {
        for Frame { bytes, .. } in frames {
            let is_first = bytes[6..12] == Host::numbered(1).mac;
            let (from, to) =
                if is_first { (&mut self.left, &mut self.right) } else { (&mut self.right, &mut self.left) };
            from.send(bytes);
            // The hosts themselves speak too.
            let mut arrived = to.wait(PATIENCE);
            while arrived.as_ref().is_some_and(|arrived| arrived != bytes) {
                arrived = to.wait(PATIENCE);
            }
            assert!(arrived.is_some(), "lost: {:02x?}", bytes.get(..60));
        }
    }
}

/// Session rows without what differs from one day to the other.
fn timeless(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("ts").unwrap();
    }
    rows
}

fn replayed(frames: &[Frame], policy: &Path) -> Run {
    Run::of_bytes(&write(Format::PcapNanos(Endian::Little), frames), &["--policy", text(policy)])
}

/// Waits until a file has rows that please.
fn wait_for(file: &Path, pleases: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..PATIENCE.as_millis() / 10 {
        let whole = std::fs::read_to_string(file).unwrap_or_default();
        let rows: Vec<Value> = whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if pleases(&rows) {
            return rows;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{}: {:?}", file.display(), std::fs::read_to_string(file));
}

fn mode_writes_what_replay_writes(mode: &str) {
    let Some(ground) = Ground::make() else { return };
    if mode == "span" {
        super::others::bridge(&ground);
    }
    let (folder, policy) = (Folder::new(), ground.file("policy.yaml", POLICY));
    let out = folder.path().join("out");
    let sensor = Sensor::start(&ground, mode, &policy, &["--out", text(&out)]);
    let frames = exchanges(40_000);
    Hosts::of(&ground).play(&frames);
    wait_for(&out.join("sessions.jsonl"), |rows| rows.iter().any(|row| row["op"] == "c-store"));
    let (status, summary, said) = sensor.end("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
    let nothing = serde_json::json!({ "ring": 0, "capture": 0, "queue": 0 });
    assert_eq!(summary["engine"]["lost"], nothing, "{said}");
    let replay = replayed(&frames, &policy);
    let sessions = timeless(rows(&out.join("sessions.jsonl")));
    let expected = timeless(replay.rows("sessions.jsonl"));
    assert!(
        expected.iter().any(|row| row["op"] == "c-store") && expected.iter().any(|row| row["app"] == "hl7")
    );
    assert_eq!(sessions, expected);
    // Also of the flow that nobody reads every frame is counted; where frames are copied it says what was not seen.
    let key = |row: &Value| (row["client"]["port"].clone(), row["packets"].clone(), row["bytes"].clone());
    let sorted = |rows: Vec<Value>| {
        let mut keys: Vec<String> = rows.iter().map(|row| format!("{:?}", key(row))).collect();
        keys.sort();
        keys
    };
    let flows = rows(&out.join("flows.jsonl"));
    let unread = flows.iter().find(|row| row["client"]["port"] == 40_002).unwrap();
    assert_eq!(unread["visibility"], if mode == "span" { "full" } else { "gap" }, "{unread}");
    let read = flows.iter().find(|row| row["client"]["port"] == 40_000).unwrap();
    assert_eq!((&read["visibility"], &read["state"]), (&"full".into(), &"closed".into()), "{read}");
    let ours = |row: &Value| row["client"]["ip"].as_str().unwrap().starts_with("10.77.");
    let flows = flows.into_iter().filter(ours).collect();
    assert_eq!(sorted(flows), sorted(replay.rows("flows.jsonl")));
    assert!(rows(&out.join("devices.jsonl")).iter().any(|row| row["model"]["value"] == "CT-9000"));
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(written["policy_hash"], replay.summary["policy_hash"]);
    crate::conform::assert_folder_conforms(&out);
}

#[test]
fn in_the_wire_sessions_and_flows_are_those_that_a_replay_of_the_same_frames_gives() {
    mode_writes_what_replay_writes("inline");
}

#[test]
fn on_mirror_ports_sessions_and_flows_are_those_that_a_replay_of_the_same_frames_gives() {
    mode_writes_what_replay_writes("span");
}

#[test]
fn a_scan_that_the_policy_drops_is_an_incident_at_once_and_other_policies_name_other_rules() {
    let Some(ground) = Ground::make() else { return };
    let (folder, policy) = (Folder::new(), ground.file("policy.yaml", POLICY));
    let out = folder.path().join("out");
    let sensor = Sensor::start(&ground, "inline", &policy, &["--out", text(&out)]);
    let mut hosts = Hosts::of(&ground);
    hosts.play(&arp_exchange(Host::numbered(1), Host::numbered(2), 0));
    let targets: Vec<Host> = (10..60).map(Host::numbered).collect();
    for Frame { bytes, .. } in syn_scan(Host::numbered(1), &targets, &[22, 104, 445], &[], 0) {
        if bytes[6..12] == Host::numbered(1).mac {
            hosts.left.send(&bytes);
        }
    }
    let incidents = wait_for(&out.join("incidents.jsonl"), |rows| !rows.is_empty());
    assert_eq!(incidents[0]["source"]["ip"], "10.77.0.1", "{incidents:?}");
    assert!(!out.join("summary.json").exists(), "it runs still");
    sensor.wait_for("incident: i1, ");
    ground.file("policy.yaml", &POLICY.replace("id: talk", "id: talked"));
    sensor.signal("HUP");
    sensor.wait_for("note: policy replaced");
    // Once the engine knows it too.
    thread::sleep(Duration::from_millis(300));
    hosts.play(&conversation((41_000, 9999)).client_says(b"hello").frames());
    let (_, summary, said) = sensor.end("TERM");
    assert!(summary["engine"]["incidents"].as_u64().unwrap() >= 1, "{said}");
    let flows = rows(&out.join("flows.jsonl"));
    let talked = flows.iter().find(|row| row["client"]["port"] == 41_000).unwrap();
    let verdicts = rows(&out.join("verdicts.jsonl"));
    let verdict = verdicts.iter().find(|row| row["flow"] == talked["id"]).unwrap();
    assert_eq!(verdict["rule"], "talked", "{verdict}");
}

#[test]
fn what_was_copied_while_nobody_ran_is_read_by_the_next_sensor() {
    let Some(ground) = Ground::make() else { return };
    let (folder, policy) = (Folder::new(), ground.file("policy.yaml", POLICY));
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    Sensor::start(&ground, "inline", &policy, &["--out", text(&first)]).end("KILL");
    let message = hl7::exchange(conversation((40_000, 2575)), &[hl7::Message::default()], "AA").frames();
    Hosts::of(&ground).play(&message);
    let sensor = Sensor::start(&ground, "inline", &policy, &["--out", text(&second)]);
    assert!(sensor.said().contains("took over from the sensor before"), "{}", sensor.said());
    sensor.end("TERM");
    let expected = timeless(replayed(&message, &policy).rows("sessions.jsonl"));
    assert_eq!(timeless(rows(&second.join("sessions.jsonl"))), expected);
    assert!(!first.join("summary.json").exists(), "it was killed");
}
