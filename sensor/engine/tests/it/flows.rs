//! Flows: counts, states, mirrors, taps, tunnels and captures with losses.

use crate::run::{Outcome, run};
use abi::address::DeviceKey;
use abi::headers::protocol;
use detectors::record::{Both, FlowEnd, FlowRecord, FlowState, Visibility};
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::{Envelope, Host, Segment, Tag, flag};
use fixtures::traffic::attacks::syn_scan;
use fixtures::traffic::mirror::{Copied, Tunnel, duplicated, tapped, wrapped};
use fixtures::traffic::{Closing, Conversation, Flaw, Opening, Side};

const ROUTER: [u8; 6] = [0x00, 0x0c, 0x29, 0, 0, 0xee];

fn hosts() -> (Host, Host) {
    (Host::numbered(1), Host::numbered(2))
}

fn conversation() -> Conversation {
    let (client, server) = hosts();
    Conversation::between(client, server).ports(50_000, 8_765).client_says(&[1; 4000]).server_says(&[2; 3000])
}

/// What identical flows have in common, whichever way their frames came.
fn figures(outcome: &Outcome) -> Vec<String> {
    let mut all: Vec<String> = outcome
        .flows
        .iter()
        .map(|flow| {
            format!(
                "{:?}:{} {:?}:{} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                flow.client.ip,
                flow.client.port,
                flow.server.ip,
                flow.server.port,
                flow.protocol,
                flow.packets,
                flow.payload,
                flow.state,
                flow.visibility,
                flow.first_sizes,
                flow.missing,
                flow.retransmissions,
                flow.app,
            )
        })
        .collect();
    all.sort();
    all
}

fn only(outcome: &Outcome) -> &FlowRecord {
    assert_eq!(outcome.flows.len(), 1, "{:#?}", outcome.flows);
    &outcome.flows[0]
}

#[test]
fn a_tcp_conversation_is_one_flow_with_the_right_figures() {
    for tags in [vec![], vec![Tag::Service(7), Tag::Customer(20)]] {
        let tagged = tags.iter().fold(conversation(), |conversation, tag| conversation.tagged(*tag));
        let frames = tagged.gap(1_000_000).frames();
        let outcome = run(&frames);
        let flow = only(&outcome);
        assert_eq!((flow.client.port, flow.server.port), (50_000, 8_765));
        assert_eq!((flow.client.device, flow.server.device), {
            let (client, server) = hosts();
            (DeviceKey::Mac(abi::address::Mac(client.mac)), DeviceKey::Mac(abi::address::Mac(server.mac)))
        });
        assert_eq!(flow.packets.out + flow.packets.back, frames.len() as u64);
        let bytes: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
        assert_eq!(flow.bytes.out + flow.bytes.back, bytes as u64);
        assert_eq!(flow.payload, Both { out: 4000, back: 3000 });
        assert_eq!(
            (flow.state, flow.end, flow.visibility),
            (FlowState::Closed, FlowEnd::Closed, Visibility::Full)
        );
        assert_eq!(flow.first_sizes, [1460, 1460, 1080, -1460, -1460, -80, 0, 0]);
        assert_eq!((flow.missing, flow.retransmissions), (Both::default(), Both::default()));
        assert_eq!(flow.vlan, if tags.is_empty() { [0, 0] } else { [7, 20] });
        assert_eq!(flow.arrivals.max, 1_000_000);
        assert!((flow.arrivals.mean - 1e6).abs() < 1e-3 && flow.arrivals.variance < 1e-3);
        assert_eq!(flow.last.since(flow.first), 1_000_000 * (frames.len() as u64 - 1));
        let summary = &outcome.finished.summary;
        assert_eq!((summary.packets, summary.flows, summary.flow_keys), (frames.len() as u64, 1, (1, 0)));
        assert_eq!(summary.tcp_missing, (0, 7000));
    }
}

