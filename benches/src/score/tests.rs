use super::{Event, Incident, Outcome, score};

fn attack(name: &str, technique: &str, (start, end): (f64, f64), actor: &str) -> Event {
    Event {
        name: name.to_owned(),
        malicious: true,
        label: technique.to_owned(),
        technique: technique.split('.').next().unwrap().to_owned(),
        start,
        end,
        actor: [actor.to_owned()].into(),
    }
}

fn incident(technique: &str, (first, last): (f64, f64), source: &str) -> Incident {
    Incident {
        kind: "kind".to_owned(),
        severity: "high".to_owned(),
        first,
        last,
        source: [source.to_owned()].into(),
        techniques: [technique.to_owned()].into(),
        text: String::new(),
    }
}

fn outcome(incidents: &[Incident]) -> Outcome {
    let events = [attack("scan", "T1046", (1000.0, 1010.0), "a")];
    score(&events, incidents).attacks.remove(0).outcome
}

#[test]
fn an_attack_is_found_by_an_incident_of_its_family_from_its_device() {
    assert_eq!(outcome(&[incident("T1046", (1002.0, 1003.0), "a")]), Outcome::Found { after: 2.0 });
    assert_eq!(outcome(&[incident("T0846", (1002.0, 1003.0), "a")]), Outcome::Found { after: 2.0 });
    assert_eq!(outcome(&[incident("T1110", (1002.0, 1003.0), "a")]), Outcome::Unnamed);
    assert_eq!(outcome(&[incident("T1046", (1002.0, 1003.0), "b")]), Outcome::Missed);
    assert_eq!(outcome(&[]), Outcome::Missed);
}

#[test]
fn a_technique_outside_all_families_is_found_by_itself() {
    let events = [attack("odd", "T9999.001", (0.0, 1.0), "a")];
    assert_eq!(score(&events, &[incident("T9999", (0.0, 1.0), "a")]).found(), 1);
}

#[test]
fn an_incident_explains_only_what_it_fits_in_time() {
    for (first, last, fits) in [
        (995.0, 996.0, true),
        (994.9, 996.0, false),
        (1130.0, 1131.0, true),
        (1130.1, 1131.0, false),
        (1000.0, 1190.0, true),
        (1000.0, 1190.1, false),
    ] {
        let found = outcome(&[incident("T1046", (first, last), "a")]) != Outcome::Missed;
        assert_eq!(found, fits, "{first} to {last}");
    }
}

#[test]
fn an_incident_explains_one_attack_the_one_that_it_overlaps_longest() {
    let events = [attack("one", "T1046", (0.0, 10.0), "a"), attack("two", "T1046", (8.0, 20.0), "a")];
    let judged = score(&events, &[incident("T1046", (7.0, 15.0), "a")]);
    assert_eq!(judged.attacks[0].outcome, Outcome::Missed);
    assert_eq!(judged.attacks[1].outcome, Outcome::Found { after: -1.0 });
    assert_eq!(judged.found(), 1);
}

#[test]
fn low_severity_is_a_notice() {
    let notice = Incident { severity: "low".to_owned(), ..incident("T1046", (1002.0, 1003.0), "a") };
    let events = [attack("scan", "T1046", (1000.0, 1010.0), "a")];
    let judged = score(&events, &[notice]);
    assert_eq!((judged.found(), judged.low, judged.others.len()), (0, 1, 0));
}

#[test]
fn a_harmless_novelty_is_accused_by_an_incident_that_explains_no_attack() {
    let novelty = Event { malicious: false, ..attack("new", "", (1000.0, 1010.0), "pump") };
    let by_attack = attack("scan", "T1046", (1000.0, 1010.0), "pump");
    let accusing = incident("T1200", (900.0, 1005.0), "pump");
    let judged = score(std::slice::from_ref(&novelty), std::slice::from_ref(&accusing));
    assert_eq!((judged.accused(), judged.others.len()), (1, 0));
    let explaining = incident("T1046", (1001.0, 1005.0), "pump");
    assert_eq!(score(&[novelty.clone(), by_attack], &[explaining]).accused(), 0);
    let elsewhere = incident("T1200", (1131.0, 1140.0), "pump");
    let judged = score(&[novelty], &[elsewhere]);
    assert_eq!((judged.accused(), judged.others.len()), (0, 1));
}

#[test]
fn flooded_addresses_are_known_by_their_family() {
    let events = [attack("mac_flood", "T1498", (0.0, 10.0), "a")];
    assert_eq!(score(&events, &[incident("T1499", (0.0, 1.0), "somebody")]).found(), 1);
    assert_eq!(score(&events, &[incident("T1046", (0.0, 1.0), "somebody")]).found(), 0);
}

#[test]
fn the_table_says_every_fate_and_the_sums() {
    let events = [
        attack("scan", "T1046", (1000.0, 1010.0), "a"),
        attack("flood", "T1499.001", (1000.0, 1010.0), "b"),
        Event { malicious: false, ..attack("backup", "", (1000.0, 1010.0), "c") },
    ];
    let incidents = [incident("T1046", (1002.0, 1003.0), "a"), incident("T1046", (1.0, 2.0), "d")];
    let table = score(&events, &incidents).to_string();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[0],
        "found    scan                T1046      after 2.0 s     T1046                   kind"
    );
    assert_eq!(lines[1], "MISSED   flood               T1499.001");
    assert_eq!(lines[2], "quiet    backup              harmless");
    assert_eq!(lines[3], "other    high     kind: d:");
    assert_eq!(
        lines[4],
        "1 of 2 attacks found, 0 of 1 harmless novelties accused, 1 other incidents, 0 notices"
    );
}
