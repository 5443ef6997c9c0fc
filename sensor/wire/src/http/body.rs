//! Where messages begin and end in one direction: heads are collected, bodies passed over without a copy.

use super::head;
use crate::Claim;
use abi::address::Timestamp;
use std::borrow::Cow;

/// Bytes of a head.
const LONGEST_HEAD: usize = 32 * 1024;
/// Bytes of a chunk's size line with its extensions, and of all trailer fields.
const LONGEST_LINE: u16 = 8 * 1024;

/// How the end of a body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// By its length in bytes.
    Length(u64),
    /// By its chunks.
    Chunked,
    /// By the end of the connection.
    ToClose,
}

/// What a direction said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A whole head, its empty line included.
    Head(Cow<'a, [u8]>),
    /// The end of a body.
    End,
    /// This is not HTTP.
    Broken,
}

/// What missing bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// They were part of a body.
    Bridged,
    /// Heads may have been among them.
    Lost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// Bytes left of a body.
    Counted(u64),
    /// The line with a chunk's size; bytes of the line so far.
    ChunkSize {
        size: u64,
        line: u16,
        digits: Digits,
    },
    /// Bytes left of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Fields behind the last chunk: bytes of the current line and of all.
    Trailer {
        line: u16,
        all: u16,
    },
    ToClose,
    /// Bytes were missing: a head at the beginning of later bytes is looked for.
    Lost,
}

/// Whether the digits of a chunk's size may still go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Open,
    Over,
}

const CHUNK_SIZE: Part = Part::ChunkSize { size: 0, line: 0, digits: Digits::Open };

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Reader {
    part: Part,
    head: Vec<u8>,
    began: Timestamp,
    seen: u64,
}

/// What a look at the bytes gave.
enum Step<'a> {
    Event(Event<'a>),
    Goes,
    Starves,
}

impl Reader {
    /// When the current message began.
    pub(super) const fn began(&self) -> Timestamp {
        self.began
    }

    /// Bytes of the current message so far.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Bytes of a head that are held.
    pub(super) fn memory(&self) -> usize {
        self.head.capacity()
    }

    /// What follows is a new message.
    pub(super) fn restart(&mut self) {
        self.part = Part::Head;
        self.seen = 0;
    }

    /// What follows the head.
    pub(super) fn expect(&mut self, framing: Framing) {
        self.part = match framing {
            Framing::None | Framing::Length(0) => Part::Counted(0),
            Framing::Length(len) => Part::Counted(len),
            Framing::Chunked => CHUNK_SIZE,
            Framing::ToClose => Part::ToClose,
        };
    }

    /// Steps over missing bytes.
    pub(super) fn gap(&mut self, missing: u64) -> Gap {
        let left = match &mut self.part {
            Part::Counted(left) | Part::Chunk(left) if *left >= missing => left,
            Part::ToClose => {
                self.seen = self.seen.saturating_add(missing);
                return Gap::Bridged;
            }
            Part::Head
            | Part::Counted(_)
            | Part::ChunkSize { .. }
            | Part::Chunk(_)
            | Part::ChunkEnd
            | Part::Trailer { .. }
            | Part::Lost => {
                self.part = Part::Lost;
                self.head = Vec::new();
                return Gap::Lost;
            }
        };
        *left = left.saturating_sub(missing);
        self.seen = self.seen.saturating_add(missing);
        Gap::Bridged
    }

