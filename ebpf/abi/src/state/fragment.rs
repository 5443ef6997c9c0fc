//! The verdicts of first fragments, for the later ones that have no ports (RFC 791, RFC 8200 section 4.5).

use crate::headers::Headers;
use crate::judge::Verdict;
use crate::mix::mix;

use super::flow::{age, ticks_of, words};
use super::packed::PackedVerdict;

/// Datagrams whose fragments are awaited at a time.
pub const FRAGMENT_SLOTS: usize = 4096;
const WAYS: usize = 4;
const SETS: usize = FRAGMENT_SLOTS / WAYS;

/// Reassembly gives up after 60 seconds (RFC 8200 section 4.5), so no later fragment can matter then.
const LIFE: u32 = ticks_of(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    addresses: [u64; 4],
    id: u32,
    protocol: u8,
}

impl Key {
    fn of(headers: &Headers, id: u32) -> Key {
        let [s0, s1] = words(headers.src.0);
        let [d0, d1] = words(headers.dst.0);
        Key { addresses: [s0, s1, d0, d1], id, protocol: headers.protocol }
    }

    fn set(&self, seed: u64) -> usize {
        let [s0, s1, d0, d1] = self.addresses;
        let rest = (u64::from(self.id) << 8) | u64::from(self.protocol);
        (mix([s0, s1, d0, d1, rest], seed) >> 40) as usize % SETS
    }
}

/// One fragmented datagram.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Entry {
    addresses: [u64; 4],
    id: u32,
    last: u32,
    /// The generation of the verdict; 0 is an empty entry.
    generation: u16,
    verdict: PackedVerdict,
    protocol: u8,
    reserved: [u8; 7],
}
const _: () = assert!(size_of::<Entry>() == 56);

impl Entry {
    fn is(&self, key: &Key) -> bool {
        self.addresses == key.addresses && self.id == key.id && self.protocol == key.protocol
    }
}

/// What a later fragment can lean on.
pub(crate) struct Now {
    pub(crate) tick: u32,
    pub(crate) generation: u16,
    pub(crate) seed: u64,
}

/// All datagrams in fragments, four to a set, the oldest giving way.
#[repr(C)]
pub struct FragmentTable {
    sets: [[Entry; WAYS]; SETS],
}

impl FragmentTable {
    /// The verdict that the first fragment got under the current generation.
    pub(crate) fn verdict(&self, headers: &Headers, id: u32, now: &Now) -> Option<Verdict> {
        let key = Key::of(headers, id);
        let entry = self.sets.get(key.set(now.seed))?.iter().find(|entry| entry.is(&key))?;
        let current = entry.generation == now.generation && age(now.tick, entry.last) <= LIFE;
        current.then(|| entry.verdict.verdict())
    }

    /// Remembers the verdict of a first fragment. `true` if a datagram that was still awaited gave way.
    pub(crate) fn note(&mut self, headers: &Headers, id: u32, verdict: Verdict, now: &Now) -> bool {
        let key = Key::of(headers, id);
        let Some(set) = self.sets.get_mut(key.set(now.seed)) else { return false };
        let willing = |entry: &Entry| match (entry.is(&key), entry.generation) {
            (true, _) => u32::MAX,
            (false, 0) => u32::MAX - 1,
            (false, _) => age(now.tick, entry.last),
        };
        let Some(entry) = set.iter_mut().max_by_key(|entry| willing(entry)) else { return false };
        let evicted = willing(entry) <= LIFE;
        *entry = Entry {
            addresses: key.addresses,
            id,
            last: now.tick,
            generation: now.generation,
            verdict: PackedVerdict::new(verdict),
            protocol: key.protocol,
            reserved: [0; 7],
        };
        evicted
    }

    /// Forgets everything, so that a generation number can be used again.
    pub(crate) fn forget(&mut self) {
        for entry in self.sets.iter_mut().flatten() {
            entry.generation = 0;
        }
    }
}
