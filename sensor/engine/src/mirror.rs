//! Copies of a frame that a mirror delivers twice: the same packet within 5 ms, also after routing, when TTL, checksum,
//! MAC addresses and VLAN tags have changed. The first copy counts.

use abi::address::{MILLISECOND, Timestamp};
use abi::headers::ether_type;
use wire::frame::Frame;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How far apart two copies may lie.
pub(crate) const WINDOW: u64 = 5 * MILLISECOND;
/// Sets to begin with: a table that stays in the first cache as long as frames are few.
const FEWEST: usize = 1 << 8;
/// Sets at most: 5 ms at more than 6 M frames a second.
const MOST: usize = 1 << 13;
const WAYS: usize = 4;

#[derive(Clone, Copy, Default)]
struct Seen {
    digest: u64,
    at: u64,
}

/// The frames of the last 5 ms, by digest.
pub(crate) struct Mirror {
    sets: Box<[[Seen; WAYS]]>,
    seed: u64,
    /// Entries younger than the window that had to make room: copies of those frames go unnoticed.
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
        Mirror { sets: vec![[Seen::default(); WAYS]; FEWEST].into_boxed_slice(), seed, overflows: 0 }
    }

    /// Tells whether `frame` is a copy of one seen within the window before `at`, and remembers it if not.
    pub(crate) fn look(&mut self, frame: &Frame<'_>, at: Timestamp) -> Copy {
        let digest = digest(frame, self.seed);
        let index = place(digest, self.sets.len());
        let Some(set) = self.sets.get_mut(index) else { return Copy::First };
        // Time may run backwards between files: the distance counts, whichever way.
        if set.iter().any(|seen| seen.digest == digest && seen.at != 0 && seen.at.abs_diff(at.0) <= WINDOW) {
            return Copy::Again;
        }
        let crowded = if let Some(oldest) = set.iter_mut().min_by_key(|seen| seen.at) {
            let young = oldest.at != 0 && oldest.at.abs_diff(at.0) <= WINDOW;
            *oldest = Seen { digest, at: at.0.max(1) };
            young
        } else {
            false
        };
        if crowded {
            self.overflows += 1;
            self.grow();
        }
        Copy::First
    }

    /// Doubles the table, up to its bound. What is in it stays, as far as the sets have room.
    fn grow(&mut self) {
        let sets = self.sets.len() * 2;
        if sets > MOST {
            return;
        }
        let mut grown = vec![[Seen::default(); WAYS]; sets].into_boxed_slice();
        for seen in self.sets.iter().flatten().filter(|seen| seen.at != 0) {
            let set = grown.get_mut(place(seen.digest, sets));
            if let Some(free) = set.and_then(|set| set.iter_mut().find(|other| other.at == 0)) {
                *free = *seen;
            }
        }
        self.sets = grown;
    }
}

fn place(digest: u64, sets: usize) -> usize {
    usize::try_from(digest & (sets as u64 - 1)).unwrap_or(0)
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
        let end = usize::try_from(headers.network_end).unwrap_or(usize::MAX);
        let body = frame.bytes.get(usize::from(headers.network_offset) + 20..end.min(frame.bytes.len()));
        return xxh3_64_with_seed(body.unwrap_or_default(), xxh3_64_with_seed(&head, seed));
    }
    if headers.ether_type == ether_type::IPV6 && rest.len() >= 40 {
        // RFC 8200: payload length and next header; hop limit, traffic class and flow label are left out.
        let head = xxh3_64_with_seed(rest.get(4..7).unwrap_or_default(), seed);
        let end = usize::try_from(headers.network_end).unwrap_or(usize::MAX);
        let body = frame.bytes.get(usize::from(headers.network_offset) + 8..end.min(frame.bytes.len()));
        return xxh3_64_with_seed(body.unwrap_or_default(), head);
    }
    // Nothing below IP is routed: source and destination belong to the frame.
    let macs = xxh3_64_with_seed(&headers.src_mac.0, xxh3_64_with_seed(&headers.dst_mac.0, seed));
    xxh3_64_with_seed(rest, macs)
}
