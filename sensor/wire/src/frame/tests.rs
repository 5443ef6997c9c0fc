use super::{Frame, LinkType, SynOptions, Tunnel, read};
use abi::address::{Ip, Mac};
use abi::headers::{Layer, protocol};
use etherparse::{EtherType, IpNumber, PacketBuilder, TcpOptionElement, VlanId};
use proptest::prelude::*;

const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];
const A_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xb];

/// A TCP segment from A to B as an IP datagram.
fn datagram(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(A, B, 64).tcp(40000, 104, 1_000_000, 512).ack(77).psh();
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).unwrap();
    bytes
}

/// The same in an Ethernet frame.
fn ethernet(payload: &[u8]) -> Vec<u8> {
    let mut bytes = [B_MAC.as_slice(), &A_MAC, &[8, 0]].concat();
    bytes.extend(datagram(payload));
    bytes
}

/// A carrier from 192.0.2.1 to 192.0.2.2 with GRE and what it carries.
fn gre(body: &[&[u8]]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([192, 0, 2, 1], [192, 0, 2, 2], 60);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, IpNumber(protocol::GRE), &body.concat()).unwrap();
    bytes
}

fn vxlan(port: u16, inner: &[u8]) -> Vec<u8> {
    let builder =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([192, 0, 2, 1], [192, 0, 2, 2], 60).udp(50000, port);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &[&[8, 0, 0, 0, 0, 0, 42, 0], inner].concat()).unwrap();
    bytes
}

fn read_frame(bytes: &[u8]) -> Frame<'_> {
    read(LinkType::Ethernet, bytes, u32::try_from(bytes.len()).unwrap())
}

fn assert_is_inner(frame: &Frame<'_>, payload: &[u8]) {
    assert_eq!((frame.headers.src, frame.headers.dst), (Ip::v4(A), Ip::v4(B)));
    assert_eq!((frame.headers.src_port, frame.headers.dst_port), (40000, 104));
    assert_eq!(frame.payload(), payload);
    assert_eq!(frame.tcp().unwrap().seq, 1_000_000);
}

#[test]
fn every_link_type_leads_to_the_same_datagram() {
    let datagram = datagram(b"hello");
    let sll = |kind: &[u8]| [&[0, 0, 0, 1, 0, 6], A_MAC.as_slice(), &[0, 0], kind].concat();
    let sll2 = |kind: &[u8], tag: &[u8]| {
        [kind, &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6], A_MAC.as_slice(), &[0, 0], tag].concat()
    };
    let cases: [(LinkType, Vec<u8>, [u16; 2]); 11] = [
        (LinkType::Ethernet, [B_MAC.as_slice(), &A_MAC, &[8, 0]].concat(), [0, 0]),
        (LinkType::Ethernet, [B_MAC.as_slice(), &A_MAC, &[0x81, 0, 0, 5, 8, 0]].concat(), [5, 0]),
        (LinkType::RawIp, vec![], [0, 0]),
        (LinkType::Null, vec![2, 0, 0, 0], [0, 0]),
        (LinkType::Null, vec![0, 0, 0, 2], [0, 0]),
        (LinkType::Loop, vec![0, 0, 0, 2], [0, 0]),
        (LinkType::LinuxSll, sll(&[8, 0]), [0, 0]),
        (LinkType::LinuxSll, sll(&[0x81, 0, 0, 7, 8, 0]), [7, 0]),
        (LinkType::LinuxSll2, sll2(&[8, 0], &[]), [0, 0]),
        (LinkType::LinuxSll2, sll2(&[0x81, 0], &[0, 9, 8, 0]), [9, 0]),
        (LinkType::LinuxSll2, sll2(&[0x88, 0xa8], &[0, 9, 0x81, 0, 0, 8, 8, 0]), [9, 8]),
    ];
    for (link, header, vlan) in cases {
        let bytes = [header, datagram.clone()].concat();
        let frame = read(link, &bytes, 99);
        assert_is_inner(&frame, b"hello");
        assert_eq!(
            (frame.headers.vlan, frame.cut, frame.outer, frame.wire_len),
            (vlan, None, None, 99),
            "{link:?}"
        );
        let has_mac = matches!(link, LinkType::Ethernet | LinkType::LinuxSll | LinkType::LinuxSll2);
        assert_eq!(frame.headers.src_mac, if has_mac { Mac(A_MAC) } else { Mac::NONE }, "{link:?}");
    }
}

