//! IPv4 prefixes as a trie of 16, 8 and 8 bits: at most three dependent loads for the longest match.

use crate::table::{Full, SegmentId};

/// Blocks of 256 slots for prefixes longer than 16 bits: one for each /16 and one for each /24 that has such.
pub const V4_BLOCKS: usize = 2048;

/// A slot: empty (0), a prefix (`len + 1` in bits 8 to 13, segment number in the lowest 8), or a block (bit 15, number).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
struct Slot(u16);

const BLOCK: u16 = 0x8000;

impl Slot {
    const fn prefix(len: u8, segment: SegmentId) -> Slot {
        Slot(u16::from_be_bytes([len + 1, segment.0.get()]))
    }

    const fn block(self) -> Option<usize> {
        if self.0 & BLOCK != 0 { Some((self.0 & !BLOCK) as usize) } else { None }
    }

    /// `len + 1` of the prefix, 0 for none.
    const fn rank(self) -> u16 {
        self.0 >> 8
    }

    fn found(self) -> Option<(SegmentId, u8)> {
        let [rank, segment] = self.0.to_be_bytes();
        Some((SegmentId::new(segment)?, rank.checked_sub(1)?))
    }
}

/// All IPv4 prefixes.
#[repr(C)]
pub(super) struct Prefixes {
    root: [Slot; 65_536],
    blocks: [[Slot; 256]; V4_BLOCKS],
    /// Blocks in use.
    used: u16,
}

impl Prefixes {
    /// The longest prefix of an address.
    #[inline]
    pub(super) fn find(&self, ip: u32) -> Option<(SegmentId, u8)> {
        let [a, b, c, d] = ip.to_be_bytes();
        let mut slot = *self.root.get(usize::from(u16::from_be_bytes([a, b])))?;
        for byte in [c, d] {
            let Some(block) = slot.block() else { break };
            slot = *self.blocks.get(block)?.get(usize::from(byte))?;
        }
        slot.found()
    }

    pub(super) fn place(&mut self, network: u32, len: u8, segment: SegmentId) -> Result<(), Full> {
        let len = len.min(32);
        let new = Slot::prefix(len, segment);
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

    pub(super) fn forget(&mut self) {
        self.root.fill(Slot::default());
        self.used = 0;
    }

    fn slot(&mut self, place: Place) -> Option<&mut Slot> {
        match place {
            Place::Root(at) => self.root.get_mut(at),
            Place::Block(block, at) => self.blocks.get_mut(block)?.get_mut(at),
        }
    }

    /// The block behind a slot, made if need be with what the slot says in all its own.
    fn grow(&mut self, place: Place) -> Result<usize, Full> {
        let old = *self.slot(place).ok_or(Full::Prefixes)?;
        if let Some(block) = old.block() {
            return Ok(block);
        }
        let number = self.used;
        let block = self.blocks.get_mut(usize::from(number)).ok_or(Full::Prefixes)?;
        block.fill(old);
        self.used = number + 1;
        if let Some(slot) = self.slot(place) {
            *slot = Slot(BLOCK | number);
        }
        Ok(usize::from(number))
    }

    /// Puts a prefix into a slot and all below it, wherever no longer one is.
    fn cover(&mut self, place: Place, new: Slot) {
        let Some(slot) = self.slot(place) else { return };
        let Some(block) = slot.block() else {
            if slot.rank() <= new.rank() {
                *slot = new;
            }
            return;
        };
        for at in 0..256 {
            let Some(inner) = self.slot(Place::Block(block, at)).map(|slot| *slot) else { return };
            match inner.block() {
                // Three levels in all: the deepest one has no blocks.
                Some(deepest) => self.cover_leaves(deepest, new),
                None => self.cover_leaf(block, at, new),
            }
        }
    }

    fn cover_leaves(&mut self, block: usize, new: Slot) {
        for at in 0..256 {
            self.cover_leaf(block, at, new);
        }
    }

    fn cover_leaf(&mut self, block: usize, at: usize, new: Slot) {
        if let Some(slot) = self.slot(Place::Block(block, at))
            && slot.rank() <= new.rank()
        {
            *slot = new;
        }
    }
}

/// Where a slot lies.
#[derive(Clone, Copy)]
enum Place {
    Root(usize),
    Block(usize, usize),
}
