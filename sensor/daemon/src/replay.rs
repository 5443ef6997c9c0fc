//! `wardline replay`: captures through the whole pipeline; rows into a folder, a summary to stdout.

use crate::capture::{Captures, Note};
use crate::check;
use crate::command::{Form, Quiet, Replay, Span};
use crate::exit::{Exit, Failure};
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
    let mut folder = request.out.as_deref().map(Folder::create).transpose()?;
    let watch = Watch::Detect(Box::new(Detector::new(DetectorSettings::default(), baseline)));
    let mut engine = Engine::new(&settings(), policy, watch);
    let notes = feed(captures, request.span, request.quiet, &mut engine, &mut |outputs, names| {
        if let Some(folder) = &mut folder {
            return folder.write(outputs, names);
        }
        outputs.clear();
        Ok(())
    })?;
    let (finished, policy, _) = engine.finish();
    let mut notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
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
    std::io::stdout().lock().write_all(&text).map_err(|error| Failure::writing("standard output", error))?;
    Ok(Exit::Ok)
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

/// Feeds every frame of the span to the engine, closes what is open, and gives what was wrong with the captures.
pub(crate) fn feed(
    mut captures: Captures,
    span: Span,
    quiet: Quiet,
    engine: &mut Engine,
    drain: &mut Drain<'_>,
) -> Result<Vec<Note>, Failure> {
    let mut progress = Progress::start(&captures, quiet);
    let mut outputs = Outputs::default();
    while let Some(raw) = captures.next_frame() {
        if span.contains(raw.at) {
            let frame = Captured { at: raw.at, link: raw.link, bytes: raw.bytes, wire_len: raw.wire_len };
            engine.step(frame, &mut outputs);
            if !outputs.is_empty() {
                drain(&mut outputs, &Names::of(engine.policy()))?;
            }
        }
        progress.frame(&captures);
    }
    engine.wind_up(&mut outputs, |outputs, policy| drain(outputs, &Names::of(policy)))?;
    progress.finish();
    let notes = captures.finish();
    if quiet == Quiet::No {
        for note in &notes {
            crate::say("note", &note.to_string());
        }
        let rate = progress::rate(progress.frames(), progress.elapsed());
        crate::say("note", &format!("{:.1} s, {rate}", progress.elapsed().as_secs_f64()));
    }
    Ok(notes)
}

fn load_baseline(path: &Path) -> Result<(Baseline, [u8; 32]), Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        let cause = anyhow::Error::new(error);
        Failure::usage(cause.context(format!("{}: the baseline cannot be read", path.display())))
    })?;
    Baseline::with_hash(&bytes).map_err(|error| {
        let remedy = "make a new one with `wardline learn CAPTURE... --out FILE`";
        Failure::invalid(anyhow::anyhow!("{}: {error}; {remedy}", path.display()))
    })
}
