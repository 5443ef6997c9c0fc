//! Later fragments of an IP datagram have no ports: they belong to the flow of the first one (RFC 791, RFC 8200).

use abi::address::{Ip, SECOND, Timestamp};
use abi::headers::{Fragment, Headers};

/// How long the parts of a datagram may be apart (RFC 8200 section 4.5).
const LIFETIME: u64 = 60 * SECOND;
const SLOTS: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct First {
    src: Ip,
    dst: Ip,
    protocol: u8,
    id: u32,
    ports: (u16, u16),
    at: Timestamp,
}

/// First fragments of the last minute, the most recent of each slot.
#[derive(Debug)]
pub(crate) struct Fragments {
    slots: Box<[Option<First>]>,
    /// First fragments that had to make room while they were young.
    pub(crate) overflows: u64,
    /// Later fragments whose first one was not seen.
    pub(crate) orphans: u64,
}

impl First {
    /// Whether a fragment is of the same datagram. IPv4 tells datagrams apart by their protocol too (RFC 791 section 3.2);
    /// in IPv6 a later fragment may name the extension header that the first one begins with (RFC 8200 section 4.5).
    fn is_of(&self, headers: &Headers, id: u32) -> bool {
        self.id == id
            && self.src == headers.src
            && self.dst == headers.dst
            && (self.protocol == headers.protocol || headers.src.as_v4().is_none())
    }
}

impl Default for Fragments {
    fn default() -> Fragments {
        Fragments { slots: vec![None; SLOTS].into_boxed_slice(), overflows: 0, orphans: 0 }
    }
}

impl Fragments {
    /// Gives a later fragment the ports of its first one, and remembers first ones.
    pub(crate) fn join(&mut self, headers: &mut Headers, at: Timestamp) {
        match headers.fragment {
            Fragment::Whole => {}
            Fragment::First { id, .. } => {
                let first = First {
                    src: headers.src,
                    dst: headers.dst,
                    protocol: headers.protocol,
                    id,
                    ports: (headers.src_port, headers.dst_port),
                    at,
                };
                let Some(slot) = self.slots.get_mut(slot(headers, id)) else { return };
                let young = |other: &First| at.since(other.at) < LIFETIME && !other.is_of(headers, id);
                if slot.as_ref().is_some_and(young) {
                    self.overflows += 1;
                }
                *slot = Some(first);
            }
            Fragment::Later { id, .. } => {
                let known = self.slots.get(slot(headers, id)).copied().flatten();
                match known.filter(|first| first.is_of(headers, id) && at.since(first.at) < LIFETIME) {
                    Some(first) => {
                        (headers.src_port, headers.dst_port) = first.ports;
                        headers.protocol = first.protocol;
                    }
                    None => self.orphans += 1,
                }
            }
        }
    }
}

fn slot(headers: &Headers, id: u32) -> usize {
    let [.., a, b] = headers.src.0;
    let [.., c, d] = headers.dst.0;
    let mixed = id ^ u32::from_be_bytes([a, b, c, d]).rotate_left(7);
    (mixed.wrapping_mul(0x9e37_79b1) >> 22) as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests;
