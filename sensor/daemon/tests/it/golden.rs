//! What a replay counts equals what other programs counted, and is the same every time.

use crate::build::{Folder, gzip, pcap, zstd};
use crate::conform::assert_folder_conforms;
use crate::read::{read, wardline};
use crate::run::{Run, assert_same_bytes, assert_the_accused_are_listed, learned, sample_policy, text};
use crate::truth::captures;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::PathBuf;

/// How often each thing occurs.
type Bag<T> = BTreeMap<T, u64>;

fn bag<T: Ord>(things: impl IntoIterator<Item = T>) -> Bag<T> {
    let mut bag = Bag::new();
    for thing in things {
        *bag.entry(thing).or_default() += 1;
    }
    bag
}

/// Collects what differs.
struct Differences(Vec<String>);

impl Differences {
    fn expect<T: PartialEq + Debug>(&mut self, what: &str, got: &T, truth: &T) {
        if got != truth {
            self.0.push(format!("{what}: {got:?} instead of {truth:?}"));
        }
    }

    /// Only what is too many or too few is told.
    fn expect_bag<T: Ord + Debug + Clone>(&mut self, what: &str, got: &Bag<T>, truth: &Bag<T>) {
        let things: BTreeSet<&T> = got.keys().chain(truth.keys()).collect();
        for thing in things {
            let of = |bag: &Bag<T>| bag.get(thing).copied().unwrap_or_default();
            self.expect(&format!("{what} {thing:?}"), &of(got), &of(truth));
        }
    }
}

