//! Compression: found by magic bytes, undone in a thread of its own that writes into a pipe.
//!
//! A pipe bounds the memory whatever the compressed data says, and gives libpcap a file to open. The decompressor works
//! on one core while the pipeline works on the other.

use std::fmt;
use std::io::{self, Cursor, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Bytes looked at to tell a format.
pub(super) const LOOK: usize = 64;
/// Compressions inside each other that are undone.
const LAYERS: usize = 3;
/// Bytes moved at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;
/// Largest zstd window accepted, as a power of two: the format's own limit on 64-bit machines.
/// `zstd --long=27` needs 128 MiB; pages of a window that stay unused are never touched.
const WINDOW_LOG: u32 = 31;

/// A compression that is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        })
    }
}

impl Packing {
    /// The compression that data with this beginning has.
    pub(super) fn of(beginning: &[u8]) -> Option<Packing> {
        match beginning {
            [0x1f, 0x8b, 8, ..] => Some(Packing::Gzip),
            // A frame, or a skippable frame, with which parallel compressors begin (RFC 8878 section 3.1.2).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }

    fn undo(self, from: Peeked) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(from)?;
                decoder.window_log_max(WINDOW_LOG)?;
                Box::new(decoder)
            }
        })
    }
}

/// A stream whose beginning was looked at and will be read again.
pub(super) struct Peeked {
    beginning: Cursor<Vec<u8>>,
    /// What went wrong while looking: told when the beginning has been read.
    failure: Option<io::Error>,
    rest: Box<dyn Read + Send>,
}

impl Peeked {
    /// Looks at up to [`LOOK`] bytes of `rest`.
    pub(super) fn at(mut rest: Box<dyn Read + Send>) -> Peeked {
        let mut beginning = Vec::with_capacity(LOOK);
        let failure = rest.by_ref().take(LOOK as u64).read_to_end(&mut beginning).err();
        Peeked { beginning: Cursor::new(beginning), failure, rest }
    }

    /// The bytes seen.
    pub(super) fn beginning(&self) -> &[u8] {
        self.beginning.get_ref()
    }

    /// The bytes seen, alone.
    ///
    /// # Errors
    /// Nothing could be read.
    pub(super) fn into_beginning(mut self) -> io::Result<Vec<u8>> {
        match self.failure_at_once() {
            Some(error) => Err(error),
            None => Ok(self.beginning.into_inner()),
        }
    }

    /// What went wrong before the first byte.
    pub(super) fn failure_at_once(&mut self) -> Option<io::Error> {
        if self.beginning().is_empty() { self.failure.take() } else { None }
    }

    /// Undoes compressions, the outermost first.
    ///
    /// # Errors
    /// A compression whose first bytes cannot be unpacked.
    pub(super) fn unpack(mut self) -> Result<(Peeked, Option<Packing>), (Packing, io::Error)> {
        let mut outermost = None;
        for _ in 0..LAYERS {
            let Some(packing) = Packing::of(self.beginning()) else { break };
            outermost = outermost.or(Some(packing));
            let unpacked = packing.undo(self).map_err(|error| (packing, error))?;
            self = Peeked::at(unpacked);
            if let Some(error) = self.failure_at_once() {
                return Err((packing, error));
            }
        }
        Ok((self, outermost))
    }
}

impl Read for Peeked {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.beginning.read(buf)?;
        if count > 0 || buf.is_empty() {
            return Ok(count);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None => self.rest.read(buf),
        }
    }
}

/// Counts the bytes read through it, for the progress bar.
pub(super) struct Counted<R> {
    from: R,
    count: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    /// Counts what is read of `from`; the count is shared.
    pub(super) fn new(from: R) -> (Counted<R>, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Counted { from, count: Arc::clone(&count) }, count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buf)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A thread that moves a stream into a pipe.
pub(super) struct Pump(JoinHandle<Result<(), io::Error>>);

impl Pump {
    /// Starts to move `from` into the pipe whose other end is returned.
    ///
    /// # Errors
    /// No pipe or no thread can be had.
    pub(super) fn start(from: Peeked) -> io::Result<(PipeReader, Pump)> {
        let (reader, writer) = io::pipe()?;
        let thread = thread::Builder::new().name("unpack".to_owned()).spawn(move || pump(from, writer))?;
        Ok((reader, Pump(thread)))
    }

    /// Waits for the end. The read end of the pipe must be closed before.
    ///
    /// # Errors
    /// What stopped the stream before its end.
    pub(super) fn finish(self) -> Result<(), io::Error> {
        self.0.join().unwrap_or_else(|_| Err(io::Error::other("the decompressor failed")))
    }
}

fn pump(mut from: Peeked, mut to: PipeWriter) -> Result<(), io::Error> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        // A closed pipe is no fault: the reader had enough, and says why itself.
        if to.write_all(chunk.get(..count).unwrap_or_default()).is_err() {
            return Ok(());
        }
    }
}