#[test]
fn copies_of_a_mirror_change_no_figure_of_a_flow() {
    let frames = conversation().gap(7_000_000).frames();
    let plain = run(&frames);
    let routed = Copied::Routed { router: ROUTER, next_hop: [0, 0x0c, 0x29, 0, 0, 1], vlan: Some(30) };
    for (delay, copied) in [(0, Copied::Same), (4_999_999, Copied::Same), (40_000, routed)] {
        let doubled = run(&duplicated(&frames, delay, copied));
        assert_eq!(figures(&plain), figures(&doubled), "{delay} {copied:?}");
        let summary = &doubled.finished.summary;
        assert_eq!(
            (summary.packets, summary.frames_duplicate),
            (2 * frames.len() as u64, frames.len() as u64)
        );
        assert_eq!(summary.flow_keys, plain.finished.summary.flow_keys);
    }
}

#[test]
fn a_copy_seen_before_its_original_still_finds_the_device() {
    let (client, server) = hosts();
    let frames = conversation().frames();
    let routed = Copied::Routed { router: ROUTER, next_hop: server.mac, vlan: None };
    let copies: Vec<Frame> = duplicated(&frames, 1_000, routed)
        .into_iter()
        .filter(|frame| frame.bytes[6..12] == ROUTER && frame.bytes[30..34] != [10, 77, 0, 1])
        .collect();
    // The router's copies of what the client sent come first, then the whole conversation again without copies.
    let later: Vec<Frame> =
        frames.iter().map(|frame| Frame { at: frame.at + 20_000_000, ..frame.clone() }).collect();
    let outcome = run(&by_time(vec![copies, later]));
    let device = outcome
        .finished
        .devices
        .iter()
        .find(|device| device.mac.contains(&abi::address::Mac(client.mac)))
        .expect("the client is known by its MAC address");
    assert!(!device.ip.is_empty());
    let with_ip = outcome.finished.devices.iter().filter(|other| other.ip == device.ip).count();
    assert_eq!(with_ip, 1, "and only once");
}

#[test]
fn the_two_files_of_a_tap_give_the_flows_of_a_mirror() {
    for flaw in [None, Some(Flaw::Reordered(200)), Some(Flaw::Retransmitted(200)), Some(Flaw::Lost(60))] {
        let conversation =
            flaw.into_iter().fold(conversation().client_says(&vec![3; 60_000]), Conversation::flaw);
        let frames = conversation.gap(300_000).frames();
        let (one, other) = tapped(&frames, hosts().0.mac);
        assert!(!one.is_empty() && !other.is_empty());
        assert_eq!(figures(&run(&by_time(vec![one, other]))), figures(&run(&frames)), "{flaw:?}");
    }
}

#[test]
fn taps_that_are_a_little_apart_lose_nothing() {
    let frames = conversation().client_says(&vec![3; 60_000]).gap(300_000).frames();
    let (one, other) = tapped(&frames, hosts().0.mac);
    for (early, late) in [(one.clone(), other.clone()), (other, one)] {
        let late: Vec<Frame> =
            late.iter().map(|frame| Frame { at: frame.at + 900_000, ..frame.clone() }).collect();
        let outcome = run(&by_time(vec![early, late]));
        let flow = only(&outcome);
        assert_eq!((flow.client.port, flow.state), (50_000, FlowState::Closed));
        assert_eq!((flow.visibility, flow.missing), (Visibility::Full, Both::default()));
        assert_eq!(flow.retransmissions, Both::default());
    }
}

#[test]
fn one_direction_alone_is_a_flow_without_losses() {
    let (client, server) = hosts();
    for (one, is_client) in [(client, true), (server, false)] {
        let (half, _) = tapped(&conversation().frames(), one.mac);
        let outcome = run(&half);
        let flow = only(&outcome);
        assert_eq!((flow.client.port, flow.server.port), (50_000, 8_765));
        let expected = if is_client { Both { out: 4000, back: 0 } } else { Both { out: 0, back: 3000 } };
        assert_eq!((flow.payload, flow.missing), (expected, Both::default()));
        assert_eq!(flow.state, FlowState::Closing);
    }
}

