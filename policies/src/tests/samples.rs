//! The sample policies give the verdicts that their comments promise.

use abi::table::{Access, Action, Mode};

use super::right;
use crate::Compiled;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The verdict between two segments by name: action, mode, rule.
fn verdict(policy: &Compiled, from: &str, to: &str, protocol: u8, port: u16) -> String {
    let segment = |name: &str| {
        let found = policy.segments.iter().find(|segment| segment.name == name);
        found.map_or_else(|| panic!("{name}"), |segment| segment.id)
    };
    let service = policy.tables.class(protocol, port);
    let cell = policy.tables.decide(Access { from: Some(segment(from)), to: Some(segment(to)), service });
    let action = match cell.action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    let mode = match cell.mode {
        Mode::Observe => "observe",
        Mode::Alert => "alert",
        Mode::Enforce => "enforce",
    };
    let rule = cell.rule.and_then(|id| policy.rule(id)).map_or("default", |rule| rule.name.as_str());
    format!("{action} {mode} {rule}")
}

fn assert_verdicts(text: &str, wanted: &[(&str, &str, u8, u16, &str)]) {
    let policy = right(text);
    for &(from, to, protocol, port, wanted) in wanted {
        assert_eq!(verdict(&policy, from, to, protocol, port), wanted, "{from} to {to} {protocol}/{port}");
    }
}

#[test]
fn the_clinic_observes_and_enforces_against_guests_alone() {
    assert_verdicts(
        include_str!("../../examples/clinic.yaml"),
        &[
            ("imaging", "practice", TCP, 104, "allow observe images"),
            ("imaging", "internet", TCP, 443, "deny observe devices-stay"),
            ("workstations", "imaging", TCP, 22, "deny observe default"),
            ("guest", "practice", TCP, 8443, "deny enforce default"),
            ("guest", "router", UDP, 53, "allow enforce core"),
        ],
    );
}

#[test]
fn in_the_hospital_by_pillars_devices_reach_their_own_servers_alone() {
    assert_verdicts(
        include_str!("../../examples/hospital-pillars.yaml"),
        &[
            ("modalities", "pacs", TCP, 11112, "allow observe img-store"),
            ("pumps", "pump-servers", TCP, 443, "allow observe pump-ask"),
            ("pumps", "pumps", TCP, 443, "deny observe default"),
            ("pumps", "internet", TCP, 443, "deny alert critical-stay"),
            ("monitors", "centrals", UDP, 5005, "allow observe vitals"),
            ("workstations", "pumps", TCP, 8100, "deny observe default"),
            ("glucose-meters", "lab-system", TCP, 3656, "allow observe lab-glucose"),
            ("guest", "records", TCP, 443, "deny enforce guest-out"),
            ("guest", "files", TCP, 445, "deny enforce default"),
            ("guest", "internet", TCP, 443, "allow observe guest-web"),
            // On trial: counted, and not yet opened.
            ("jump-hosts", "modalities", TCP, 22, "deny alert default"),
        ],
    );
    let policy = right(include_str!("../../examples/hospital-pillars.yaml"));
    for pillar in [
        "modalities",
        "pumps",
        "monitors",
        "analysers",
        "databases",
        "workstations",
        "plant",
        "guest",
        "jump-hosts",
    ] {
        assert!(policy.segments.iter().any(|segment| segment.name == pillar), "{pillar}");
    }
}

#[test]
fn care_at_home_never_drops_what_a_life_critical_device_says() {
    let text = include_str!("../../examples/home-care.yaml");
    assert_verdicts(
        text,
        &[
            ("ventilator", "provider", TCP, 8883, "allow alert report"),
            ("household", "ventilator", TCP, 80, "deny enforce apart"),
            ("household", "internet", TCP, 443, "allow enforce household"),
            ("wearables", "internet", TCP, 443, "deny enforce no-visit"),
            ("pump", "internet", TCP, 443, "deny alert no-calls"),
        ],
    );
    let policy = right(text);
    for from in ["ventilator", "pump"] {
        for to in policy.segments.iter().map(|segment| segment.name.as_str()) {
            for (protocol, port) in [(TCP, 443), (TCP, 8883), (UDP, 53), (UDP, 9), (1, 0)] {
                let verdict = verdict(&policy, from, to, protocol, port);
                assert!(!verdict.starts_with("deny enforce"), "{from} to {to} {protocol}/{port}: {verdict}");
            }
        }
    }
}

#[test]
fn the_samples_are_those_of_the_manual() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let manual = include_str!("../../../docs/policy.md");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["clinic.yaml", "home-care.yaml", "hospital-pillars.yaml", "hospital.yaml"]);
    for name in names {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
        let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=../../docs/schema/policy.schema.json\n"),
            "{name} has no line for editors"
        );
    }
}
