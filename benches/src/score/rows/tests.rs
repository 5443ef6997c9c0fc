use super::{RowError, events, incidents, seconds};

const INCIDENT: &str = r#"{"kind":"scan","severity":"high","ts_first":"2026-11-24T08:15:53.5Z","ts_last":"2026-11-24T08:15:54Z","technique":["T1557.002"],"source":{"device":"Dev-1","ip":["10.0.0.1"],"mac":["AA:00:00:00:00:01"]},"text":"x"}"#;

#[test]
fn times_are_seconds_since_1970() {
    assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
    assert_eq!(seconds("2026-11-24T08:15:53.845Z"), Some(1_795_508_153.845));
    assert_eq!(seconds("2024-02-29T23:59:59.5Z"), Some(1_709_251_199.5));
    assert_eq!(seconds("2000-03-01T00:00:00+00:00"), Some(951_868_800.0));
    for other in ["", "2026-11-24", "2026-11-24T08:15Z", "T:Z", "2026-11-24T08:15:53+01:00"] {
        assert_eq!(seconds(other), None, "{other}");
    }
}

#[test]
fn an_incident_names_its_source_in_lower_case_and_techniques_without_their_parts() {
    let row = incidents(INCIDENT).unwrap().remove(0);
    assert!(["dev-1", "10.0.0.1", "aa:00:00:00:00:01"].iter().all(|name| row.source.contains(*name)));
    assert!(row.techniques.contains("T1557"));
}

#[test]
fn a_crowd_of_addresses_accuses_nobody() {
    let crowd = INCIDENT.replace(r#"["10.0.0.1"]"#, r#"["1","2","3","4","5"]"#);
    assert!(incidents(&crowd).unwrap()[0].source.is_empty());
    let few = INCIDENT.replace(r#"["10.0.0.1"]"#, r#"["1","2","3","4"]"#);
    assert_eq!(incidents(&few).unwrap()[0].source.len(), 6);
}

#[test]
fn rows_that_cannot_be_read_are_named_by_line_and_field() {
    assert_eq!(incidents(&format!("{INCIDENT}\nnot json")), Err(RowError::Json { line: 2 }));
    let lacking = INCIDENT.replace("ts_last", "ts_other");
    assert_eq!(incidents(&lacking), Err(RowError::Field { line: 1, field: "ts_last" }));
    assert_eq!(events("{}"), Err(RowError::Field { line: 1, field: "name" }));
}

#[test]
fn phases_of_the_recording_are_no_events() {
    let labels = std::fs::read_to_string(fixtures::hospital().labels).unwrap();
    let events = events(&labels).unwrap();
    assert_eq!(events.len(), 15);
    assert_eq!(events.iter().filter(|event| event.malicious).count(), 12);
    assert!(events.iter().all(|event| event.actor.len() == 3));
}
