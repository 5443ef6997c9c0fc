//! Classic pcap files of version 2.4 (draft-ietf-opsawg-pcap): microseconds and nanoseconds, both byte orders.
//!
//! libpcap reads a file 4 KiB at a time, which costs a tenth of a whole replay; this reader takes 256 KiB at once. What
//! else begins like a classic file is left to libpcap. The bytes can be anything: a record is in view as a whole before
//! a byte of it is used, and none may be longer than [`LONGEST`].

use super::note::{Damage, Fact};
use super::order::Order;
use super::window::Window;
use super::{Head, Refusal};
use abi::address::{SECOND, Timestamp};
use std::io::Read;
use wire::frame::LinkType;

/// Magic of captures with microseconds, as a machine of the writer's byte order sees it.
pub(super) const MICRO: u32 = 0xa1b2_c3d4;
/// Magic of captures with nanoseconds.
pub(super) const NANO: u32 = 0xa1b2_3c4d;
/// Bytes of the file header (section 4).
const FILE_HEADER: usize = 24;
/// Bytes of a record header (section 5).
const RECORD_HEADER: usize = 16;
/// Most bytes of a frame, as in libpcap and Wireshark: more is a lie.
const LONGEST: u32 = 262_144;

/// What the file header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileHeader {
    order: Order,
    /// Nanoseconds in a unit of the records' fractions.
    unit: u32,
    /// The `LINKTYPE_` number.
    link: u32,
}

impl FileHeader {
    /// The header that `beginning` starts with; none where it is not whole or of another version or variant.
    pub(super) fn read(beginning: &[u8]) -> Option<FileHeader> {
        let [magic @ .., v0, v1, v2, v3, _, _, _, _, _, _, _, _, _, _, _, _, l0, l1, l2, l3] =
            *beginning.first_chunk::<FILE_HEADER>()?;
        let (order, magic) = match u32::from_be_bytes(magic) {
            written @ (MICRO | NANO) => (Order::Big, written),
            written => (Order::Little, written.swap_bytes()),
        };
        let unit = match magic {
            MICRO => 1000,
            NANO => 1,
            _ => return None,
        };
        let version = (order.u16([v0, v1]), order.u16([v2, v3]));
        // The upper six bits tell of frame check sequences.
        let link = order.u32([l0, l1, l2, l3]) & 0x03ff_ffff;
        (version == (2, 4)).then_some(FileHeader { order, unit, link })
    }
}

/// A classic capture.
pub(super) struct Classic<R> {
    window: Window<R>,
    header: FileHeader,
    link: LinkType,
    /// Bytes of the record in view, which the next step leaves behind.
    used: usize,
    frames: u64,
    ended: bool,
    damage: Option<Damage>,
}

impl<R: Read> Classic<R> {
    /// At the first record of `from`, which begins with `header`.
    pub(super) fn open(from: R, header: FileHeader) -> Result<Classic<R>, Refusal> {
        let unsupported = Refusal::LinkType(header.link.cast_signed());
        let link = LinkType::of_dlt(header.link.cast_signed()).ok_or(unsupported)?;
        let window = Window::new(from);
        Ok(Classic { window, header, link, used: FILE_HEADER, frames: 0, ended: false, damage: None })
    }

    /// The next frame, in the window.
    #[inline]
    pub(super) fn next_frame(&mut self) -> Option<(Head, &[u8])> {
        if self.ended {
            return None;
        }
        self.window.skip(std::mem::take(&mut self.used) as u64);
        let Some(record) = self.record() else {
            self.ended = true;
            return None;
        };
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = record;
        let order = self.header.order;
        let captured = order.u32([c0, c1, c2, c3]);
        if captured > LONGEST {
            return self.stop(Damage::Claims(u64::from(captured)));
        }
        let end = RECORD_HEADER.saturating_add(captured as usize);
        if !self.window.holds(end) {
            return self.stop(Damage::Cut);
        }
        self.used = end;
        self.frames = self.frames.wrapping_add(1);
        let seconds = u64::from(order.u32([s0, s1, s2, s3])).saturating_mul(SECOND);
        let fraction = u64::from(order.u32([f0, f1, f2, f3])).saturating_mul(u64::from(self.header.unit));
        let at = Timestamp(seconds.saturating_add(fraction));
        let wire_len = order.u32([w0, w1, w2, w3]);
        let bytes = self.window.bytes().get(RECORD_HEADER..end)?;
        Some((Head { at, link: self.link, wire_len }, bytes))
    }

    /// The header of the next record; none at the end of the file, or where it ends inside the header.
    #[inline]
    fn record(&mut self) -> Option<[u8; RECORD_HEADER]> {
        if !self.window.holds(RECORD_HEADER) {
            let is_over = self.window.bytes().is_empty() && self.window.failure.is_none();
            return if is_over { None } else { self.stop(Damage::Cut) };
        }
        self.window.bytes().first_chunk().copied()
    }

    #[cold]
    fn stop<T>(&mut self, damage: Damage) -> Option<T> {
        self.ended = true;
        self.damage = Some(match self.window.failure.take() {
            Some(error) => Damage::Read(error.to_string()),
            None => damage,
        });
        None
    }

    /// Offset of the record in view, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Frames delivered.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// What was wrong.
    pub(super) fn facts(self) -> Vec<Fact> {
        let at = Some(self.window.offset());
        match self.damage {
            Some(damage) => vec![Fact::Stopped { frames: self.frames, at, damage }],
            None if self.frames == 0 && self.ended => vec![Fact::NoFrames],
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
