//! Frames by hand for each rule, and etherparse as the second opinion on built and mutated ones.

mod differential;

use super::{Fragment, Headers, Layer, Reading, ether_type, protocol, read_ethernet, read_ip};
use crate::address::{Ip, Mac};

const LINK: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let mut frame = LINK.to_vec();
    frame.extend(parts.concat());
    frame
}

/// An IPv4 header without options for `body` bytes.
fn ipv4(next: u8, body: u16, fragment: u16) -> [u8; 20] {
    let [t0, t1] = (20 + body).to_be_bytes();
    let [f0, f1] = fragment.to_be_bytes();
    [0x45, 0, t0, t1, 0x12, 0x34, f0, f1, 64, next, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
}

fn ipv6(next: u8, body: u16) -> Vec<u8> {
    let [l0, l1] = body.to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, l0, l1, next, 61];
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    header
}

fn tcp(flags: u8) -> [u8; 20] {
    [0x1f, 0x90, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]
}

fn udp(len: u16) -> [u8; 8] {
    let [l0, l1] = len.to_be_bytes();
    [0, 53, 0x80, 0, l0, l1, 0, 0]
}

fn whole(frame: &[u8]) -> Headers {
    match read_ethernet(frame) {
        Reading::Whole(headers) => headers,
        Reading::Cut { layer, at, headers } => panic!("cut at {layer:?} {at}: {headers:?}"),
    }
}

fn cut(frame: &[u8]) -> (Headers, Layer, u16) {
    match read_ethernet(frame) {
        Reading::Whole(headers) => panic!("whole: {headers:?}"),
        Reading::Cut { headers, layer, at } => (headers, layer, at),
    }
}

#[test]
fn a_tcp_frame_is_read_whole_and_its_padding_is_no_payload() {
    let frame = frame(&[&[8, 0], &ipv4(6, 23, 0), &tcp(0x18), b"abc", &[0xff; 3]]);
    let headers = whole(&frame);
    assert_eq!(headers.dst_mac, Mac([2, 0, 0, 0, 0, 1]));
    assert_eq!(headers.src_mac, Mac([2, 0, 0, 0, 0, 2]));
    assert_eq!((headers.src, headers.dst), (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])));
    assert_eq!((headers.src_port, headers.dst_port), (8080, 443));
    assert_eq!((headers.protocol, headers.ttl, headers.tcp_flags), (protocol::TCP, 64, 0x18));
    assert_eq!((headers.network_offset, headers.transport_offset, headers.payload_offset), (14, 34, 54));
    assert_eq!((headers.payload_len, headers.network_end), (3, 57));
}

#[test]
fn a_payload_captured_short_is_whole_with_the_length_of_the_headers() {
    let mut frame = frame(&[&[8, 0], &ipv4(6, 1020, 0), &tcp(0x10), &[0; 1000]]);
    frame.truncate(64);
    let headers = whole(&frame);
    assert_eq!((headers.payload_offset, headers.payload_len, headers.network_end), (54, 1000, 1054));
}

#[test]
fn tcp_options_beyond_a_snaplen_are_a_cut_that_still_has_ports_and_lengths() {
    let mut header = tcp(0x10);
    header[12] = 0x80;
    let mut frame = frame(&[&[8, 0], &ipv4(6, 132, 0), &header, &[1; 112]]);
    frame.truncate(64);
    let (headers, layer, at) = cut(&frame);
    assert_eq!((layer, at), (Layer::Transport, 34));
    assert_eq!((headers.src_port, headers.dst_port, headers.tcp_flags), (8080, 443, 0x10));
    assert_eq!((headers.payload_offset, headers.payload_len), (66, 100));
}

#[test]
fn of_many_vlan_tags_the_outer_two_are_kept_and_priority_tags_are_none() {
    let body = [ipv4(17, 8, 0).as_slice(), &udp(8)].concat();
    let two = whole(&frame(&[&[0x88, 0xa8, 0x20, 5], &[0x81, 0, 0x60, 7], &[8, 0], &body]));
    assert_eq!((two.vlan, two.network_offset, two.dst_port), ([5, 7], 22, 0x8000));
    let priority = whole(&frame(&[&[0x81, 0, 0x60, 0], &[8, 0], &body]));
    assert_eq!((priority.vlan, priority.network_offset), ([0, 0], 18));
    let tag = [0x91, 0, 0, 9];
    let four = whole(&frame(&[&tag, &tag, &[0x81, 0, 0, 3], &tag, &[8, 0], &body]));
    assert_eq!((four.vlan, four.network_offset), ([9, 9], 30));
    let (five, layer, _) = cut(&frame(&[&tag, &tag, &tag, &tag, &tag, &[8, 0], &body]));
    assert_eq!((five.vlan, layer, five.is_ip()), ([9, 9], Layer::Link, false));
}

