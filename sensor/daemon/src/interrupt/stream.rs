//! A stream that may be silent for hours, whose reading a signal ends.
//!
//! A read that waits is taken up again after a signal (`SA_RESTART`, signal(7)), so a flag alone would be looked at with
//! the next frame only. Therefore the handler also writes into a socket, which is waited for together with the stream.

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::low_level::pipe;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

/// The two ends of the socket: which signal does what is the whole process's affair, so there is one for all streams.
static WAKE: OnceLock<Option<(UnixStream, UnixStream)>> = OnceLock::new();

fn wake() -> Option<&'static (UnixStream, UnixStream)> {
    // Without it a signal is taken with the next frame.
    WAKE.get_or_init(|| UnixStream::pair().ok()).as_ref()
}

/// Lets the signal end the waiting of all streams.
pub(super) fn wake_on(signal: i32) -> io::Result<()> {
    if let Some((_, write)) = wake() {
        pipe::register(signal, write.try_clone()?)?;
    }
    Ok(())
}

/// Standard input, a named pipe or a device.
#[derive(Debug)]
pub(crate) struct Stream(File);

impl Stream {
    /// Reads from `file`, which must not be buffered elsewhere: what lies in a buffer is not waited for.
    pub(crate) fn new(file: File) -> Stream {
        Stream(file)
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some((woken, _)) = wake() {
            let mut waiting = [PollFd::new(&self.0, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
            // Interrupted is for the caller, who tries again as with any read.
            poll(&mut waiting, None)?;
            let [_, woken] = waiting;
            if woken.revents().contains(PollFlags::IN) {
                return Err(io::Error::other(BySignal));
            }
        }
        self.0.read(buf)
    }
}

/// The reading was ended by a signal, whoever asked for it.
#[derive(Debug)]
struct BySignal;

impl std::error::Error for BySignal {}

impl fmt::Display for BySignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ended by a signal")
    }
}

/// Whether a stream ended because of a signal, which is no fault of it.
pub(crate) fn is_by_signal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<BySignal>)
}
