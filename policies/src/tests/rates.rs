//! How often a device may use a rule.

use abi::address::SECOND;
use abi::table::{Limit, Mode};
use insta::assert_snapshot;

use super::{brief, one, right};
use crate::{Code, Source, resolved};

const WORLD: &str = "version: 1
defaults: { mode: enforce }
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
";

fn limit(rate: &str) -> Limit {
    let text = format!("{WORLD}allow:\n  - {{ id: r, from: a, to: b, service: dns, rate: {rate} }}\n");
    right(&text);
    let source = Source { name: "p.yaml".to_owned(), text };
    resolved(&[source]).unwrap().rules[0].limit.unwrap()
}

#[test]
fn a_rate_is_read_as_it_is_said() {
    let plain = |count, period, burst| Limit { count, period, burst, mode: None };
    assert_eq!(limit("{ packets: 100/s, burst: 200 }"), plain(100, SECOND, 200));
    assert_eq!(limit("{ packets: 30/min }"), plain(30, 60 * SECOND, 30));
    assert_eq!(limit("{ packets: 1000000/h, burst: 1 }"), plain(1_000_000, 3600 * SECOND, 1));
    let tried = Limit { mode: Some(Mode::Observe), ..plain(5, SECOND, 5) };
    assert_eq!(limit("{ packets: 5 / s, mode: observe }"), tried);
}

#[test]
fn a_rate_changes_the_hash_whatever_it_says() {
    let hash = |rate: &str| {
        right(&format!("{WORLD}allow:\n  - {{ id: r, from: a, to: b, service: dns{rate} }}\n")).hash
    };
    let mut hashes = [
        "",
        "packets: 5/s",
        "packets: 6/s",
        "packets: 5/min",
        "packets: 5/s, burst: 6",
        "packets: 5/s, mode: alert",
    ]
    .map(|rate| hash(&if rate.is_empty() { String::new() } else { format!(", rate: {{ {rate} }}") }));
    assert_eq!(hashes[1], hash(", rate: { packets: 5/s, burst: 5 }"), "said or implied");
    hashes.sort_unstable();
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn mistakes_about_rates_are_told_with_their_place() {
    let text = "version: 1
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
allow:
  - { id: r1, from: a, to: b, tcp: 1, rate: 100/s }
  - { id: r2, from: a, to: b, tcp: 2, rate: { packets: 100, burst: 0 } }
  - { id: r3, from: a, to: b, tcp: 3, rate: { packets: 0/s, mode: drop } }
  - { id: r4, from: a, to: b, tcp: 4, rate: { packets: 5/day, burst: [1] } }
  - { id: r5, from: a, to: b, tcp: 5, rate: { burst: 5 } }
  - { id: r6, from: a, to: b, tcp: 6, rate: { flows: 5/s } }
  - { id: r7, from: a, to: b, tcp: 7, mode: observe, rate: { packets: 5/s } }
  - { id: r8, from: a, to: b, tcp: 8, rate: { packets: 1000001/s } }
deny:
  - { id: r9, from: a, to: b, tcp: 9, rate: { packets: 5/s } }
";
    assert_snapshot!(brief(text), @r#"
4:45 POL008 `rate` holds `packets`, `burst` and `mode`, and here is a single value
5:56 POL031 `100` is not a rate -> write it as `100/s`, `30/min` or `5/h`, with a number from 1 to 1000000
5:68 POL031 `0` is not a number of packets -> write a number from 1 to 1000000
6:56 POL031 `0/s` is not a rate -> write it as `100/s`, `30/min` or `5/h`, with a number from 1 to 1000000
6:67 POL010 `drop` is no word of `mode` -> write `observe`, `alert` or `enforce`
7:56 POL031 `5/day` is not a rate -> write it as `100/s`, `30/min` or `5/h`, with a number from 1 to 1000000
7:70 POL008 `burst` holds one word, and here is a list
8:39 POL007 `rate` does not say how many -> write `rate: { packets: 100/s }`
9:47 POL006 `rate` has no key `flows` -> the keys of `rate` are: packets, burst, mode
10:54 POL031 a rule on trial decides nothing, and its rate limits nothing -> to try the rate alone write the mode into it, as `rate: { packets: 100/s, mode: observe }`
11:56 POL031 `1000001/s` is not a rate -> write it as `100/s`, `30/min` or `5/h`, with a number from 1 to 1000000
13:39 POL031 a rule that denies has no rate -> give a rate to the rule that allows
"#);
}

#[test]
fn more_different_rates_than_the_tables_hold_are_refused_where_they_stand() {
    let text = |rates: u32| {
        let rule = |n: u32| {
            format!("  - {{ id: r{n}, from: a, to: b, tcp: 80, rate: {{ packets: {}/s }} }}\n", 1 + n % rates)
        };
        format!("{WORLD}allow:\n{}", (0..600).map(rule).collect::<String>())
    };
    right(&text(255));
    let mistakes = one(&text(256)).unwrap_err();
    let errors: Vec<_> = mistakes.iter().filter(|mistake| mistake.code == Code::TooManyLimits).collect();
    assert_eq!((errors.len(), errors[0].line), (1, 4 + 1 + 255));
}
