//! The difference of random policies against every device and port, asked of both one by one.

use std::collections::BTreeSet;

use abi::address::{Ip, Mac};
use abi::device::DeviceType;
use abi::state::Identities;
use abi::table::{Access, Action};
use proptest::prelude::*;

use super::{Kind, Move, difference};
use crate::{Compiled, Source, compile};

/// Selectors, each of which at most one segment of a policy has.
const SELECTORS: [(&str, &str); 10] = [
    ("ip", "10.0.0.0/16"),
    ("ip", "10.0.1.0/24"),
    ("ip", "10.0.1.128/25"),
    ("ip", "10.0.2.7"),
    ("vlan", "10"),
    ("vlan", "20"),
    ("mac", "02:00:00:00:00:01"),
    ("mac", "02:00:00:00:00:02"),
    ("class", "ct"),
    ("class", "pacs"),
];
const NAMES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const EDGES: [u16; 5] = [1, 80, 443, 444, 65_535];

#[derive(Clone, Debug)]
struct Sketch {
    /// For each selector the segment that has it.
    owners: Vec<Option<usize>>,
    between: bool,
    unassigned: usize,
    mode: usize,
    rules: Vec<(bool, usize, usize, bool, u16, u16, usize)>,
}

impl Sketch {
    fn text(&self) -> String {
        let action = |allow: bool| if allow { "allow" } else { "deny" };
        let mode = |number: usize| ["observe", "alert", "enforce"][number];
        let mut text = format!(
            "version: 1\ndefaults: {{ between: {}, within: deny, unassigned: {}, mode: {} }}\nsegments:\n",
            action(self.between),
            ["observe", "alert", "deny"][self.unassigned],
            mode(self.mode)
        );
        let mut declared = vec!["internet"];
        for (segment, name) in NAMES.iter().enumerate() {
            let of = |kind: &str| {
                let all = SELECTORS.iter().zip(&self.owners);
                all.filter(|((k, _), owner)| *k == kind && **owner == Some(segment))
                    .map(|((_, value), _)| format!("\"{value}\""))
                    .collect::<Vec<_>>()
            };
            let kinds: Vec<String> = ["ip", "vlan", "mac", "class"]
                .iter()
                .map(|kind| (kind, of(kind)))
                .filter(|(_, values)| !values.is_empty())
                .map(|(kind, values)| format!("{kind}: [{}]", values.join(", ").replace('"', "")))
                .collect();
            if !kinds.is_empty() {
                declared.push(name);
                text += &*format!("  {name}: {{ match: {{ {} }} }}\n", kinds.join(", "));
            }
        }
        if declared.len() == 1 {
            text = text.replace("segments:\n", "");
        }
        let mut files = [String::new(), String::new()];
        for (at, &(allow, from, to, udp, a, b, own)) in self.rules.iter().enumerate() {
            let name = |number: usize| declared[number % declared.len()];
            let (kind, first, last) = (if udp { "udp" } else { "tcp" }, a.min(b), a.max(b));
            let own = if own < 3 { format!(", mode: {}", mode(own)) } else { String::new() };
            files[usize::from(allow)] += &*format!(
                "  - {{ id: r{at}, from: {}, to: {}, {kind}: \"{first}-{last}\"{own} }}\n",
                name(from),
                name(to)
            );
        }
        for (rules, key) in files.iter().zip(["deny", "allow"]) {
            if !rules.is_empty() {
                text += &*format!("{key}:\n{rules}");
            }
        }
        text
    }

    fn compiled(&self) -> Compiled {
        let text = self.text();
        match compile(&[Source { name: "p.yaml".to_owned(), text: text.clone() }]) {
            Ok(compiled) => compiled,
            Err(mistakes) => panic!("{mistakes}\n{text}"),
        }
    }
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let edge = || prop::sample::select(EDGES.to_vec());
    let rule = (any::<bool>(), 0..5_usize, 0..5_usize, any::<bool>(), edge(), edge(), 0..5_usize);
    (
        prop::collection::vec(prop::option::of(0..4_usize), SELECTORS.len()),
        any::<bool>(),
        0..3_usize,
        0..3_usize,
        prop::collection::vec(rule, 0..6),
    )
        .prop_map(|(owners, between, unassigned, mode, rules)| Sketch {
            owners,
            between,
            unassigned,
            mode,
            rules,
        })
}

