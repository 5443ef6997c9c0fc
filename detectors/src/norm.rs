//! What a minute usually holds: counters of the running minute, and the minutes that were learned.
//!
//! Whole numbers only, so that a baseline learned on one machine is byte for byte the one learned on another.

use abi::address::{SECOND, Timestamp};

/// Length of the window over which rates and volumes are judged.
pub(crate) const WINDOW: u64 = 60 * SECOND;

/// log2(x + 1) in thousandths, linear between powers of two.
pub(crate) fn log2_milli(x: u64) -> u64 {
    let y = x.saturating_add(1);
    let whole = u64::from(y.ilog2());
    let base = 1u64 << whole;
    let rest = u64::try_from(u128::from(y - base) * 1000 / u128::from(base)).unwrap_or(999);
    whole * 1000 + rest
}

/// What is counted in a window, by place in [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Flows opened, or operations asked for.
    Times,
    /// Payload bytes from client to server.
    Out,
    /// Payload bytes from server to client.
    Back,
    /// Objects touched or returned.
    Objects,
    /// Refused or failed attempts.
    Failures,
}

impl Figure {
    pub(crate) const ALL: [Figure; 5] =
        [Figure::Times, Figure::Out, Figure::Back, Figure::Objects, Figure::Failures];
}

/// One window's counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) times: u64,
    pub(crate) out: u64,
    pub(crate) back: u64,
    pub(crate) objects: u64,
    pub(crate) failures: u64,
}

impl Counts {
    pub(crate) fn of(&self, figure: Figure) -> u64 {
        match figure {
            Figure::Times => self.times,
            Figure::Out => self.out,
            Figure::Back => self.back,
            Figure::Objects => self.objects,
            Figure::Failures => self.failures,
        }
    }

    fn add(&mut self, more: &Counts) {
        self.times = self.times.saturating_add(more.times);
        self.out = self.out.saturating_add(more.out);
        self.back = self.back.saturating_add(more.back);
        self.objects = self.objects.saturating_add(more.objects);
        self.failures = self.failures.saturating_add(more.failures);
    }
}

/// The running window of one key. Windows are aligned to whole minutes of capture time, in learning as in judging.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    window: u64,
    /// Counts so far.
    pub(crate) counts: Counts,
    /// When this window's first event came.
    pub(crate) since: Timestamp,
}

impl Meter {
    /// Adds to the window of `at`; gives back the counts of the window that ended, if one did.
    pub(crate) fn add(&mut self, at: Timestamp, more: &Counts) -> Option<Counts> {
        let window = at.0 / WINDOW;
        if window == self.window {
            self.counts.add(more);
            return None;
        }
        let ended = (self.window != 0).then_some(self.counts);
        *self = Meter { window, counts: *more, since: at };
        ended
    }

    /// The counts of the last window, at the end of the input.
    pub(crate) fn close(&self) -> Option<Counts> {
        (self.window != 0).then_some(self.counts)
    }
}

/// What was learned of one figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// The largest window.
    pub(crate) max: u64,
    /// The second largest: what would be known without the largest, by which the margin is calibrated.
    pub(crate) second: u64,
    /// Sum of the logarithms, in thousandths.
    pub(crate) sum: u64,
    /// Sum of their squares.
    pub(crate) squares: u64,
}

impl Gauge {
    fn learn(&mut self, x: u64) {
        if x > self.max {
            self.second = self.max;
            self.max = x;
        } else if x > self.second {
            self.second = x;
        }
        let log = log2_milli(x);
        self.sum = self.sum.saturating_add(log);
        self.squares = self.squares.saturating_add(log * log);
    }

    /// Standard deviations above the mean of the logarithms; the deviation is never taken below half an octave.
    pub(crate) fn z(&self, x: u64, windows: u32) -> f64 {
        let n = f64::from(windows.max(1));
        let mean = thousandths(self.sum) / n;
        let variance = (thousandths(self.squares) / 1000.0 / n - mean * mean).max(0.0);
        (thousandths(log2_milli(x)) - mean) / variance.sqrt().max(0.5)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn thousandths(x: u64) -> f64 {
    x as f64 / 1000.0
}

/// What was learned of one key: windows with at least one event, and each figure over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Norm {
    /// Windows in which it was active; 0 is "never".
    pub(crate) windows: u32,
    pub(crate) times: Gauge,
    pub(crate) out: Gauge,
    pub(crate) back: Gauge,
    pub(crate) objects: Gauge,
    pub(crate) failures: Gauge,
}

/// The norm of a key, where there is one. Most keys of a run are new, and a norm is large: apart from the counters that
/// every flow touches, it leaves these close together in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct PairNorm(Option<Box<Norm>>);

impl PairNorm {
    /// What was learned; nothing from a norm without windows.
    pub(crate) fn new(norm: Norm) -> PairNorm {
        PairNorm((norm.windows > 0).then(|| Box::new(norm)))
    }

    /// Whether anything was learned.
    pub(crate) const fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Takes a window more.
    pub(crate) fn learn(&mut self, counts: &Counts) {
        self.0.get_or_insert_default().learn(counts);
    }
}

impl std::ops::Deref for PairNorm {
    type Target = Norm;

    fn deref(&self) -> &Norm {
        const NEVER: Gauge = Gauge { max: 0, second: 0, sum: 0, squares: 0 };
        static UNKNOWN: Norm =
            Norm { windows: 0, times: NEVER, out: NEVER, back: NEVER, objects: NEVER, failures: NEVER };
        self.0.as_deref().unwrap_or(&UNKNOWN)
    }
}

impl Norm {
    pub(crate) fn learn(&mut self, counts: &Counts) {
        self.windows = self.windows.saturating_add(1);
        self.times.learn(counts.times);
        self.out.learn(counts.out);
        self.back.learn(counts.back);
        self.objects.learn(counts.objects);
        self.failures.learn(counts.failures);
    }

    pub(crate) fn of(&self, figure: Figure) -> &Gauge {
        match figure {
            Figure::Times => &self.times,
            Figure::Out => &self.out,
            Figure::Back => &self.back,
            Figure::Objects => &self.objects,
            Figure::Failures => &self.failures,
        }
    }
}

#[cfg(test)]
mod tests;