#[test]
fn link_types_go_by_their_libpcap_numbers() {
    let known = [(0, LinkType::Null), (1, LinkType::Ethernet), (12, LinkType::RawIp), (14, LinkType::RawIp)]
        .into_iter()
        .chain([(101, LinkType::RawIp), (108, LinkType::Loop), (113, LinkType::LinuxSll)])
        .chain([(228, LinkType::RawIp), (229, LinkType::RawIp), (276, LinkType::LinuxSll2)]);
    for (dlt, link) in known {
        assert_eq!(LinkType::of_dlt(dlt), Some(link), "{dlt}");
    }
    assert_eq!(LinkType::of_dlt(105), None, "IEEE 802.11");
}

#[test]
fn loopback_of_another_family_is_no_ip() {
    let frame = read(LinkType::Null, &[7, 0, 0, 0, 0x45, 0, 0, 20], 8);
    assert!(!frame.headers.is_ip());
    assert_eq!(frame.cut, None);
}

#[test]
fn arp_in_a_cooked_capture_is_found() {
    let bytes =
        [&[0, 1, 0, 1, 0, 6], A_MAC.as_slice(), &[0, 0, 8, 6], &[0, 1, 8, 0, 6, 4, 0, 1], &[1; 20]].concat();
    let frame = read(LinkType::LinuxSll, &bytes, 44);
    assert!(frame.headers.is_arp());
    assert_eq!(crate::arp::read(frame.network()).unwrap().sender_mac, Mac([1; 6]));
}

#[test]
fn padding_is_no_payload() {
    let mut bytes = ethernet(b"x");
    bytes.resize(64, 0xee);
    assert_eq!(read_frame(&bytes).payload(), b"x");
}

#[test]
fn gre_is_unwrapped_with_any_of_its_optional_fields() {
    let inner = datagram(b"in gre");
    for flags in [0x0000_u16, 0x8000, 0x2000, 0x1000, 0xb000] {
        let optional = vec![0; 4 * usize::try_from(flags.count_ones()).unwrap()];
        let bytes = gre(&[&flags.to_be_bytes(), &[8, 0], &optional, &inner]);
        let frame = read_frame(&bytes);
        assert_is_inner(&frame, b"in gre");
        let outer = frame.outer.unwrap();
        assert_eq!((outer.kind, outer.protocol, outer.src_port), (Tunnel::Gre, protocol::GRE, 0));
        assert_eq!((outer.src, outer.dst), (Ip::v4([192, 0, 2, 1]), Ip::v4([192, 0, 2, 2])));
        assert_eq!(frame.wire_len as usize, inner.len());
    }
}

#[test]
fn mirrors_of_every_kind_are_unwrapped() {
    let inner = ethernet(b"mirrored");
    let datagram = datagram(b"mirrored");
    let cases: [(Tunnel, Vec<u8>, [u16; 2]); 8] = [
        (Tunnel::Gre, gre(&[&[0, 0, 0x65, 0x58], &inner]), [0, 0]),
        (Tunnel::ErspanI, gre(&[&[0, 0, 0x88, 0xbe], &inner]), [0, 0]),
        (
            Tunnel::ErspanII,
            gre(&[&[0x10, 0, 0x88, 0xbe], &[0; 4], &[0x10, 5, 0, 1, 0, 0, 0, 0], &inner]),
            [0, 0],
        ),
        (
            Tunnel::ErspanII,
            gre(&[&[0x10, 0, 0x88, 0xbe], &[0; 4], &[0x10, 5, 0x10, 1, 0, 0, 0, 0], &inner]),
            [5, 0],
        ),
        (
            Tunnel::ErspanIII,
            gre(&[&[0x10, 0, 0x22, 0xeb], &[0; 4], &[0x20, 5, 0, 1], &[0; 8], &inner]),
            [0, 0],
        ),
        (
            Tunnel::ErspanIII,
            gre(&[&[0x10, 0, 0x22, 0xeb], &[0; 4], &[0x20, 5, 0, 1], &[0; 7], &[1], &[9; 8], &datagram]),
            [0, 0],
        ),
        (Tunnel::Vxlan, vxlan(4789, &inner), [0, 0]),
        (Tunnel::Vxlan, vxlan(8472, &inner), [0, 0]),
    ];
    for (index, (kind, mut bytes, vlan)) in cases.into_iter().enumerate() {
        if index == 5 {
            // Frame type 2: an IP packet.
            let at = bytes.len() - datagram.len() - 8 - 2;
            bytes[at] = 2 << 2;
        }
        let len = bytes.len();
        bytes.extend([0; 6]);
        let frame = read_frame(&bytes);
        assert_is_inner(&frame, b"mirrored");
        assert_eq!(frame.outer.unwrap().kind, kind, "case {index}");
        assert_eq!(frame.headers.vlan, vlan, "case {index}");
        assert_eq!(
            &bytes[len - frame.bytes.len()..len],
            frame.bytes,
            "padding of the carrier is not the frame's"
        );
        assert_eq!(frame.wire_len as usize, frame.bytes.len());
    }
}

