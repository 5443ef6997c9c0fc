//! Everything that the judge remembers: policies, flows, fragments, counters.
//!
//! One value with a fixed layout of shared integers ([`crate::cell`]), in which all zeros are valid: it can be the memory
//! of a kernel map that userspace shares. In userspace `State::boxed` (feature `user`) makes it on the heap.
//!
//! | Field | Layout | MB |
//! |---|---|---|
//! | `policies` | two, each: port classes 2 × 64 KiB, pair rows 128 KiB, cells 1,024 × 256 × 4 B; MAC addresses 16,384 × 8 B, IPv4 trie 128 KiB + 2,048 blocks × 512 B, IPv6 prefixes, addresses | 6.4 |
//! | `flows` | 524,288 entries × 64 B, one for each direction, and 64 B each of what IPv4 hardly reads | 67.1 |
//! | `fragments` | 4,096 entries × 64 B | 0.3 |
//! | `counters` | rules 65,536 × 16 B, pairs 65,536 × 16 B, the rest | 2.1 |
//!
//! The generation names the policy in force: its lowest bit says which of the two. A frame is judged by the one that
//! it found in force, from its first lookup to its last. [`State::swap`] puts the idle one in force, [`State::publish`]
//! has the one in force judge anew.

mod flow;
mod fragment;
mod identity;
mod key;
mod packed;
#[cfg(test)]
mod tests;

pub use flow::{FLOW_SLOTS, FlowTable, FlowView};
pub use fragment::{FRAGMENT_SLOTS, FragmentTable};
pub use identity::{ADDRESS_SLOTS, Identities, MAC_SLOTS, PlacedBy, V4_BLOCKS, V6_LENGTHS, V6_SLOTS};

pub(crate) use flow::{Books, Inserted, Ruled, Seen, Share};
pub(crate) use identity::Endpoint;
pub(crate) use key::{Key, mac_of, mac_word};
pub(crate) use packed::{PackedVerdict, reason};

use crate::address::Timestamp;
use crate::cell::Cell64;
use crate::headers::Headers;
use crate::judge::Builtin;
use crate::table::{Action, RuleId, SEGMENTS, SegmentId, Tables, pair_index};

/// What the judge remembers.
#[repr(C)]
pub struct State {
    control: Control,
    policies: [Policy; 2],
    /// The flows.
    pub flows: FlowTable,
    /// The datagrams in fragments.
    pub fragments: FragmentTable,
    /// What was counted.
    pub counters: Counters,
}
const _: () = assert!(size_of::<State>() <= 80_000_000);

/// What every frame reads: one cache line.
#[repr(C, align(64))]
struct Control {
    generation: Cell64,
    seed: Cell64,
    /// Bits of the numbers of groups of flows that are not used.
    unused: Cell64,
    reserved: [Cell64; 5],
}

/// A policy: what is decided, and who is who.
#[repr(C, align(64))]
pub struct Policy {
    /// The decisions.
    pub tables: Tables,
    /// Which segment an address belongs to.
    pub identities: Identities,
}

/// What a frame finds in force, read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) seed: u64,
    pub(crate) unused: usize,
    /// The lowest 16 bits, which are what entries keep: never 0, and the lowest bit says which policy.
    pub(crate) generation: u16,
}

impl State {
    #[inline(always)]
    pub(crate) fn moment(&self, now: Timestamp) -> Moment {
        let generation = (self.control.generation.load() & 0xffff) as u16;
        let unused = (self.control.unused.load() & 0xffff_ffff) as usize;
        Moment { now, seed: self.control.seed.load(), unused, generation }
    }

    #[inline(always)]
    fn numbered(&self, generation: u64) -> &Policy {
        let [even, odd] = &self.policies;
        if generation & 1 == 0 { even } else { odd }
    }

    /// The policy that a frame found in force.
    #[inline(always)]
    pub(crate) fn policy(&self, moment: &Moment) -> &Policy {
        self.numbered(u64::from(moment.generation))
    }

    /// The decisions in force. After a change call [`State::publish`].
    pub fn tables(&self) -> &Tables {
        &self.numbered(self.generation()).tables
    }

    /// Which segment an address belongs to, as in force. After a change call [`State::publish`].
    pub fn identities(&self) -> &Identities {
        &self.numbered(self.generation()).identities
    }

    /// The policy that no frame is judged by, to be filled before [`State::swap`]. Where a kernel program judges, frames
    /// that began before the last publication must have ended first.
    pub fn idle(&self) -> &Policy {
        self.numbered(self.generation() ^ 1)
    }

    /// Puts changed tables and identities into force: every cached verdict is judged again at its next frame.
    pub fn publish(&self) {
        self.advance(2);
    }

    /// Puts the idle policy into force, with one store.
    pub fn swap(&self) {
        self.advance(1);
    }

    fn advance(&self, step: u64) {
        let before = self.control.generation.load();
        let mut next = before.wrapping_add(step);
        if next & 0xffff < 2 {
            // Entries keep 16 bits, of which 0 means none; the lowest bit is the policy's.
            next += 2;
        }
        // Entries of the same half of all numbers, one round ago, must not be taken for current ones.
        let half = |generation: u64| (generation >> 15 & 1) as u16;
        if half(before) != half(next) {
            self.flows.forget_generations(half(next));
            self.fragments.forget();
        }
        self.control.generation.store(next);
    }

