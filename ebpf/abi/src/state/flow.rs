//! The flow table: one entry of 64 bytes, one cache line, for each direction of each flow.
//!
//! A key may lie in any of six groups of four entries, which its hash names in an order. Entries fill the first group
//! with room, beginning at a place in it that the hash names, and are never removed or moved, only replaced. So a lookup
//! ends at the first empty entry, mostly at the first one it reads. Where all groups are full the oldest entry gives way:
//! first the idle, then the denied, then the allowed.
//!
//! Any number of CPUs use the table at once. Who writes an entry first claims it, by replacing its verdict with
//! [`CLAIMED`] in one step; who cannot does without. Who reads compares the key between two equal readings of the
//! verdict, so that no flow is ever given the verdict of another. Counts are added without a lock: the frames of one
//! direction of a flow come to one CPU, and where they do not, some may be missing.

mod tap;

pub use tap::Tap;

use tap::{KEPT, LIMITED, TAPPED};

use crate::address::{Mac, SECOND, Timestamp};
use crate::cell::Cell64;
use crate::headers::Headers;
use crate::judge::{Direction, Fate, Verdict};
use crate::table::Action;

use super::key::{Key, alike, mac_of, mac_word, vlan};
use super::packed::PackedVerdict;
use super::{Counters, Moment};

/// Entries of the flow table: 256,000 directions of 128,000 flows fill half of it.
pub const FLOW_SLOTS: usize = 524_288;
const WAYS: usize = 4;
/// Entries in which a key may lie.
const PLACES: usize = 6 * WAYS;
/// Of these, the ones that are looked at without the slow path.
const NEAR_PLACES: usize = 2 * WAYS;

/// After so long without a frame an entry is neither a hit nor the reason for a reply: one hour, in nanoseconds.
pub(crate) const FLOW_LIFE: u64 = 3600 * SECOND;

/// The verdict of an entry that somebody is writing: of no generation, and with a reason that does not exist.
const CLAIMED: u64 = 0xff;

/// Bits of [`Entry::meta`] that tell the family of the addresses; an entry with neither is empty.
const FAMILY: u64 = 3;
/// Bits of [`Entry::meta`] that a hit compares: MAC address, family, that nothing is copied, and that there is no limit.
const BOUND: u64 = 0xffff_ffff_ffff_0000 | FAMILY | TAPPED | LIMITED;

/// One direction of a flow: key, cached verdict and what it was given for.
#[repr(C, align(64))]
pub(crate) struct Entry {
    short: Cell64,
    tuple: Cell64,
    /// The source MAC address that the verdict is bound to in the upper 48 bits, a bit where the rule has a limit,
    /// whether frames are copied in two bits, the family in the lowest two.
    meta: Cell64,
    verdict: Cell64,
    /// Frames since the flow began in the upper 56 bits, all TCP flags seen in the lowest 8.
    frames: Cell64,
    /// Bytes on the wire since the flow began.
    bytes: Cell64,
    /// When the last frame came, in nanoseconds.
    last: Cell64,
    /// Sum of squared times between frames, in units of (1024 ns)²; a pause counts as at most 17 s.
    pauses: Cell64,
}
const _: () = assert!(size_of::<Entry>() == 64);

/// What is not needed for each frame of IPv4.
#[repr(C, align(64))]
struct Rest {
    /// IPv6 addresses.
    wide: [Cell64; 4],
    /// Of the frames and bytes of the entry, those that the counters by rule and pair already have.
    settled_frames: Cell64,
    settled_bytes: Cell64,
    reserved: [Cell64; 2],
}
const _: () = assert!(size_of::<Rest>() == 64);

/// What a frame adds to its flow.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    /// Bytes on the wire.
    pub(crate) bytes: u32,
    pub(crate) tcp_flags: u8,
    pub(crate) at: Timestamp,
}

impl Entry {
    #[inline(always)]
    fn touch(&self, share: Share) {
        self.touch_after(share, share.at.0.wrapping_sub(self.last.load()).cast_signed());
    }

    /// The same, where the time since the last frame is known.
    #[inline(always)]
    fn touch_after(&self, share: Share, pause: i64) {
        self.frames.store(self.frames.load().wrapping_add(1 << 8) | u64::from(share.tcp_flags));
        self.bytes.store(self.bytes.load().wrapping_add(u64::from(share.bytes)));
        // Time that ran backwards makes a negative pause.
        if pause > 0 {
            let units = (pause.cast_unsigned() >> 10).min(1 << 24);
            self.pauses.store(self.pauses.load().wrapping_add(units * units));
            self.last.store(share.at.0);
        }
    }
}

