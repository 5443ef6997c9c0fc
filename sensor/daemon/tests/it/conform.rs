//! Whether output is what `docs/schema/` promises. Used by the unit tests of the rows, and by the tests that replay.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// The files of rows and the schema of each.
pub(crate) const ROWS: [(&str, &str); 5] = [
    ("flows.jsonl", "flow"),
    ("sessions.jsonl", "session"),
    ("verdicts.jsonl", "verdict"),
    ("incidents.jsonl", "incident"),
    ("devices.jsonl", "device"),
];

/// The schema `docs/schema/NAME.schema.json`.
pub(crate) fn schema(name: &str) -> Value {
    let path = docs().join("schema").join(format!("{name}.schema.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// The folder `docs` of the repository.
pub(crate) fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// What the schema called `name` has against `rows`: one text for each mistake, with the row's number from 1.
pub(crate) fn mistakes<'a>(name: &str, rows: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let schema = schema(name);
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
    let validator =
        jsonschema::draft202012::new(&schema).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
    let mut mistakes = vec![];
    for (at, row) in rows.into_iter().enumerate() {
        match serde_json::from_str::<Value>(row) {
            Ok(value) => mistakes.extend(
                validator
                    .iter_errors(&value)
                    .map(|mistake| format!("{name} {}: {}: {mistake}", at + 1, mistake.instance_path())),
            ),
            Err(cause) => mistakes.push(format!("{name} {}: {cause}: {row}", at + 1)),
        }
    }
    mistakes
}

/// Asserts that every row of an output folder, and its summary, is what the schemas promise, and that the summary
/// counts the rows that are there.
pub(crate) fn assert_folder_conforms(dir: &Path) {
    let read = |file: &str| {
        let path = dir.join(file);
        fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
    };
    let summary_text = read("summary.json");
    let mut wrong = mistakes("summary", [summary_text.as_str()]);
    let summary: Value = serde_json::from_str(&summary_text).unwrap_or_default();
    for (file, name) in ROWS {
        let text = read(file);
        assert!(text.is_empty() || text.ends_with('\n'), "{file} ends in the middle of a row");
        wrong.extend(mistakes(name, text.lines()));
        let rows = text.lines().count() as u64;
        let counted = summary.get(format!("{name}s")).and_then(sum);
        if counted != Some(rows) {
            // First, because it is the one that no schema sees.
            wrong.insert(0, format!("{file} has {rows} rows, the summary counts {counted:?}"));
        }
    }
    let shown: Vec<_> = wrong.iter().take(20).cloned().collect();
    assert!(wrong.is_empty(), "{} mistakes in {}:\n{}", wrong.len(), dir.display(), shown.join("\n"));
}

/// A count, or the sum of the counts of an object.
fn sum(counts: &Value) -> Option<u64> {
    match counts.as_object() {
        Some(counts) => counts.values().map(Value::as_u64).sum(),
        None => counts.as_u64(),
    }
}

#[test]
#[should_panic(expected = "verdicts.jsonl has 1 rows, the summary counts Some(0)")]
fn a_folder_whose_summary_does_not_count_its_rows_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (file, _) in ROWS {
        fs::write(dir.path().join(file), "").unwrap();
    }
    fs::write(dir.path().join("verdicts.jsonl"), "{}\n").unwrap();
    let counts =
        r#"{"flows": 0, "sessions": {}, "verdicts": {"allow": 0, "deny": 0}, "incidents": {}, "devices": 0}"#;
    fs::write(dir.path().join("summary.json"), counts).unwrap();
    assert_folder_conforms(dir.path());
}