    /// The number of the policy in force. It grows with every publication and swap; odd and even tell the two apart.
    pub fn generation(&self) -> u64 {
        self.control.generation.load()
    }

    /// What enters every hash of a flow.
    pub fn seed(&self) -> u64 {
        self.control.seed.load()
    }

    /// Sets what enters every hash of a flow; a sensor on a live network sets it at random, before the first frame.
    pub fn set_seed(&self, seed: u64) {
        self.control.seed.store(seed);
    }

    /// Has the flow table use only so many of its entries (rounded up to a power of two, at least 1,024), before the first
    /// frame. The fewer pages the entries of the flows at a time lie in, the sooner the processor finds them.
    pub fn limit_flow_slots(&self, slots: usize) {
        let slots = slots.clamp(1024, FLOW_SLOTS).next_power_of_two();
        self.control.unused.store(flow::unused(slots) as u64);
    }

    /// The flow of these headers in their direction, while the table remembers it.
    pub fn flow(&self, headers: &Headers) -> Option<FlowView> {
        self.flows.flow(headers, &self.moment(Timestamp::default()))
    }

    /// Books what the flows have counted since they were last booked, so that [`State::counters`] are up to date by rule
    /// and pair. Walks the flow table. A kernel program may judge meanwhile.
    #[cfg(not(target_arch = "bpf"))]
    pub fn settle(&self) {
        self.flows.settle(&self.counters);
    }
}

/// Frames and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// What happened between a pair of segments: frames, replies counted with the access that they answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairTally {
    /// Frames that the policy allows.
    pub allowed: u64,
    /// Frames that the policy denies, whether carried out or not.
    pub denied: u64,
}

/// Two counters that belong together.
#[repr(C)]
struct Two(Cell64, Cell64);

/// What the judge counts. What flows count themselves enters the counts by rule and pair when a flow ends or is judged
/// anew, and by [`State::settle`].
#[repr(C)]
pub struct Counters {
    rules: [Two; 65_536],
    pairs: [Two; SEGMENTS * SEGMENTS],
    builtins: [Two; Builtin::ALL.len()],
    /// Cached verdicts that were judged again because a newer generation was published, or because the flow began that
    /// their frames answer.
    pub rejudged: Cell64,
    /// Live flows that had to give way to others.
    pub evicted: Cell64,
    /// Frames whose denial found no room in the flow table; each such frame is judged anew.
    pub refused: Cell64,
    /// Frames whose verdict was not kept because another CPU was writing at its place; each is judged anew.
    pub contended: Cell64,
    /// Flows whose source MAC address changed.
    pub mac_moved: Cell64,
    /// Later fragments whose first fragment is not known.
    pub orphans: Cell64,
    /// First fragments that were forgotten before their time.
    pub fragments_evicted: Cell64,
    /// Frames with an IP Ethernet type whose IP header could not be read.
    pub unreadable: Cell64,
    /// Events that were not told, because their budget was used up or nobody took them away.
    pub untold: Cell64,
}

impl Counters {
    /// Counts frames under their verdict.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn add(&self, packed: PackedVerdict, frames: u64, bytes: u64) {
        self.add_by(packed, [frames, bytes], Cell64::add);
    }

    #[inline(always)]
    fn add_by(&self, packed: PackedVerdict, [frames, bytes]: [u64; 2], add: impl Fn(&Cell64, u64)) {
        let builtin = packed.reason().wrapping_sub(reason::BUILTIN);
        let tally = if builtin < Builtin::ALL.len() as u64 {
            self.builtins.get((builtin & 0x1f) as usize)
        } else {
            if let Some(Two(allowed, denied)) = self.pairs.get(packed.pair()) {
                add(if packed.action() == Action::Allow { allowed } else { denied }, frames);
            }
            self.rules.get(packed.rule())
        };
        if let Some(Two(packets, all)) = tally {
            add(packets, frames);
            add(all, bytes);
        }
    }

    /// What a rule, or no rule, decided.
    pub fn rule(&self, rule: Option<RuleId>) -> Tally {
        tally(self.rules.get(usize::from(RuleId::number(rule))))
    }

    /// What happened from one segment, or none, to another.
    pub fn pair(&self, from: Option<SegmentId>, to: Option<SegmentId>) -> PairTally {
        let Tally { packets, bytes } = tally(self.pairs.get(pair_index(from, to)));
        PairTally { allowed: packets, denied: bytes }
    }

    /// What happened between all pairs, the unassigned ones included.
    pub fn all_pairs(&self) -> impl Iterator<Item = PairTally> {
        self.pairs
            .iter()
            .map(|two| tally(Some(two)))
            .map(|t| PairTally { allowed: t.packets, denied: t.bytes })
    }

    /// What a built-in allowance let pass. That is in no other count.
    pub fn builtin(&self, builtin: Builtin) -> Tally {
        tally(self.builtins.get(builtin as usize))
    }
}

fn tally(two: Option<&Two>) -> Tally {
    two.map_or(Tally::default(), |Two(packets, bytes)| Tally { packets: packets.load(), bytes: bytes.load() })
}
