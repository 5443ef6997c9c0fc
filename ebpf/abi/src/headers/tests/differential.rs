//! etherparse builds frames and reads them again; where both read a frame whole, they must agree.

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions,
    Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, LinkExtSlice, NetSlice, PacketBuilder, SlicedPacket,
    TransportSlice,
};
use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::TestCaseError;

use crate::address::{Ip, Mac};
use crate::headers::{Fragment, Headers, Reading, ether_type, protocol, read_ethernet, read_ip};

#[derive(Clone, Copy, Debug)]
enum Transport {
    Tcp,
    Udp,
    Echo,
}

#[derive(Clone, Debug)]
enum Network {
    V4 { src: [u8; 4], dst: [u8; 4], options: usize },
    V6 { src: [u8; 16], dst: [u8; 16], hop: bool, options: bool, atomic: bool },
}

#[derive(Clone, Debug)]
struct Frame {
    tags: Vec<u16>,
    network: Network,
    transport: Transport,
    ports: (u16, u16),
    ttl: u8,
    payload: usize,
    padding: usize,
}

fn frames() -> impl Strategy<Value = Frame> {
    let network = prop_oneof![
        (any::<[u8; 4]>(), any::<[u8; 4]>(), 0_usize..=10).prop_map(|(src, dst, options)| Network::V4 {
            src,
            dst,
            options
        }),
        (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[bool; 3]>()).prop_map(
            |(src, dst, [hop, options, atomic])| { Network::V6 { src, dst, hop, options, atomic } }
        ),
    ];
    let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Echo)];
    (vec(1_u16..4095, 0..=3), network, transport, any::<(u16, u16)>(), any::<u8>(), 1_usize..200, 0_usize..8)
        .prop_map(|(tags, network, transport, ports, ttl, payload, padding)| Frame {
            tags,
            network,
            transport,
            ports,
            ttl,
            payload,
            padding,
        })
}

fn ip(frame: &Frame) -> IpHeaders {
    match &frame.network {
        Network::V4 { src, dst, options } => {
            let mut header = Ipv4Header::new(0, frame.ttl, IpNumber::TCP, *src, *dst).unwrap();
            header.options = Ipv4Options::try_from(vec![1_u8; options * 4].as_slice()).unwrap();
            IpHeaders::Ipv4(header, Ipv4Extensions::default())
        }
        Network::V6 { src, dst, hop, options, atomic } => {
            let header =
                Ipv6Header { hop_limit: frame.ttl, source: *src, destination: *dst, ..Ipv6Header::default() };
            let raw = |wanted: bool, len: usize| {
                wanted.then(|| Ipv6RawExtHeader::new_raw(IpNumber::TCP, &vec![0; len]).unwrap())
            };
            let extensions = Ipv6Extensions {
                hop_by_hop_options: raw(*hop, 6),
                destination_options: raw(*options, 22),
                fragment: atomic
                    .then(|| Ipv6FragmentHeader::new(IpNumber::TCP, IpFragOffset::ZERO, false, 77)),
                ..Ipv6Extensions::default()
            };
            IpHeaders::Ipv6(header, extensions)
        }
    }
}

fn bytes(frame: &Frame) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8];
    for tag in &frame.tags {
        bytes.extend([0x81, 0]);
        bytes.extend(tag.to_be_bytes());
    }
    let is_v4 = matches!(frame.network, Network::V4 { .. });
    bytes.extend(if is_v4 { [8, 0] } else { [0x86, 0xdd] });
    let ip = PacketBuilder::ip(ip(frame));
    let payload = vec![0xaa; frame.payload];
    let (src_port, dst_port) = frame.ports;
    match (frame.transport, is_v4) {
        (Transport::Tcp, _) => ip.tcp(src_port, dst_port, 1, 2).syn().write(&mut bytes, &payload).unwrap(),
        (Transport::Udp, _) => ip.udp(src_port, dst_port).write(&mut bytes, &payload).unwrap(),
        (Transport::Echo, true) => ip.icmpv4_echo_request(1, 2).write(&mut bytes, &payload).unwrap(),
        (Transport::Echo, false) => ip.icmpv6_echo_request(1, 2).write(&mut bytes, &payload).unwrap(),
    }
    bytes.extend(vec![0; frame.padding]);
    bytes
}

