use crate::talk::{compiled, end, flow, outside, record};
use abi::address::{Mac, Timestamp};
use abi::device::DeviceType::{Ct, InfusionPump, Unknown};
use abi::judge::Reason;
use abi::table::{Access, Action, Mode};
use lake::flow::Flow;
use lake::impact::impact;
use proptest::prelude::*;

const POLICY: &str = "
version: 1
segments:
  pumps: { match: { class: infusion-pump }, life_critical: true }
  ward:  { match: { ip: 10.0.2.0/24 } }
  empty: { match: { ip: 10.0.9.0/24 } }
allow:
  - { id: vitals, from: pumps, to: ward, tcp: 8080 }
  - { id: unused, from: ward, to: empty, tcp: 1 }
deny:
  - { id: no-web, from: ward, to: internet, service: https, mode: enforce }
";

fn talk() -> Vec<Flow> {
    vec![
        flow(1, end(1, 1, 50_000, InfusionPump), end(2, 1, 8080, Unknown), 6),
        flow(2, end(1, 1, 50_001, InfusionPump), end(2, 1, 22, Unknown), 6),
        flow(9, end(1, 1, 50_002, InfusionPump), end(2, 1, 22, Unknown), 6),
        flow(4, end(2, 2, 50_000, Unknown), outside(7, 443), 6),
        // DHCP needs no rule.
        flow(5, end(2, 2, 68, Unknown), end(2, 3, 67, Unknown), 17),
    ]
}

#[test]
fn what_is_denied_is_told_by_service_with_those_first_that_patients_depend_on() {
    let found = impact(&record(&talk()), None, &compiled(POLICY)).unwrap();
    assert_eq!(found.cuts.len(), 2);
    let (ssh, web) = (&found.cuts[0], &found.cuts[1]);
    assert!(ssh.is_life_critical() && !web.is_life_critical());
    assert_eq!(
        (ssh.service.as_deref(), ssh.flows, ssh.mode, ssh.reason),
        (Some("ssh"), 2, Mode::Observe, Reason::Default)
    );
    assert_eq!((ssh.first, ssh.last), (Timestamp(2_000_000_000), Timestamp(10_000_000_000)));
    assert_eq!((web.service.as_deref(), web.flows, web.mode), (Some("https"), 1, Mode::Enforce));
    assert_eq!(found.fired.values().sum::<u64>(), 2, "vitals and no-web");
    assert_eq!(found.unseen.len(), 1);
    assert_eq!((found.pairs, found.once, found.flows), (3, 2, 5));
}

#[test]
fn what_was_denied_before_is_not_told() {
    let before = compiled(
        &POLICY
            .replace("tcp: 8080", "tcp: [8080, 22]")
            .replace("  - { id: no-web", "  - { id: no-web-at-all"),
    );
    let found = impact(&record(&talk()), Some(&before), &compiled(POLICY)).unwrap();
    let services: Vec<_> = found.cuts.iter().map(|cut| cut.service.as_deref()).collect();
    assert_eq!(services, [Some("ssh")]);
}

#[test]
fn an_empty_record_has_no_impact() {
    let found = impact(&record(&[]), None, &compiled(POLICY)).unwrap();
    assert_eq!((found.cuts.len(), found.flows, found.span), (0, 0, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn exactly_the_flows_that_the_tables_deny_are_told_whichever_way_round_hosts_talk(
        talks in prop::collection::vec((any::<bool>(), 0..3_u8, 0..3_u8, 0..4_usize, 1..90_u64), 0..60)
    ) {
        let policy = compiled(POLICY);
        let flows: Vec<Flow> = talks.iter().map(|&(turned, a, b, port, at)| {
            let port = [22, 443, 8080, 1][port];
            let (ct, ward) = (end(9, a, port, Ct), end(2, b, port, Unknown));
            let (client, server) = if turned { (ward, ct) } else { (ct, ward) };
            flow(at, client, server, 17)
        }).collect();
        let denied = flows.iter().filter(|flow| {
            let segment = |ip| policy.segment_of(Mac::NONE, ip, 0);
            let access = Access {
                from: segment(flow.client.ip),
                to: segment(flow.server.ip),
                service: policy.tables.class(17, flow.server.port),
            };
            policy.tables.decide(access).action == Action::Deny
        }).count();
        let found = impact(&record(&flows), None, &policy).unwrap();
        prop_assert_eq!(found.cuts.iter().map(|cut| cut.flows).sum::<u64>(), denied as u64);
    }
}
