//! Whatever the input is: a clear message or a counted fact, the right exit code, output up to that point, no panic
//! (which `wardline` asserts of every run), and bounded memory.

use crate::build::{Endian, Folder, MICRO, NANO, Pcap, pcap};
use crate::read::{Ran, Seen, read, wardline};
use crate::run::{Run, assert_the_accused_are_listed, learned, sample_policy, text};
use fixtures::capture::{self, Format, Frame, Recording};
use fixtures::random::Random;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// The recorded hospital's first frames.
fn hospital(frames: usize) -> Vec<Frame> {
    let (seen, _) = read(&[fixtures::hospital().capture]).unwrap();
    let first = seen.into_iter().take(frames);
    first.map(|Seen { at, bytes, .. }| Frame { at, bytes }).collect()
}

const NANOS: Format = Format::PcapNanos(capture::Endian::Little);

fn refused(ran: Result<Run, Ran>, code: i32, words: &[&str]) {
    let Err(ran) = ran else { panic!("not refused, for {words:?}") };
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "no `{word}`: {}", ran.stderr);
    }
}

#[test]
fn inputs_that_are_no_captures_leave_no_output_folder() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let notes = folder.file("notes.txt", b"dear diary\n");
    let empty = folder.file("empty.pcap", b"");
    for input in [text(&notes), text(&empty), "/nowhere.pcap"] {
        let ran = wardline(&["replay", "--out", text(&out), input], b"");
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(input), "{}", ran.stderr);
        assert!(!out.exists(), "{input} was refused, and a result written");
    }
}

#[test]
fn a_capture_without_frames_gives_a_whole_folder_without_rows() {
    let run = Run::of_bytes(&pcap(&[]), &[]);
    crate::conform::assert_folder_conforms(&run.dir());
    assert_eq!(run.summary["packets"], 0);
    assert_eq!(run.summary["flows"], 0);
    assert_eq!(run.summary["notes"].as_array().unwrap().len(), 1, "{}", run.summary);
}

#[test]
fn a_packet_of_four_gigabytes_ends_the_capture_and_what_came_before_is_kept() {
    let frames = hospital(500);
    let before = capture::write(NANOS, &frames);
    let whole = Run::of_bytes(&before, &[]);
    let mut bytes = before;
    for value in [1_795_508_000_u32, 0, u32::MAX, u32::MAX] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([7; 5000]);
    let run = Run::of_bytes(&bytes, &[]);
    let notes = run.summary["notes"].to_string();
    assert!(notes.contains("500 frames") && notes.contains("4294967295"), "{notes}");
    assert!(run.ran.stderr.contains("4294967295"), "{}", run.ran.stderr);
    for file in ["flows.jsonl", "sessions.jsonl", "devices.jsonl"] {
        assert_eq!(run.rows(file), whole.rows(file), "{file}");
        assert!(!run.rows(file).is_empty(), "{file}");
    }
}

#[test]
fn a_capture_cut_in_a_packet_gives_what_the_frames_before_the_cut_give() {
    let frames = hospital(2000);
    let bytes = capture::write(NANOS, &frames);
    let last = frames.last().unwrap().bytes.len();
    let cut = Run::of_bytes(&bytes[..bytes.len() - last / 2], &[]);
    let whole = Run::of_bytes(&capture::write(NANOS, &frames[..1999]), &[]);
    assert_eq!(cut.summary["packets"], 1999);
    assert_eq!(cut.summary["notes"].as_array().unwrap().len(), 1);
    for file in ["flows.jsonl", "sessions.jsonl", "incidents.jsonl", "devices.jsonl"] {
        assert_eq!(cut.rows(file), whole.rows(file), "{file}");
    }
}

/// What a flow row says below the payload.
fn volume(row: &Value) -> String {
    let fields = ["id", "ts_first", "ts_last", "proto", "packets", "bytes", "state", "community_id", "end"];
    let said: Vec<String> = fields.iter().map(|field| row.get(*field).unwrap().to_string()).collect();
    format!("{} {}:{}", said.join(" "), row["client"]["ip"], row["client"]["port"])
}

