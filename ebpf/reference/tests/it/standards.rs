//! Frames that are easily misread, by hand: what they are by the standards, said by both judges.

use abi::address::Timestamp;
use reference::Fate;

use crate::twins::Twins;

const WARDS: usize = 1;
const OPEN: usize = 3;

/// From the CT scanner's network to the archive.
const FOUR: [u8; 8] = [10, 77, 10, 5, 10, 77, 50, 11];
/// From the pumps' server to a pump.
const TO_PUMP: [u8; 8] = [10, 77, 50, 30, 10, 77, 20, 7];

/// AH with 12 bytes of check value, in front of TCP (RFC 4302).
const AH: [u8; 24] = [6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

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

type Said = (Fate, &'static str, Option<String>);

fn by_rule(fate: Fate, reason: &'static str, rule: &str) -> Said {
    (fate, reason, Some(rule.to_owned()))
}

/// Both judge the frames one after another, and agree; what they say of the last one.
fn last(policy: usize, frames: &[Vec<u8>]) -> Said {
    let mut twins = Twins::new(policy, 1);
    let mut last = None;
    for frame in frames {
        let (judge, evaluator) = twins.both(frame, Timestamp(1_795_507_200_000_000_000));
        assert_eq!(judge, evaluator, "{frame:02x?}");
        last = Some((judge.fate, judge.reason, judge.rule.map(str::to_owned)));
    }
    last.unwrap()
}

#[test]
fn igmp_whose_header_does_not_fit_its_datagram_is_unreadable() {
    let mut frame = four(20, [0, 0], (1, 2), FOUR, &[0; 4]);
    frame[14] = 0x46;
    assert_eq!(last(WARDS, &[frame]), (Fate::Drop, "unreadable", None), "RFC 791: it says nothing");
}

#[test]
fn neighbour_discovery_in_ipv4_and_igmp_in_ipv6_are_no_allowances() {
    let discovery = four(28, [0, 0], (255, 58), FOUR, &[135, 0, 0, 0, 0, 0, 0, 0]);
    let listener = four(28, [0, 0], (1, 58), FOUR, &[143, 0, 0, 0, 0, 0, 0, 0]);
    let igmp = six(8, 2, &[0x16, 0, 0, 0, 239, 1, 1, 1]);
    for frame in [discovery, listener, igmp] {
        let said = last(WARDS, &[frame]);
        assert_eq!(said, (Fate::Drop, "default", None), "RFC 4861 and 3810 are of IPv6, RFC 3376 of IPv4");
    }
}

#[test]
fn tcp_flags_and_fragment_headers_are_not_read_from_padding() {
    // The datagram ends behind the ports; what looks like SYN is padding. Ports without an opening are midstream.
    let syn = four(24, [0, 0], (64, 6), FOUR, &dicom(0x02));
    assert_eq!(last(WARDS, &[syn]), by_rule(Fate::Pass, "midstream", "store"));
    let fragment = six(4, 44, &[17, 0, 0, 8, 0, 0, 0, 1]);
    assert_eq!(last(WARDS, &[fragment]), (Fate::Drop, "default", None));
}

#[test]
fn later_fragments_behind_an_extension_header_have_the_verdict_of_their_first() {
    // Fragment header, then destination options (60), then TCP; the later fragment promises 60 too (RFC 8200 section 4.5).
    let first = [&[60, 0, 0, 1, 0, 0, 0, 7, 6, 0, 1, 4, 0, 0, 0, 0], &dicom(0x02)[..]].concat();
    let later = [60, 0, 0, 32, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8];
    let frames = [six(36, 44, &first), six(16, 44, &later)];
    assert_eq!(last(WARDS, &frames), by_rule(Fate::Pass, "fragment", "store"));
    let mut other = frames.clone();
    other[1][54] = 6;
    assert_eq!(last(WARDS, &other).1, "orphan-fragment", "all fragments name one header");
    // AH, then TCP, in IPv4.
    let first = [&AH[..], &dicom(0x02)[..]].concat();
    let frames = [four(64, [0x20, 0], (64, 51), FOUR, &first), four(28, [0, 6], (64, 51), FOUR, &later[8..])];
    assert_eq!(last(WARDS, &frames), by_rule(Fate::Pass, "fragment", "store"));
}

#[test]
fn a_later_fragment_that_overwrites_the_first_is_an_orphan() {
    // Behind eight bytes of options, the first fragment ends at 28.
    let first = [&[60, 0, 0, 1, 0, 0, 0, 7, 6, 0, 1, 4, 0, 0, 0, 0], &dicom(0x02)[..]].concat();
    for (offset, said) in [
        (8, (Fate::Drop, "orphan-fragment", None)),
        (24, (Fate::Drop, "orphan-fragment", None)),
        (32, by_rule(Fate::Pass, "fragment", "store")),
    ] {
        let later = [60, 0, 0, offset, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(last(WARDS, &[six(36, 44, &first), six(16, 44, &later)]), said, "RFC 5722: at {offset}");
    }
}

#[test]
fn fragments_of_ipv6_do_not_lend_their_verdict_to_ipv4() {
    let mapped = |last: &[u8]| [&[0; 10][..], &[0xff, 0xff], last].concat();
    let (src, dst) = FOUR.split_at(4);
    let body = [&[6, 0, 0, 1, 0, 0, 0, 9], &dicom(0x02)[..]].concat();
    let head = [0x60, 0, 0, 0, 0, 28, 44, 64];
    let first = link([0x86, 0xdd], &[&head, &mapped(src), &mapped(dst), &body]);
    let later = four(28, [0, 4], (64, 6), FOUR, &[0; 8]);
    assert_eq!(last(WARDS, std::slice::from_ref(&first)), by_rule(Fate::Pass, "rule", "store"));
    assert_eq!(last(WARDS, &[first, later]), (Fate::Drop, "orphan-fragment", None));
}

#[test]
fn extension_headers_of_ipv6_are_not_walked_in_ipv4() {
    let mut body = [&AH[..], &[6, 0, 1, 4, 0, 0, 0, 0], &dicom(0x02)[..]].concat();
    body[0] = 60;
    let frame = four(72, [0, 0], (64, 51), FOUR, &body);
    let said = last(WARDS, &[frame]);
    assert_eq!(said, (Fate::Drop, "default", None), "IPv4 has no protocol 60 that a host would skip");
}

#[test]
fn a_tiny_first_fragment_passes_only_where_its_connection_may_open() {
    let silence = by_rule(Fate::Drop, "rule", "silence");
    let whole = four(40, [0, 0], (64, 6), TO_PUMP, &dicom(0x02));
    assert_eq!(last(OPEN, &[whole]), silence);
    // The flags come in the next fragment (RFC 1858). Were they none, the pump might have opened the connection.
    let tiny = four(28, [0x20, 0], (64, 6), TO_PUMP, &dicom(0x02)[..8]);
    assert_eq!(last(OPEN, std::slice::from_ref(&tiny)), silence);
    let mut padded = tiny.clone();
    padded.resize(60, 0x10);
    assert_eq!(last(OPEN, &[padded]), silence, "padding is no flags");
    let tiny_six = [&[6, 0, 0, 1, 0, 0, 0, 7], &dicom(0x02)[..8]].concat();
    assert_eq!(last(WARDS, &[six(16, 44, &tiny_six)]), by_rule(Fate::Pass, "rule", "store"));
    // Where it may open it, the next fragment still does not profit from the first.
    let next = [6, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 0, 0];
    let frames = [six(16, 44, &tiny_six), six(16, 44, &next)];
    assert_eq!(last(WARDS, &frames), (Fate::Drop, "orphan-fragment", None));
}

#[test]
fn a_cached_verdict_holds_in_a_far_place_too() {
    // Nine flows that differ in their VLAN alone have the same places, of which the hot path looks at eight.
    let tagged = |vlan: u8, packet: &[u8]| [&packet[..12], &[0x81, 0, 0, vlan], &packet[12..]].concat();
    let asks = four(40, [0, 0], (64, 6), [10, 77, 20, 7, 10, 77, 50, 30], &dicom(0x10));
    let frames: Vec<Vec<u8>> = (101..110).map(|vlan| tagged(vlan, &asks)).collect();
    // A connection the other way, denied and dropped, of which those frames might be answers, had they no verdict yet.
    let mut opens = four(40, [0, 0], (64, 6), [10, 77, 50, 30, 10, 77, 20, 7], &dicom(0x02));
    opens[34..38].copy_from_slice(&[0, 104, 0x9c, 0x40]);
    for again in [&frames[0], &frames[8]] {
        let seen = [&frames[..], &[opens.clone(), again.clone()]].concat();
        assert_eq!(last(OPEN, &seen), by_rule(Fate::Pass, "rule", "soft"));
    }
}