#[test]
fn tunnels_of_mirrors_are_unwrapped_to_the_same_flows() {
    let frames = conversation().frames();
    let plain = run(&frames);
    let (switch, collector) = (Host::numbered(900), Host::numbered(901));
    for tunnel in [
        Tunnel::GreEthernet,
        Tunnel::GreIp,
        Tunnel::Erspan2 { session: 5 },
        Tunnel::Erspan3 { session: 5 },
        Tunnel::Vxlan { network: 77 },
    ] {
        let outcome = run(&wrapped(&frames, tunnel, switch, collector));
        assert_eq!(figures(&outcome), figures(&plain), "{tunnel:?}");
        assert_eq!(outcome.finished.summary.frames_unwrapped, frames.len() as u64);
        let keys = if matches!(tunnel, Tunnel::Vxlan { .. }) { (0, 2) } else { (0, 0) };
        assert!(outcome.finished.summary.flow_keys <= keys, "outer keys only: {tunnel:?}");
        if !matches!(tunnel, Tunnel::GreIp) {
            assert_eq!(outcome.finished.devices.len(), 2, "{tunnel:?}");
        }
    }
}

#[test]
fn bytes_that_the_capture_lost_are_missing_and_said() {
    let conversation = conversation().client_says(&vec![3; 100_000]).seed(3);
    let whole = run(&conversation.frames());
    let lossy = run(&conversation.clone().flaw(Flaw::Lost(100)).frames());
    let (whole, flow) = (only(&whole), only(&lossy));
    let lost =
        Both { out: whole.payload.out - flow.payload.out, back: whole.payload.back - flow.payload.back };
    assert!(lost.out > 0);
    assert_eq!(flow.missing, lost);
    assert_eq!(flow.visibility, Visibility::Gap);
    assert_eq!(lossy.finished.summary.tcp_missing.0, lost.out + lost.back);
}

#[test]
fn reordering_is_no_loss_and_retransmissions_are_counted() {
    let conversation = conversation().client_says(&vec![3; 100_000]).seed(5);
    let reordered = run(&conversation.clone().flaw(Flaw::Reordered(400)).frames());
    let flow = only(&reordered);
    assert_eq!((flow.missing, flow.retransmissions), (Both::default(), Both::default()));
    assert_eq!(flow.visibility, Visibility::Full);
    let plain = conversation.frames();
    let again = conversation.clone().flaw(Flaw::Retransmitted(200)).frames();
    let outcome = run(&again);
    let flow = only(&outcome);
    // Copies within 5 ms that keep their identification would be a mirror's; these have new ones.
    assert_eq!(
        u64::from(flow.retransmissions.out + flow.retransmissions.back),
        (again.len() - plain.len()) as u64
    );
    assert_eq!(flow.missing, Both::default());
}

#[test]
fn a_conversation_met_midway_finds_its_client_by_the_ports() {
    for first in [Side::Client, Side::Server] {
        let (client, server) = hosts();
        let frames = Conversation::between(client, server)
            .ports(50_000, 104)
            .opening(Opening::Midstream)
            .says(first, b"something")
            .says(first.other(), b"else")
            .closing(Closing::Open)
            .frames();
        let outcome = run(&frames);
        let flow = only(&outcome);
        assert_eq!((flow.client.port, flow.server.port), (50_000, 104));
        assert_eq!((flow.state, flow.end), (FlowState::Established, FlowEnd::InputEnd));
        assert_eq!(flow.missing, Both::default());
    }
}

