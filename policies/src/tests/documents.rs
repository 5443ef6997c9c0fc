//! The documentation and the examples are right.

use std::path::Path;

use crate::{Code, Source, compile};

fn beside(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_example_compiles_without_warning() {
    let mut seen = 0;
    for entry in std::fs::read_dir(beside("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        match compile(&[Source { name, text }]) {
            Ok(policy) => assert!(policy.warnings.is_empty(), "{}", policy.warnings),
            Err(mistakes) => panic!("{mistakes}"),
        }
        seen += 1;
    }
    assert!(seen > 0, "no example");
}

#[test]
fn every_policy_of_the_documentation_compiles_without_warning() {
    let manual = std::fs::read_to_string(beside("../docs/policy.md")).unwrap();
    let mut seen = 0;
    for block in manual.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let line = manual[..manual.find(text).unwrap()].lines().count();
        match compile(&[Source {
            name: format!("docs/policy.md, block after line {line}"),
            text: text.to_owned(),
        }]) {
            Ok(policy) => assert!(policy.warnings.is_empty(), "{}", policy.warnings),
            Err(mistakes) => panic!("{mistakes}"),
        }
        seen += 1;
    }
    assert!(seen > 0, "{seen} policies in the documentation");
}

#[test]
fn every_code_is_documented_in_its_words() {
    let manual = std::fs::read_to_string(beside("../docs/policy.md")).unwrap();
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.text(), code.meaning());
        assert!(manual.contains(&row), "docs/policy.md lacks the row {row}");
    }
}
