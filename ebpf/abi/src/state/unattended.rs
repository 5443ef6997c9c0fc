//! What becomes of frames when userspace stays away: each segment opens, closes, or goes on as it was.
//!
//! Userspace says from time to time until when it will have said so again. The deadline lies in the cache line of the
//! generation and is compared for every frame; the verdicts of flows stay what they are, and only what is done with a
//! frame changes. So everything is as before with the first frame after userspace is back.

use crate::address::Timestamp;
use crate::judge::Fate;
use crate::table::{Action, Failure};

use super::packed::{PackedVerdict, reason};
use super::{Moment, State};

impl State {
    /// Says until when userspace attends to the sensor, in the time that frames are judged by (a kernel program's is the
    /// monotonic clock); `None` is for ever. Where the deadline passes, [`Failure`] of the segments says what becomes of
    /// frames. A sensor that lives moves it on well before.
    pub fn set_deadline(&self, deadline: Option<Timestamp>) {
        self.control.deadline.store(deadline.map_or(0, |Timestamp(at)| !at));
    }

    /// Until when userspace attends to the sensor; `None` is for ever.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.control.deadline.load() {
            0 => None,
            inverted => Some(Timestamp(!inverted)),
        }
    }

    /// What is done with a frame by a verdict, now.
    #[inline(always)]
    pub(crate) fn carried_out(&self, moment: &Moment, packed: PackedVerdict) -> PackedVerdict {
        if moment.now.0 <= !self.control.deadline.load() {
            packed
        } else {
            self.unattended(moment.generation, packed)
        }
    }

    /// The verdict for a frame while nobody attends. Where one side opens, everything passes that the policy drops: a
    /// device that a patient depends on is not cut off by a fault of the sensor. Where one side closes, and none opens,
    /// nothing passes; yet what is only observed is not dropped for that. An allowance or a quarantine holds on.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn unattended(&self, generation: u16, packed: PackedVerdict) -> PackedVerdict {
        if !packed.is_policy() {
            return packed;
        }
        let tables = &self.numbered(u64::from(generation)).tables;
        let (from, to) = packed.segments();
        match (tables.failure(from), tables.failure(to)) {
            (Failure::Open, _) | (_, Failure::Open) => match packed.fate() {
                Fate::Pass => packed,
                Fate::Drop => {
                    self.counters.opened.count();
                    packed.turned(reason::FAIL_OPEN)
                }
            },
            (Failure::Closed, _) | (_, Failure::Closed) => match packed.action() {
                Action::Allow if packed.is_enforced() => {
                    self.counters.closed.count();
                    packed.turned(reason::FAIL_CLOSED)
                }
                Action::Allow | Action::Deny => packed,
            },
            (Failure::Static, Failure::Static) => packed,
        }
    }
}
