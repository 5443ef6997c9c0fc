use super::*;
use crate::scene::{CT, NOW, PACS, VIEWER, asks, flow, host};
use abi::device::DeviceType;

fn call(client: Endpoint, name: &str, seconds: u64) -> Activity<'_> {
    Activity {
        client_name: name,
        ..asks(&flow(1, client, PACS(), 104, seconds), App::Dicom, "associate", "")
    }
}

#[test]
fn a_title_of_one_device_on_another_is_told_once_a_minute() {
    let mut names = Names::default();
    for second in 0..4 {
        names.learn(&call(CT(), "CT1", second));
    }
    let mut names = Names::from_baseline(&names.to_baseline());
    assert!(names.used(&call(CT(), "CT1", NOW)).is_none());
    let rogue = host(60, 200, DeviceType::Unknown);
    let case = names.used(&call(rogue, "CT1", NOW)).expect("the title is the scanner's");
    assert_eq!((case.severity, case.source.device), (Severity::Medium, rogue.device));
    assert!(names.used(&call(rogue, "CT1", NOW + 1)).is_none());
    assert!(names.used(&call(rogue, "CT1", NOW + 61)).is_some());
}

#[test]
fn a_title_that_several_share_in_benign_time_is_nobodys_own() {
    let mut names = Names::default();
    for client in [CT(), VIEWER(), CT(), CT(), VIEWER()] {
        names.learn(&call(client, "STORESCU", 1));
    }
    let mut names = Names::from_baseline(&names.to_baseline());
    assert!(names.used(&call(host(60, 200, DeviceType::Unknown), "STORESCU", NOW)).is_none());
}

#[test]
fn names_are_bounded_in_length() {
    let mut names = Names::default();
    names.learn(&call(CT(), &"X".repeat(1000), 1));
    assert!(names.to_baseline().is_empty());
}
