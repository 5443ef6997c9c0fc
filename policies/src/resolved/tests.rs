//! The plain form says what the text says.

use abi::table::{Action, Mode, SegmentId};

use super::{PlainPorts, resolved};
use crate::{Source, Unassigned, compile};

fn source(text: &str) -> [Source; 1] {
    [Source { name: "p.yaml".to_owned(), text: text.to_owned() }]
}

#[test]
fn rules_name_segments_by_number_and_ports_by_range() {
    let text = "version: 1\ndefaults: { unassigned: alert, mode: enforce }\n\
                services: { s: { tcp: [5, \"6-9\"], protocol: gre } }\n\
                segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }\n\
                allow: [{ id: x, from: \"*\", except: b, to: internet, service: s, udp: any }]\n\
                deny: [{ id: y, from: b, to: [a, b], service: any, mode: observe }]\n";
    let policy = resolved(&source(text)).unwrap();
    assert_eq!(
        (policy.between, policy.mode, policy.unassigned),
        (Action::Deny, Mode::Enforce, Unassigned::Alert)
    );
    assert_eq!(policy.segments, compile(&source(text)).unwrap().segments);
    let [allow, deny] = policy.rules.as_slice() else { panic!("{:?}", policy.rules) };
    let numbers = |numbers: &[u8]| numbers.iter().map(|number| SegmentId::new(*number).unwrap()).collect();
    assert_eq!((allow.name.as_str(), allow.action, allow.mode), ("x", Action::Allow, None));
    assert_eq!((&allow.from, &allow.to), (&numbers(&[1]), &numbers(&[3])));
    let ports = PlainPorts { tcp: vec![5..=9], udp: vec![0..=u16::MAX], protocols: vec![47] };
    assert_eq!(allow.services, Some(ports));
    assert_eq!((&deny.from, &deny.to), (&numbers(&[2]), &numbers(&[1, 2])));
    assert_eq!((deny.action, deny.mode, &deny.services), (Action::Deny, Some(Mode::Observe), &None));
}

#[test]
fn mistakes_are_those_of_the_compiler() {
    let text = "version: 1\nallow: [{ id: x, from: nowhere, to: internet, service: any }]\n";
    let mistakes = resolved(&source(text)).unwrap_err().to_string();
    assert_eq!(mistakes, compile(&source(text)).unwrap_err().to_string());
    assert!(mistakes.contains("`nowhere` is not declared"), "{mistakes}");
}
