//! Signals: the first one ends the reading and loses nothing of what was read, a second one ends the process, and the
//! one that nobody can catch leaves whole rows.

use crate::build::Folder;
use crate::read::{Ran, Seen, read};
use crate::run::{Run, learned, rows, sample_policy, text};
use fixtures::capture::{self, Endian, Format, Frame};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

const NANOS: Format = Format::PcapNanos(Endian::Little);

/// What is looked at again and again is looked at so often, and given up after that: a minute and more.
const LOOKS: u32 = 60_000;

fn hospital() -> Vec<Frame> {
    let (seen, _) = read(&[fixtures::hospital().capture]).unwrap();
    seen.into_iter().map(|Seen { at, bytes, .. }| Frame { at, bytes }).collect()
}

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wardline"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Waits until the child has taken the signals that it got: one that is still pending swallows the next of its kind
/// (signal(7); `/proc/PID/status` shows them).
fn taken(child: &Child) {
    let pending = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let masks = status.lines().filter_map(|line| line.split_once("Pnd:"));
        masks.into_iter().any(|(_, mask)| mask.trim().contains(|digit| digit != '0'))
    };
    for _ in 0..LOOKS {
        if !pending() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("a signal stays pending");
}

/// Waits for the child's end; one that does not end fails the test and not the suite.
fn end(child: &mut Child) -> ExitStatus {
    for _ in 0..LOOKS {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    panic!("it did not end");
}

/// Gives the frames to the standard input, two thirds of them before the signal and the rest after it.
///
/// When the two thirds are written, all but what pipes hold has been processed. The rest is more than they hold, so that
/// the end cannot be reached before the signal.
fn interrupt(name: &str, arguments: &[&str], frames: &[Frame]) -> Ran {
    let bytes = capture::write(NANOS, frames);
    let (before, after) = bytes.split_at(bytes.len() / 3 * 2);
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(before).unwrap();
    signal(&child, name);
    // It need not take them: it ends.
    drop(stdin.write_all(after));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    let code = output.status.code().unwrap_or_else(|| panic!("{}: {stderr}", output.status));
    Ran { code, stdout: String::from_utf8(output.stdout).unwrap(), stderr }
}

/// N of "interrupted by SIGINT after N frames; ...".
fn frames_read(note: &str, signal: &str) -> usize {
    let rest =
        note.strip_prefix(&format!("interrupted by {signal} after ")).unwrap_or_else(|| panic!("{note}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

fn summary(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn an_interrupted_replay_writes_all_that_the_frames_before_the_signal_give() {
    let frames = hospital();
    for (name, code) in [("SIGINT", 130), ("SIGTERM", 143)] {
        let folder = Folder::new();
        let (out, baseline, policy) = (folder.path().join("out"), learned(&folder), sample_policy());
        let options = ["--policy", text(&policy), "--baseline", text(&baseline)];
        let all = [&["replay", "-", "--json", "--out", text(&out)], &options[..]].concat();
        let ran = interrupt(name.trim_start_matches("SIG"), &all, &frames);
        assert_eq!(ran.code, code, "{}", ran.stderr);

        crate::conform::assert_folder_conforms(&out);
        let mut interrupted = summary(&out);
        assert_eq!(
            serde_json::from_str::<Value>(&ran.stdout).unwrap(),
            interrupted,
            "--json prints the same"
        );
        let notes = interrupted["notes"].take();
        let [note] = &notes.as_array().unwrap()[..] else { panic!("{notes}") };
        let note = note.as_str().unwrap();
        assert!(note.ends_with(" frames; the rest of the input was not read"), "{note}");
        assert!(ran.stderr.contains(&format!("note: {note}\n")), "{}", ran.stderr);

        let read = frames_read(note, name);
        assert!((frames.len() / 2..frames.len()).contains(&read), "{note}");
        let whole = Run::of_bytes(&capture::write(NANOS, &frames[..read]), &options);
        for file in ["flows", "sessions", "verdicts", "devices", "incidents"] {
            let file = format!("{file}.jsonl");
            assert!(
                fs::read(out.join(&file)).unwrap() == fs::read(whole.dir().join(&file)).unwrap(),
                "{file}"
            );
            assert!(!rows(&out.join(&file)).is_empty(), "{file}");
        }
        let mut expected = whole.summary.clone();
        expected["notes"].take();
        assert_eq!(interrupted, expected);
    }
}

#[test]
fn an_interrupted_replay_is_silent_if_asked_to_and_says_it_with_its_exit_code_and_summary() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let ran = interrupt("INT", &["replay", "-", "-q", "--out", text(&out)], &hospital());
    assert_eq!((ran.code, ran.stderr.as_str()), (130, ""));
    assert!(ran.stdout.contains("interrupted by SIGINT after "), "{}", ran.stdout);
    assert!(summary(&out)["notes"][0].as_str().unwrap().starts_with("interrupted by SIGINT"));
}

#[test]
fn an_interrupted_learn_writes_no_baseline_and_leaves_an_earlier_one() {
    let frames = hospital();
    for (name, code) in [("SIGINT", 130), ("SIGTERM", 143)] {
        let folder = Folder::new();
        let earlier = folder.file("site.baseline", b"earlier");
        let new = folder.path().join("new.baseline");
        for out in [&earlier, &new] {
            let ran = interrupt(name.trim_start_matches("SIG"), &["learn", "-", "--out", text(out)], &frames);
            assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
            let told = ran.stderr.lines().last().unwrap().strip_prefix("error: ").unwrap();
            assert!(told.ends_with(" frames; no baseline was written"), "{told}");
            assert!((frames.len() / 2..frames.len()).contains(&frames_read(told, name)), "{told}");
        }
        assert_eq!(fs::read(&earlier).unwrap(), b"earlier");
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["site.baseline"]);
    }
}

/// Gives whole frames and then nothing, without an end, and interrupts.
fn interrupt_silence(bytes: &[u8], out: &Path) -> (Ran, Value) {
    let mut child = start(&["replay", "-", "--out", text(out)]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(bytes).unwrap();
    for _ in 0..LOOKS {
        if out.join("devices.jsonl").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "INT");
    let status = end(&mut child);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let ran = Ran { code: status.code().unwrap(), stdout: String::from_utf8(output.stdout).unwrap(), stderr };
    (ran, summary(out))
}

#[test]
fn a_signal_ends_the_reading_of_a_silent_stream() {
    let frames = &hospital()[..100];
    let whole = capture::write(NANOS, frames);
    // Whole frames, a frame begun, and the same packed.
    for bytes in [&whole[..], &whole[..whole.len() - 5], &crate::build::gzip(&whole)[..]] {
        let folder = Folder::new();
        let (ran, summary) = interrupt_silence(bytes, &folder.path().join("out"));
        assert_eq!(ran.code, 130, "{}", ran.stderr);
        let notes = summary["notes"].as_array().unwrap();
        let [note] = &notes[..] else { panic!("{notes:?}") };
        let read = frames_read(note.as_str().unwrap(), "SIGINT");
        assert_eq!(summary["packets"], read);
        assert!(read <= 100, "{note}");
    }
}

#[test]
fn a_second_signal_ends_a_replay_that_cannot_go_on() {
    for [first, second] in [["INT", "INT"], ["INT", "TERM"], ["TERM", "INT"]] {
        let folder = Folder::new();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let pipe = out.join("flows.jsonl");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut child = start(&["replay", text(&fixtures::hospital().capture), "--out", text(&out)]);
        // Once the first byte is here, more rows are being written than a pipe holds, and nobody takes them.
        let mut rows = File::open(&pipe).unwrap();
        rows.read_exact(&mut [0]).unwrap();
        signal(&child, first);
        taken(&child);
        signal(&child, second);
        let status = end(&mut child);
        // One who asks for the cause of death is told the truth, and a shell makes 130 or 143 of it.
        assert!(matches!(status.signal(), Some(2 | 15)), "{first}, {second}: {status}");
        assert!(!out.join("summary.json").exists());
    }
}

/// Bytes in the files of rows.
fn grown(out: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(out) else { return 0 };
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// Kills a replay as soon as it has written so many bytes.
fn killed(out: &Path, bytes: u64) {
    let capture = fixtures::hospital().capture;
    let mut child = start(&["replay", "-q", text(&capture), "--out", text(out)]);
    for _ in 0..LOOKS {
        if grown(out) > bytes || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "killed too late");
}

#[test]
fn a_killed_replay_leaves_whole_rows_but_for_the_one_that_was_being_written() {
    for round in 0..10 {
        let folder = Folder::new();
        let out = folder.path().join("out");
        killed(&out, round * 1_400_000);
        assert!(!out.join("summary.json").exists(), "a run that did not end has no summary");
        let mut cut = 0;
        for file in ["flows", "sessions", "verdicts", "devices", "incidents"] {
            let Ok(text) = fs::read_to_string(out.join(format!("{file}.jsonl"))) else { continue };
            let (whole, rest) = text.rsplit_once('\n').unwrap_or(("", &text));
            cut += u32::from(!rest.is_empty());
            for line in whole.lines() {
                serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
            }
        }
        // A write that the kernel has begun may end between two pages when the process is killed; there is only one at a time.
        assert!(cut <= 1, "{cut} files end within a row");
    }
}
