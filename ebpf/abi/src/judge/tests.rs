//! Each rule of judging by a small world: pumps (segment 1, 10.1.0.0/16), servers (segment 2, 10.2.0.0/16); rule 7 lets
//! pumps open TCP and UDP 443 of servers, rule 8 lets them ping; all else is denied and enforced.

mod allowances;
mod bounds;
mod differential;
mod fragments;
mod limits;
mod quarantine;
mod reference;
mod servers;
mod tap;
mod together;
mod unattended;

use super::{Event, Fate, Judgement, Reason, Verdict, judge};
use crate::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use crate::headers::{Headers, ether_type, protocol, tcp_flag};
use crate::state::{Counters, RuleTally, State};
use crate::table::{Action, Cell, Mode, RuleId, SegmentId, ServiceClass};

const PUMP: [u8; 4] = [10, 1, 0, 5];
const SERVER: [u8; 4] = [10, 2, 0, 9];
const STRANGER: [u8; 4] = [192, 0, 2, 1];
const HTTPS: ServiceClass = ServiceClass(1);
const PING: ServiceClass = ServiceClass(2);

fn segment(number: u8) -> Option<SegmentId> {
    SegmentId::new(number)
}

fn cell(rule: u16, action: Action, mode: Mode) -> Cell {
    Cell { rule: RuleId::new(rule), action, mode }
}

/// The world, with the mode of its denials.
fn world(mode: Mode) -> Box<State> {
    let state = State::boxed();
    for (network, number) in [([10, 1, 0, 0], 1), ([10, 2, 0, 0], 2)] {
        state.identities().place_prefix(Ip::v4(network), 16, segment(number).unwrap()).unwrap();
    }
    let tables = state.tables();
    tables.set_tcp_class(443, HTTPS);
    tables.set_udp_class(443, HTTPS);
    tables.set_protocol_class(protocol::ICMP, PING);
    for class in 0..=255 {
        tables.set_cell(1, ServiceClass(class), cell(0, Action::Deny, mode)).unwrap();
        tables.set_cell(2, ServiceClass(class), cell(0, Action::Deny, mode)).unwrap();
    }
    for from in 1..=2 {
        for to in 1..=2 {
            tables.set_pair(segment(from), segment(to), 1).unwrap();
        }
    }
    tables.set_pair(segment(1), segment(2), 2).unwrap();
    tables.set_cell(2, HTTPS, cell(7, Action::Allow, Mode::Enforce)).unwrap();
    tables.set_cell(2, PING, cell(8, Action::Allow, Mode::Enforce)).unwrap();
    state.publish();
    state
}

fn close_https(state: &State) {
    state.tables().set_cell(2, HTTPS, cell(9, Action::Deny, Mode::Enforce)).unwrap();
    state.publish();
}

fn mac(ip: [u8; 4]) -> Mac {
    let [b0, b1, b2, b3] = ip;
    Mac([2, 0, b0, b1, b2, b3])
}

fn packet(number: u8, src: ([u8; 4], u16), dst: ([u8; 4], u16)) -> Headers {
    Headers {
        src_mac: mac(src.0),
        dst_mac: mac(dst.0),
        ether_type: ether_type::IPV4,
        src: Ip::v4(src.0),
        dst: Ip::v4(dst.0),
        protocol: number,
        ttl: 64,
        src_port: src.1,
        dst_port: dst.1,
        network_offset: 14,
        transport_offset: 34,
        network_end: 100,
        ..Headers::default()
    }
}

fn tcp(flags: u8, src: ([u8; 4], u16), dst: ([u8; 4], u16)) -> Headers {
    Headers { tcp_flags: flags, ..packet(protocol::TCP, src, dst) }
}

fn udp(src: ([u8; 4], u16), dst: ([u8; 4], u16)) -> Headers {
    packet(protocol::UDP, src, dst)
}

const SYN: u8 = tcp_flag::SYN;
const ACK: u8 = tcp_flag::ACK;

fn at(second: u64) -> Timestamp {
    Timestamp((1_700_000_000 + second) * SECOND)
}

fn see(state: &State, headers: &Headers) -> Judgement {
    judge(state, headers, 100, at(0))
}

/// The counters, with what the flows counted.
fn counted(state: &State) -> &Counters {
    state.settle();
    &state.counters
}

fn facts(verdict: Verdict) -> (Action, Reason, u16) {
    (verdict.action, verdict.reason, RuleId::number(verdict.rule))
}

