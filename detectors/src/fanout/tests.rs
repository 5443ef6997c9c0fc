use super::*;
use crate::scene::{at, host, ward};
use abi::device::DeviceType;

fn meet(fans: &mut Fans, number: u32, is_failed: IsFailed, seconds: u64, limits: Limits) -> Option<Case> {
    let [_, _, _, low] = number.to_be_bytes();
    let server = host(20, low, DeviceType::Unknown);
    let met = Met {
        at: at(seconds),
        triple: Triple { client: 1, server: number, act: 1 },
        is_failed,
        flow: FlowId(number.into()),
        client: &ward(1),
        server: &server,
    };
    fans.met(&met, limits)
}

#[test]
fn failing_contacts_make_a_scan_and_answered_ones_need_more() {
    let limits = Limits::learned(2);
    let count = |is_failed| {
        let mut fans = Fans::default();
        (1..=50).find(|n| meet(&mut fans, *n, is_failed, 1000, limits).is_some())
    };
    assert_eq!(count(IsFailed::Yes), Some(limits.failed));
    assert_eq!(count(IsFailed::No), Some(limits.quick));
}

#[test]
fn a_patient_scan_is_found() {
    let mut fans = Fans::default();
    let limits = Limits::learned(0);
    let found =
        (1..=20).find(|n| meet(&mut fans, *n, IsFailed::Yes, 1000 + u64::from(*n) * 100, limits).is_some());
    assert_eq!(found, Some(limits.patient));
}

#[test]
fn a_single_contact_after_a_scan_does_not_tell_it_again() {
    let mut fans = Fans::default();
    let limits = Limits::learned(0);
    let told = (1..=60).filter(|n| meet(&mut fans, *n, IsFailed::Yes, 1000, limits).is_some()).count();
    assert_eq!(told, 1);
    assert!(meet(&mut fans, 99, IsFailed::No, 1200, limits).is_none());
    assert!(meet(&mut fans, 100, IsFailed::Yes, 1300, limits).is_none());
}

#[test]
fn a_stray_contact_before_is_no_part_of_the_scan() {
    let mut fans = Fans::default();
    let limits = Limits::learned(0);
    meet(&mut fans, 200, IsFailed::Yes, 1000, limits);
    let case = (1..=20).find_map(|n| meet(&mut fans, n, IsFailed::Yes, 1050, limits)).expect("a scan");
    assert_eq!(case.first, at(1050));
}

#[test]
fn more_custom_novelty_raises_the_limits() {
    assert!(Limits::learned(20).quick > Limits::learned(2).quick);
    assert!(Limits::learned(u32::MAX).quick < u32::MAX);
}
