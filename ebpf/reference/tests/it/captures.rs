//! Recorded frames: the hospital in the repository, and every Ethernet capture of the folder that `WARDLINE_DATA` names.

use std::fs;
use std::path::{Path, PathBuf};

use abi::address::Timestamp;
use reference::example;

use crate::twins::{Tally, Twins};

/// zstd frames of the recordings use a window of 128 MiB.
const WINDOW_LOG: u32 = 27;
const ETHERNET: u32 = 1;

/// A frame and when it was captured.
type Captured<'b> = (Timestamp, &'b [u8]);

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    half(bytes, at) | half(bytes, at + 2) << 16
}

fn size(bytes: &[u8], at: usize) -> usize {
    usize::try_from(word(bytes, at)).unwrap()
}

/// The Ethernet frames of a file of little-endian pcap (microseconds) or pcapng; `None` of another kind.
fn frames(bytes: &[u8]) -> Option<Vec<Captured<'_>>> {
    match bytes.get(..4)? {
        [0xd4, 0xc3, 0xb2, 0xa1] if word(bytes, 20) == ETHERNET => Some(pcap(&bytes[24..])),
        [0x0a, 0x0d, 0x0d, 0x0a] => Some(pcapng(bytes)),
        _ => None,
    }
}

fn pcap(mut rest: &[u8]) -> Vec<Captured<'_>> {
    let mut found = Vec::new();
    while rest.len() >= 16 {
        let at = u64::from(word(rest, 0)) * 1_000_000_000 + u64::from(word(rest, 4)) * 1000;
        let Some(frame) = rest.get(16..16 + size(rest, 8)) else { break };
        found.push((Timestamp(at), frame));
        rest = &rest[16 + frame.len()..];
    }
    found
}

/// Blocks of interfaces (1) and of packets (6); all else is passed over.
fn pcapng(mut rest: &[u8]) -> Vec<Captured<'_>> {
    let (mut found, mut interfaces) = (Vec::new(), Vec::new());
    while rest.len() >= 12 {
        let len = size(rest, 4);
        if len < 12 || len > rest.len() {
            break;
        }
        let block = &rest[..len];
        match word(block, 0) {
            0x0a0d_0d0a => interfaces.clear(),
            1 => interfaces.push((half(block, 8), nanoseconds(&block[16..len - 4]))),
            6 => {
                let (link, tick) = interfaces[size(block, 8)];
                let time = u64::from(word(block, 12)) << 32 | u64::from(word(block, 16));
                if link == ETHERNET {
                    found.push((Timestamp(time * tick), &block[28..28 + size(block, 20)]));
                }
            }
            _ => {}
        }
        rest = &rest[len..];
    }
    found
}

/// Nanoseconds in a tick, by option 9 of an interface.
fn nanoseconds(mut options: &[u8]) -> u64 {
    while options.len() >= 4 {
        let (code, len) = (half(options, 0), usize::try_from(half(options, 2)).unwrap());
        match code {
            0 => break,
            9 => return 10_u64.pow(9 - u32::from(options[4])),
            _ => options = options.get(4 + len.next_multiple_of(4)..).unwrap_or_default(),
        }
    }
    1000
}

fn contents(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_none_or(|ending| ending != "zst") {
        return bytes;
    }
    let mut reader = zstd::Decoder::new(bytes.as_slice()).unwrap();
    reader.window_log_max(WINDOW_LOG).unwrap();
    let mut out = Vec::new();
    std::io::copy(&mut reader, &mut out).unwrap();
    out
}

/// Compares both on a file under a policy.
fn compare(path: &Path, captured: &[Captured<'_>], policy: usize) -> Tally {
    let mut twins = Twins::new(policy, 0x5eed);
    for ((at, frame), number) in captured.iter().zip(1..) {
        let compared = twins.frame(frame, *at);
        assert_eq!(compared, Ok(()), "{}, frame {number}", path.display());
    }
    assert_eq!(twins.evictions(), 0, "{}: the evaluator has no bounds", path.display());
    twins.tally
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            collect(&path, found);
        } else if [".pcap", ".pcapng", ".pcapng.zst"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn the_judge_says_of_every_frame_of_the_hospital_what_the_evaluator_says() {
    let path = fixtures::hospital().capture;
    let bytes = contents(&path);
    let captured = frames(&bytes).unwrap();
    assert!(captured.len() > 100_000);
    for policy in 0..example::POLICIES.len() {
        let tally = compare(&path, &captured, policy);
        assert_eq!(usize::try_from(tally.frames).unwrap(), captured.len());
    }
}

#[test]
fn the_judge_says_of_every_recorded_ethernet_frame_what_the_evaluator_says() {
    let Some(folder) = fixtures::captures("the judge on every capture") else { return };
    let mut paths = Vec::new();
    collect(&folder, &mut paths);
    let (mut tally, mut files) = (Tally::default(), 0);
    for path in &paths {
        let bytes = contents(path);
        let Some(captured) = frames(&bytes).filter(|captured| !captured.is_empty()) else { continue };
        files += 1;
        // One that observes, one that is closed, one that is open, one that speaks of machines.
        for policy in [0, 1, 3, 5] {
            tally.add(&compare(path, &captured, policy));
        }
    }
    assert!(files > 0 && tally.frames > 0, "{} holds no Ethernet capture", folder.display());
    eprintln!("{files} files: {tally:#?}");
}