/// An entry as it was read in one piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) slot: usize,
    pub(crate) packed: PackedVerdict,
    pub(crate) mac: Mac,
    /// VLAN identifiers of the frames, outer then inner.
    pub(crate) vlan: [u16; 2],
    pub(crate) pace: Pace,
    last: u64,
}

impl Seen {
    pub(crate) const fn is_live(&self, now: Timestamp) -> bool {
        now.since(Timestamp(self.last)) <= FLOW_LIFE
    }
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// Into an empty or idle entry.
    Free,
    /// In place of a live flow.
    Evicted,
    /// Not at all: a denied flow never takes the place of an allowed one.
    Refused,
    /// Not at all: another CPU was writing there.
    Contended,
}

/// A verdict to be stored with what it is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Ruled {
    pub(crate) packed: PackedVerdict,
    pub(crate) mac: Mac,
    pub(crate) share: Share,
    /// Whether the frames of a flow that begins are copied.
    pub(crate) tap: Tap,
    pub(crate) pace: Pace,
}

/// Whether a limit is to be asked for each frame of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Pace {
    Free = 0,
    Limited = 1,
}

impl Pace {
    const fn bits(self) -> u64 {
        match self {
            Pace::Free => 0,
            Pace::Limited => LIMITED,
        }
    }
}

/// Where a change to the table is booked, and when.
#[derive(Clone, Copy)]
pub(crate) struct Books<'s> {
    pub(crate) moment: &'s Moment,
    pub(crate) counters: &'s Counters,
}

/// Which VLANs a lookup accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vlans {
    Same,
    Any,
}

/// All entries.
#[repr(C)]
pub struct FlowTable {
    entries: [Entry; FLOW_SLOTS],
    rests: [Rest; FLOW_SLOTS],
}

/// The place number `step` of a hash, in a table of which the slots with a bit of `unused` are not used. The first one is
/// some bits of the hash as they are.
#[inline(always)]
const fn place(hash: u64, step: usize, unused: usize) -> usize {
    let first = (hash >> 40) as usize;
    let stride = ((hash >> 20 & 0xf_ffff) as usize | 1) * WAYS;
    // The second place is the first one's neighbour in 128 bytes, which the processor fetches with it.
    ((first + (step / WAYS) * stride) ^ (step % WAYS)) & !unused & (FLOW_SLOTS - 1)
}

/// The bits of slot numbers beyond a number of slots, a power of two.
pub(super) const fn unused(slots: usize) -> usize {
    (FLOW_SLOTS - 1) & !(slots - 1)
}

impl FlowTable {
    /// The path of most frames: the cached verdict of a flow that is known, current, live and bound to this MAC address
    /// (`meta`: see [`Entry::meta`]); counts the frame.
    #[inline(always)]
    pub(crate) fn hit(&self, key: &Key, meta: u64, moment: &Moment, share: Share) -> Option<PackedVerdict> {
        let hash = key.hash(moment.seed);
        for step in 0..NEAR_PLACES {
            let slot = place(hash, step, moment.unused);
            let entry = self.entries.get(slot)?;
            let packed = PackedVerdict(entry.verdict.load());
            if entry.short.load() == key.short && entry.tuple.load() == key.tuple {
                let pause = share.at.0.wrapping_sub(entry.last.load()).cast_signed();
                let known = entry.meta.load() & BOUND == meta
                    && (key.family == super::key::FOUR || self.is_wide(slot, key));
                let holds = packed.generation() == moment.generation && pause <= FLOW_LIFE.cast_signed();
                if !known || !holds || entry.verdict.load() != packed.0 {
                    return None;
                }
                entry.touch_after(share, pause);
                return Some(packed);
            }
            if entry.meta.load() == 0 {
                return None;
            }
        }
        None
    }

    #[inline(always)]
    fn is_wide(&self, slot: usize, key: &Key) -> bool {
        let Some(rest) = self.rests.get(slot) else { return false };
        let [s0, s1, d0, d1] = &rest.wide;
        let [src_high, src_low, dst_high, dst_low] = key.wide;
        (s0.load() ^ src_high) | (s1.load() ^ src_low) | (d0.load() ^ dst_high) | (d1.load() ^ dst_low) == 0
    }

