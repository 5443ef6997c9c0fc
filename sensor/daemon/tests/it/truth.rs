//! Captures of the field: packets and bytes equal what tshark counted.

use crate::read::wardline;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Folders below the data folder that are searched.
const DEPTH: usize = 4;

/// The captures that have a truth beside them.
fn captures() -> Option<Vec<(PathBuf, Value)>> {
    let Some(data) = std::env::var_os("WARDLINE_DATA") else {
        eprintln!("SKIPPED: the captures of the field are not here; set WARDLINE_DATA to their folder");
        return None;
    };
    let mut found = Vec::new();
    search(Path::new(&data), DEPTH, &mut found);
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(found.len() > 100, "{}: only {} captures", Path::new(&data).display(), found.len());
    Some(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<(PathBuf, Value)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && depth > 0 {
            search(&path, depth - 1, found);
        } else if [".pcap", ".pcapng", ".pcapng.zst"].iter().any(|ending| name.ends_with(ending)) {
            let beside = path.with_file_name(format!("{name}.truth.json"));
            // The lab's truth is named after the capture without its endings.
            let shorter = path.with_file_name(format!("{}.truth.json", name.split('.').next().unwrap()));
            let truth = std::fs::read(&beside).or_else(|_| std::fs::read(&shorter)).unwrap();
            found.push((path, serde_json::from_slice(&truth).unwrap()));
        }
    }
}

#[test]
fn packets_and_bytes_of_every_capture_equal_the_truth() {
    for (path, truth) in captures().unwrap_or_default() {
        let ran = wardline(&["replay", "--json", path.to_str().unwrap()], b"");
        assert_eq!(ran.code, 0, "{}: {}", path.display(), ran.stderr);
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(summary["packets"], truth["packets"], "{}", path.display());
        if let Some(bytes) = truth.get("data_bytes") {
            assert_eq!(summary["bytes"], *bytes, "{}", path.display());
        }
    }
}
