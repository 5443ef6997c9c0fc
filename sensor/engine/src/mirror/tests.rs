//! Copies that are found, and frames that are none.

use super::{Copy, MOST, Mirror, WINDOW};
use abi::address::Timestamp;
use fixtures::frames::{Envelope, Host, Segment, Tag, flag};
use fixtures::traffic::mirror::{Copied, duplicated};
use fixtures::traffic::{Conversation, Flaw};
use proptest::prelude::*;
use wire::frame::{LinkType, read};

fn look(mirror: &mut Mirror, bytes: &[u8], at: u64) -> Copy {
    mirror.look(&read(LinkType::Ethernet, bytes, u32::try_from(bytes.len()).unwrap()), Timestamp(at))
}

fn pair(v6: bool) -> (Host, Host) {
    if v6 { (Host::numbered_v6(1), Host::numbered_v6(2)) } else { (Host::numbered(1), Host::numbered(2)) }
}

fn segment(id: u32, v6: bool) -> Vec<u8> {
    let (a, b) = pair(v6);
    let segment = Segment {
        source_port: 40_000,
        destination_port: 104,
        seq: 7,
        flags: flag::ACK,
        ..Segment::default()
    };
    Envelope::between(a, b).id(id).tcp(&segment, b"payload")
}

#[test]
fn a_copy_within_five_milliseconds_is_found_and_a_later_one_is_not() {
    for v6 in [false, true] {
        let mut mirror = Mirror::new(1);
        let bytes = segment(9, v6);
        assert_eq!(look(&mut mirror, &bytes, 1_000_000_000), Copy::First);
        assert_eq!(look(&mut mirror, &bytes, 1_000_000_000 + WINDOW), Copy::Again);
        assert_eq!(look(&mut mirror, &bytes, 1_006_000_000), Copy::First, "six milliseconds after the first");
        assert_eq!(look(&mut mirror, &bytes, 1_003_000_000), Copy::Again, "before, when files are merged");
    }
}

#[test]
fn routed_copies_are_found_whatever_the_router_changed() {
    let conversations = [false, true].map(|v6| {
        let (a, b) = pair(v6);
        Conversation::between(a, b).tagged(Tag::Customer(10)).client_says(&[1; 9000]).server_says(&[2; 5000])
    });
    for talk in conversations {
        let frames = talk.frames();
        let router = [2, 0, 0, 0, 9, 9];
        for vlan in [None, Some(20)] {
            let hop = Copied::Routed { router, next_hop: [2, 0, 0, 0, 9, 8], vlan };
            let mut mirror = Mirror::new(7);
            let copies = duplicated(&frames, 30_000, hop)
                .iter()
                .filter(|frame| look(&mut mirror, &frame.bytes, frame.at) == Copy::Again)
                .count();
            assert_eq!(copies, frames.len());
        }
    }
}

#[test]
fn a_re_marked_copy_is_found() {
    let mut v4 = segment(3, false);
    let mut v6 = segment(3, true);
    let mut mirror = Mirror::new(1);
    assert_eq!((look(&mut mirror, &v4, 1), look(&mut mirror, &v6, 1)), (Copy::First, Copy::First));
    v4[15] = 0xb8;
    v6[14] = 0x6b;
    v6[15] = 0x8f;
    assert_eq!((look(&mut mirror, &v4, 2), look(&mut mirror, &v6, 2)), (Copy::Again, Copy::Again));
}

#[test]
fn a_retransmission_has_another_identification_and_is_no_copy() {
    let mut mirror = Mirror::new(1);
    assert_eq!(look(&mut mirror, &segment(1, false), 1), Copy::First);
    assert_eq!(look(&mut mirror, &segment(2, false), 2), Copy::First);
    let frames = Conversation::between(Host::numbered(1), Host::numbered(2))
        .client_says(&vec![5; 30_000])
        .flaw(Flaw::Retransmitted(300))
        .gap(1000)
        .frames();
    let mut mirror = Mirror::new(1);
    assert!(frames.iter().all(|frame| look(&mut mirror, &frame.bytes, frame.at) == Copy::First));
}

#[test]
fn frames_below_ip_are_copies_only_with_the_same_addresses() {
    let (a, b) = pair(false);
    let claim = fixtures::frames::arp(fixtures::frames::Arp::Request, a, b);
    let mut mirror = Mirror::new(1);
    assert_eq!(look(&mut mirror, &claim, 1), Copy::First);
    assert_eq!(look(&mut mirror, &claim, 2), Copy::Again);
    let mut other = claim;
    other[11] ^= 1;
    assert_eq!(look(&mut mirror, &other, 3), Copy::First);
}

#[test]
fn frames_whose_length_contradicts_itself_are_told_apart() {
    let mut mirror = Mirror::new(1);
    for byte in 0..50 {
        let mut bytes = segment(1, false);
        (bytes[16], bytes[17]) = (0, 10);
        *bytes.last_mut().unwrap() = byte;
        assert_eq!(look(&mut mirror, &bytes, 1), Copy::First);
    }
}

#[test]
fn a_burst_beyond_the_bound_is_counted_and_says_the_same_with_every_seed() {
    let outcome = |seed| {
        let mut mirror = Mirror::new(seed);
        let mut bytes = segment(1, false);
        for index in 0..u32::try_from(MOST).unwrap() + 500 {
            bytes[26..30].copy_from_slice(&index.to_be_bytes());
            assert_eq!(look(&mut mirror, &bytes, 1_000), Copy::First);
        }
        let seen = [0u32, 499, 501, 5_000].map(|index| {
            bytes[26..30].copy_from_slice(&index.to_be_bytes());
            look(&mut mirror, &bytes, 1_000)
        });
        assert!(mirror.line.len() <= MOST && mirror.seen.len() <= MOST);
        (mirror.overflows, seen)
    };
    let one = outcome(1);
    assert!(one.0 >= 500);
    assert_eq!(one, outcome(0xdead_beef));
}

#[test]
fn nothing_is_kept_beyond_the_window() {
    let mut mirror = Mirror::new(1);
    for index in 0..10_000u64 {
        let id = u32::try_from(index).unwrap();
        look(&mut mirror, &segment(id, false), index * 1_000_000);
        assert!(mirror.line.len() <= 6 && mirror.seen.len() <= 6);
    }
    look(&mut mirror, &segment(1, false), 0);
    assert_eq!((mirror.line.len(), mirror.overflows), (1, 0), "time was set back");
}

proptest! {
    #[test]
    fn distinct_packets_are_never_copies(
        packets in prop::collection::hash_set((any::<u16>(), prop::collection::vec(any::<u8>(), 0..60)), 1..60),
        seed in any::<u64>(),
    ) {
        let (a, b) = pair(false);
        let mut mirror = Mirror::new(seed);
        for (port, payload) in packets {
            let bytes = Envelope::between(a, b).udp((port, 53), &payload);
            prop_assert_eq!(look(&mut mirror, &bytes, 1), Copy::First);
        }
    }

    #[test]
    fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0usize..3) {
        let mut bytes = bytes;
        if let (Some(place), true) = (bytes.get_mut(12..14), kind > 0) {
            place.copy_from_slice(if kind == 1 { &[8, 0] } else { &[0x86, 0xdd] });
        }
        let mut mirror = Mirror::new(1);
        prop_assert_eq!(look(&mut mirror, &bytes, 5), Copy::First);
        prop_assert_eq!(look(&mut mirror, &bytes, 5), Copy::Again);
    }
}
