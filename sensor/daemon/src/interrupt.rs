//! SIGINT and SIGTERM end the reading and not the run: what was read until then is closed and written. A second one
//! ends the process at once.

mod stream;

pub(crate) use stream::{Stream, is_by_signal};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C on the terminal.
    Interrupt,
    /// SIGTERM: from a service manager, a time limit or a shutdown.
    Terminate,
}

impl Signal {
    const ALL: [Signal; 2] = [Signal::Interrupt, Signal::Terminate];

    const fn number(self) -> i32 {
        match self {
            Signal::Interrupt => SIGINT,
            Signal::Terminate => SIGTERM,
        }
    }

    /// What an [`Interrupt`] remembers; 0 is none.
    const fn mark(self) -> usize {
        match self {
            Signal::Interrupt => 1,
            Signal::Terminate => 2,
        }
    }

    /// The exit code after it: 128 and the signal's number, as shells have it (POSIX.1-2024, XCU 2.8.2).
    pub const fn exit_code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// Whether somebody asked the process to end.
#[derive(Debug)]
pub struct Interrupt {
    mark: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Watches for the signals from now on: the first of them is remembered, the next ends the process as it would
    /// without this.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn watch() -> io::Result<Interrupt> {
        let mark = Arc::new(AtomicUsize::new(0));
        let came = Arc::new(AtomicBool::new(false));
        for signal in Signal::ALL {
            // Actions run in this order: the first signal must not find the flag that itself has set.
            flag::register_conditional_default(signal.number(), Arc::clone(&came))?;
            flag::register_usize(signal.number(), Arc::clone(&mark), signal.mark())?;
            flag::register(signal.number(), Arc::clone(&came))?;
            stream::wake_on(signal.number())?;
        }
        // A limit of file sizes (`ulimit -f`) is an error of the write then, and no end in the midst of a row (setrlimit(2)).
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(Interrupt { mark })
    }

    /// Whether a signal came. Cheap enough to ask for every frame.
    #[inline]
    pub fn came(&self) -> bool {
        self.mark.load(Ordering::Relaxed) != 0
    }

    /// The signal that came.
    pub fn signal(&self) -> Option<Signal> {
        let mark = self.mark.load(Ordering::Relaxed);
        Signal::ALL.into_iter().find(|signal| signal.mark() == mark)
    }
}

/// The reading was ended by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The signal.
    pub signal: Signal,
    /// Frames read before it, those outside the span included.
    pub frames: u64,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interrupted { signal, frames } = self;
        write!(f, "interrupted by {signal} after {frames} frame{}", if *frames == 1 { "" } else { "s" })
    }
}
