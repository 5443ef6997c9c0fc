//! Single IP addresses to segments, for routed devices that their class places.

use crate::address::Ip;
use crate::cell::Cell64;
use crate::mix::{mix, two_buckets};
use crate::state::key::words;
use crate::table::{Full, SegmentId};

/// Places for addresses. Half of them can be counted on; beyond that a bucket may be full before the table is.
pub const ADDRESS_SLOTS: usize = 16_384;
const WAYS: usize = 4;
const BUCKETS: usize = ADDRESS_SLOTS / WAYS;

/// One address; an entry whose segment number is 0 is empty. The number is written last and cleared first.
#[repr(C)]
struct Entry {
    high: Cell64,
    low: Cell64,
    segment: Cell64,
}

impl Entry {
    fn is(&self, [high, low]: [u64; 2]) -> bool {
        self.high.load() == high && self.low.load() == low && !self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.segment.load() == 0
    }
}

/// All placed addresses.
#[repr(C)]
pub(super) struct Addresses {
    entries: [Entry; ADDRESS_SLOTS],
}

fn buckets(ip: [u64; 2]) -> [usize; 2] {
    two_buckets(mix(ip, 0), BUCKETS)
}

impl Addresses {
    pub(super) fn find(&self, ip: Ip) -> Option<SegmentId> {
        let ip = words(ip);
        let [first, second] = buckets(ip);
        self.find_in(first, ip).or_else(|| self.find_in(second, ip))
    }

    #[inline]
    fn find_in(&self, bucket: usize, ip: [u64; 2]) -> Option<SegmentId> {
        for way in 0..WAYS {
            let entry = self.entries.get(bucket * WAYS + way)?;
            if entry.is(ip) {
                return SegmentId::new((entry.segment.load() & 0xff) as u8);
            }
        }
        None
    }

    fn bucket(&self, bucket: usize) -> &[Entry] {
        let start = bucket * WAYS;
        self.entries.get(start..start + WAYS).unwrap_or_default()
    }

    pub(super) fn place(&self, ip: Ip, segment: SegmentId) -> Result<(), Full> {
        let ip = words(ip);
        let [first, second] = buckets(ip).map(|bucket| self.bucket(bucket));
        let known = |entry: &&Entry| entry.is(ip);
        let used = |bucket: &[Entry]| bucket.iter().filter(|entry| !entry.is_empty()).count();
        let emptier = if used(second) < used(first) { second } else { first };
        let entry = (first.iter().find(known))
            .or_else(|| second.iter().find(known))
            .or_else(|| emptier.iter().find(|entry| entry.is_empty()))
            .ok_or(Full::Addresses)?;
        let [high, low] = ip;
        entry.high.store(high);
        entry.low.store(low);
        entry.segment.store(u64::from(segment.0.get()));
        Ok(())
    }

    pub(super) fn forget(&self, ip: Ip) {
        let ip = words(ip);
        for bucket in buckets(ip) {
            for entry in self.bucket(bucket).iter().filter(|entry| entry.is(ip)) {
                entry.segment.store(0);
            }
        }
    }

    pub(super) fn forget_all(&self) {
        for entry in &self.entries {
            entry.segment.store(0);
        }
    }
}
