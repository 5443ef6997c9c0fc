//! Floods: every table stays within its bound, and what had to go is counted.

use crate::run::Run;
use abi::address::Timestamp;
use detectors::record::{FlowEnd, FlowState};
use engine::engine::{Captured, Engine, Settings};
use engine::output::Outputs;
use fixtures::capture::START;
use fixtures::frames::{Envelope, Host, Segment, flag};
use fixtures::traffic::dicom::Association;
use fixtures::traffic::{Closing, Conversation, Side};
use wire::frame::LinkType;

#[test]
fn a_flood_of_a_million_openings_keeps_the_table_at_its_capacity_and_counts_evictions() {
    const CAPACITY: usize = 20_000;
    const COUNT: u32 = 1_000_000;
    let settings = Settings { flows: CAPACITY, ..Settings::default() };
    let mut engine = Engine::new(&settings, None, crate::run::detector());
    let mut out = Outputs::default();
    let (client, server) = (Host::numbered(1), Host::numbered(2));
    let (mut open, mut evicted) = (0usize, 0u64);
    let mut step = |engine: &mut Engine, at: u64, bytes: &[u8]| {
        let wire_len = u32::try_from(bytes.len()).unwrap();
        engine.step(Captured { at: Timestamp(at), link: LinkType::Ethernet, bytes, wire_len }, &mut out);
        for flow in out.flows.drain(..) {
            assert_eq!(flow.end, FlowEnd::Evicted);
            assert_ne!(flow.server.port, 2575, "the conversation stays");
            evicted += 1;
        }
    };
    let talk = Conversation::between(client, server)
        .ports(50_000, 2575)
        .client_says(b"hello")
        .closing(Closing::Open);
    for frame in talk.frames() {
        step(&mut engine, frame.at, &frame.bytes);
        open = 1;
    }
    let opening = Segment { source_port: 1, destination_port: 80, flags: flag::SYN, ..Segment::default() };
    let mut bytes = Envelope::between(Host::numbered(3), server).tcp(&opening, b"");
    for index in 0..COUNT {
        // Addresses and ports change; the checksums are nobody's concern.
        let [a, b, c, d] = index.to_be_bytes();
        bytes[26..30].copy_from_slice(&[11, b, c, d]);
        bytes[34] = a ^ 0x40;
        // All within one second: the clock gives no relief.
        step(&mut engine, START + 500_000_000 + u64::from(index), &bytes);
        open += 1;
    }
    assert_eq!((open - CAPACITY) as u64, evicted);
    let mut left = 0;
    engine
        .wind_up(&mut out, |out, _| -> Result<(), ()> {
            left += out.flows.len();
            out.clear();
            Ok(())
        })
        .unwrap();
    assert_eq!(left, CAPACITY);
    let (finished, _, _) = engine.finish();
    assert_eq!(finished.summary.overflows.get("flow_evictions"), Some(&evicted));
    assert_eq!(finished.summary.flows, u64::from(COUNT) + 1);
    assert_eq!(finished.summary.flow_keys, (u64::from(COUNT) + 1, 0));
}

#[test]
fn a_handshake_gets_through_a_flood_of_datagrams() {
    let settings = Settings { flows: 1_000, ..Settings::default() };
    let mut run = Run::new(&settings, None);
    let (client, server) = (Host::numbered(1), Host::numbered(2));
    let frames = Conversation::between(client, server)
        .ports(50_000, 80)
        .client_says(b"hello")
        .gap(1_000_000)
        .closing(Closing::Open)
        .frames();
    let mut number = 0u32;
    for frame in &frames {
        for _ in 0..3_000 {
            number += 1;
            let [_, b, c, d] = number.to_be_bytes();
            let from = Host { ip: std::net::IpAddr::from([11, b, c, d]), ..Host::numbered(3) };
            let bytes = Envelope::between(from, server).udp((1000, 1000), b"flood");
            run.frame(frame.at - 1, LinkType::Ethernet, &bytes, bytes.len());
        }
        run.frame(frame.at, LinkType::Ethernet, &frame.bytes, frame.bytes.len());
    }
    let outcome = run.end();
    let talk: Vec<_> = outcome.flows.iter().filter(|flow| flow.protocol == 6).collect();
    assert_eq!(talk.len(), 1);
    assert_eq!((talk[0].client.port, talk[0].state), (50_000, FlowState::Established));
    assert!(outcome.overflow("flow_evictions") > 10_000);
}

/// An association of 50 KB without its last byte.
fn unfinished() -> Vec<u8> {
    let association = Association { implementation_version: "x".repeat(50_000), ..Association::default() };
    let mut request = association.request();
    request.pop();
    request
}

#[test]
fn what_a_conversation_held_is_free_again_when_it_is_over() {
    let mut run = Run::new(&Settings::default(), None);
    let unfinished = unfinished();
    for number in 0..4_000u16 {
        let conversation = Conversation::between(Host::numbered(100 + number % 500), Host::numbered(2))
            .ports(30_000 + number, 104)
            .starting(START + u64::from(number) * 10_000_000)
            .client_says(&unfinished)
            .closing(Closing::Reset(Side::Client))
            .gap(1);
        run.frames(&conversation.frames());
    }
    assert_eq!(run.end().overflow("conversations"), 0);
}

#[test]
fn half_told_messages_of_many_flows_do_not_fill_the_memory() {
    // Each flow begins an association of 50 KB and never ends it.
    let mut run = Run::new(&Settings::default(), None);
    let server = Host::numbered(2);
    let unfinished = unfinished();
    for number in 0..4_000u16 {
        let conversation = Conversation::between(Host::numbered(100 + number % 500), server)
            .ports(30_000 + number, 104)
            .client_says(&unfinished)
            .closing(Closing::Open)
            .gap(1);
        run.frames(&conversation.frames());
    }
    let outcome = run.end();
    let given_up = outcome.overflow("conversations");
    assert!(given_up > 0, "the bound was reached and is said");
    assert!(given_up < 4_000, "and not at once");
}
