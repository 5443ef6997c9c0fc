//! The flow table: one entry of 64 bytes, one cache line, for each direction of each flow.
//!
//! A key may lie in either of two buckets of four entries. Entries fill a bucket in order and are never removed, only
//! replaced, so a lookup ends at the first empty entry, and the second bucket is read only where the first is full.
//! Where both are full, an entry that can also lie elsewhere is moved there; if there is none, the oldest gives way: first
//! the idle, then the denied, then the allowed.

use crate::address::{Mac, SECOND, Timestamp};
use crate::headers::{Headers, protocol};
use crate::judge::{Direction, Verdict};
use crate::mix::{mix, two_buckets};
use crate::table::Action;

use super::packed::PackedVerdict;

/// Entries of the flow table: 256,000 directions of 128,000 flows fill half of it.
pub const FLOW_SLOTS: usize = 524_288;
const WAYS: usize = 4;
const BUCKETS: usize = FLOW_SLOTS / WAYS;

/// After so long without a frame an entry is neither a hit nor the reason for a reply: one hour, in ticks.
pub(crate) const FLOW_LIFE: u32 = ticks_of(3600);

/// A tick is 2^26 ns, about 67 ms: 32 bits of it last for nine years.
const TICK_BITS: u32 = 26;

/// The ticks of a span of time.
pub(crate) const fn ticks_of(seconds: u64) -> u32 {
    tick(Timestamp(seconds * SECOND))
}

/// The tick of a time.
#[expect(clippy::cast_possible_truncation, reason = "ticks wrap on purpose; ages are differences")]
pub(crate) const fn tick(now: Timestamp) -> u32 {
    (now.0 >> TICK_BITS) as u32
}

/// Ticks from `last` to `now`; 0 where time ran backwards.
pub(crate) const fn age(now: u32, last: u32) -> u32 {
    let age = now.wrapping_sub(last);
    if age.cast_signed() < 0 { 0 } else { age }
}

/// What identifies one direction of a flow: addresses, ports, protocol, VLANs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Source and destination, two words each.
    addresses: [u64; 4],
    /// Source port, destination port, protocol, two VLAN identifiers of 12 bits.
    tuple: u64,
}

const VLAN_BITS: u64 = 0x00ff_ffff;

impl Key {
    pub(crate) fn of(headers: &Headers) -> Key {
        let (src_port, dst_port) = ports(headers);
        let [outer, inner] = headers.vlan;
        let [s0, s1] = words(headers.src.0);
        let [d0, d1] = words(headers.dst.0);
        Key {
            addresses: [s0, s1, d0, d1],
            tuple: (u64::from(src_port) << 48)
                | (u64::from(dst_port) << 32)
                | (u64::from(headers.protocol) << 24)
                | (u64::from(outer & 0xfff) << 12)
                | u64::from(inner & 0xfff),
        }
    }

    pub(crate) const fn reversed(&self) -> Key {
        let [s0, s1, d0, d1] = self.addresses;
        let ports = self.tuple >> 32;
        let turned = ((ports & 0xffff) << 16) | (ports >> 16);
        Key { addresses: [d0, d1, s0, s1], tuple: (turned << 32) | (self.tuple & 0xffff_ffff) }
    }

    /// The port that names the service, as [`crate::table::Tables::class`] wants it.
    pub(crate) const fn dst_port(&self) -> u16 {
        (self.tuple >> 32 & 0xffff) as u16
    }

    pub(crate) const fn protocol(&self) -> u8 {
        (self.tuple >> 24 & 0xff) as u8
    }

    /// The VLANs are no part of the hash: a reply that was routed comes back in another VLAN and must be found.
    fn buckets(&self, seed: u64) -> [usize; 2] {
        let [s0, s1, d0, d1] = self.addresses;
        two_buckets(mix([s0, s1, d0, d1, self.tuple & !VLAN_BITS], seed), BUCKETS)
    }
}

pub(crate) fn words(bytes: [u8; 16]) -> [u64; 2] {
    let [b0, b1, b2, b3, b4, b5, b6, b7, rest @ ..] = bytes;
    [u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]), u64::from_be_bytes(rest)]
}

/// The ports of a key. ICMP queries and their answers are made each other's reverse (RFC 792, RFC 4443, RFC 4620);
/// all else of ICMP gets a port that has no reverse.
fn ports(headers: &Headers) -> (u16, u16) {
    let kind = headers.src_port;
    let answer = match headers.protocol {
        protocol::ICMP => match kind {
            8 | 0 => Some((8, 0)),
            13 | 14 => Some((13, 14)),
            17 | 18 => Some((17, 18)),
            _ => None,
        },
        protocol::ICMPV6 => match kind {
            128 | 129 => Some((128, 129)),
            139 | 140 => Some((139, 140)),
            _ => None,
        },
        _ => return (headers.src_port, headers.dst_port),
    };
    match answer {
        Some((query, answer)) if kind == query => (query, answer),
        Some((query, answer)) => (answer, query),
        None => ((kind << 8) | (headers.dst_port & 0xff), u16::MAX),
    }
}

