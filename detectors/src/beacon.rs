//! E20: a new contact outside that is met again and again at even times.

use crate::memory::Triple;
use crate::record::FlowId;
use abi::address::{SECOND, Timestamp};
use rustc_hash::FxHashMap;

/// Rhythms that are followed at a time.
const RHYTHMS: usize = 16_384;
/// Gaps that make a rhythm.
const GAPS: u32 = 5;
/// Largest coefficient of variation of the gaps. Beacons carry up to half of jitter, which gives 0.29; people give 1 and more.
const UNEVEN: f64 = 0.6;
/// Visits that follow closer belong together: browsers open several connections at once.
const TOGETHER: u64 = 500 * abi::address::MILLISECOND;
/// A rhythm that goes on is told again after this.
const AGAIN: u64 = 30 * SECOND;
/// Shortest and longest mean gap.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 3.0 * 3600.0;

#[derive(Clone, Copy, Debug, Default)]
struct Rhythm {
    first: Timestamp,
    last: Timestamp,
    gaps: u32,
    mean: f64,
    squares: f64,
    told: Timestamp,
    flow: Option<FlowId>,
}

/// What the gaps look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beat {
    pub(crate) since: Timestamp,
    pub(crate) gaps: u32,
    /// Seconds.
    pub(crate) mean: f64,
    /// Standard deviation over mean.
    pub(crate) variation: f64,
    pub(crate) flow: FlowId,
}

/// The contacts outside that are new.
#[derive(Debug, Default)]
pub(crate) struct Beacons {
    rhythms: FxHashMap<Triple, Rhythm>,
    pub(crate) lost: u64,
}

impl Beacons {
    /// Notes a visit; a beat when the visits come evenly.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a gap as seconds")]
    pub(crate) fn visit(&mut self, triple: Triple, at: Timestamp, flow: FlowId) -> Option<Beat> {
        if self.rhythms.len() >= RHYTHMS && !self.rhythms.contains_key(&triple) {
            self.lost += 1;
            return None;
        }
        let rhythm = self.rhythms.entry(triple).or_default();
        if rhythm.last.0 == 0 {
            *rhythm = Rhythm { first: at, last: at, flow: Some(flow), ..Rhythm::default() };
            return None;
        }
        let gap = at.since(rhythm.last);
        if gap < TOGETHER {
            return None;
        }
        rhythm.last = at;
        rhythm.gaps += 1;
        // Welford's running mean and sum of squares.
        let seconds = gap as f64 / SECOND as f64;
        let delta = seconds - rhythm.mean;
        rhythm.mean += delta / f64::from(rhythm.gaps);
        rhythm.squares += delta * (seconds - rhythm.mean);
        let variation = (rhythm.squares / f64::from(rhythm.gaps)).sqrt() / rhythm.mean.max(1e-9);
        let fits = rhythm.gaps >= GAPS && variation < UNEVEN && (SHORTEST..LONGEST).contains(&rhythm.mean);
        if !fits || (rhythm.told.0 != 0 && at.since(rhythm.told) < AGAIN) {
            return None;
        }
        rhythm.told = at;
        let Rhythm { first: since, gaps, mean, .. } = *rhythm;
        Some(Beat { since, gaps, mean, variation, flow: rhythm.flow.unwrap_or(flow) })
    }

    /// Forgets contacts of more than three longest gaps ago, when room is wanted.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.rhythms.len() > RHYTHMS / 4 * 3 {
            self.rhythms.retain(|_, rhythm| now.since(rhythm.last) < 9 * 3600 * SECOND);
        }
    }
}

#[cfg(test)]
mod tests;
