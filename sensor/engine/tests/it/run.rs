//! Frames through an engine, and everything that it said.

use abi::address::Timestamp;
use detectors::detector::Detector;
use detectors::record::FlowRecord;
use engine::engine::{Captured, Engine, Settings};
use engine::output::{Finished, Outputs, SessionRow, VerdictRow};
use engine::watch::Watch;
use fixtures::capture::Frame;
use wire::frame::LinkType;

/// Everything that a run said.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) flows: Vec<FlowRecord>,
    pub(crate) sessions: Vec<SessionRow>,
    pub(crate) verdicts: Vec<VerdictRow>,
    pub(crate) finished: Finished,
}

impl Outcome {
    /// Rows as text, to compare runs by.
    pub(crate) fn text(&self) -> String {
        format!("{:#?}\n{:#?}\n{:#?}\n{:#?}", self.flows, self.sessions, self.verdicts, self.finished)
    }

    /// A figure of what reached a bound.
    pub(crate) fn overflow(&self, name: &str) -> u64 {
        self.finished.summary.overflows.get(name).copied().unwrap_or(0)
    }
}

pub(crate) fn detector() -> Watch {
    Watch::Detect(Box::new(Detector::new(detectors::settings::Settings::default(), None)))
}

/// An engine, and what it has said so far.
pub(crate) struct Run {
    pub(crate) engine: Engine,
    out: Outputs,
    outcome: Outcome,
    /// The most flow rows that one frame gave.
    pub(crate) most: usize,
}

impl Run {
    pub(crate) fn new(settings: &Settings, policy: Option<policies::Compiled>) -> Run {
        let engine = Engine::new(settings, policy, detector());
        Run { engine, out: Outputs::default(), outcome: Outcome::default(), most: 0 }
    }

    pub(crate) fn frame(&mut self, at: u64, link: LinkType, bytes: &[u8], wire_len: usize) {
        let wire_len = u32::try_from(wire_len).unwrap();
        self.engine.step(Captured { at: Timestamp(at), link, bytes, wire_len }, &mut self.out);
        self.most = self.most.max(self.out.flows.len());
        self.drain();
    }

    pub(crate) fn frames(&mut self, frames: &[Frame]) {
        for frame in frames {
            self.frame(frame.at, LinkType::Ethernet, &frame.bytes, frame.bytes.len());
        }
    }

    /// Flow rows so far.
    pub(crate) fn flows(&self) -> &[FlowRecord] {
        &self.outcome.flows
    }

    fn drain(&mut self) {
        self.outcome.flows.append(&mut self.out.flows);
        self.outcome.sessions.append(&mut self.out.sessions);
        self.outcome.verdicts.append(&mut self.out.verdicts);
    }

    pub(crate) fn end(mut self) -> Outcome {
        let Run { engine, out, outcome, .. } = &mut self;
        let wound: Result<(), ()> = engine.wind_up(out, |out, _| {
            outcome.flows.append(&mut out.flows);
            outcome.sessions.append(&mut out.sessions);
            outcome.verdicts.append(&mut out.verdicts);
            Ok(())
        });
        wound.unwrap();
        let (finished, _, _) = self.engine.finish();
        Outcome { finished, ..self.outcome }
    }
}

/// What a fresh engine says of these frames.
pub(crate) fn run(frames: &[Frame]) -> Outcome {
    let mut run = Run::new(&Settings::default(), None);
    run.frames(frames);
    run.end()
}