#[test]
fn a_rule_allows_and_is_counted() {
    let state = world(Mode::Enforce);
    let first = see(&state, &tcp(SYN, (PUMP, 50_000), (SERVER, 443)));
    let expected = Verdict {
        action: Action::Allow,
        mode: Mode::Enforce,
        reason: Reason::Rule,
        rule: RuleId::new(7),
        from: segment(1),
        to: segment(2),
        service: HTTPS,
    };
    assert_eq!(first, Judgement { verdict: expected, event: Some(Event::NewFlow) });
    let second = see(&state, &tcp(ACK, (PUMP, 50_000), (SERVER, 443)));
    assert_eq!(second, Judgement { verdict: expected, event: None });
    assert_eq!(
        (counted(&state).rule(RuleId::new(7)).packets, state.counters.rule(RuleId::new(7)).bytes),
        (2, 200)
    );
    assert_eq!(counted(&state).pair(segment(1), segment(2)).allowed, 2);
    assert_eq!(state.flow(&tcp(ACK, (PUMP, 50_000), (SERVER, 443))).map(|flow| flow.packets), Some(2));
}

#[test]
fn a_denial_drops_only_where_it_is_enforced() {
    for (mode, fate) in [(Mode::Observe, Fate::Pass), (Mode::Alert, Fate::Pass), (Mode::Enforce, Fate::Drop)]
    {
        let state = world(mode);
        let denied = see(&state, &tcp(SYN, (PUMP, 50_000), (SERVER, 22)));
        assert_eq!(facts(denied.verdict), (Action::Deny, Reason::Default, 0));
        assert_eq!((denied.verdict.mode, denied.verdict.fate()), (mode, fate));
        assert_eq!(denied.event, Some(Event::Denied));
        assert_eq!(see(&state, &tcp(SYN, (PUMP, 50_000), (SERVER, 22))).event, None, "told once");
        assert_eq!(counted(&state).pair(segment(1), segment(2)).denied, 2);
    }
}

#[test]
fn a_reply_carries_the_segments_and_rule_of_the_flow_that_it_answers() {
    let state = world(Mode::Enforce);
    see(&state, &udp((PUMP, 50_000), (SERVER, 443)));
    let reply = see(&state, &udp((SERVER, 443), (PUMP, 50_000)));
    assert_eq!(facts(reply.verdict), (Action::Allow, Reason::Reply, 7));
    assert_eq!(
        (reply.verdict.from, reply.verdict.to, reply.verdict.service),
        (segment(1), segment(2), HTTPS)
    );
    assert_eq!(counted(&state).pair(segment(1), segment(2)).allowed, 2);
}

#[test]
fn what_looks_like_a_reply_to_nothing_is_denied() {
    let state = world(Mode::Enforce);
    let unasked = see(&state, &udp((SERVER, 443), (PUMP, 50_000)));
    assert_eq!(facts(unasked.verdict), (Action::Deny, Reason::Default, 0));
    see(&state, &udp((PUMP, 50_001), (SERVER, 443)));
    let other_port = see(&state, &udp((SERVER, 443), (PUMP, 50_002)));
    assert_eq!(other_port.verdict.action, Action::Deny);
}

#[test]
fn a_reply_that_came_before_its_question_does_not_stay_denied() {
    let state = world(Mode::Enforce);
    let reply = udp((SERVER, 443), (PUMP, 50_000));
    assert_eq!(see(&state, &Headers { vlan: [9, 0], ..reply }).verdict.action, Action::Deny);
    assert_eq!(see(&state, &reply).verdict.action, Action::Deny);
    see(&state, &udp((PUMP, 50_000), (SERVER, 443)));
    assert_eq!(facts(see(&state, &reply).verdict), (Action::Allow, Reason::Reply, 7));
    assert_eq!(see(&state, &Headers { vlan: [9, 0], ..reply }).verdict.reason, Reason::Reply);
}

#[test]
fn a_reply_is_no_flow_that_can_be_replied_to() {
    let state = world(Mode::Enforce);
    see(&state, &udp((PUMP, 443), (SERVER, 443)));
    see(&state, &udp((SERVER, 443), (PUMP, 443)));
    close_https(&state);
    let reply = see(&state, &udp((SERVER, 443), (PUMP, 443)));
    assert_eq!(reply.verdict.action, Action::Deny);
    assert_eq!(see(&state, &udp((PUMP, 443), (SERVER, 443))).verdict.action, Action::Deny);
}