#[test]
fn the_same_ports_after_the_end_are_another_flow() {
    let (client, server) = hosts();
    let one = |seed, start, closing| {
        Conversation::between(client, server)
            .ports(50_000, 8_765)
            .seed(seed)
            .starting(start)
            .client_says(b"hello")
            .closing(closing)
            .frames()
    };
    for closing in [Closing::Finished, Closing::Reset(Side::Server), Closing::Open] {
        let second = START + 1_000_000_000;
        let frames = by_time(vec![one(1, START, closing), one(2, second, Closing::Finished)]);
        let outcome = run(&frames);
        assert_eq!(outcome.flows.len(), 2, "{closing:?}");
        let last = outcome.flows.iter().max_by_key(|flow| flow.id).unwrap();
        assert_eq!((last.client.port, last.payload.out, last.state), (50_000, 5, FlowState::Closed));
        assert_eq!(last.visibility, Visibility::Full);
        assert_eq!(outcome.finished.summary.flow_keys, (1, 0), "and one key");
    }
}

#[test]
fn a_forged_syn_does_not_break_a_conversation() {
    let (client, server) = hosts();
    let mut frames = conversation().client_says(&vec![3; 30_000]).frames();
    let forged = Segment {
        source_port: 50_000,
        destination_port: 8_765,
        seq: 0x1234_5678,
        flags: flag::SYN,
        ..Segment::default()
    };
    let bytes = Envelope::between(client, server).id(0xfffe).tcp(&forged, b"");
    frames.insert(20, Frame { at: frames[19].at + 1, bytes });
    let outcome = run(&frames);
    let flow = only(&outcome);
    assert_eq!((flow.payload.out, flow.missing, flow.state), (34_000, Both::default(), FlowState::Closed));
    assert_eq!(flow.visibility, Visibility::Full);
}

#[test]
fn a_refused_client_that_asks_three_times_is_one_flow() {
    let (client, server) = hosts();
    let mut frames = Vec::new();
    for turn in 0..3u32 {
        let at = START + u64::from(turn) * 500_000_000;
        let ask = Segment {
            source_port: 50_000,
            destination_port: 81,
            seq: 7,
            flags: flag::SYN,
            ..Segment::default()
        };
        let refuse = Segment {
            source_port: 81,
            destination_port: 50_000,
            ack: 8,
            flags: flag::RST | flag::ACK,
            ..Segment::default()
        };
        frames.push(Frame { at, bytes: Envelope::between(client, server).id(turn + 1).tcp(&ask, b"") });
        frames.push(Frame {
            at: at + 1000,
            bytes: Envelope::between(server, client).id(turn + 1).tcp(&refuse, b""),
        });
    }
    let outcome = run(&frames);
    assert_eq!(
        (only(&outcome).state, only(&outcome).packets),
        (FlowState::Rejected, Both { out: 3, back: 3 })
    );
}

#[test]
fn a_scan_is_a_flow_for_each_port() {
    let (scanner, target) = hosts();
    let ports: Vec<u16> = (1..=500).collect();
    let outcome = run(&syn_scan(scanner, &[target], &ports, &[22, 80], START));
    assert_eq!(outcome.flows.len(), 500);
    let count = |state| outcome.flows.iter().filter(|flow| flow.state == state).count();
    assert_eq!((count(FlowState::Rejected), count(FlowState::Reset)), (498, 2));
    assert!(outcome.flows.iter().all(|flow| flow.client.port == 61_234));
}

#[test]
fn keep_alives_and_window_probes_are_no_retransmissions() {
    let (client, server) = hosts();
    let mut frames = conversation().closing(Closing::Open).frames();
    let last = abi::headers::read_ethernet(&frames[frames.len() - 1].bytes);
    assert_eq!(last.headers().src_port, 50_000, "the last frame acknowledges what the server said");
    let number =
        |at: usize| u32::from_be_bytes(frames[frames.len() - 1].bytes[at..at + 4].try_into().unwrap());
    let (seq, ack) = (number(38), number(42));
    let at = frames[frames.len() - 1].at;
    for turn in 1..10u32 {
        let probe = Segment {
            source_port: 50_000,
            destination_port: 8_765,
            seq: seq.wrapping_sub(1),
            ack,
            flags: flag::ACK,
            ..Segment::default()
        };
        let answer = Segment {
            source_port: 8_765,
            destination_port: 50_000,
            seq: ack,
            ack: seq,
            flags: flag::ACK,
            ..Segment::default()
        };
        let later = at + u64::from(turn) * 1_000_000_000;
        let payload: &[u8] = if turn % 2 == 0 { b"\0" } else { b"" };
        let bytes = Envelope::between(client, server).id(1000 + turn).tcp(&probe, payload);
        frames.push(Frame { at: later, bytes });
        let bytes = Envelope::between(server, client).id(1000 + turn).tcp(&answer, b"");
        frames.push(Frame { at: later + 1000, bytes });
    }
    let outcome = run(&frames);
    let flow = only(&outcome);
    assert_eq!((flow.retransmissions, flow.missing), (Both::default(), Both::default()));
}

