//! What the judge says today of frames on which it is known to be wrong. Who mends it finds a test red here; then the kind
//! goes from [`Deviation`], and the comparison sees its frames.

use abi::address::Timestamp;
use reference::{Deviation, Fate};

use crate::twins::Twins;

const WARDS: usize = 1;
const OPEN: usize = 3;

/// From the CT scanner's network to the archive.
const FOUR: [u8; 8] = [10, 77, 10, 5, 10, 77, 50, 11];
/// From the CT scanner's network to a pump.
const TO_PUMP: [u8; 8] = [10, 77, 10, 5, 10, 77, 20, 7];

fn link(kind: [u8; 2], rest: &[&[u8]]) -> Vec<u8> {
    [&[2, 0x77, 0, 0, 0, 6, 2, 0x77, 0, 0, 0, 0x20], &kind[..], &rest.concat()].concat()
}

/// `length` and `place` are total length and fragment fields.
fn four(length: u8, place: [u8; 2], (hops, protocol): (u8, u8), addresses: [u8; 8], body: &[u8]) -> Vec<u8> {
    let head = [0x45, 0, 0, length, 0, 9, place[0], place[1], hops, protocol, 0, 0];
    link([8, 0], &[&head, &addresses, body])
}

/// From `fd00:77:10::5` to `fd00:77:50::11`.
fn six(length: u8, next: u8, body: &[u8]) -> Vec<u8> {
    let (mut src, mut dst) = ([0; 16], [0; 16]);
    src[..6].copy_from_slice(&[0xfd, 0, 0, 0x77, 0, 0x10]);
    dst[..6].copy_from_slice(&[0xfd, 0, 0, 0x77, 0, 0x50]);
    (src[15], dst[15]) = (5, 0x11);
    link([0x86, 0xdd], &[&[0x60, 0, 0, 0, 0, length, next, 64], &src, &dst, body])
}

/// Ports 40000 to 104, and TCP as far as the flags.
const TO_DICOM: [u8; 4] = [0x9c, 0x40, 0, 104];

fn dicom(flags: u8) -> Vec<u8> {
    [&TO_DICOM[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]].concat()
}

