use crate::talk::{compiled, end, flow, outside, record};
use abi::device::DeviceType::{self, Ct, InfusionPump, Pacs, Unknown};
use lake::draft::{Style, draft};
use lake::flow::{Answered, Flow};
use lake::impact::impact;
use proptest::prelude::*;

const STYLE: Style = Style { is_life_critical: |class| matches!(class, InfusionPump) };

/// Two scanners store images all day, one of them asks the outside once, and an unknown host is scanned for.
fn talk() -> Vec<Flow> {
    let mut flows: Vec<Flow> = (0..20)
        .flat_map(|at| [1, 2].map(|host| flow(at * 60, end(1, host, 50_000, Ct), end(2, 1, 11_112, Pacs), 6)))
        .collect();
    flows.push(flow(90, end(1, 1, 50_000, Ct), outside(7, 443), 6));
    flows.push(flow(95, end(3, 9, 50_000, Unknown), end(2, 1, 8042, Pacs), 6));
    flows
}

fn scan() -> Vec<Flow> {
    let probe = |port: u16| Flow {
        answered: if port == 80 { Answered::Yes } else { Answered::No },
        ..flow(100, end(3, 66, 50_000, Unknown), end(2, 1, port, Pacs), 6)
    };
    (1..200).map(probe).collect()
}

#[test]
fn a_draft_names_device_profiles_and_tells_custom_from_what_was_seen_once() {
    let made = draft(&record(&talk()), STYLE);
    insta::assert_snapshot!(made.text);
    assert_eq!((made.often, made.once, made.scans), (1, 2, 0));
}

#[test]
fn what_looks_like_scanning_is_not_proposed_and_stays_denied() {
    let record = record(&[talk(), scan()].concat());
    let made = draft(&record, STYLE);
    assert_eq!(made.scans, 199);
    assert!(made.text.contains("# Not proposed, for it looks like scanning:\n#   10.0.3.66 asked 1 device for 199 ports in 199 flows"), "{}", made.text);
    let found = impact(&record, None, &compiled(&made.text)).unwrap();
    assert_eq!(found.cuts.iter().map(|cut| cut.flows).sum::<u64>(), 199);
}

fn class() -> impl Strategy<Value = DeviceType> {
    prop::sample::select(vec![Ct, Pacs, InfusionPump, Unknown])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_draft_compiles_without_warning_and_cuts_nothing_of_a_record_without_scans(
        classes in prop::collection::vec(class(), 8),
        talks in prop::collection::vec((0..8_usize, 0..9_usize, any::<bool>(), 1..12_u16, 0..5000_u64), 1..80)
    ) {
        let flows: Vec<Flow> = talks.iter().map(|&(a, b, udp, port, at)| {
            let port = port * 997;
            let device = |at: usize, port: u16| end(u8::try_from(1 + at % 2).unwrap(), u8::try_from(at).unwrap(), port, classes[at]);
            let server = if b == 8 { outside(3, port) } else { device(b, port) };
            flow(at, device(a, 50_000), server, if udp { 17 } else { 6 })
        }).collect();
        let record = record(&flows);
        let made = draft(&record, STYLE);
        let policy = compiled(&made.text);
        prop_assert!(policy.warnings.is_empty(), "{}\n{}", policy.warnings, made.text);
        let found = impact(&record, None, &policy).unwrap();
        prop_assert!(found.cuts.is_empty() || made.scans > 0, "{:?}\n{}", found.cuts, made.text);
        prop_assert_eq!(made.scans, 0);
    }
}
