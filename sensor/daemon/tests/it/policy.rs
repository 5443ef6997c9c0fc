//! `wardline policy test|explain|matrix|diff`, as a user asks.

use crate::build::Folder;
use crate::read::{Ran, wardline};
use serde_json::Value;

const WARD: &str = "\
version: 1
segments:
  pumps: { match: { ip: 10.20.0.0/16 } }
  ward:  { match: { ip: 10.30.0.0/16 } }
allow:
  - { id: vitals, from: pumps, to: ward, udp: 24105 }
deny:
  - { id: no-shell, from: ward, to: pumps, service: ssh, mode: enforce }
tests:
  - { from: pumps, to: ward, udp: 24105, expect: allow, rule: vitals }
  - { from: 10.30.1.1, to: 10.20.1.1, service: ssh, expect: deny, mode: enforce }
";

fn ran(arguments: &[&str]) -> Ran {
    wardline(&[&["policy"], arguments].concat(), b"")
}

fn ward(folder: &Folder) -> String {
    folder.file("ward.yaml", WARD.as_bytes()).to_str().unwrap().to_owned()
}

/// What is printed, without the folder of the test.
fn page(ran: &Ran, folder: &Folder) -> String {
    ran.stdout.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn tests_that_hold_are_listed_and_exit_with_0() {
    let folder = Folder::new();
    let ran = ran(&["test", &ward(&folder)]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(page(&ran, &folder));
}

#[test]
fn a_test_that_fails_is_told_with_the_rule_that_decides_and_exits_with_1_and_the_policy_is_not_valid() {
    let folder = Folder::new();
    let broken = WARD.replace("udp: 24105 }", "udp: 24106 }");
    let path = folder.file("ward.yaml", broken.as_bytes());
    let tested = ran(&["test", path.to_str().unwrap()]);
    assert_eq!(tested.code, 1, "{}", tested.stderr);
    insta::assert_snapshot!(page(&tested, &folder));
    let checked = ran(&["check", "--json", path.to_str().unwrap()]);
    assert_eq!(checked.code, 3);
    let told: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(told["diagnostics"][0]["code"], "POL040", "{told}");
}

#[test]
fn a_policy_without_tests_says_so() {
    let folder = Folder::new();
    let path = folder.file("p.yaml", b"version: 1\nsegments: { a: { match: { vlan: 3 } } }\n");
    let ran = ran(&["test", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.contains("has no tests")), (0, true), "{}", ran.stdout);
}

#[test]
fn an_access_is_explained_with_the_rule_that_decides_and_those_that_do_not() {
    let folder = Folder::new();
    let policy = ward(&folder);
    let ran = ran(&["explain", "--policy", &policy, "10.30.1.1", "pumps", "ssh"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(page(&ran, &folder));
}

#[test]
fn words_that_mean_nothing_in_the_policy_are_told_with_what_may_have_been_meant() {
    let folder = Folder::new();
    let policy = ward(&folder);
    let asked = |words: &[&str]| ran(&[&["explain", "--policy", policy.as_str()], words].concat());
    let unknown = asked(&["pump", "ward", "ssh"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("did you mean `pumps`?"), "{}", unknown.stderr);
    assert_eq!(asked(&["pumps", "ward"]).code, 2);
    let without = ran(&["explain", "pumps", "ward", "ssh"]);
    assert!(without.code == 2 && without.stderr.contains("--policy"), "{}", without.stderr);
}

#[test]
fn the_matrix_is_printed_and_drawn_as_a_whole_xml_document() {
    let folder = Folder::new();
    let policy = ward(&folder);
    let picture = folder.path().join("matrix.svg");
    let ran = ran(&["matrix", &policy, "--svg", picture.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    insta::assert_snapshot!(page(&ran, &folder));
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<g>").count(), 16, "four segments, internet and unassigned among them");
    assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
    assert!(svg.contains("pumps -&gt; ward\nmay pass: udp 24105"), "{svg}");
}

#[test]
fn a_change_is_told_by_what_it_opens_closes_and_moves_and_exits_with_1() {
    let folder = Folder::new();
    let old = ward(&folder);
    let changed = WARD
        .replace("udp: 24105 }", "tcp: [8043] }")
        .replace("10.30.0.0/16", "10.30.0.0/17")
        .split("tests:")
        .next()
        .unwrap()
        .to_owned();
    let new = folder.file("new.yaml", changed.as_bytes());
    let changed = ran(&["diff", &old, new.to_str().unwrap()]);
    assert_eq!(changed.code, 1, "{}", changed.stderr);
    insta::assert_snapshot!(page(&changed, &folder));
    let same = ran(&["diff", &old, &old]);
    assert_eq!((same.code, same.stdout.as_str()), (0, "the policies decide alike on every frame\n"));
}

#[test]
fn an_output_that_would_destroy_the_policy_is_refused() {
    let folder = Folder::new();
    let policy = ward(&folder);
    let before = std::fs::read(&policy).unwrap();
    for paths in [policy.as_str(), folder.path().to_str().unwrap()] {
        let ran = ran(&["matrix", paths, "--svg", &policy]);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert!(ran.stderr.contains("is one of the inputs"), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read(&policy).unwrap(), before);
}

#[test]
fn a_change_that_no_pair_shows_is_no_equality() {
    let folder = Folder::new();
    let old = ward(&folder);
    for change in [
        ("udp: 24105 }\ndeny", "udp: 24105, rate: { packets: 5/s } }\ndeny"),
        ("10.20.0.0/16 }", "10.20.0.0/16 }, life_critical: true"),
    ] {
        let new = folder.file("new.yaml", WARD.replace(change.0, change.1).as_bytes());
        let ran = ran(&["diff", &old, new.to_str().unwrap()]);
        assert_eq!(ran.code, 1, "{change:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.starts_with("No pair of segments changes its verdict."), "{}", ran.stdout);
    }
}

#[test]
fn what_goes_to_a_group_is_explained_and_tested_as_within_the_senders_segment() {
    let folder = Folder::new();
    let policy = WARD
        .replace("match: { ip: 10.30.0.0/16 } }", "match: { ip: 10.30.0.0/16 }, within: allow }")
        + "  - { from: ward, to: 224.0.0.251, udp: 5353, expect: allow }\n";
    let path = folder.file("ward.yaml", policy.as_bytes());
    let path = path.to_str().unwrap();
    let explained = ran(&["explain", "--policy", path, "ward", "224.0.0.251", "udp/5353"]);
    assert!(explained.stdout.contains("(ward), udp 5353 (mdns)\n  allowed\n"), "{}", explained.stdout);
    assert_eq!(ran(&["test", path]).code, 0);
}

#[test]
fn a_file_of_a_policy_folder_that_cannot_be_one_is_no_file_to_pass_over() {
    let folder = Folder::new();
    ward(&folder);
    std::os::unix::fs::symlink("/nowhere", folder.path().join("deny.yaml")).unwrap();
    let ran = ran(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("deny.yaml"), "{}", ran.stderr);
}
