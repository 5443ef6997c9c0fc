//! Copies of a frame that a mirror delivers twice: the same packet within 5 ms, also after routing, when TTL, checksum,
//! MAC addresses and VLAN tags have changed. The first copy counts.

use abi::address::{MILLISECOND, Timestamp};
use abi::headers::ether_type;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::collections::VecDeque;
use wire::frame::Frame;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How far apart two copies may lie.
pub(crate) const WINDOW: u64 = 5 * MILLISECOND;
/// Frames that are remembered: 5 ms at 26 M frames a second.
const MOST: usize = 1 << 17;

#[derive(Clone, Copy)]
struct Seen {
    digest: u64,
    at: Timestamp,
}

/// The frames of the last 5 ms, by digest. Exactly those: what it says depends on no digest's value, only on the frames.
pub(crate) struct Mirror {
    seen: HashTable<Seen>,
    /// The same in the order of their coming.
    line: VecDeque<Seen>,
    seed: u64,
    /// Frames within the window that had to make room: copies of them go unnoticed.
    pub(crate) overflows: u64,
}

/// Whether a frame was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    /// The first one, or the only one.
    First,
    /// A copy of one already counted.
    Again,
}

impl Mirror {
    /// An empty memory. `seed` keys the digest, so that nobody on the network can make two frames collide.
    pub(crate) fn new(seed: u64) -> Mirror {
        Mirror { seen: HashTable::new(), line: VecDeque::new(), seed, overflows: 0 }
    }

    /// Tells whether `frame` is a copy of one seen within the window before `at`, and remembers it if not.
    pub(crate) fn look(&mut self, frame: &Frame<'_>, at: Timestamp) -> Copy {
        self.forget(at);
        let digest = digest(frame, self.seed);
        let now = Seen { digest, at };
        match self.seen.entry(digest, |seen| seen.digest == digest, |seen| seen.digest) {
            Entry::Occupied(mut known) => {
                if is_near(known.get().at, at) {
                    return Copy::Again;
                }
                *known.get_mut() = now;
            }
            Entry::Vacant(free) => {
                free.insert(now);
            }
        }
        self.line.push_back(now);
        Copy::First
    }

    /// Lets go of what lies too far back, or too far ahead because time was set back.
    fn forget(&mut self, at: Timestamp) {
        while let Some(&Seen { digest, at: then }) = self.line.front() {
            let near = is_near(then, at);
            if near && self.line.len() < MOST {
                return;
            }
            self.overflows += u64::from(near);
            self.line.pop_front();
            if let Ok(known) = self.seen.find_entry(digest, |seen| seen.digest == digest && seen.at == then) {
                known.remove();
            }
        }
    }
}

/// The distance counts, whichever way: time may run backwards a little between files.
const fn is_near(then: Timestamp, at: Timestamp) -> bool {
    then.0.abs_diff(at.0) <= WINDOW
}

/// Hashes what routing leaves alone: addresses, protocol, identification, and everything above IP; below IP the frame
/// after its tags.
fn digest(frame: &Frame<'_>, seed: u64) -> u64 {
    let headers = &frame.headers;
    let rest = frame.bytes.get(usize::from(headers.network_offset)..).unwrap_or_default();
    let seed = seed ^ u64::from(headers.ether_type);
    if headers.ether_type == ether_type::IPV4 && rest.len() >= 20 {
        // RFC 791: total length, identification, flags and offset; then protocol; then the addresses.
        // Left out: DSCP (may be re-marked), TTL and header checksum (change at each hop).
        let mut head = [0u8; 15];
        if let (Some(a), Some(p), Some(b)) = (rest.get(2..8), rest.get(9..10), rest.get(12..20)) {
            head[..6].copy_from_slice(a);
            head[6..7].copy_from_slice(p);
            head[7..].copy_from_slice(b);
        }
        return xxh3_64_with_seed(body(frame, 20), xxh3_64_with_seed(&head, seed));
    }
    if headers.ether_type == ether_type::IPV6 && rest.len() >= 40 {
        // RFC 8200: payload length and next header; hop limit, traffic class and flow label are left out.
        let head = xxh3_64_with_seed(rest.get(4..7).unwrap_or_default(), seed);
        return xxh3_64_with_seed(body(frame, 8), head);
    }
    // Nothing below IP is routed: source and destination belong to the frame.
    let macs = xxh3_64_with_seed(&headers.src_mac.0, xxh3_64_with_seed(&headers.dst_mac.0, seed));
    xxh3_64_with_seed(rest, macs)
}

/// The bytes of an IP datagram from `skip` on, without padding; all there is, where its length contradicts itself.
fn body<'a>(frame: &Frame<'a>, skip: usize) -> &'a [u8] {
    let end = match frame.headers.network_end {
        0 => frame.bytes.len(),
        end => usize::try_from(end).unwrap_or(usize::MAX).min(frame.bytes.len()),
    };
    frame.bytes.get(usize::from(frame.headers.network_offset) + skip..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
