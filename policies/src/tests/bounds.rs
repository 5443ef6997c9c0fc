//! What is too large, too deep, too many or not for a terminal.

use super::{one, right};
use crate::Code;

/// The pieces one after another.
fn joined(numbers: std::ops::Range<u32>, piece: impl Fn(u32) -> String) -> String {
    numbers.map(piece).collect::<Vec<_>>().concat()
}

#[test]
fn a_billion_laughs_is_refused() {
    let many = |n: u32| vec![format!("*a{}", n - 1); 10].join(", ");
    let text = "version: 1\nsite: x\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &joined(1..10, |n| format!("a{n}: &a{n} [{}]\n", many(n)));
    let mistakes = one(&text).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.code == Code::Budget), "{mistakes}");
}

#[test]
fn a_deep_policy_is_refused() {
    let mistakes = one(&format!("version: 1\nsegments: {}", "[".repeat(5000))).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.code == Code::Budget), "{mistakes}");
    let chain = "a0: &a0 x\n".to_owned() + &joined(1..2000, |n| format!("a{n}: &a{n} [*a{}]\n", n - 1));
    assert!(one(&chain).unwrap_err().iter().any(|mistake| mistake.code == Code::Budget));
}

#[test]
fn a_policy_of_more_than_four_mebibytes_is_refused() {
    let text = format!("version: 1\n# {}\n", "x".repeat(4 << 20));
    assert_eq!(
        one(&text).unwrap_err().iter().map(|mistake| mistake.code).collect::<Vec<_>>(),
        [Code::Budget]
    );
}

#[test]
fn more_mistakes_than_are_kept_are_counted() {
    let lines = joined(0..500, |n| format!("  s{n}: {{ match: {{ vlan: bad }} }}\n"));
    let mistakes = one(&format!("version: 1\nsegments:\n{lines}")).unwrap_err();
    assert_eq!(mistakes.len(), 200);
    assert!(mistakes.left_out() >= 300, "{}", mistakes.left_out());
    assert!(mistakes.to_string().ends_with(&format!("... and {} more\n", mistakes.left_out())));
}

#[test]
fn the_bounds_of_the_tables_are_told_before_they_are_passed() {
    let codes = |text: &str| one(text).unwrap_err().iter().map(|mistake| mistake.code).collect::<Vec<_>>();
    let segment = |n| format!("  s{n}: {{ match: {{ ip: 10.{}.{}.0/24 }} }}\n", n / 250, n % 250);
    let segments = |count| joined(0..count, segment);
    right(&format!("version: 1\nsegments:\n{}", segments(254)));
    assert_eq!(codes(&format!("version: 1\nsegments:\n{}", segments(255))), [Code::TooManySegments]);

    let base = format!("version: 1\nsegments:\n{}allow:\n", segments(40));
    let rule = |id: u32, from: u32, to: u32, port: u32| {
        format!("  - {{ id: r{id}, from: s{from}, to: s{to}, tcp: {port} }}\n")
    };
    let ports = |count: u32| joined(1..count + 1, |n| rule(n, 1, 2, n));
    right(&format!("{base}{}", ports(255)));
    assert_eq!(codes(&format!("{base}{}", ports(256))), [Code::TooManyClasses]);

    let pairs = joined(0..1100, |n| rule(n, n / 40, n % 40, 80));
    assert_eq!(codes(&format!("{base}{pairs}")), [Code::TooManyRows]);

    let rules = joined(0..65_536, |n| rule(n, 1, 2, 80));
    assert_eq!(codes(&format!("{base}{rules}")), [Code::TooManyRules]);

    let hosts: Vec<String> = (0..3000).map(|n| format!("10.{}.{}.1", n / 250, n % 250)).collect();
    let hosts = format!("version: 1\nsegments: {{ a: {{ match: {{ ip: [{}] }} }} }}\n", hosts.join(", "));
    assert_eq!(codes(&hosts), [Code::TooManySelectors]);
}

#[test]
fn control_characters_of_a_policy_never_reach_the_terminal() {
    let mistakes = one("version: 1\nsegments: { \"a\\e[31m\": { match: { vlan: \"\\a\" } } }\n").unwrap_err();
    let rendered = mistakes.to_string();
    assert!(rendered.chars().all(|c| c == '\n' || !c.is_control()), "{rendered:?}");
}
