//! Every format is read as it was written, to the nanosecond.

use crate::build::{Endian, Folder, MICRO, NANO, Ng, Pcap, gzip, pcap, zstd};
use crate::read::{frames, read, read_bytes, wardline};
use daemon::capture::Fact;
use wire::frame::LinkType;

const AT: u64 = 1_795_508_153 * NANO;
const A: &[u8] = b"first frame";
const B: &[u8] = b"the second one";

#[test]
fn classic_captures_of_both_byte_orders_and_precisions_are_read() {
    for endian in Endian::BOTH {
        for (per_second, fraction) in [(MICRO, 123_456_000), (NANO, 123_456_789)] {
            let capture =
                Pcap::new(endian, per_second, 1).frame(AT + fraction, A).frame(AT + NANO + fraction, B).bytes;
            let expected = [(AT + fraction, A.to_vec()), (AT + NANO + fraction, B.to_vec())];
            assert_eq!(frames(&capture), expected, "{endian:?} {per_second}");
        }
    }
}

#[test]
fn kuznetsovs_variant_is_read() {
    let mut bytes = pcap(&[]);
    bytes[..4].copy_from_slice(&0xa1b2_cd34_u32.to_le_bytes());
    for value in [7_u32, 5, 11, 11, 0, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(A);
    assert_eq!(frames(&bytes), [(7 * NANO + 5000, A.to_vec())]);
}

#[test]
fn times_after_2038_keep_their_order_in_classic_captures() {
    // 2040 and 2106: the upper half of the file's unsigned 32 bits.
    let late = [2_209_032_000 * NANO, 4_294_967_295 * NANO];
    let capture = Pcap::new(Endian::Little, MICRO, 1).frame(late[0], A).frame(late[1], B).bytes;
    assert_eq!(frames(&capture), [(late[0], A.to_vec()), (late[1], B.to_vec())]);
}

#[test]
fn pcapng_of_both_byte_orders_and_every_kind_of_packet_block_is_read() {
    for endian in Endian::BOTH {
        let capture = Ng::new(endian)
            .block(0xbad, b"a custom block")
            .interface(1, 0, &[])
            .enhanced(0, 1_000_001, A)
            .block(5, &[0; 24])
            .obsolete(0, 2_000_002, B)
            .bytes;
        let expected = [(NANO + 1000, A.to_vec()), (2 * NANO + 2000, B.to_vec())];
        assert_eq!(frames(&capture), expected, "{endian:?}");
    }
}

#[test]
fn units_and_offsets_of_time_are_kept_to_the_nanosecond() {
    // (if_tsresol, if_tsoffset, ticks, nanoseconds); the top bit of the resolution means a power of two.
    for (resolution, offset, ticks, expected) in [
        (6, 0, 1_795_508_153_123_456, 1_795_508_153_123_456_000),
        (9, 0, 1_795_508_153_123_456_789, 1_795_508_153_123_456_789),
        (0, 0, 1_795_508_153, 1_795_508_153 * NANO),
        (3, 0, 1_795_508_153_123, 1_795_508_153_123_000_000),
        (12, 0, 5_000_000_000_999, 5 * NANO),
        (127, 0, u64::MAX, 0),
        (0x80 | 1, 0, 3, 1_500_000_000),
        (0x80 | 32, 0, 5 << 32 | 1 << 31, 5_500_000_000),
        (0xff, 0, u64::MAX, 0),
        (6, 1_795_508_153, 5, 1_795_508_153_000_005_000),
        (6, -10, 12_000_000, 2 * NANO),
        (6, -10, 5, 0),
        (0, 0, u64::MAX, u64::MAX),
        (0, i64::MAX, u64::MAX, u64::MAX),
        (9, i64::MIN, u64::MAX, 0),
    ] {
        for endian in Endian::BOTH {
            let capture = Ng::new(endian).timed_interface(resolution, offset).enhanced(0, ticks, A).bytes;
            assert_eq!(
                frames(&capture),
                [(expected, A.to_vec())],
                "{resolution} {offset} {ticks} {endian:?}"
            );
        }
    }
}

#[test]
fn sections_of_different_byte_order_follow_each_other() {
    let capture = Ng::new(Endian::Little)
        .interface(1, 0, &[])
        .interface(1, 0, &[])
        .enhanced(1, 1, A)
        .section(Endian::Big)
        .timed_interface(9, 0)
        .enhanced(0, 5000, B)
        .bytes;
    assert_eq!(frames(&capture), [(1000, A.to_vec()), (5000, B.to_vec())]);
}

#[test]
fn an_interface_of_an_earlier_section_is_forgotten() {
    let capture = Ng::new(Endian::Little)
        .interface(1, 0, &[])
        .enhanced(0, 1, A)
        .section(Endian::Little)
        .enhanced(0, 2, B)
        .bytes;
    let (seen, facts) = read_bytes(&capture).unwrap();
    assert_eq!(seen.len(), 1);
    assert!(matches!(facts[..], [Fact::Contradictory { blocks: 1, .. }]), "{facts:?}");
}

#[test]
fn a_simple_packet_has_the_time_of_the_frame_before_and_the_first_interfaces_snaplen() {
    let capture = Ng::new(Endian::Little)
        .interface(1, 4, &[])
        .enhanced(0, 9, A)
        .simple(100, b"abcd")
        .simple(3, b"xyz")
        .bytes;
    let (seen, facts) = read_bytes(&capture).unwrap();
    let told: Vec<_> = seen.iter().map(|seen| (seen.at, &seen.bytes[..], seen.wire_len)).collect();
    assert_eq!(told, [(9000, A, 11), (9000, b"abcd", 100), (9000, b"xyz", 3)]);
    assert_eq!(facts, [Fact::Untimed { frames: 2 }]);
}

#[test]
fn link_types_of_classic_captures_are_told() {
    for (number, link) in [
        (0, LinkType::Null),
        (1, LinkType::Ethernet),
        (101, LinkType::RawIp),
        (108, LinkType::Loop),
        (113, LinkType::LinuxSll),
        (276, LinkType::LinuxSll2),
    ] {
        let (seen, _) = read_bytes(&Pcap::new(Endian::Little, MICRO, number).frame(AT, A).bytes).unwrap();
        assert_eq!(seen[0].link, link, "{number}");
        let ng = Ng::new(Endian::Big).interface(u16::try_from(number).unwrap(), 0, &[]).enhanced(0, 1, A);
        assert_eq!(read_bytes(&ng.bytes).unwrap().0[0].link, link, "{number}");
    }
}

#[test]
fn interfaces_of_different_link_types_and_snaplens_are_read_from_one_file() {
    let capture = Ng::new(Endian::Little)
        .interface(1, 65_535, &[])
        .interface(101, 64, &[])
        .interface(249, 64, &[])
        .enhanced(2, 1, b"usb")
        .enhanced(1, 2, A)
        .enhanced(0, 3, B)
        .bytes;
    let (seen, facts) = read_bytes(&capture).unwrap();
    let links: Vec<LinkType> = seen.iter().map(|seen| seen.link).collect();
    assert_eq!(links, [LinkType::RawIp, LinkType::Ethernet]);
    assert_eq!(facts, [Fact::Foreign { link: 249, frames: 1 }]);
}

#[test]
fn a_snaplen_of_64_cuts_the_bytes_and_keeps_the_length_on_the_wire() {
    let data = [7; 64];
    let capture = Pcap::with_snaplen(Endian::Little, MICRO, 1, 64).record(AT, 64, 1500, &data).bytes;
    let (seen, facts) = read_bytes(&capture).unwrap();
    assert_eq!((seen[0].bytes.len(), seen[0].wire_len), (64, 1500));
    assert_eq!(facts, []);
}

#[test]
fn compression_is_found_by_its_bytes_and_undone_for_both_formats() {
    let classic = pcap(&[(AT, A), (AT + 1, B)]);
    let ng = Ng::new(Endian::Big).timed_interface(9, 0).enhanced(0, AT, A).enhanced(0, AT + 1, B).bytes;
    let expected = [(AT, A.to_vec()), (AT + 1, B.to_vec())];
    for capture in [classic, ng] {
        assert_eq!(frames(&gzip(&capture)), expected);
        assert_eq!(frames(&zstd(&capture, 27)), expected);
        assert_eq!(frames(&gzip(&zstd(&capture, 20))), expected);
        let (half, rest) = capture.split_at(capture.len() / 2);
        assert_eq!(frames(&[gzip(half), gzip(rest)].concat()), expected, "gzip members");
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd(half, 20), &zstd(rest, 20)];
        assert_eq!(frames(&skippable.concat()), expected, "zstd frames");
    }
}