#[test]
fn a_syn_is_never_a_reply() {
    let state = world(Mode::Enforce);
    see(&state, &tcp(SYN, (PUMP, 50_000), (SERVER, 443)));
    let syn = see(&state, &tcp(SYN, (SERVER, 443), (PUMP, 50_000)));
    assert_eq!(facts(syn.verdict), (Action::Deny, Reason::Default, 0));
}

#[test]
fn an_answer_to_a_denied_flow_has_its_verdict_and_is_not_told_again() {
    let state = world(Mode::Observe);
    see(&state, &tcp(SYN, (PUMP, 50_000), (SERVER, 22)));
    let answer = see(&state, &tcp(SYN | ACK, (SERVER, 22), (PUMP, 50_000)));
    assert_eq!(facts(answer.verdict), (Action::Deny, Reason::Reply, 0));
    assert_eq!((answer.verdict.from, answer.event), (segment(1), None));
}

#[test]
fn an_echo_reply_answers_an_echo_request_and_comes_never_unasked() {
    let state = world(Mode::Enforce);
    let request = packet(protocol::ICMP, (PUMP, 8), (SERVER, 0));
    let reply = packet(protocol::ICMP, (SERVER, 0), (PUMP, 0));
    assert_eq!(see(&state, &reply).verdict.action, Action::Deny);
    assert_eq!(facts(see(&state, &request).verdict), (Action::Allow, Reason::Rule, 8));
    assert_eq!(facts(see(&state, &reply).verdict), (Action::Allow, Reason::Reply, 8));
    let error = packet(protocol::ICMP, (SERVER, 3), (PUMP, 1));
    assert_eq!(see(&state, &error).verdict.action, Action::Deny);
}

#[test]
fn tcp_without_its_opening_is_allowed_if_either_side_may_open_it() {
    let state = world(Mode::Enforce);
    let back = see(&state, &tcp(ACK, (SERVER, 443), (PUMP, 50_000)));
    assert_eq!(facts(back.verdict), (Action::Allow, Reason::Midstream, 7));
    assert_eq!((back.verdict.from, back.verdict.to), (segment(1), segment(2)));
    let forth = see(&state, &tcp(ACK, (PUMP, 50_000), (SERVER, 443)));
    assert_eq!(facts(forth.verdict), (Action::Allow, Reason::Midstream, 7));
    let neither = see(&state, &tcp(ACK, (SERVER, 80), (PUMP, 50_000)));
    assert_eq!(facts(neither.verdict), (Action::Deny, Reason::Default, 0));
    assert_eq!((neither.verdict.from, neither.verdict.to), (segment(2), segment(1)));
}

#[test]
fn syn_and_ack_together_come_from_the_responder() {
    let state = world(Mode::Enforce);
    let tables = state.tables();
    tables.set_tcp_class(50_000, HTTPS);
    tables.set_cell(1, HTTPS, cell(11, Action::Allow, Mode::Enforce)).unwrap();
    state.publish();
    let answer = see(&state, &tcp(SYN | ACK, (SERVER, 443), (PUMP, 50_000)));
    assert_eq!(facts(answer.verdict), (Action::Allow, Reason::Midstream, 7));
    let plain = see(&state, &tcp(ACK, (SERVER, 443), ([10, 1, 0, 6], 50_000)));
    assert_eq!(facts(plain.verdict), (Action::Allow, Reason::Midstream, 11));
}

#[test]
fn a_published_policy_judges_every_flow_again_once() {
    let state = world(Mode::Enforce);
    let flows = (0..50).map(|n| udp((PUMP, 50_000 + n), (SERVER, 443))).collect::<Vec<_>>();
    for flow in flows.iter().chain(&flows) {
        see(&state, flow);
    }
    assert_eq!(state.counters.rejudged.load(), 0);
    close_https(&state);
    for flow in &flows {
        let judged = see(&state, flow);
        assert_eq!(facts(judged.verdict), (Action::Deny, Reason::Rule, 9));
        assert_eq!(judged.event, Some(Event::Denied));
    }
    for flow in &flows {
        assert_eq!(see(&state, flow).event, None);
    }
    assert_eq!(state.counters.rejudged.load(), 50);
}