#[test]
fn fragments_join_the_flow_of_their_first() {
    for v6 in [false, true] {
        let (a, b) = if v6 { (Host::numbered_v6(1), Host::numbered_v6(2)) } else { hosts() };
        let datagram = fixtures::frames::udp(a.ip, b.ip, (5000, 5001), &[9; 5000]);
        let pieces = Envelope::between(a, b).id(7).fragments(17, &datagram, 1480);
        let frames: Vec<Frame> =
            (0u64..).zip(pieces).map(|(index, bytes)| Frame { at: START + index * 1000, bytes }).collect();
        let outcome = run(&frames);
        assert_eq!(only(&outcome).packets.out, frames.len() as u64);
        let orphaned = run(&frames[1..]);
        assert_eq!(orphaned.overflow("fragment_orphans"), frames.len() as u64 - 1);
        assert_eq!(orphaned.finished.summary.flow_keys, (0, 0), "what has no ports is no key");
    }
}

#[test]
fn echo_requests_and_replies_are_one_flow() {
    for v6 in [false, true] {
        let (a, b) = if v6 { (Host::numbered_v6(1), Host::numbered_v6(2)) } else { hosts() };
        let (request, reply) = if v6 { (128, 129) } else { (8, 0) };
        let frames: Vec<Frame> = (0..4u8)
            .map(|turn| {
                let (from, to, kind) = if turn % 2 == 0 { (a, b, request) } else { (b, a, reply) };
                let bytes =
                    Envelope::between(from, to).id(u32::from(turn) + 1).icmp(kind, 0, &[0, 1, 0, turn / 2]);
                Frame { at: START + u64::from(turn) * 1_000_000, bytes }
            })
            .collect();
        let outcome = run(&frames);
        let flow = only(&outcome);
        assert_eq!((flow.state, flow.packets), (FlowState::TwoWay, Both { out: 2, back: 2 }));
        assert_eq!((flow.client.port, flow.server.port), (request.into(), 0), "type and code of the first");
        assert_eq!(flow.protocol, if v6 { protocol::ICMPV6 } else { protocol::ICMP });
    }
}

#[test]
fn what_comes_with_a_reset_or_behind_a_fin_is_survived() {
    let (client, server) = hosts();
    for flags in [flag::RST | flag::ACK, flag::FIN | flag::ACK, flag::FIN | flag::RST | flag::SYN, 0xff] {
        let mut frames = conversation().frames();
        let at = frames[frames.len() - 1].at;
        for turn in 0..40u32 {
            let segment = Segment {
                source_port: 50_000,
                destination_port: 8_765,
                seq: turn.wrapping_mul(0x0800_0001),
                ack: turn.wrapping_mul(0x1000_0001),
                flags,
                ..Segment::default()
            };
            let bytes = Envelope::between(client, server).id(2000 + turn).tcp(&segment, b"more");
            frames.push(Frame { at: at + u64::from(turn) * 1_000, bytes });
        }
        let outcome = run(&frames);
        let first = outcome.flows.iter().min_by_key(|flow| flow.id).unwrap();
        assert_eq!((first.client.port, first.payload.back), (50_000, 3000), "{flags:x}");
        assert_eq!(first.missing, Both::default(), "{flags:x}: what is forged is no loss of the capture");
    }
}
