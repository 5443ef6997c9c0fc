//! One direction of a TCP stream put in order (RFC 9293 section 3.10.7.4): what came first wins, what is missing is said.

use abi::address::{MILLISECOND, SECOND, Timestamp};

/// Segments that may wait in one direction.
const SEGMENTS: usize = 256;
/// Bytes that may wait in one direction.
const BYTES: usize = 1 << 20;
/// Memory that may be held over all flows.
const TOTAL: usize = 64 << 20;
/// What a waiting segment costs beside its bytes: its place in the queue, and what the allocator keeps for itself.
const OVERHEAD: usize = size_of::<Waiting>() + 32;
/// How long a hole may stay after the receiver has acknowledged what lies in it: two taps are seldom further apart.
const SKEW: u64 = 50 * MILLISECOND;
/// Segments behind an acknowledged hole that prove it a loss of the capture and not a reordering.
const PROOF: usize = 8;
/// How long a hole may stay where acknowledgments are not captured at all: a second transmission has come by then (RFC 6298
/// section 2: the first time-out is a second, the second two).
const PATIENCE: u64 = 3 * SECOND;
/// No window is larger (RFC 7323 section 2.3): what lies further ahead is not of this stream.
const FAR_AHEAD: i32 = 1 << 30;
/// Nothing is sent again that lies so far back, in bytes.
const FAR_BEHIND: i32 = -(16 << 20);
/// Segments in a row that are not of this stream and prove that another one has taken its place.
const STRAYS: u8 = 16;
/// The gap before a stream that took another one's place: nobody knows how much is missing.
const UNKNOWN: u64 = 1 << 32;

/// Memory that is held over all flows, and what did not fit.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    held: usize,
    /// Segments for which there was no room: holes before them, or they themselves, were given up.
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

/// Bytes that wait for those before them. What waits never overlaps.
#[derive(Debug)]
struct Waiting {
    seq: u32,
    bytes: Vec<u8>,
    wire_len: u32,
    at: Timestamp,
}

impl Waiting {
    const fn end(&self) -> u32 {
        self.seq.wrapping_add(self.wire_len)
    }

