//! Conversations: found by content on any port, cut anywhere, met midway, with losses, and attributed to who asked.

use crate::run::{Outcome, run};
use abi::address::{DeviceKey, Mac};
use abi::app::App;
use detectors::record::Visibility;
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::{Envelope, Host, Segment, flag, udp};
use fixtures::traffic::dicom::{self, Association};
use fixtures::traffic::hl7::{self, Delimiters, Message};
use fixtures::traffic::{Closing, Conversation, Flaw, dhcp};
use wire::Said;
use wire::dicom::{Dicom, Operation};
use wire::hl7::Hl7;

fn hosts() -> (Host, Host) {
    (Host::numbered(1), Host::numbered(2))
}

fn key(host: Host) -> DeviceKey {
    DeviceKey::Mac(Mac(host.mac))
}

fn messages(count: usize, delimiters: Delimiters) -> Vec<Message> {
    (0..count)
        .map(|index| Message { delimiters, control_id: format!("MSG{index:05}"), ..Message::default() })
        .collect()
}

fn control_ids(outcome: &Outcome) -> Vec<String> {
    let mut ids: Vec<String> = outcome
        .sessions
        .iter()
        .filter_map(|row| match &row.exchange.said {
            Said::Hl7(Hl7::Message(message)) => Some(message.heading.control_id.clone()),
            Said::Hl7(Hl7::Ack(_))
            | Said::Dicom(_)
            | Said::Dns(_)
            | Said::Dhcp(_)
            | Said::Tls(_)
            | Said::Http(_) => None,
        })
        .collect();
    ids.sort();
    ids
}

#[test]
fn hl7_on_an_odd_port_with_odd_delimiters_cut_anywhere_becomes_a_session() {
    let (client, server) = hosts();
    let odd = Delimiters { field: b'#', component: b'*', repetition: b'!', escape: b'%', subcomponent: b'$' };
    for delimiters in [Delimiters::default(), odd] {
        for piece_len in [1, 2, 7, 100, 1460] {
            let quiet = Conversation::between(client, server).ports(50_001, 54_321).piece_len(piece_len);
            let conversation = hl7::exchange(quiet, &messages(3, delimiters), "AA");
            let outcome = run(&conversation.frames());
            assert_eq!(control_ids(&outcome), ["MSG00000", "MSG00001", "MSG00002"], "{piece_len}");
            let flow = &outcome.flows[0];
            assert_eq!((outcome.flows.len(), flow.app, flow.visibility), (1, App::Hl7, Visibility::Full));
            for row in &outcome.sessions {
                let asked = if let Said::Hl7(Hl7::Message(message)) = &row.exchange.said {
                    assert_eq!((&*message.heading.message_type, &*message.ack_code), ("ADT^A01", "AA"));
                    (key(client), key(server))
                } else {
                    (key(server), key(client))
                };
                assert_eq!((row.client.device, row.server.device, row.flow), (asked.0, asked.1, flow.id));
            }
        }
    }
}

#[test]
fn hl7_is_read_through_reordering_repetition_and_overlap() {
    let (client, server) = hosts();
    for (seed, flaw) in
        [Flaw::Reordered(500), Flaw::Retransmitted(300), Flaw::Overlapped(500)].into_iter().enumerate()
    {
        let quiet = Conversation::between(client, server).ports(50_001, 2575).piece_len(31).seed(seed as u64);
        let conversation = hl7::exchange(quiet, &messages(20, Delimiters::default()), "AA").flaw(flaw);
        let outcome = run(&conversation.frames());
        assert_eq!(control_ids(&outcome).len(), 20, "{flaw:?}");
    }
}

#[test]
fn of_a_lossy_capture_the_messages_that_were_seen_whole_are_read() {
    let (client, server) = hosts();
    let quiet = Conversation::between(client, server).ports(50_001, 2575).seed(9);
    let conversation =
        hl7::exchange(quiet, &messages(100, Delimiters::default()), "AA").flaw(Flaw::Lost(100));
    let outcome = run(&conversation.frames());
    let read = control_ids(&outcome).len();
    assert!((70..100).contains(&read), "{read} of 100");
    assert_eq!(outcome.flows[0].visibility, Visibility::Gap);
    assert_eq!(outcome.overflow("reassembly"), 0, "losses are no overflow");
}

fn store(objects: usize, pixels: usize) -> Conversation {
    let (client, server) = hosts();
    let quiet = Conversation::between(client, server).ports(50_002, 44_444).seed(4);
    let images: Vec<Vec<u8>> = (0..objects).map(|_| dicom::image("ACME", "SCAN 1", pixels)).collect();
    dicom::store(quiet, &Association::default(), &images)
}

fn stores(outcome: &Outcome) -> usize {
    let is_store = |said: &Said| matches!(said, Said::Dicom(Dicom::Command(command)) if command.operation == Operation::Store);
    outcome.sessions.iter().filter(|row| is_store(&row.exchange.said)).count()
}

