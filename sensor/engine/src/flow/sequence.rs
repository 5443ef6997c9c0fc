//! TCP sequence numbers of one direction (RFC 9293 section 3.4): what came in order, what came again, what never came.

/// Holes that are remembered. When there are more, the oldest is forgotten, and the loss is an estimate.
const HOLES: usize = 8;
/// No window is larger (RFC 7323 section 2.3): what lies further off belongs to another connection, or is forged.
const FAR: i32 = 1 << 30;

/// How far beyond everything seen an acknowledgment is believed by itself. One that is further ahead may be forged, and if
/// it is not, the segment that comes next shows the same loss.
const BELIEVED: i32 = 1 << 20;

/// Numbers from `start` up to `end` that have not been seen.
#[derive(Clone, Copy, Debug, Default)]
struct Hole {
    start: u32,
    end: u32,
}

/// The numbers of one direction. Small: every TCP flow has two, dissected or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    /// The number of the first byte, if the opening was seen.
    start: Option<u32>,
    /// Behind the highest number that was seen or acknowledged, once there is one.
    top: Option<u32>,
    /// The peer has everything before; counted from the first number on.
    acked: u32,
    /// Below `top`, in order; at most [`HOLES`], and most flows have none.
    holes: Vec<Hole>,
}

/// How a segment stands to what came before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Numbers that had been seen before.
    pub(crate) again: u32,
    /// Numbers that were acknowledged before they were seen: they had been given as missing, and are not.
    pub(crate) recovered: u32,
}

const fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

/// How many numbers two stretches share.
fn shared(a: (u32, u32), b: (u32, u32)) -> u32 {
    let start = if ahead(a.0, b.0) > 0 { a.0 } else { b.0 };
    let end = if ahead(a.1, b.1) < 0 { a.1 } else { b.1 };
    ahead(end, start).max(0).cast_unsigned()
}

impl Sequence {
    /// The numbers of a direction whose SYN has the number `seq`, before that is taken.
    pub(crate) fn opened(seq: u32) -> Sequence {
        Sequence { start: Some(seq.wrapping_add(1)), ..Sequence::default() }
    }

    /// The number of the first byte, if the opening was seen.
    pub(crate) const fn start(&self) -> Option<u32> {
        self.start
    }

    /// The peer's SYN-ACK names the first byte, should the SYN itself not have been seen.
    pub(crate) fn begins(&mut self, start: u32) {
        self.start.get_or_insert(start);
    }

    /// Takes a segment of `len` sequence numbers (payload, SYN and FIN) that begins at `seq`.
    pub(crate) fn take(&mut self, seq: u32, len: u32) -> Taken {
        let Some(top) = self.top else {
            (self.top, self.acked) = (Some(seq.wrapping_add(len)), seq);
            return Taken::default();
        };
        let end = seq.wrapping_add(len);
        let distance = ahead(seq, top);
        if !(-FAR..=FAR).contains(&distance) {
            return Taken::default();
        }
        if ahead(end, top) > 0 || distance > 0 {
            self.top = Some(end);
        }
        if distance > 0 {
            self.hole(top, seq);
            return Taken::default();
        }
        let old = if ahead(end, top) > 0 { (seq, top) } else { (seq, end) };
        let (filled, recovered) = if self.holes.is_empty() { (0, 0) } else { self.fill(old) };
        Taken { again: shared(old, old).saturating_sub(filled), recovered }
    }

    /// Takes an acknowledgment from the peer and gives the numbers that it covers for the first time and that were never
    /// seen.
    pub(crate) fn acknowledged(&mut self, ack: u32) -> u32 {
        let Some(top) = self.top else {
            (self.top, self.acked) = (Some(ack), ack);
            return 0;
        };
        if !(1..=FAR).contains(&ahead(ack, self.acked)) || ahead(ack, top) > BELIEVED {
            return 0;
        }
        if ahead(ack, top) > 0 {
            self.hole(top, ack);
            self.top = Some(ack);
        }
        let covered = (self.acked, ack);
        self.acked = ack;
        self.holes.iter().map(|hole| shared(covered, (hole.start, hole.end))).fold(0, u32::saturating_add)
    }

    fn hole(&mut self, start: u32, end: u32) {
        if let Some(last) = self.holes.last_mut().filter(|last| last.end == start) {
            last.end = end;
            return;
        }
        if self.holes.len() == HOLES {
            self.holes.remove(0);
        }
        self.holes.push(Hole { start, end });
    }

    /// What was seen late is no hole any more: how much of `seen` that is, and how much of it had been acknowledged.
    fn fill(&mut self, seen: (u32, u32)) -> (u32, u32) {
        let (mut filled, mut recovered) = (0u32, 0u32);
        let mut place = 0;
        while let Some(&Hole { start, end }) = self.holes.get(place) {
            let part = shared(seen, (start, end));
            if part == 0 {
                place += 1;
                continue;
            }
            let from = if ahead(seen.0, start) > 0 { seen.0 } else { start };
            let to = from.wrapping_add(part);
            filled = filled.saturating_add(part);
            if ahead(self.acked, from) > 0 {
                let known = if ahead(self.acked, to) < 0 { self.acked } else { to };
                recovered = recovered.saturating_add(known.wrapping_sub(from));
            }
            match (from == start, to == end) {
                (true, true) => {
                    self.holes.remove(place);
                }
                (true, false) => self.trim(place, Hole { start: to, end }),
                (false, true) => self.trim(place, Hole { start, end: from }),
                (false, false) => {
                    self.trim(place, Hole { start, end: from });
                    self.split(place + 1, Hole { start: to, end });
                    return (filled, recovered);
                }
            }
        }
        (filled, recovered)
    }

    fn trim(&mut self, place: usize, hole: Hole) {
        if let Some(old) = self.holes.get_mut(place) {
            *old = hole;
        }
    }

    /// Puts a hole between others. Where there is no room for it, it is forgotten.
    fn split(&mut self, place: usize, hole: Hole) {
        if self.holes.len() < HOLES {
            self.holes.insert(place, hole);
        }
    }
}

#[cfg(test)]
mod tests;
