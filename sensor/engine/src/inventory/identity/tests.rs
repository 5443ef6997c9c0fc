//! How evidence becomes claims.

use super::{ALONE, EVIDENCE, Identity};
use crate::inventory::knowledge::{self, Names, Says};
use crate::output::Evidence;
use abi::address::{Ip, Mac};
use abi::device::DeviceType;
use proptest::prelude::*;

fn evidence(attribute: &'static str, value: &str, source: &'static str, tier: u8, weight: f32) -> Evidence {
    Evidence { attribute, value: value.to_owned(), source, tier, weight, flow: None, rule: source }
}

fn identity(all: &[Evidence]) -> Identity {
    let mut identity = Identity::default();
    for evidence in all {
        identity.add(evidence.clone(), Ip::NONE);
    }
    identity
}

fn surest(identity: &Identity, attribute: &str) -> (String, f32) {
    let claim = identity.values(attribute).into_iter().next().expect("a claim");
    (claim.value, claim.confidence)
}

#[test]
fn one_group_alone_never_exceeds_nine_tenths_and_two_do() {
    let one =
        identity(&[evidence("vendor", "Acme", "oui", 4, 0.97), evidence("vendor", "Acme", "dhcp", 4, 0.97)]);
    assert_eq!(
        surest(&one, "vendor"),
        ("Acme".to_owned(), ALONE),
        "prefix and DHCP tell the same thing twice"
    );
    let two =
        identity(&[evidence("vendor", "Acme", "oui", 4, 0.8), evidence("vendor", "Acme", "dicom", 2, 0.85)]);
    let (_, confidence) = surest(&two, "vendor");
    assert!((confidence - 0.957_7).abs() < 1e-3, "odds 4 times 5.67: {confidence}");
}

#[test]
fn a_self_declaration_alone_may_exceed_nine_tenths() {
    let told = identity(&[evidence("name", "CT-1", "hl7", 1, 0.95)]);
    assert!(surest(&told, "name").1 > ALONE);
}

#[test]
fn rivals_take_confidence_from_each_other() {
    let both = identity(&[evidence("type", "ct", "dicom", 3, 0.7), evidence("type", "mr", "hl7", 3, 0.7)]);
    let (value, confidence) = surest(&both, "type");
    assert_eq!(value, "ct", "equal claims in the order of their words");
    assert!(confidence < 0.5);
}

#[test]
fn a_type_by_the_prefix_alone_is_not_stable() {
    let mut identity = identity(&[evidence("type", "printer", "oui", 4, 0.99)]);
    assert_eq!((identity.kind().value, identity.class()), (DeviceType::Printer, DeviceType::Unknown));
    identity.add(evidence("type", "printer", "http", 2, 0.7), Ip::NONE);
    assert_eq!(identity.class(), DeviceType::Printer);
    identity.add(evidence("type", "ct", "dicom", 3, 0.6), Ip::NONE);
    assert_eq!(identity.class(), DeviceType::Printer, "weaker evidence takes nothing away");
}

#[test]
fn two_strong_claims_are_a_conflict_that_is_said() {
    let both = identity(&[
        evidence("vendor", "Acme", "dicom", 2, 0.95),
        evidence("vendor", "acme", "http", 2, 0.9),
        evidence("vendor", "Bolt", "hl7", 1, 0.95),
        evidence("model", "X1", "dicom", 2, 0.9),
        evidence("model", "X2", "dhcp", 4, 0.99),
    ]);
    assert_eq!(both.conflicts(), ["vendor: dicom says Acme, hl7 says Bolt"]);
}

#[test]
fn a_module_maker_is_no_vendor() {
    let mac = Mac([0x00, 0x00, 0x60, 1, 2, 3]);
    assert_eq!(knowledge::maker(mac).map(|maker| maker.says), Some(Says::Module));
    let mut identity = Identity::default();
    identity.add_mac(mac);
    assert!(identity.values("vendor").is_empty() && !identity.values("module").is_empty());
}

#[test]
fn toolkits_are_told_from_products() {
    for (uid, names) in [
        ("1.2.276.0.7230010.3.0.3.6.7", Names::Toolkit),
        ("1.2.826.0.1.3680043.9.3811.2.1.0", Names::Toolkit),
        ("1.2.40.0.13.1.3", Names::Toolkit),
        ("1.2.840.113619.6.284.5", Names::Device),
        ("1.3.12.2.1107.5.2.30", Names::Device),
    ] {
        assert_eq!(knowledge::implementation(uid).map(|known| known.names), Some(names), "{uid}");
    }
    assert_eq!(knowledge::implementation("1.2.40.0.13.1.31"), None, "a component ends at its dot");
    assert_eq!(knowledge::implementation(""), None);
}

#[test]
fn what_was_seen_at_another_address_can_be_parted() {
    let (here, there) = (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]));
    let mut both = Identity::default();
    both.add(evidence("type", "ct", "dicom", 3, 0.8), there);
    both.add(evidence("name", "gate", "dhcp", 4, 0.7), here);
    both.plays("dicom-store-scu", there);
    both.plays("tls-client", here);
    assert_eq!(both.class(), DeviceType::Ct);
    let parted = both.part(there);
    assert_eq!((both.class(), both.roles()), (DeviceType::Unknown, vec!["tls-client"]));
    let mut other = Identity::default();
    other.absorb(parted);
    assert_eq!((other.class(), other.roles()), (DeviceType::Ct, vec!["dicom-store-scu"]));
}

#[test]
fn evidence_and_roles_are_bounded() {
    let mut identity = Identity::default();
    for number in 0..1000u16 {
        identity.add(evidence("software", &format!("agent {number}"), "http", 4, 0.6), Ip::NONE);
        identity.plays("tls-client", {
            let [high, low] = number.to_be_bytes();
            Ip::v4([10, 0, high, low])
        });
    }
    assert_eq!((identity.evidence().len(), identity.overflows), (EVIDENCE, 1000 - EVIDENCE as u64));
    assert_eq!(identity.roles(), ["tls-client"]);
}

proptest! {
    #[test]
    fn confidences_are_probabilities_and_do_not_depend_on_the_order(
        mut all in prop::collection::vec((0usize..3, 0usize..4, 1u8..6, 0.0f32..1.0), 1..12),
    ) {
        let values = ["ct", "mr", "pacs"];
        let sources = ["oui", "dhcp", "dicom", "hl7"];
        // One piece of evidence for a value by a rule: a second one would only raise its weight.
        all.sort_by_key(|&(value, source, ..)| (value, source));
        all.dedup_by_key(|&mut (value, source, ..)| (value, source));
        let all: Vec<Evidence> = all
            .into_iter()
            .map(|(value, source, tier, weight)| evidence("type", values[value], sources[source], tier, weight))
            .collect();
        let forward = identity(&all).values("type");
        let backward = identity(&all.iter().rev().cloned().collect::<Vec<_>>()).values("type");
        let total: f32 = forward.iter().map(|claim| claim.confidence).sum();
        prop_assert!(total < 1.0 + 1e-5, "{total}");
        for (a, b) in forward.iter().zip(&backward) {
            prop_assert!((0.0..=1.0).contains(&a.confidence));
            prop_assert!((a.confidence - b.confidence).abs() < 1e-5);
        }
    }
}