#[test]
fn a_dicom_store_is_found_on_any_port_and_its_roles_are_learned() {
    let outcome = run(&store(4, 40_000).frames());
    assert_eq!((stores(&outcome), outcome.flows[0].app), (4, App::Dicom));
    let (client, server) = hosts();
    let device = |host| outcome.finished.devices.iter().find(|device| device.device == key(host)).unwrap();
    assert!(
        device(client).role.contains(&"dicom-store-scu") && device(server).role.contains(&"dicom-store-scp")
    );
    assert_eq!(device(client).class.value, abi::device::DeviceType::Ct);
    assert_eq!(device(server).class.value, abi::device::DeviceType::Unknown);
    assert_eq!(device(server).vendor, None);
}

#[test]
fn dicom_is_found_midway() {
    let frames = store(6, 20_000).ports(50_002, 11_112).frames();
    for skipped in [4, 9, 21, 30] {
        let outcome = run(&frames[skipped..]);
        assert!(stores(&outcome) >= 3, "{} after {skipped} frames", stores(&outcome));
        let flow = &outcome.flows[0];
        assert_eq!((flow.app, flow.client.port), (App::Dicom, 50_002), "after {skipped} frames");
    }
}

#[test]
fn dicom_with_losses_goes_on_with_the_next_message() {
    let outcome = run(&store(40, 8_000).flaw(Flaw::Lost(20)).frames());
    assert!(stores(&outcome) >= 20, "{}", stores(&outcome));
    assert_eq!(outcome.flows[0].visibility, Visibility::Gap);
}

#[test]
fn a_capture_cut_at_64_bytes_says_that_bytes_are_missing() {
    let mut run = crate::run::Run::new(&engine::engine::Settings::default(), None);
    for frame in store(2, 20_000).frames() {
        let kept = frame.bytes.len().min(64);
        run.frame(frame.at, wire::frame::LinkType::Ethernet, &frame.bytes[..kept], frame.bytes.len());
    }
    let outcome = run.end();
    assert_eq!((outcome.flows.len(), outcome.flows[0].visibility), (1, Visibility::Gap));
    assert!(outcome.flows[0].payload.out > 40_000, "lengths come from the headers");
    assert_eq!(outcome.flows[0].missing.out, 0, "and nothing was lost on the way");
    assert!(outcome.finished.summary.frames_short > 30);
}

#[test]
fn in_every_dhcp_row_the_client_is_who_asked() {
    let (client, server) = hosts();
    let says =
        dhcp::Client { hostname: "pump7".into(), vendor_class: "ACME-OS".into(), ..dhcp::Client::default() };
    let outcome = run(&dhcp::exchange(client, server, &says, START));
    let ops: Vec<&str> = outcome.sessions.iter().map(|row| row.exchange.said.op()).collect();
    assert_eq!(ops, ["discover", "offer", "request", "ack"]);
    for row in &outcome.sessions {
        let op = row.exchange.said.op();
        if matches!(op, "offer" | "ack") {
            assert_eq!((row.server.device, row.client.port, row.server.port), (key(server), 68, 67), "{op}");
        } else {
            assert_eq!((row.client.device, row.client.port, row.server.port), (key(client), 68, 67), "{op}");
        }
    }
    let devices = &outcome.finished.devices;
    assert_eq!(devices.len(), 2, "0.0.0.0 and 255.255.255.255 are no devices");
    let told = devices.iter().find(|device| device.device == key(client)).unwrap();
    assert_eq!((told.name.as_deref(), told.role.as_slice()), (Some("pump7"), &["dhcp-client"][..]));
    assert_eq!(told.ip, [abi::address::Ip::from(client.ip)], "by its lease");
    let told = devices.iter().find(|device| device.device == key(server)).unwrap();
    assert_eq!(told.role, ["dhcp-server"]);
}

#[test]
fn a_name_service_is_paired_and_its_server_known() {
    let (client, server) = hosts();
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03ehr\x04site\0\0\x01\0\x01";
    let answer = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x03ehr\x04site\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x05";
    let mut frames = Vec::new();
    for (from, to, ports, payload, at) in [
        (client, server, (40_000, 53), &question[..], START),
        (server, client, (53, 40_000), &answer[..], START + 1_000_000),
    ] {
        let datagram = udp(from.ip, to.ip, ports, payload);
        frames.push(Frame { at, bytes: Envelope::between(from, to).datagram(17, &datagram) });
    }
    let outcome = run(&frames);
    assert_eq!((outcome.sessions.len(), outcome.flows[0].app), (1, App::Dns));
    assert_eq!(
        (outcome.sessions[0].client.device, outcome.sessions[0].server.device),
        (key(client), key(server))
    );
    let server = outcome.finished.devices.iter().find(|device| device.device == key(server)).unwrap();
    assert_eq!(server.role, ["dns-server"]);
}

