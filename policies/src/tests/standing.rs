//! What holds of segments and pairs beside the rules.

use abi::address::DeviceKey;
use abi::headers::{Headers, ether_type, protocol};
use abi::judge::{Builtin, Fate, Reason, judge};
use abi::state::State;
use abi::table::{Access, Failure, Mode, SegmentId, Server, ServiceClass};
use insta::assert_snapshot;

use super::{brief, right};
use crate::Compiled;

fn segment(policy: &Compiled, name: &str) -> Option<SegmentId> {
    policy.segments.iter().find(|segment| segment.name == name).map(|segment| segment.id)
}

#[test]
fn a_life_critical_segment_opens_unless_it_says_otherwise() {
    let policy = right(
        "version: 1
defaults: { fail: closed }
segments:
  pumps:    { match: { vlan: 1 }, life_critical: true }
  monitors: { match: { vlan: 2 }, life_critical: true, fail: static }
  guests:   { match: { vlan: 3 } }
  offices:  { match: { vlan: 4 }, fail: open }
",
    );
    let failure = |name| policy.tables.failure(segment(&policy, name));
    let failures = ["pumps", "monitors", "guests", "offices", "internet", "unassigned"].map(failure);
    let [open, fixed, closed] = [Failure::Open, Failure::Static, Failure::Closed];
    assert_eq!(failures, [open, fixed, closed, open, closed, closed]);
    let plain = right("version: 1\nsegments: { a: { match: { vlan: 1 } } }\n");
    assert_eq!([segment(&plain, "a"), None].map(|id| plain.tables.failure(id)), [fixed, fixed]);
}

#[test]
fn servers_are_guarded_as_soon_as_one_segment_is_trusted() {
    let text = |trust: &str| {
        right(&format!(
            "version: 1
defaults: {{ mode: alert }}
segments:
  infra:  {{ match: {{ vlan: 1 }}{trust} }}
  guests: {{ match: {{ vlan: 2 }} }}
"
        ))
    };
    let none = text("");
    assert_eq!(Server::ALL.map(|server| none.tables.guarded(server)), [None, None]);
    let some = text(", trust: dhcp");
    assert_eq!(Server::ALL.map(|server| some.tables.guarded(server)), [Some(Mode::Alert), None]);
    let trusted =
        ["infra", "guests", "unassigned"].map(|name| some.tables.trusts(segment(&some, name), Server::Dhcp));
    assert_eq!(trusted, [true, false, false]);
    let both = text(", trust: [router, dhcp]");
    assert!(Server::ALL.into_iter().all(|server| both.tables.trusts(segment(&both, "infra"), server)));
}

#[test]
fn what_a_policy_says_beside_its_rules_is_what_the_judge_does() {
    let policy = right(
        "version: 1
defaults: { mode: enforce }
segments:
  pumps: { match: { ip: 10.1.0.0/16 } }
  infra: { match: { ip: 10.2.0.0/16 }, trust: dhcp }
  other: { match: { ip: 10.3.0.0/16 } }
allow:
  - { id: all, from: '*', to: '*', service: any }
quarantine: { allow: infra }
",
    );
    let state = State::boxed();
    policy.install(&state).unwrap();
    let udp = |src: [u8; 4], src_port, dst: [u8; 4], dst_port| Headers {
        ether_type: ether_type::IPV4,
        src: abi::address::Ip::v4(src),
        dst: abi::address::Ip::v4(dst),
        protocol: protocol::UDP,
        src_port,
        dst_port,
        network_end: 60,
        ..Headers::default()
    };
    let say = |headers: Headers| {
        let verdict = judge(&state, &headers, 60, abi::address::Timestamp(1)).verdict;
        (verdict.reason, verdict.fate())
    };
    let (pump, infra, other) = ([10, 1, 0, 1], [10, 2, 0, 1], [10, 3, 0, 1]);
    assert_eq!(say(udp(infra, 67, pump, 68)), (Reason::Builtin(Builtin::Dhcp), Fate::Pass));
    assert_eq!(say(udp(other, 67, pump, 68)), (Reason::RogueServer, Fate::Drop));
    state.quarantine(&[DeviceKey::Ip(abi::address::Ip::v4(pump))]).unwrap();
    assert_eq!(say(udp(pump, 5000, infra, 53)), (Reason::Rule, Fate::Pass));
    assert_eq!(say(udp(pump, 5000, other, 53)), (Reason::Quarantine, Fate::Drop));
}

