//! A replay into a folder of its own, and what it wrote.

use crate::build::Folder;
use crate::read::{Ran, wardline};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A replay that worked.
pub(crate) struct Run {
    pub(crate) ran: Ran,
    pub(crate) summary: Value,
    folder: Folder,
}

impl Run {
    /// Replays with these arguments besides `--out` and `--json`, and asserts that it works.
    pub(crate) fn of(arguments: &[&str]) -> Run {
        Run::attempt(arguments)
            .unwrap_or_else(|ran| panic!("{arguments:?}: exit {}: {}", ran.code, ran.stderr))
    }

    /// Replays, and gives back what a refused one said.
    pub(crate) fn attempt(arguments: &[&str]) -> Result<Run, Ran> {
        let folder = Folder::new();
        let out = folder.path().join("out");
        let ran = wardline(&[&["replay", "--json", "--out", text(&out)], arguments].concat(), b"");
        if ran.code != 0 {
            return Err(ran);
        }
        let summary = serde_json::from_str(&ran.stdout).unwrap();
        Ok(Run { ran, summary, folder })
    }

    /// Replays one capture given as bytes.
    pub(crate) fn of_bytes(bytes: &[u8], arguments: &[&str]) -> Run {
        let folder = Folder::new();
        let capture = folder.file("capture", bytes);
        Run::of(&[&[text(&capture)], arguments].concat())
    }

    /// The output folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The rows of a file.
    pub(crate) fn rows(&self, file: &str) -> Vec<Value> {
        rows(&self.dir().join(file))
    }

    /// The rows of `sessions.jsonl` of one protocol.
    pub(crate) fn sessions(&self, app: &str) -> Vec<Value> {
        let mut rows = self.rows("sessions.jsonl");
        rows.retain(|row| row["app"] == app);
        rows
    }

    /// Every file with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect()
    }
}

/// Asserts that two runs wrote the same bytes; a difference is told by file and line, not by megabytes.
pub(crate) fn assert_same_bytes(one: &Run, other: &Run) {
    let (one, other) = (one.files(), other.files());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    assert_eq!(one.len(), 6, "five files of rows and the summary");
    for (file, bytes) in &one {
        let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (a, b) = (lines(bytes), lines(&other[file]));
        assert_eq!(a.len(), b.len(), "{file}: lines");
        for (number, (a, b)) in (1..).zip(a.iter().zip(&b)) {
            assert_eq!(String::from_utf8_lossy(a), String::from_utf8_lossy(b), "{file}:{number}");
        }
    }
}

/// The rows of a file.
pub(crate) fn rows(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that every device which an incident accuses has a row, whose alias may be the name that the incident uses.
pub(crate) fn assert_the_accused_are_listed(out: &Path) {
    let devices = rows(&out.join("devices.jsonl"));
    let aliases = devices.iter().flat_map(|row| row["aliases"].as_array().unwrap());
    let names = devices.iter().map(|row| &row["device_id"]).chain(aliases);
    let listed: BTreeSet<&str> = names.map(|name| name.as_str().unwrap()).collect();
    for row in rows(&out.join("incidents.jsonl")) {
        assert!(listed.contains(row["source"]["device"].as_str().unwrap()), "{row}");
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The sample policy of the recorded hospital.
pub(crate) fn sample_policy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/examples/hospital.yaml")
}

/// A baseline of the recorded hospital's quiet time, in `folder`.
pub(crate) fn learned(folder: &Folder) -> PathBuf {
    let baseline = folder.path().join("hospital.baseline");
    let until = fixtures::Hospital::TRAINING_ENDS.to_string();
    let capture = fixtures::hospital().capture;
    let ran = wardline(&["learn", text(&capture), "--to", &until, "--out", text(&baseline)], b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    baseline
}
