//! IPv6 prefixes: a hash table of them all, asked once for each length in use, the longest first.

use crate::address::Ip;
use crate::cell::Cell64;
use crate::mix::mix;
use crate::state::key::words;
use crate::table::{Full, SegmentId};

use super::Found;

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
    /// As [`Found`] has it: a prefix without a segment is only routed. 0 is an empty slot.
    what: Cell64,
}

impl Slot {
    fn rank(&self) -> u64 {
        self.what.load() >> 8 & 0xff
    }

    fn is(&self, [high, low]: [u64; 2], rank: u64) -> bool {
        let [own_high, own_low] = &self.network;
        self.rank() == rank && own_high.load() == high && own_low.load() == low
    }
}

/// All IPv6 prefixes.
#[repr(C)]
pub(super) struct Prefixes {
    slots: [Slot; V6_SLOTS],
    /// The ranks in use, greatest first, then zeros.
    ranks: [Rank; V6_LENGTHS],
}

/// A length in use.
#[repr(C)]
struct Rank {
    rank: Cell64,
    /// The bits that a prefix of this length has.
    mask: [Cell64; 2],
}

impl Rank {
    fn store(&self, rank: u64) {
        let len = u8::try_from(rank).unwrap_or(u8::MAX).saturating_sub(1);
        for (cell, word) in self.mask.iter().zip(mask(len)) {
            cell.store(word);
        }
        self.rank.store(rank);
    }
}

/// The first `len` bits, at most 128.
fn mask(len: u8) -> [u64; 2] {
    let first = |bits: u8| u64::MAX.checked_shl(64 - u32::from(bits)).unwrap_or(0);
    [first(len.min(64)), first(len.saturating_sub(64).min(64))]
}

#[inline(always)]
fn start([high, low]: [u64; 2], rank: u64) -> usize {
    (mix([high, low, rank], 0) >> 40) as usize
}

impl Prefixes {
    /// The longest prefix of an address that has a segment, and whether any prefix of it is routed.
    pub(super) fn find(&self, ip: Ip) -> Found {
        let [high, low] = words(ip);
        let (mut best, mut all) = (0, 0);
        for Rank { rank, mask: [mask_high, mask_low] } in &self.ranks {
            let rank = rank.load();
            if rank == 0 {
                break;
            }
            let what = self.find_rank(high & mask_high.load(), low & mask_low.load(), rank);
            all |= what;
            if best & Found::SEGMENT == 0 {
                best = what;
            }
        }
        Found(best & !Found::ROUTED | all & Found::ROUTED)
    }

    /// What is said of a prefix; 0, as in an empty slot, where nothing is. The kernel proves the program by following its
    /// branches with what it knows of each value, so what is given back is read anew: it shall not know that it is 0.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn find_rank(&self, high: u64, low: u64, rank: u64) -> u64 {
        let start = start([high, low], rank);
        for step in 0..PROBES {
            let Some(slot) = self.slots.get((start + step) % V6_SLOTS) else { break };
            let what = slot.what.load();
            if what == 0 || slot.is([high, low], rank) {
                return slot.what.load();
            }
        }
        0
    }

    pub(super) fn place(&self, network: Ip, len: u8, segment: SegmentId) -> Result<(), Full> {
        self.write(network, len, |before| before & Found::ROUTED | u64::from(segment.0.get()))
    }

    /// Says that the addresses of a prefix lie behind a router.
    pub(super) fn route(&self, network: Ip, len: u8) -> Result<(), Full> {
        self.write(network, len, |before| before & Found::SEGMENT | Found::ROUTED)
    }

    fn write(&self, network: Ip, len: u8, change: impl Fn(u64) -> u64) -> Result<(), Full> {
        let len = len.min(128);
        let rank = u64::from(len) + 1;
        let ([high, low], [mask_high, mask_low]) = (words(network), mask(len));
        let network = [high & mask_high, low & mask_low];
        let start = start(network, rank);
        let slot = (0..PROBES)
            .filter_map(|step| self.slots.get((start + step) % V6_SLOTS))
            .find(|slot| slot.rank() == 0 || slot.is(network, rank))
            .ok_or(Full::Prefixes)?;
        self.note_rank(rank)?;
        for (cell, word) in slot.network.iter().zip(network) {
            cell.store(word);
        }
        slot.what.store(rank << 8 | change(slot.what.load()));
        Ok(())
    }

    fn note_rank(&self, rank: u64) -> Result<(), Full> {
        if self.ranks.iter().any(|known| known.rank.load() == rank) {
            return Ok(());
        }
        if self.ranks.iter().all(|known| known.rank.load() != 0) {
            return Err(Full::Prefixes);
        }
        let mut moving = rank;
        for cell in &self.ranks {
            let here = cell.rank.load();
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