#[test]
fn the_mode_of_a_rule_goes_before_that_of_its_pair_and_that_before_the_policys() {
    let policy = right(
        "version: 1
defaults: { mode: observe }
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } }, c: { match: { vlan: 3 } } }
pairs:
  - { from: a, to: b, mode: enforce }
  - { from: a, to: '*', mode: alert }
allow:
  - { id: web, from: a, to: '*', tcp: 80 }
deny:
  - { id: no-ssh,  from: a, to: '*', tcp: 22 }
  - { id: watched, from: a, to: '*', tcp: 22, mode: alert }
",
    );
    let mode = |from, to, port| {
        let service = if port == 0 { ServiceClass(0) } else { policy.tables.class(6, port) };
        let access = Access { from: segment(&policy, from), to: segment(&policy, to), service };
        let cell = policy.tables.decide(access);
        let rule = cell.rule.and_then(|id| policy.rule(id)).map_or("default", |rule| rule.name.as_str());
        (cell.mode, rule.to_owned())
    };
    let named = |mode, rule: &str| (mode, rule.to_owned());
    assert_eq!(mode("a", "b", 80), named(Mode::Enforce, "web"));
    assert_eq!(mode("a", "c", 80), named(Mode::Alert, "web"));
    assert_eq!(mode("a", "b", 0), named(Mode::Enforce, "default"));
    assert_eq!(mode("b", "a", 0), named(Mode::Observe, "default"));
    // The strictest deny rule of a pair decides, by the modes that hold in it.
    assert_eq!(mode("a", "b", 22), named(Mode::Enforce, "no-ssh"));
    assert_eq!(mode("a", "c", 22), named(Mode::Alert, "no-ssh"));
}

#[test]
fn what_holds_beside_the_rules_changes_the_hash_only_where_it_is_not_as_without_it() {
    let hash = |text: &str| right(&format!("version: 1\n{text}")).hash;
    let segments = |more: &str| hash(&format!("segments: {{ a: {{ match: {{ vlan: 1 }}{more} }} }}\n"));
    let plain = segments("");
    assert_eq!(plain, segments(", fail: static"));
    let critical = segments(", life_critical: true");
    assert_eq!(critical, segments(", life_critical: true, fail: open"));
    let mut others = vec![
        plain,
        critical,
        segments(", fail: open"),
        segments(", life_critical: true, fail: closed"),
        segments(", trust: dhcp"),
        segments(", trust: router"),
        hash("segments: { a: { match: { vlan: 1 } } }\ndefaults: { fail: closed }\n"),
        hash("segments: { a: { match: { vlan: 1 } } }\nquarantine: { allow: a }\n"),
        hash("segments: { a: { match: { vlan: 1 } } }\npairs: [{ from: a, to: a, mode: alert }]\n"),
    ];
    let count = others.len();
    others.sort_unstable();
    others.dedup();
    assert_eq!(others.len(), count);
}

#[test]
fn mistakes_beside_the_rules_are_told() {
    let text = "version: 1
defaults: { fail: opn }
segments:
  a: { match: { vlan: 1 }, trust: [dhpc, switch] }
quarantine: { allow: b, ttl: 4h }
pairs:
  - { from: a, to: c, mode: alert }
  - { from: a, to: a }
  - a
";
    assert_snapshot!(brief(text), @r#"
2:19 POL010 `opn` is no word of `fail` -> did you mean `open`?
4:36 POL010 `dhpc` is no word of `trust` -> did you mean `dhcp`?
4:42 POL010 `switch` is no word of `trust` -> write `dhcp` or `router`
5:22 POL022 segment `b` is not declared -> did you mean `a`?
5:25 POL006 `quarantine` has no key `ttl` -> the keys of `quarantine` are: allow
7:20 POL022 segment `c` is not declared -> did you mean `a`?
8:5 POL007 a pair has `from`, `to` and `mode` -> write `- { from: ..., to: ..., mode: ... }`
9:5 POL008 a pair is a mapping -> write `- { from: ..., to: ..., mode: ... }`
"#);
}
