//! IPv6 prefixes: a hash table of them all, asked once for each length in use, the longest first.

use crate::address::Ip;
use crate::mix::mix;
use crate::state::flow::words;
use crate::table::{Full, SegmentId};

/// IPv6 prefixes that can be known at a time; half of it before places near a key may run out.
pub const V6_SLOTS: usize = 4096;
/// Different lengths that they may have.
pub const V6_LENGTHS: usize = 16;
/// Slots after its own in which a prefix may lie.
const PROBES: usize = 16;

/// A prefix. Rank is `len + 1`; 0 is an empty slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct Slot {
    network: [u64; 2],
    rank: u8,
    segment: u8,
    reserved: [u8; 6],
}

/// All IPv6 prefixes.
#[repr(C)]
pub(super) struct Prefixes {
    slots: [Slot; V6_SLOTS],
    /// The ranks in use, greatest first, then zeros.
    ranks: [u8; V6_LENGTHS],
}

fn cut(ip: Ip, len: u8) -> [u64; 2] {
    let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
    words((u128::from_be_bytes(ip.0) & mask).to_be_bytes())
}

fn places(network: [u64; 2], rank: u8) -> impl Iterator<Item = usize> {
    let [high, low] = network;
    let start = (mix([high, low, u64::from(rank)], 0) >> 40) as usize;
    (0..PROBES).map(move |step| (start + step) % V6_SLOTS)
}

impl Prefixes {
    /// The longest prefix of an address.
    pub(super) fn find(&self, ip: Ip) -> Option<(SegmentId, u8)> {
        self.ranks.iter().take_while(|&&rank| rank != 0).find_map(|&rank| {
            let len = rank - 1;
            let network = cut(ip, len);
            let slot = places(network, rank)
                .map_while(|at| self.slots.get(at).filter(|slot| slot.rank != 0))
                .find(|slot| slot.rank == rank && slot.network == network)?;
            Some((SegmentId::new(slot.segment)?, len))
        })
    }

    pub(super) fn place(&mut self, network: Ip, len: u8, segment: SegmentId) -> Result<(), Full> {
        let len = len.min(128);
        let rank = len + 1;
        let network = cut(network, len);
        let at = places(network, rank)
            .find(|&at| {
                self.slots.get(at).is_some_and(|s| s.rank == 0 || (s.rank == rank && s.network == network))
            })
            .ok_or(Full::Prefixes)?;
        if !self.ranks.contains(&rank) {
            let free = self.ranks.iter_mut().find(|slot| **slot == 0).ok_or(Full::Prefixes)?;
            *free = rank;
            self.ranks.sort_unstable_by(|a, b| b.cmp(a));
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { network, rank, segment: segment.0.get(), reserved: [0; 6] };
        }
        Ok(())
    }

    pub(super) fn forget(&mut self) {
        self.slots.fill(Slot::default());
        self.ranks.fill(0);
    }
}
