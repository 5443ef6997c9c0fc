//! Rate limits of rules: so many frames at a time, of each device that begins.
//!
//! A limit is a bucket of tokens: each frame takes one, and they come back at a steady rate. It is told in whole numbers
//! that make its arithmetic exact: a frame costs `period` units, and `count` units come back with each nanosecond.

use super::{Mode, RuleId, Tables, mode_bits, mode_from};
use crate::cell::{Cell8, Cell64};

/// Different limits that a policy may have.
pub const LIMITS: usize = 255;
/// Rules, 0 being none.
const RULES: usize = 65_536;

/// How many frames a device may send under a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Frames that come back in a period; at least 1, at most [`Limit::MOST`].
    pub count: u64,
    /// In nanoseconds; at least 1, at most [`Limit::LONGEST`].
    pub period: u64,
    /// Frames at once, after a pause; at least 1, at most [`Limit::MOST`].
    pub burst: u64,
    /// How far a denial beyond it is carried out; `None`: as far as a denial of the rule would be.
    pub mode: Option<Mode>,
}

impl Limit {
    /// Frames of a limit at most.
    pub const MOST: u64 = 1_000_000;
    /// The longest period: an hour, in nanoseconds.
    pub const LONGEST: u64 = 3_600_000_000_000;
}

/// A limit as it lies in the tables. Zeros are no limit.
#[repr(C)]
pub(crate) struct Bound {
    pub(crate) count: Cell64,
    /// Units that a frame costs.
    pub(crate) period: Cell64,
    /// Units of a full bucket.
    pub(crate) full: Cell64,
    /// Nanoseconds in which an empty one is full again.
    pub(crate) refill: Cell64,
    /// 0 for the mode of the rule, else 1 and the bits of a mode.
    mode: Cell64,
}

impl Bound {
    pub(crate) fn mode(&self) -> Option<Mode> {
        let bits = (self.mode.load() & 0xff) as u8;
        bits.checked_sub(1).map(mode_from)
    }

    fn cells(&self) -> [&Cell64; 5] {
        [&self.count, &self.period, &self.full, &self.refill, &self.mode]
    }
}

/// All limits, and which rule has which.
#[repr(C)]
pub(super) struct Limits {
    of_rule: [Cell8; RULES],
    bounds: [Bound; LIMITS + 1],
    /// Tells policies apart: another one begins all counts anew.
    edition: Cell64,
}

impl Limits {
    pub(super) fn copy_from(&self, other: &Limits) {
        super::copy(&self.of_rule, &other.of_rule);
        for (own, other) in self.bounds.iter().zip(&other.bounds) {
            for (own, other) in own.cells().into_iter().zip(other.cells()) {
                own.store(other.load());
            }
        }
    }
}

impl Tables {
    /// Writes a limit under a number from 1 to [`LIMITS`]; numbers beyond it change nothing. Values are cut to their bounds.
    pub fn set_limit(&self, number: u8, limit: Limit) {
        let Some(bound) = self.limits.bounds.get(usize::from(number)) else { return };
        let count = limit.count.clamp(1, Limit::MOST);
        let period = limit.period.clamp(1, Limit::LONGEST);
        let full = limit.burst.clamp(1, Limit::MOST) * period;
        bound.count.store(count);
        bound.period.store(period);
        bound.full.store(full);
        bound.refill.store(full / count + 1);
        bound.mode.store(limit.mode.map_or(0, |mode| u64::from(1 + mode_bits(mode))));
    }

    /// Puts a rule under the limit of a number, 0 being none.
    pub fn limit_rule(&self, rule: RuleId, number: u8) {
        if let Some(cell) = self.limits.of_rule.get(usize::from(rule.0.get())) {
            cell.store(number);
        }
    }

    /// The limit of a rule, by its number.
    #[inline(always)]
    pub(crate) fn bound(&self, rule: usize) -> Option<&Bound> {
        match self.limits.of_rule.get(rule & (RULES - 1)).map_or(0, Cell8::load) {
            0 => None,
            number => self.limits.bounds.get(usize::from(number)),
        }
    }

    pub(crate) fn edition(&self) -> u64 {
        self.limits.edition.load()
    }

    /// Begins all counts anew.
    pub(crate) fn set_edition(&self, edition: u64) {
        self.limits.edition.store(edition);
    }
}
