//! What the judge counts, by rule, by pair of segments, and by what happened.

use crate::cell::Cell64;
use crate::judge::{Builtin, Fate};
use crate::table::{Action, RuleId, SEGMENTS, SegmentId, pair_index};

use super::packed::{PackedVerdict, reason};

/// Frames and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// What a rule decided. The difference of `denied` and `dropped` is what enforcing would have dropped beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// Frames.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Of the frames, those that are denied, whether carried out or not.
    pub denied: u64,
    /// Of these, those whose denial is carried out, because its mode is `enforce`.
    pub dropped: u64,
}

/// What happened between a pair of segments: frames, replies counted with the access that they answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairTally {
    /// Frames that the policy allows.
    pub allowed: u64,
    /// Frames that the policy denies, whether carried out or not.
    pub denied: u64,
    /// Of these, those whose denial is carried out, because its mode is `enforce`.
    pub dropped: u64,
}

impl RuleTally {
    /// Frames that passed and that enforcing would have dropped.
    pub const fn would_drop(&self) -> u64 {
        self.denied.saturating_sub(self.dropped)
    }
}

impl PairTally {
    /// Frames that passed and that enforcing would have dropped.
    pub const fn would_drop(&self) -> u64 {
        self.denied.saturating_sub(self.dropped)
    }
}

/// Frames and bytes.
#[repr(C)]
struct Two(Cell64, Cell64);

/// The counters of a rule.
#[repr(C)]
struct Rule {
    all: Two,
    would_drop: Cell64,
    dropped: Cell64,
}

/// The counters of a pair.
#[repr(C)]
struct Pair {
    allowed: Cell64,
    would_drop: Cell64,
    dropped: Cell64,
}

/// What the judge counts. What flows count themselves enters the counts by rule and pair when a flow ends or is judged
/// anew, and by [`State::settle`].
#[repr(C)]
pub struct Counters {
    rules: [Rule; 65_536],
    pairs: [Pair; SEGMENTS * SEGMENTS],
    builtins: [Two; Builtin::ALL.len()],
    quarantined: Two,
    rogue_servers: Two,
    /// Frames that passed though the policy drops them, because nobody attended and a segment opens then.
    /// The counts by rule and pair have them as dropped.
    pub opened: Cell64,
    /// Frames that were dropped though the policy allows them, because nobody attended and a segment closes then.
    /// The counts by rule and pair have them as allowed.
    pub closed: Cell64,
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
    /// Frames that were copied to userspace.
    pub tapped: Cell64,
    /// Frames that were to be copied and are missing there, because nobody took the others away in time.
    pub tap_lost: Cell64,
    /// Frames under a limit that passed uncounted, because too many devices are under limits.
    pub unlimited: Cell64,
    /// Events that were not told, because their budget was used up or nobody took them away.
    pub untold: Cell64,
}

impl Counters {
    /// Counts frames under their verdict.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(crate) fn add(&self, packed: PackedVerdict, frames: u64, bytes: u64) {
        self.add_by(packed, [frames, bytes], Cell64::add);
    }

    /// By rule and pair goes what the policy decides; what is built in, or ordered, has its own counts.
    #[inline(always)]
    pub(super) fn add_by(
        &self,
        packed: PackedVerdict,
        [frames, bytes]: [u64; 2],
        add: impl Fn(&Cell64, u64),
    ) {
        let builtin = packed.reason().wrapping_sub(reason::BUILTIN);
        let tally = if builtin < Builtin::ALL.len() as u64 {
            self.builtins.get((builtin & 0x1f) as usize)
        } else if packed.reason() == reason::QUARANTINE {
            Some(&self.quarantined)
        } else {
            if let Some(pair) = self.pairs.get(packed.pair()) {
                match (packed.action(), packed.fate()) {
                    (Action::Allow, _) => add(&pair.allowed, frames),
                    (Action::Deny, Fate::Pass) => add(&pair.would_drop, frames),
                    (Action::Deny, Fate::Drop) => add(&pair.dropped, frames),
                }
            }
            if packed.reason() == reason::ROGUE_SERVER {
                Some(&self.rogue_servers)
            } else {
                self.rules.get(packed.rule()).map(|rule| {
                    match (packed.action(), packed.fate()) {
                        (Action::Allow, _) => {}
                        (Action::Deny, Fate::Pass) => add(&rule.would_drop, frames),
                        (Action::Deny, Fate::Drop) => add(&rule.dropped, frames),
                    }
                    &rule.all
                })
            }
        };
        if let Some(Two(packets, all)) = tally {
            add(packets, frames);
            add(all, bytes);
        }
    }

    /// What a rule, or no rule, decided.
    pub fn rule(&self, rule: Option<RuleId>) -> RuleTally {
        let Some(Rule { all, would_drop, dropped }) = self.rules.get(usize::from(RuleId::number(rule)))
        else {
            return RuleTally::default();
        };
        let Tally { packets, bytes } = all.tally();
        let dropped = dropped.load();
        RuleTally { packets, bytes, denied: would_drop.load().wrapping_add(dropped), dropped }
    }

    /// What happened from one segment, or none, to another.
    pub fn pair(&self, from: Option<SegmentId>, to: Option<SegmentId>) -> PairTally {
        self.pairs.get(pair_index(from, to)).map_or(PairTally::default(), Pair::tally)
    }

    /// What happened between all pairs, the unassigned ones included.
    pub fn all_pairs(&self) -> impl Iterator<Item = PairTally> {
        self.pairs.iter().map(Pair::tally)
    }

    /// What a built-in allowance let pass. That is in no other count.
    pub fn builtin(&self, builtin: Builtin) -> Tally {
        self.builtins.get(builtin as usize).map_or(Tally::default(), Two::tally)
    }

    /// What was denied because a side is in quarantine. That is in no other count.
    pub fn quarantined(&self) -> Tally {
        self.quarantined.tally()
    }

    /// What was denied because only servers that the policy trusts may say it. The counts by pair have it too.
    pub fn rogue_servers(&self) -> Tally {
        self.rogue_servers.tally()
    }
}

impl Two {
    fn tally(&self) -> Tally {
        let Two(packets, bytes) = self;
        Tally { packets: packets.load(), bytes: bytes.load() }
    }
}

impl Pair {
    fn tally(&self) -> PairTally {
        let dropped = self.dropped.load();
        let denied = self.would_drop.load().wrapping_add(dropped);
        PairTally { allowed: self.allowed.load(), denied, dropped }
    }
}
