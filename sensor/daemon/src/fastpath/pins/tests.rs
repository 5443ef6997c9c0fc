//! What is written down can be read again.

use super::*;

#[test]
fn a_record_reads_as_it_was_written() {
    let note = |index, way, reception, lowered| PortNote { index, way, reception, lowered };
    let ports = vec![
        note(3, Way::Native, Changed::Yes, Changed::No),
        note(u32::MAX, Way::Generic, Changed::No, Changed::Yes),
    ];
    for record in [Record { layout: u64::MAX, ports }, Record::default()] {
        assert_eq!(Record::read(&record.words()), Some(record));
    }
}

#[test]
fn what_is_no_record_is_none_and_one_with_too_many_ports_has_as_many_as_fit() {
    assert_eq!(Record::read(&[0; WORDS]), None);
    let mut words = [u64::MAX; WORDS];
    [words[0]] = HEAD;
    assert_eq!(Record::read(&words).unwrap().ports.len(), MOST_PORTS);
}

#[test]
fn a_folder_elsewhere_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let told = Pins::claim(&folder.path().join("a")).unwrap_err().to_string();
    assert!(told.contains("is not in a BPF file system (mount one with `mount -t bpf bpf"), "{told}");
}
