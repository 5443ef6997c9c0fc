//! Mistakes that were mended once, each with the traffic that showed it.

use crate::run::{Outcome, run};
use abi::app::App;
use detectors::record::{Both, Visibility};
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::{Envelope, Host, Segment, flag, tcp};
use fixtures::traffic::Conversation;
use wire::Said;

fn hosts() -> (Host, Host) {
    (Host::numbered(1), Host::numbered(2))
}

#[test]
fn bytes_that_are_missing_after_reading_has_ended_are_still_a_gap() {
    let (client, server) = hosts();
    // Nothing known is said, so that nobody reads any more when the loss comes.
    let whole = Conversation::between(client, server).ports(50_000, 8_765).client_says(&vec![3; 300_000]);
    let frames = whole.frames();
    let is_late = |frame: &Frame| frame.at > START + 250 * 100_000 && frame.bytes.len() > 1_000;
    let lost = frames.iter().rposition(is_late).unwrap() - 10;
    let lost = (0..=lost).rev().find(|&index| is_late(&frames[index])).unwrap();
    for (skipped, expected) in [(None, Visibility::Full), (Some(lost), Visibility::Gap)] {
        let seen: Vec<Frame> = frames
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != skipped)
            .map(|(_, frame)| frame.clone())
            .collect();
        let outcome = run(&seen);
        let missing = if skipped.is_some() { 1460 } else { 0 };
        assert_eq!(outcome.flows[0].missing, Both { out: missing, back: 0 });
        assert_eq!(outcome.flows[0].visibility, expected);
    }
}

/// A connection whose client sends `count` segments of 2,000 bytes, each in IP fragments, all of which are acknowledged.
fn fragmented(count: u32) -> Vec<Frame> {
    let (client, server) = hosts();
    let segment = |from_client: bool, seq, ack, flags| {
        let (source_port, destination_port) = if from_client { (50_000, 8_765) } else { (8_765, 50_000) };
        Segment { source_port, destination_port, seq, ack, flags, window: 9_000, ..Segment::default() }
    };
    let (there, back) = (Envelope::between(client, server), Envelope::between(server, client));
    let mut all = vec![
        there.clone().id(1).tcp(&segment(true, 99, 0, flag::SYN), b""),
        back.clone().id(1).tcp(&segment(false, 499, 100, flag::SYN | flag::ACK), b""),
        there.clone().id(2).tcp(&segment(true, 100, 500, flag::ACK), b""),
    ];
    for index in 0..count {
        let seq = 100 + index * 2_000;
        let bytes = tcp(client.ip, server.ip, &segment(true, seq, 500, flag::PSH | flag::ACK), &[7; 2_000]);
        all.extend(there.clone().id(10 + index).fragments(6, &bytes, 1_400));
        all.push(back.clone().id(10 + index).tcp(&segment(false, 500, seq + 2_000, flag::ACK), b""));
    }
    (0..).zip(all).map(|(index, bytes)| Frame { at: START + index * 100_000, bytes }).collect()
}

#[test]
fn segments_in_fragments_are_no_loss_of_the_capture() {
    let outcome = run(&fragmented(20));
    assert!(outcome.flows.iter().any(|flow| flow.payload.out > 10_000), "{:#?}", outcome.flows);
    assert!(outcome.flows.iter().all(|flow| flow.missing == Both::default()));
    assert!(outcome.flows.iter().all(|flow| flow.retransmissions == Both::default()));
    assert_eq!(outcome.finished.summary.tcp_missing.0, 0);
}

/// What `requests` connections of one client say, and how the server answers each.
fn web(requests: u16, target: &str, host: &str, status: &str) -> Outcome {
    let (client, server) = hosts();
    let mut captures = Vec::new();
    for number in 0..requests {
        let ask = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\n\r\n");
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno");
        let conversation = Conversation::between(client, server)
            .ports(40_000 + number, 8080)
            .seed(u64::from(number))
            .starting(START + u64::from(number) * 500_000_000)
            .client_says(ask.as_bytes())
            .server_says(answer.as_bytes());
        captures.push(conversation.frames());
    }
    run(&by_time(captures))
}

#[test]
fn only_answers_that_refuse_a_right_are_refusals() {
    let accused = |status: &str| {
        let outcome = web(40, "/index", "ehr.site", status);
        assert!(outcome.flows.iter().all(|flow| flow.app == App::Http));
        outcome.finished.incidents.iter().map(|incident| incident.kind).collect::<Vec<_>>()
    };
    for status in ["401 Unauthorized", "403 Forbidden", "407 Proxy Authentication Required"] {
        assert_eq!(accused(status), ["brute-force"], "{status}");
    }
    for status in [
        "200 OK",
        "304 Not Modified",
        "400 Bad Request",
        "404 Not Found",
        "429 Too Many Requests",
        "503 Busy",
    ] {
        assert_eq!(accused(status), [""; 0], "{status}");
    }
}

#[test]
fn credentials_never_reach_a_field() {
    for (target, host) in [
        ("/index", "nurse:s3cret@ehr.site:8080"),
        ("/index", "nurse:s3c@ret@ehr.site:8080"),
        ("http://nurse:s3cret@ehr.site:8080/index", "ehr.site"),
        ("http://nurse:s3c@ret@ehr.site:8080/index?x=1", "other"),
        ("http://nurse:s3cret@ehr.site:8080", "nurse:s3cret@other"),
    ] {
        let outcome = web(1, target, host, "200 OK");
        let said = &outcome.sessions[0].exchange.said;
        let Said::Http(http) = said else { panic!("{said:?}") };
        assert_eq!(http.host.as_deref(), Some("ehr.site:8080"), "{target} {host}");
        let text = format!("{said:?}");
        assert!(!text.contains("nurse") && !text.contains("s3c") && !text.contains("ret@"), "{text}");
    }
}
