//! The states of connections as an onlooker sees them, and who began.

use super::{End, Flow, Key};
use abi::address::{Ip, Mac, Timestamp};
use abi::headers::{Headers, protocol, tcp_flag};
use detectors::record::{FlowId, FlowState, Visibility};
use wire::Side;

const SYN: u8 = tcp_flag::SYN;
const ACK: u8 = tcp_flag::ACK;
const FIN: u8 = tcp_flag::FIN;
const RST: u8 = tcp_flag::RST;

const LOW: Ip = Ip::v4([10, 0, 0, 1]);
const HIGH: Ip = Ip::v4([10, 0, 0, 2]);

/// A frame from the low address (port 40000) or from the high one (port 80).
fn frame(from: End, flags: u8) -> Headers {
    let (src, dst, src_port, dst_port) = match from {
        End::A => (LOW, HIGH, 40_000, 80),
        End::B => (HIGH, LOW, 80, 40_000),
    };
    Headers { src, dst, src_port, dst_port, protocol: protocol::TCP, tcp_flags: flags, ..Headers::default() }
}

/// What is shown, the state that it leads to, and the frames that show it.
type Case<'a> = (&'a str, FlowState, &'a [(End, u8)]);

/// The flow after these frames.
fn after(frames: &[(End, u8)]) -> Flow {
    let (from, flags) = frames[0];
    let headers = frame(from, flags);
    let (key, end) = Key::of(&headers);
    assert_eq!(end, from);
    let mut flow = Flow::start(FlowId(1), key, end, &headers, Timestamp(1));
    for &(from, flags) in frames {
        flow.count(from, &frame(from, flags), 60, Timestamp(1));
    }
    flow
}

#[test]
fn connections_go_through_the_states_that_their_frames_show() {
    use End::{A, B};
    use FlowState::{Closed, Closing, Established, HalfOpen, OneWay, Rejected, Reset, SynSent};
    let cases: &[Case<'_>] = &[
        ("unanswered", SynSent, &[(A, SYN), (A, SYN)]),
        ("refused", Rejected, &[(A, SYN), (B, RST | ACK)]),
        ("given up", Reset, &[(A, SYN), (A, RST)]),
        ("half open", HalfOpen, &[(A, SYN), (B, SYN | ACK), (B, SYN | ACK)]),
        ("a scanner's", Reset, &[(A, SYN), (B, SYN | ACK), (A, RST)]),
        ("established", Established, &[(A, SYN), (B, SYN | ACK), (A, ACK)]),
        ("simultaneous open", Established, &[(A, SYN), (B, SYN), (A, SYN | ACK), (B, SYN | ACK), (A, ACK)]),
        ("closing", Closing, &[(A, SYN), (B, SYN | ACK), (A, ACK), (A, FIN | ACK), (B, ACK)]),
        ("closed", Closed, &[(A, SYN), (B, SYN | ACK), (A, ACK), (A, FIN | ACK), (B, FIN | ACK), (A, ACK)]),
        ("simultaneous close", Closed, &[(A, SYN), (B, SYN | ACK), (A, ACK), (B, FIN | ACK), (A, FIN | ACK)]),
        ("reset", Reset, &[(A, SYN), (B, SYN | ACK), (A, ACK), (B, RST)]),
        ("reset while closing", Reset, &[(A, ACK), (A, FIN | ACK), (B, RST)]),
        ("closed stays closed", Closed, &[(A, ACK), (A, FIN | ACK), (B, FIN | ACK), (A, RST)]),
        ("midstream", Established, &[(B, ACK)]),
        ("met at its end", Closing, &[(B, FIN | ACK)]),
        ("met at its reset", Reset, &[(B, RST)]),
        ("the answer was not captured", Established, &[(A, SYN), (A, ACK)]),
        ("the opening was not captured", Established, &[(B, SYN | ACK), (A, ACK)]),
        ("only the server was captured", Established, &[(B, SYN | ACK), (B, ACK)]),
        ("only the server, to its end", Closing, &[(B, SYN | ACK), (B, ACK), (B, FIN | ACK)]),
        ("a probe without flags", OneWay, &[(A, 0)]),
        ("a probe with FIN", OneWay, &[(A, FIN)]),
        ("a probe without flags, refused", Rejected, &[(A, 0), (B, RST | ACK)]),
        ("the answer comes first in the capture", Established, &[(B, SYN | ACK), (A, SYN), (A, ACK)]),
    ];
    for (what, state, frames) in cases {
        assert_eq!(after(frames).state, *state, "{what}");
    }
}

