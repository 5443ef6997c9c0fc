//! Single IP addresses to segments, for routed devices that their class places.

use crate::address::Ip;
use crate::mix::{mix, two_buckets};
use crate::state::flow::words;
use crate::table::{Full, SegmentId};

/// Places for addresses. Half of them can be counted on; beyond that a bucket may be full before the table is.
pub const ADDRESS_SLOTS: usize = 16_384;
const WAYS: usize = 4;
const BUCKETS: usize = ADDRESS_SLOTS / WAYS;

/// One bucket: an entry whose segment number is 0 is empty.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Bucket {
    ips: [[u64; 2]; WAYS],
    segments: [u8; WAYS],
    reserved: [u8; 4],
}

impl Bucket {
    fn way(&self, ip: [u64; 2]) -> Option<usize> {
        self.ips.iter().zip(self.segments).position(|(other, segment)| *other == ip && segment != 0)
    }

    fn empty(&self) -> Option<usize> {
        self.segments.iter().position(|segment| *segment == 0)
    }

    fn used(&self) -> usize {
        self.segments.iter().filter(|segment| **segment != 0).count()
    }
}

/// All placed addresses.
#[repr(C)]
pub(super) struct Addresses {
    buckets: [Bucket; BUCKETS],
}

fn buckets(ip: [u64; 2]) -> [usize; 2] {
    two_buckets(mix(ip, 0), BUCKETS)
}

impl Addresses {
    pub(super) fn find(&self, ip: Ip) -> Option<SegmentId> {
        let ip = words(ip.0);
        buckets(ip).into_iter().find_map(|bucket| {
            let bucket = self.buckets.get(bucket)?;
            bucket.segments.get(bucket.way(ip)?).copied().and_then(SegmentId::new)
        })
    }

    pub(super) fn place(&mut self, ip: Ip, segment: SegmentId) -> Result<(), Full> {
        let ip = words(ip.0);
        let [first, second] = buckets(ip);
        let known = |bucket: usize| Some((bucket, self.buckets.get(bucket)?.way(ip)?));
        let empty = |bucket: usize| Some((bucket, self.buckets.get(bucket)?.empty()?));
        let used = |bucket: usize| self.buckets.get(bucket).map_or(WAYS, Bucket::used);
        let emptier = if used(second) < used(first) { second } else { first };
        let (bucket, way) =
            known(first).or_else(|| known(second)).or_else(|| empty(emptier)).ok_or(Full::Addresses)?;
        let bucket = self.buckets.get_mut(bucket).ok_or(Full::Addresses)?;
        if let (Some(key), Some(slot)) = (bucket.ips.get_mut(way), bucket.segments.get_mut(way)) {
            *key = ip;
            *slot = segment.0.get();
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, ip: Ip) {
        let ip = words(ip.0);
        for bucket in buckets(ip) {
            let Some(bucket) = self.buckets.get_mut(bucket) else { continue };
            if let Some(slot) = bucket.way(ip).and_then(|way| bucket.segments.get_mut(way)) {
                *slot = 0;
            }
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.buckets.fill(Bucket::default());
    }
}
