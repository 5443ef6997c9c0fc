//! How a command ends: the exit code, and the message where it failed.

use crate::capture::OpenError;
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
        Failure { exit, cause: anyhow::Error::new(error).context(format!("{place}: cannot be written")) }
    }

    /// Whether the reader of our output went away (`wardline ... | head`), of which nobody need be told.
    pub fn is_broken_pipe(&self) -> bool {
        self.cause
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure::usage(error)
    }
}
