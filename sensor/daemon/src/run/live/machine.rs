//! The thread that owns the engine and the folder.

use super::counts::Counts;
use super::queue::{Batch, Losses};
use super::{Figures, WallClock, monotonic};
use crate::command::Quiet;
use crate::exit::Failure;
use crate::fastpath::Memory;
use crate::sink::summary::Report;
use crate::sink::{Folder, Names, words};
use abi::address::{DeviceKey, SECOND, Timestamp};
use abi::state::Tap;
use detectors::baseline::Baseline;
use detectors::detector::Detector;
use detectors::settings::Settings as DetectorSettings;
use engine::engine::{Captured, Engine, Settings};
use engine::output::{Interest, Outputs};
use engine::watch::Watch;
use policies::Compiled;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

/// How long the engine waits for frames before it looks at the time.
const WAITING: Duration = Duration::from_millis(50);
/// How often rows reach their files.
const FLUSH: Duration = Duration::from_secs(1);
/// How often the devices are written anew.
const INVENTORY: Duration = Duration::from_secs(30);
/// Frames of a direction after which the engine says whether it wants more.
const GLIMPSE: u64 = 64;
/// How far behind the wall clock the engine is while no frames come, so that one that is on its way is not late.
const LAG: u64 = SECOND;

/// What the engine is told beside frames.
pub(super) enum Order {
    /// Judge by another policy.
    Policy(Box<Compiled>),
    /// Let these out of quarantine, and cut those off.
    Quarantine {
        /// Who is let out.
        out: Vec<DeviceKey>,
        /// Who is cut off.
        into: Vec<DeviceKey>,
    },
    /// Say all addresses of a device.
    Find(DeviceKey, SyncSender<Vec<DeviceKey>>),
}

/// The engine at work.
pub(super) struct Machine {
    engine: Engine,
    baseline: Option<[u8; 32]>,
    folder: Folder,
    memory: Arc<Memory>,
    clock: WallClock,
    losses: Arc<Losses>,
    counts: Counts,
    out: Outputs,
    quiet: Quiet,
}

/// What an engine begins with.
pub(super) struct Begin {
    /// Where its rows go.
    pub(super) folder: Folder,
    /// What it judges by.
    pub(super) policy: Compiled,
    /// What is normal, and the hash of that.
    pub(super) baseline: Option<(Baseline, [u8; 32])>,
    /// The memory of the judge.
    pub(super) memory: Arc<Memory>,
    /// The clock of the frames.
    pub(super) clock: WallClock,
    /// What was lost.
    pub(super) losses: Arc<Losses>,
    /// Whether frames are copied for it, by flows that it chooses, or all come.
    pub(super) shown: Shown,
    /// Whether incidents are told on stderr.
    pub(super) quiet: Quiet,
}

/// Which frames the engine is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of them.
    All,
    /// Those of the flows that it wants.
    Chosen,
}

impl Machine {
    /// An engine that has seen nothing.
    pub(super) fn new(begin: Begin) -> Machine {
        let Begin { folder, policy, baseline, memory, clock, losses, shown, quiet } = begin;
        let (baseline, hash) = baseline.unzip();
        let watch = Watch::Detect(Box::new(Detector::new(DetectorSettings::default(), baseline)));
        let glimpse = match shown {
            Shown::All => None,
            Shown::Chosen => Some(GLIMPSE),
        };
        let settings = Settings { glimpse, ..crate::replay::settings() };
        let engine = Engine::new(&settings, Some(policy), watch);
        let (counts, out) = (Counts::default(), Outputs::default());
        Machine { engine, baseline: hash, folder, memory, clock, losses, counts, out, quiet }
    }

    /// Works until nobody brings frames any more, and ends the folder.
    pub(super) fn run(mut self, frames: &Receiver<Batch>, orders: &Receiver<Order>) -> Result<(), Failure> {
        let worked = self.work(frames, orders);
        if let Err(failure) = &worked {
            // Nobody looks at frames any more, so none need be copied.
            self.losses.stop_copies();
            crate::say("error", &format!("{:#}; the engine stops, the judge goes on", failure.cause));
        }
        worked?;
        self.finish()
    }

