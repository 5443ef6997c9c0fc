//! Time-outs, time that runs backwards, and runs that must not depend on chance.

use crate::run::{Run, run};
use detectors::record::{Both, FlowEnd, FlowState};
use engine::engine::{Settings, Timeouts};
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::{Envelope, Host};
use fixtures::traffic::attacks::{spoofed_syn_flood, syn_scan};
use fixtures::traffic::dicom::{self, Association};
use fixtures::traffic::hl7::{self, Message};
use fixtures::traffic::mirror::{Copied, duplicated};
use fixtures::traffic::{Closing, Conversation, Flaw, dhcp};

const SECOND: u64 = 1_000_000_000;

fn datagram(number: u16, at: u64) -> Frame {
    let bytes = Envelope::between(Host::numbered(1), Host::numbered(2))
        .id(u32::try_from(at / 1000 % 65_535).unwrap())
        .udp((number, 5001), b"x");
    Frame { at, bytes }
}

#[test]
fn a_silent_flow_ends_and_what_comes_later_is_another() {
    let mut run = Run::new(&Settings::default(), None);
    run.frames(&[datagram(1, START), datagram(2, START + 50 * SECOND)]);
    assert_eq!(run.flows(), []);
    run.frames(&[datagram(3, START + 130 * SECOND), datagram(3, START + 131 * SECOND)]);
    assert_eq!(run.flows().len(), 2, "both ended without a frame of their own");
    run.frames(&[datagram(1, START + 132 * SECOND)]);
    let outcome = run.end();
    let ends: Vec<_> = outcome.flows.iter().map(|flow| (flow.id.0, flow.end)).collect();
    let idle = FlowEnd::Idle;
    assert_eq!(ends, [(1, idle), (2, idle), (3, FlowEnd::InputEnd), (4, FlowEnd::InputEnd)]);
}

#[test]
fn a_long_flow_is_told_in_parts_that_add_up() {
    let timeouts = Timeouts { active: 60 * SECOND, ..Timeouts::default() };
    let mut run = Run::new(&Settings { timeouts, ..Settings::default() }, None);
    let frames = Conversation::between(Host::numbered(1), Host::numbered(2))
        .client_says(&vec![1; 100_000])
        .gap(2 * SECOND)
        .seed(3)
        .flaw(Flaw::Lost(100))
        .frames();
    run.frames(&frames);
    let outcome = run.end();
    assert!(outcome.flows.len() > 3);
    let sum = outcome.flows.iter().fold((0, 0, 0), |(packets, payload, missing), flow| {
        let add = |both: Both<u64>| both.out + both.back;
        (packets + add(flow.packets), payload + add(flow.payload), missing + add(flow.missing))
    });
    let summary = &outcome.finished.summary;
    assert_eq!((sum.0, sum.1 + sum.2), (frames.len() as u64, 100_000));
    assert_eq!(summary.tcp_missing, (sum.2, sum.1), "the summary adds up too");
    let (last, parts) = outcome.flows.split_last().unwrap();
    assert!(parts.iter().all(|flow| flow.end == FlowEnd::Active && flow.id == last.id));
    assert_eq!((last.end, last.state), (FlowEnd::Closed, FlowState::Closed));
    for pair in outcome.flows.windows(2) {
        assert_eq!(pair[0].last, pair[1].first);
    }
}

#[test]
fn nothing_after_the_active_time_out_gives_no_empty_row() {
    let timeouts = Timeouts { active: 10 * SECOND, ..Timeouts::default() };
    let mut run = Run::new(&Settings { timeouts, ..Settings::default() }, None);
    run.frames(&[datagram(1, START), datagram(1, START + 10 * SECOND)]);
    let outcome = run.end();
    assert_eq!((outcome.flows.len(), outcome.flows[0].end), (1, FlowEnd::Active));
}

#[test]
fn a_single_broken_time_does_not_tear_flows_apart() {
    for broken in [u64::MAX, START + 400 * 24 * 3600 * SECOND, 0] {
        let mut frames = Conversation::between(Host::numbered(1), Host::numbered(2))
            .client_says(&vec![1; 100_000])
            .gap(SECOND / 10)
            .frames();
        frames.insert(20, datagram(9, broken));
        let outcome = run(&frames);
        assert_eq!(outcome.flows.len(), 2, "{broken}");
        let flow = outcome.flows.iter().find(|flow| flow.protocol == 6).unwrap();
        assert_eq!((flow.state, flow.payload.out), (FlowState::Closed, 100_000));
    }
}

