//! Routers and what lies behind them.

use abi::address::{Ip, Mac};
use abi::headers::{Headers, ether_type, protocol};
use abi::judge::{Event, judge};
use abi::state::State;
use insta::assert_snapshot;

use super::{brief, one, right};
use crate::Code;

const WARDS: &str = "version: 1
defaults: { mode: enforce }
segments:
  wards: { match: { ip: 10.4.0.0/16 } }
  local: { match: { ip: 10.5.0.0/16, mac: '02:00:00:00:00:0a' } }
allow:
  - { id: all, from: '*', to: '*', service: any }
";

fn from(src: [u8; 4], last: u8) -> Headers {
    Headers {
        src_mac: Mac([2, 0, 0, 0, 0, last]),
        ether_type: ether_type::IPV4,
        src: Ip::v4(src),
        dst: Ip::v4([10, 5, 0, 1]),
        protocol: protocol::UDP,
        src_port: 5000,
        dst_port: 53,
        network_end: 60,
        ..Headers::default()
    }
}

#[test]
fn what_is_routed_or_comes_from_a_declared_router_is_not_bound_to_a_mac_address() {
    let policy = right(&format!(
        "{WARDS}routers: {{ mac: ['02:00:00:00:00:01', '02:00:00:00:00:02'], routed: 10.4.0.0/16 }}\n"
    ));
    let state = State::boxed();
    policy.install(&state).unwrap();
    let told = |headers: Headers| judge(&state, &headers, 60, abi::address::Timestamp(1)).event;
    assert_eq!([1, 7, 9].map(|last| told(from([10, 4, 0, 1], last))), [Some(Event::NewFlow), None, None]);
    assert_eq!([1, 2, 1].map(|last| told(from([10, 5, 0, 3], last))), [Some(Event::NewFlow), None, None]);
    let moved = Event::MacMoved { from: Mac([2, 0, 0, 0, 0, 1]) };
    assert_eq!([1, 7].map(|last| told(from([10, 5, 0, 2], last))), [Some(Event::NewFlow), Some(moved)]);
}

#[test]
fn a_policy_without_routers_forgets_those_of_the_one_before() {
    let state = State::boxed();
    let known = Mac([2, 0, 0, 0, 0, 3]);
    state.identities().mark_router(known).unwrap();
    let declared = Mac([2, 0, 0, 0, 0, 1]);
    right(&format!("{WARDS}routers: {{ mac: '{declared}' }}\n")).install(&state).unwrap();
    assert!([declared, known].iter().all(|mac| state.identities().is_router(*mac)));
    right(WARDS).install(&state).unwrap();
    assert_eq!([declared, known].map(|mac| state.identities().is_router(mac)), [false, true]);
}

#[test]
fn routers_change_the_hash_and_their_order_does_not() {
    let hash = |more: &str| right(&format!("{WARDS}{more}")).hash;
    let mut hashes = vec![
        hash(""),
        hash("routers: { mac: '02:00:00:00:00:01' }\n"),
        hash("routers: { routed: [10.4.0.0/16, 10.6.0.0/16] }\n"),
        hash("routers: { routed: 10.4.0.0/16 }\n"),
    ];
    assert_eq!(hashes[2], hash("routers: { routed: [10.6.0.0/16, 10.4.0.0/16] }\n"));
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}

#[test]
fn mistakes_about_routers_are_told_with_their_place() {
    let text = "version: 1
segments: { a: { match: { vlan: 1 } } }
routers:
  mac: [02:00:00:00:00:01, 'ff:ff:ff:ff:ff:ff', first]
  routed: [10.0.0.1/8, 10.0.0.0/33, wards]
  macs: []
";
    assert_snapshot!(brief(text), @r#"
4:28 POL013 `ff:ff:ff:ff:ff:ff` is a group address: no device sends from it -> write it as `00:1a:2b:3c:4d:5e`
4:49 POL013 `first` is not a MAC address -> write it as `00:1a:2b:3c:4d:5e`
5:12 POL012 `10.0.0.1/8` has bits set after its length -> write `10.0.0.0/8` for the network, or `10.0.0.1` for the one address
5:24 POL012 `/33` is not a prefix length from 0 to 32 -> write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`
5:37 POL012 `wards` is not an IP address or prefix -> write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`
6:3 POL006 `routers` has no key `macs` -> did you mean `mac`?
"#);
    let empty = "version: 1\nsegments: { a: { match: { vlan: 1 } } }\nrouters: {}\n";
    assert_snapshot!(brief(empty), @"3:1 POL007 `routers` names none -> write `mac: [...]` for their addresses, `routed: [...]` for what lies behind them");
    let list = "version: 1\nsegments: { a: { match: { vlan: 1 } } }\nrouters: [10.0.0.0/8]\n";
    assert_snapshot!(brief(list), @"3:10 POL008 `routers` holds `mac` and `routed`, and here is a list");
    let mut twice = right(
        "version: 1\nsegments: { a: { match: { vlan: 1 } } }\nrouters: { routed: [10.0.0.0/8, 10.0.0.0/8] }\n",
    )
    .warnings
    .iter()
    .map(|warning| warning.code)
    .collect::<Vec<_>>();
    assert_eq!(twice.pop(), Some(Code::Repeated));
}

#[test]
fn more_routers_than_the_tables_hold_are_refused_where_they_stand() {
    let nets: Vec<String> = (0..2100).map(|n| format!("10.{}.{}.0/25", n / 250, n % 250)).collect();
    let text = format!(
        "version: 1\nsegments: {{ a: {{ match: {{ vlan: 1 }} }} }}\nrouters: {{ routed: [{}] }}\n",
        nets.join(", ")
    );
    let mistakes = one(&text).unwrap_err();
    let places: Vec<_> = mistakes.iter().map(|mistake| (mistake.code, mistake.line)).collect();
    assert_eq!(places, [(Code::TooManySelectors, 3)]);
}
