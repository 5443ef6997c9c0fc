//! What a policy means, and what changes its hash.

use abi::device::DeviceType;
use abi::table::{Access, Action, Cell, Mode, SegmentId};
use proptest::prelude::*;

use super::{one, right};
use crate::{Compiled, Source, compile};

const TCP: u8 = 6;

fn segment(policy: &Compiled, name: &str) -> Option<SegmentId> {
    let found = policy.segments.iter().find(|segment| segment.name == name);
    assert!(found.is_some() || name == "unassigned", "{name}");
    found.map(|segment| segment.id)
}

fn access(policy: &Compiled, from: &str, to: &str, port: u16) -> Access {
    Access { from: segment(policy, from), to: segment(policy, to), service: policy.tables.class(TCP, port) }
}

/// The verdict as a line: action, mode, rule.
fn verdict(policy: &Compiled, from: &str, to: &str, port: u16) -> String {
    let Cell { rule, action, mode } = policy.tables.decide(access(policy, from, to, port));
    let rule = rule.and_then(|id| policy.rule(id)).map_or("default", |rule| rule.name.as_str());
    format!("{action:?} {mode:?} {rule}")
}

#[test]
fn what_is_not_written_denies_and_observes() {
    let policy = right("version: 1\nsegments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }\n");
    assert_eq!(verdict(&policy, "a", "b", 80), "Deny Observe default");
    assert_eq!(verdict(&policy, "a", "a", 80), "Deny Observe default");
    assert_eq!(verdict(&policy, "a", "internet", 80), "Deny Observe default");
    assert_eq!(verdict(&policy, "a", "unassigned", 80), "Deny Observe default");
}

#[test]
fn defaults_differ_between_within_and_unassigned() {
    let text = |unassigned: &str| {
        right(&format!(
            "version: 1
defaults: {{ between: deny, within: allow, unassigned: {unassigned}, mode: enforce }}
segments: {{ a: {{ match: {{ vlan: 1 }} }}, b: {{ match: {{ vlan: 2 }}, within: deny }} }}
"
        ))
    };
    let policy = text("observe");
    assert_eq!(verdict(&policy, "a", "b", 80), "Deny Enforce default");
    assert_eq!(verdict(&policy, "a", "a", 80), "Allow Enforce default");
    assert_eq!(verdict(&policy, "b", "b", 80), "Deny Enforce default");
    assert_eq!(verdict(&policy, "unassigned", "b", 80), "Deny Observe default");
    assert_eq!(verdict(&text("alert"), "a", "unassigned", 80), "Deny Alert default");
    assert_eq!(verdict(&text("deny"), "unassigned", "unassigned", 80), "Deny Enforce default");
}

#[test]
fn deny_wins_over_allow_wherever_it_stands_and_the_first_allow_gives_its_id() {
    let policy = right(
        "version: 1
defaults: { mode: enforce }
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
allow:
  - { id: web, from: a, to: b, tcp: [80, '400-500'] }
  - { id: https, from: '*', to: b, service: https, mode: alert }
deny:
  - { id: never, from: a, to: b, tcp: 80 }
",
    );
    assert_eq!(verdict(&policy, "a", "b", 80), "Deny Enforce never");
    assert_eq!(verdict(&policy, "a", "b", 443), "Allow Enforce web");
    assert_eq!(verdict(&policy, "b", "b", 443), "Allow Alert https");
    assert_eq!(verdict(&policy, "b", "a", 443), "Deny Enforce default");
}

#[test]
fn a_deny_rule_on_trial_never_weakens_one_in_force() {
    let policy = right(
        "version: 1
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
deny:
  - { id: wide, from: a, to: b, service: any, mode: observe }
  - { id: ssh, from: a, to: b, service: ssh, mode: enforce }
",
    );
    assert_eq!(verdict(&policy, "a", "b", 22), "Deny Enforce ssh");
    assert_eq!(verdict(&policy, "a", "b", 80), "Deny Observe wide");
}

#[test]
fn an_allow_rule_in_mode_observe_counts_and_changes_no_verdict() {
    let policy = right(
        "version: 1
defaults: { mode: enforce }
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
allow:
  - { id: trial, from: a, to: b, tcp: [80, 443, 22], mode: observe }
  - { id: https, from: a, to: b, tcp: 443 }
deny:
  - { id: ssh, from: a, to: b, tcp: 22 }
",
    );
    let trial = |port| {
        let id = policy.rule_on_trial(access(&policy, "a", "b", port));
        id.and_then(|id| policy.rule(id)).map(|rule| rule.name.as_str())
    };
    assert_eq!((verdict(&policy, "a", "b", 80).as_str(), trial(80)), ("Deny Enforce default", Some("trial")));
    assert_eq!(
        (verdict(&policy, "a", "b", 443).as_str(), trial(443)),
        ("Allow Enforce https", Some("trial"))
    );
    assert_eq!((verdict(&policy, "a", "b", 22).as_str(), trial(22)), ("Deny Enforce ssh", None));
    assert_eq!((verdict(&policy, "a", "b", 81).as_str(), trial(81)), ("Deny Enforce default", None));
}

