//! Fragments and the flows that they belong to.

use super::{Fragments, LIFETIME, SLOTS};
use abi::address::Timestamp;
use abi::headers::{Headers, protocol, read_ethernet};
use fixtures::frames::{Envelope, Extension, Host, udp};

fn pieces(v6: bool, id: u32) -> Vec<Headers> {
    let (a, b) = if v6 {
        (Host::numbered_v6(1), Host::numbered_v6(2))
    } else {
        (Host::numbered(1), Host::numbered(2))
    };
    let datagram = udp(a.ip, b.ip, (5000, 53), &[7; 900]);
    let frames = Envelope::between(a, b).id(id).extended(Extension::Routing).fragments(17, &datagram, 304);
    frames.iter().map(|frame| *read_ethernet(frame).headers()).collect()
}

#[test]
fn later_fragments_get_the_ports_of_the_first() {
    for v6 in [false, true] {
        let mut fragments = Fragments::default();
        for mut headers in pieces(v6, 77) {
            fragments.join(&mut headers, Timestamp(5));
            assert_eq!((headers.src_port, headers.dst_port), (5000, 53));
            assert_eq!(headers.protocol, protocol::UDP);
        }
        assert_eq!((fragments.orphans, fragments.overflows), (0, 0));
    }
}

#[test]
fn a_later_fragment_without_its_first_is_an_orphan_and_counted() {
    let mut fragments = Fragments::default();
    let mut others = pieces(false, 1);
    fragments.join(&mut others[0], Timestamp(5));
    let mut later = pieces(false, 2)[1];
    fragments.join(&mut later, Timestamp(5));
    assert_eq!((later.src_port, later.dst_port, fragments.orphans), (0, 0, 1));
    let mut late = pieces(false, 1)[1];
    fragments.join(&mut late, Timestamp(5 + LIFETIME));
    assert_eq!((late.dst_port, fragments.orphans), (0, 2), "its first is too old");
}

#[test]
fn a_flood_of_first_fragments_is_bounded_and_counted() {
    let mut fragments = Fragments::default();
    for id in 0..10_000 {
        let mut first = pieces(false, id % 0xffff)[0];
        fragments.join(&mut first, Timestamp(5));
        fragments.join(&mut first, Timestamp(6));
    }
    assert_eq!(fragments.slots.len(), SLOTS);
    assert!(
        fragments.overflows >= 10_000 - SLOTS as u64,
        "and a repeated one is none: {}",
        fragments.overflows
    );
    assert!(fragments.overflows < 10_000);
}
