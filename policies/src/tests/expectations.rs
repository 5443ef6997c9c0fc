//! The section `tests` of a policy: what is wrong in it, and when a test holds.

use insta::assert_snapshot;

use super::{brief, one, right};
use crate::Code;

#[test]
fn mistakes_in_tests_are_told_like_those_in_rules() {
    let text = "
version: 1
segments:
  pumps: { match: { vlan: 20 } }
  ward:  { match: { vlan: 30 } }
allow:
  - { id: vitals, from: pumps, to: ward, udp: 24105 }
tests:
  - { from: pump, to: ward, udp: 24105, expect: allow }
  - { from: pumps, to: ward, service: ssh, expect: alow }
  - { from: pumps, to: ward, service: dicomm, expect: deny }
  - { from: pumps, to: ward, udp: 24105, expect: allow, rule: vital }
  - { from: pumps, expect: deny, service: any }
  - { from: pumps, to: ward, service: any, expekt: deny }
  - pumps
";
    assert_snapshot!(brief(text));
}

#[test]
fn every_port_and_pair_of_a_test_must_be_as_it_expects() {
    let with = |test: &str| {
        format!(
            "version: 1\nsegments: {{ pumps: {{ match: {{ vlan: 20 }} }}, ward: {{ match: {{ ip: 10.3.0.0/16 }} }} }}\n\
             allow: [{{ id: vitals, from: pumps, to: ward, udp: \"5000-5010\" }}]\ntests: [{{ {test} }}]\n"
        )
    };
    right(&with("from: pumps, to: ward, udp: 5003, expect: allow"));
    right(&with("from: pumps, to: 10.3.7.7, udp: 5003, expect: allow, rule: vitals, mode: observe"));
    right(&with("from: unassigned, to: ward, service: any, expect: deny"));
    right(&with("from: ward, to: \"*\", service: any, expect: deny"));
    for failing in [
        "from: pumps, to: ward, udp: \"5003-5011\", expect: allow",
        "from: [pumps, ward], to: ward, udp: 5003, expect: allow",
        "from: pumps, to: 10.4.0.1, udp: 5003, expect: allow",
        "from: pumps, to: ward, udp: 5003, expect: allow, mode: enforce",
        "from: \"*\", to: ward, service: any, expect: deny",
    ] {
        let mistakes = one(&with(failing)).unwrap_err();
        let codes: Vec<Code> = mistakes.iter().map(|mistake| mistake.code).collect();
        assert_eq!(codes, [Code::FailingTest], "{failing}");
    }
}