#[test]
fn the_client_is_the_one_that_sent_the_syn() {
    for frames in [[(End::A, SYN), (End::B, SYN | ACK)], [(End::B, SYN | ACK), (End::A, ACK)]] {
        let flow = after(&frames);
        assert_eq!((flow.client, flow.visibility), (End::A, Visibility::Full));
        assert_eq!((flow.side(End::A), flow.side(End::B)), (Side::Client, Side::Server));
    }
    let odd = after(&[(End::B, SYN), (End::A, SYN | ACK)]);
    assert_eq!(odd.client, End::B, "also against what the ports suggest");
}

#[test]
fn midway_the_port_tells_the_server() {
    for from in [End::A, End::B] {
        let flow = after(&[(from, ACK)]);
        assert_eq!((flow.client, flow.visibility), (End::A, Visibility::Midstream));
    }
}

#[test]
fn a_group_is_never_the_client() {
    let group = Ip::v4([239, 255, 255, 250]);
    let headers = Headers {
        src: HIGH,
        dst: group,
        src_port: 1900,
        dst_port: 50_000,
        protocol: protocol::UDP,
        ..Headers::default()
    };
    let (key, from) = Key::of(&headers);
    let flow = Flow::start(FlowId(1), key, from, &headers, Timestamp(1));
    assert_eq!(key.ip(flow.client), HIGH);
}

#[test]
fn both_directions_have_one_key() {
    let (there, from) = Key::of(&frame(End::A, SYN));
    let (back, to) = Key::of(&frame(End::B, SYN | ACK));
    assert_eq!((there, from, to), (back, End::A, End::B));
    let ping =
        |src, dst, kind| Headers { src, dst, protocol: protocol::ICMP, src_port: kind, ..Headers::default() };
    assert_eq!(Key::of(&ping(LOW, HIGH, 8)).0, Key::of(&ping(HIGH, LOW, 0)).0, "an echo and its reply");
}

#[test]
fn a_flow_is_small() {
    // 128,000 of them are to leave room for everything else in 300 MB.
    assert!(size_of::<Flow>() <= 448, "{}", size_of::<Flow>());
}

#[test]
fn figures_are_counted_by_direction() {
    let start = frame(End::A, ACK);
    let (key, end) = Key::of(&start);
    let mut flow = Flow::start(FlowId(1), key, end, &start, Timestamp(1_000));
    let sizes = [(End::A, 100u32, 1_000), (End::B, 70_000, 1_010), (End::A, 0, 1_050), (End::A, 7, 1_040)];
    for (from, payload_len, at) in sizes {
        let mac = |last: u8| Mac([2, 0, 0, 0, 0, last]);
        let (src_mac, dst_mac) = if from == End::A { (mac(1), mac(2)) } else { (mac(2), mac(1)) };
        let headers = Headers { payload_len, src_mac, dst_mac, ..frame(from, ACK) };
        flow.count(from, &headers, payload_len + 54, Timestamp(at));
    }
    let (a, b) = (flow.sent.a, flow.sent.b);
    assert_eq!((a.packets, a.payload, a.bytes), (3, 107, 107 + 3 * 54));
    assert_eq!((b.packets, b.payload, b.bytes), (1, 70_000, 70_054));
    assert_eq!(flow.first_sizes, [100, -i16::MAX, 7, 0, 0, 0, 0, 0]);
    assert_eq!((flow.first, flow.last), (Timestamp(1_000), Timestamp(1_050)));
    let arrivals = flow.timing.arrivals();
    assert_eq!(arrivals.max, 40);
    assert!((arrivals.mean - 50.0 / 3.0).abs() < 1e-9, "10, 40, and 0 where time ran backwards");
    assert!((arrivals.variance - 2600.0 / 9.0).abs() < 1e-9);
}