#[test]
fn ipv4_options_are_skipped() {
    let mut header = ipv4(17, 12, 0).to_vec();
    header[0] = 0x46;
    header.extend([1, 1, 1, 0]);
    let headers = whole(&frame(&[&[8, 0], &header, &udp(8)]));
    assert_eq!((headers.transport_offset, headers.src_port, headers.payload_len), (38, 53, 0));
}

#[test]
fn contradictory_ipv4_lengths_are_cut() {
    for (first, total) in [(0x44, 40), (0x4f, 40), (0x45, 19), (0x65, 40)] {
        let mut header = ipv4(6, 20, 0);
        header[0] = first;
        header[3] = total;
        let (headers, layer, at) = cut(&frame(&[&[8, 0], &header, &tcp(2)]));
        assert_eq!((layer, at, headers.src_port), (Layer::Network, 14, 0), "{first:x} {total}");
        assert!(!headers.is_ip() || first == 0x4f);
    }
}

#[test]
fn a_total_length_of_zero_takes_what_was_captured() {
    let mut header = ipv4(6, 0, 0);
    header[2..4].fill(0);
    let headers = whole(&frame(&[&[8, 0], &header, &tcp(0x10), &[7; 100]]));
    assert_eq!((headers.payload_len, headers.network_end), (100, 154));
}

#[test]
fn a_length_that_cuts_into_the_transport_header_is_a_cut() {
    let (headers, layer, at) = cut(&frame(&[&[8, 0], &ipv4(6, 12, 0), &tcp(2)]));
    assert_eq!((layer, at, headers.src_port, headers.payload_len), (Layer::Transport, 34, 8080, 0));
}

#[test]
fn fragments_are_first_later_or_whole() {
    let first = whole(&frame(&[&[8, 0], &ipv4(17, 16, 0x2000), &udp(1000), &[0; 8]]));
    assert_eq!(
        (first.fragment, first.src_port, first.payload_len),
        (Fragment::First { id: 0x1234, protocol: 17, len: 16 }, 53, 8)
    );
    let later = whole(&frame(&[&[8, 0], &ipv4(17, 16, 0x00b9), &udp(1000), &[0; 8]]));
    assert_eq!(later.fragment, Fragment::Later { id: 0x1234, offset: 0xb9 * 8 });
    assert_eq!(
        (later.src_port, later.transport_offset, later.payload_offset, later.payload_len),
        (0, 0, 34, 16)
    );
    let unfragmented = whole(&frame(&[&[8, 0], &ipv4(17, 16, 0x4000), &udp(16), &[0; 8]]));
    assert_eq!(unfragmented.fragment, Fragment::Whole);
}

