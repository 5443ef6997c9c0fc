//! What devices have left of the limits of rules.
//!
//! A bucket is full when nobody has one, so one that is full again can be given to somebody else: nothing is lost. Where
//! none can be had the frame passes, and is counted: lack of room never cuts anybody off.

use crate::address::{Ip, Mac, SECOND, Timestamp};
use crate::cell::Cell64;
use crate::mix::{mix, two_buckets};
use crate::table::Bound;

use super::key::{mac_word, words};

/// Devices under a limit at a time, once for each rule. Half of it can be counted on; beyond that the places of one may be
/// taken before.
pub const BUCKET_SLOTS: usize = 16_384;
const WAYS: usize = 4;
const SETS: usize = BUCKET_SLOTS / WAYS;

/// Who is limited under which rule of which policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consumer {
    high: u64,
    low: u64,
    /// The edition of the policy in the upper 47 bits, the rule in the next 16, and a bit that is always set.
    rule: u64,
}

impl Consumer {
    /// A device by its MAC address, or by its IP address where it comes through a router or has no other.
    #[inline(always)]
    pub(crate) const fn new(mac: Option<Mac>, ip: Ip, (rule, edition): (usize, u64)) -> Consumer {
        let [high, low] = match mac {
            Some(mac) => [mac_word(mac) | 1, 0],
            None => words(ip),
        };
        Consumer { high, low, rule: edition << 17 | (rule as u64) << 1 | 1 }
    }
}

#[repr(C, align(64))]
struct Bucket {
    high: Cell64,
    low: Cell64,
    /// As [`Consumer::rule`]; 0 is an empty place.
    rule: Cell64,
    /// Units that are left.
    left: Cell64,
    /// When that was so, in nanoseconds.
    at: Cell64,
    /// When an excess was last told; 0 is never.
    told: Cell64,
    /// Nanoseconds in which it is full again.
    refill: Cell64,
    reserved: Cell64,
}
const _: () = assert!(size_of::<Bucket>() == 64);

/// What a limit says of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// It is within it.
    Within,
    /// It is beyond it.
    Beyond,
    /// It is beyond it, and that is to be told: once a second.
    Told,
    /// There is no room to say so.
    Unknown,
}

impl Bucket {
    fn is(&self, consumer: &Consumer) -> bool {
        self.rule.load() == consumer.rule
            && self.high.load() == consumer.high
            && self.low.load() == consumer.low
    }

    /// Whether it can be given to somebody else: it is empty, of another policy, or full again.
    fn is_free(&self, consumer: &Consumer, now: u64) -> bool {
        let rule = self.rule.load();
        rule == 0
            || rule >> 17 != consumer.rule >> 17
            || now.saturating_sub(self.at.load()) >= self.refill.load()
    }

    /// Takes what a frame costs. CPUs may take the same at once: then one more passes.
    fn draw(&self, bound: &Bound, now: u64) -> Draw {
        // Its time does not run backwards.
        let (at, count, period) = (self.at.load(), bound.count.load(), bound.period.load());
        let now = now.max(at);
        let gained = (now - at).min(bound.refill.load()).wrapping_mul(count);
        let left = self.left.load().wrapping_add(gained).min(bound.full.load());
        self.at.store(now);
        if left >= period {
            self.left.store(left - period);
            return Draw::Within;
        }
        self.left.store(left);
        let told = self.told.load();
        if told != 0 && now.saturating_sub(told) < SECOND {
            return Draw::Beyond;
        }
        self.told.store(now);
        Draw::Told
    }
}

/// All of them, four to a set, two sets for each.
#[repr(C)]
pub(super) struct Buckets {
    buckets: [Bucket; BUCKET_SLOTS],
}

impl Buckets {
    /// Takes a frame out of somebody's bucket.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(super) fn draw(&self, consumer: &Consumer, bound: &Bound, (now, seed): (Timestamp, u64)) -> Draw {
        let Consumer { high, low, rule } = *consumer;
        let sets = two_buckets(mix([high, low, rule], seed), SETS);
        let Some(bucket) = self.own(consumer, sets).or_else(|| self.begin(consumer, sets, (bound, now.0)))
        else {
            return Draw::Unknown;
        };
        bucket.draw(bound, now.0)
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn own(&self, consumer: &Consumer, sets: [usize; 2]) -> Option<&Bucket> {
        self.first(sets, |bucket| bucket.is(consumer))
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn begin(&self, consumer: &Consumer, sets: [usize; 2], (bound, now): (&Bound, u64)) -> Option<&Bucket> {
        let bucket = self.first(sets, |bucket| bucket.is_free(consumer, now))?;
        bucket.rule.store(consumer.rule);
        bucket.high.store(consumer.high);
        bucket.low.store(consumer.low);
        bucket.left.store(bound.full.load());
        bucket.at.store(now);
        bucket.told.store(0);
        bucket.refill.store(bound.refill.load());
        Some(bucket)
    }

    #[inline(always)]
    fn first(&self, [one, other]: [usize; 2], is: impl Fn(&Bucket) -> bool) -> Option<&Bucket> {
        for step in 0..2 * WAYS {
            let set = if step < WAYS { one } else { other };
            let bucket = self.buckets.get(set * WAYS + step % WAYS)?;
            if is(bucket) {
                return Some(bucket);
            }
        }
        None
    }
}
