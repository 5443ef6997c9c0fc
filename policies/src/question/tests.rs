//! Words of questions, and what they mean.

use crate::tests::right;
use crate::{Compiled, Who};

fn policy() -> Compiled {
    right(
        "
version: 1
services: { export: { tcp: [8043], udp: [24105] } }
segments:
  pumps: { match: { ip: 10.20.0.0/16, mac: 02:00:00:00:00:07 } }
  ward:  { match: { ip: 10.20.9.0/24 } }
allow:
  - { id: export, from: pumps, to: ward, service: export }
",
    )
}

fn segment(policy: &Compiled, word: &str) -> String {
    policy.segment_name(policy.who(word).unwrap().segment()).to_owned()
}

#[test]
fn a_side_is_a_segment_an_address_by_its_longest_prefix_or_a_mac_address() {
    let policy = policy();
    for (word, name) in [
        ("pumps", "pumps"),
        ("unassigned", "unassigned"),
        ("internet", "internet"),
        ("10.20.1.1", "pumps"),
        ("10.20.9.1", "ward"),
        ("8.8.8.8", "internet"),
        ("10.99.0.1", "unassigned"),
        ("02-00-00-00-00-07", "pumps"),
        ("02:00:00:00:00:08", "unassigned"),
    ] {
        assert_eq!(segment(&policy, word), name, "{word}");
    }
    let unknown = policy.who("pump").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "`pump` is no segment of the policy and no address (did you mean `pumps`?)"
    );
}

#[test]
fn a_service_is_asked_for_by_one_port_of_each_kind_that_the_policy_tells_apart() {
    let policy = policy();
    assert_eq!(policy.ports("export").unwrap(), [(6, 8043)], "tcp 8043 and udp 24105 are treated alike");
    assert_eq!(policy.ports("tcp/443").unwrap(), [(6, 443)]);
    assert_eq!(policy.ports("443/udp").unwrap(), [(17, 443)]);
    assert_eq!(policy.ports("443").unwrap(), [(6, 443)]);
    assert_eq!(policy.ports("icmp").unwrap(), [(1, 0)]);
    assert_eq!(policy.ports("protocol/47").unwrap(), [(47, 0)]);
    assert_eq!(policy.ports("any").unwrap().len(), 2, "the ports of the rule, and all others");
    assert_eq!(policy.ports("dicomm").unwrap_err().help, "did you mean `dicom`?");
    assert!(policy.ports("tcp/70000").is_err());
    assert!(matches!(policy.who("10.20.1.1").unwrap(), Who::Address(..)));
}
