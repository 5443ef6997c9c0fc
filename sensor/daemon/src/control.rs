//! `wardline quarantine`, `release` and `status`: questions to a running sensor.

use crate::command::{Ask, Form, Question, Sensor};
use crate::exit::{Exit, Failure};
use crate::harmless;
use crate::run::control::SOCKET;
use anyhow::anyhow;
use serde_json::{Value, json};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a sensor may take to answer: it may be compiling a policy.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LONGEST: u64 = 16 << 20;

/// Asks, and prints the answer.
///
/// # Errors
/// No sensor answers, or it refuses.
pub(crate) fn ask(ask: &Ask) -> Result<Exit, Failure> {
    let folder = folder(&ask.sensor)?;
    let answer = question(&folder, &words(&ask.question)).map_err(|error| unreachable(&folder, &error))?;
    let text = answer.get("text").and_then(Value::as_str).unwrap_or_default();
    let code = answer.get("exit").and_then(Value::as_u64);
    let known = [Exit::Ok, Exit::Findings, Exit::Usage, Exit::Invalid, Exit::NotPermitted];
    let exit =
        known.into_iter().find(|exit| Some(u64::from(exit.code())) == code).unwrap_or(Exit::Unreachable);
    if exit != Exit::Ok {
        return Err(Failure { exit, cause: anyhow!(text.to_owned()) });
    }
    let page = match ask.form {
        Form::Json => format!("{}\n", answer.get("rows").unwrap_or(&Value::Null)),
        Form::Text => format!("{}\n", harmless::page(text).trim_end()),
    };
    let mut out = io::stdout().lock();
    out.write_all(page.as_bytes()).map_err(|error| Failure::writing("standard output", error))?;
    Ok(Exit::Ok)
}

fn words(question: &Question) -> Value {
    match question {
        Question::Status => json!({ "ask": "status" }),
        Question::Release { device } => json!({ "ask": "release", "device": device }),
        Question::Quarantine { device, ttl, reason, force } => json!({
            "ask": "quarantine",
            "device": device,
            "ttl_s": ttl.as_secs(),
            "reason": reason,
            "force": force.is_given(),
        }),
    }
}

fn question(folder: &Path, question: &Value) -> io::Result<Value> {
    let mut stream = UnixStream::connect(folder.join(SOCKET))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.to_string().as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    serde_json::from_slice(&answer).map_err(io::Error::other)
}

fn unreachable(folder: &Path, error: &io::Error) -> Failure {
    let forbidden = error.kind() == io::ErrorKind::PermissionDenied;
    let exit = if forbidden { Exit::NotPermitted } else { Exit::Unreachable };
    let name = folder.display();
    Failure { exit, cause: anyhow!("{name}: no sensor answers there: {error} (is `wardline run` at work?)") }
}

/// The folder of the sensor that is meant.
fn folder(sensor: &Sensor) -> Result<PathBuf, Failure> {
    let root = match sensor {
        Sensor::At(folder) => return Ok(folder.clone()),
        Sensor::Only(root) => root,
    };
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|folder| folder.join(SOCKET).exists()).collect();
    folders.sort();
    match folders.as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let cause = anyhow!(
                "{}: no sensor runs on this machine, or name its folder with --state",
                root.display()
            );
            Err(Failure { exit: Exit::Unreachable, cause })
        }
        several => {
            let names: Vec<String> =
                several.iter().map(|folder| format!("  --state {}", folder.display())).collect();
            Err(Failure::usage(anyhow!(
                "several sensors run on this machine, name one of them:\n{}",
                names.join("\n")
            )))
        }
    }
}