    /// The entry of a key, live or idle.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn find(&self, key: &Key, moment: &Moment, found: &mut Option<Seen>) {
        self.search(key, moment, Vlans::Same, |seen| {
            *found = Some(seen);
            true
        });
    }

    /// The live entry of a key that something can be a reply to, in any VLAN, the key's own first.
    pub(crate) fn find_forward(&self, key: &Key, moment: &Moment, found: &mut Option<Seen>) {
        self.find_asking(key, moment, Vlans::Same, found);
        if found.is_none() {
            self.find_asking(key, moment, Vlans::Any, found);
        }
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn find_asking(&self, key: &Key, moment: &Moment, vlans: Vlans, found: &mut Option<Seen>) {
        self.search(key, moment, vlans, |seen| {
            let asks = seen.packed.direction() == Direction::Forward && seen.is_live(moment.now);
            if asks {
                *found = Some(seen);
            }
            asks
        });
    }

    /// Shows the entries of a key one after another until one is taken.
    #[inline(always)]
    fn search(&self, key: &Key, moment: &Moment, vlans: Vlans, mut take: impl FnMut(Seen) -> bool) {
        let hash = key.hash(moment.seed);
        for step in 0..PLACES {
            let slot = place(hash, step, moment.unused);
            let Some(entry) = self.entries.get(slot) else { return };
            if let Some(seen) = self.read(slot, key, vlans)
                && take(seen)
            {
                return;
            }
            if entry.meta.load() == 0 {
                return;
            }
        }
    }

    /// The entry of a place, if it is that of the key and nobody is writing it.
    #[inline(always)]
    fn read(&self, slot: usize, key: &Key, vlans: Vlans) -> Option<Seen> {
        let entry = self.entries.get(slot)?;
        let packed = entry.verdict.load();
        let (tuple, meta) = (entry.tuple.load(), entry.meta.load());
        let same = match vlans {
            Vlans::Same => tuple == key.tuple,
            Vlans::Any => alike(tuple, key.tuple),
        };
        if !same || entry.short.load() != key.short || meta & FAMILY != key.family {
            return None;
        }
        if key.family == super::key::SIX && !self.is_wide(slot, key) {
            return None;
        }
        let last = entry.last.load();
        if packed == CLAIMED || entry.verdict.load() != packed {
            return None;
        }
        let pace = if meta & LIMITED == 0 { Pace::Free } else { Pace::Limited };
        Some(Seen { slot, packed: PackedVerdict(packed), mac: mac_of(meta), vlan: vlan(tuple), pace, last })
    }

    /// Claims an entry that still has this verdict, and books what its flow has counted until now.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn claim(&self, slot: usize, packed: PackedVerdict, counters: &Counters) -> Option<(&Entry, &Rest)> {
        let (entry, rest) = (self.entries.get(slot)?, self.rests.get(slot)?);
        if packed.0 == CLAIMED || !entry.verdict.replace(packed.0, CLAIMED) {
            return None;
        }
        // An entry that nobody had has counted nothing, and its rest need not be fetched to see that.
        if entry.meta.load() != 0 {
            settle(entry, rest, |frames, bytes| counters.add(packed, frames, bytes));
        }
        Some((entry, rest))
    }

    /// Gives a known flow a new verdict, for a frame that is counted under it. `false`: another CPU was faster.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn rule(&self, seen: &Seen, key: &Key, ruled: &Ruled, books: &Books<'_>) -> bool {
        let Some((entry, _)) = self.claim(seen.slot, seen.packed, books.counters) else { return false };
        // Between reading and claiming the entry may have become another flow's with an equal verdict.
        if entry.short.load() != key.short || entry.tuple.load() != key.tuple {
            entry.verdict.store(seen.packed.0);
            return false;
        }
        // What is dropped is not copied, and the hot path shall know it.
        let taps = match ruled.packed.fate() {
            Fate::Pass => entry.meta.load() & (TAPPED | KEPT),
            Fate::Drop => 0,
        };
        entry.meta.store(mac_word(ruled.mac) | taps | ruled.pace.bits() | key.family);
        entry.touch(ruled.share);
        entry.verdict.store(ruled.packed.0);
        true
    }

    /// Replaces the verdict of a flow of which no frame is at hand. `false`: another CPU was faster.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn refresh(
        &self,
        seen: &Seen,
        key: &Key,
        &(packed, pace): &(PackedVerdict, Pace),
        books: &Books<'_>,
    ) -> bool {
        let Some((entry, _)) = self.claim(seen.slot, seen.packed, books.counters) else { return false };
        if entry.short.load() != key.short || !alike(entry.tuple.load(), key.tuple) {
            entry.verdict.store(seen.packed.0);
            return false;
        }
        entry.meta.store(entry.meta.load() & !LIMITED | pace.bits());
        entry.verdict.store(packed.0);
        true
    }

    /// Puts a flow that is not in the table into the best of its places.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn insert(&self, key: &Key, ruled: &Ruled, books: &Books<'_>) -> Inserted {
        let hash = key.hash(books.moment.seed);
        let mut best: Option<(Rank, usize)> = None;
        for step in 0..PLACES {
            let slot = place(hash, step, books.moment.unused);
            let Some(entry) = self.entries.get(slot) else { break };
            let rank = Rank::of(entry, books.moment.now);
            if best.is_none_or(|(other, _)| rank.value > other.value) {
                best = Some((rank, slot));
            }
            if rank.is_empty() {
                break;
            }
        }
        let Some((rank, slot)) = best else { return Inserted::Refused };
        let outcome = match (rank.kind(), ruled.packed.action()) {
            (Kind::Empty | Kind::Idle, _) => Inserted::Free,
            (Kind::Denied, _) | (Kind::Allowed, Action::Allow) => Inserted::Evicted,
            (Kind::Allowed, Action::Deny) => return Inserted::Refused,
        };
        if self.begin(&(slot, rank.packed), key, ruled, books) { outcome } else { Inserted::Contended }
    }

    /// Begins a flow anew in the entry that it already has. `false`: another CPU was faster.
    pub(crate) fn renew(&self, seen: &Seen, key: &Key, ruled: &Ruled, books: &Books<'_>) -> bool {
        self.begin(&(seen.slot, seen.packed), key, ruled, books)
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn begin(
        &self,
        &(slot, packed): &(usize, PackedVerdict),
        key: &Key,
        ruled: &Ruled,
        books: &Books<'_>,
    ) -> bool {
        let Some((entry, rest)) = self.claim(slot, packed, books.counters) else { return false };
        // The rest of an entry that nobody had is zeros, which is what IPv4 has there.
        if entry.meta.load() != 0 || key.family != super::key::FOUR {
            for (cell, word) in rest.wide.iter().zip(key.wide) {
                set(cell, word);
            }
            set(&rest.settled_frames, 0);
            set(&rest.settled_bytes, 0);
        }
        entry.short.store(key.short);
        entry.tuple.store(key.tuple);
        entry.meta.store(mac_word(ruled.mac) | ruled.tap.bits() | ruled.pace.bits() | key.family);
        entry.frames.store((1 << 8) | u64::from(ruled.share.tcp_flags));
        entry.bytes.store(u64::from(ruled.share.bytes));
        entry.last.store(ruled.share.at.0);
        entry.pauses.store(0);
        entry.verdict.store(ruled.packed.0);
        true
    }

    /// Has denials of a key judged again at their next frame, in any VLAN.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn reconsider(&self, key: &Key, moment: &Moment) {
        let hash = key.hash(moment.seed);
        for step in 0..PLACES {
            let slot = place(hash, step, moment.unused);
            let Some(entry) = self.entries.get(slot) else { return };
            if let Some(seen) = self.read(slot, key, Vlans::Any)
                && seen.packed.action() == Action::Deny
            {
                // Where this fails the entry is being judged at this moment.
                entry.verdict.replace(seen.packed.0, seen.packed.outdated().0);
            }
            if entry.meta.load() == 0 {
                return;
            }
        }
    }

    /// Forgets verdicts of half of all generations, the upper or the lower one, so that their numbers can be used again.
    pub(crate) fn forget_generations(&self, half: u16) {
        for entry in &self.entries {
            let packed = PackedVerdict(entry.verdict.load());
            if packed.generation() >> 15 == half && packed.generation() != 0 {
                entry.verdict.replace(packed.0, packed.outdated().0);
            }
        }
    }

    /// Books what every flow has counted until now. Walks the whole table; the kernel program may run meanwhile.
    #[cfg(not(target_arch = "bpf"))]
    pub(crate) fn settle(&self, counters: &Counters) {
        for (entry, rest) in self.entries.iter().zip(&self.rests) {
            let packed = entry.verdict.load();
            if entry.meta.load() != 0 && packed != CLAIMED {
                let packed = PackedVerdict(packed);
                settle(entry, rest, |frames, bytes| {
                    counters.add_by(packed, [frames, bytes], Cell64::add_shared);
                });
            }
        }
    }

    /// Entries in use, idle ones included. Walks the whole table.
    pub fn len(&self) -> usize {
        self.entries.iter().filter(|entry| entry.meta.load() != 0).count()
    }

    /// Whether no flow was ever seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The flow of these headers in their direction, while the table remembers it.
    pub(crate) fn flow(&self, headers: &Headers, moment: &Moment) -> Option<FlowView> {
        let mut found = None;
        self.find(&Key::of(headers, moment.seed), moment, &mut found);
        let seen = found?;
        let entry = self.entries.get(seen.slot)?;
        let frames = entry.frames.load();
        Some(FlowView {
            verdict: seen.packed.verdict(),
            mac: seen.mac,
            generation: seen.packed.generation(),
            packets: frames >> 8,
            bytes: entry.bytes.load(),
            tcp_flags: (frames & 0xff) as u8,
            last: Timestamp(seen.last),
            pauses: entry.pauses.load(),
        })
    }
}