#[test]
fn a_mirrored_frame_that_was_captured_short_keeps_its_length() {
    let bytes = vxlan(4789, &ethernet(&[7; 1000]));
    let frame = read(LinkType::Ethernet, &bytes[..160], u32::try_from(bytes.len()).unwrap());
    assert_eq!(frame.wire_len, 14 + 40 + 1000);
    assert_eq!(frame.headers.payload_len, 1000);
    assert_eq!(frame.payload().len(), 160 - 50 - 54);
}

#[test]
fn nested_tunnels_name_the_outermost_carrier_and_stop_at_four() {
    let mut bytes = ethernet(b"deep");
    for _ in 0..4 {
        bytes = vxlan(4789, &bytes);
    }
    let frame = read_frame(&bytes);
    assert_is_inner(&frame, b"deep");
    assert_eq!(frame.outer.unwrap().dst_port, 4789);
    bytes = vxlan(4789, &bytes);
    assert_eq!(read_frame(&bytes).headers.dst_port, 4789);
}

#[test]
fn what_is_no_mirror_stays_a_frame_of_its_own() {
    let inner = datagram(b"inside");
    let mut fragment = gre(&[&[0, 0, 8, 0], &inner]);
    fragment[20] |= 0x20;
    let cases = [
        ("keepalive", gre(&[&[0, 0, 0, 0], &[]])),
        ("PPTP", gre(&[&[0x20, 1, 0x88, 0x0b], &[0; 4], &inner])),
        ("source routing", gre(&[&[0x40, 0, 8, 0], &inner])),
        ("not IP", gre(&[&[0, 0, 8, 0], &[0; 30]])),
        ("cut GRE", gre(&[&[0xb0, 0, 8, 0], &[0; 4]])),
        ("ERSPAN II of another version", gre(&[&[0x10, 0, 0x88, 0xbe], &[0; 4], &[0x30; 8], &inner])),
        ("VXLAN without its flag", {
            let mut bytes = vxlan(4789, &ethernet(b"x"));
            bytes[42] = 0;
            bytes
        }),
        ("empty VXLAN", vxlan(4789, &[])),
        ("fragment", fragment),
    ];
    for (name, bytes) in cases {
        let frame = read_frame(&bytes);
        assert_eq!(frame.outer, None, "{name}");
        assert_eq!(frame.headers.src, Ip::v4([192, 0, 2, 1]), "{name}");
        assert_eq!(frame.wire_len as usize, bytes.len(), "{name}");
    }
}

#[test]
fn a_syn_tells_its_options() {
    let options = [
        TcpOptionElement::MaximumSegmentSize(1460),
        TcpOptionElement::SelectiveAcknowledgementPermitted,
        TcpOptionElement::Timestamp(7, 0),
        TcpOptionElement::Noop,
        TcpOptionElement::WindowScale(7),
    ];
    let builder = PacketBuilder::ethernet2(A_MAC, B_MAC)
        .vlan(etherparse::VlanHeader::Single(etherparse::SingleVlanHeader {
            pcp: etherparse::VlanPcp::ZERO,
            drop_eligible_indicator: false,
            vlan_id: VlanId::try_new(12).unwrap(),
            ether_type: EtherType::IPV4,
        }))
        .ipv4(A, B, 64)
        .tcp(40000, 104, 5, 64240)
        .syn()
        .options(&options)
        .unwrap();
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &[]).unwrap();
    let frame = read_frame(&bytes);
    let tcp = frame.tcp().unwrap();
    assert_eq!((tcp.seq, tcp.window, tcp.flags, tcp.options.len()), (5, 64240, 2, 20));
    let expected =
        SynOptions { mss: Some(1460), window_scale: Some(7), timestamps: Some((7, 0)), sack_permitted: true };
    assert_eq!(tcp.syn_options(), expected);
    assert_eq!(frame.payload(), b"");
}