/// A second policy near the first one: some selectors, rules or defaults are other ones.
fn pair() -> impl Strategy<Value = (Sketch, Sketch)> {
    (sketch(), sketch(), prop::collection::vec(any::<bool>(), SELECTORS.len()), any::<[bool; 3]>()).prop_map(
        |(old, other, keep, [rules, between, mode])| {
            let mut new = old.clone();
            for ((mine, theirs), keep) in new.owners.iter_mut().zip(&other.owners).zip(keep) {
                *mine = if keep { *mine } else { *theirs };
            }
            new.rules = if rules { old.rules.clone() } else { other.rules };
            new.between = if between { old.between } else { other.between };
            new.mode = if mode { old.mode } else { other.mode };
            (old, new)
        },
    )
}

/// Every device that selectors can tell apart, as the move that it makes.
fn moves(old: &Compiled, new: &Compiled) -> BTreeSet<Move> {
    let identities = |policy: &Compiled| {
        let identities = Identities::boxed();
        crate::place(&policy.segments, &identities).unwrap();
        identities
    };
    let (before, after) = (identities(old), identities(new));
    let mut moves = BTreeSet::new();
    for mac in [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 9]].map(Mac) {
        for ip in [[10, 0, 0, 1], [10, 0, 1, 1], [10, 0, 1, 200], [10, 0, 2, 7], [10, 9, 9, 9], [8, 8, 8, 8]]
        {
            for vlan in [0, 10, 20] {
                for class in [None, Some(DeviceType::Ct), Some(DeviceType::Pacs)] {
                    let segment = |policy: &Compiled, identities: &Identities| {
                        let placed = identities.segment_of(mac, Ip::v4(ip), [vlan, 0]);
                        placed.or_else(|| class.and_then(|class| policy.segment_for_class(class)))
                    };
                    moves.insert(Move { before: segment(old, &before), after: segment(new, &after) });
                }
            }
        }
    }
    moves
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_difference_is_what_asking_every_device_and_port_of_both_policies_finds((old, new) in pair()) {
        let (before, after) = (old.compiled(), new.compiled());
        let found = difference(&before, &after).unwrap();
        let moves = moves(&before, &after);
        let mut changed = false;
        let ports: BTreeSet<u16> = EDGES.iter().flat_map(|&edge| [edge - 1, edge, edge.saturating_add(1)]).collect();
        for &from in &moves {
            for &to in &moves {
                let of_pair: Vec<_> = found.changes.iter().filter(|change| change.from == from && change.to == to).collect();
                for (protocol, &port) in [6, 17, 1].iter().flat_map(|&p| ports.iter().map(move |port| (p, port))) {
                    let port = if protocol == 1 { 0 } else { port };
                    let access = |policy: &Compiled, from, to| policy.tables.decide(Access { from, to, service: policy.tables.class(protocol, port) });
                    let (was, is) = (access(&before, from.before, to.before), access(&after, from.after, to.after));
                    let kind = match (was.action, is.action) {
                        (Action::Deny, Action::Allow) => Some(Kind::Opened),
                        (Action::Allow, Action::Deny) => Some(Kind::Closed),
                        (Action::Deny, Action::Deny) if was.mode != is.mode => Some(Kind::Mode),
                        (Action::Deny, Action::Deny) | (Action::Allow, Action::Allow) => None,
                    };
                    changed |= kind.is_some();
                    let told: Vec<_> = of_pair.iter().filter(|change| change.contains(protocol, port)).map(|change| (change.kind, change.before, change.after)).collect();
                    let expected: Vec<_> = kind.into_iter().map(|kind| (kind, was, is)).collect();
                    prop_assert_eq!(told, expected, "{:?} to {:?}, {}/{}\n{}\n{}", from, to, protocol, port, old.text(), new.text());
                }
            }
        }
        // And no change is told of devices that there cannot be.
        prop_assert_eq!(changed, !found.changes.is_empty());
        for change in &found.changes {
            prop_assert!(moves.contains(&change.from) && moves.contains(&change.to), "{:?}", change);
        }
    }

    #[test]
    fn a_policy_does_not_differ_from_itself(sketch in sketch()) {
        prop_assert!(difference(&sketch.compiled(), &sketch.compiled()).unwrap().is_empty());
    }
}
