//! `wardline replay`: captures through the whole pipeline; rows into a folder, a summary to stdout.

use crate::capture::{Captures, Note};
use crate::check;
use crate::command::{Form, Quiet, Replay, Span};
use crate::exit::{Exit, Failure};
use crate::interrupt::{Interrupt, Interrupted};
use crate::progress::{self, Progress};
use crate::sink::summary::Report;
use crate::sink::summary::terminal::Look;
use crate::sink::{self, Folder, Names, summary};
use detectors::baseline::Baseline;
use detectors::detector::Detector;
use detectors::settings::Settings as DetectorSettings;
use engine::engine::{Captured, Engine, Settings};
use engine::output::Outputs;
use engine::watch::Watch;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::Path;

/// Replays the captures.
///
/// # Errors
/// An input cannot be read as a capture, the policy or the baseline is invalid, or the result cannot be written.
pub fn run(request: &Replay) -> Result<Exit, Failure> {
    let policy = request.policy.as_deref().map(check::load).transpose()?;
    let baseline = request.baseline.as_deref().map(load_baseline).transpose()?;
    let (baseline, baseline_hash) = baseline.unzip();
    let captures = Captures::open(&request.inputs)?;
    for file in request.out.iter().flat_map(|out| sink::FILES.map(|name| out.join(name))) {
        crate::overwrite::refuse(&file, &request.inputs)?;
    }
    let interrupt = watch_signals()?;
    let mut folder = request.out.as_deref().map(Folder::create).transpose()?;
    let watch = Watch::Detect(Box::new(Detector::new(DetectorSettings::default(), baseline)));
    let mut engine = Engine::new(&settings(), policy, watch);
    let reading = Reading { captures, span: request.span, quiet: request.quiet, interrupt: &interrupt };
    let read = feed(reading, &mut engine, &mut |outputs, names| {
        if let Some(folder) = &mut folder {
            return folder.write(outputs, names);
        }
        outputs.clear();
        Ok(())
    })?;
    let (finished, policy, _) = engine.finish();
    let mut notes: Vec<String> = read.notes.iter().map(ToString::to_string).collect();
    notes.extend(read.interrupted.map(rest_not_read));
    // The order of files on the command line does not matter.
    notes.sort();
    let names = Names::of(policy.as_ref());
    let report =
        Report { finished: &finished, names: &names, baseline: baseline_hash.as_ref(), notes: &notes };
    let out = folder.as_ref().map(|folder| folder.dir().to_owned());
    if let Some(folder) = folder {
        folder.finish(&report)?;
    }
    let text = match request.form {
        Form::Json => summary::json(&report),
        Form::Text => {
            let look = Look { colour: request.color, columns: columns(), folder: out.as_deref() };
            summary::terminal::page(&report, look).into_bytes()
        }
    };
    let written = std::io::stdout().lock().write_all(&text);
    let ended = read.interrupted.map_or(Exit::Ok, |interrupted| Exit::Interrupted(interrupted.signal));
    match written.map_err(|error| Failure::writing("standard output", error)) {
        Err(failure) if !failure.is_broken_pipe() => Err(failure),
        Ok(()) | Err(_) => Ok(ended),
    }
}

fn rest_not_read(interrupted: Interrupted) -> String {
    format!("{interrupted}; the rest of the input was not read")
}

/// Watches for signals. Done when the inputs are open and nothing is written yet: until then there is nothing to lose,
/// and a signal ends the process at once.
pub(crate) fn watch_signals() -> Result<Interrupt, Failure> {
    Interrupt::watch().map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context("the signals SIGINT and SIGTERM cannot be watched"))
    })
}

/// Columns of the terminal; where there is none, lines stay readable.
fn columns() -> usize {
    const DEFAULT: usize = 100;
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns
        .or_else(|| console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)))
        .unwrap_or(DEFAULT)
}

/// The engine's settings. The seed keys digests of network data only; no output depends on it.
pub(crate) fn settings() -> Settings {
    Settings { seed: RandomState::new().hash_one(0), ..Settings::default() }
}

/// What is done with the rows of a step.
pub(crate) type Drain<'a> = dyn FnMut(&mut Outputs, &Names<'_>) -> Result<(), Failure> + 'a;

/// What is read, and how.
pub(crate) struct Reading<'a> {
    /// The captures.
    pub(crate) captures: Captures,
    /// The frames that count.
    pub(crate) span: Span,
    /// Whether stderr is silent.
    pub(crate) quiet: Quiet,
    /// What ends the reading before the captures do.
    pub(crate) interrupt: &'a Interrupt,
}

/// What there is to say of a reading.
pub(crate) struct Read {
    /// What was wrong with the captures.
    pub(crate) notes: Vec<Note>,
    /// What ended the reading, if not the captures did.
    pub(crate) interrupted: Option<Interrupted>,
    /// Frames read, those outside the span included.
    pub(crate) frames: u64,
}

/// Feeds every frame of the span to the engine until the captures end or a signal comes, and closes what is open.
pub(crate) fn feed(
    reading: Reading<'_>,
    engine: &mut Engine,
    drain: &mut Drain<'_>,
) -> Result<Read, Failure> {
    let Reading { mut captures, span, quiet, interrupt } = reading;
    let mut progress = Progress::start(&captures, quiet);
    let mut outputs = Outputs::default();
    while !interrupt.came()
        && let Some(raw) = captures.next_frame()
    {
        if span.contains(raw.at) {
            let frame = Captured { at: raw.at, link: raw.link, bytes: raw.bytes, wire_len: raw.wire_len };
            engine.step(frame, &mut outputs);
            if !outputs.is_empty() {
                drain(&mut outputs, &Names::of(engine.policy()))?;
            }
        }
        progress.frame(&captures);
    }
    let interrupted = interrupt.signal().map(|signal| Interrupted { signal, frames: progress.frames() });
    engine.wind_up(&mut outputs, |outputs, policy| drain(outputs, &Names::of(policy)))?;
    progress.finish();
    let notes = captures.finish();
    if quiet == Quiet::No {
        for note in &notes {
            crate::say("note", &note.to_string());
        }
        if let Some(interrupted) = interrupted {
            crate::say("note", &rest_not_read(interrupted));
        }
        let rate = progress::rate(progress.frames(), progress.elapsed());
        crate::say("note", &format!("{:.1} s, {rate}", progress.elapsed().as_secs_f64()));
    }
    Ok(Read { notes, interrupted, frames: progress.frames() })
}

/// Reads a baseline, and its hash.
///
/// # Errors
/// It cannot be read, or is none.
pub(crate) fn load_baseline(path: &Path) -> Result<(Baseline, [u8; 32]), Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        let cause = anyhow::Error::new(error);
        Failure::usage(cause.context(format!("{}: the baseline cannot be read", path.display())))
    })?;
    Baseline::with_hash(&bytes).map_err(|error| {
        let remedy = "make a new one with `wardline learn CAPTURE... --out FILE`";
        Failure::invalid(anyhow::anyhow!("{}: {error}; {remedy}", path.display()))
    })
}
