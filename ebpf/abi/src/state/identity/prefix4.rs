//! IPv4 prefixes as a trie of 16, 8 and 8 bits: at most three dependent loads for the longest match.

use crate::cell::Cell16;
use crate::table::{Full, SegmentId};

use super::Found;

/// Blocks of 256 slots for prefixes longer than 16 bits: one for each /16 and one for each /24 that has such.
pub const V4_BLOCKS: usize = 2048;

/// A slot: empty (0), a prefix (`len + 1` in bits 8 to 13, segment number in the lowest 8), or a block (bit 15, number). Of
/// one that is no block, bit 14 says that its addresses lie behind a router.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
struct Slot(u16);

const BLOCK: u16 = 0x8000;
const ROUTED: u16 = 0x4000;
const RANK: u16 = 0x3f;
const _: () = assert!((ROUTED as u64) << 2 == Found::ROUTED);

impl Slot {
    const fn prefix(len: u8, segment: SegmentId) -> Slot {
        Slot(u16::from_be_bytes([len + 1, segment.0.get()]))
    }

    const fn block(self) -> Option<usize> {
        if self.0 & BLOCK != 0 { Some((self.0 & !BLOCK) as usize) } else { None }
    }

    /// `len + 1` of the prefix, 0 for none.
    const fn rank(self) -> u16 {
        self.0 >> 8 & RANK
    }

    const fn found(self) -> Found {
        Found((self.0 & (RANK << 8 | 0xff)) as u64 | ((self.0 & ROUTED) as u64) << 2)
    }

    /// What a slot becomes that a prefix covers, unless a longer one does.
    const fn covered(self, by: Slot) -> Slot {
        if by.rank() == 0 {
            Slot(self.0 | by.0)
        } else if self.rank() <= by.rank() {
            Slot(by.0 | (self.0 & ROUTED))
        } else {
            self
        }
    }
}

/// All IPv4 prefixes.
#[repr(C)]
pub(super) struct Prefixes {
    root: [Cell16; 65_536],
    /// Block by block.
    blocks: [Cell16; 256 * V4_BLOCKS],
    /// Blocks in use.
    used: Cell16,
}

impl Prefixes {
    /// The longest prefix of an address that has a segment, and whether any prefix of it is routed.
    #[inline]
    pub(super) fn find(&self, ip: u32) -> Found {
        let [a, b, c, d] = ip.to_be_bytes();
        let root = usize::from(u16::from_be_bytes([a, b]));
        let mut slot = Slot(self.root.get(root).map_or(0, Cell16::load));
        for byte in [c, d] {
            let Some(block) = slot.block() else { break };
            slot = Slot(self.blocks.get(block * 256 + usize::from(byte)).map_or(0, Cell16::load));
        }
        slot.found()
    }

    pub(super) fn place(&self, network: u32, len: u8, segment: SegmentId) -> Result<(), Full> {
        self.write(network, len, Slot::prefix(len.min(32), segment))
    }

    /// Says that the addresses of a prefix lie behind a router.
    pub(super) fn route(&self, network: u32, len: u8) -> Result<(), Full> {
        self.write(network, len, Slot(ROUTED))
    }

    fn write(&self, network: u32, len: u8, new: Slot) -> Result<(), Full> {
        let len = len.min(32);
        let masked = network & u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
        let [a, b, c, d] = masked.to_be_bytes();
        let root = usize::from(u16::from_be_bytes([a, b]));
        if len <= 16 {
            let count = 1_usize << (16 - len);
            for at in root..root + count {
                self.cover(Place::Root(at), new);
            }
            return Ok(());
        }
        let middle = self.grow(Place::Root(root))?;
        if len <= 24 {
            let count = 1_usize << (24 - len);
            for at in usize::from(c)..usize::from(c) + count {
                self.cover(Place::Block(middle, at), new);
            }
            return Ok(());
        }
        let leaf = self.grow(Place::Block(middle, usize::from(c)))?;
        let count = 1_usize << (32 - len);
        for at in usize::from(d)..usize::from(d) + count {
            self.cover(Place::Block(leaf, at), new);
        }
        Ok(())
    }

    pub(super) fn forget(&self) {
        for slot in &self.root {
            slot.store(0);
        }
        self.used.store(0);
    }

    fn slot(&self, place: Place) -> Option<&Cell16> {
        match place {
            Place::Root(at) => self.root.get(at),
            Place::Block(block, at) => self.blocks.get(block * 256 + at),
        }
    }

    /// The block behind a slot, made if need be with what the slot says in all its own.
    fn grow(&self, place: Place) -> Result<usize, Full> {
        let slot = self.slot(place).ok_or(Full::Prefixes)?;
        let old = Slot(slot.load());
        if let Some(block) = old.block() {
            return Ok(block);
        }
        let number = self.used.load();
        let start = usize::from(number) * 256;
        let block = self.blocks.get(start..start + 256).ok_or(Full::Prefixes)?;
        for inner in block {
            inner.store(old.0);
        }
        self.used.store(number + 1);
        slot.store(BLOCK | number);
        Ok(usize::from(number))
    }

    /// Puts a prefix into a slot and all below it, wherever no longer one is.
    fn cover(&self, place: Place, new: Slot) {
        let Some(slot) = self.slot(place) else { return };
        let Some(block) = Slot(slot.load()).block() else {
            return cover_leaf(slot, new);
        };
        for at in 0..256 {
            let Some(inner) = self.slot(Place::Block(block, at)) else { return };
            match Slot(inner.load()).block() {
                // Three levels in all: the deepest one has no blocks.
                Some(deepest) => self.cover_leaves(deepest, new),
                None => cover_leaf(inner, new),
            }
        }
    }

    fn cover_leaves(&self, block: usize, new: Slot) {
        for leaf in (0..256).filter_map(|at| self.slot(Place::Block(block, at))) {
            cover_leaf(leaf, new);
        }
    }
}

fn cover_leaf(slot: &Cell16, new: Slot) {
    slot.store(Slot(slot.load()).covered(new).0);
}

/// Where a slot lies.
#[derive(Clone, Copy)]
enum Place {
    Root(usize),
    Block(usize, usize),
}
