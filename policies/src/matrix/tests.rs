//! The matrix of small policies, and that it leaves nothing out.

use abi::table::{Access, Action};
use insta::assert_snapshot;

use crate::{Compiled, Source, compile};

fn compiled(text: &str) -> Compiled {
    compile(&[Source { name: "p.yaml".to_owned(), text: text.to_owned() }]).unwrap()
}

const SMALL: &str = "
version: 1
defaults: { within: allow }
services:
  export: { udp: [24105, \"5000-5010\"] }
segments:
  pumps: { match: { vlan: 20 }, within: deny }
  ward:  { match: { vlan: 30 } }
allow:
  - { id: export,  from: pumps, to: ward, service: [export, dicom], tcp: 8043 }
  - { id: any-way, from: ward, to: internet, service: any }
deny:
  - { id: no-shell, from: ward, to: pumps, service: ssh, mode: enforce }
";

fn listed(policy: &Compiled) -> String {
    let matrix = policy.matrix();
    let mut lines = Vec::new();
    for (from, row) in matrix.segments.iter().zip(&matrix.rows) {
        for (to, pair) in matrix.segments.iter().zip(row) {
            let part = |part: &crate::Part| {
                let rules: Vec<&str> =
                    part.rules.iter().map(|&id| policy.rule(id).unwrap().name.as_str()).collect();
                format!(
                    "{:?}/{:?} {} [{}]",
                    part.action,
                    part.mode,
                    part.services.join(", "),
                    rules.join(" ")
                )
            };
            lines.push(format!(
                "{from} -> {to}: {}",
                pair.parts.iter().map(part).collect::<Vec<_>>().join("; ")
            ));
        }
    }
    lines.join("\n")
}

#[test]
fn a_pair_lists_its_services_by_verdict_with_the_rules_that_give_it() {
    let all = listed(&compiled(SMALL));
    let of_devices: Vec<&str> = all.lines().filter(|line| !line.contains("unassigned")).collect();
    assert_snapshot!(of_devices.join("\n"));
}

#[test]
fn an_entry_of_the_matrix_allows_something_exactly_where_the_tables_do() {
    let text = include_str!("../../examples/hospital.yaml");
    let policy = compiled(text);
    let matrix = policy.matrix();
    let mut allowed = 0;
    for (from, row) in (0_u8..).zip(&matrix.rows) {
        for (to, pair) in (0_u8..).zip(row) {
            let segment = abi::table::SegmentId::new;
            let may = |protocol: u8, port: u16| {
                let service = policy.tables.class(protocol, port);
                policy.tables.decide(Access { from: segment(from), to: segment(to), service }).action
                    == Action::Allow
            };
            let any = (0..=u16::MAX).any(|port| may(6, port) || may(17, port))
                || (0..=u8::MAX).any(|number| may(number, 0));
            assert_eq!(pair.allowed().next().is_some(), any, "{from} to {to}");
            allowed += usize::from(any);
        }
    }
    assert!(allowed > 50, "{allowed}");
}
