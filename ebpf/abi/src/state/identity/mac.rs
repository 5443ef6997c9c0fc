//! MAC address to segment: eight bytes an entry, buckets of four, two buckets for each address.

use crate::address::Mac;
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
        self.0 & ROUTER != 0
    }

    pub(super) const fn segment(self, by: PlacedBy) -> Option<SegmentId> {
        match (by, self.0 & BY_POLICY) {
            (PlacedBy::Policy, 0) => None,
            (PlacedBy::Policy, _) | (PlacedBy::Class, 0) => SegmentId::new((self.0 >> 8 & 0xff) as u8),
            (PlacedBy::Class, _) => None,
        }
    }

    fn place(&mut self, segment: SegmentId, by: PlacedBy) {
        let number = u64::from(segment.0.get()) << 8;
        let kept = self.0 & !SEGMENT;
        match by {
            PlacedBy::Policy => self.0 = kept | number | BY_POLICY,
            PlacedBy::Class if self.0 & BY_POLICY == 0 => self.0 = kept | number,
            PlacedBy::Class => {}
        }
    }
}

/// All known MAC addresses.
#[repr(C)]
pub(super) struct Macs {
    buckets: [[Entry; WAYS]; BUCKETS],
}

fn buckets(mac: Mac) -> [usize; 2] {
    two_buckets(mix([Entry::new(mac).0], 0), BUCKETS)
}

impl Macs {
    pub(super) fn find(&self, mac: Mac) -> Option<Entry> {
        let [first, second] = buckets(mac);
        let in_bucket = |bucket: usize| self.buckets.get(bucket)?.iter().copied().find(|entry| entry.is(mac));
        in_bucket(first).or_else(|| in_bucket(second))
    }

    pub(super) fn place(&mut self, mac: Mac, segment: SegmentId, by: PlacedBy) -> Result<(), Full> {
        self.entry(mac)?.place(segment, by);
        Ok(())
    }

    pub(super) fn mark_router(&mut self, mac: Mac) -> Result<(), Full> {
        self.entry(mac)?.0 |= ROUTER;
        Ok(())
    }

    pub(super) fn forget(&mut self, mac: Mac) {
        for bucket in buckets(mac) {
            for entry in self.buckets.get_mut(bucket).into_iter().flatten().filter(|entry| entry.is(mac)) {
                *entry = Entry::default();
            }
        }
    }

    pub(super) fn forget_segments(&mut self) {
        for entry in self.buckets.iter_mut().flatten() {
            if entry.is_router() {
                entry.0 &= !(SEGMENT | BY_POLICY);
            } else {
                *entry = Entry::default();
            }
        }
    }

    /// The entry of an address, made in the emptier bucket if it is new.
    fn entry(&mut self, mac: Mac) -> Result<&mut Entry, Full> {
        let [first, second] = buckets(mac);
        let way_of = |bucket: usize, wanted: &dyn Fn(&Entry) -> bool| {
            self.buckets
                .get(bucket)
                .and_then(|entries| entries.iter().position(wanted))
                .map(|way| (bucket, way))
        };
        let known = |entry: &Entry| entry.is(mac);
        let empty = |entry: &Entry| entry.0 == 0;
        let used = |bucket: usize| {
            self.buckets
                .get(bucket)
                .map_or(WAYS, |entries| entries.iter().filter(|entry| entry.0 != 0).count())
        };
        let emptier = if used(second) < used(first) { second } else { first };
        let (bucket, way) = way_of(first, &known)
            .or_else(|| way_of(second, &known))
            .or_else(|| way_of(emptier, &empty))
            .ok_or(Full::Macs)?;
        let entry =
            self.buckets.get_mut(bucket).and_then(|entries| entries.get_mut(way)).ok_or(Full::Macs)?;
        if entry.0 == 0 {
            *entry = Entry::new(mac);
        }
        Ok(entry)
    }
}
