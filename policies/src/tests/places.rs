//! What an installed policy says of addresses.

use abi::address::{Ip, Mac};
use abi::state::State;
use abi::table::{Access, Action, Mode};

use super::right;

#[test]
fn an_installed_policy_places_by_mac_then_prefix_then_vlan() {
    let policy = right(
        "version: 1
segments:
  mac:   { match: { mac: 00:11:22:33:44:55 } }
  wide:  { match: { ip: [10.0.0.0/8, 198.51.100.0/24] } }
  host:  { match: { ip: [10.1.2.3, 'fd00::/64'] } }
  vlan:  { match: { vlan: 7 } }
",
    );
    let state = State::boxed();
    let before = state.generation();
    policy.install(&state).unwrap();
    assert_ne!(state.generation(), before);
    let place = |mac: Mac, ip: &str, vlan: u16| {
        let ip = Ip::from(ip.parse::<std::net::IpAddr>().unwrap());
        policy.segment_name(state.identities().segment_of(mac, ip, [vlan, 0]))
    };
    let known = Mac([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
    assert_eq!(place(known, "10.1.2.3", 7), "mac");
    assert_eq!(place(Mac::NONE, "10.1.2.3", 7), "host");
    assert_eq!(place(Mac::NONE, "10.1.2.4", 7), "wide");
    assert_eq!(place(Mac::NONE, "192.168.0.1", 7), "vlan");
    assert_eq!(place(Mac::NONE, "192.168.0.1", 0), "unassigned");
    assert_eq!(place(Mac::NONE, "198.51.100.9", 0), "wide");
    assert_eq!(place(Mac::NONE, "198.51.101.9", 0), "internet");
    assert_eq!(place(Mac::NONE, "fd00::1", 0), "host");
    assert_eq!(place(Mac::NONE, "fd00:0:0:1::1", 0), "unassigned");
    assert_eq!(place(Mac::NONE, "2001:db8::1", 0), "internet");
    assert_eq!(place(Mac::NONE, "0.0.0.0", 0), "unassigned");
}

#[test]
fn another_policy_takes_the_place_of_the_first() {
    let state = State::boxed();
    right("version: 1\nsegments: { a: { match: { ip: 10.0.0.0/24, vlan: 7 } } }\n").install(&state).unwrap();
    let second = right("version: 1\nsegments: { b: { match: { ip: 10.0.1.0/24 } } }\n");
    second.install(&state).unwrap();
    let place = |ip: [u8; 4], vlan| {
        second.segment_name(state.identities().segment_of(Mac::NONE, Ip::v4(ip), [vlan, 0]))
    };
    assert_eq!(place([10, 0, 0, 1], 7), "unassigned");
    assert_eq!(place([10, 0, 1, 1], 0), "b");
}

/// What the recorded hospital does day by day, and what was done to it: address, address, protocol, port.
const ORDINARY: &[(&str, &str, u8, u16, &str)] = &[
    ("10.77.10.189", "10.77.50.11", 6, 104, "img-store"),
    ("10.77.10.46", "10.77.50.13", 6, 11_113, "img-ris"),
    ("10.77.50.11", "10.77.60.86", 6, 11_112, "send-images"),
    ("10.77.50.11", "10.77.50.12", 6, 104, "archive"),
    ("10.77.50.11", "10.77.50.18", 6, 22, "backup"),
    ("10.77.20.107", "10.77.50.30", 6, 443, "pump-server"),
    ("10.77.50.30", "10.77.20.107", 6, 8100, "pump-command"),
    ("10.77.50.30", "203.0.113.20", 6, 443, "pump-firmware"),
    ("10.77.30.188", "10.77.50.14", 6, 2575, "hl7-in"),
    ("10.77.50.14", "10.77.50.15", 6, 2575, "hl7-out"),
    ("10.77.30.188", "10.77.30.69", 17, 24_105, "vitals"),
    ("10.77.30.47", "10.77.50.17", 6, 1883, "wearables"),
    ("10.77.40.153", "10.77.50.16", 6, 15_200, "results"),
    ("10.77.60.96", "10.77.50.15", 6, 443, "ws-apps"),
    ("10.77.60.96", "203.0.113.11", 6, 443, "ws-web"),
    ("10.77.70.140", "10.77.70.118", 6, 554, "cameras"),
    ("10.77.70.61", "10.77.70.120", 6, 502, "bms-bacnet"),
    ("10.77.90.70", "10.77.10.189", 6, 22, "service"),
    ("10.77.50.20", "10.77.50.11", 1, 0, "reachable"),
    ("10.77.80.136", "10.77.50.10", 17, 53, "core"),
    ("10.77.50.10", "203.0.113.53", 17, 53, "resolver"),
];
const HOSTILE: &[(&str, &str, u8, u16)] = &[
    ("10.77.60.96", "10.77.10.189", 6, 22),
    ("10.77.60.179", "10.77.20.114", 6, 8100),
    ("10.77.60.179", "10.77.30.106", 6, 80),
    ("10.77.80.26", "10.77.50.11", 6, 104),
    ("10.77.80.55", "10.77.70.120", 6, 502),
    ("10.77.60.113", "10.77.50.11", 6, 104),
    ("10.77.20.117", "203.0.113.14", 6, 443),
    ("10.77.60.88", "10.77.50.14", 6, 2575),
    ("10.77.20.107", "10.77.20.117", 6, 23),
];

#[test]
fn the_sample_policy_allows_the_day_of_the_hospital_and_denies_what_was_done_to_it() {
    let policy = right(include_str!("../../examples/hospital.yaml"));
    let state = State::boxed();
    policy.install(&state).unwrap();
    let decide = |from: &str, to: &str, protocol: u8, port: u16| {
        let place = |ip: &str| {
            state.identities().segment_of(
                Mac::NONE,
                Ip::from(ip.parse::<std::net::IpAddr>().unwrap()),
                [0, 0],
            )
        };
        let service = state.tables().class(protocol, port);
        state.tables().decide(Access { from: place(from), to: place(to), service })
    };
    for &(from, to, protocol, port, rule) in ORDINARY {
        let cell = decide(from, to, protocol, port);
        let found = cell.rule.and_then(|id| policy.rule(id)).map(|rule| rule.name.as_str());
        assert_eq!((cell.action, found), (Action::Allow, Some(rule)), "{from} to {to} {protocol}/{port}");
    }
    for &(from, to, protocol, port) in HOSTILE {
        let cell = decide(from, to, protocol, port);
        assert_eq!(
            (cell.action, cell.mode),
            (Action::Deny, Mode::Observe),
            "{from} to {to} {protocol}/{port}"
        );
    }
}
