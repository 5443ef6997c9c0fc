//! Opens an input: finds out what it is by its bytes, and puts the right reader behind it.

use super::classic::{Classic, FileHeader};
use super::libpcap::{self, Libpcap};
use super::note::{Damage, Fact, Note};
use super::packing::{Counted, Packing, Peeked, Pump};
use super::pcapng::{self, Pcapng};
use super::{Foreign, Head, Input, Refusal};
use crate::interrupt;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An opened capture.
pub(super) struct Source {
    /// Place on the command line, from 0.
    pub(super) file: usize,
    /// What messages call it.
    pub(super) name: String,
    /// Its frames.
    pub(super) reader: Reader,
    /// SHA-256 of the stored bytes, where it was asked for.
    pub(super) digest: Option<[u8; 32]>,
    /// Stored bytes, if known.
    pub(super) size: Option<u64>,
    flow: Flow,
}

/// Whether the SHA-256 of the bytes is needed: it orders frames of equal time, so only with several files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    /// It is.
    Compute,
    /// It is not: a file is read once then.
    Skip,
}

/// How the bytes come.
enum Flow {
    /// Read by the reader itself.
    Direct,
    /// Through a pipe that a thread fills.
    Pumped { pump: Pump, packing: Option<Packing>, taken: Arc<AtomicU64> },
}

/// Reads a capture of any format.
pub(super) enum Reader {
    /// Classic pcap.
    Classic(Box<Classic<Stream>>),
    /// Variants of classic pcap that only libpcap knows.
    Libpcap(Libpcap),
    /// Pcapng.
    Pcapng(Box<Pcapng<Stream>>),
}

/// Where a reader's bytes come from.
pub(super) enum Stream {
    File(File),
    Pipe(PipeReader),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::File(file) => file.as_fd(),
            Stream::Pipe(pipe) => pipe.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::File(file) => file.read(buf),
            Stream::Pipe(pipe) => pipe.read(buf),
        }
    }
}

impl Reader {
    /// The reader for the format of `from`, which begins so.
    fn open(from: Stream, beginning: &[u8]) -> Result<Reader, Refusal> {
        Ok(match (Format::of(beginning)?, FileHeader::read(beginning)) {
            (Format::Classic, Some(header)) => Reader::Classic(Box::new(Classic::open(from, header)?)),
            (Format::Classic, None) => Reader::Libpcap(Libpcap::open(from.as_fd(), beginning)?),
            (Format::Pcapng, _) => Reader::Pcapng(Box::new(Pcapng::open(from)?)),
        })
    }

    /// The next frame, lent until the next step.
    #[inline]
    pub(super) fn next_frame(&mut self) -> Option<(Head, &[u8])> {
        match self {
            Reader::Classic(classic) => classic.next_frame(),
            Reader::Libpcap(libpcap) => libpcap.next_frame(),
            Reader::Pcapng(pcapng) => pcapng.next_frame(),
        }
    }

    fn offset(&self) -> u64 {
        match self {
            Reader::Classic(classic) => classic.offset(),
            Reader::Libpcap(libpcap) => libpcap.offset(),
            Reader::Pcapng(pcapng) => pcapng.offset(),
        }
    }

    fn frames(&self) -> u64 {
        match self {
            Reader::Classic(classic) => classic.frames(),
            Reader::Libpcap(libpcap) => libpcap.frames(),
            Reader::Pcapng(pcapng) => pcapng.frames(),
        }
    }

    /// Closes the file; says what was wrong.
    fn facts(self) -> Vec<Fact> {
        match self {
            Reader::Classic(classic) => classic.facts(),
            Reader::Libpcap(libpcap) => libpcap.facts(),
            Reader::Pcapng(pcapng) => pcapng.facts(),
        }
    }
}

impl Source {
    /// Stored bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.flow {
            Flow::Direct => self.size.unwrap_or(u64::MAX).min(self.reader.offset()),
            Flow::Pumped { taken, .. } => taken.load(Ordering::Relaxed),
        }
    }

    /// Closes the file and adds what was wrong.
    pub(super) fn finish(self, notes: &mut Vec<Note>) {
        let frames = self.reader.frames();
        // This closes the read end of the pipe: a pump that still wants to write ends then.
        let mut facts = self.reader.facts();
        if let Flow::Pumped { pump, packing, .. } = self.flow
            && let Err(error) = pump.finish()
        {
            // The reader only saw the bytes end; this is why.
            let seen =
                |fact: &Fact| matches!(fact, Fact::Stopped { damage: Damage::Cut, .. } | Fact::NoFrames);
            facts.retain(|fact| !seen(fact));
            let cause = error.to_string();
            match packing {
                // Whoever reads the captures says so, once for all of them.
                _ if interrupt::is_by_signal(&error) => {}
                Some(packing) => facts.push(Fact::Unpacked { frames, packing, cause }),
                None => facts.push(Fact::Stopped { frames, at: None, damage: Damage::Read(cause) }),
            }
        }
        let (file, name) = (self.file, &self.name);
        notes.extend(facts.into_iter().map(|fact| Note { file, name: name.clone(), fact }));
    }
}

