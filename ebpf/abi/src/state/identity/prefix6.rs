//! IPv6 prefixes: a hash table of them all, asked once for each length in use, the longest first.

use crate::address::Ip;
use crate::cell::Cell64;
use crate::mix::mix;
use crate::state::key::words;
use crate::table::{Full, SegmentId};

/// IPv6 prefixes that can be known at a time; half of it before places near a key may run out.
pub const V6_SLOTS: usize = 4096;
/// Different lengths that they may have.
pub const V6_LENGTHS: usize = 16;
/// Slots after its own in which a prefix may lie.
const PROBES: usize = 16;

/// A prefix.
#[repr(C)]
struct Slot {
    network: [Cell64; 2],
    /// Rank and segment number; rank is `len + 1`, and 0 is an empty slot.
    what: Cell64,
}

impl Slot {
    const fn what(rank: u8, segment: SegmentId) -> u64 {
        ((rank as u64) << 8) | segment.0.get() as u64
    }

    fn rank(&self) -> u64 {
        self.what.load() >> 8
    }

    fn is(&self, [high, low]: [u64; 2], rank: u8) -> bool {
        let [own_high, own_low] = &self.network;
        self.rank() == u64::from(rank) && own_high.load() == high && own_low.load() == low
    }
}

/// All IPv6 prefixes.
#[repr(C)]
pub(super) struct Prefixes {
    slots: [Slot; V6_SLOTS],
    /// The ranks in use, greatest first, then zeros.
    ranks: [Cell64; V6_LENGTHS],
}

/// The first `len` bits of an address, at most 128.
fn cut([high, low]: [u64; 2], len: u8) -> [u64; 2] {
    let mask = |bits: u8| u64::MAX.checked_shl(64 - u32::from(bits)).unwrap_or(0);
    if len <= 64 { [high & mask(len), 0] } else { [high, low & mask((len - 64).min(64))] }
}

fn start(network: [u64; 2], rank: u8) -> usize {
    let [high, low] = network;
    (mix([high, low, u64::from(rank)], 0) >> 40) as usize
}

impl Prefixes {
    /// The longest prefix of an address.
    pub(super) fn find(&self, ip: Ip) -> Option<(SegmentId, u8)> {
        let ip = words(ip);
        for rank in &self.ranks {
            let rank = (rank.load() & 0xff) as u8;
            let len = rank.checked_sub(1)?;
            if let Some(segment) = self.find_rank(cut(ip, len), rank) {
                return Some((segment, len));
            }
        }
        None
    }

    fn find_rank(&self, network: [u64; 2], rank: u8) -> Option<SegmentId> {
        let start = start(network, rank);
        for step in 0..PROBES {
            let slot = self.slots.get((start + step) % V6_SLOTS)?;
            if slot.is(network, rank) {
                return SegmentId::new((slot.what.load() & 0xff) as u8);
            }
            if slot.rank() == 0 {
                return None;
            }
        }
        None
    }

    pub(super) fn place(&self, network: Ip, len: u8, segment: SegmentId) -> Result<(), Full> {
        let len = len.min(128);
        let rank = len + 1;
        let network = cut(words(network), len);
        let start = start(network, rank);
        let slot = (0..PROBES)
            .filter_map(|step| self.slots.get((start + step) % V6_SLOTS))
            .find(|slot| slot.rank() == 0 || slot.is(network, rank))
            .ok_or(Full::Prefixes)?;
        self.note_rank(u64::from(rank))?;
        for (cell, word) in slot.network.iter().zip(network) {
            cell.store(word);
        }
        slot.what.store(Slot::what(rank, segment));
        Ok(())
    }

    fn note_rank(&self, rank: u64) -> Result<(), Full> {
        if self.ranks.iter().any(|known| known.load() == rank) {
            return Ok(());
        }
        if self.ranks.iter().all(|known| known.load() != 0) {
            return Err(Full::Prefixes);
        }
        let mut moving = rank;
        for cell in &self.ranks {
            let here = cell.load();
            if here < moving {
                cell.store(moving);
                moving = here;
            }
        }
        Ok(())
    }

    pub(super) fn forget(&self) {
        for slot in &self.slots {
            slot.what.store(0);
        }
        for rank in &self.ranks {
            rank.store(0);
        }
    }
}