#[test]
fn a_snaplen_of_64_changes_no_packet_byte_or_key() {
    let frames = hospital(20_000);
    let whole = Run::of_bytes(&capture::write(NANOS, &frames), &[]);
    let recording = Recording { snaplen: 64, ..Recording::default() };
    let cut = Run::of_bytes(&capture::write_as(NANOS, recording, &frames), &[]);
    for field in ["packets", "bytes", "flow_keys", "ts_first", "ts_last", "flows"] {
        assert_eq!(cut.summary[field], whole.summary[field], "{field}");
    }
    let short = frames.iter().filter(|frame| frame.bytes.len() > 64).count();
    assert_eq!(cut.summary["frames"]["short"], short);
    let volumes = |run: &Run| run.rows("flows.jsonl").iter().map(volume).collect::<Vec<_>>();
    let (cut, whole) = (volumes(&cut), volumes(&whole));
    let differing: Vec<_> = cut.iter().zip(&whole).filter(|(cut, whole)| cut != whole).take(5).collect();
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn time_that_runs_backwards_loses_no_frame_and_makes_no_negative_time() {
    let mut frames = hospital(20_000);
    let times: Vec<u64> = frames.iter().rev().map(|frame| frame.at).collect();
    let earliest = *times.last().unwrap();
    let (first, all) = (times[0], frames.iter().map(|frame| frame.bytes.len() as u64).sum::<u64>());
    for (frame, at) in frames.iter_mut().zip(times) {
        frame.at = at;
    }
    let run = Run::of_bytes(&capture::write(NANOS, &frames), &["--policy", text(&sample_policy())]);
    crate::conform::assert_folder_conforms(&run.dir());
    assert_eq!(run.summary["packets"], 20_000);
    assert_eq!(run.summary["bytes"], all);
    #[expect(clippy::cast_precision_loss, reason = "a comparison of seconds")]
    let span = (first - earliest) as f64 / 1e9;
    for row in run.rows("flows.jsonl") {
        let duration = row["duration_s"].as_f64().unwrap();
        assert!((0.0..=span).contains(&duration), "{row}");
        assert!(row["arrivals"]["max_s"].as_f64().unwrap_or_default() <= span, "{row}");
    }
}

#[test]
fn a_clock_that_jumps_about_is_survived() {
    let mut frames = hospital(5000);
    let mut random = Random::seeded(11);
    for frame in &mut frames {
        if random.happens(20) {
            frame.at = random.below(u64::from(u32::MAX)) * NANO;
        }
    }
    let folder = Folder::new();
    let (policy, baseline) = (sample_policy(), learned(&folder));
    let options = ["--policy", text(&policy), "--baseline", text(&baseline)];
    let run = Run::of_bytes(&capture::write(NANOS, &frames), &options);
    crate::conform::assert_folder_conforms(&run.dir());
    assert_eq!(run.summary["packets"], 5000);
}

#[test]
fn hl7_in_syn_segments_is_no_session() {
    let Some(data) = fixtures::captures("HL7 in SYN segments") else { return };
    let run = Run::of(&[text(&data.join("hl7/mpa_replay_attack_synthetic.pcap"))]);
    assert!(run.summary["packets"].as_u64().unwrap() > 0);
    assert!(run.sessions("hl7").is_empty());
    crate::conform::assert_folder_conforms(&run.dir());
}

/// Runs and measures the child's greatest memory, in MiB, as the kernel tells it while it runs.
#[cfg(target_os = "linux")]
fn peak(arguments: &[&str]) -> (i32, u64) {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_wardline"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The mark is kept by the kernel, so that only what comes after the last look is missed.
        let told = std::fs::read_to_string(&status).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().unwrap(), peak / 1024);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_flood_from_spoofed_sources_is_finished_in_bounded_memory() {
    let Some(data) = fixtures::captures("memory under a flood from spoofed sources") else { return };
    let folder = Folder::new();
    let flood = data.join("attack_dos/stopddos_synflood_spoofed.pcap");
    let (policy, baseline, out) = (sample_policy(), learned(&folder), folder.path().join("out"));
    let options = ["--policy", text(&policy), "--baseline", text(&baseline), "--out", text(&out)];
    let (code, mebibytes) = peak(&[&["replay", "-q", text(&flood)], &options[..]].concat());
    assert_eq!(code, 0);
    assert!((1..300).contains(&mebibytes), "{mebibytes} MiB");
    assert_few_incidents(&summary_in(&out));
    assert_the_accused_are_listed(&out);
}

#[cfg(target_os = "linux")]
fn summary_in(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap()
}

/// A flood is one incident, and a few that lead to it: not one for each made-up address.
#[cfg(target_os = "linux")]
fn assert_few_incidents(summary: &Value) {
    let counts = summary["incidents"].as_object().unwrap().values();
    let incidents: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
    assert!((1..20).contains(&incidents), "{summary}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_million_spoofed_sources_take_no_more_memory_than_the_tables_have() {
    use fixtures::frames::{Envelope, Host, Segment, flag};
    use std::net::{IpAddr, Ipv4Addr};
    const SOURCES: u32 = 1_000_000;
    let folder = Folder::new();
    let victim = Host::numbered(7);
    let mut bytes = Pcap::new(Endian::Little, MICRO, 1);
    for number in 0..SOURCES {
        let [_, a, b, c] = number.to_be_bytes();
        // A source that is routed keeps its own address and the router's MAC.
        let source = Host::new([2, 0, 0, 0, 0, 1], IpAddr::V4(Ipv4Addr::new(198, a, b, c)));
        let segment =
            Segment { source_port: 1024, destination_port: 104, flags: flag::SYN, ..Segment::default() };
        let frame = Envelope::between(source, victim).tcp(&segment, &[]);
        bytes = bytes.frame(capture::START + u64::from(number) * 10_000, &frame);
    }
    let flood = folder.file("flood.pcap", &bytes.bytes);
    let out = folder.path().join("out");
    let baseline = learned(&folder);
    let options = ["--baseline", text(&baseline), "--out", text(&out)];
    let (code, mebibytes) = peak(&[&["replay", "-q", text(&flood)], &options[..]].concat());
    assert_eq!(code, 0);
    assert!((1..300).contains(&mebibytes), "{mebibytes} MiB");
    let summary = summary_in(&out);
    assert_few_incidents(&summary);
    assert_the_accused_are_listed(&out);
    assert_eq!(summary["packets"], SOURCES);
    assert_eq!(summary["flow_keys"]["tcp"], SOURCES, "{summary}");
    assert_ne!(summary["overflows"].as_object().unwrap().len(), 0, "what reached a bound is told: {summary}");
}

#[test]
fn an_output_folder_that_cannot_be_made_is_told_before_anything_is_read() {
    let folder = Folder::new();
    let file = folder.file("taken", b"mine");
    let capture = folder.file("a.pcap", &pcap(&[(1, b"frame")]));
    for out in [file.clone(), file.join("below")] {
        let ran = wardline(&["replay", text(&capture), "--out", text(&out)], b"");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("taken"), "{}", ran.stderr);
    }
    let ran = wardline(&["learn", text(&capture), "--out", text(&file.join("below"))], b"");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(std::fs::read(file).unwrap(), b"mine");
}

#[test]
fn a_full_disk_is_told() {
    if !Path::new("/dev/full").exists() {
        eprintln!("SKIPPED: no /dev/full here");
        return;
    }
    #[cfg(unix)]
    {
        let folder = Folder::new();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::os::unix::fs::symlink("/dev/full", out.join("flows.jsonl")).unwrap();
        let ran = wardline(&["replay", text(&fixtures::hospital().capture), "--out", text(&out)], b"");
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("flows.jsonl"), "{}", ran.stderr);
        assert!(!out.join("summary.json").exists(), "a run that failed has no summary");
    }
}

