//! The pages are true: what they call wrong has this mistake and no other, and what they call mended compiles.

use std::collections::BTreeSet;

use super::*;
use crate::{Severity, Source, compile};

fn codes(text: &str) -> BTreeSet<Code> {
    let source = Source { name: "policy.yaml".to_owned(), text: text.to_owned() };
    match compile(&[source]) {
        Ok(policy) => policy.warnings.iter().map(|mistake| mistake.code).collect(),
        Err(mistakes) => mistakes.iter().map(|mistake| mistake.code).collect(),
    }
}

/// The policy that an outline stands for, by the words of the outline.
fn built(code: Code) -> String {
    let lines = |numbers: std::ops::RangeInclusive<u32>, line: &dyn Fn(u32) -> String| {
        numbers.map(line).collect::<String>()
    };
    let two = "  ward-1: { match: { vlan: 101 } }\n  ward-2: { match: { vlan: 102 } }\n";
    let body = match code.text() {
        "POL026" => lines(1..=255, &|n| format!("  bed-{n:03}: {{ match: {{ ip: 10.30.0.{n} }} }}\n")),
        "POL027" => {
            let rule = |n| format!("  - {{ id: r{n:05}, from: ward-1, to: ward-2, service: https }}\n");
            format!("{two}allow:\n{}", lines(1..=65_536, &rule))
        }
        "POL028" => {
            let rule = |n| format!("  - {{ id: a-{n:03}, from: ward-1, to: ward-2, tcp: {} }}\n", 15_000 + n);
            format!("{two}allow:\n{}", lines(1..=256, &rule))
        }
        "POL029" => {
            let wards = lines(1..=40, &|n| format!("  ward-{n:02}: {{ match: {{ vlan: {} }} }}\n", 100 + n));
            let rule = |n: u32| {
                let (from, to) = (n / 40 + 1, n % 40 + 1);
                format!("  - {{ id: r{n}, from: ward-{from:02}, to: ward-{to:02}, tcp: 443 }}\n")
            };
            format!("{wards}allow:\n{}", lines(0..=1599, &rule))
        }
        "POL030" => {
            let hosts: Vec<String> = (0..3000).map(|n| format!("10.{}.{}.1", n / 250, n % 250)).collect();
            format!("  pumps: {{ match: {{ ip: [{}] }} }}\n", hosts.join(", "))
        }
        "POL032" => {
            let rule = |n: u32| {
                let (ward, port) = (n / 129 + 1, n % 129 + 1);
                format!(
                    "  - {{ id: r{n:03}, from: ward-{ward}, to: ward-2, udp: {port}, rate: {{ packets: {n}/s }} }}\n"
                )
            };
            format!("{two}allow:\n{}", lines(1..=256, &rule))
        }
        other => panic!("{other} has an outline and nothing is built for it"),
    };
    format!("version: 1\nsegments:\n{body}")
}

#[test]
fn what_a_page_calls_wrong_has_exactly_its_mistake() {
    for &code in Code::ALL {
        let text = match code.page().wrong {
            Wrong::Policy(text) => text.to_owned(),
            Wrong::Outline(_) => built(code),
        };
        assert_eq!(codes(&text), BTreeSet::from([code]), "{code}:\n{}", text.get(..1000).unwrap_or(&text));
        let source = Source { name: "policy.yaml".to_owned(), text };
        assert_eq!(compile(&[source]).is_ok(), code.severity() == Severity::Warning, "{code}");
    }
}

#[test]
fn what_a_page_calls_mended_compiles_without_a_warning() {
    for &code in Code::ALL {
        assert_eq!(codes(code.page().mended), BTreeSet::new(), "{code}");
    }
}

#[test]
fn pages_fit_a_terminal_and_are_not_shared() {
    let mut causes = BTreeSet::new();
    for &code in Code::ALL {
        let page = code.page();
        assert!(causes.insert(page.cause), "{code} has the page of another");
        let (Wrong::Policy(wrong) | Wrong::Outline(wrong)) = page.wrong;
        for line in [page.cause, wrong, page.mended].iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() <= 130, "{code}: {line}");
        }
        assert!(page.cause.ends_with('.'), "{code}");
        assert_ne!(wrong, page.mended, "{code}");
    }
}

#[test]
fn codes_are_found_by_their_text_and_near_it() {
    assert_eq!(Code::parse("POL012"), Some(Code::Address));
    assert_eq!(Code::parse("pol012"), Some(Code::Address));
    assert_eq!(Code::parse("POL12"), None);
    assert_eq!(Code::nearest("POL12"), Some(Code::Address));
    assert_eq!(Code::nearest("POLO51"), Some(Code::MixedSelector));
    assert_eq!(Code::nearest("the guest network"), None);
}