/// One direction of a flow, as the table remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// The cached verdict.
    pub verdict: Verdict,
    /// The generation that the verdict belongs to, its lowest 16 bits; 0 is none.
    pub generation: u16,
    /// The source MAC address that the verdict is bound to.
    pub mac: Mac,
    /// Frames since the flow began.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// All TCP flags seen.
    pub tcp_flags: u8,
    /// When the last frame came.
    pub last: Timestamp,
    /// Sum of squared times between frames, in units of (1024 ns)²; a pause counts as at most 17 s.
    pub pauses: u64,
}

impl FlowView {
    /// What is done with its frames.
    pub const fn fate(&self) -> Fate {
        self.verdict.fate()
    }
}

/// Sparse pages of the table stay untouched where there is nothing to write.
#[inline]
fn set(cell: &Cell64, value: u64) {
    if cell.load() != value {
        cell.store(value);
    }
}

fn settle(entry: &Entry, rest: &Rest, book: impl Fn(u64, u64)) {
    let (frames, bytes) = (entry.frames.load() >> 8, entry.bytes.load());
    if frames == rest.settled_frames.load() && bytes == rest.settled_bytes.load() {
        return;
    }
    // Two that settle at once may each book a part, even a negative one: the sum is right.
    let new_frames = frames.wrapping_sub(rest.settled_frames.swap(frames));
    let new_bytes = bytes.wrapping_sub(rest.settled_bytes.swap(bytes));
    book(new_frames, new_bytes);
}