/// One direction of a flow: key, cached verdict and what it was given for.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Entry {
    addresses: [u64; 4],
    tuple: u64,
    /// Tick of the last frame.
    last: u32,
    /// Frames seen since the entry was made; stops at the maximum.
    packets: u32,
    /// The generation that the verdict belongs to; 0 is none.
    pub(crate) generation: u16,
    /// The source MAC address that the verdict is bound to.
    mac: [u8; 6],
    verdict: PackedVerdict,
    /// Bit 0: in use. Bit 1: the frames go against the access that was judged.
    flags: u8,
    reserved: u8,
}
const _: () = assert!(size_of::<Entry>() == 64);

const IN_USE: u8 = 1;
const BACKWARD: u8 = 2;

impl Entry {
    const fn key(&self) -> Key {
        Key { addresses: self.addresses, tuple: self.tuple }
    }

    pub(crate) const fn is_live(&self, now: u32) -> bool {
        age(now, self.last) <= FLOW_LIFE
    }

    pub(crate) const fn mac(&self) -> Mac {
        Mac(self.mac)
    }

    /// VLAN identifiers of the frames, outer then inner.
    pub(crate) const fn vlan(&self) -> [u16; 2] {
        [(self.tuple >> 12 & 0xfff) as u16, (self.tuple & 0xfff) as u16]
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        self.verdict.verdict()
    }

    pub(crate) const fn direction(&self) -> Direction {
        if self.flags & BACKWARD == 0 { Direction::Forward } else { Direction::Backward }
    }

    fn is(&self, key: &Key) -> bool {
        self.tuple == key.tuple && self.addresses == key.addresses && self.flags & IN_USE != 0
    }

    /// Equal but for the VLANs.
    fn is_like(&self, key: &Key) -> bool {
        (self.tuple ^ key.tuple) & !VLAN_BITS == 0
            && self.addresses == key.addresses
            && self.flags & IN_USE != 0
    }

    pub(crate) const fn touch(&mut self, now: u32) {
        if age(now, self.last) > 0 {
            self.last = now;
        }
        self.packets = self.packets.saturating_add(1);
    }

    pub(crate) const fn set_verdict(&mut self, verdict: Verdict, direction: Direction, generation: u16) {
        self.verdict = PackedVerdict::new(verdict);
        self.generation = generation;
        self.flags = match direction {
            Direction::Forward => IN_USE,
            Direction::Backward => IN_USE | BACKWARD,
        };
    }

    pub(crate) const fn bind(&mut self, mac: Mac) {
        self.mac = mac.0;
    }
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    bucket: usize,
    way: usize,
}

impl Slot {
    fn of_bucket(bucket: usize) -> impl Iterator<Item = Slot> {
        (0..WAYS).map(move |way| Slot { bucket, way })
    }
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// Into an empty or idle entry.
    Free,
    /// In place of a live flow.
    Evicted,
    /// Not at all: a denied flow never takes the place of an allowed one.
    Refused,
}

/// All entries.
#[repr(C)]
pub struct FlowTable {
    buckets: [[Entry; WAYS]; BUCKETS],
}

impl FlowTable {
    /// The entry of a key, live or idle.
    #[inline]
    pub(crate) fn find(&self, key: &Key, seed: u64) -> Option<Slot> {
        self.search(key, seed, Entry::is)
    }

    /// The live entry of a key that something can be a reply to, in any VLAN, the key's own first.
    pub(crate) fn find_forward(&self, key: &Key, seed: u64, now: u32) -> Option<Slot> {
        let asks = |entry: &Entry| entry.direction() == Direction::Forward && entry.is_live(now);
        self.search(key, seed, |entry, key| entry.is(key) && asks(entry))
            .or_else(|| self.search(key, seed, |entry, key| entry.is_like(key) && asks(entry)))
    }

    #[inline]
    fn search(&self, key: &Key, seed: u64, same: impl Fn(&Entry, &Key) -> bool) -> Option<Slot> {
        for bucket in key.buckets(seed) {
            for (way, entry) in self.buckets.get(bucket)?.iter().enumerate() {
                if same(entry, key) {
                    return Some(Slot { bucket, way });
                }
                if entry.flags & IN_USE == 0 {
                    return None;
                }
            }
        }
        None
    }

