//! A damaged capture is read up to the damage, and the damage is told with its place.

use crate::build::{Endian, Folder, MICRO, NANO, Ng, Pcap, gzip, pcap, zstd};
use crate::read::{read, read_bytes, wardline};
use daemon::capture::{Damage, Fact, Packing};
use proptest::prelude::*;

const A: &[u8] = b"first frame!";

fn ng() -> Ng {
    Ng::new(Endian::Little).interface(1, 0, &[]).enhanced(0, 1, A).enhanced(0, 2, A)
}

#[test]
fn a_classic_capture_cut_anywhere_delivers_the_frames_before_the_cut() {
    let whole = pcap(&[(1, A), (2, A), (3, A)]);
    let record = 16 + A.len();
    for len in 24..whole.len() {
        let (seen, facts) = read_bytes(&whole[..len]).unwrap();
        let frames = (len - 24) / record;
        let at = 24 + frames * record;
        assert_eq!(seen.len(), frames, "{len}");
        let stopped = Fact::Stopped { frames: frames as u64, at: Some(at as u64), damage: Damage::Cut };
        let expected = match (len == at, frames) {
            (true, 0) => vec![Fact::NoFrames],
            (true, _) => vec![],
            (false, _) => vec![stopped],
        };
        assert_eq!(facts, expected, "{len}");
    }
}

#[test]
fn a_pcapng_capture_cut_anywhere_delivers_the_frames_before_the_cut() {
    let starts = [28, 28 + 24, 28 + 24 + 44, 28 + 24 + 88];
    let whole = ng().bytes;
    assert_eq!(whole.len(), starts[3]);
    for len in 12..whole.len() {
        let (seen, facts) = read_bytes(&whole[..len]).unwrap();
        assert_eq!(seen.len(), starts[2..].iter().filter(|&&end| len >= end).count(), "{len}");
        let at = starts.iter().rev().find(|&&start| len >= start).copied().unwrap_or(0) as u64;
        let expected = match (len as u64 == at, seen.len()) {
            (true, 0) => vec![Fact::NoFrames],
            (true, _) => vec![],
            (false, frames) => {
                vec![Fact::Stopped { frames: frames as u64, at: Some(at), damage: Damage::Cut }]
            }
        };
        assert_eq!(facts, expected, "{len}");
    }
}

#[test]
fn a_packet_of_four_gigabytes_is_refused_where_it_stands() {
    let lie =
        Pcap::new(Endian::Little, MICRO, 1).frame(1, A).record(2, u32::MAX, u32::MAX, A).frame(3, A).bytes;
    let (seen, facts) = read_bytes(&lie).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        facts,
        [Fact::Stopped { frames: 1, at: Some(52), damage: Damage::Claims(u64::from(u32::MAX)) }]
    );
}

#[test]
fn a_block_of_four_gigabytes_is_refused_where_it_stands() {
    for kind in [1_u32, 2, 3, 6] {
        let mut bytes = ng().bytes;
        bytes.extend([kind.to_le_bytes(), 0xffff_fffc_u32.to_le_bytes(), [0; 4]].concat());
        let (seen, facts) = read_bytes(&bytes).unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(facts, [Fact::Stopped { frames: 2, at: Some(140), damage: Damage::Claims(0xffff_fffc) }]);
    }
}

#[test]
fn a_skipped_block_of_four_gigabytes_that_is_not_there_is_a_cut() {
    let mut bytes = ng().bytes;
    bytes.extend([4_u32.to_le_bytes(), 0xffff_fffc_u32.to_le_bytes(), [0; 4]].concat());
    let (_, facts) = read_bytes(&bytes).unwrap();
    assert_eq!(facts, [Fact::Stopped { frames: 2, at: Some(140), damage: Damage::Cut }]);
}

#[test]
fn broken_block_lengths_are_told() {
    let at = Some(140);
    for (len, damage) in [(8_u32, Damage::Length(8)), (0, Damage::Length(0)), (45, Damage::Length(45))] {
        let mut bytes = ng().enhanced(0, 3, A).bytes;
        bytes[144..148].copy_from_slice(&len.to_le_bytes());
        assert_eq!(read_bytes(&bytes).unwrap().1, [Fact::Stopped { frames: 2, at, damage }]);
    }
    let mut bytes = ng().enhanced(0, 3, A).bytes;
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&48_u32.to_le_bytes());
    let damage = Damage::Closing(48);
    assert_eq!(read_bytes(&bytes).unwrap().1, [Fact::Stopped { frames: 2, at, damage }]);
    let mut bytes = ng().section(Endian::Big).bytes;
    bytes[148] = 0;
    let damage = Damage::ByteOrder;
    assert_eq!(read_bytes(&bytes).unwrap().1, [Fact::Stopped { frames: 2, at, damage }]);
}

#[test]
fn packet_blocks_that_contradict_themselves_are_left_out_and_counted() {
    let capture =
        ng().enhanced_claiming(0, 3, 5000, A).enhanced(9, 4, A).simple(5000, A).enhanced(0, 5, A).bytes;
    let (seen, facts) = read_bytes(&capture).unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!(facts, [Fact::Contradictory { at: 140, blocks: 3 }]);
}