#[test]
fn a_zstd_window_of_two_gibibytes_is_accepted() {
    assert_eq!(frames(&zstd(&pcap(&[(AT, A)]), 31)), [(AT, A.to_vec())]);
}

#[test]
fn a_packed_capture_larger_than_any_buffer_comes_through_whole() {
    let data = vec![5; 60_000];
    let mut capture = Pcap::new(Endian::Little, NANO, 1);
    let mut ng = Ng::new(Endian::Little).timed_interface(9, 0);
    for at in 0..200 {
        capture = capture.frame(at, &data);
        ng = ng.enhanced(0, at, &data);
    }
    for packed in [gzip(&capture.bytes), zstd(&capture.bytes, 27), gzip(&ng.bytes), ng.bytes.clone()] {
        let frames = frames(&packed);
        assert_eq!(frames.len(), 200);
        assert!(frames.iter().zip(0..).all(|((at, bytes), expected)| *at == expected && *bytes == data));
    }
}

#[test]
fn standard_input_takes_every_format() {
    let classic = pcap(&[(AT, A), (AT + 1, B)]);
    let ng = Ng::new(Endian::Big).interface(1, 0, &[]).enhanced(0, 1, A).enhanced(0, 2, B).bytes;
    for input in [gzip(&classic), zstd(&ng, 27), classic, ng] {
        let ran = wardline(&["replay", "--json", "-"], &input);
        assert_eq!((ran.code, packets(&ran.stdout)), (0, (2, 25)), "{}", ran.stderr);
    }
}

