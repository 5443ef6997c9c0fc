//! The socket by which other commands speak to a running sensor: a line of JSON asks, a line of JSON answers.
//!
//! Whoever asks is root or the sensor's own user, which the kernel attests (unix(7), `SO_PEERCRED`). One at a time, and nobody
//! is waited for longer than moments, as the same thread attends to the judge.

use crate::exit::Exit;
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use serde_json::{Value, json};
use std::fs::{self, DirBuilder};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The socket in the sensor's folder.
pub(crate) const SOCKET: &str = "control.sock";
/// Bytes of a question.
const LONGEST: u64 = 4096;
/// How long a question may take to come, and an answer to go.
const PATIENCE: Duration = Duration::from_millis(500);
/// Questions that are answered before the sensor attends to other things.
const AT_ONCE: usize = 4;

/// An answer.
pub(super) struct Answer {
    /// How the asking command ends.
    pub(super) exit: Exit,
    /// For people.
    pub(super) text: String,
    /// For programs.
    pub(super) rows: Value,
}

impl Answer {
    /// What was asked for is not done.
    pub(super) fn refusal(exit: Exit, text: impl Into<String>) -> Answer {
        Answer { exit, text: text.into(), rows: Value::Null }
    }
}

/// The socket. It goes with this value.
pub(super) struct Control {
    path: PathBuf,
    listener: UnixListener,
}

impl Control {
    /// Listens in a folder, which is made if there is none, for nobody else to see. What an earlier process left is replaced.
    pub(super) fn listen(folder: &Path) -> io::Result<Control> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Control { path, listener })
    }

    /// Answers those who ask by now.
    pub(super) fn answer(&self, mut answer: impl FnMut(&Value, u32) -> Answer) {
        for _ in 0..AT_ONCE {
            let Ok((stream, _)) = self.listener.accept() else { return };
            // Who goes away before the answer does not want it.
            drop(serve(stream, &mut answer));
        }
    }
}

fn serve(mut stream: UnixStream, answer: &mut dyn FnMut(&Value, u32) -> Answer) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let user = socket_peercred(&stream)?.uid;
    let answer = if user.is_root() || user == geteuid() {
        let mut question = Vec::new();
        (&mut stream).take(LONGEST).read_to_end(&mut question)?;
        match serde_json::from_slice(&question) {
            Ok(question) => answer(&question, user.as_raw()),
            Err(_) => Answer::refusal(Exit::Usage, "this question is not understood"),
        }
    } else {
        Answer::refusal(Exit::NotPermitted, "only root and the sensor's own user may ask")
    };
    let Answer { exit, text, rows } = answer;
    let line = json!({ "exit": exit.code(), "text": text, "rows": rows });
    stream.write_all(format!("{line}\n").as_bytes())
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Where it is gone already nobody misses it.
        drop(fs::remove_file(&self.path));
    }
}
