//! The house stays tidy: who may name whom, how large a file grows, which words are not used, and which papers tell the truth.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate, its folder, and which of our crates it may name outside tests.
const CRATES: [(&str, &str, &[&str]); 10] = [
    ("abi", "ebpf/abi", &[]),
    ("policies", "policies", &["abi"]),
    // The judge once more, to be compared with it: a dev-dependency alone.
    ("reference", "ebpf/reference", &["abi", "policies"]),
    ("detectors", "detectors", &["abi"]),
    ("wire", "sensor/wire", &["abi"]),
    ("engine", "sensor/engine", &["abi", "policies", "detectors", "wire"]),
    ("lake", "sensor/lake", &["abi", "policies"]),
    ("daemon", "sensor/daemon", &["abi", "policies", "detectors", "wire", "engine", "lake"]),
    ("fixtures", "fixtures", &[]),
    ("benches", "benches", &["abi", "policies", "detectors", "wire", "engine", "lake", "daemon", "fixtures"]),
];

/// Packages that only these crates may name outside tests: each has one door.
const DOORS: [(&str, &[&str]); 12] = [
    ("polars", &["lake"]),
    ("anyhow", &["daemon"]),
    ("aya", &["daemon", "benches"]),
    ("libc", &["daemon"]),
    ("rustix", &["daemon", "benches"]),
    ("clap", &["daemon"]),
    ("indicatif", &["daemon"]),
    ("pcap", &["daemon", "benches"]),
    // In detectors it is the form of the snapshot, and no row.
    ("serde_json", &["daemon", "detectors", "benches"]),
    ("serde-saphyr", &["policies"]),
    ("tls-parser", &["wire"]),
    ("httparse", &["wire"]),
];

/// Crates below the daemon: no clock, no files, no network, no environment.
const PURE: [&str; 5] =
    ["ebpf/abi/src", "policies/src", "detectors/src", "sensor/wire/src", "sensor/engine/src"];

/// What a pure crate must not say.
const EFFECTS: [&str; 8] = [
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "std::env::",
    "std::thread",
    "std::process",
    "TcpStream",
    "UdpSocket",
];

/// Lines a file may have, without tests.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files under the folder whose name ends so, by their path from the root, in order.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            let is_ours = !matches!(name.as_str(), "target" | ".git" | "demo-out" | "corpus" | "artifacts");
            if entry.path().is_dir() && is_ours {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path.to_string_lossy().trim_start_matches("./").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Rust files outside tests.
fn sources() -> Vec<String> {
    let is_test = |path: &str| path.ends_with("tests.rs") || path.contains("/tests/");
    files(".", ".rs").into_iter().filter(|path| !is_test(path)).collect()
}

/// The names in a section of a manifest, and whether each takes its version from the root's table.
fn dependencies(manifest: &str, section: &str) -> Vec<(String, bool)> {
    let head = format!("[{section}]");
    let lines = manifest.lines().skip_while(|line| line.trim() != head).skip(1);
    let names = lines.take_while(|line| !line.starts_with('[')).filter_map(|line| {
        let (name, rest) = line.split_once(['.', ' ', '='])?;
        let is_name = !name.is_empty() && !name.starts_with('#');
        is_name.then(|| (name.to_owned(), rest.contains("workspace = true")))
    });
    names.collect()
}

/// Fails with every line of the list.
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn arrows_between_crates_point_down() {
    let ours: BTreeSet<&str> = CRATES.iter().map(|(name, _, _)| *name).collect();
    let mut wrong = Vec::new();
    for (name, folder, may_name) in CRATES {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        for (dependency, from_table) in dependencies(&manifest, "dependencies") {
            if ours.contains(dependency.as_str()) && !may_name.contains(&dependency.as_str()) {
                wrong.push(format!("{name} names {dependency}"));
            }
            if DOORS.iter().any(|(package, doors)| *package == dependency && !doors.contains(&name)) {
                wrong.push(format!("{name} names {dependency}, which has its door elsewhere"));
            }
            if !from_table {
                wrong.push(format!("{name} gives {dependency} a version of its own"));
            }
        }
    }
    assert_none("dependencies", &wrong);
}

#[test]
fn every_workspace_member_is_in_the_table_of_arrows() {
    let manifest = read(&root().join("Cargo.toml"));
    let (_, members) = manifest.split_once("members = [").expect("the list of members");
    let (members, _) = members.split_once(']').expect("its end");
    let members: BTreeSet<&str> = members.split(',').map(|line| line.trim().trim_matches('"')).collect();
    let known: BTreeSet<&str> = CRATES.iter().map(|(_, folder, _)| *folder).chain([""]).collect();
    assert_eq!(members, known);
}

#[test]
fn no_clock_and_no_input_or_output_stand_below_the_daemon() {
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|path| PURE.iter().any(|folder| path.starts_with(folder))) {
        let text = read(&root().join(path));
        wrong.extend(
            EFFECTS.iter().filter(|effect| text.contains(*effect)).map(|effect| format!("{path}: {effect}")),
        );
    }
    assert_none("effects below the daemon", &wrong);
}

#[test]
fn files_stay_small() {
    let lines = |path: &String| read(&root().join(path)).lines().count();
    let large = sources().into_iter().filter(|path| lines(path) > MAX_LINES);
    assert_none("files that hold more than one idea", &large.collect::<Vec<_>>());
}