#[test]
fn standard_input_is_merged_with_files() {
    let folder = Folder::new();
    let file = folder.file("a", &pcap(&[(1, A), (3, A)]));
    let ran = wardline(&["replay", "--json", "-", file.to_str().unwrap()], &gzip(&pcap(&[(2, B)])));
    assert_eq!((ran.code, packets(&ran.stdout)), (0, (3, 36)), "{}", ran.stderr);
}

/// `packets` and `bytes` of a summary.
fn packets(summary: &str) -> (u64, u64) {
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
    let number = |name| summary.get(name).and_then(serde_json::Value::as_u64).unwrap();
    (number("packets"), number("bytes"))
}

#[test]
fn files_are_merged_by_time_whatever_their_order() {
    let folder = Folder::new();
    let a = folder.file("a", &pcap(&[(10, b"a1"), (30, b"a2"), (30, b"a3"), (50, b"a4")]));
    let b = folder.file(
        "b",
        &Ng::new(Endian::Big).timed_interface(9, 0).enhanced(0, 20, b"b1").enhanced(0, 30, b"b2").bytes,
    );
    let c = folder.file("c", &gzip(&pcap(&[(5, b"c1"), (30, b"c2"), (60, b"c3")])));
    let told = |order: [&std::path::PathBuf; 3]| -> Vec<(u64, Vec<u8>)> {
        let (seen, facts) = read(&order.map(Clone::clone)).unwrap();
        assert_eq!(facts, []);
        for seen in &seen {
            let name = order[seen.file].file_name().unwrap().to_str().unwrap().as_bytes();
            assert_eq!(&seen.bytes[..1], name, "the frame must name its file");
        }
        seen.into_iter().map(|seen| (seen.at, seen.bytes)).collect()
    };
    let first = told([&a, &b, &c]);
    for order in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
        assert_eq!(told(order), first);
    }
    assert!(first.is_sorted_by_key(|(at, _)| *at));
    assert_eq!(first.len(), 9);
    let of_a: Vec<&[u8]> =
        first.iter().map(|(_, bytes)| &bytes[..]).filter(|bytes| bytes[0] == b'a').collect();
    assert_eq!(of_a, [b"a1", b"a2", b"a3", b"a4"]);
}

#[test]
fn frames_of_equal_time_are_ordered_by_the_sha_256_of_their_files() {
    use sha2::{Digest, Sha256};
    let folder = Folder::new();
    let mut files: Vec<_> = (0..6_u8)
        .map(|index| {
            let bytes = pcap(&[(7, &[index])]);
            (Sha256::digest(&bytes).to_vec(), index, folder.file(&index.to_string(), &bytes))
        })
        .collect();
    let paths: Vec<_> = files.iter().map(|(_, _, path)| path.clone()).collect();
    files.sort();
    let (seen, _) = read(&paths).unwrap();
    let told: Vec<u8> = seen.iter().map(|seen| seen.bytes[0]).collect();
    assert_eq!(told, files.iter().map(|(_, index, _)| *index).collect::<Vec<u8>>());
}

#[test]
fn a_clock_that_runs_backwards_keeps_the_order_of_its_file_and_its_true_times() {
    let folder = Folder::new();
    let wild = folder.file("wild", &pcap(&[(10, b"w1"), (100, b"w2"), (20, b"w3"), (110, b"w4")]));
    let calm = folder.file("calm", &pcap(&[(15, b"c1"), (50, b"c2"), (105, b"c3")]));
    for order in [[wild.clone(), calm.clone()], [calm, wild]] {
        let (seen, _) = read(&order).unwrap();
        let told: Vec<(u64, &[u8])> = seen.iter().map(|seen| (seen.at, &seen.bytes[..])).collect();
        let expected: [(u64, &[u8]); 7] =
            [(10, b"w1"), (15, b"c1"), (50, b"c2"), (100, b"w2"), (20, b"w3"), (105, b"c3"), (110, b"w4")];
        assert_eq!(told, expected);
    }
}

#[test]
fn the_same_capture_given_twice_is_noted() {
    let folder = Folder::new();
    let (a, b) = (folder.file("a", &pcap(&[(1, A)])), folder.file("b", &pcap(&[(1, A)])));
    let (seen, facts) = read(&[a.clone(), b]).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(facts, [Fact::Twice { first: a.display().to_string() }]);
}

#[test]
fn a_path_that_is_not_utf_8_is_read() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"ward-\xff.pcap"));
    std::fs::write(&path, pcap(&[(1, A)])).unwrap();
    assert_eq!(read(&[path]).unwrap().0.len(), 1);
}
