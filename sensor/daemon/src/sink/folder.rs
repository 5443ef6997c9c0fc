//! The output folder: five files of rows, written as they come, and the summary at the end.

use super::json::Json;
use super::summary::{self, Report};
use super::{Names, rows};
use crate::exit::Failure;
use crate::whole;
use engine::output::{DeviceRow, Incident, Outputs};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of rows that wait in memory before they are written: few enough to stay in the processor's cache.
const BUFFER: usize = 1 << 18;
/// Room beyond [`BUFFER`] for the row that fills it; longer rows only make the buffer grow once.
const LONGEST_ROW: usize = 1 << 14;

/// The files of a folder.
pub(crate) const FILES: [&str; 6] =
    ["flows.jsonl", "sessions.jsonl", "verdicts.jsonl", "incidents.jsonl", "devices.jsonl", "summary.json"];

/// An output folder that is being written.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: PathBuf,
    flows: Lines,
    sessions: Lines,
    verdicts: Lines,
    incidents: Lines,
    devices: Lines,
    /// The findings of the incidents that were written before the end, by their numbers.
    shown: BTreeMap<u64, u64>,
    snapshot: Snapshot,
}

/// Whether devices were written before the end, as they were known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Snapshot {
    None,
    Taken,
}

/// For `map_err`: what happened to the file at `path`.
fn at(path: &Path) -> impl FnOnce(io::Error) -> Failure + '_ {
    |cause| Failure::writing(&path.display().to_string(), cause)
}

impl Folder {
    /// Makes the folder and its parents, and empties the files of an earlier run.
    ///
    /// # Errors
    /// The path is no folder, or may not be written.
    pub(crate) fn create(dir: &Path) -> Result<Folder, Failure> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        // Until this run has ended there is no summary: one of an earlier run would contradict the rows beside it.
        let summary = dir.join("summary.json");
        match fs::remove_file(&summary) {
            Ok(()) => {}
            Err(cause) if cause.kind() == ErrorKind::NotFound => {}
            Err(cause) => return Err(at(&summary)(cause)),
        }
        Ok(Folder {
            dir: dir.to_owned(),
            flows: Lines::create(dir, "flows.jsonl")?,
            sessions: Lines::create(dir, "sessions.jsonl")?,
            verdicts: Lines::create(dir, "verdicts.jsonl")?,
            incidents: Lines::create(dir, "incidents.jsonl")?,
            devices: Lines::create(dir, "devices.jsonl")?,
            shown: BTreeMap::new(),
            snapshot: Snapshot::None,
        })
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Takes the rows out of `outputs`. They reach their files when a buffer is full, on [`Folder::flush`], and when
    /// the folder is finished or dropped.
    ///
    /// # Errors
    /// A file could not be written (the disk is full, ...); what was written before stays.
    pub(crate) fn write(&mut self, outputs: &mut Outputs, names: &Names<'_>) -> Result<(), Failure> {
        for row in &outputs.flows {
            self.flows.add(|out| rows::flow(out, row, names))?;
        }
        for row in &outputs.sessions {
            self.sessions.add(|out| rows::session(out, row, names))?;
        }
        for row in &outputs.verdicts {
            self.verdicts.add(|out| rows::verdict(out, row, names))?;
        }
        outputs.clear();
        Ok(())
    }

    /// Writes an incident at once. A later row of the same number, here or at the end, takes its place.
    ///
    /// # Errors
    /// A file could not be written.
    pub(crate) fn incident(&mut self, row: &Incident, names: &Names<'_>) -> Result<(), Failure> {
        self.incidents.add(|out| rows::incident(out, row, names))?;
        self.shown.insert(row.id, row.findings);
        self.incidents.flush()
    }