    #[inline]
    pub(crate) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.buckets.get(slot.bucket)?.get(slot.way)
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.buckets.get_mut(slot.bucket)?.get_mut(slot.way)
    }

    /// Puts a flow that is not in the table into the best of its eight entries.
    pub(crate) fn insert(&mut self, key: &Key, fresh: &Fresh, seed: u64) -> Inserted {
        let mut best: Option<(Rank, Slot)> = None;
        for bucket in key.buckets(seed) {
            let Some(entries) = self.buckets.get(bucket) else { continue };
            for (way, entry) in entries.iter().enumerate() {
                let rank = Rank::of(entry, fresh.now);
                if best.is_none_or(|(other, _)| rank > other) {
                    best = Some((rank, Slot { bucket, way }));
                }
                if rank == Rank::Empty {
                    break;
                }
            }
            if matches!(best, Some((Rank::Empty, _))) {
                break;
            }
        }
        if !matches!(best, Some((Rank::Empty | Rank::Idle(_), _)))
            && let Some(slot) = self.make_room(key.buckets(seed), fresh.now, seed)
        {
            best = Some((Rank::Empty, slot));
        }
        let Some((rank, slot)) = best else { return Inserted::Refused };
        let outcome = match (rank, fresh.verdict.action) {
            (Rank::Empty | Rank::Idle(_), _) => Inserted::Free,
            (Rank::Denied(_), _) | (Rank::Allowed(_), Action::Allow) => Inserted::Evicted,
            (Rank::Allowed(_), Action::Deny) => return Inserted::Refused,
        };
        if let Some(entry) = self.entry_mut(slot) {
            *entry = fresh.entry(key);
        }
        outcome
    }

    /// Moves an entry of two full buckets into its second bucket, if that has room; its first one stays full with the
    /// entry that comes instead, so it will be found.
    fn make_room(&mut self, buckets: [usize; 2], now: u32, seed: u64) -> Option<Slot> {
        let (from, to) = buckets.into_iter().flat_map(Slot::of_bucket).find_map(|from| {
            let [first, second] = self.entry(from)?.key().buckets(seed);
            let roomy = |entry: &Entry| matches!(Rank::of(entry, now), Rank::Empty | Rank::Idle(_));
            let way = self.buckets.get(second)?.iter().position(roomy)?;
            (first == from.bucket).then_some((from, Slot { bucket: second, way }))
        })?;
        let moved = *self.entry(from)?;
        *self.entry_mut(to)? = moved;
        Some(from)
    }

    /// Has denials of a key judged again at their next frame, in any VLAN.
    pub(crate) fn reconsider(&mut self, key: &Key, seed: u64) {
        for bucket in key.buckets(seed) {
            for entry in self.buckets.get_mut(bucket).into_iter().flatten() {
                if entry.flags & IN_USE == 0 {
                    return;
                }
                if entry.is_like(key) && entry.verdict().action == Action::Deny {
                    entry.generation = 0;
                }
            }
        }
    }

    /// Begins a flow anew in the entry that it already has.
    pub(crate) fn renew(&mut self, slot: Slot, key: &Key, fresh: &Fresh) {
        if let Some(entry) = self.entry_mut(slot) {
            *entry = fresh.entry(key);
        }
    }

    /// Forgets the generation of every verdict, so that a number can be used again.
    pub(crate) fn forget_generations(&mut self) {
        for entry in self.buckets.iter_mut().flatten() {
            entry.generation = 0;
        }
    }

    /// Entries in use, idle ones included. Walks the whole table.
    pub fn len(&self) -> usize {
        self.buckets.iter().flatten().filter(|entry| entry.flags & IN_USE != 0).count()
    }

    /// Whether no flow was ever seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames of the flow of these headers in their direction, while the table remembers it.
    pub fn packets(&self, headers: &Headers, seed: u64) -> Option<u32> {
        self.entry(self.find(&Key::of(headers), seed)?).map(|entry| entry.packets)
    }
}

/// How willingly an entry gives way, the most willing last; within a kind the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Allowed(u32),
    Denied(u32),
    Idle(u32),
    Empty,
}

impl Rank {
    const fn of(entry: &Entry, now: u32) -> Rank {
        let age = age(now, entry.last);
        if entry.flags & IN_USE == 0 {
            Rank::Empty
        } else if !entry.is_live(now) {
            Rank::Idle(age)
        } else {
            match entry.verdict().action {
                Action::Allow => Rank::Allowed(age),
                Action::Deny => Rank::Denied(age),
            }
        }
    }
}

/// A flow at its first frame.
pub(crate) struct Fresh {
    pub(crate) verdict: Verdict,
    pub(crate) direction: Direction,
    pub(crate) generation: u16,
    pub(crate) mac: Mac,
    pub(crate) now: u32,
}

impl Fresh {
    fn entry(&self, key: &Key) -> Entry {
        let mut entry = Entry {
            addresses: key.addresses,
            tuple: key.tuple,
            last: self.now,
            packets: 1,
            generation: 0,
            mac: self.mac.0,
            verdict: PackedVerdict::default(),
            flags: 0,
            reserved: 0,
        };
        entry.set_verdict(self.verdict, self.direction, self.generation);
        entry
    }
}
