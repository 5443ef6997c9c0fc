//! Captures of the field, each with what other programs counted in it.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// Folders below the data folder that are searched.
const DEPTH: usize = 4;

/// The captures that have a truth beside them.
pub(crate) fn captures(what: &str) -> Vec<(PathBuf, Value)> {
    let Some(data) = fixtures::captures(what) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    search(&data, DEPTH, &mut found);
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(found.len() > 100, "{}: only {} captures", data.display(), found.len());
    found
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
