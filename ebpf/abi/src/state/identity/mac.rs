//! MAC address to segment: eight bytes an entry, buckets of four, two buckets for each address.

use crate::address::Mac;
use crate::cell::Cell64;
use crate::mix::{mix, two_buckets};
use crate::table::{Full, SegmentId};

/// Places for MAC addresses. Half of them can be counted on; beyond that a bucket may be full before the table is.
pub const MAC_SLOTS: usize = 16_384;
const WAYS: usize = 4;
const BUCKETS: usize = MAC_SLOTS / WAYS;

/// Who placed a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacedBy {
    /// The policy names the address (or the device of the inventory): before prefixes and VLANs.
    Policy,
    /// The class of the device: after all else.
    Class,
}

/// The address in the upper 48 bits, then 8 bits of segment number, then 8 of flags. Zero is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Entry(u64);

const IN_USE: u64 = 1;
const ROUTER: u64 = 2;
const BY_POLICY: u64 = 4;
/// A router by the policy, which the next policy forgets.
const DECLARED: u64 = 8;
const SEGMENT: u64 = 0xff00;

impl Entry {
    const fn new(mac: Mac) -> Entry {
        let [b0, b1, b2, b3, b4, b5] = mac.0;
        Entry(u64::from_be_bytes([b0, b1, b2, b3, b4, b5, 0, 0]) | IN_USE)
    }

    const fn is(self, mac: Mac) -> bool {
        self.0 & !(SEGMENT | 0xff) == Entry::new(mac).0 & !IN_USE && self.0 & IN_USE != 0
    }

    pub(super) const fn is_router(self) -> bool {
        self.0 & (ROUTER | DECLARED) != 0
    }

    pub(super) const fn segment(self, by: PlacedBy) -> Option<SegmentId> {
        match (by, self.0 & BY_POLICY) {
            (PlacedBy::Policy, 0) => None,
            (PlacedBy::Policy, _) | (PlacedBy::Class, 0) => SegmentId::new((self.0 >> 8 & 0xff) as u8),
            (PlacedBy::Class, _) => None,
        }
    }

    const fn placed(self, segment: SegmentId, by: PlacedBy) -> Entry {
        let number = (segment.0.get() as u64) << 8;
        let kept = self.0 & !SEGMENT;
        match by {
            PlacedBy::Policy => Entry(kept | number | BY_POLICY),
            PlacedBy::Class if self.0 & BY_POLICY == 0 => Entry(kept | number),
            PlacedBy::Class => self,
        }
    }

    /// What stays of it when all placements are forgotten.
    const fn unplaced(self) -> Entry {
        if self.0 & ROUTER == 0 { Entry(0) } else { Entry(self.0 & !(SEGMENT | BY_POLICY | DECLARED)) }
    }
}

/// All known MAC addresses. Each entry is one word, so userspace changes it while the kernel program reads.
#[repr(C)]
pub(super) struct Macs {
    entries: [Cell64; MAC_SLOTS],
}

fn buckets(mac: Mac) -> [usize; 2] {
    two_buckets(mix([Entry::new(mac).0], 0), BUCKETS)
}

impl Macs {
    pub(super) fn find(&self, mac: Mac) -> Option<Entry> {
        let [first, second] = buckets(mac);
        self.find_in(first, mac).or_else(|| self.find_in(second, mac))
    }

    #[inline]
    fn find_in(&self, bucket: usize, mac: Mac) -> Option<Entry> {
        for way in 0..WAYS {
            let entry = Entry(self.entries.get(bucket * WAYS + way)?.load());
            if entry.is(mac) {
                return Some(entry);
            }
        }
        None
    }

    pub(super) fn place(&self, mac: Mac, segment: SegmentId, by: PlacedBy) -> Result<(), Full> {
        let cell = self.entry(mac)?;
        cell.store(Entry(cell.load()).placed(segment, by).0);
        Ok(())
    }

    pub(super) fn mark_router(&self, mac: Mac) -> Result<(), Full> {
        let cell = self.entry(mac)?;
        cell.store(cell.load() | ROUTER);
        Ok(())
    }

    pub(super) fn declare_router(&self, mac: Mac) -> Result<(), Full> {
        let cell = self.entry(mac)?;
        cell.store(cell.load() | DECLARED);
        Ok(())
    }

    pub(super) fn forget(&self, mac: Mac) {
        for bucket in buckets(mac) {
            for cell in self.bucket(bucket).iter().filter(|cell| Entry(cell.load()).is(mac)) {
                cell.store(0);
            }
        }
    }

    pub(super) fn forget_segments(&self) {
        self.take_routers(self);
    }

    /// Becomes the routers of another table and nothing else.
    pub(super) fn take_routers(&self, other: &Macs) {
        for (cell, theirs) in self.entries.iter().zip(&other.entries) {
            cell.store(Entry(theirs.load()).unplaced().0);
        }
    }

    fn bucket(&self, bucket: usize) -> &[Cell64] {
        let start = bucket * WAYS;
        self.entries.get(start..start + WAYS).unwrap_or_default()
    }

    /// The entry of an address, made in the emptier bucket if it is new.
    fn entry(&self, mac: Mac) -> Result<&Cell64, Full> {
        let [first, second] = buckets(mac).map(|bucket| self.bucket(bucket));
        let known = |cell: &&Cell64| Entry(cell.load()).is(mac);
        let empty = |cell: &&Cell64| cell.load() == 0;
        let used = |bucket: &[Cell64]| bucket.iter().filter(|cell| cell.load() != 0).count();
        let emptier = if used(second) < used(first) { second } else { first };
        let cell = (first.iter().find(known))
            .or_else(|| second.iter().find(known))
            .or_else(|| emptier.iter().find(empty))
            .ok_or(Full::Macs)?;
        if cell.load() == 0 {
            cell.store(Entry::new(mac).0);
        }
        Ok(cell)
    }
}
