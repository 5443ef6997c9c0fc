use super::super::summary::Report;
use super::super::{Names, samples};
use super::Folder;
use crate::exit::Exit;
use engine::output::{Finished, Outputs};
use std::fs;

fn outputs() -> Outputs {
    Outputs {
        flows: samples::flows(),
        sessions: samples::sessions(),
        verdicts: samples::verdicts(),
        ..Outputs::default()
    }
}

#[test]
fn a_folder_is_made_with_its_parents_and_holds_all_files() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("a/b");
    let folder = Folder::create(&dir).unwrap();
    assert_eq!(folder.dir(), dir);
    let finished = Finished::default();
    folder
        .finish(&Report { finished: &finished, names: &Names::of(None), baseline: None, notes: &[] })
        .unwrap();
    let mut files: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(
        files,
        [
            "devices.jsonl",
            "flows.jsonl",
            "incidents.jsonl",
            "sessions.jsonl",
            "summary.json",
            "verdicts.jsonl"
        ]
    );
}

#[test]
fn rows_are_taken_out_and_the_room_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = Folder::create(root.path()).unwrap();
    let mut rows = outputs();
    let capacity = rows.flows.capacity();
    folder.write(&mut rows, &Names::of(None)).unwrap();
    assert!(rows.flows.is_empty() && rows.sessions.is_empty() && rows.verdicts.is_empty());
    assert_eq!(rows.flows.capacity(), capacity);
}

#[test]
fn a_second_run_replaces_the_first_and_takes_its_summary_away_at_once() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("flows.jsonl"), "old\n").unwrap();
    fs::write(root.path().join("summary.json"), "old\n").unwrap();
    let mut folder = Folder::create(root.path()).unwrap();
    assert!(!root.path().join("summary.json").exists());
    folder.write(&mut outputs(), &Names::of(None)).unwrap();
    folder.flush().unwrap();
    let text = fs::read_to_string(root.path().join("flows.jsonl")).unwrap();
    assert_eq!(text.lines().count(), samples::flows().len());
    assert!(!text.contains("old"));
}

#[test]
fn a_run_that_ends_early_keeps_the_rows_that_it_had() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = Folder::create(root.path()).unwrap();
    folder.write(&mut outputs(), &Names::of(None)).unwrap();
    drop(folder);
    let text = fs::read_to_string(root.path().join("flows.jsonl")).unwrap();
    assert_eq!(text.lines().count(), samples::flows().len());
}

#[test]
fn rows_reach_the_file_before_the_end_once_a_buffer_is_full() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = Folder::create(root.path()).unwrap();
    let mut many = Outputs { flows: vec![samples::flow(); 2_000], ..Outputs::default() };
    folder.write(&mut many, &Names::of(None)).unwrap();
    assert!(fs::metadata(root.path().join("flows.jsonl")).unwrap().len() >= super::BUFFER as u64);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_a_clear_error() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("out");
    fs::write(&path, "").unwrap();
    let failure = Folder::create(&path).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    let told = failure.cause.to_string();
    assert!(told.starts_with(&format!("{}: cannot be written: ", path.display())), "{told}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("flows.jsonl");
    // Writing to it fails as a full disk does (full(4)).
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut folder = Folder::create(root.path()).unwrap();
    let mut many = Outputs { flows: vec![samples::flow(); 2_000], ..Outputs::default() };
    let failure = folder.write(&mut many, &Names::of(None)).unwrap_err();
    let text = format!("{:#}", failure.cause);
    assert!(text.contains("flows.jsonl: cannot be written: No space left"), "{text}");
}

#[test]
fn no_permission_is_exit_status_4() {
    let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    assert_eq!(super::at("/out".as_ref())(refused).exit, Exit::NotPermitted);
}
