use super::*;
use crate::capture::libpcap::Libpcap;
use proptest::prelude::*;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::AsFd as _;

type Seen = (Timestamp, u32, Vec<u8>);

/// What our reader delivers, and whether it found something wrong.
fn ours(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let header = FileHeader::read(bytes).unwrap();
    let mut reader = Classic::open(bytes, header).unwrap();
    let mut seen = Vec::new();
    while let Some((head, frame)) = reader.next_frame() {
        seen.push((head.at, head.wire_len, frame.to_vec()));
    }
    (seen, !reader.facts().iter().all(|fact| *fact == Fact::NoFrames))
}

/// The same by libpcap.
fn theirs(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let mut reader = Libpcap::open(file.as_fd(), bytes).unwrap();
    let mut seen = Vec::new();
    while let Some((head, frame)) = reader.next_frame() {
        seen.push((head.at, head.wire_len, frame.to_vec()));
    }
    (seen, !reader.facts().iter().all(|fact| *fact == Fact::NoFrames))
}

fn capture(magic: u32, order: Order, records: &[(u32, u32, Vec<u8>, u32)]) -> Vec<u8> {
    let word = |value: u32| match order {
        Order::Little => value.to_le_bytes(),
        Order::Big => value.to_be_bytes(),
    };
    let version = match order {
        Order::Little => [2, 0, 4, 0],
        Order::Big => [0, 2, 0, 4],
    };
    let mut bytes = [word(magic), version, word(0), word(0), word(LONGEST), word(1)].concat();
    for (seconds, fraction, frame, beyond) in records {
        let len = u32::try_from(frame.len()).unwrap();
        for value in [*seconds, *fraction, len, len.saturating_add(*beyond)] {
            bytes.extend(word(value));
        }
        bytes.extend(frame);
    }
    bytes
}

proptest! {
    #[test]
    fn classic_files_are_read_as_libpcap_reads_them(
        nano in any::<bool>(),
        big in any::<bool>(),
        records in proptest::collection::vec(
            (any::<u32>(), 0..1_000_000_u32, proptest::collection::vec(any::<u8>(), 0..3000), 0..2000_u32),
            0..12,
        ),
        cut in 0..100_000_usize,
        flips in proptest::collection::vec((24..20_000_usize, any::<u8>()), 0..3),
    ) {
        let (magic, order) = (if nano { NANO } else { MICRO }, if big { Order::Big } else { Order::Little });
        let mut bytes = capture(magic, order, &records);
        let len = bytes.len();
        for (at, value) in flips {
            if at < len {
                bytes[at] = value;
            }
        }
        bytes.truncate(24.max(len.saturating_sub(cut % (2 * len))));
        let ((mut ours, our_damage), (theirs, their_damage)) = (ours(&bytes), theirs(&bytes));
        for (seen, other) in ours.iter_mut().zip(&theirs) {
            // libpcap multiplies microseconds in 32 bits, so a fraction of more than 4.29 s wraps there.
            if (seen.0.0 - other.0.0).is_multiple_of(1 << 32) {
                seen.0 = other.0;
            }
        }
        prop_assert_eq!((ours, our_damage), (theirs, their_damage));
    }
}

#[test]
fn other_versions_and_variants_are_left_to_libpcap() {
    let bytes = capture(MICRO, Order::Little, &[]);
    assert!(FileHeader::read(&bytes).is_some());
    for (at, value) in [(4, 1), (6, 3), (0, 0x34), (3, 0)] {
        let mut other = bytes.clone();
        other[at] = value;
        assert_eq!(FileHeader::read(&other), None, "byte {at}");
    }
    assert_eq!(FileHeader::read(&bytes[..23]), None);
}
