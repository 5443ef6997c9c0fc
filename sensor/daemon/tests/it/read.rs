//! The one place where the tests touch the reader and the binary.

use crate::build::Folder;
use daemon::capture::{Captures, Fact, Input, OpenError};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use wire::frame::LinkType;

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: u64,
    pub(crate) link: LinkType,
    pub(crate) bytes: Vec<u8>,
    pub(crate) wire_len: u32,
    pub(crate) file: usize,
}

/// All frames of the files, and what was noted.
pub(crate) fn read(paths: &[PathBuf]) -> Result<(Vec<Seen>, Vec<Fact>), OpenError> {
    let inputs: Vec<Input> = paths.iter().cloned().map(Input::File).collect();
    let mut captures = Captures::open(&inputs)?;
    let mut seen = Vec::new();
    while let Some(raw) = captures.next_frame() {
        seen.push(Seen {
            at: raw.at.0,
            link: raw.link,
            bytes: raw.bytes.to_vec(),
            wire_len: raw.wire_len,
            file: raw.file,
        });
    }
    assert!(captures.next_frame().is_none(), "the end must stay the end");
    Ok((seen, captures.finish().into_iter().map(|note| note.fact).collect()))
}

/// All frames of one capture given as bytes.
pub(crate) fn read_bytes(bytes: &[u8]) -> Result<(Vec<Seen>, Vec<Fact>), OpenError> {
    let folder = Folder::new();
    read(&[folder.file("capture", bytes)])
}

/// What a capture without faults says: (time, bytes) of each frame.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let (seen, facts) = read_bytes(bytes).unwrap();
    assert_eq!(facts, [], "no note was expected");
    seen.into_iter().map(|seen| (seen.at, seen.bytes)).collect()
}

/// What the binary did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `wardline` with `arguments` and `input` on its standard input.
pub(crate) fn wardline(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wardline"))
        .args(arguments)
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that refuses its input closes the pipe early.
    let feed = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    Ran { code: output.status.code().unwrap(), stdout: String::from_utf8(output.stdout).unwrap(), stderr }
}