/// Text as a comparable value: the truth writes what is not there as empty or null.
fn said(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// How the run differs from the truth.
fn differences(run: &Run, truth: &Value) -> Vec<String> {
    let mut found = Differences(Vec::new());
    let summary = &run.summary;
    found.expect("packets", &summary["packets"], &truth["packets"]);
    for bytes in ["data_bytes", "bytes"].iter().filter_map(|name| truth.get(*name)) {
        found.expect("bytes", &summary["bytes"], bytes);
    }
    for protocol in ["tcp", "udp"] {
        let told = truth.get(format!("flows_{protocol}")).or_else(|| truth["flow_keys"].get(protocol));
        if let Some(keys) = told {
            found.expect(protocol, &summary["flow_keys"][protocol], keys);
        }
    }
    if let Some(reassembled) = truth.get("dicom_reassembled") {
        let sessions = run.sessions("dicom");
        dicom_counts(&mut found, &sessions, reassembled);
        if let Some(associations) = truth["dicom"]["associations"].as_array() {
            dicom_titles(&mut found, &sessions, associations);
        }
    }
    if let Some(messages) = truth["hl7"]["mllp_messages"].as_array() {
        hl7_messages(&mut found, &run.sessions("hl7"), messages);
    }
    if let Some(codes) = truth["hl7_messages"].as_object() {
        hl7_codes(&mut found, &run.sessions("hl7"), codes);
    }
    found.0
}

/// Associations and the requests of every DIMSE command. The truth is flat, or parted into PDUs and commands.
fn dicom_counts(found: &mut Differences, sessions: &[Value], truth: &Value) {
    let ops = bag(sessions.iter().map(|row| row["op"].as_str().unwrap().to_owned()));
    let of = |op: &str| ops.get(op).copied().unwrap_or_default();
    let commands = truth.get("dimse_counts").unwrap_or(truth).as_object().unwrap();
    let requests: Bag<String> = commands
        .iter()
        .filter_map(|(name, count)| Some((name.strip_suffix("-RQ")?.to_lowercase(), count.as_u64()?)))
        .collect();
    let seen = ops.iter().filter(|(op, _)| op.starts_with("c-") || op.starts_with("n-"));
    let seen = seen.filter(|(op, _)| *op != "c-cancel").map(|(op, count)| (op.clone(), *count)).collect();
    found.expect_bag("DIMSE", &seen, &requests);
    if let Some(count) = truth["associations"].as_u64() {
        found.expect("associations", &(of("associate") + of("reject")), &count);
    }
    if let Some(pdus) = truth.get("pdu_counts") {
        let told = |name: &str| pdus[name].as_u64().unwrap_or_default();
        found.expect("associations", &(of("associate") + of("reject")), &told("A-ASSOCIATE-RQ"));
        found.expect("rejects", &of("reject"), &told("A-ASSOCIATE-RJ"));
        found.expect("releases", &of("release"), &told("A-RELEASE-RQ"));
        found.expect("aborts", &of("abort"), &told("A-ABORT"));
    }
}

fn dicom_titles(found: &mut Differences, sessions: &[Value], truth: &[Value]) {
    let asked = sessions.iter().filter(|row| row["op"] == "associate" || row["op"] == "reject");
    let asked = asked.map(|row| (said(&row["fields"]["calling_aet"]), said(&row["fields"]["called_aet"])));
    let told = truth.iter().map(|row| (said(&row["calling_ae"]), said(&row["called_ae"])));
    found.expect_bag("AE titles", &bag(asked), &bag(told));
}

fn hl7_messages(found: &mut Differences, sessions: &[Value], truth: &[Value]) {
    let text = |row: &Value, names: &[&str]| names.iter().map(|name| said(&row[*name])).collect::<Vec<_>>();
    let seen = sessions.iter().map(|row| {
        let fields = &row["fields"];
        let names = ["message_type", "control_id", "sending_application", "version", "acked_control_id"];
        // A message's row carries its acknowledgment's code too.
        let code = if row["op"] == "ack" { said(&fields["ack_code"]) } else { None };
        (text(fields, &names), code, fields["bytes"].as_u64(), fields["segments"].as_u64())
    });
    let told = truth.iter().map(|row| {
        let segments = row["segments"].as_array().map(|segments| segments.len() as u64);
        let names = ["type", "control_id", "sending_app", "version", "acks_control_id"];
        (text(row, &names), said(&row["ack_code"]), row["bytes"].as_u64(), segments)
    });
    found.expect_bag("HL7", &bag(seen), &bag(told));
}

/// Messages by the first component of their type.
fn hl7_codes(found: &mut Differences, sessions: &[Value], truth: &serde_json::Map<String, Value>) {
    let code = |row: &Value| said(&row["fields"]["message_type"]).unwrap_or_default();
    let seen = sessions.iter().map(|row| code(row).split('^').next().unwrap_or_default().to_owned());
    let told = truth.iter().map(|(code, count)| (code.clone(), count.as_u64().unwrap())).collect();
    found.expect_bag("HL7", &bag(seen), &told);
}

#[test]
fn every_capture_of_the_field_counts_as_its_truth_says() {
    let mut wrong = Vec::new();
    let all = captures("counts of the captures of the field");
    for (path, truth) in &all {
        match Run::attempt(&[text(path)]) {
            Ok(run) => {
                let told = differences(&run, truth).into_iter();
                wrong.extend(told.map(|what| format!("{}: {what}", path.display())));
            }
            Err(ran) => wrong.push(format!("{}: exit {}: {}", path.display(), ran.code, ran.stderr)),
        }
    }
    assert!(wrong.is_empty(), "{} differences in {} captures:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    for (told, least) in [("dicom_reassembled", 5), ("hl7", 4), ("flows_tcp", 100)] {
        let count = all.iter().filter(|(_, truth)| truth.get(told).is_some()).count();
        assert!(
            all.is_empty() || count >= least,
            "only {count} truths tell `{told}`: the comparison is hollow"
        );
    }
}

#[test]
fn every_capture_of_the_field_gives_with_policy_and_baseline_what_the_schemas_promise() {
    let folder = Folder::new();
    let (policy, baseline) = (sample_policy(), learned(&folder));
    for (path, truth) in captures("output of the captures of the field") {
        let run = Run::of(&[text(&path), "--policy", text(&policy), "--baseline", text(&baseline)]);
        assert_eq!(run.summary["packets"], truth["packets"], "{}", path.display());
        assert_folder_conforms(&run.dir());
        assert_the_accused_are_listed(&run.dir());
    }
}

#[test]
fn the_recorded_hospital_counts_as_its_truth_says() {
    let hospital = fixtures::hospital();
    let truth: Value = serde_json::from_slice(&std::fs::read(&hospital.truth).unwrap()).unwrap();
    for told in ["bytes", "flow_keys", "dicom_reassembled", "hl7_messages"] {
        assert!(truth.get(told).is_some(), "the truth no longer tells `{told}`");
    }
    let run = Run::of(&[text(&hospital.capture)]);
    let wrong = differences(&run, &truth);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_count_is_told() {
    let hospital = fixtures::hospital();
    let run = Run::of(&[text(&hospital.capture)]);
    let mut truth: Value = serde_json::from_slice(&std::fs::read(&hospital.truth).unwrap()).unwrap();
    truth["flow_keys"]["udp"] = 1.into();
    truth["dicom_reassembled"]["C-FIND-RQ"] = 332.into();
    truth["dicom_reassembled"]["C-GET-RQ"] = 1.into();
    truth["hl7_messages"]["ADT"] = 142.into();
    let wrong = differences(&run, &truth);
    assert_eq!(wrong.len(), 4, "{wrong:?}");
}

#[test]
fn two_replays_with_policy_and_baseline_write_the_same_bytes_and_what_the_schemas_promise() {
    let folder = Folder::new();
    let (capture, policy, baseline) = (fixtures::hospital().capture, sample_policy(), learned(&folder));
    let arguments = [text(&capture), "--policy", text(&policy), "--baseline", text(&baseline)];
    let (one, other) = (Run::of(&arguments), Run::of(&arguments));
    assert_same_bytes(&one, &other);
    assert_eq!(one.ran.stdout, other.ran.stdout);
    assert_folder_conforms(&one.dir());
    assert_the_accused_are_listed(&one.dir());
    for file in ["flows.jsonl", "sessions.jsonl", "verdicts.jsonl", "incidents.jsonl", "devices.jsonl"] {
        assert!(!one.rows(file).is_empty(), "{file} is empty");
    }
    assert_eq!(std::fs::read(&baseline).unwrap(), std::fs::read(learned(&Folder::new())).unwrap());
}

/// The recorded hospital's first frames dealt out to three captures, with so coarse a clock that many times are equal.
fn dealt(folder: &Folder) -> Vec<PathBuf> {
    const FRAMES: usize = 20_000;
    const TICK: u64 = 10_000_000;
    let (seen, _) = read(&[fixtures::hospital().capture]).unwrap();
    let mut hands = [const { Vec::new() }; 3];
    for (number, frame) in seen.iter().take(FRAMES).enumerate() {
        // Runs of unequal length, so that no capture is like another.
        hands[number / 7 % 3].push((frame.at / TICK * TICK, frame.bytes.as_slice()));
    }
    let names = ["c.pcap", "a.pcap", "b.pcap"];
    names.iter().zip(&hands).map(|(name, hand)| folder.file(name, &pcap(hand))).collect()
}

#[test]
fn the_order_of_captures_on_the_command_line_does_not_matter() {
    let folder = Folder::new();
    let dealt = dealt(&folder);
    let [one, two, three] = [0, 1, 2].map(|place| text(&dealt[place]));
    let policy = sample_policy();
    let run = |order: [&str; 3]| Run::of(&[&order[..], &["--policy", text(&policy)]].concat());
    let first = run([one, two, three]);
    assert_eq!(first.summary["packets"], 20_000);
    for order in [[three, two, one], [two, one, three], [two, three, one]] {
        assert_same_bytes(&first, &run(order));
    }
    let learn = |order: [&str; 3]| {
        let out = folder.path().join("learned");
        let ran = wardline(&[&["learn", "--out", text(&out)], &order[..]].concat(), b"");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        std::fs::read(out).unwrap()
    };
    assert_eq!(learn([one, two, three]), learn([three, one, two]));
}

#[test]
fn damaged_captures_in_another_order_give_the_same_notes() {
    let folder = Folder::new();
    let dealt = dealt(&folder);
    for path in &dealt[..2] {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 5]).unwrap();
    }
    let [one, two] = [text(&dealt[0]), text(&dealt[1])];
    let (run, other) = (Run::of(&[one, two]), Run::of(&[two, one]));
    assert_eq!(run.summary["notes"].as_array().unwrap().len(), 2, "{}", run.summary);
    assert_same_bytes(&run, &other);
}

#[test]
fn how_a_capture_is_packed_changes_nothing() {
    let folder = Folder::new();
    let (seen, _) = read(&[fixtures::hospital().capture]).unwrap();
    let frames: Vec<(u64, &[u8])> = seen.iter().map(|frame| (frame.at, frame.bytes.as_slice())).collect();
    let plain = pcap(&frames);
    let packed = [("plain", plain.clone()), ("gz", gzip(&plain)), ("zst", zstd(&plain, 27))];
    let recorded = Run::of(&[text(&fixtures::hospital().capture)]);
    for (name, bytes) in packed {
        assert_same_bytes(&recorded, &Run::of(&[text(&folder.file(name, &bytes))]));
    }
}
