//! The output against its schemas and its documentation.

#[path = "../../tests/it/conform.rs"]
mod conform;

use super::json::Json;
use super::summary::Report;
use super::{Folder, Names, rows, samples, summary, words};
use abi::app::App;
use abi::device::DeviceType;
use conform::{assert_folder_conforms, mistakes, schema};
use engine::output::{Finished, Outputs};
use serde_json::Value;

/// The rows that `write` makes of all `samples`.
fn lines<T>(samples: &[T], mut write: impl FnMut(&mut Json, &T)) -> String {
    let mut out = Json::default();
    for sample in samples {
        write(&mut out, sample);
    }
    String::from_utf8(out.bytes().to_vec()).unwrap()
}

/// Asserts that rows are what the schema `name` says, with and without a policy.
fn check<T>(name: &str, samples: &[T], write: impl Fn(&mut Json, &T, &Names<'_>)) {
    let policy = samples::policy();
    for names in [Names::of(None), Names::of(Some(&policy))] {
        let text = lines(samples, |out, sample| write(out, sample, &names));
        assert_eq!(text.lines().count(), samples.len(), "{name}: a row is one line");
        assert_eq!(mistakes(name, text.lines()), [""; 0]);
    }
}

#[test]
fn flow_rows_are_what_the_schema_says() {
    check("flow", &samples::flows(), rows::flow);
}

#[test]
fn session_rows_are_what_the_schema_says() {
    check("session", &samples::sessions(), rows::session);
}

#[test]
fn verdict_rows_are_what_the_schema_says() {
    // Without a policy there are no verdicts, so the hash is always there.
    let policy = samples::policy();
    let names = Names::of(Some(&policy));
    let text = lines(&samples::verdicts(), |out, row| rows::verdict(out, row, &names));
    assert_eq!(mistakes("verdict", text.lines()), [""; 0]);
}

#[test]
fn incident_rows_are_what_the_schema_says() {
    check("incident", &samples::incidents(), rows::incident);
}

#[test]
fn device_rows_are_what_the_schema_says() {
    check("device", &samples::devices(), rows::device);
}

#[test]
fn the_summary_is_what_the_schema_says() {
    let policy = samples::policy();
    let (full, empty) = (samples::finished(), Finished::default());
    let notes = ["b.pcap: ends within a frame \"x\"".to_owned(), "a.pcap: 3 frames out of order".to_owned()];
    for report in [
        Report { finished: &full, names: &Names::of(Some(&policy)), baseline: Some(&[7; 32]), notes: &notes },
        Report { finished: &empty, names: &Names::of(None), baseline: None, notes: &[] },
    ] {
        let text = String::from_utf8(summary::json(&report)).unwrap();
        assert_eq!(mistakes("summary", [text.as_str()]), [""; 0]);
    }
}

#[test]
fn the_order_of_the_notes_does_not_matter() {
    let finished = samples::finished();
    let mut notes = vec!["b".to_owned(), "a".to_owned()];
    let mut text = || {
        notes.reverse();
        summary::json(&Report { finished: &finished, names: &Names::of(None), baseline: None, notes: &notes })
    };
    assert_eq!(text(), text());
}

#[test]
fn a_folder_of_samples_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let policy = samples::policy();
    let names = Names::of(Some(&policy));
    let mut folder = Folder::create(dir.path()).unwrap();
    let mut outputs = Outputs {
        flows: samples::flows(),
        sessions: samples::sessions(),
        verdicts: samples::verdicts(),
        ..Outputs::default()
    };
    folder.write(&mut outputs, &names).unwrap();
    let report = Report { finished: &samples::finished(), names: &names, baseline: None, notes: &[] };
    folder.finish(&report).unwrap();
    assert_folder_conforms(dir.path());
}

/// A sample row with one member changed, which the schema must refuse.
fn refused(name: &str, row: &str, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(row).unwrap();
    assert_eq!(mistakes(name, [row]), [""; 0]);
    change(&mut value);
    assert_ne!(mistakes(name, [value.to_string().as_str()]), [""; 0], "{value}");
}

#[test]
fn a_wrong_row_is_refused() {
    let row = lines(&[samples::flow()], |out, row| rows::flow(out, row, &Names::of(None)));
    refused("flow", &row, |row| row["app"] = "gopher".into());
    refused("flow", &row, |row| row["extra"] = 1.into());
    refused("flow", &row, |row| row["client"]["extra"] = 1.into());
    refused("flow", &row, |row| row["packets"]["out"] = (-1).into());
    refused("flow", &row, |row| row["ts_first"] = "2026-03-01T08:00:00Z".into());
    refused("flow", &row, |row| row["community_id"] = "1:short".into());
    refused("flow", &row, |row| {
        row.as_object_mut().unwrap().remove("end");
    });
    let row = lines(&[samples::device()], |out, row| rows::device(out, row, &Names::of(None)));
    refused("device", &row, |row| row["type"]["value"] = "toaster".into());
    refused("device", &row, |row| row["vendor"]["confidence"] = 1.5.into());
    let row = lines(&[samples::incident()], |out, row| rows::incident(out, row, &Names::of(None)));
    refused("incident", &row, |row| row["technique"][0] = "scan".into());
    refused("incident", &row, |row| row["severity"] = "dire".into());
}

