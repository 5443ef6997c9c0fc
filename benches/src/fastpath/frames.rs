//! The frames and flows that are measured: short UDP datagrams, from clients in 10.0.0.0/8 to servers in 172.16.0.0/12.

use super::programs::Flow;
use fixtures::frames::checksum;
use fixtures::random::Random;

/// The destination port that the policy allows.
pub const ALLOWED: u16 = 104;
/// The destination port that it denies.
pub const DENIED: u16 = 445;
/// Source and destination address of the link.
pub const LINK: [u8; 12] = [2, 0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 1];
/// Servers that flows go to.
pub const SERVERS: u32 = 16;

/// What stands between link and transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// IPv4 in two VLAN tags.
    Qinq,
}

/// A frame of `len` bytes (at least 64) to a port.
pub fn frame(shape: Shape, port: u16, len: usize) -> Vec<u8> {
    let mut frame = LINK.to_vec();
    match shape {
        Shape::V4 => frame.extend([0x08, 0x00]),
        Shape::V6 => frame.extend([0x86, 0xdd]),
        Shape::Qinq => frame.extend([0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 9, 0x08, 0x00]),
    }
    let ports = [40_000_u16.to_be_bytes(), port.to_be_bytes()].concat();
    match shape {
        Shape::V4 | Shape::Qinq => {
            let total = u16::try_from(len.saturating_sub(frame.len())).unwrap_or(u16::MAX);
            frame.extend(v4([10, 0, 0, 1, 172, 16, 0, 1], total));
            datagram(&mut frame, &ports, total.saturating_sub(20));
        }
        Shape::V6 => {
            let payload = u16::try_from(len.saturating_sub(frame.len() + 40)).unwrap_or(u16::MAX);
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(payload.to_be_bytes());
            frame.extend([17, 64]);
            for net in [1, 2] {
                frame.extend([0xfd, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            }
            datagram(&mut frame, &ports, payload);
        }
    }
    frame.resize(len.max(frame.len()), 0);
    frame
}

fn datagram(frame: &mut Vec<u8>, ports: &[u8], len: u16) {
    frame.extend(ports);
    frame.extend(len.to_be_bytes());
    // No checksum (RFC 768).
    frame.extend([0, 0]);
}

fn v4(addresses: [u8; 8], total: u16) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend(total.to_be_bytes());
    header.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    header.extend(addresses);
    let sum = checksum(&[&header]).to_be_bytes();
    header.splice(10..12, sum);
    header
}

/// Flow number `number` to a port, in frames of `len` bytes: 16 source ports for each client.
pub fn flow(number: u32, port: u16, len: usize) -> Flow {
    let [_, c0, c1, c2] = (number / 16).wrapping_add(256).to_be_bytes();
    let [.., server] = (1 + number % SERVERS).to_be_bytes();
    let from = 40_000 + u16::try_from(number / SERVERS % 16).unwrap_or(0);
    let [p0, p1] = from.to_be_bytes();
    let [p2, p3] = port.to_be_bytes();
    of([10, c0, c1, c2, 172, 16, 0, server], [p0, p1, p2, p3], len)
}

/// The other direction of a flow.
pub fn reversed(flow: &Flow, len: usize) -> Flow {
    let [s0, s1, s2, s3, d0, d1, d2, d3] = flow.addresses;
    let [p0, p1, p2, p3] = flow.ports;
    of([d0, d1, d2, d3, s0, s1, s2, s3], [p2, p3, p0, p1], len)
}

fn of(addresses: [u8; 8], ports: [u8; 4], len: usize) -> Flow {
    let total = u16::try_from(len.saturating_sub(14)).unwrap_or(u16::MAX);
    let checksum =
        v4(addresses, total).get(10..12).and_then(|two| two.first_chunk().copied()).unwrap_or_default();
    Flow { addresses, ports, checksum }
}

/// `flows` flows one after another.
pub fn round_robin(flows: u32, port: u16, len: usize) -> Vec<Flow> {
    (0..flows).map(|number| flow(number, port, len)).collect()
}

/// A sequence in which flow number k of `flows` comes with a probability in proportion to 1 / (k + 1).
pub fn zipf(flows: u32, count: u32, port: u16, len: usize) -> Vec<Flow> {
    let mut sums = Vec::new();
    let mut sum = 0.0;
    for rank in 1..=flows {
        sum += 1.0 / f64::from(rank);
        sums.push(sum);
    }
    let mut random = Random::seeded(0x21bf);
    let draw = |_| {
        let drawn = f64::from(u32::try_from(random.below(1 << 30)).unwrap_or(0)) / f64::from(1 << 30) * sum;
        let rank = sums.partition_point(|sum| *sum < drawn);
        flow(u32::try_from(rank).unwrap_or(0), port, len)
    };
    (0..count).map(draw).collect()
}

/// A frame of a flow over IPv4.
pub fn frame_of(flow: &Flow, len: usize) -> Vec<u8> {
    let mut frame = frame(Shape::V4, 0, len);
    let fields = [flow.checksum.as_slice(), &flow.addresses, &flow.ports].concat();
    frame.splice(24..38, fields);
    frame
}
