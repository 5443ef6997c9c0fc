//! The sensor's edge: captures, configuration, output and the commands of `wardline`.

use std::ffi::OsString;
use std::io::Write;

pub mod capture;
pub mod check;
pub mod command;
mod control;
mod doctor;
pub mod exit;
mod explain;
pub mod fastpath;
mod fmt;
mod harmless;
pub mod interrupt;
pub mod learn;
mod overwrite;
mod policy;
pub mod progress;
mod recorded;
pub mod replay;
mod run;
mod sarif;
mod sink;
pub mod time;
mod whole;

use command::Request;
use exit::{Exit, Failure};

/// Does what the command line asks for; all but the process's end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let request = match command::parse(arguments) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    let done = match request {
        Request::Replay(request) => replay::run(&request),
        Request::Learn(request) => learn::run(&request),
        Request::PolicyCheck(request) => check::run(&request),
        Request::PolicyTest(request) => policy::ask::run(&request),
        Request::PolicyMatrix(request) => policy::matrix::run(&request),
        Request::PolicyDiff(request) => policy::diff::run(&request),
        Request::PolicyImpact(request) => policy::impact::run(&request),
        Request::PolicyLearn(request) => policy::learn::run(&request),
        Request::PolicyExplain(subject) => explain::run(&subject),
        Request::PolicySchema => explain::schema(),
        Request::PolicyFormat(request) => fmt::run(&request),
        Request::Run(request) => run::run(&request),
        Request::Detach(pin) => run::detach(&pin),
        Request::Ask(request) => control::ask(&request),
        Request::Doctor(request) => doctor::run(&request),
    };
    match done {
        Ok(exit) => exit,
        Err(failure) if failure.is_broken_pipe() => Exit::Ok,
        Err(failure) => {
            complain(&failure);
            failure.exit
        }
    }
}

/// Help and version are printed where data goes and are a success; mistakes go to stderr.
fn refused(error: &clap::Error) -> Exit {
    match (error.print(), error.use_stderr()) {
        (Ok(()) | Err(_), true) => Exit::Usage,
        (Ok(()) | Err(_), false) => Exit::Ok,
    }
}

fn complain(failure: &Failure) {
    if let Some(diagnostics) = failure.cause.downcast_ref::<policies::Diagnostics>() {
        // They carry their own severity and layout.
        drop(writeln!(std::io::stderr().lock(), "{}", harmless::page(&diagnostics.to_string())));
        return;
    }
    // Messages may have several lines, one for each input; each begins alike.
    for line in format!("{:#}", failure.cause).lines() {
        say("error", line);
    }
}

/// Writes a line to stderr. Where even that fails nobody is left to be told.
fn say(kind: &str, line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{kind}: {}", harmless::line(line)));
}