    const fn cost(&self) -> usize {
        self.bytes.len().saturating_add(OVERHEAD)
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Half {
    next: Option<u32>,
    acked: Option<u32>,
    waiting: Vec<Waiting>,
    held: usize,
    strays: u8,
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
        if !(FAR_BEHIND..=FAR_AHEAD).contains(&ahead(arrival.seq, next)) {
            self.strays = self.strays.saturating_add(1);
            if self.strays < STRAYS {
                return;
            }
            self.release(budget);
            self.acked = None;
            self.next = Some(arrival.seq);
            deliver(Piece::Gap(UNKNOWN));
        }
        self.strays = 0;
        if self.is_ahead(arrival) && !self.make_room(arrival, budget, deliver) {
            return;
        }
        if self.is_ahead(arrival) {
            self.keep(arrival, budget);
            self.lost(arrival.at, budget, deliver);
        } else {
            self.deliver(arrival.seq, arrival.captured, arrival.wire_len, deliver);
            self.drain(budget, deliver);
        }
    }

    fn is_ahead(&self, arrival: &Arrival<'_>) -> bool {
        self.next.is_some_and(|next| ahead(arrival.seq, next) > 0)
    }

    fn fits(&self, arrival: &Arrival<'_>, budget: &Budget) -> bool {
        let cost = arrival.captured.len().saturating_add(OVERHEAD);
        self.waiting.len() < SEGMENTS
            && self.held.saturating_add(cost) <= BYTES
            && budget.held.saturating_add(cost) <= TOTAL
    }

    /// Gives up holes, the oldest first, until a segment that lies ahead has room, or is in order. Says no when it has to
    /// be dropped: the memory is held by other flows, and the receiver still waits for what comes before.
    fn make_room(
        &mut self,
        arrival: &Arrival<'_>,
        budget: &mut Budget,
        deliver: &mut dyn FnMut(Piece<'_>),
    ) -> bool {
        if self.fits(arrival, budget) {
            return true;
        }
        budget.overflows += 1;
        while self.is_ahead(arrival) && !self.fits(arrival, budget) {
            if self.waiting.is_empty() {
                if self.acked.is_some_and(|acked| ahead(acked, arrival.seq) < 0) {
                    return false;
                }
                self.gap_to(arrival.seq, deliver);
            } else {
                self.skip_one(budget, deliver);
            }
        }
        true
    }

    /// Puts the parts of a segment that are new among those that wait: what came first wins.
    fn keep(&mut self, arrival: &Arrival<'_>, budget: &mut Budget) {
        let end = arrival.seq.wrapping_add(arrival.wire_len);
        let mut from = arrival.seq;
        let mut place = self.waiting.partition_point(|other| ahead(other.end(), from) <= 0);
        while ahead(end, from) > 0 {
            let known = self.waiting.get(place).map(|other| (other.seq, other.end()));
            if let Some((start, stop)) = known
                && ahead(start, from) <= 0
            {
                (from, place) = (stop, place + 1);
                continue;
            }
            let to = known.map_or(end, |(start, _)| if ahead(start, end) < 0 { start } else { end });
            if self.waiting.len() >= SEGMENTS {
                budget.overflows += 1;
                return;
            }
            let offset = |seq: u32| usize::try_from(seq.wrapping_sub(arrival.seq)).unwrap_or(usize::MAX);
            let captured = arrival.captured.get(..offset(to)).unwrap_or(arrival.captured);
            let waiting = Waiting {
                seq: from,
                bytes: captured.get(offset(from)..).unwrap_or_default().to_vec(),
                wire_len: to.wrapping_sub(from),
                at: arrival.at,
            };
            self.held = self.held.saturating_add(waiting.cost());
            budget.held = budget.held.saturating_add(waiting.cost());
            self.waiting.insert(place, waiting);
            (from, place) = (to, place + 1);
        }
    }

    /// The receiver has everything before `ack`: a hole below it is a loss of the capture.
    pub(crate) fn acknowledge(
        &mut self,
        ack: u32,
        at: Timestamp,
        budget: &mut Budget,
        deliver: &mut dyn FnMut(Piece<'_>),
    ) {
        let plausible = self.next.is_none_or(|next| ahead(ack, next) <= FAR_AHEAD);
        if plausible && self.acked.is_none_or(|acked| ahead(ack, acked) > 0) {
            self.acked = Some(ack);
        }
        self.lost(at, budget, deliver);
    }

    fn lost(&mut self, at: Timestamp, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        let Some(first) = self.waiting.first() else { return };
        let waited = at.since(first.at);
        let is_lost = match self.acked {
            Some(acked) => (self.waiting.len() >= PROOF || waited >= SKEW) && ahead(acked, first.seq) >= 0,
            None => waited >= PATIENCE,
        };
        if is_lost {
            self.skip_one(budget, deliver);
        }
    }

    /// Gives up the hole before the first waiting segment.
    fn skip_one(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        let Some(to) = self.waiting.first().map(|first| first.seq) else { return };
        self.gap_to(to, deliver);
        self.drain(budget, deliver);
    }

    fn gap_to(&mut self, to: u32, deliver: &mut dyn FnMut(Piece<'_>)) {
        let hole = self.next.map_or(0, |next| ahead(to, next));
        if hole > 0 {
            deliver(Piece::Gap(u64::from(hole.unsigned_abs())));
            self.next = Some(to);
        }
    }

    /// Delivers everything that waits, with its holes: the connection is over.
    pub(crate) fn flush(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        // Each turn lets at least one waiting segment go.
        while !self.waiting.is_empty() {
            self.skip_one(budget, deliver);
        }
        self.release(budget);
    }

    /// Lets go of what waits, undelivered.
    pub(crate) fn release(&mut self, budget: &mut Budget) {
        budget.held = budget.held.saturating_sub(self.held);
        self.held = 0;
        self.waiting = Vec::new();
    }

    fn drain(&mut self, budget: &mut Budget, deliver: &mut dyn FnMut(Piece<'_>)) {
        let Some(next) = self.next else { return };
        // A run without a hole goes at once: a long queue is moved up once, not once for each of its segments.
        let mut run = next;
        let ready = self.waiting.iter().take_while(|other| {
            let joins = ahead(other.seq, run) <= 0;
            if joins && ahead(other.end(), run) > 0 {
                run = other.end();
            }
            joins
        });
        let ready = ready.count();
        if ready == 0 {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        for segment in waiting.drain(..ready) {
            self.held = self.held.saturating_sub(segment.cost());
            budget.held = budget.held.saturating_sub(segment.cost());
            self.deliver(segment.seq, &segment.bytes, segment.wire_len, deliver);
        }
        self.waiting = waiting;
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

#[cfg(test)]
mod tests;