#[test]
fn an_invalid_policy_is_refused_with_every_mistake_and_its_place() {
    let folder = Folder::new();
    let capture = folder.file("a.pcap", &pcap(&[(1, b"frame")]));
    let mistakes = b"version: 1\nsegmments: {}\nsegments:\n  a: { match: { ip: 10.0.0.0/99 } }\nallow:\n  - { id: x, from: nobody, to: a, service: any }\n";
    let policy = folder.file("bad.yaml", mistakes);
    let ran = Run::attempt(&[text(&capture), "--policy", text(&policy)]);
    refused(
        ran,
        3,
        &["bad.yaml:2:", "bad.yaml:4:", "bad.yaml:6:", "segmments", "10.0.0.0/99", "nobody", "^"],
    );
    let missing = Run::attempt(&[text(&capture), "--policy", "/nowhere.yaml"]);
    refused(missing, 2, &["/nowhere.yaml"]);
}

#[test]
fn an_invalid_baseline_is_refused_with_a_remedy() {
    let folder = Folder::new();
    let capture = folder.file("a.pcap", &pcap(&[(1, b"frame")]));
    let good = std::fs::read(learned(&folder)).unwrap();
    let attempt = |bytes: &[u8]| {
        let baseline = folder.file("tried", bytes);
        Run::attempt(&[text(&capture), "--baseline", text(&baseline)])
    };
    assert!(attempt(&good).is_ok());
    let remedy = ["tried: ", "wardline learn"];
    refused(attempt(b""), 3, &remedy);
    refused(attempt(b"no baseline at all"), 3, &remedy);
    refused(attempt(&Random::seeded(1).bytes(5000)), 3, &remedy);
    for len in [1, 7, 16, good.len() / 2, good.len() - 1] {
        refused(attempt(&good[..len]), 3, &remedy);
    }
    refused(attempt(&[&good[..], b"more"].concat()), 3, &remedy);
    let missing = Run::attempt(&[text(&capture), "--baseline", "/nowhere.baseline"]);
    refused(missing, 2, &["/nowhere.baseline"]);
    // Every byte counts: the version among the first ones, and the content behind them.
    let mut random = Random::seeded(2);
    let places: BTreeSet<usize> =
        (0..16).chain((0..20).map(|_| usize::try_from(random.below(good.len() as u64)).unwrap())).collect();
    for place in places {
        let mut bytes = good.clone();
        bytes[place] ^= 0x41;
        refused(attempt(&bytes), 3, &remedy);
    }
}

