//! Bytes that can be anything, on every link type: nothing panics, and nothing is lost count of.

use crate::run::Run;
use engine::engine::{Settings, Timeouts};
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::{Arp, Envelope, Extension, Host, Tag, arp};
use fixtures::random::Random;
use fixtures::traffic::dicom::{self, Association};
use fixtures::traffic::hl7::{self, Message};
use fixtures::traffic::mirror::{Tunnel, wrapped};
use fixtures::traffic::{Conversation, Flaw, dhcp};
use proptest::prelude::*;
use wire::frame::LinkType;

const LINKS: [LinkType; 6] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
];

const POLICY: &str = "
version: 1
defaults: { between: deny, within: deny, unassigned: deny, mode: enforce }
segments:
  some: { match: { ip: 10.77.0.0/30, vlan: 4 } }
  pacs: { match: { class: pacs } }
allow:
  - { id: store, from: some, to: pacs, tcp: 104 }
";

/// Time-outs that pass within a test.
fn settings() -> Settings {
    let timeouts = Timeouts {
        established: 3_000_000_000,
        embryonic: 1_000_000_000,
        closed: 500_000_000,
        datagram: 2_000_000_000,
        active: 5_000_000_000,
    };
    Settings { flows: 64, timeouts, seed: 1, glimpse: None }
}

/// Ends a run and checks that every frame was counted.
fn end(run: Run, frames: u64) {
    let outcome = run.end();
    let summary = &outcome.finished.summary;
    assert_eq!(summary.packets, frames);
    let packets: u64 = outcome.flows.iter().map(|flow| flow.packets.out + flow.packets.back).sum();
    assert!(packets + summary.frames_duplicate <= frames);
    for flow in &outcome.flows {
        assert!(flow.packets.out + flow.packets.back > 0, "no empty row");
        assert!(flow.first <= flow.last);
    }
}

/// Frames of every kind, good ones.
fn valid() -> Vec<Frame> {
    let (a, b) = (Host::numbered(1), Host::numbered(2));
    let (c, d) = (Host::numbered_v6(3), Host::numbered_v6(4));
    let talk = hl7::exchange(Conversation::between(c, d).ports(40_000, 2575), &[Message::default()], "AA");
    let images = [dicom::image("ACME", "M", 5_000)];
    let store =
        dicom::store(Conversation::between(a, b).ports(40_001, 104), &Association::default(), &images);
    let datagram = fixtures::frames::udp(a.ip, b.ip, (5000, 53), &[7; 3000]);
    let single = |bytes| vec![Frame { at: START, bytes }];
    let mut captures = vec![
        talk.clone().tagged(Tag::Service(3)).tagged(Tag::Customer(4)).flaw(Flaw::Overlapped(400)).frames(),
        store.flaw(Flaw::Lost(100)).frames(),
        dhcp::exchange(a, b, &dhcp::Client::default(), START),
        single(arp(Arp::Request, a, b)),
        single(Envelope::between(a, b).icmp(3, 1, &datagram[..60])),
        single(Envelope::between(c, d).icmp(136, 0, &[0x60; 28])),
        single(
            Envelope::between(c, d)
                .extended(Extension::HopByHop)
                .extended(Extension::Routing)
                .udp((1, 53), b"q"),
        ),
        Envelope::between(a, b).fragments(17, &datagram, 400).into_iter().flat_map(single).collect(),
    ];
    for tunnel in [Tunnel::Erspan3 { session: 1 }, Tunnel::Vxlan { network: 5 }, Tunnel::GreIp] {
        captures.push(wrapped(&talk.frames(), tunnel, Host::numbered(8), Host::numbered(9)));
    }
    by_time(captures)
}

#[test]
fn thousands_of_mutated_frames_in_one_engine_never_panic() {
    let valid = valid();
    for link in LINKS {
        let mut random = Random::seeded(link as u64);
        let policy = crate::verdicts::policy(POLICY);
        let mut run = Run::new(&settings(), Some(policy));
        let mut at = START;
        let count = 6_000;
        for _ in 0..count {
            let mut bytes = random.pick(&valid).unwrap().bytes.clone();
            if link != LinkType::Ethernet && bytes.len() > 14 {
                // The same packets behind the other link headers.
                let kind = [bytes[12], bytes[13]];
                let packet = bytes.split_off(14);
                bytes = match link {
                    LinkType::LinuxSll => {
                        [&[0, 0, 0, 1, 0, 6, 2, 3, 4, 5, 6, 7, 0, 0], &kind[..], &packet].concat()
                    }
                    LinkType::LinuxSll2 => {
                        [&kind[..], &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 3, 4, 5, 6, 7, 0, 0], &packet].concat()
                    }
                    LinkType::Null | LinkType::Loop => [&[0, 0, 0, 2][..], &packet].concat(),
                    LinkType::RawIp | LinkType::Ethernet => packet,
                };
            }
            for _ in 0..random.below(4) {
                let place = usize::try_from(random.below(bytes.len() as u64)).unwrap();
                bytes[place] = u8::try_from(random.below(256)).unwrap();
            }
            let wire_len = bytes.len();
            if random.happens(200) {
                bytes.truncate(usize::try_from(random.below(wire_len as u64 + 1)).unwrap());
            }
            at = match random.below(50) {
                0 => random.bits(),
                1 => at.saturating_sub(3_000_000_000),
                _ => at.saturating_add(random.below(20_000_000)),
            };
            if random.happens(20) {
                at = START;
            }
            run.frame(at, link, &bytes, wire_len);
        }
        end(run, count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_on_any_link_never_panic(
        frames in prop::collection::vec(
            (0usize..6, prop::collection::vec(any::<u8>(), 0..300), any::<u32>(), any::<u64>()),
            0..60,
        ),
    ) {
        let mut run = Run::new(&settings(), None);
        let count = frames.len() as u64;
        for (link, bytes, more, at) in frames {
            let wire_len = bytes.len().saturating_add(usize::try_from(more).unwrap());
            run.frame(at, LINKS[link], &bytes, wire_len.min(u32::MAX as usize));
        }
        end(run, count);
    }

    #[test]
    fn arbitrary_tcp_between_two_hosts_never_panics(
        segments in prop::collection::vec(
            (any::<bool>(), any::<u8>(), 0u32..6, 0u32..6, prop::collection::vec(any::<u8>(), 0..50), 0u64..3_000_000_000),
            0..200,
        ),
    ) {
        let numbers = [0u32, 1, 40, 0x7fff_fff0, 0x8000_0010, 0xffff_fff0];
        let (a, b) = (Host::numbered(1), Host::numbered(2));
        let mut run = Run::new(&settings(), None);
        let count = segments.len() as u64;
        let mut at = START;
        for (index, (forth, flags, seq, ack, payload, pause)) in (1u32..).zip(segments) {
            at += pause;
            let (from, to, ports) = if forth { (a, b, (40_000, 80)) } else { (b, a, (80, 40_000)) };
            let segment = fixtures::frames::Segment {
                source_port: ports.0,
                destination_port: ports.1,
                seq: numbers[seq as usize].wrapping_add(index % 7),
                ack: numbers[ack as usize].wrapping_add(index % 11),
                flags,
                ..fixtures::frames::Segment::default()
            };
            let bytes = Envelope::between(from, to).id(index).tcp(&segment, &payload);
            run.frame(at, LinkType::Ethernet, &bytes, bytes.len());
        }
        end(run, count);
    }
}
