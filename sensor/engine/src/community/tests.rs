use super::community_id;
use abi::address::Ip;
use std::net::IpAddr;

fn ip(text: &str) -> Ip {
    Ip::from(text.parse::<IpAddr>().unwrap())
}

/// One vector of the specification's reference implementation.
fn check(protocol: u8, src: (&str, u16), dst: (&str, u16), expected: &str) {
    let id = community_id(protocol, (ip(src.0), src.1), (ip(dst.0), dst.1));
    assert_eq!(std::str::from_utf8(&id).unwrap(), expected, "{protocol} {src:?} -> {dst:?}");
}

#[test]
fn tcp_has_one_id_in_both_directions() {
    let (a, b) = (("128.232.110.120", 34855), ("66.35.250.204", 80));
    check(6, a, b, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    check(6, b, a, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    check(6, ("10.0.0.1", 10), ("10.0.0.2", 11569), "1:SXBGMX1lBOwhhoDrZynfROxnhnM=");
    check(6, ("1.2.3.4", 1122), ("5.6.7.8", 3344), "1:wCb3OG7yAFWelaUydu0D+125CLM=");
}

#[test]
fn ports_order_the_ends_when_the_addresses_are_equal() {
    check(6, ("192.168.1.42", 42), ("192.168.1.42", 41), "1:eRcf7I/xocOxnYo5pbJBV5NhVm0=");
    check(6, ("192.168.1.42", 41), ("192.168.1.42", 42), "1:eRcf7I/xocOxnYo5pbJBV5NhVm0=");
}

#[test]
fn udp_and_sctp_have_one_id_in_both_directions() {
    check(17, ("192.168.1.52", 54585), ("8.8.8.8", 53), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    check(17, ("8.8.8.8", 53), ("192.168.1.52", 54585), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    check(132, ("192.168.170.8", 7), ("192.168.170.56", 80), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
    check(132, ("192.168.170.56", 80), ("192.168.170.8", 7), "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
}

#[test]
fn icmp_request_and_reply_meet() {
    check(1, ("192.168.0.89", 8), ("192.168.0.1", 0), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    check(1, ("192.168.0.1", 0), ("192.168.0.89", 8), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    // The code is no part of a type that has an answer.
    check(1, ("192.168.0.1", 0), ("192.168.0.89", 20), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    check(1, ("1.2.3.4", 8), ("5.6.7.8", 0), "1:crodRHL2FEsHjbv3UkRrfbs4bZ0=");
}

#[test]
fn icmp_without_an_answer_keeps_its_direction_and_its_code() {
    check(1, ("192.168.0.89", 20), ("192.168.0.1", 0), "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=");
    check(1, ("192.168.0.89", 20), ("192.168.0.1", 1), "1:tz/fHIDUHs19NkixVVoOZywde+I=");
}

#[test]
fn neighbour_solicitation_and_advertisement_meet() {
    let (a, b) = ("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea");
    check(58, (a, 135), (b, 0), "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
    check(58, (b, 136), (a, 0), "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
}

#[test]
fn icmpv6_errors_keep_their_direction() {
    let (a, b) = ("3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da");
    check(58, (a, 3), (b, 0), "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=");
    check(58, (b, 3), (a, 0), "1:/OGBt9BN1ofenrmSPWYicpij2Vc=");
    check(
        58,
        ("3ffe:501:0:1802:260:97ff:feb6:7ff0", 3),
        ("3ffe:507:0:1:200:86ff:fe05:80da", 0),
        "1:bnQKq8A2r//dWnkRW2EYcMhShjc=",
    );
}

#[test]
fn a_protocol_without_ports_ignores_them() {
    check(46, ("10.1.24.4", 0), ("10.1.12.1", 0), "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=");
    check(46, ("10.1.12.1", 9), ("10.1.24.4", 4), "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=");
}