#[test]
fn a_span_without_an_instant_is_refused_and_one_without_a_frame_is_empty() {
    let folder = Folder::new();
    let capture = folder.file("a.pcap", &capture::write(NANOS, &hospital(10)));
    let span = |from: &str, to: &str| Run::attempt(&[text(&capture), "--from", from, "--to", to]);
    refused(span("2026-11-24T09:00:00Z", "2026-11-24T08:00:00Z"), 2, &["--to must lie after --from"]);
    refused(span("1795507200", "1795507200"), 2, &["--to must lie after --from"]);
    let Ok(run) = span("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z") else {
        panic!("an empty span is no mistake")
    };
    assert_eq!(run.summary["packets"], 0);
    let ran = wardline(&["learn", text(&capture), "--to", "1", "--out", text(&folder.path().join("b"))], b"");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing to learn from"), "{}", ran.stderr);
}

/// Turns bits of some bytes of most frames, and cuts and stretches a few.
fn mutate(frames: &mut [Frame], random: &mut Random) {
    for frame in frames {
        for _ in 0..random.below(4) {
            let place = usize::try_from(random.below(frame.bytes.len() as u64)).unwrap();
            // Headers are as likely as all of a long payload.
            let place = if random.happens(500) { place % 80 } else { place };
            if let Some(byte) = frame.bytes.get_mut(place) {
                *byte = random.bits().to_le_bytes()[0];
            }
        }
        if random.happens(20) {
            frame.bytes.truncate(usize::try_from(random.below(frame.bytes.len() as u64)).unwrap());
        }
        if random.happens(5) {
            frame.bytes.extend(random.bytes(100));
        }
    }
}

#[test]
fn mutated_frames_are_replayed_to_the_end() {
    let folder = Folder::new();
    let (policy, baseline) = (sample_policy(), learned(&folder));
    let frames = hospital(3000);
    for seed in 0..10 {
        let mut random = Random::seeded(seed);
        let mut mutated = frames.clone();
        mutate(&mut mutated, &mut random);
        let options = ["--policy", text(&policy), "--baseline", text(&baseline)];
        let run = Run::of_bytes(&capture::write(NANOS, &mutated), &options);
        assert_eq!(run.summary["packets"], 3000, "seed {seed}");
        crate::conform::assert_folder_conforms(&run.dir());
    }
}

#[test]
fn captures_with_mutated_bytes_anywhere_are_replayed_or_refused() {
    let frames = hospital(1000);
    for (seed, format) in (0..10).zip([NANOS, Format::Pcapng(capture::Endian::Big)].into_iter().cycle()) {
        let mut random = Random::seeded(seed);
        let mut bytes = capture::write(format, &frames);
        for _ in 0..20 {
            let place = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[place] = random.bits().to_le_bytes()[0];
        }
        let folder = Folder::new();
        let capture = folder.file("mutated", &bytes);
        match Run::attempt(&[text(&capture)]) {
            Ok(run) => crate::conform::assert_folder_conforms(&run.dir()),
            Err(ran) => assert_eq!(ran.code, 2, "seed {seed}: {}", ran.stderr),
        }
    }
}
