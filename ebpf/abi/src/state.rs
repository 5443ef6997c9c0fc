//! Everything that the judge remembers: tables, identities, flows, fragments, counters.
//!
//! One value with a fixed layout of plain arrays of integers, in which all zeros are valid: it can be the memory of a
//! kernel map that userspace shares. In userspace `State::boxed` (feature `user`) makes it on the heap.
//!
//! | Field | Layout | MB |
//! |---|---|---|
//! | `tables` | port classes 2 × 64 KiB, pair rows 128 KiB, cells 1,024 × 256 × 4 B | 1.3 |
//! | `identities` | MAC addresses 16,384 × 8 B, IPv4 trie 128 KiB + 2,048 blocks × 512 B, IPv6 prefixes, addresses | 1.7 |
//! | `flows` | 524,288 entries × 64 B, one for each direction, in buckets of four, two buckets for each key | 33.6 |
//! | `fragments` | 4,096 entries × 56 B | 0.2 |
//! | `counters` | rules 65,536 × 16 B, pairs 65,536 × 16 B, the rest | 2.1 |

mod flow;
mod fragment;
mod identity;
mod packed;
#[cfg(test)]
mod tests;

pub use flow::{FLOW_SLOTS, FlowTable};
pub use fragment::{FRAGMENT_SLOTS, FragmentTable};
pub use identity::{ADDRESS_SLOTS, Identities, MAC_SLOTS, PlacedBy, V4_BLOCKS, V6_LENGTHS, V6_SLOTS};

pub(crate) use flow::{Fresh, Inserted, Key, Slot, tick};
pub(crate) use fragment::Now;
pub(crate) use identity::Endpoint;

use crate::judge::{Builtin, Reason, Verdict};
use crate::table::{Action, RuleId, SEGMENTS, Tables, pair_index};

/// What the judge remembers.
#[repr(C)]
pub struct State {
    /// The policy in force. After a change call [`State::publish`].
    pub tables: Tables,
    /// Which segment an address belongs to. After a change call [`State::publish`].
    pub identities: Identities,
    /// The flows.
    pub flows: FlowTable,
    /// The datagrams in fragments.
    pub fragments: FragmentTable,
    /// What was counted.
    pub counters: Counters,
    /// Enters every hash of a flow; a sensor on a live network sets it at random, before the first frame.
    pub seed: u64,
    /// Counts the calls of [`State::publish`].
    generation: u64,
    /// The generation as the entries keep it: never 0.
    epoch: u16,
    reserved: [u16; 3],
}
const _: () = assert!(size_of::<State>() <= 40_000_000);

impl State {
    /// Puts changed tables and identities into force: every cached verdict is judged again at its next frame.
    pub fn publish(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.epoch == u16::MAX {
            // Entries keep 16 bits of the generation. Once in 65,535 times they are told to forget theirs.
            self.flows.forget_generations();
            self.fragments.forget();
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// The number of the policy in force: how often [`State::publish`] was called.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn epoch(&self) -> u16 {
        self.epoch
    }
}

/// Frames and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tally {
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// What happened between a pair of segments: frames, replies counted with the access that they answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PairTally {
    /// Frames that the policy allows.
    pub allowed: u64,
    /// Frames that the policy denies, whether carried out or not.
    pub denied: u64,
}

/// What the judge counts.
#[repr(C)]
pub struct Counters {
    /// By rule: `rules[rule]`; number 0 is "no rule".
    pub rules: [Tally; 65_536],
    /// By pair: `pairs[from * 256 + to]`, segment numbers with 0 for unassigned.
    pub pairs: [PairTally; SEGMENTS * SEGMENTS],
    /// By built-in allowance, in the order of [`Builtin::ALL`]. They are in no other table.
    pub builtins: [Tally; Builtin::ALL.len()],
    /// Cached verdicts that were judged again because a newer generation was published, or because the flow began that
    /// their frames answer.
    pub rejudged: u64,
    /// Live flows that had to give way to others.
    pub evicted: u64,
    /// Frames whose denial found no room in the flow table; each such frame is judged anew.
    pub refused: u64,
    /// Flows whose source MAC address changed.
    pub mac_moved: u64,
    /// Later fragments whose first fragment is not known.
    pub orphans: u64,
    /// First fragments that were forgotten before their time.
    pub fragments_evicted: u64,
    /// Frames with an IP Ethernet type whose IP header could not be read.
    pub unreadable: u64,
}

impl Counters {
    /// Counts one frame under its verdict.
    #[inline]
    pub(crate) fn count(&mut self, verdict: Verdict, frame_len: u32) {
        let rule = match verdict.reason {
            Reason::Builtin(builtin) => self.builtins.get_mut(builtin as usize),
            Reason::Rule
            | Reason::Default
            | Reason::Unassigned
            | Reason::Reply
            | Reason::Midstream
            | Reason::Fragment
            | Reason::Orphan
            | Reason::Unreadable => {
                if let Some(pair) = self.pairs.get_mut(pair_index(verdict.from, verdict.to)) {
                    match verdict.action {
                        Action::Allow => pair.allowed = pair.allowed.wrapping_add(1),
                        Action::Deny => pair.denied = pair.denied.wrapping_add(1),
                    }
                }
                self.rules.get_mut(usize::from(RuleId::number(verdict.rule)))
            }
        };
        if let Some(tally) = rule {
            tally.packets = tally.packets.wrapping_add(1);
            tally.bytes = tally.bytes.wrapping_add(u64::from(frame_len));
        }
    }
}
