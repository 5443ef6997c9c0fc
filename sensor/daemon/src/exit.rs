//! How a command ends: the exit code, and the message where it failed.

use crate::capture::OpenError;
use crate::interrupt::Signal;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// What the exit code says; scripts rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It worked. Finding incidents is no failure.
    Ok,
    /// A check found something: a test failed, a diff is not empty, a verification failed.
    Findings,
    /// The command line or an input cannot be used.
    Usage,
    /// The policy, the configuration or the baseline is invalid.
    Invalid,
    /// Not permitted.
    NotPermitted,
    /// The other side cannot be reached.
    Unreachable,
    /// A signal ended the reading; what had been read was written.
    Interrupted(Signal),
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::NotPermitted => 4,
            Exit::Unreachable => 5,
            Exit::Interrupted(signal) => signal.exit_code(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// Place, cause and remedy, for the user.
    pub cause: anyhow::Error,
}

impl Failure {
    /// The command line or an input cannot be used.
    pub fn usage(cause: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Usage, cause: cause.into() }
    }

    /// A policy, configuration or baseline is invalid.
    pub fn invalid(cause: impl Into<anyhow::Error>) -> Failure {
        Failure { exit: Exit::Invalid, cause: cause.into() }
    }

    /// Writing a result to `place` failed.
    pub fn writing(place: &str, error: io::Error) -> Failure {
        let forbidden =
            matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
        let exit = if forbidden { Exit::NotPermitted } else { Exit::Usage };
        Failure { exit, cause: Unwritten { place: place.to_owned(), error }.into() }
    }

    /// Whether the reader of our output went away (`wardline ... | head`), of which nobody need be told.
    pub fn is_broken_pipe(&self) -> bool {
        self.cause
            .chain()
            .filter_map(|cause| cause.downcast_ref::<Unwritten>())
            .any(|unwritten| unwritten.error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure::usage(error)
    }
}

/// A result that could not be written: place, cause and remedy.
#[derive(Debug)]
struct Unwritten {
    place: String,
    error: io::Error,
}

impl std::error::Error for Unwritten {}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unwritten { place, error } = self;
        write!(f, "{place}: cannot be written: {} ({})", in_plain_words(error), remedy(error.kind()))
    }
}

/// The cause without Rust's `(os error 2)`.
fn in_plain_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds are the standard library's, and more are to come"
)]
const fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull => "free space on the disk, or name a place on another",
        io::ErrorKind::QuotaExceeded => "delete files, or have the quota raised",
        io::ErrorKind::FileTooLarge => "raise the limit of file sizes, see `ulimit -f`",
        io::ErrorKind::PermissionDenied => "grant write permission, or name another place",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: name another place",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "a file is where a folder should be: name another place"
        }
        io::ErrorKind::IsADirectory => "it is a folder: name a file in it",
        _ => "check the place, or name another",
    }
}
