//! Quarantines are kept, whole or not at all, and devices are read as people write them.

use super::{Entry, MOST, Quarantines, device};
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use std::fs;

fn entry(last: u8, addresses: usize) -> Entry {
    let device = DeviceKey::Ip(Ip::v4([10, 0, 0, last]));
    Entry {
        device,
        addresses: vec![device; addresses],
        reason: "speaks \"SMB\"\nto all".to_owned(),
        since: Timestamp(1_795_507_200 * SECOND + 1),
        until: Timestamp(1_795_507_260 * SECOND),
    }
}

#[test]
fn devices_are_read_as_people_and_rows_write_them_and_anything_else_is_none() {
    let mac = Some(DeviceKey::Mac(Mac([0, 9, 0xfb, 0, 0, 7])));
    let ip = Some(DeviceKey::Ip(Ip::v4([10, 2, 0, 9])));
    for (text, expected) in [
        ("00:09:fb:00:00:07", mac),
        ("00-09-FB-00-00-07", mac),
        ("mac-0009fb000007", mac),
        ("10.2.0.9", ip),
        ("ip-10.2.0.9", ip),
    ] {
        assert_eq!(device(text), expected, "{text}");
    }
    for key in [mac, ip, device("2001:db8::7")].map(Option::unwrap) {
        assert_eq!(device(&key.to_string()), Some(key), "as rows name it");
    }
    for text in [
        "",
        "pump",
        "mac-",
        "mac-+009fb000007",
        "10.2.0",
        "00:09:fb:00:00",
        "0:9:fb:0:0:7",
        "ip-",
        "10.2.0.9/24",
    ] {
        assert_eq!(device(text), None, "{text}");
    }
}

#[test]
fn what_was_written_is_read_again_and_a_broken_file_is_told_and_holds_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quarantine.json");
    let (mut list, told) = Quarantines::read(&file);
    assert_eq!((list.entries(), told), (&[][..], None));
    list.add(entry(1, 2)).unwrap();
    list.add(entry(2, 1)).unwrap();
    list.write().unwrap();
    let (again, told) = Quarantines::read(&file);
    assert_eq!((again.entries(), told), (list.entries(), None));
    for text in ["{}", "", "{\"quarantine\":[{}]}", "{\"quarantine\":[{\"device\":\"pump\"}]}"] {
        fs::write(&file, text).unwrap();
        let (broken, told) = Quarantines::read(&file);
        assert!(broken.entries().is_empty() && told.is_some(), "{text}");
    }
}

#[test]
fn an_address_is_free_when_nobody_in_quarantine_has_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (mut list, _) = Quarantines::read(&folder.path().join("quarantine.json"));
    let shared = DeviceKey::Mac(Mac([2, 0, 0, 0, 0, 1]));
    for last in [1, 2] {
        let mut entry = entry(last, 1);
        entry.addresses.push(shared);
        list.add(entry).unwrap();
    }
    let taken = list.take(|entry| entry.device == self::entry(1, 1).device);
    assert_eq!(list.free(&taken), [entry(1, 1).device]);
    let taken = list.take(|_| true);
    assert_eq!(list.free(&taken), [entry(2, 1).device, shared]);
}

#[test]
fn there_are_no_more_addresses_than_the_judge_has_room_for() {
    let folder = tempfile::tempdir().unwrap();
    let (mut list, _) = Quarantines::read(&folder.path().join("quarantine.json"));
    list.add(entry(1, MOST - 1)).unwrap();
    assert!(list.add(entry(2, 2)).is_err());
    list.add(entry(1, 1)).unwrap();
    list.add(entry(2, 2)).unwrap();
    assert_eq!(list.entries().len(), 2, "the first was replaced");
}
