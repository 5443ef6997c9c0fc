//! `wardline policy impact|learn` over the recorded hospital: what they say is what a replay says, and an attack is not blessed.

use crate::build::Folder;
use crate::read::wardline;
use crate::run::{Run, learned, sample_policy, text};
use fixtures::Hospital;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn capture() -> String {
    text(&fixtures::hospital().capture).to_owned()
}

/// What a policy would cut: exit code and the document.
fn impact(policy: &Path, over: &[&str]) -> (i32, Value) {
    let ran = wardline(&[&["policy", "impact", "--json", "-q", text(policy), "--over"], over].concat(), b"");
    (ran.code, serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr)))
}

/// Flows by segments and rule.
type Denied = BTreeMap<(String, String, Option<String>), u64>;

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn impact_denies_exactly_what_a_replay_of_the_same_capture_denies_from_captures_and_from_its_folder() {
    let (capture, policy) = (capture(), sample_policy());
    let run = Run::of(&[&capture, "--policy", text(&policy)]);
    let mut denied = Denied::new();
    for row in run.rows("verdicts.jsonl").iter().filter(|row| row["action"] == "deny") {
        let rule = row["rule"].as_str().map(str::to_owned);
        *denied.entry((word(&row["from_segment"]), word(&row["to_segment"]), rule)).or_default() += 1;
    }
    assert!(denied.values().sum::<u64>() > 1000, "{denied:?}");
    for over in [capture.as_str(), text(&run.dir())] {
        let (code, told) = impact(&policy, &[over]);
        assert_eq!(code, 1);
        let mut cut = Denied::new();
        for row in told["cuts"].as_array().unwrap() {
            let rule = row["rule"].as_str().map(str::to_owned);
            let key = (word(&row["client"]["segment"]), word(&row["server"]["segment"]), rule);
            *cut.entry(key).or_default() += row["flows"].as_u64().unwrap();
        }
        assert_eq!(cut, denied, "{over}");
    }
    let (code, told) = impact(&policy, &[text(&run.dir()), "--before", text(&policy)]);
    assert_eq!((code, told["cuts"].as_array().unwrap().len()), (0, 0), "the same policy cuts nothing more");
}

#[test]
fn nothing_recorded_is_no_clean_record_and_the_record_is_never_overwritten() {
    let (folder, policy) = (Folder::new(), sample_policy());
    let copy = folder.file("copy.pcapng.zst", &std::fs::read(capture()).unwrap());
    let ran = wardline(&["policy", "learn", text(&copy), "--out", text(&copy)], b"");
    assert!(ran.code == 2 && ran.stderr.contains("is one of the inputs"), "{}", ran.stderr);
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(capture()).unwrap());
    let late =
        ["policy", "impact", text(&policy), "--over", &capture(), "--from", "2030-01-01T00:00:00Z", "-q"];
    let ran = wardline(&late, b"");
    assert!(ran.code == 2 && ran.stderr.contains("nothing to judge"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn a_draft_of_the_quiet_time_cuts_nothing_of_it_and_denies_what_attackers_do_later() {
    let (folder, capture) = (Folder::new(), capture());
    let draft = folder.path().join("draft.yaml");
    let quiet = ["--to", &Hospital::TRAINING_ENDS.to_string()].map(str::to_owned);
    let quiet: Vec<&str> = quiet.iter().map(String::as_str).collect();
    let made = [&["policy", "learn", &capture, "--out", text(&draft), "-q"][..], &quiet].concat();
    let made = wardline(&made, b"");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let checked = wardline(&["policy", "check", text(&draft)], b"");
    assert!(checked.code == 0 && !checked.stdout.contains("warning"), "{}", checked.stdout);
    let (code, told) = impact(&draft, &[&[capture.as_str()][..], &quiet].concat());
    assert_eq!((code, &told["cuts"]), (0, &serde_json::json!([])));
    let (_, told) = impact(&draft, &[&capture]);
    assert!(denied_pairs(&told).is_superset(&attacks()), "{:?}", attacks().difference(&denied_pairs(&told)));
}

#[test]
fn a_draft_of_a_record_with_attacks_and_a_baseline_does_not_bless_them() {
    let (folder, capture) = (Folder::new(), capture());
    let run = Run::of(&[&capture, "--baseline", text(&learned(&folder))]);
    let draft = folder.path().join("draft.yaml");
    let made = wardline(&["policy", "learn", text(&run.dir()), "--out", text(&draft), "-q"], b"");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let (_, told) = impact(&draft, &[&capture]);
    let missed: BTreeSet<_> = attacks().difference(&denied_pairs(&told)).cloned().collect();
    assert_eq!(missed, BTreeSet::new());
}

/// Pairs of addresses of which something is denied.
fn denied_pairs(told: &Value) -> BTreeSet<(String, String)> {
    let cuts = told["cuts"].as_array().unwrap().iter();
    cuts.map(|cut| (word(&cut["client"]["ip"]), word(&cut["server"]["ip"]))).collect()
}

/// Who attacks whom over services that neither uses otherwise: guessing at a scanner's shell, commands to pumps, a message
/// to the interface engine, a controller of the building.
fn attacks() -> BTreeSet<(String, String)> {
    [
        ("10.77.60.96", "10.77.10.189"),
        ("10.77.60.88", "10.77.20.107"),
        ("10.77.60.88", "10.77.20.42"),
        ("10.77.60.88", "10.77.50.14"),
        ("10.77.60.179", "10.77.20.114"),
        ("10.77.60.179", "10.77.30.106"),
        ("10.77.80.55", "10.77.70.120"),
    ]
    .map(|(from, to)| (from.to_owned(), to.to_owned()))
    .into()
}