    fn work(&mut self, frames: &Receiver<Batch>, orders: &Receiver<Order>) -> Result<(), Failure> {
        let start = monotonic();
        let (mut next_flush, mut next_inventory) =
            (start.saturating_add(FLUSH), start.saturating_add(INVENTORY));
        loop {
            match frames.recv_timeout(WAITING) {
                Ok(batch) => self.take(&batch)?,
                Err(RecvTimeoutError::Timeout) => {
                    let now = Timestamp(self.clock.now().0.saturating_sub(LAG));
                    self.engine.advance(now, &mut self.out);
                    self.drain()?;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            for order in orders.try_iter() {
                self.obey(order);
            }
            self.show_incidents()?;
            let now = monotonic();
            if now >= next_flush {
                next_flush = now.saturating_add(FLUSH);
                self.counts.tell(&self.memory, self.clock, &mut self.engine, &mut self.out);
                self.drain()?;
                self.folder.flush()?;
            }
            if now >= next_inventory {
                next_inventory = now.saturating_add(INVENTORY);
                self.folder.renew_devices(&self.engine.devices(), &Names::of(self.engine.policy()))?;
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Policy(policy) => self.engine.replace_policy(*policy),
            Order::Quarantine { out, into } => {
                self.engine.release(&out);
                self.engine.quarantine(&into);
            }
            // Who asked may have given up.
            Order::Find(device, to) => drop(to.try_send(self.engine.addresses_of(device))),
        }
    }

    fn take(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut seen = 0;
        for (at, link, bytes, wire_len) in batch.frames() {
            self.engine.step(Captured { at, link, bytes, wire_len }, &mut self.out);
            seen += 1;
            if !self.out.is_empty() {
                self.drain()?;
            }
        }
        self.losses.seen.fetch_add(seen, Ordering::Relaxed);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        for wish in self.out.wishes.drain(..) {
            match wish.interest {
                // Where it fails the entry is being written, and the next wish comes soon.
                Interest::All => drop(self.memory.set_tap(&wish.headers, Tap::Kept)),
                Interest::Counts => self.counts.let_go(&self.memory, &wish.headers),
            }
        }
        self.folder.write(&mut self.out, &Names::of(self.engine.policy()))
    }

    fn show_incidents(&mut self) -> Result<(), Failure> {
        let (folder, quiet, losses) = (&mut self.folder, self.quiet, &self.losses);
        self.engine.incident_news(|incident, policy| {
            losses.incidents.fetch_max(incident.id, Ordering::Relaxed);
            if quiet == Quiet::No {
                let severity = words::severity(incident.severity);
                crate::say("incident", &format!("i{}, {severity}: {}", incident.id, incident.text));
            }
            folder.incident(incident, &Names::of(policy))
        })
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.counts.tell(&self.memory, self.clock, &mut self.engine, &mut self.out);
        self.drain()?;
        let (engine, folder) = (&mut self.engine, &mut self.folder);
        engine.wind_up(&mut self.out, |out, policy| folder.write(out, &Names::of(policy)))?;
        self.show_incidents()?;
        let (mut finished, policy, _) = self.engine.finish();
        let figures = self.losses.figures();
        let Figures { ring, capture, queue, .. } = figures;
        let lost = [("live_ring", ring), ("live_capture", capture), ("live_queue", queue)];
        finished.summary.overflows.extend(lost.into_iter().filter(|(_, frames)| *frames > 0));
        let mut notes = vec!["live traffic".to_owned()];
        if figures.lost() > 0 {
            let text = format!(
                "{} frames did not reach the engine: {ring} found no room in the ring of copied frames, {capture} in the \
                 kernel's buffer or the card, {queue} in the queue; streams that miss bytes say gap",
                figures.lost()
            );
            notes.push(text);
        }
        let names = Names::of(policy.as_ref());
        self.folder.finish(&Report {
            finished: &finished,
            names: &names,
            baseline: self.baseline.as_ref(),
            notes: &notes,
        })
    }
}