/// What an entry is to somebody who needs room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Allowed,
    Denied,
    Idle,
    Empty,
}

/// How willingly an entry gives way, the most willing last; within a kind the oldest.
#[derive(Clone, Copy, Debug)]
struct Rank {
    /// The kind in the upper two bits, then the age in nanoseconds.
    value: u64,
    packed: PackedVerdict,
}

const KIND_AT: u32 = 62;
const MAX_AGE: u64 = (1 << KIND_AT) - 1;

impl Rank {
    fn of(entry: &Entry, now: Timestamp) -> Rank {
        let packed = PackedVerdict(entry.verdict.load());
        let age = now.since(Timestamp(entry.last.load())).min(MAX_AGE);
        let kind: u64 = if entry.meta.load() == 0 {
            3
        } else if age > FLOW_LIFE {
            2
        } else {
            match packed.action() {
                Action::Deny => 1,
                Action::Allow => 0,
            }
        };
        Rank { value: (kind << KIND_AT) | age, packed }
    }

    const fn is_empty(self) -> bool {
        matches!(self.kind(), Kind::Empty)
    }

    const fn kind(self) -> Kind {
        match self.value >> KIND_AT {
            0 => Kind::Allowed,
            1 => Kind::Denied,
            2 => Kind::Idle,
            _ => Kind::Empty,
        }
    }
}