/// Opens one input.
pub(super) fn open(input: &Input, file: usize, digest: Digest) -> Result<Source, Refusal> {
    let name = input.name();
    let opened = match input {
        Input::File(path) => open_path(path)?,
        Input::Stdin => {
            // Not Rust's own standard input: it buffers.
            let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(Refusal::Io)?;
            Opened::Stream(Box::new(interrupt::Stream::new(File::from(stdin))))
        }
    };
    let (opened, digest) = match digest {
        Digest::Skip => (opened, None),
        Digest::Compute => opened.digested()?,
    };
    let (reader, size, flow) = match opened {
        Opened::Stream(stream) => {
            let (reader, flow) = stream_reader(stream)?;
            (reader, None, flow)
        }
        Opened::File(file) => {
            let size = file.metadata().map_err(Refusal::Io)?.len();
            let (reader, flow) = file_reader(file)?;
            (reader, Some(size), flow)
        }
    };
    Ok(Source { file, name, reader, digest, size, flow })
}

/// An input whose format is not yet known.
enum Opened {
    /// A file that can be read again.
    File(File),
    /// Bytes that come once.
    Stream(Box<dyn Read + Send>),
}

fn open_path(path: &Path) -> Result<Opened, Refusal> {
    let file = File::open(path).map_err(Refusal::Io)?;
    let kind = file.metadata().map_err(Refusal::Io)?.file_type();
    match (kind.is_dir(), kind.is_file()) {
        (true, _) => Err(Refusal::Folder),
        (false, true) => Ok(Opened::File(file)),
        // Named pipes and the shell's `<(...)`.
        (false, false) => Ok(Opened::Stream(Box::new(interrupt::Stream::new(file)))),
    }
}

impl Opened {
    /// Takes the SHA-256 of the bytes; a stream is spooled into an unnamed temporary file for that.
    fn digested(self) -> Result<(Opened, Option<[u8; 32]>), Refusal> {
        let mut file = match self {
            Opened::File(file) => file,
            Opened::Stream(mut stream) => {
                let mut spool = tempfile::tempfile().map_err(Refusal::Io)?;
                io::copy(&mut stream, &mut spool).map_err(Refusal::Io)?;
                spool.rewind().map_err(Refusal::Io)?;
                spool
            }
        };
        let mut hash = Sha256::new();
        let mut chunk = vec![0; 256 * 1024];
        loop {
            let count = file.read(&mut chunk).map_err(Refusal::Io)?;
            if count == 0 {
                break;
            }
            hash.update(chunk.get(..count).unwrap_or_default());
        }
        file.rewind().map_err(Refusal::Io)?;
        Ok((Opened::File(file), Some(hash.finalize().into())))
    }
}

/// A regular file: read directly, unless it is compressed.
fn file_reader(mut file: File) -> Result<(Reader, Flow), Refusal> {
    let copy = file.try_clone().map_err(Refusal::Io)?;
    let beginning = Peeked::at(Box::new(copy)).into_beginning().map_err(Refusal::Io)?;
    file.rewind().map_err(Refusal::Io)?;
    if Packing::of(&beginning).is_some() {
        return stream_reader(Box::new(file));
    }
    Ok((Reader::open(Stream::File(file), &beginning)?, Flow::Direct))
}

/// Compressed data, or bytes that come once: a thread unpacks them into a pipe.
fn stream_reader(stream: Box<dyn Read + Send>) -> Result<(Reader, Flow), Refusal> {
    let (stream, taken) = Counted::new(stream);
    let mut peeked = Peeked::at(Box::new(stream));
    if let Some(error) = peeked.failure_at_once() {
        return Err(Refusal::Io(error));
    }
    let (peeked, packing) = peeked.unpack().map_err(|(packing, error)| Refusal::Packed(packing, error))?;
    let beginning = peeked.beginning().to_vec();
    // A refusal by the first bytes needs no thread.
    Format::of(&beginning)?;
    let (pipe, pump) = Pump::start(peeked).map_err(Refusal::Io)?;
    let reader = Reader::open(Stream::Pipe(pipe), &beginning)?;
    Ok((reader, Flow::Pumped { pump, packing, taken }))
}

/// Bytes of the magic by which each format begins.
const SHORTEST: usize = 4;

/// A capture format.
enum Format {
    Classic,
    Pcapng,
}

impl Format {
    /// The format that begins so.
    fn of(beginning: &[u8]) -> Result<Format, Refusal> {
        if beginning.is_empty() {
            return Err(Refusal::Empty);
        }
        if beginning.len() < SHORTEST {
            return Err(Refusal::Short(beginning.len()));
        }
        if libpcap::record_header(beginning).is_some() {
            return Ok(Format::Classic);
        }
        if beginning.starts_with(&pcapng::SECTION) {
            return Ok(Format::Pcapng);
        }
        Err(Refusal::NotCapture(foreign(beginning)))
    }
}

fn foreign(beginning: &[u8]) -> Foreign {
    match beginning {
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Foreign::Compressed("xz -d"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Foreign::Compressed("bzip2 -d"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Foreign::Compressed("lz4 -d"),
        [b'P', b'K', 3, 4, ..] => Foreign::Compressed("unzip"),
        [b's', b'n', b'o', b'o', b'p', 0, ..] => Foreign::Snoop,
        text if text.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r')) => {
            Foreign::Text
        }
        _ => Foreign::Unknown,
    }
}
