//! TCP sequence numbers of one direction (RFC 9293 section 3.4): what came in order, what came again, what never came.

/// The numbers of one direction. `Copy` and small: every TCP flow has two, dissected or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sequence {
    /// The next number expected, once `known`.
    next: u32,
    /// One stretch of bytes seen beyond `next`: start and end.
    island: Option<(u32, u32)>,
    known: bool,
}

/// How a segment stands to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It begins where the last one ended.
    InOrder,
    /// It begins before; this many of its first bytes are old (all of them for a retransmission).
    Old(u32),
    /// This many bytes before it have not been seen.
    Ahead(u32),
}

impl Sequence {
    /// Takes a segment of `len` sequence numbers (payload, SYN and FIN) that begins at `seq`.
    pub(crate) fn take(&mut self, seq: u32, len: u32) -> Place {
        let end = seq.wrapping_add(len);
        if !self.known {
            *self = Sequence { next: end, island: None, known: true };
            return Place::InOrder;
        }
        let distance = seq.wrapping_sub(self.next).cast_signed();
        if distance > 0 {
            self.island = match self.island {
                Some((start, stop)) => Some((lower(start, seq), upper(stop, end))),
                None => Some((seq, end)),
            };
            return Place::Ahead(distance.cast_unsigned());
        }
        if end.wrapping_sub(self.next).cast_signed() > 0 {
            self.advance(end);
        }
        if distance == 0 { Place::InOrder } else { Place::Old(distance.unsigned_abs().min(len)) }
    }

    /// Takes an acknowledgment from the peer and gives the bytes that it covers but that were never seen.
    pub(crate) fn acknowledged(&mut self, ack: u32) -> u32 {
        if !self.known {
            *self = Sequence { next: ack, island: None, known: true };
            return 0;
        }
        let beyond = ack.wrapping_sub(self.next).cast_signed();
        // Half of the space is no acknowledgment of ours: a new connection, or a forged number.
        if beyond <= 0 || beyond > (1 << 30) {
            return 0;
        }
        let missing = match self.island {
            Some((start, _)) if start.wrapping_sub(ack).cast_signed() < 0 => start.wrapping_sub(self.next),
            _ => beyond.cast_unsigned(),
        };
        self.advance(ack);
        missing
    }

    /// The next number expected, once anything was seen.
    pub(crate) const fn next(&self) -> Option<u32> {
        if self.known { Some(self.next) } else { None }
    }

    fn advance(&mut self, to: u32) {
        self.next = to;
        if let Some((start, stop)) = self.island
            && start.wrapping_sub(self.next).cast_signed() <= 0
        {
            self.next = upper(self.next, stop);
            self.island = None;
        }
    }
}

const fn lower(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() < 0 { a } else { b }
}

const fn upper(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() > 0 { a } else { b }
}