#[test]
fn a_star_is_every_declared_segment_and_neither_the_internet_nor_the_unassigned() {
    let policy = right(
        "version: 1
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } }, c: { match: { vlan: 3 } } }
allow: [{ id: dns, from: '*', except: [c], to: b, service: dns }]
",
    );
    let names: Vec<String> = ["a", "b", "c", "internet", "unassigned"]
        .iter()
        .map(|from| verdict(&policy, from, "b", 53))
        .collect();
    let deny = "Deny Observe default";
    assert_eq!(names, ["Allow Observe dns", "Allow Observe dns", deny, deny, deny]);
}

#[test]
fn a_declared_service_replaces_the_known_one_of_its_name() {
    let policy = right(
        "version: 1
segments: { a: { match: { vlan: 1 } } }
services: { dicom: { tcp: 4242 }, archive: { tcp: ['4000-5000'] } }
allow: [{ id: r, from: a, to: a, service: dicom }]
",
    );
    assert_eq!(verdict(&policy, "a", "a", 4242), "Allow Observe r");
    assert_eq!(verdict(&policy, "a", "a", 104), "Deny Observe default");
    assert_eq!(policy.service_name(TCP, 4242), Some("dicom"));
    assert_eq!(policy.service_name(TCP, 4243), Some("archive"));
    assert_eq!(policy.service_name(TCP, 443), Some("https"));
    assert_eq!(policy.service_name(1, 0), Some("ping"));
    assert_eq!(policy.service_name(TCP, 9), None);
}

#[test]
fn rules_know_their_file_and_line_and_classes_their_segment() {
    let policy = right(
        "version: 1
segments: { a: { match: { class: [ct, mr] } }, b: { match: { vlan: 2 } } }
allow:
  - id: r
    from: a
    to: b
    service: dicom
    mode: alert
",
    );
    let rule = &policy.rules[0];
    assert_eq!(
        (rule.file.as_str(), rule.line, rule.mode, rule.action),
        ("p.yaml", 4, Mode::Alert, Action::Allow)
    );
    assert_eq!(policy.segment_name(policy.segment_for_class(DeviceType::Mr)), "a");
    assert_eq!(policy.segment_for_class(DeviceType::Pacs), None);
    assert_eq!(policy.segment_name(None), "unassigned");
}

const A: &str = "version: 1
defaults: { mode: alert }
segments:
  a: { match: { ip: [10.0.0.0/24, 10.0.1.0/24] } }
  b: { match: { vlan: 2 } }
";
const B: &str = "version: 1
services: { web: { tcp: [80, 443] } }
allow:
  - { id: r, from: [a, b], to: b, service: web }
deny:
  - { id: s, from: a, to: internet, service: any }
";

fn hash(texts: &[(&str, &str)]) -> [u8; 32] {
    let sources: Vec<Source> =
        texts.iter().map(|&(name, text)| Source { name: name.to_owned(), text: text.to_owned() }).collect();
    compile(&sources).unwrap().hash
}

#[test]
fn the_hash_is_that_of_the_meaning() {
    let plain = hash(&[("a", A), ("b", B)]);
    assert_eq!(plain, hash(&[("b", B), ("a", A)]), "order of sources");
    assert_eq!(plain, hash(&[("z", A), ("y", B)]), "names of files");
    assert_eq!(plain, hash(&[("a", &format!("# why\n{A}")), ("b", B)]), "comments");
    assert_eq!(plain, hash(&[("a", A), ("b", &B.replace("web", "www"))]), "names of services");
    assert_eq!(plain, hash(&[("a", A), ("b", &B.replace("[80, 443]", "[443, 80-80]"))]), "spelling of ports");
    let swapped = A.replace("  a: { match: { ip: [10.0.0.0/24, 10.0.1.0/24] } }\n", "")
        + "  a: { match: { ip: [10.0.1.0/24, 10.0.0.0/24] } }\n";
    assert_eq!(plain, hash(&[("a", &swapped), ("b", B)]), "order of segments and selectors");

    for (from, to) in [
        ("mode: alert", "mode: enforce"),
        ("mode: alert", "mode: alert, within: allow"),
        ("10.0.1.0/24", "10.0.2.0/24"),
        ("vlan: 2", "vlan: 3"),
        ("vlan: 2 }", "vlan: 2 }, life_critical: true"),
    ] {
        assert_ne!(plain, hash(&[("a", &A.replace(from, to)), ("b", B)]), "{to}");
    }
    for (from, to) in [
        ("443", "444"),
        ("id: r", "id: q"),
        ("[a, b]", "[a]"),
        ("service: web", "service: any"),
        ("id: s", "id: t"),
        ("service: any", "service: any, mode: observe"),
    ] {
        assert_ne!(plain, hash(&[("a", A), ("b", &B.replacen(from, to, 1))]), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        drop(one(&text));
    }

    #[test]
    fn a_mutated_policy_never_panics_and_every_place_lies_in_the_text(
        at in 0..1500_usize, cut in 0..20_usize, put in "[\\[\\]{}:,\"'*&!#\\-\\t\\n a0é]{0,6}",
    ) {
        let text = include_str!("../../examples/hospital.yaml");
        let at = text.floor_char_boundary(at);
        let end = text.floor_char_boundary(at + cut);
        let text = format!("{}{put}{}", &text[..at], &text[end..]);
        if let Err(mistakes) = one(&text) {
            for mistake in &mistakes {
                let line = text.lines().nth(mistake.line as usize - 1).unwrap_or("");
                prop_assert!(mistake.column as usize <= line.chars().count() + 1, "{mistake}");
            }
        }
    }
}
