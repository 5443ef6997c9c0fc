//! `wardline policy check --format sarif` prints a log that programs for SARIF accept.

use crate::build::Folder;
use crate::read::wardline;
use crate::run::text;
use serde_json::{Value, json};
use std::process::Command;

/// One mistake in almost every line, a warning, a second place, and a key that is no ASCII.
const POLICY: &str = "version: 1
defaults: { mode: on }
segments:
  imaging: { match: { ip: 10.10.0.5/24 } }
  größe:   { match: { class: infusion-pumps }, description: \"Größe\", withn: deny }
  guest:   { match: { vlan: [3, 3] } }
  guest:   { match: { vlan: 4 } }
allow:
  - { id: store, from: imging, to: guest, service: dicomm }
";

/// An object with these properties and no other; one whose name ends with `?` may be missing.
fn object(properties: &[(&str, Value)]) -> Value {
    let name = |(name, _): &(&str, Value)| name.trim_end_matches('?').to_owned();
    let required = properties.iter().filter(|(name, _)| !name.ends_with('?')).map(name);
    let named: serde_json::Map<String, Value> =
        properties.iter().map(|property| (name(property), property.1.clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required.collect::<Vec<_>>(), "properties": named })
}

fn list(items: &Value, at_least: usize) -> Value {
    json!({ "type": "array", "items": items, "minItems": at_least })
}

/// What sections 3.13 to 3.55 of the standard require of the objects that we write, and no property that they do not have.
fn required() -> Value {
    let string = json!({ "type": "string", "minLength": 1 });
    let number = json!({ "type": "integer", "minimum": 1 });
    let code = json!({ "type": "string", "pattern": "^POL[0-9]{3}$" });
    let level = json!({ "enum": ["error", "warning"] });
    let uri = json!({ "type": "string", "pattern": "^(file:///)?[A-Za-z0-9._~%/-]+$" });
    let message = object(&[("text", string.clone())]);
    let region =
        object(&["startLine", "startColumn", "endLine", "endColumn"].map(|key| (key, number.clone())));
    let place = object(&[("artifactLocation", object(&[("uri", uri)])), ("region", region)]);
    let related = object(&[
        ("id", json!({ "type": "integer", "minimum": 0 })),
        ("physicalLocation", place.clone()),
        ("message", message.clone()),
    ]);
    let result = object(&[
        ("ruleId", code.clone()),
        ("ruleIndex", json!({ "type": "integer", "minimum": 0 })),
        ("level", level.clone()),
        ("message", message.clone()),
        ("locations", list(&object(&[("physicalLocation", place)]), 1)),
        ("relatedLocations?", list(&related, 1)),
        ("properties?", object(&[("fix", string.clone())])),
    ]);
    let rule = object(&[
        ("id", code),
        ("name", string.clone()),
        ("shortDescription", message.clone()),
        ("fullDescription", message.clone()),
        ("help", object(&[("text", string.clone()), ("markdown?", string.clone())])),
        ("defaultConfiguration", object(&[("level", level)])),
    ]);
    let driver = object(&[
        ("name", json!({ "const": "wardline" })),
        ("version", string.clone()),
        ("semanticVersion", string.clone()),
        ("rules", list(&rule, 30)),
    ]);
    let run = object(&[
        ("tool", object(&[("driver", driver)])),
        ("invocations", list(&object(&[("executionSuccessful", json!({ "const": true }))]), 1)),
        ("columnKind", json!({ "const": "unicodeCodePoints" })),
        ("results", list(&result, 0)),
    ]);
    object(&[("$schema", string), ("version", json!({ "const": "2.1.0" })), ("runs", list(&run, 1))])
}

fn log(policy: &str, code: i32) -> (Folder, std::path::PathBuf, Value) {
    let folder = Folder::new();
    let path = folder.file("ward 7.yaml", policy.as_bytes());
    let ran = wardline(&["policy", "check", "--format", "sarif", text(&path)], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (code, ""));
    let log = folder.file("policy.sarif", ran.stdout.as_bytes());
    (folder, log, serde_json::from_str(&ran.stdout).unwrap())
}

#[test]
fn the_log_has_what_the_standard_requires_and_nothing_else() {
    let validator = jsonschema::draft202012::new(&required()).unwrap();
    for (policy, code, at_least) in [(POLICY, 3, 8), ("version: 1\n", 0, 0)] {
        let (_folder, _, log) = log(policy, code);
        let wrong: Vec<String> =
            validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert!(results.len() >= at_least, "{results:#?}");
    }
}

#[test]
fn every_result_names_its_rule_and_the_characters_that_are_wrong() {
    let (_folder, _, log) = log(POLICY, 3);
    let run = &log["runs"][0];
    let lines: Vec<&str> = POLICY.lines().collect();
    let mut under = Vec::new();
    for result in run["results"].as_array().unwrap() {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
        let region = &result["locations"][0]["physicalLocation"]["region"];
        let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
        let (from, to) = (number("startColumn") - 1, number("endColumn") - 1);
        under.push(lines[number("startLine") - 1].chars().skip(from).take(to - from).collect::<String>());
    }
    let wanted = ["on", "10.10.0.5/24", "größe", "infusion-pumps", "withn", "3", "guest", "imging", "dicomm"];
    assert_eq!(under, wanted);
    let twice = &run["results"][6];
    assert_eq!(twice["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 6);
    assert_eq!(run["results"][7]["properties"]["fix"], "did you mean `imaging`?");
    assert!(run["results"][7]["message"]["text"].as_str().unwrap().ends_with("did you mean `imaging`?"));
}

#[test]
fn the_reference_validator_finds_no_error() {
    let Some(program) = std::env::var_os("WARDLINE_SARIF_MULTITOOL") else {
        eprintln!(
            "SKIPPED: validation by Sarif.Multitool (npm @microsoft/sarif-multitool-linux): set WARDLINE_SARIF_MULTITOOL to its path"
        );
        return;
    };
    let (_folder, path, _) = log(POLICY, 3);
    let validate = |path: &std::path::Path| {
        let output = Command::new(&program)
            .args(["validate", "--level", "Error", "--kind", "Fail"])
            .arg(path)
            .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = validate(&path);
    assert!(said.contains("Analyzing") && !said.contains(": error "), "{said}");
    let broken = std::fs::read_to_string(&path).unwrap().replace("\"startLine\"", "\"startRow\"");
    std::fs::write(&path, broken).unwrap();
    assert!(validate(&path).contains(": error "), "it would have noticed");
}
