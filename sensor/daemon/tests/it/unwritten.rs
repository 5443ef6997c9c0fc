//! Where a result cannot be written: the error names file, cause and remedy, and no file ends within a row.

use crate::build::{Folder, pcap};
use crate::read::{Ran, wardline};
use crate::run::text;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a shell script with `wardline`, its arguments and what else the script wants as `$0`, `$1`, ...
fn shell(program: &[&str], script: &str, arguments: &[&str]) -> Ran {
    let command = [program, &["sh", "-c", script, env!("CARGO_BIN_EXE_wardline")], arguments].concat();
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{script}: {}", output.status));
    Ran {
        code,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Asserts that every line of every file is a whole row; gives the bytes of all.
fn assert_whole_rows(out: &Path) -> u64 {
    assert!(!out.join("summary.json").exists(), "a run that failed has no summary");
    let mut bytes = 0;
    for file in ["flows", "sessions", "verdicts", "devices", "incidents"] {
        let text = fs::read_to_string(out.join(format!("{file}.jsonl"))).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{file} ends within a row");
        for line in text.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
        }
        bytes += text.len() as u64;
    }
    let files = fs::read_dir(out).unwrap().count();
    assert_eq!(files, 5, "nothing but the files of rows");
    bytes
}

#[test]
fn a_limit_of_file_sizes_ends_the_files_with_a_whole_row_and_is_told() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let capture = fixtures::hospital().capture;
    // Of 512 bytes each (POSIX.1-2024, XCU ulimit), or of 1024: more than one buffer of rows, and less than two.
    let script = "ulimit -f $((300 * 1024 / 512)); exec \"$0\" replay -q \"$1\" --out \"$2\"";
    let ran = shell(&[], script, &[text(&capture), text(&out)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    let told = ".jsonl: cannot be written: File too large (raise the limit of file sizes, see `ulimit -f`)\n";
    assert!(ran.stderr.starts_with(&format!("error: {}/", out.display())), "{}", ran.stderr);
    assert!(ran.stderr.ends_with(told), "{}", ran.stderr);
    let bytes = assert_whole_rows(&out);
    assert!(bytes > 256 * 1024, "{bytes} bytes: what fits stays");
}

#[test]
fn a_full_disk_ends_the_files_with_a_whole_row_and_is_told() {
    let private = Command::new("unshare").args(["-m", "true"]).output();
    if !private.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: a small disk of its own needs root and unshare(1)");
        return;
    }
    let folder = Folder::new();
    let (disk, kept) = (folder.path().join("disk"), folder.path().join("kept"));
    fs::create_dir(&disk).unwrap();
    let capture = fixtures::hospital().capture;
    let script = "mount -t tmpfs -o size=1m none \"$2\" || exit 99
        \"$0\" replay -q \"$1\" --out \"$2/out\"; code=$?
        cp -r \"$2/out\" \"$3\"; exit $code";
    let ran = shell(&["unshare", "-m"], script, &[text(&capture), text(&disk), text(&kept)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    let told = ".jsonl: cannot be written: No space left on device (free space on the disk, or name a place on another)";
    assert!(ran.stderr.lines().last().unwrap().ends_with(told), "{}", ran.stderr);
    let bytes = assert_whole_rows(&kept);
    assert!(bytes > 900 * 1024, "{bytes} bytes: the disk was used");
}

#[test]
fn a_summary_that_finds_no_room_is_not_there_in_part() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let capture = folder.file("a.pcap", &pcap(&[(1, b"frame")]));
    // No rows, and a summary longer than one block.
    let script = "ulimit -f 1; exec \"$0\" replay -q \"$1\" --out \"$2\"";
    let ran = shell(&["env", "POSIXLY_CORRECT=1"], script, &[text(&capture), text(&out)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    let told = format!("error: {}/summary.json: cannot be written: File too large", out.display());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    assert_eq!(assert_whole_rows(&out), 0);
}

#[test]
fn a_baseline_that_finds_no_room_is_not_there_and_the_earlier_one_stays() {
    let folder = Folder::new();
    let earlier = folder.file("site.baseline", b"earlier");
    let capture = fixtures::hospital().capture;
    let script = "ulimit -f 1; exec \"$0\" learn -q \"$1\" --out \"$2\"";
    let ran = shell(&[], script, &[text(&capture), text(&earlier)]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let told = format!("error: {}: cannot be written: File too large (", earlier.display());
    assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    assert_eq!(fs::read(&earlier).unwrap(), b"earlier");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_full_standard_output_is_told() {
    if !Path::new("/dev/full").exists() {
        eprintln!("SKIPPED: no /dev/full here");
        return;
    }
    let capture = fixtures::hospital().capture;
    let ran = shell(&[], "\"$0\" replay -q \"$1\" > /dev/full", &[text(&capture)]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let told = "error: standard output: cannot be written: No space left on device (";
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
}

#[test]
fn a_baseline_that_may_not_be_written_is_told_by_its_own_name_before_anything_is_read() {
    // Nobody may make a file there, not even root.
    if !Path::new("/sys").exists() {
        eprintln!("SKIPPED: no /sys here");
        return;
    }
    let ran = wardline(&["learn", text(&fixtures::hospital().capture), "--out", "/sys/site.baseline"], b"");
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    // Not even the time that reading took is told.
    let [line] = ran.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", ran.stderr) };
    assert!(line.starts_with("error: /sys/site.baseline: cannot be written: "), "{line}");
    assert!(!line.contains(".tmp") && !line.contains("os error"), "{line}");

    let folder = Folder::new();
    let ran = wardline(&["learn", text(&fixtures::hospital().capture), "--out", text(&folder.path())], b"");
    assert_eq!((ran.code, ran.stderr.lines().count()), (2, 1), "{}", ran.stderr);
}