    /// The next event in `bytes`, which is moved on to what lies behind it; none when the bytes are used up.
    pub(super) fn next<'a>(&mut self, at: Timestamp, bytes: &mut &'a [u8]) -> Option<Event<'a>> {
        if self.part == Part::Lost {
            if head::claim(bytes) != Claim::Yes {
                return None;
            }
            self.restart();
        }
        loop {
            let before = bytes.len();
            let step = self.step(at, bytes);
            let used = u64::try_from(before.saturating_sub(bytes.len())).unwrap_or(u64::MAX);
            self.seen = self.seen.saturating_add(used);
            match step {
                Step::Event(event) => return Some(event),
                Step::Goes => {}
                Step::Starves => return None,
            }
        }
    }

    fn step<'a>(&mut self, at: Timestamp, bytes: &mut &'a [u8]) -> Step<'a> {
        match self.part {
            Part::Head => self.collect(at, bytes),
            Part::Counted(left) => {
                let left = pass(bytes, left);
                self.part = Part::Counted(left);
                if left == 0 { Step::Event(Event::End) } else { Step::Starves }
            }
            Part::Chunk(left) => {
                let left = pass(bytes, left);
                self.part = if left == 0 { Part::ChunkEnd } else { Part::Chunk(left) };
                if left == 0 { Step::Goes } else { Step::Starves }
            }
            Part::ToClose => {
                *bytes = &[];
                Step::Starves
            }
            Part::ChunkSize { .. } | Part::ChunkEnd | Part::Trailer { .. } => {
                let Some((byte, rest)) = bytes.split_first() else {
                    return Step::Starves;
                };
                *bytes = rest;
                self.chunk_byte(*byte)
            }
            Part::Lost => Step::Starves,
        }
    }

    /// Finds the empty line that ends a head (RFC 9112 section 2.2: bare line feeds count, and empty lines before it do not).
    fn collect<'a>(&mut self, at: Timestamp, bytes: &mut &'a [u8]) -> Step<'a> {
        if self.head.is_empty() {
            let skip = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            *bytes = bytes.get(skip..).unwrap_or_default();
            if bytes.is_empty() {
                return Step::Starves;
            }
            self.began = at;
            if head::claim(bytes) == Claim::No {
                return Step::Event(Event::Broken);
            }
            if let Some(end) = end_of_head(bytes, 0) {
                let (head, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
                *bytes = rest;
                return Step::Event(Event::Head(Cow::Borrowed(head)));
            }
        }
        let known = self.head.len();
        let room = LONGEST_HEAD.saturating_sub(known).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        if let Some(end) = end_of_head(&self.head, known.saturating_sub(2)) {
            let mut head = std::mem::take(&mut self.head);
            head.truncate(end);
            *bytes = bytes.get(end.saturating_sub(known)..).unwrap_or_default();
            return Step::Event(Event::Head(Cow::Owned(head)));
        }
        *bytes = &[];
        if self.head.len() >= LONGEST_HEAD || known < 16 && head::claim(&self.head) == Claim::No {
            return Step::Event(Event::Broken);
        }
        Step::Starves
    }

    /// Reads the framing between chunks (RFC 9112 section 7.1).
    fn chunk_byte<'a>(&mut self, byte: u8) -> Step<'a> {
        match (&mut self.part, byte) {
            (Part::ChunkSize { line: 0, .. }, b'\n') => return Step::Event(Event::Broken),
            (Part::ChunkSize { size: 0, .. }, b'\n') => self.part = Part::Trailer { line: 0, all: 0 },
            (Part::ChunkSize { size, .. }, b'\n') => self.part = Part::Chunk(*size),
            (Part::ChunkSize { size, line, digits }, _) => {
                *line = line.saturating_add(1);
                let digit = char::from(byte).to_digit(16).filter(|_| *digits == Digits::Open);
                match digit {
                    Some(digit) if *line <= 15 => *size = size.wrapping_shl(4) | u64::from(digit),
                    Some(_) => return Step::Event(Event::Broken),
                    None if *line == 1 => return Step::Event(Event::Broken),
                    None => *digits = Digits::Over,
                }
                if *line > LONGEST_LINE {
                    return Step::Event(Event::Broken);
                }
            }
            (Part::ChunkEnd | Part::Trailer { .. }, b'\r') => {}
            (Part::ChunkEnd, b'\n') => self.part = CHUNK_SIZE,
            (Part::Trailer { line: 0, .. }, b'\n') => return Step::Event(Event::End),
            (Part::Trailer { line, .. }, b'\n') => *line = 0,
            (Part::Trailer { line, all }, _) => {
                (*line, *all) = (line.saturating_add(1), all.saturating_add(1));
                if *all > LONGEST_LINE {
                    return Step::Event(Event::Broken);
                }
            }
            (
                Part::ChunkEnd | Part::Head | Part::Counted(_) | Part::Chunk(_) | Part::ToClose | Part::Lost,
                _,
            ) => {
                return Step::Event(Event::Broken);
            }
        }
        Step::Goes
    }
}

/// Passes over up to `left` bytes; what is left then.
fn pass(bytes: &mut &[u8], left: u64) -> u64 {
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    *bytes = bytes.get(len..).unwrap_or_default();
    left.saturating_sub(u64::try_from(len).unwrap_or(u64::MAX))
}

/// The offset behind the first empty line whose line end lies at `from` or later.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = at.checked_add(bytes.get(at..)?.iter().position(|byte| *byte == b'\n')?)?.checked_add(1)?;
        match bytes.get(at..) {
            Some([b'\n', ..]) => return at.checked_add(1),
            Some([b'\r', b'\n', ..]) => return at.checked_add(2),
            _ => {}
        }
    }
}