#[test]
fn payload_in_a_syn_is_read_when_it_comes_again() {
    // The client of a refused fast open (RFC 7413 section 4.2) sends its data again after the handshake.
    let (client, server) = hosts();
    let quiet = Conversation::between(client, server).ports(50_001, 2575);
    let mut frames = hl7::exchange(quiet, &messages(2, Delimiters::default()), "AA").frames();
    let syn = abi::headers::read_ethernet(&frames[0].bytes);
    assert!(syn.headers().opens_tcp());
    let message = hl7::mllp(&messages(1, Delimiters::default())[0].bytes());
    let mut bytes = frames[0].bytes.clone();
    bytes.extend_from_slice(&message);
    let total = u16::try_from(bytes.len() - 14).unwrap();
    bytes[16..18].copy_from_slice(&total.to_be_bytes());
    frames[0].bytes = bytes;
    let outcome = run(&frames);
    assert_eq!(control_ids(&outcome), ["MSG00000", "MSG00001"]);
    assert_eq!(outcome.flows[0].visibility, Visibility::Full);
}

#[test]
fn what_a_refused_opening_or_a_reset_carries_is_not_of_the_conversation() {
    let (client, server) = hosts();
    let message = |number: u16| {
        hl7::mllp(&Message { control_id: format!("MSG{number:05}"), ..Message::default() }.bytes())
    };
    let segment = |seq, ack, flags| Segment {
        source_port: 50_001,
        destination_port: 2575,
        seq,
        ack,
        flags,
        ..Segment::default()
    };
    let there = Envelope::between(client, server);
    let opening = there.clone().id(1).tcp(&segment(7, 0, flag::SYN), &message(1));
    let answer =
        Segment { source_port: 2575, destination_port: 50_001, ..segment(99, 8, flag::SYN | flag::ACK) };
    let answer = Envelope::between(server, client).id(1).tcp(&answer, b"");
    let told = there.clone().id(2).tcp(&segment(8, 100, flag::ACK), &message(2));
    let seq = 8 + u32::try_from(message(2).len()).unwrap();
    let reset = there.id(3).tcp(&segment(seq, 100, flag::RST | flag::ACK), &message(3));
    let frames: Vec<Frame> = (0..)
        .zip([opening, answer, told, reset])
        .map(|(index, bytes)| Frame { at: START + index * 1_000, bytes })
        .collect();
    let outcome = run(&frames);
    assert_eq!(control_ids(&outcome), ["MSG00002"]);
    assert_eq!((outcome.flows.len(), outcome.flows[0].visibility), (1, Visibility::Full));
}

#[test]
fn an_unfinished_conversation_is_told_at_the_end() {
    let (client, server) = hosts();
    let quiet = Conversation::between(client, server).ports(50_001, 2575).closing(Closing::Open);
    let unanswered = quiet.client_says(&hl7::mllp(&Message::default().bytes()));
    let outcome = run(&unanswered.frames());
    assert_eq!((outcome.sessions.len(), outcome.flows[0].app), (1, App::Hl7));
}

#[test]
fn the_last_bytes_before_the_end_still_name_the_protocol() {
    // Everything but the first segment comes, and what waits is read when the connection is given up.
    let (client, server) = hosts();
    let quiet = Conversation::between(client, server).ports(50_001, 2575).closing(Closing::Open);
    let conversation = quiet.client_says(b"?").client_says(&hl7::mllp(&Message::default().bytes()));
    let frames: Vec<Frame> = conversation
        .frames()
        .into_iter()
        .filter(|frame| frame.bytes.len() != 55)
        .filter(|frame| {
            abi::headers::read_ethernet(&frame.bytes).headers().src_port != 2575 || frame.bytes.len() > 54
        })
        .collect();
    let outcome = run(&frames);
    assert_eq!((outcome.flows[0].app, outcome.flows[0].visibility), (App::Hl7, Visibility::Gap));
    assert_eq!(control_ids(&outcome), ["MSG00001"]);
}

#[test]
fn many_conversations_at_once_do_not_mix() {
    let server = Host::numbered(2);
    let mut captures = Vec::new();
    for index in 0..200u16 {
        let quiet = Conversation::between(Host::numbered(100 + index), server)
            .ports(40_000 + index, 2575)
            .seed(u64::from(index))
            .starting(START + u64::from(index) * 10_007)
            .piece_len(37);
        let message = Message { control_id: format!("N{index:05}"), ..Message::default() };
        captures.push(hl7::exchange(quiet, &[message], "AA").flaw(Flaw::Reordered(300)).frames());
    }
    let outcome = run(&by_time(captures));
    let expected: Vec<String> = (0..200).map(|index| format!("N{index:05}")).collect();
    assert_eq!(control_ids(&outcome), expected);
    for row in &outcome.sessions {
        if let Said::Hl7(Hl7::Message(message)) = &row.exchange.said {
            let number: u16 = message.heading.control_id[1..].parse().unwrap();
            assert_eq!(row.client.device, key(Host::numbered(100 + number)));
        }
    }
}
