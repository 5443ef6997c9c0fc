//! The verdicts of first fragments, for the later ones that have no ports (RFC 791, RFC 8200 section 4.5).

use crate::address::{SECOND, Timestamp};
use crate::cell::Cell64;
use crate::headers::{Fragment, Headers};
use crate::mix::mix;

use super::Moment;
use super::key::words;
use super::packed::PackedVerdict;

/// Datagrams whose fragments are awaited at a time.
pub const FRAGMENT_SLOTS: usize = 4096;
const WAYS: usize = 4;
const SETS: usize = FRAGMENT_SLOTS / WAYS;

/// Reassembly gives up after 60 seconds (RFC 8200 section 4.5), so no later fragment can matter then. In nanoseconds.
const LIFE: u64 = 60 * SECOND;

/// The verdict of an entry that somebody is writing.
const CLAIMED: u64 = 0xff;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    addresses: [u64; 4],
    /// Ethernet type, identification, and the protocol that every fragment names: where the fragmented part begins with an
    /// extension header, that header's (RFC 8200 section 4.5). A fragment that names another one is an orphan.
    datagram: u64,
}

impl Key {
    fn of(headers: &Headers, id: u32) -> Key {
        let [s0, s1] = words(headers.src);
        let [d0, d1] = words(headers.dst);
        let protocol = match headers.fragment {
            Fragment::First { protocol, .. } => protocol,
            Fragment::Whole | Fragment::Later { .. } => headers.protocol,
        };
        let datagram = u64::from(headers.ether_type) << 40 | u64::from(id) << 8 | u64::from(protocol);
        Key { addresses: [s0, s1, d0, d1], datagram }
    }

    /// The first entry of its set.
    fn set(&self, seed: u64) -> usize {
        let [s0, s1, d0, d1] = self.addresses;
        ((mix([s0, s1, d0, d1, self.datagram], seed) >> 40) as usize % SETS) * WAYS
    }
}

/// One fragmented datagram. One without a generation is empty.
#[derive(Debug)]
#[repr(C, align(64))]
struct Entry {
    addresses: [Cell64; 4],
    datagram: Cell64,
    verdict: Cell64,
    last: Cell64,
    /// How many bytes of the datagram the first fragment brought.
    len: Cell64,
}
const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    fn is(&self, key: &Key) -> bool {
        let [s0, s1, d0, d1] = &self.addresses;
        let [src_high, src_low, dst_high, dst_low] = key.addresses;
        self.datagram.load() == key.datagram
            && (s0.load() ^ src_high) | (s1.load() ^ src_low) | (d0.load() ^ dst_high) | (d1.load() ^ dst_low)
                == 0
    }
}

/// All datagrams in fragments, four to a set, the oldest giving way. CPUs share it as they share the flows.
#[repr(C)]
pub struct FragmentTable {
    entries: [Entry; FRAGMENT_SLOTS],
}

impl FragmentTable {
    /// The verdict that the first fragment got under the current generation; none if it is not known, or if its bytes would
    /// be overwritten (RFC 5722): they are what was judged.
    pub(crate) fn verdict(
        &self,
        headers: &Headers,
        (id, offset): (u32, u16),
        moment: &Moment,
    ) -> PackedVerdict {
        let key = Key::of(headers, id);
        let set = key.set(moment.seed);
        for way in 0..WAYS {
            let Some(entry) = self.entries.get(set + way) else { break };
            let packed = PackedVerdict(entry.verdict.load());
            if packed.generation() == moment.generation
                && entry.is(&key)
                && moment.now.since(Timestamp(entry.last.load())) <= LIFE
                && u64::from(offset) >= entry.len.load()
                && entry.verdict.load() == packed.0
            {
                return packed;
            }
        }
        PackedVerdict::NONE
    }

    /// Remembers the verdict of a first fragment. `true` if a datagram that was still awaited gave way.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn note(&self, headers: &Headers, verdict: PackedVerdict, moment: &Moment) -> bool {
        let Fragment::First { id, len, .. } = headers.fragment else { return false };
        let key = Key::of(headers, id);
        let set = key.set(moment.seed);
        let mut best: Option<(u64, usize, u64)> = None;
        for way in 0..WAYS {
            let Some(entry) = self.entries.get(set + way) else { break };
            let packed = PackedVerdict(entry.verdict.load());
            let willing = match (entry.is(&key), packed.generation()) {
                (true, _) => u64::MAX,
                (false, 0) => u64::MAX - 1,
                (false, _) => moment.now.since(Timestamp(entry.last.load())),
            };
            if best.is_none_or(|(other, _, _)| willing >= other) {
                best = Some((willing, set + way, packed.0));
            }
        }
        let Some((willing, at, before)) = best else { return false };
        let Some(entry) = self.entries.get(at) else { return false };
        // Another CPU that writes here notes a datagram of its own; ours is then not remembered.
        if before == CLAIMED || !entry.verdict.replace(before, CLAIMED) {
            return false;
        }
        for (cell, word) in entry.addresses.iter().zip(key.addresses) {
            cell.store(word);
        }
        entry.datagram.store(key.datagram);
        entry.last.store(moment.now.0);
        entry.len.store(u64::from(len));
        entry.verdict.store(verdict.0);
        willing <= LIFE
    }

    /// Forgets everything, so that a generation number can be used again.
    pub(crate) fn forget(&self) {
        for entry in &self.entries {
            let packed = entry.verdict.load();
            if packed != CLAIMED {
                entry.verdict.replace(packed, 0);
            }
        }
    }
}