#[test]
fn ipv6_extension_headers_are_walked_and_atomic_fragments_are_whole() {
    let hop = [43, 0, 0, 0, 0, 0, 0, 0];
    let routing = [44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let atomic = [51, 0, 0, 0, 0, 0, 0, 9];
    let auth = [60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let options = [6, 0, 0, 0, 0, 0, 0, 0];
    let body = [&hop[..], &routing, &atomic, &auth, &options, &tcp(2), b"hello"].concat();
    let len = u16::try_from(body.len()).unwrap();
    let headers = whole(&frame(&[&[0x86, 0xdd], &ipv6(0, len), &body]));
    assert_eq!((headers.protocol, headers.src_port, headers.dst_port), (6, 8080, 443));
    assert_eq!((headers.fragment, headers.payload_len, headers.ttl), (Fragment::Whole, 5, 61));
    assert_eq!(headers.transport_offset, 14 + 40 + 8 + 16 + 8 + 12 + 8);
    let mut fragmented = body;
    fragmented[8 + 16 + 3] = 1;
    let first = whole(&frame(&[&[0x86, 0xdd], &ipv6(0, len), &fragmented]));
    assert_eq!((first.fragment, first.dst_port), (Fragment::First { id: 9, protocol: 51, len: 45 }, 443));
    fragmented[8 + 16 + 2] = 1;
    let later = whole(&frame(&[&[0x86, 0xdd], &ipv6(0, len), &fragmented]));
    assert_eq!((later.fragment, later.protocol), (Fragment::Later { id: 9, offset: 256 }, 51));
    assert_eq!((later.transport_offset, later.dst_port), (0, 0));
}

#[test]
fn a_chain_of_more_than_eight_extension_headers_is_cut() {
    let option = |next| [next, 0, 0, 0, 0, 0, 0, 0];
    let chain = |count: usize| {
        let mut body = vec![option(60); count - 1].concat();
        body.extend(option(17));
        body.extend(udp(8));
        frame(&[&[0x86, 0xdd], &ipv6(60, u16::try_from(body.len()).unwrap()), &body])
    };
    assert_eq!(whole(&chain(8)).src_port, 53);
    assert_eq!(cut(&chain(9)).1, Layer::Network);
}

#[test]
fn icmp_types_and_codes_stand_as_ports() {
    let headers = whole(&frame(&[&[8, 0], &ipv4(1, 12, 0), &[3, 13, 0, 0, 0, 0, 0, 0], b"abcd"]));
    assert_eq!((headers.src_port, headers.dst_port, headers.payload_len), (3, 13, 4));
    let headers = whole(&frame(&[&[0x86, 0xdd], &ipv6(58, 8), &[135, 0, 0, 0, 0, 0, 0, 0]]));
    assert_eq!((headers.protocol, headers.src_port), (protocol::ICMPV6, 135));
}

#[test]
fn sctp_has_ports_and_gre_only_a_payload() {
    let sctp = whole(&frame(&[&[8, 0], &ipv4(132, 14, 0), &[0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9]]));
    assert_eq!((sctp.src_port, sctp.dst_port, sctp.payload_len), (1, 2, 2));
    let gre = whole(&frame(&[&[8, 0], &ipv4(47, 6, 0), &[0, 0, 8, 0, 1, 2]]));
    assert_eq!((gre.src_port, gre.transport_offset, gre.payload_len), (0, 34, 6));
}

#[test]
fn arp_has_a_network_offset_and_llc_frames_are_whole() {
    let arp = whole(&frame(&[&[0x81, 0, 0, 4, 8, 6], &[0; 28]]));
    assert!(arp.is_arp() && !arp.is_ip());
    assert_eq!(arp.network_offset, 18);
    let stp = whole(&frame(&[&[0, 38], &[0x42, 0x42, 3], &[0; 40]]));
    assert_eq!((stp.ether_type, stp.network_offset, stp.is_ip()), (38, 0, false));
}

#[test]
fn a_udp_length_ends_the_payload_or_contradicts_the_datagram() {
    let inner = whole(&frame(&[&[8, 0], &ipv4(17, 20, 0), &udp(12), &[0; 12]]));
    assert_eq!(inner.payload_len, 4);
    let offloaded = whole(&frame(&[&[8, 0], &ipv4(17, 20, 0), &udp(0), &[0; 12]]));
    assert_eq!(offloaded.payload_len, 12);
    let (headers, layer, _) = cut(&frame(&[&[8, 0], &ipv4(17, 20, 0), &udp(500), &[0; 12]]));
    assert_eq!((layer, headers.src_port, headers.payload_len), (Layer::Transport, 53, 12));
    let (headers, layer, _) = cut(&frame(&[&[8, 0], &ipv4(17, 20, 0), &udp(7), &[0; 12]]));
    assert_eq!((layer, headers.payload_len), (Layer::Transport, 0));
}

#[test]
fn raw_ip_is_told_by_its_version() {
    let Reading::Whole(v4) = read_ip(&[ipv4(17, 8, 0).as_slice(), &udp(8)].concat()) else { panic!("cut") };
    assert_eq!((v4.ether_type, v4.network_offset, v4.transport_offset), (ether_type::IPV4, 0, 20));
    assert!(v4.src_mac.is_none());
    let Reading::Whole(v6) = read_ip(&[ipv6(17, 8), udp(8).to_vec()].concat()) else { panic!("cut") };
    assert_eq!((v6.ether_type, v6.src_port), (ether_type::IPV6, 53));
    for bytes in [&[][..], &[0x50; 60], &[0x45; 19]] {
        assert!(matches!(read_ip(bytes), Reading::Cut { layer: Layer::Network, at: 0, .. }));
    }
}

#[test]
fn a_frame_cut_anywhere_never_claims_more_than_the_whole_one() {
    let frame = frame(&[&[0x81, 0, 0, 4, 8, 0], &ipv4(6, 25, 0), &tcp(2), b"12345"]);
    let full = whole(&frame);
    for len in 0..frame.len() {
        let reading = read_ethernet(&frame[..len]);
        let headers = reading.headers();
        match reading {
            Reading::Whole(_) => assert!(len >= 58 && *headers == full, "{len}"),
            Reading::Cut { layer, .. } => {
                let expected = if len < 18 {
                    Layer::Link
                } else if len < 38 {
                    Layer::Network
                } else {
                    Layer::Transport
                };
                assert_eq!(layer, expected, "{len}");
                assert!(headers.src_port == 0 || headers.src_port == full.src_port);
            }
        }
    }
}
