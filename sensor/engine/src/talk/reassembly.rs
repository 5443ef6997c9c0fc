//! One direction of a TCP stream put in order (RFC 9293 section 3.10.7.4): what came first wins, what is missing is said.

use abi::address::{MILLISECOND, Timestamp};

/// Segments that may wait in one direction.
const SEGMENTS: usize = 256;
/// Bytes that may wait in one direction.
const BYTES: usize = 1 << 20;
/// Bytes that may wait over all flows.
const TOTAL: usize = 64 << 20;
/// How long a hole may stay after the receiver has acknowledged what lies in it: two taps are seldom further apart.
const SKEW: u64 = 50 * MILLISECOND;
/// Segments behind an acknowledged hole that prove it a loss of the capture and not a reordering.
const PROOF: usize = 8;

/// Bytes that wait, over all flows, and what did not fit.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    held: usize,
    /// Segments that were given up for want of room.
    pub(crate) overflows: u64,
}

/// What is delivered.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// The next bytes.
    Bytes(&'a [u8]),
    /// So many bytes are missing.
    Gap(u64),
}

/// A segment with payload.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    /// Sequence number of its first byte.
    pub(crate) seq: u32,
    /// The bytes captured.
    pub(crate) captured: &'a [u8],
    /// The bytes that were on the wire.
    pub(crate) wire_len: u32,
    /// When it came.
    pub(crate) at: Timestamp,
}

#[derive(Debug)]
struct Waiting {
    seq: u32,
    bytes: Vec<u8>,
    wire_len: u32,
    at: Timestamp,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    next: Option<u32>,
    acked: Option<u32>,
    waiting: Vec<Waiting>,
    held: usize,
}

const fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

impl Half {
    /// The stream begins at `seq`, unless it has begun.
    pub(crate) fn begin(&mut self, seq: u32) {
        self.next.get_or_insert(seq);
    }

    /// Takes a segment and delivers what is in order now.
    pub(crate) fn take(
        &mut self,
        arrival: &Arrival<'_>,
        budget: &mut Budget,
        deliver: &mut dyn FnMut(Piece<'_>),
    ) {
        let next = *self.next.get_or_insert(arrival.seq);
        if ahead(arrival.seq, next) <= 0 {
            self.deliver(arrival.seq, arrival.captured, arrival.wire_len, deliver);
            self.drain(budget, deliver);
            return;
        }
        let full = self.waiting.len() >= SEGMENTS
            || self.held + arrival.captured.len() > BYTES
            || budget.held + arrival.captured.len() > TOTAL;
        if full {
            budget.overflows += 1;
            self.skip(budget, deliver);
            self.take_after_skip(arrival, budget, deliver);
            return;
        }
        let place = self.waiting.partition_point(|other| ahead(other.seq, arrival.seq) < 0);
        let known = self.waiting.get(place);
        if known.is_some_and(|other| other.seq == arrival.seq && other.wire_len >= arrival.wire_len) {
            return;
        }
        self.held += arrival.captured.len();
        budget.held += arrival.captured.len();
        let waiting = Waiting {
            seq: arrival.seq,
            bytes: arrival.captured.to_vec(),
            wire_len: arrival.wire_len,
            at: arrival.at,
        };
        self.waiting.insert(place, waiting);
        self.lost(arrival.at, budget, deliver);
    }

    /// After everything that waited was let go, the segment is in order, or beyond one last hole.
    fn take_after_skip(
        &mut self,
        arrival: &Arrival<'_>,
        budget: &mut Budget,
        deliver: &mut dyn FnMut(Piece<'_>),
    ) {
        let next = *self.next.get_or_insert(arrival.seq);
        let hole = ahead(arrival.seq, next);
        if hole > 0 {
            deliver(Piece::Gap(u64::from(hole.unsigned_abs())));
            self.next = Some(arrival.seq);
        }
        self.deliver(arrival.seq, arrival.captured, arrival.wire_len, deliver);
        self.drain(budget, deliver);
    }

    /// The receiver has everything before `ack`: a hole below it is a loss of the capture.
    pub(crate) fn acknowledge(
        &mut self,
        ack: u32,
        at: Timestamp,
        budget: &mut Budget,
        deliver: &mut dyn FnMut(Piece<'_>),
    ) {
        if self.acked.is_none_or(|acked| ahead(ack, acked) > 0) {
            self.acked = Some(ack);
        }
        self.lost(at, budget, deliver);
    }

    fn lost(&mut self, at: Timestamp, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        let (Some(acked), Some(first)) = (self.acked, self.waiting.first()) else { return };
        let proved = self.waiting.len() >= PROOF || at.since(first.at) >= SKEW;
        if proved && ahead(acked, first.seq) >= 0 {
            self.skip_one(budget, deliver);
        }
    }

    /// Gives up the hole before the first waiting segment.
    fn skip_one(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        let (Some(next), Some(first)) = (self.next, self.waiting.first()) else { return };
        let hole = ahead(first.seq, next);
        if hole > 0 {
            let to = first.seq;
            deliver(Piece::Gap(u64::from(hole.unsigned_abs())));
            self.next = Some(to);
        }
        self.drain(budget, deliver);
    }

    fn skip(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        // Each turn lets at least one waiting segment go.
        for _ in 0..=SEGMENTS {
            if self.waiting.is_empty() {
                break;
            }
            self.skip_one(budget, deliver);
        }
    }

    /// Delivers everything that waits, with its holes: the connection is over.
    pub(crate) fn flush(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        self.skip(budget, deliver);
        self.release(budget);
    }

    /// Lets go of what waits, undelivered.
    pub(crate) fn release(&mut self, budget: &mut Budget) {
        budget.held = budget.held.saturating_sub(self.held);
        self.held = 0;
        self.waiting = Vec::new();
    }

    fn drain(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        loop {
            let next = self.next.unwrap_or(0);
            if self.waiting.first().is_none_or(|first| ahead(first.seq, next) > 0) {
                return;
            }
            let segment = self.waiting.remove(0);
            self.held = self.held.saturating_sub(segment.bytes.len());
            budget.held = budget.held.saturating_sub(segment.bytes.len());
            self.deliver(segment.seq, &segment.bytes, segment.wire_len, deliver);
        }
    }

    /// Delivers the part of a segment that is new. It begins at or before `next`.
    fn deliver(&mut self, seq: u32, captured: &[u8], wire_len: u32, deliver: &mut dyn FnMut(Piece<'_>)) {
        let next = self.next.unwrap_or(seq);
        let end = seq.wrapping_add(wire_len);
        if ahead(end, next) <= 0 {
            return;
        }
        let old = usize::try_from(next.wrapping_sub(seq)).unwrap_or(usize::MAX);
        let fresh = captured.get(old.min(captured.len())..).unwrap_or_default();
        if !fresh.is_empty() {
            deliver(Piece::Bytes(fresh));
        }
        let on_wire = u64::from(end.wrapping_sub(next));
        let short = on_wire.saturating_sub(fresh.len() as u64);
        if short > 0 {
            deliver(Piece::Gap(short));
        }
        self.next = Some(end);
    }
}
