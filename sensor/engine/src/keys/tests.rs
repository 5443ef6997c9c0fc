//! Distinct keys are counted once, whichever way their frames go.

use super::Keys;
use crate::flow::Key;
use abi::address::Ip;
use abi::headers::{Headers, protocol};

fn headers(protocol: u8, ports: (u16, u16)) -> Headers {
    let (src, dst) = (Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2]));
    Headers { src, dst, protocol, src_port: ports.0, dst_port: ports.1, ..Headers::default() }
}

#[test]
fn both_directions_and_repetitions_count_once() {
    for seed in [0, 99] {
        let mut keys = Keys::new(seed);
        for protocol in [protocol::TCP, protocol::UDP, protocol::ICMP] {
            for port in 0..100 {
                let there = headers(protocol, (port, 80));
                let back = Headers { src: there.dst, dst: there.src, src_port: 80, dst_port: port, ..there };
                for headers in [there, back, there] {
                    keys.add(&Key::of(&headers).0);
                }
            }
        }
        assert_eq!((keys.count(), keys.overflows), ((100, 100), 0), "ICMP has no ports");
    }
}
