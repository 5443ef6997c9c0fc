//! `wardline policy check` reads files and folders, and tells every mistake.

use crate::build::Folder;
use crate::read::wardline;
use serde_json::Value;

#[test]
fn mistakes_of_all_files_are_told_with_their_places() {
    let folder = Folder::new();
    folder.file("a.yaml", b"version: 1\nsegmments: {}\n");
    folder.file("b.yml", b"rulez: []\n");
    folder.file("notes.txt", b"not read: [");
    let ran = wardline(&["policy", "check", "--json", folder.path().to_str().unwrap()], b"");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["valid"], false);
    let places: Vec<String> = told["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["code"] == "POL006")
        .map(|row| format!("{}:{}", row["file"].as_str().unwrap().rsplit('/').next().unwrap(), row["line"]))
        .collect();
    assert_eq!(places, ["a.yaml:2", "b.yml:1"], "{}", ran.stdout);
}

#[test]
fn a_file_that_cannot_be_read_exits_with_2_and_text_that_is_not_utf_8_with_3() {
    assert_eq!(wardline(&["policy", "check", "/nowhere.yaml"], b"").code, 2);
    let folder = Folder::new();
    let ran = wardline(&["policy", "check", folder.path().to_str().unwrap()], b"");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("holds no policy"), "{}", ran.stderr);
    let latin = folder.file("latin.yaml", b"version: 1\n# caf\xe9\n");
    let ran = wardline(&["policy", "check", latin.to_str().unwrap()], b"");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("latin.yaml:2: is not UTF-8"), "{}", ran.stderr);
}