#[test]
fn an_established_connection_is_cut_both_ways_and_not_taken_for_midstream() {
    let state = world(Mode::Enforce);
    // Whatever a server asks of a pump is allowed, so a guess of direction would let the connection live on.
    state.tables().set_pair(segment(2), segment(1), 3).unwrap();
    state.publish();
    see(&state, &tcp(SYN, (PUMP, 50_000), (SERVER, 443)));
    see(&state, &tcp(SYN | ACK, (SERVER, 443), (PUMP, 50_000)));
    close_https(&state);
    let data = see(&state, &tcp(ACK, (PUMP, 50_000), (SERVER, 443)));
    assert_eq!(facts(data.verdict), (Action::Deny, Reason::Rule, 9));
}

#[test]
fn a_reply_after_a_publication_is_judged_by_the_flow_that_it_answers() {
    let state = world(Mode::Enforce);
    see(&state, &udp((PUMP, 50_000), (SERVER, 443)));
    state.publish();
    let reply = see(&state, &udp((SERVER, 443), (PUMP, 50_000)));
    assert_eq!(facts(reply.verdict), (Action::Allow, Reason::Reply, 7));
    assert_eq!(state.counters.rejudged.load(), 1);
    let forward = see(&state, &udp((PUMP, 50_000), (SERVER, 443)));
    assert_eq!((facts(forward.verdict), forward.event), ((Action::Allow, Reason::Rule, 7), None));
    assert_eq!(state.counters.rejudged.load(), 1);
}

#[test]
fn a_new_mac_address_on_a_known_flow_is_one_event_and_no_drop() {
    let state = world(Mode::Enforce);
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    see(&state, &flow);
    let moved = Headers { src_mac: mac(STRANGER), ..flow };
    let judged = see(&state, &moved);
    assert_eq!(judged.event, Some(Event::MacMoved { from: mac(PUMP) }));
    assert_eq!(
        (facts(judged.verdict), judged.verdict.fate()),
        ((Action::Allow, Reason::Rule, 7), Fate::Pass)
    );
    assert_eq!(see(&state, &moved).event, None);
    assert_eq!((state.counters.mac_moved.load(), state.counters.rejudged.load()), (1, 0));
}

#[test]
fn two_routers_that_take_turns_are_no_event() {
    let state = world(Mode::Enforce);
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    let other = Headers { src_mac: mac(STRANGER), ..flow };
    state.identities().mark_router(flow.src_mac).unwrap();
    state.identities().mark_router(other.src_mac).unwrap();
    see(&state, &flow);
    assert_eq!(see(&state, &other).event, None);
    assert_eq!(state.counters.mac_moved.load(), 0);
    let strange = Headers { src_mac: mac(SERVER), ..flow };
    assert_eq!(see(&state, &strange).event, Some(Event::MacMoved { from: mac(STRANGER) }));
}

#[test]
fn what_lies_behind_routers_comes_from_any_mac_address_without_a_new_verdict() {
    let state = world(Mode::Enforce);
    state.identities().route_prefix(Ip::v4([10, 1, 0, 0]), 16).unwrap();
    state.publish();
    let flow = udp((PUMP, 50_000), (SERVER, 443));
    let other = Headers { src_mac: mac(STRANGER), ..flow };
    assert_eq!(see(&state, &flow).event, Some(Event::NewFlow));
    for frame in [other, flow, other] {
        let judged = see(&state, &frame);
        assert_eq!((facts(judged.verdict), judged.event), ((Action::Allow, Reason::Rule, 7), None));
        assert_eq!(state.flow(&frame).unwrap().mac, frame.src_mac);
    }
    let bound = udp((SERVER, 443), (PUMP, 50_000));
    see(&state, &bound);
    let moved = Headers { src_mac: mac(STRANGER), ..bound };
    assert_eq!(see(&state, &moved).event, Some(Event::MacMoved { from: mac(SERVER) }));
    assert_eq!((state.counters.mac_moved.load(), state.counters.rejudged.load()), (1, 0));
    // The other router may be the one that is cut off.
    state.quarantine(&[DeviceKey::Mac(mac(STRANGER))]).unwrap();
    assert_eq!(see(&state, &flow).verdict.fate(), Fate::Pass);
    assert_eq!(see(&state, &other).verdict.reason, Reason::Quarantine);
}