/// The words that a schema lists at `pointer`.
fn listed(name: &str, pointer: &str) -> Vec<String> {
    let schema = schema(name);
    let words = schema.pointer(pointer).unwrap_or_else(|| panic!("{name}: {pointer}"));
    serde_json::from_value(words.clone()).unwrap()
}

#[test]
fn the_schemas_list_every_application_and_no_other() {
    let words = App::ALL.map(App::word);
    assert_eq!(listed("flow", "/$defs/app/enum"), words);
    assert_eq!(listed("session", "/$defs/app/enum"), words);
    assert_eq!(listed("summary", "/properties/sessions/propertyNames/enum"), words);
}

#[test]
fn the_schemas_list_every_device_type_and_no_other() {
    let words = DeviceType::ALL.map(DeviceType::word);
    for name in ["flow", "session", "incident", "device"] {
        assert_eq!(listed(name, "/$defs/device_type/enum"), words, "{name}");
    }
    assert_eq!(listed("summary", "/properties/devices_by_type/propertyNames/enum"), words);
}

#[test]
fn the_schemas_list_every_reason_and_no_other() {
    let mut words: Vec<&str> = samples::reasons().into_iter().map(abi::judge::Reason::word).collect();
    let mut listed = listed("verdict", "/properties/reason/enum");
    words.sort_unstable();
    listed.sort_unstable();
    assert_eq!(listed, words);
}

/// The examples of `docs/output.md`: the file that each stands under, and its text.
fn examples() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(conform::docs().join("output.md")).unwrap();
    let mut examples = vec![];
    let mut file = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## `") {
            file = heading.trim_end_matches('`').to_owned();
        }
        if line == "```json" {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            examples.push((file.clone(), body.join("\n")));
        }
    }
    examples
}

/// The files that are documented, with the name of their schema.
fn documented() -> impl Iterator<Item = (&'static str, &'static str)> {
    conform::ROWS.into_iter().chain([("summary.json", "summary")])
}

#[test]
fn the_examples_of_the_documentation_are_what_the_schemas_say() {
    let examples = examples();
    for (file, name) in documented() {
        let of_file: Vec<&str> =
            examples.iter().filter(|(under, _)| under == file).map(|(_, text)| text.as_str()).collect();
        assert!(!of_file.is_empty(), "{file} has no example");
        assert_eq!(mistakes(name, of_file), [""; 0]);
    }
}

/// What `docs/output.md` says of a file.
fn section(file: &str) -> String {
    let text = std::fs::read_to_string(conform::docs().join("output.md")).unwrap();
    text.split("\n## `").find(|section| section.starts_with(file)).unwrap().to_owned()
}

#[test]
fn the_documentation_names_every_field() {
    for (file, name) in documented() {
        let section = section(file);
        for field in schema(name)["properties"].as_object().unwrap().keys() {
            assert!(
                section.contains(&format!("| `{field}`")),
                "docs/output.md: {file} does not explain `{field}`"
            );
        }
    }
}

#[test]
fn the_documentation_names_every_operation_and_what_it_says() {
    let section = section("sessions.jsonl");
    for sample in samples::sessions() {
        let said = &sample.exchange.said;
        let documented = |name: &str| section.contains(&format!("`{name}`"));
        assert!(documented(said.app().word()) && documented(said.op()), "{} {}", said.app(), said.op());
        said.fields(&mut |name, _| {
            let short = name.strip_prefix("responder_").unwrap_or(name);
            assert!(documented(short), "docs/output.md does not name `{name}` of {}", said.app());
        });
    }
}

#[test]
fn the_documentation_has_the_criticality_of_every_type() {
    let section = section("devices.jsonl");
    for class in DeviceType::ALL {
        let row = format!("| `{}` |", words::criticality(class));
        let line = section.lines().find(|line| line.starts_with(&row)).unwrap_or_default();
        assert!(line.contains(&format!("`{class}`")), "{class} is not in the row {row}");
    }
}

/// The kinds in the first column of the tables of `docs/detection.md`; `ftp-` stands for the ending of its neighbours.
fn documented_kinds() -> Vec<String> {
    let text = std::fs::read_to_string(conform::docs().join("detection.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|kind| !kind.ends_with('-'))
        .collect()
}

#[test]
fn every_documented_kind_of_incident_has_advice_of_its_own() {
    let kinds = documented_kinds();
    assert!(kinds.len() > 30, "{kinds:?}");
    for kind in kinds {
        assert_ne!(words::recommended(&kind), words::FALLBACK, "{kind}");
    }
}