    /// Replaces the devices by those that are known by now: a reader finds the ones before or these, whole.
    ///
    /// # Errors
    /// The file could not be written.
    pub(crate) fn renew_devices(&mut self, devices: &[DeviceRow], names: &Names<'_>) -> Result<(), Failure> {
        let mut out = Json::with_capacity(BUFFER);
        for row in devices {
            rows::device(&mut out, row, names);
        }
        self.snapshot = Snapshot::Taken;
        whole::write(&self.dir.join("devices.jsonl"), out.bytes())
    }

    /// Writes what waits in the buffers: after it, an interruption loses nothing.
    ///
    /// # Errors
    /// A file could not be written.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        for lines in
            [&mut self.flows, &mut self.sessions, &mut self.verdicts, &mut self.incidents, &mut self.devices]
        {
            lines.flush()?;
        }
        Ok(())
    }

    /// Writes devices, incidents and the summary, and ends the folder.
    ///
    /// # Errors
    /// A file could not be written.
    pub(crate) fn finish(mut self, report: &Report<'_>) -> Result<(), Failure> {
        match self.snapshot {
            Snapshot::Taken => self.renew_devices(&report.finished.devices, report.names)?,
            Snapshot::None => {
                for row in &report.finished.devices {
                    self.devices.add(|out| rows::device(out, row, report.names))?;
                }
            }
        }
        let shown = &self.shown;
        for row in report.finished.incidents.iter().filter(|row| shown.get(&row.id) != Some(&row.findings)) {
            self.incidents.add(|out| rows::incident(out, row, report.names))?;
        }
        self.flush()?;
        whole::write(&self.dir.join("summary.json"), &summary::json(report))
    }
}

/// A file of rows. Only whole rows are given to the kernel, so that it ends with a whole row whenever no write is under
/// way; after a write that failed the part of a row is cut off.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: File,
    /// Whole rows.
    waiting: Json,
    /// Bytes in the file.
    written: u64,
    state: State,
}

/// Whether a file takes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// A write failed: what waits is lost, and that has been told.
    Failed,
}

impl Lines {
    fn create(dir: &Path, name: &str) -> Result<Lines, Failure> {
        let path = dir.join(name);
        let file = File::create(&path).map_err(at(&path))?;
        Ok(Lines {
            path,
            file,
            waiting: Json::with_capacity(BUFFER + LONGEST_ROW),
            written: 0,
            state: State::Open,
        })
    }

    #[inline]
    fn add(&mut self, write: impl FnOnce(&mut Json)) -> Result<(), Failure> {
        write(&mut self.waiting);
        if self.waiting.bytes().len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// Not `write_all`: after an error it would not say how much was written, and a second try would write it twice.
    fn flush(&mut self) -> Result<(), Failure> {
        let mut done = 0;
        let outcome = loop {
            let rest = self.waiting.bytes().get(done..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            match self.file.write(rest) {
                Ok(0) => break Err(io::Error::from(ErrorKind::WriteZero)),
                Ok(count) => done = done.saturating_add(count),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => break Err(cause),
            }
        };
        if outcome.is_err() {
            self.state = State::Failed;
            done = self.end_with_a_row(done);
        }
        self.written = self.written.saturating_add(done as u64);
        self.waiting.forget(done);
        outcome.map_err(at(&self.path))
    }

    /// The first `done` of the waiting bytes are in the file: takes back what is no whole row, and gives the bytes that stay.
    fn end_with_a_row(&mut self, done: usize) -> usize {
        let bytes = self.waiting.bytes().get(..done).unwrap_or_default();
        let rows = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let end = self.written.saturating_add(rows as u64);
        // What went into a pipe cannot be taken back. The write's own error is the one that the user should read.
        let taken_back = self.file.set_len(end).and_then(|()| self.file.seek(SeekFrom::Start(end)));
        if taken_back.is_ok() { rows } else { done }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // Dropped with rows that wait only where the run ends by an error, which is what the user should read.
        if self.state == State::Open
            && let Err(failure) = self.flush()
        {
            crate::say("error", &format!("{:#}", failure.cause));
        }
    }
}

#[cfg(test)]
mod tests;