#[test]
fn a_tcp_header_cut_in_its_options_still_tells_its_sequence() {
    let bytes = ethernet(b"gone");
    let frame = read(LinkType::Ethernet, &bytes[..14 + 20 + 16], 200);
    assert_eq!(frame.cut.unwrap().0, Layer::Transport);
    assert_eq!(frame.tcp().unwrap().seq, 1_000_000);
    assert_eq!(frame.payload(), b"");
    assert_eq!(read(LinkType::Ethernet, &bytes[..14 + 20 + 15], 200).tcp(), None);
}

#[test]
fn udp_and_later_fragments_have_no_tcp_fields() {
    assert_eq!(read_frame(&vxlan(53, &[])).tcp(), None);
    let mut bytes = ethernet(b"rest of a datagram, long enough to look like a header");
    bytes[21] = 8;
    assert_eq!(read_frame(&bytes).tcp(), None);
}

fn links() -> impl Strategy<Value = LinkType> {
    prop::sample::select(vec![
        LinkType::Ethernet,
        LinkType::RawIp,
        LinkType::Null,
        LinkType::Loop,
        LinkType::LinuxSll,
        LinkType::LinuxSll2,
    ])
}

/// Reads everything that a frame offers, and checks that it lies within what was captured.
fn exercise(link: LinkType, bytes: &[u8], wire_len: u32) -> Result<(), TestCaseError> {
    let frame = read(link, bytes, wire_len);
    prop_assert!(frame.bytes.len() <= bytes.len());
    prop_assert!(frame.payload().len() <= frame.headers.payload_len as usize);
    prop_assert!(frame.network().len() <= frame.bytes.len());
    if let Some(tcp) = frame.tcp() {
        prop_assert!(tcp.options.len() <= 40);
        tcp.syn_options();
    }
    crate::arp::read(frame.network());
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_panic(
        link in links(), bytes in prop::collection::vec(any::<u8>(), 0..200), wire_len in any::<u32>(),
    ) {
        exercise(link, &bytes, wire_len)?;
    }

    #[test]
    fn mutated_tunnels_are_read_without_panic(
        kind in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let inner = ethernet(b"payload of some length");
        let mut bytes = match kind {
            0 => vxlan(4789, &vxlan(8472, &inner)),
            1 => gre(&[&[0x10, 0, 0x88, 0xbe], &[0; 4], &[0x10, 5, 0, 1, 0, 0, 0, 0], &inner]),
            2 => gre(&[&[0x10, 0, 0x22, 0xeb], &[0; 4], &[0x20, 5, 0, 1], &[0; 7], &[1], &[9; 8], &inner]),
            _ => gre(&[&[0xb0, 0, 0x65, 0x58], &[0; 12], &inner]),
        };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        exercise(LinkType::Ethernet, &bytes, 1500)?;
    }

    #[test]
    fn tcp_fields_are_those_that_etherparse_reads(
        seq in any::<u32>(), ack in any::<u32>(), window in any::<u16>(), payload in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2(A_MAC, B_MAC).ipv6([1; 16], [2; 16], 3).tcp(1, 2, seq, window).ack(ack).fin()
            .write(&mut bytes, &payload).unwrap();
        let frame = read_frame(&bytes);
        let tcp = frame.tcp().unwrap();
        let sliced = etherparse::SlicedPacket::from_ethernet(&bytes).unwrap();
        let Some(etherparse::TransportSlice::Tcp(theirs)) = sliced.transport else { panic!("no TCP") };
        prop_assert_eq!(
            (tcp.seq, tcp.ack, tcp.window, frame.payload()),
            (theirs.sequence_number(), theirs.acknowledgment_number(), theirs.window_size(), theirs.payload())
        );
    }
}