/// Compares with what etherparse says, layer by layer. `true` if the transport was compared.
fn agree(bytes: &[u8]) -> Result<bool, TestCaseError> {
    let (Reading::Whole(ours), Ok(theirs)) = (read_ethernet(bytes), SlicedPacket::from_ethernet(bytes))
    else {
        return Ok(false);
    };
    if theirs.link_exts.iter().any(|ext| matches!(ext, LinkExtSlice::Macsec(_))) {
        return Ok(false);
    }
    let ids = theirs.vlan_ids().iter().map(|id| id.value()).collect::<Vec<_>>();
    if ids.iter().all(|id| *id != 0) && ids.len() < SlicedPacket::LINK_EXTS_CAP {
        prop_assert_eq!(ours.vlan.to_vec(), [ids, vec![0, 0]].concat()[..2].to_vec());
    }
    match &theirs.net {
        None | Some(NetSlice::Arp(_)) => return Ok(false),
        Some(NetSlice::Ipv4(v4)) => {
            prop_assert_eq!(ours.src, Ip::v4(v4.header().source()));
            prop_assert_eq!(ours.dst, Ip::v4(v4.header().destination()));
            prop_assert_eq!(ours.ttl, v4.header().ttl());
        }
        Some(NetSlice::Ipv6(v6)) => {
            prop_assert_eq!(ours.src, Ip(v6.header().source()));
            prop_assert_eq!(ours.dst, Ip(v6.header().destination()));
            prop_assert_eq!(ours.ttl, v6.header().hop_limit());
        }
    }
    prop_assert_eq!(theirs.is_ip_payload_fragmented(), ours.fragment != Fragment::Whole);
    if ours.fragment != Fragment::Whole {
        return Ok(false);
    }
    let compared = transports_agree(&ours, theirs.transport.as_ref())?;
    if !compared {
        // etherparse stops at the headers of mobility, HIP and shim6, which we skip.
        let number = theirs.ip_payload().map(|payload| payload.ip_number.0);
        prop_assert!(matches!(number, Some(135 | 139 | 140)) || number == Some(ours.protocol));
    }
    Ok(compared)
}

fn transports_agree(ours: &Headers, theirs: Option<&TransportSlice<'_>>) -> Result<bool, TestCaseError> {
    let (number, ports, payload) = match theirs {
        None | Some(TransportSlice::Igmp(_)) => return Ok(false),
        Some(TransportSlice::Tcp(tcp)) => {
            prop_assert_eq!(ours.tcp_flags & 0x12, u8::from(tcp.syn()) << 1 | u8::from(tcp.ack()) << 4);
            (protocol::TCP, (tcp.source_port(), tcp.destination_port()), tcp.payload().len())
        }
        Some(TransportSlice::Udp(udp)) => {
            (protocol::UDP, (udp.source_port(), udp.destination_port()), udp.payload().len())
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            let header = icmp.slice();
            (protocol::ICMP, (u16::from(header[0]), u16::from(header[1])), header.len() - 8)
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            (protocol::ICMPV6, (u16::from(icmp.type_u8()), u16::from(icmp.code_u8())), icmp.slice().len() - 8)
        }
    };
    prop_assert_eq!(ours.protocol, number);
    prop_assert_eq!((ours.src_port, ours.dst_port), ports);
    prop_assert_eq!(ours.payload_len as usize, payload);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn a_built_frame_is_whole_and_read_as_it_was_built(frame in frames()) {
        let bytes = bytes(&frame);
        let Reading::Whole(headers) = read_ethernet(&bytes) else {
            return Err(TestCaseError::fail("cut"));
        };
        let is_v4 = matches!(frame.network, Network::V4 { .. });
        let (number, ports) = match (frame.transport, is_v4) {
            (Transport::Tcp, _) => (protocol::TCP, frame.ports),
            (Transport::Udp, _) => (protocol::UDP, frame.ports),
            (Transport::Echo, true) => (protocol::ICMP, (8, 0)),
            (Transport::Echo, false) => (protocol::ICMPV6, (128, 0)),
        };
        let sides = match frame.network {
            Network::V4 { src, dst, .. } => (Ip::v4(src), Ip::v4(dst)),
            Network::V6 { src, dst, .. } => (Ip(src), Ip(dst)),
        };
        prop_assert_eq!((headers.src, headers.dst), sides);
        prop_assert_eq!((headers.protocol, (headers.src_port, headers.dst_port)), (number, ports));
        prop_assert_eq!((headers.fragment, headers.ttl), (Fragment::Whole, frame.ttl));
        prop_assert_eq!(headers.payload_len as usize, frame.payload);
        prop_assert_eq!(headers.network_end as usize, bytes.len() - frame.padding);
        prop_assert_eq!(usize::from(headers.payload_offset) + frame.payload, headers.network_end as usize);
        prop_assert_eq!((headers.src_mac, headers.dst_mac), (Mac([2, 0, 0, 0, 0, 8]), Mac([2, 0, 0, 0, 0, 9])));
        prop_assert!(agree(&bytes)?, "etherparse does not read the frame whole");
    }

    #[test]
    fn a_mutated_frame_is_read_as_etherparse_reads_it(
        frame in frames(),
        changes in vec((0_usize..90, any::<u8>()), 1..4),
        kept in 0_usize..300,
    ) {
        let mut bytes = bytes(&frame);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        agree(&bytes)?;
        bytes.truncate(kept);
        agree(&bytes)?;
    }

    #[test]
    fn arbitrary_bytes_are_read_within_their_bounds(link in any::<bool>(), bytes in vec(any::<u8>(), 0..200)) {
        let bytes = if link { [vec![2; 12], vec![0x86, 0xdd, 0x60], bytes].concat() } else { bytes };
        for reading in [read_ethernet(&bytes), read_ip(&bytes)] {
            let headers = reading.headers();
            prop_assert!(usize::from(headers.network_offset) <= bytes.len());
            prop_assert!(usize::from(headers.transport_offset) <= bytes.len());
            if headers.is_ip() {
                prop_assert!(matches!(headers.ether_type, ether_type::IPV4 | ether_type::IPV6));
                prop_assert!(headers.payload_len <= headers.network_end);
            }
        }
    }
}
