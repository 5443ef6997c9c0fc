//! Reads captures: finds each file's format by its bytes, unpacks it, and merges the files into one stream in time.
//!
//! Frames are ordered by (time, SHA-256 of the file, position), so the order of the files on the command line does not
//! matter. Within a file the order of the file is kept, also where its clock runs backwards. A damaged capture is read
//! up to the damage and [`Captures::finish`] says where that was.

use abi::address::Timestamp;
use std::path::PathBuf;
use wire::frame::LinkType;

mod classic;
mod libpcap;
mod merge;
mod note;
mod open;
mod order;
mod packing;
mod pcapng;
mod refusal;
mod window;

pub use note::{Damage, Fact, Note};
pub use packing::Packing;
pub use refusal::{Foreign, OpenError, Refusal, Refused};

use merge::Merge;
use open::Source;

/// Where a capture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input, written `-`.
    Stdin,
    /// A file, a named pipe or a device.
    File(PathBuf),
}

impl Input {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin => "standard input".to_owned(),
            Input::File(path) => path.display().to_string(),
        }
    }
}

/// A frame as the capture holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// The time that the capture gives it, in nanoseconds.
    pub at: Timestamp,
    /// What the bytes begin with.
    pub link: LinkType,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// Length of the frame on the wire, in bytes; more than `bytes` where the capture cut it.
    pub wire_len: u32,
    /// Which of the inputs it is from, counted from 0 in the order of the command line.
    pub file: usize,
}

/// What a record says about its frame besides the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    at: Timestamp,
    link: LinkType,
    wire_len: u32,
}

/// Captures opened for reading, as one stream of frames.
pub struct Captures {
    order: Order,
    twice: Vec<Note>,
}

enum Order {
    /// A single file: frames are lent from the reader's own buffer.
    One(Box<Source>),
    /// Several: each file's next frame is kept until its turn.
    Many(Merge),
}

impl Captures {
    /// Opens every input and reads as much of each as tells its format.
    ///
    /// # Errors
    /// Names every input that cannot be read as a capture; nothing was processed then.
    pub fn open(inputs: &[Input]) -> Result<Captures, OpenError> {
        let digest = if inputs.len() > 1 { open::Digest::Compute } else { open::Digest::Skip };
        let mut sources = Vec::with_capacity(inputs.len());
        let mut refused = Vec::new();
        for (file, input) in inputs.iter().enumerate() {
            match open::open(input, file, digest) {
                Ok(source) => sources.push(source),
                Err(why) => refused.push(Refused { name: input.name(), why }),
            }
        }
        if !refused.is_empty() || sources.is_empty() {
            return Err(OpenError { refused });
        }
        let twice = same_bytes(&sources);
        let order = match sources.pop() {
            Some(only) if sources.is_empty() => Order::One(Box::new(only)),
            last => {
                sources.extend(last);
                Order::Many(Merge::of(sources))
            }
        };
        Ok(Captures { order, twice })
    }

    /// The next frame in time, or none at the end of all files.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Raw<'_>> {
        match &mut self.order {
            Order::One(source) => {
                let file = source.file;
                let (head, bytes) = source.reader.next_frame()?;
                Some(Raw { at: head.at, link: head.link, bytes, wire_len: head.wire_len, file })
            }
            Order::Many(merge) => merge.next_frame(),
        }
    }

    /// Bytes of the inputs read so far, as they are stored (compressed, where they are).
    pub fn bytes_read(&self) -> u64 {
        match &self.order {
            Order::One(source) => source.bytes_read(),
            Order::Many(merge) => merge.sources().map(Source::bytes_read).sum(),
        }
    }

    /// Bytes of all inputs as they are stored; none where an input is a stream, whose end nobody knows.
    pub fn bytes_total(&self) -> Option<u64> {
        match &self.order {
            Order::One(source) => source.size,
            Order::Many(merge) => merge.sources().map(|source| source.size).sum(),
        }
    }

    /// Closes the files and tells what was wrong with them, in the order of the command line.
    pub fn finish(self) -> Vec<Note> {
        let mut notes = self.twice;
        match self.order {
            Order::One(source) => source.finish(&mut notes),
            Order::Many(merge) => {
                for source in merge.into_sources() {
                    source.finish(&mut notes);
                }
            }
        }
        notes.sort_by_key(|note| note.file);
        notes
    }
}

/// Files given twice: every frame of theirs would count twice, which nobody wants and the frames alone cannot show.
fn same_bytes(sources: &[Source]) -> Vec<Note> {
    let mut notes = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let earlier = sources.iter().take(index).find(|other| {
            // Without a digest (a single input) there is nothing to compare.
            source.digest.is_some() && other.digest == source.digest
        });
        if let Some(first) = earlier {
            let fact = Fact::Twice { first: first.name.clone() };
            notes.push(Note { file: source.file, name: source.name.clone(), fact });
        }
    }
    notes
}
