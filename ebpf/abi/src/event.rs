//! What the kernel program tells userspace of single frames, through a ring of records.

use crate::address::Timestamp;
use crate::judge::{Desk, Event, PackedEvent, Verdict};
use crate::state::PackedVerdict;

/// Bytes of the frame that a record carries.
pub const HEAD: usize = 192;

/// Words before them.
pub const WORDS: usize = 5;

/// Where and when a frame was seen.
#[derive(Clone, Copy, Debug)]
pub struct Sighted {
    /// When.
    pub at: Timestamp,
    /// Bytes on the wire.
    pub frame_len: u32,
    /// The interface at which it came in, by its index.
    pub interface: u32,
}

/// One record. Every bit pattern is valid.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Record {
    /// Time, verdict, event, length on the wire and number of bytes in `head`, interface.
    words: [u64; WORDS],
    head: [u8; HEAD],
}
const _: () = assert!(size_of::<Record>() == Record::HEAD_AT + HEAD);

impl Record {
    /// Where the bytes of the frame begin.
    pub const HEAD_AT: usize = 8 * WORDS;

    /// The words of a record of a judged frame, of which `captured` bytes will stand behind them.
    #[inline(always)]
    pub fn words(desk: &Desk, sighted: Sighted, captured: u32) -> [u64; WORDS] {
        let (verdict, event) = desk.packed();
        let lengths = (u64::from(sighted.frame_len) << 32) | u64::from(captured);
        [sighted.at.0, verdict.0, event.0, lengths, u64::from(sighted.interface)]
    }

    /// A record out of the ring's bytes; `None` if they are too few.
    pub fn read(bytes: &[u8]) -> Option<Record> {
        let mut words = [0; WORDS];
        let mut rest = bytes;
        for word in &mut words {
            let (first, others) = rest.split_first_chunk()?;
            *word = u64::from_ne_bytes(*first);
            rest = others;
        }
        Some(Record { words, head: *rest.first_chunk()? })
    }

    /// What happened; `None` for a kind of another version.
    pub const fn event(&self) -> Option<Event> {
        let [_, _, event, _, _] = self.words;
        PackedEvent(event).event()
    }

    /// The verdict of the frame.
    pub const fn verdict(&self) -> Verdict {
        let [_, verdict, _, _, _] = self.words;
        PackedVerdict(verdict).verdict()
    }

    /// Where and when; the time is the kernel's monotonic clock.
    pub const fn sighted(&self) -> Sighted {
        let [at, _, _, lengths, interface] = self.words;
        Sighted {
            at: Timestamp(at),
            frame_len: (lengths >> 32) as u32,
            interface: (interface & 0xffff_ffff) as u32,
        }
    }

    /// The beginning of the frame.
    pub fn head(&self) -> &[u8] {
        let [_, _, _, lengths, _] = self.words;
        self.head.get(..(lengths & 0xffff_ffff) as usize).unwrap_or(&self.head)
    }
}

/// How many bytes of a frame a copy holds: the smallest of these that holds the whole frame, and of a longer one so many as
/// the largest. Three, because room in the ring is asked for in a fixed size.
pub const TAP_SIZES: [usize; 3] = [128, 512, 2048];

/// Words before the bytes of a copied frame.
pub const TAP_WORDS: usize = 4;

/// A copied frame, in the bytes of the ring.
#[derive(Clone, Copy, Debug)]
pub struct TappedFrame<'r> {
    words: [u64; TAP_WORDS],
    bytes: &'r [u8],
}

impl<'r> TappedFrame<'r> {
    /// Where the bytes of the frame begin.
    pub const BYTES_AT: usize = 8 * TAP_WORDS;

    /// The words of a copy of a judged frame, of which `captured` bytes will stand behind them.
    #[inline(always)]
    pub fn words(desk: &Desk, sighted: Sighted, captured: u32) -> [u64; TAP_WORDS] {
        let (verdict, _) = desk.packed();
        let lengths = (u64::from(sighted.frame_len) << 32) | u64::from(captured);
        [sighted.at.0, verdict.0, lengths, u64::from(sighted.interface)]
    }

    /// A copy out of the ring's bytes; `None` if they are too few.
    pub fn read(bytes: &'r [u8]) -> Option<TappedFrame<'r>> {
        let mut words = [0; TAP_WORDS];
        let mut rest = bytes;
        for word in &mut words {
            let (first, others) = rest.split_first_chunk()?;
            *word = u64::from_ne_bytes(*first);
            rest = others;
        }
        let [_, _, lengths, _] = words;
        Some(TappedFrame { words, bytes: rest.get(..(lengths & 0xffff_ffff) as usize)? })
    }

    /// The verdict of the frame.
    pub const fn verdict(&self) -> Verdict {
        let [_, verdict, _, _] = self.words;
        PackedVerdict(verdict).verdict()
    }

    /// Where and when; the time is the kernel's monotonic clock.
    pub const fn sighted(&self) -> Sighted {
        let [at, _, lengths, interface] = self.words;
        Sighted {
            at: Timestamp(at),
            frame_len: (lengths >> 32) as u32,
            interface: (interface & 0xffff_ffff) as u32,
        }
    }

    /// The frame, cut where it is longer than a copy can be.
    pub const fn bytes(&self) -> &'r [u8] {
        self.bytes
    }
}
