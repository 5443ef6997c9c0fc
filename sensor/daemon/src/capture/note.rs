//! What was found wrong with a capture that could be read in part.

use super::Packing;
use std::fmt;

/// A fact about one input, for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which of the inputs, counted from 0 in the order of the command line.
    pub file: usize,
    /// What messages call it.
    pub name: String,
    /// The fact.
    pub fact: Fact,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The capture holds no frame.
    NoFrames,
    /// Reading stopped at a record; the frames before it were delivered.
    Stopped {
        /// Frames delivered before it.
        frames: u64,
        /// Offset of the record in the unpacked capture, in bytes, where it is known.
        at: Option<u64>,
        /// What is wrong with the record.
        damage: Damage,
    },
    /// The compressed data is damaged; what could be unpacked was delivered.
    Unpacked {
        /// Frames delivered before it.
        frames: u64,
        /// The compression.
        packing: Packing,
        /// What the decompressor says.
        cause: String,
    },
    /// Frames of interfaces with a link type that is not supported were left out.
    Foreign {
        /// The `LINKTYPE_` number of the first such interface.
        link: u16,
        /// How many frames were left out.
        frames: u64,
    },
    /// Packet blocks that contradict themselves, or name an interface that was never described, were left out.
    Contradictory {
        /// Offset of the first one, in bytes.
        at: u64,
        /// How many.
        blocks: u64,
    },
    /// Simple packet blocks carry no time; each got the time of the frame before it.
    Untimed {
        /// How many.
        frames: u64,
    },
    /// The same bytes were given before: every frame counts twice.
    Twice {
        /// The earlier input.
        first: String,
    },
}

/// What is wrong with the record at which reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file ends inside it.
    Cut,
    /// It claims more bytes than a record may have.
    Claims(u64),
    /// Its length is no length of a block (shorter than 12 bytes, or no multiple of 4).
    Length(u32),
    /// Its closing length differs from its opening one.
    Closing(u32),
    /// A section header without the byte-order magic.
    ByteOrder,
    /// The file could not be read on.
    Read(String),
    /// libpcap's own words.
    Libpcap(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.fact)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::NoFrames => write!(f, "holds no frame"),
            Fact::Stopped { frames, at, damage } => {
                write!(f, "record {}", frames.saturating_add(1))?;
                if let Some(at) = at {
                    write!(f, " at byte {at}")?;
                }
                write!(f, " {damage}; {}", Before(*frames))
            }
            Fact::Unpacked { frames, packing, cause } => {
                write!(f, "{packing} data is damaged or cut ({cause}); {}", Before(*frames))
            }
            Fact::Foreign { link, frames } => {
                write!(f, "{} of link type {link} left out: not supported", Count(*frames, "frame"))
            }
            Fact::Contradictory { at, blocks } => write!(
                f,
                "{} left out, the first at byte {at}: its lengths or its interface contradict the file",
                Count(*blocks, "packet block")
            ),
            Fact::Untimed { frames } => {
                write!(f, "{} without a time got the time of the frame before", Count(*frames, "frame"))
            }
            Fact::Twice { first } => write!(f, "has the same bytes as {first}: every frame counts twice"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Cut => write!(f, "is cut short by the end of the file"),
            Damage::Claims(bytes) => write!(f, "claims {bytes} bytes"),
            Damage::Length(bytes) => write!(f, "has the impossible length {bytes}"),
            Damage::Closing(bytes) => write!(f, "closes with another length ({bytes}) than it opened with"),
            Damage::ByteOrder => write!(f, "is a section header without a byte order"),
            Damage::Read(cause) => write!(f, "could not be read ({cause})"),
            Damage::Libpcap(cause) => write!(f, "is broken ({cause})"),
        }
    }
}

struct Before(u64);

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => write!(f, "no frame before it"),
            1 => write!(f, "the 1 frame before it was processed"),
            frames => write!(f, "the {frames} frames before it were processed"),
        }
    }
}

struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, word) = self;
        write!(f, "{count} {word}{}", if *count == 1 { "" } else { "s" })
    }
}