#[test]
fn a_default_with_an_unassigned_side_says_so() {
    let state = world(Mode::Enforce);
    let judged = see(&state, &udp((STRANGER, 50_000), (SERVER, 443)));
    assert_eq!(facts(judged.verdict), (Action::Allow, Reason::Unassigned, 0));
    assert_eq!((judged.verdict.mode, judged.verdict.from), (Mode::Observe, None));
}

#[test]
fn a_group_is_in_the_segment_of_the_sender_unless_a_prefix_of_groups_names_it() {
    let state = world(Mode::Enforce);
    let group = [239, 255, 255, 250];
    let to = |state: &State, dst: [u8; 4], port| see(state, &udp((PUMP, 50_000), (dst, port))).verdict.to;
    assert_eq!(to(&state, group, 1), segment(1));
    state.identities().place_prefix(Ip::v4([0, 0, 0, 0]), 0, segment(5).unwrap()).unwrap();
    assert_eq!(to(&state, group, 2), segment(1));
    state.identities().place_prefix(Ip::v4([239, 0, 0, 0]), 8, segment(6).unwrap()).unwrap();
    assert_eq!(to(&state, group, 3), segment(6));
    assert_eq!(to(&state, [255, 255, 255, 255], 4), segment(1));
    let mut directed = udp((PUMP, 50_000), ([10, 2, 255, 255], 5));
    directed.dst_mac = Mac([0xff; 6]);
    assert_eq!(see(&state, &directed).verdict.to, segment(2));
}

#[test]
fn after_an_idle_hour_nothing_is_remembered() {
    let state = world(Mode::Enforce);
    let ask = udp((PUMP, 50_000), (SERVER, 443));
    judge(&state, &ask, 100, at(0));
    let almost = judge(&state, &udp((SERVER, 443), (PUMP, 50_000)), 100, at(3599));
    assert_eq!(almost.verdict.reason, Reason::Reply);
    let late = judge(&state, &udp((SERVER, 443), (PUMP, 50_000)), 100, at(3599 + 3602));
    assert_eq!(facts(late.verdict), (Action::Deny, Reason::Default, 0));
    assert_eq!(judge(&state, &ask, 100, at(9000)).event, Some(Event::NewFlow));
}

#[test]
fn time_that_runs_backwards_forgets_nothing() {
    let state = world(Mode::Enforce);
    let ask = udp((PUMP, 50_000), (SERVER, 443));
    judge(&state, &ask, 100, at(100_000));
    assert_eq!(judge(&state, &ask, 100, at(0)).event, None);
    assert_eq!(judge(&state, &ask, 100, at(103_000)).event, None);
}

#[test]
fn a_reply_that_was_routed_is_found_in_another_vlan() {
    let state = world(Mode::Enforce);
    see(&state, &Headers { vlan: [10, 0], ..udp((PUMP, 50_000), (SERVER, 443)) });
    let reply = see(&state, &Headers { vlan: [20, 0], ..udp((SERVER, 443), (PUMP, 50_000)) });
    assert_eq!(facts(reply.verdict), (Action::Allow, Reason::Reply, 7));
    let elsewhere = see(&state, &Headers { vlan: [20, 0], ..udp((PUMP, 50_000), (SERVER, 443)) });
    assert_eq!(elsewhere.event, Some(Event::NewFlow), "in its own direction a flow belongs to one VLAN");
}

#[test]
fn what_enforcing_would_have_dropped_is_counted_beside_what_is_dropped() {
    let ssh = |port| tcp(SYN, (PUMP, port), (SERVER, 22));
    let state = world(Mode::Alert);
    for port in 1..=5 {
        assert_eq!(see(&state, &ssh(port)).verdict.fate(), Fate::Pass);
    }
    // The rule that denies HTTPS is enforced, in a policy that else only alerts.
    close_https(&state);
    for port in 1..=3 {
        assert_eq!(see(&state, &tcp(SYN, (PUMP, port), (SERVER, 443))).verdict.fate(), Fate::Drop);
    }
    let counters = counted(&state);
    let default = counters.rule(None);
    assert_eq!(default, RuleTally { packets: 5, bytes: 500, denied: 5, dropped: 0 });
    assert_eq!(counters.rule(RuleId::new(9)), RuleTally { packets: 3, bytes: 300, denied: 3, dropped: 3 });
    let pair = counters.pair(segment(1), segment(2));
    assert_eq!((pair.allowed, pair.denied, pair.dropped), (0, 8, 3));
    assert_eq!((default.would_drop(), pair.would_drop()), (5, 5));
}