#[test]
fn damaged_compression_delivers_what_was_unpacked_and_says_so() {
    let mut capture = Pcap::new(Endian::Little, NANO, 1);
    let mut noise = 1_u32;
    for at in 0..3000 {
        // Data that does not compress, so that half of the packed bytes is half of the frames.
        let data: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        })
        .take(500)
        .collect();
        capture = capture.frame(at, &data);
    }
    for (packed, packing) in
        [(gzip(&capture.bytes), Packing::Gzip), (zstd(&capture.bytes, 27), Packing::Zstd)]
    {
        let (seen, facts) = read_bytes(&packed[..packed.len() / 2]).unwrap();
        assert!((1000..1600).contains(&seen.len()), "{packing}: {}", seen.len());
        let [Fact::Unpacked { frames, packing: named, .. }] = &facts[..] else { panic!("{facts:?}") };
        assert_eq!((*frames, *named), (seen.len() as u64, packing));

        let mut wrong_sum = packed.clone();
        // Gzip closes with checksum and length, zstd with its checksum.
        let at = wrong_sum.len() - if packing == Packing::Gzip { 8 } else { 4 };
        wrong_sum[at] ^= 1;
        let (seen, facts) = read_bytes(&wrong_sum).unwrap();
        assert!(matches!(&facts[..], [Fact::Unpacked { .. }]), "{packing}: {facts:?}");
        assert!(seen.len() > 2700, "{packing}: {}", seen.len());
    }
}

#[test]
fn a_capture_without_frames_is_noted_and_no_failure() {
    assert_eq!(read_bytes(&pcap(&[])).unwrap().1, [Fact::NoFrames]);
    assert_eq!(read_bytes(&Ng::new(Endian::Big).bytes).unwrap().1, [Fact::NoFrames]);
    assert_eq!(read_bytes(&gzip(&pcap(&[]))).unwrap().1, [Fact::NoFrames]);
}

#[test]
fn one_damaged_file_does_not_stop_the_others() {
    let folder = Folder::new();
    let whole = pcap(&[(1, A), (4, A)]);
    let cut = folder.file("cut", &whole[..whole.len() - 1]);
    let good = folder.file("good", &pcap(&[(2, A), (3, A), (5, A)]));
    let (seen, facts) = read(&[good, cut]).unwrap();
    let times: Vec<u64> = seen.iter().map(|seen| seen.at).collect();
    assert_eq!(times, [1, 2, 3, 5]);
    assert!(matches!(facts[..], [Fact::Stopped { frames: 1, damage: Damage::Cut, .. }]));
}

#[test]
fn the_binary_notes_the_place_on_stderr_and_succeeds() {
    let folder = Folder::new();
    let whole = pcap(&[(1, A), (2, A)]);
    let path = folder.file("cut.pcap", &whole[..whole.len() - 5]);
    let ran = wardline(&["replay", "--json", path.to_str().unwrap()], b"");
    assert_eq!(ran.code, 0);
    let place = "cut.pcap: record 2 at byte 52 is cut short by the end of the file; the 1 frame before it was processed";
    assert!(ran.stderr.contains(place), "{}", ran.stderr);
    assert!(!wardline(&["replay", "--quiet", path.to_str().unwrap()], b"").stderr.contains("record 2"));
}

/// A capture to be damaged: every kind of block, or records of both sizes.
fn victims() -> impl Strategy<Value = Vec<u8>> {
    let ng = |endian| {
        Ng::new(endian)
            .timed_interface(9, 3)
            .enhanced(0, 1, A)
            .obsolete(0, 2, A)
            .simple(5, b"12345")
            .block(4, b"names")
            .section(endian)
            .interface(101, 64, &[])
            .enhanced(0, 9, A)
            .bytes
    };
    prop_oneof![
        Just(ng(Endian::Little)),
        Just(ng(Endian::Big)),
        Just(pcap(&[(1, A), (2, &[0; 300]), (3, A)])),
        Just(gzip(&pcap(&[(1, A), (2, A)]))),
        Just(zstd(&ng(Endian::Big), 20)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_captures_are_read_or_refused_and_never_invent_bytes(
        mut bytes in victims(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()).max(bytes.len() / 2));
        if let Ok((seen, _)) = read_bytes(&bytes) {
            // Compressed captures of this size unpack to less than this.
            prop_assert!(seen.iter().map(|seen| seen.bytes.len()).sum::<usize>() < 4096);
        }
    }

    #[test]
    fn arbitrary_bytes_behind_a_magic_are_read_or_refused(
        magic in prop::sample::select(vec![
            vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a],
            vec![0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d],
            vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
            vec![0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4],
            vec![0x1f, 0x8b, 8],
            vec![0x28, 0xb5, 0x2f, 0xfd],
            vec![],
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let bytes = [magic, rest].concat();
        if let Ok((seen, _)) = read_bytes(&bytes) {
            prop_assert!(seen.iter().all(|seen| seen.bytes.len() <= bytes.len()));
        }
    }

    #[test]
    fn what_is_written_as_pcapng_is_what_is_read(
        frames in prop::collection::vec((0_u64..u64::MAX / 2, prop::collection::vec(any::<u8>(), 0..200)), 1..20),
        big in any::<bool>(),
    ) {
        let endian = if big { Endian::Big } else { Endian::Little };
        let capture = frames
            .iter()
            .fold(Ng::new(endian).timed_interface(9, 0), |ng, (at, data)| ng.enhanced(0, *at, data));
        prop_assert_eq!(crate::read::frames(&capture.bytes), frames);
    }
}
