//! The mixed capture that throughput is measured on: captures replicated with shifted addresses and merged by time.
#![expect(
    clippy::indexing_slicing,
    reason = "offsets are checked against the frame's length first; a workload may panic"
)]

use abi::address::Timestamp;
use abi::headers::{ether_type, protocol, read_ethernet};

/// A frame of the mix.
#[derive(Clone, Debug)]
pub struct Framed {
    /// When, from the start of the mix.
    pub at: Timestamp,
    /// Bytes captured.
    pub bytes: Vec<u8>,
    /// Length on the wire.
    pub wire_len: u32,
}

/// Rewrites an Ethernet frame for replica `k`: site-internal IPv4 addresses and MAC addresses move, ports and payload stay,
/// checksums are adjusted (RFC 1624). Replica 0 is the original.
pub fn shift(frame: &mut [u8], k: u16) {
    if k == 0 || frame.len() < 14 {
        return;
    }
    let headers = *read_ethernet(frame).headers();
    for start in [0usize, 6] {
        // Group addresses stay; a device's last but two bytes move.
        if frame[start] & 1 == 0 {
            let [a, b] = k.to_be_bytes();
            frame[start + 3] = frame[start + 3].wrapping_add(b);
            frame[start + 4] = frame[start + 4].wrapping_add(a.wrapping_mul(29));
        }
    }
    let network = usize::from(headers.network_offset);
    if headers.ether_type == ether_type::ARP && frame.len() >= network + 28 {
        for start in [network + 14, network + 24] {
            move_address(frame, start, k);
        }
    }
    if headers.ether_type != ether_type::IPV4 || frame.len() < network + 20 {
        return;
    }
    let mut delta = 0u32;
    for start in [network + 12, network + 16] {
        let before = words(frame, start);
        move_address(frame, start, k);
        let after = words(frame, start);
        for (old, new) in before.into_iter().zip(after) {
            delta += u32::from(!old) + u32::from(new);
        }
    }
    adjust(frame, network + 10, delta);
    let transport = usize::from(headers.transport_offset);
    let checksum = match headers.protocol {
        protocol::TCP if transport > 0 => transport + 16,
        protocol::UDP if transport > 0 => transport + 6,
        _ => return,
    };
    if frame.len() >= checksum + 2 && frame[checksum..checksum + 2] != [0, 0] {
        adjust(frame, checksum, delta);
    }
}

fn words(frame: &[u8], start: usize) -> [u16; 2] {
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    [word(start), word(start + 2)]
}

/// 10.x and 192.168 addresses move in their second half; all others are the world's, which every replica shares.
fn move_address(frame: &mut [u8], start: usize, k: u16) {
    let [low, high] = k.to_le_bytes();
    match frame[start] {
        10 => {
            frame[start + 1] = frame[start + 1].wrapping_add(low & 0x7f);
            frame[start + 2] = frame[start + 2].wrapping_add((low >> 7 | high << 1).wrapping_mul(37));
        }
        192 if frame[start + 1] == 168 => frame[start + 2] = frame[start + 2].wrapping_add(low),
        _ => {}
    }
}

fn adjust(frame: &mut [u8], at: usize, delta: u32) {
    let old = u16::from_be_bytes([frame[at], frame[at + 1]]);
    let mut sum = u32::from(!old) + delta;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let new = !u16::try_from(sum).unwrap_or(0);
    frame[at..at + 2].copy_from_slice(&new.to_be_bytes());
}