#[test]
fn a_capture_whose_time_was_set_back_goes_on() {
    let conversation = |seed: u64, start| {
        Conversation::between(Host::numbered(1), Host::numbered(2))
            .ports(40_000 + u16::try_from(seed).unwrap(), 80)
            .seed(seed)
            .starting(start)
            .client_says(&vec![1; 20_000])
            .gap(SECOND)
            .closing(Closing::Finished)
            .frames()
    };
    let mut frames = Vec::new();
    for seed in 0..200u64 {
        // After a hundred conversations the clock is set back by ten days.
        let back = if seed < 100 { 0 } else { 10 * 24 * 3600 * SECOND };
        frames.extend(conversation(seed, START + seed * 60 * SECOND - back));
    }
    let mut run = Run::new(&Settings::default(), None);
    run.frames(&frames);
    let before_end = run.flows().len();
    assert!(before_end > 150, "flows still end in time: {before_end}");
    let outcome = run.end();
    assert_eq!(outcome.flows.len(), 200);
    assert!(outcome.flows.iter().all(|flow| flow.state == FlowState::Closed));
}

#[test]
fn time_that_runs_backwards_frame_by_frame_is_survived() {
    let mut frames = Conversation::between(Host::numbered(1), Host::numbered(2))
        .client_says(&vec![1; 400_000])
        .server_says(&vec![2; 400_000])
        .gap(3 * SECOND)
        .frames();
    let times: Vec<u64> = frames.iter().rev().map(|frame| frame.at).collect();
    for (frame, at) in frames.iter_mut().zip(times) {
        frame.at = at;
    }
    let outcome = run(&frames);
    let packets: u64 = outcome.flows.iter().map(|flow| flow.packets.out + flow.packets.back).sum();
    assert_eq!(packets, frames.len() as u64);
}

/// A bit of everything.
fn mixture() -> Vec<Frame> {
    let host = Host::numbered;
    let talk = |number: u16, port| {
        Conversation::between(host(number), host(2))
            .ports(40_000 + number, port)
            .seed(u64::from(number))
            .starting(START + u64::from(number) * 50_000_000)
    };
    let router = [0x00, 0x0c, 0x29, 0, 0, 0xee];
    let forwarded = Copied::Routed { router, next_hop: [0x00, 0x0c, 0x29, 0, 0, 0xef], vlan: Some(9) };
    let images = [dicom::image("ACME", "M", 30_000), dicom::image("ACME", "M", 10_000)];
    let mut captures = vec![
        dhcp::exchange(
            host(3),
            host(1),
            &dhcp::Client { hostname: "h".into(), ..dhcp::Client::default() },
            START,
        ),
        duplicated(&dicom::store(talk(4, 104), &Association::default(), &images).frames(), 20_000, forwarded),
        dicom::store(talk(5, 104), &Association::default(), &images).flaw(Flaw::Lost(50)).frames(),
        syn_scan(host(6), &[host(1), host(2)], &(1..300).collect::<Vec<u16>>(), &[80], START + SECOND),
        spoofed_syn_flood(host(7), host(2), 80, 5_000, 3),
    ];
    for number in 10..60 {
        let message = Message { control_id: format!("{number}"), ..Message::default() };
        captures
            .push(hl7::exchange(talk(number, 2575), &[message], "AA").flaw(Flaw::Reordered(300)).frames());
    }
    by_time(captures)
}

#[test]
fn the_seed_changes_nothing_that_is_said() {
    let frames = mixture();
    let said = |seed| {
        let mut run = Run::new(&Settings { seed, flows: 2_000, ..Settings::default() }, None);
        run.frames(&frames);
        run.end()
    };
    let (one, other) = (said(0), said(0x5eed_5eed_5eed_5eed));
    assert!(one.sessions.len() > 50 && one.flows.len() > 5_000 && one.overflow("flow_evictions") > 0);
    assert_eq!(one.text(), other.text());
    assert_eq!(one.text(), said(0).text());
}

#[test]
fn a_tick_closes_many_flows_a_few_at_a_time() {
    let mut frames: Vec<Frame> =
        (0..20_000u16).map(|number| datagram(number, START + u64::from(number) * 1000)).collect();
    for turn in 0..200 {
        frames.push(datagram(60_000, START + 120 * SECOND + turn * SECOND / 10));
    }
    let mut run = Run::new(&Settings::default(), None);
    run.frames(&frames);
    assert!(run.most <= 256, "{} rows with one frame", run.most);
    assert_eq!(run.flows().len(), 20_000);
}