/// Both judge the frames one after another; what they say of the last one.
fn last(policy: usize, frames: &[Vec<u8>]) -> [(Fate, &'static str, Option<String>); 2] {
    let mut twins = Twins::new(policy, 1);
    let mut said = None;
    for frame in frames {
        let (judge, evaluator) = twins.both(frame, Timestamp(1_795_507_200_000_000_000));
        said = Some([judge, evaluator].map(|one| (one.fate, one.reason, one.rule.map(str::to_owned))));
    }
    said.unwrap()
}

#[test]
fn wrong_today_igmp_whose_header_does_not_fit_its_datagram_is_allowed() {
    let mut frame = four(20, [0, 0], (1, 2), FOUR, &[0; 4]);
    frame[14] = 0x46;
    assert_eq!(Deviation::of(&frame), Some(Deviation::BrokenIgmp));
    let [judge, evaluator] = last(WARDS, &[frame]);
    assert_eq!(judge, (Fate::Pass, "igmp", None), "RFC 791: a header longer than its datagram says nothing");
    assert_eq!(evaluator, (Fate::Drop, "unreadable", None));
}

#[test]
fn wrong_today_neighbour_discovery_in_ipv4_and_igmp_in_ipv6_are_allowed() {
    let discovery = four(28, [0, 0], (255, 58), FOUR, &[135, 0, 0, 0, 0, 0, 0, 0]);
    let igmp = six(8, 2, &[0x16, 0, 0, 0, 239, 1, 1, 1]);
    for (frame, word) in [(discovery, "neighbor-discovery"), (igmp, "igmp")] {
        assert_eq!(Deviation::of(&frame), Some(Deviation::OtherFamily));
        let [judge, evaluator] = last(WARDS, &[frame]);
        assert_eq!(judge, (Fate::Pass, word, None), "RFC 4861 is of IPv6, RFC 3376 of IPv4");
        assert_eq!(evaluator, (Fate::Drop, "default", None));
    }
}

#[test]
fn wrong_today_tcp_flags_and_fragment_headers_are_read_from_padding() {
    // The datagram ends behind the ports; what looks like SYN is padding. Ports without an opening are midstream.
    let syn = four(24, [0, 0], (64, 6), FOUR, &dicom(0x02));
    assert_eq!(Deviation::of(&syn), Some(Deviation::ReadFromPadding));
    let [judge, evaluator] = last(WARDS, &[syn]);
    assert_eq!(judge, (Fate::Pass, "rule", Some("store".to_owned())));
    assert_eq!(evaluator, (Fate::Pass, "midstream", Some("store".to_owned())));
    let fragment = six(4, 44, &[17, 0, 0, 8, 0, 0, 0, 1]);
    assert_eq!(Deviation::of(&fragment), Some(Deviation::ReadFromPadding));
    let [judge, evaluator] = last(WARDS, &[fragment]);
    assert_eq!([judge.1, evaluator.1], ["orphan-fragment", "default"]);
}

#[test]
fn wrong_today_later_fragments_behind_an_extension_header_are_orphans() {
    // Fragment header, then destination options (60), then TCP; the later fragment promises 60 too (RFC 8200 section 4.5).
    let first = [&[60, 0, 0, 1, 0, 0, 0, 7, 6, 0, 1, 4, 0, 0, 0, 0], &dicom(0x02)[..]].concat();
    let later = [60, 0, 0, 32, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8];
    let frames = [six(36, 44, &first), six(16, 44, &later)];
    assert_eq!(
        frames.each_ref().map(|frame| Deviation::of(frame)),
        [Some(Deviation::FragmentedExtension), None]
    );
    let [judge, evaluator] = last(WARDS, &frames);
    assert_eq!(judge, (Fate::Drop, "orphan-fragment", None));
    assert_eq!(evaluator, (Fate::Pass, "fragment", Some("store".to_owned())));
}

#[test]
fn wrong_today_fragments_of_ipv6_lend_their_verdict_to_ipv4() {
    let mapped = |last: &[u8]| [&[0; 10][..], &[0xff, 0xff], last].concat();
    let (src, dst) = FOUR.split_at(4);
    let body = [&[6, 0, 0, 1, 0, 0, 0, 9], &dicom(0x02)[..]].concat();
    let head = [0x60, 0, 0, 0, 0, 28, 44, 64];
    let first = link([0x86, 0xdd], &[&head, &mapped(src), &mapped(dst), &body]);
    assert_eq!(Deviation::of(&first), Some(Deviation::MappedFragment));
    let later = four(28, [0, 4], (64, 6), FOUR, &[0; 8]);
    let [judge, evaluator] = last(WARDS, &[first, later]);
    assert_eq!(judge, (Fate::Pass, "fragment", Some("store".to_owned())));
    assert_eq!(evaluator, (Fate::Drop, "orphan-fragment", None));
}

#[test]
fn wrong_today_extension_headers_of_ipv6_are_walked_in_ipv4() {
    let ah = [60, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let body = [&ah[..], &[6, 0, 1, 4, 0, 0, 0, 0], &dicom(0x02)[..]].concat();
    let frame = four(72, [0, 0], (64, 51), FOUR, &body);
    assert_eq!(Deviation::of(&frame), Some(Deviation::OtherExtension));
    let [judge, evaluator] = last(WARDS, &[frame]);
    assert_eq!(
        judge,
        (Fate::Pass, "rule", Some("store".to_owned())),
        "IPv4 has no protocol 60 that a host would skip"
    );
    assert_eq!(evaluator, (Fate::Drop, "default", None));
}

#[test]
fn wrong_today_a_tiny_first_fragment_passes_where_its_connection_may_not_open() {
    let whole = four(40, [0, 0], (64, 6), TO_PUMP, &dicom(0x02));
    assert_eq!(last(OPEN, &[whole])[0], (Fate::Drop, "rule", Some("hard".to_owned())));
    let mut tiny = four(28, [0x20, 0], (64, 6), TO_PUMP, &dicom(0x02)[..8]);
    assert_eq!(Deviation::of(&tiny), Some(Deviation::TinyFragment));
    let [judge, evaluator] = last(OPEN, &[tiny.clone()]);
    assert_eq!(judge, (Fate::Pass, "midstream", None), "RFC 1858: the flags come in the next fragment");
    assert_eq!(evaluator, (Fate::Drop, "rule", Some("hard".to_owned())));
    // The fragment with SYN follows, and passes too where the default between the segments is to allow.
    let syn = four(32, [0, 1], (64, 6), TO_PUMP, &dicom(0x02)[8..]);
    tiny.truncate(42);
    assert_eq!(last(OPEN, &[tiny, syn])[0], (Fate::Pass, "orphan-fragment", None));
}

#[test]
fn wrong_today_a_flow_in_a_far_place_is_judged_anew_with_every_frame() {
    // Nine flows that differ in their VLAN alone have the same places, and cached verdicts are looked for in eight.
    let tagged = |vlan: u8, packet: &[u8]| [&packet[..12], &[0x81, 0, 0, vlan], &packet[12..]].concat();
    let asks = four(40, [0, 0], (64, 6), [10, 77, 20, 7, 10, 77, 50, 30], &dicom(0x10));
    let frames: Vec<Vec<u8>> = (101..110).map(|vlan| tagged(vlan, &asks)).collect();
    // A connection the other way, denied and dropped, of which those frames might be answers, had they no verdict yet.
    let mut opens = four(40, [0, 0], (64, 6), [10, 77, 50, 30, 10, 77, 20, 7], &dicom(0x02));
    opens[34..38].copy_from_slice(&[0, 104, 0x9c, 0x40]);
    let with = |again: &Vec<u8>| [&frames[..], &[opens.clone(), again.clone()]].concat();
    let soft = (Fate::Pass, "rule", Some("soft".to_owned()));
    assert_eq!(last(OPEN, &with(&frames[0])), [soft.clone(), soft.clone()]);
    let silence = (Fate::Drop, "reply", Some("silence".to_owned()));
    assert_eq!(last(OPEN, &with(&frames[8])), [silence, soft], "what is cached must hold wherever it lies");
}
