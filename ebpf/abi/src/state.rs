//! Everything that the judge remembers: policies, flows, fragments, counters.
//!
//! One value with a fixed layout of shared integers ([`crate::cell`]), in which all zeros are valid: it can be the memory
//! of a kernel map that userspace shares. In userspace `State::boxed` (feature `user`) makes it on the heap.
//!
//! | Field | Layout | MB |
//! |---|---|---|
//! | `policies` | two, each: port classes 2 × 64 KiB, pair rows 128 KiB, cells 1,024 × 256 × 4 B; MAC addresses 16,384 × 8 B, IPv4 trie 128 KiB + 2,048 blocks × 512 B, IPv6 prefixes, addresses | 6.6 |
//! | `flows` | 524,288 entries × 64 B, one for each direction, and 64 B each of what IPv4 hardly reads | 67.1 |
//! | `fragments` | 4,096 entries × 64 B | 0.3 |
//! | `quarantine` | 2,048 addresses × 24 B | 0.05 |
//! | `buckets` | 16,384 × 64 B, of a device and a rule | 1.0 |
//! | `counters` | rules 65,536 × 32 B, pairs 65,536 × 24 B, the rest | 3.7 |
//!
//! The generation names the policy in force: its lowest bit says which of the two. A frame is judged by the one that
//! it found in force, from its first lookup to its last. [`State::swap`] puts the idle one in force, [`State::publish`]
//! has the one in force judge anew.

mod bucket;
mod counters;
mod flow;
mod fragment;
mod identity;
mod key;
mod packed;
mod quarantine;
#[cfg(test)]
mod tests;
mod unattended;

pub use bucket::BUCKET_SLOTS;
pub use counters::{Counters, PairTally, RuleTally, Tally};
pub use flow::{FLOW_SLOTS, FlowTable, FlowView, Tap};
pub use fragment::{FRAGMENT_SLOTS, FragmentTable};
pub use identity::{ADDRESS_SLOTS, Identities, MAC_SLOTS, PlacedBy, V4_BLOCKS, V6_LENGTHS, V6_SLOTS};
pub use quarantine::QUARANTINE_SLOTS;

pub(crate) use bucket::{Consumer, Draw};
pub(crate) use flow::{Books, Inserted, Pace, Ruled, Seen, Share};
pub(crate) use identity::{Endpoint, Found};
pub(crate) use key::{Key, mac_of, mac_word};
pub(crate) use packed::{PackedVerdict, reason};
pub(crate) use quarantine::Held;

use crate::address::{DeviceKey, Mac, Timestamp};
use crate::cell::Cell64;
use crate::headers::Headers;
use crate::judge::Builtin;
use crate::table::{Bound, Full, Tables};
use bucket::Buckets;
use quarantine::Quarantine;

/// What the judge remembers.
#[repr(C)]
pub struct State {
    control: Control,
    policies: [Policy; 2],
    /// The flows.
    pub flows: FlowTable,
    /// The datagrams in fragments.
    pub fragments: FragmentTable,
    quarantine: Quarantine,
    buckets: Buckets,
    /// What was counted.
    pub counters: Counters,
}
const _: () = assert!(size_of::<State>() <= 80_000_000);

/// What every frame reads: one cache line.
#[repr(C, align(64))]
struct Control {
    generation: Cell64,
    seed: Cell64,
    /// Bits of the numbers of slots of flows that are not used.
    unused: Cell64,
    /// Until when somebody attends to the sensor, in nanoseconds, inverted: 0 is for ever.
    deadline: Cell64,
    /// Frames of a flow that are copied when it begins.
    tap_frames: Cell64,
    reserved: [Cell64; 3],
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
        // What devices have left of the limits is counted by rule, and another policy has other rules.
        self.idle().tables.set_edition(self.generation().wrapping_add(1));
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

    /// Cuts a device off, by all the addresses that are known of it, whatever the policy says and in whatever mode it is.
    /// The generation is published, so that the next frame from it or to it is denied, that of a known flow too.
    ///
    /// What a device needs to stay on its link passes (ARP, EAPOL, neighbour discovery and DHCP as a client; see
    /// [`State::set_quarantine_allowances`]), and what the policy lets it do with segments that are a refuge
    /// ([`Tables::set_refuge`]). A swap of policies keeps it. How long it lasts is for userspace to say. A router's MAC
    /// address stands for everybody behind it. The addresses of groups are no device's and are left out.
    ///
    /// # Errors
    /// [`Full`] where there is no room for all addresses; those for which there was are in force.
    pub fn quarantine(&self, addresses: &[DeviceKey]) -> Result<(), Full> {
        let added = addresses.iter().map(|&address| self.quarantine.add(address));
        let outcome = added.fold(Ok(()), Result::and);
        self.publish();
        outcome
    }

    /// Ends the quarantine of addresses.
    pub fn release(&self, addresses: &[DeviceKey]) {
        for &address in addresses {
            self.quarantine.remove(address);
        }
        self.publish();
    }

    /// Whether an address is in quarantine.
    pub fn is_quarantined(&self, address: DeviceKey) -> bool {
        self.quarantine.holds_device(address)
    }

    /// Says which built-in allowances hold for devices in quarantine. What they send as a server never passes: there is no
    /// reason why such a device should speak for the network.
    pub fn set_quarantine_allowances(&self, builtins: &[Builtin]) {
        self.quarantine.set_allowances(builtins);
        self.publish();
    }

    /// Takes a frame out of what somebody has left of a limit.
    #[inline(always)]
    pub(crate) fn draw(&self, consumer: &Consumer, bound: &Bound, moment: &Moment) -> Draw {
        self.buckets.draw(consumer, bound, (moment.now, moment.seed))
    }

    /// Who of a frame is in quarantine; `asker` sent what it may answer.
    #[inline(always)]
    pub(crate) fn held(&self, headers: &Headers, asker: Mac) -> Held {
        self.quarantine.held(headers, asker)
    }

    /// Whether anybody is in quarantine: if not, [`crate::judge::Desk::hold`] would find nobody.
    #[inline(always)]
    pub fn has_quarantine(&self) -> bool {
        !self.quarantine.is_empty()
    }

    #[inline(always)]
    pub(crate) fn allows_held(&self, builtin: Builtin) -> bool {
        self.quarantine.allows(builtin)
    }

    /// Has so many of the first frames of each direction of a flow copied to userspace, as long as they pass; 0, with which
    /// a state begins, is none. Changes flows that begin after it.
    pub fn set_tap_frames(&self, frames: u32) {
        self.control.tap_frames.store(u64::from(frames));
    }

    #[inline(always)]
    pub(crate) fn tap_frames(&self) -> u64 {
        self.control.tap_frames.load()
    }

    /// Says which frames of the flow of these headers, in their direction, are copied from now on: userspace keeps those of
    /// a clinical protocol, which it knows by content, and stops others early. `false` where the table does not remember
    /// the flow, or is writing it at this moment.
    #[cfg(not(target_arch = "bpf"))]
    pub fn set_tap(&self, headers: &Headers, tap: Tap) -> bool {
        self.flows.set_tap(headers, tap, &self.moment(Timestamp::default()))
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