#[test]
fn drawers_and_mazes_have_no_file() {
    let names =
        ["mod.rs", "util.rs", "utils.rs", "common.rs", "helper.rs", "helpers.rs", "misc.rs", "types.rs"];
    let is_drawer = |path: &String| names.contains(&path.rsplit('/').next().unwrap_or_default());
    assert_none("drawers", &files(".", ".rs").into_iter().filter(is_drawer).collect::<Vec<_>>());
}

#[test]
fn names_say_what_a_thing_is() {
    let types = ["Manager", "Handler", "Helper", "Util", "Utils", "Processor"];
    let functions = ["fn get_", "fn is_valid(", "fn validate("];
    let mut wrong = Vec::new();
    for path in sources() {
        for (number, line) in (1..).zip(read(&root().join(&path)).lines()) {
            let code = line.split("//").next().unwrap_or_default();
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            let named =
                words.find(|word| matches!(*word, "struct" | "enum" | "trait" | "type")).and(words.next());
            let is_banned = named.is_some_and(|name| types.iter().any(|ending| name.ends_with(ending)));
            if is_banned || functions.iter().any(|start| code.contains(start)) {
                wrong.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert_none("names", &wrong);
}

#[test]
fn exceptions_have_reasons_and_exports_have_names() {
    let mut wrong = Vec::new();
    for path in files(".", ".rs").iter().filter(|path| !path.ends_with("/tidy.rs")) {
        for (number, line) in (1..).zip(read(&root().join(path)).lines()) {
            let line = line.trim();
            let is_attribute = line.starts_with("#[") || line.starts_with("#![");
            let is_silent = is_attribute && (line.contains("[allow(") || line.contains("[ignore"));
            if is_silent || (line.starts_with("pub use") && line.ends_with("::*;")) {
                wrong.push(format!("{path}:{number}: {line}"));
            }
        }
    }
    assert_none("silent exceptions and glob exports", &wrong);
}

#[test]
fn no_file_names_a_place_outside_the_repository() {
    // Put together here so that this file does not name them itself.
    let places = [
        ["/", "work/"].concat(),
        ["/", "home/"].concat(),
        ["/", "root/"].concat(),
        ["../", "shared"].concat(),
    ];
    let endings = [".rs", ".toml", ".md", ".yaml", ".json", ".jsonl", "Makefile"];
    let mut wrong = Vec::new();
    for path in endings.iter().flat_map(|ending| files(".", ending)) {
        let text = read(&root().join(&path));
        wrong.extend(
            places.iter().filter(|place| text.contains(*place)).map(|place| format!("{path}: {place}")),
        );
    }
    assert_none("places outside", &wrong);
}

#[test]
fn architecture_is_short_and_names_only_what_exists() {
    let text = read(&root().join("ARCHITECTURE.md"));
    assert!(text.lines().count() <= 150, "{} lines", text.lines().count());
    let mut gone = Vec::new();
    // What a paragraph announces as not yet there need not exist.
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.contains("not there yet")) {
        for name in paragraph.split('`').skip(1).step_by(2) {
            let is_path = name.contains('/') && !name.contains([' ', '{', '<', '*', '|', '\n']);
            if is_path && !root().join(name).exists() {
                gone.push(name.to_owned());
            }
            let parts: Vec<&str> = name.split("::").collect();
            if let ([first, .., last], Some((_, folder, _))) =
                (parts.as_slice(), CRATES.iter().find(|(crate_name, _, _)| Some(crate_name) == parts.first()))
                && !defines(folder, last)
            {
                gone.push(format!("{name} (no {last} in {first})"));
            }
        }
    }
    assert_none("ARCHITECTURE.md", &gone);
}

/// Whether the crate in this folder defines an item or a module of this name.
fn defines(folder: &str, name: &str) -> bool {
    let name = name.trim_end_matches("()");
    let kinds = ["fn", "struct", "enum", "trait", "mod", "const", "type", "static"];
    let items: Vec<String> = kinds.iter().map(|kind| format!("{kind} {name}")).collect();
    files(&format!("{folder}/src"), ".rs").iter().any(|path| {
        let text = read(&root().join(path));
        items.iter().any(|item| {
            text.match_indices(item.as_str()).any(|(at, _)| {
                let rest = text.get(at + item.len()..).unwrap_or_default();
                !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        })
    })
}

#[test]
fn every_recorded_file_has_a_reader() {
    let text = read(&root().join("fixtures/src/hospital.rs"));
    let is_dead = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name != "README.md" && !text.contains(&format!("\"{name}\""))
    };
    let dead = files("fixtures/hospital", "").into_iter().filter(is_dead);
    assert_none("dead fixtures", &dead.collect::<Vec<_>>());
}

#[test]
fn the_reading_of_manifests_sees_what_it_should() {
    let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nabi.workspace = true\n# zstd = \"1\"\n\
                    clap = { workspace = true, features = [] }\npcap = \"2\"\n\n[dev-dependencies]\nfixtures.workspace = true\n";
    let expected =
        [("abi", true), ("clap", true), ("pcap", false)].map(|(name, known)| (name.to_owned(), known));
    assert_eq!(dependencies(manifest, "dependencies"), expected);
    assert_eq!(dependencies(manifest, "dev-dependencies").len(), 1);
}
