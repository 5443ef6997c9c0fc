//! A bounded view of a byte stream: grows with the bytes that arrive, never with a length that was read.

use std::io::{self, Read};

/// Bytes kept at first, and asked for at once.
const FIRST: usize = 256 * 1024;
/// Most bytes that one record may span.
pub(super) const MOST: usize = 16 * 1024 * 1024;

/// The bytes of `from` at the reader's position.
pub(super) struct Window<R> {
    from: R,
    kept: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// Why reading stopped before the end, if it did.
    pub(super) failure: Option<io::Error>,
    ended: bool,
}

impl<R: Read> Window<R> {
    /// At the first byte of `from`.
    pub(super) fn new(from: R) -> Window<R> {
        Window { from, kept: vec![0; FIRST], start: 0, end: 0, offset: 0, failure: None, ended: false }
    }

    /// Offset of the first byte in view, counted from the beginning of the stream.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes in view.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.kept.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `len` bytes (at most [`MOST`]) are in view or the stream ends, and says whether they are.
    #[inline]
    pub(super) fn holds(&mut self, len: usize) -> bool {
        self.end.saturating_sub(self.start) >= len || self.fill(len.min(MOST)) >= len
    }

    #[cold]
    fn fill(&mut self, len: usize) -> usize {
        self.kept.copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        while self.end < len && !self.ended {
            if self.end == self.kept.len() {
                self.kept.resize(self.kept.len().saturating_mul(2).min(MOST), 0);
            }
            self.read_more();
        }
        self.end
    }

    fn read_more(&mut self) {
        match self.from.read(self.kept.get_mut(self.end..).unwrap_or_default()) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end = self.end.saturating_add(count).min(self.kept.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.failure = Some(error);
                self.ended = true;
            }
        }
    }

    /// Moves on by `len` bytes, reading and forgetting those not in view; says whether the stream had them all.
    #[inline]
    pub(super) fn skip(&mut self, len: u64) -> bool {
        let mut left = len;
        loop {
            let in_view = self.end.saturating_sub(self.start);
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(in_view);
            self.start = self.start.saturating_add(now);
            self.offset = self.offset.saturating_add(now as u64);
            left = left.saturating_sub(now as u64);
            if left == 0 {
                return true;
            }
            if !self.holds(1) {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests;
