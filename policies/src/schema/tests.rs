//! The schema says what the reader says, and what is published is what the tables make.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

use super::*;
use crate::{Code, Source, Wrong, compile};

fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn published() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

/// What an editor makes of a YAML text: plain scalars become numbers, booleans and nulls (YAML 1.2.2 section 10.3.2).
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate is open")]
fn value(text: &str) -> Option<Value> {
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut done = None;
    for event in Parser::new_from_str(text) {
        let finished = match event.ok()?.0 {
            Event::Scalar(text, style, ..) => plain(&text, style),
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceStart(..) => {
                open.push((Value::Array(vec![]), None));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop()?.0,
            Event::Alias(_) => return None,
            _ => continue,
        };
        match open.last_mut() {
            None => done = Some(finished),
            Some((Value::Array(items), _)) => items.push(finished),
            Some((Value::Object(entries), key)) => match key.take() {
                None => *key = Some(finished.as_str().map_or_else(|| finished.to_string(), str::to_owned)),
                Some(key) => {
                    entries.insert(key, finished);
                }
            },
            Some(_) => return None,
        }
    }
    done
}

fn plain(text: &str, style: ScalarStyle) -> Value {
    match text {
        _ if style != ScalarStyle::Plain => Value::from(text),
        "" | "~" | "null" => Value::Null,
        "true" | "false" => Value::from(text == "true"),
        _ => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
    }
}

fn mistakes(value: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&published()).unwrap();
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Policies that compile: the examples, those of the manual, and those of the pages.
fn policies() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(beside("examples")).unwrap() {
        let path = entry.unwrap().path();
        all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    let manual = std::fs::read_to_string(beside("../docs/policy.md")).unwrap();
    all.extend(
        manual
            .split("```yaml\n")
            .skip(1)
            .map(|block| ("docs/policy.md".to_owned(), block.split("```").next().unwrap().to_owned())),
    );
    all.extend(Code::ALL.iter().map(|code| (code.text().to_owned(), code.page().mended.to_owned())));
    all
}

#[test]
fn the_published_schema_is_what_the_tables_make() {
    let path = beside("../docs/schema/policy.schema.json");
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == schema(),
        "docs/schema/policy.schema.json is not what the tables make: run `wardline policy schema > docs/schema/policy.schema.json`"
    );
}

#[test]
fn it_is_a_schema_of_its_draft() {
    jsonschema::draft202012::meta::validate(&published()).unwrap_or_else(|mistake| panic!("{mistake}"));
}

#[test]
fn every_key_of_the_reader_has_a_shape_and_a_description() {
    let keys = [
        (Place::Top, FORMAT.top),
        (Place::Defaults, FORMAT.defaults),
        (Place::Service, FORMAT.service),
        (Place::Segment, FORMAT.segment),
        (Place::Match, FORMAT.selectors),
        (Place::Rule, FORMAT.rule),
        (Place::Pair, FORMAT.pair),
        (Place::Quarantine, FORMAT.quarantine),
    ];
    for (place, key) in keys.iter().flat_map(|(place, keys)| keys.iter().map(|key| (*place, *key))) {
        let found = words::property(place, key);
        assert!(
            found.is_some_and(|(_, words)| words.ends_with('.')),
            "{place:?} `{key}`: policies/src/schema/words.rs does not say what stands behind it"
        );
    }
}

#[test]
fn what_compiles_is_valid() {
    let mut seen = 0;
    for (name, text) in policies() {
        assert!(compile(&[Source { name: name.clone(), text: text.clone() }]).is_ok(), "{name}");
        let value = value(&text).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(mistakes(&value), Vec::<String>::new(), "{name}");
        seen += 1;
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn what_an_editor_can_see_in_one_value_is_refused() {
    for code in [
        Code::UnknownKey,
        Code::MissingKey,
        Code::WrongType,
        Code::Version,
        Code::Word,
        Code::Name,
        Code::Mac,
        Code::Vlan,
        Code::Class,
        Code::Protocol,
        Code::EmptyList,
        Code::EmptySelector,
    ] {
        let Wrong::Policy(text) = code.page().wrong else { panic!("{code}") };
        // A name in a mapping of names is quoted by its key.
        assert_ne!(mistakes(&value(text).unwrap()), Vec::<String>::new(), "{code}");
    }
}

/// The value with one thing changed, for every thing that can be changed for the worse.
fn damaged(value: &Value, path: &[String], into: &mut dyn FnMut(Vec<String>, Value)) {
    let names = matches!(path, [section] if section == "segments" || section == "services");
    match value {
        Value::Object(entries) => {
            if !names {
                let mut more = entries.clone();
                more.insert("sevice".to_owned(), Value::from("dicom"));
                into(path.to_vec(), Value::Object(more));
            }
            for (key, inner) in entries {
                let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
                damaged(inner, &path, &mut |at, changed| {
                    let mut entries = entries.clone();
                    entries.insert(key.clone(), changed);
                    into(at, Value::Object(entries));
                });
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                damaged(inner, path, &mut |place, changed| {
                    let mut items = items.clone();
                    items[at] = changed;
                    into(place, Value::Array(items));
                });
            }
        }
        _ if path.last().is_some_and(|key| key == "description" || key == "site") => {
            into(path.to_vec(), Value::Array(vec![value.clone()]));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            into(path.to_vec(), Value::from("no such word"));
            into(path.to_vec(), Value::Null);
            into(path.to_vec(), Value::Object(Map::new()));
        }
    }
}

#[test]
fn an_example_with_one_thing_changed_for_the_worse_is_refused() {
    let validator = jsonschema::draft202012::new(&published()).unwrap();
    let mut tried = 0;
    for (name, text) in policies() {
        damaged(&value(&text).unwrap(), &[], &mut |path, changed| {
            assert!(!validator.is_valid(&changed), "{name}: {path:?} is changed, and nothing is said");
            tried += 1;
        });
    }
    assert!(tried > 1000, "{tried}");
}

#[test]
fn names_with_a_meaning_of_their_own_cannot_be_declared_here_nor_there() {
    for (section, name, body) in [
        ("segments", "internet", "match: { vlan: 1 }"),
        ("segments", "unassigned", "match: { vlan: 1 }"),
        ("services", "any", "tcp: 1"),
    ] {
        let text = format!("version: 1\n{section}: {{ {name}: {{ {body} }} }}\n");
        assert!(!mistakes(&value(&text).unwrap()).is_empty(), "{text}");
        let told = compile(&[Source { name: "p.yaml".to_owned(), text }]).unwrap_err();
        assert!(told.iter().any(|mistake| mistake.code == Code::Name), "{told}");
    }
}
