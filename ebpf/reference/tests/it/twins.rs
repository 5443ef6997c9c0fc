//! A judge and an evaluator that are always told the same.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use abi::address::Timestamp;
use abi::headers::{Headers, read_ethernet, read_frame};
use abi::judge::{self, Event, Judgement, glance, judge};
use abi::state::{PlacedBy, State};
use abi::table::SegmentId;
use policies::{Compiled, Resolved};
use reference::packets::{Happening, Step};
use reference::{Evaluator, Fate, Outcome, Told, example};

/// The example policies in both forms.
pub(crate) struct Texts {
    pub(crate) compiled: Vec<Compiled>,
    pub(crate) resolved: Vec<Resolved>,
}

pub(crate) static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts {
    compiled: example::POLICIES.iter().map(|text| policies::compile(&[text.source()]).unwrap()).collect(),
    resolved: example::POLICIES.iter().map(|text| policies::resolved(&[text.source()]).unwrap()).collect(),
});

/// What was compared, and what came out.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) dropped: u64,
    pub(crate) glanced: u64,
    pub(crate) reasons: BTreeMap<(String, &'static str), u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Tally) {
        self.frames += other.frames;
        self.dropped += other.dropped;
        self.glanced += other.glanced;
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

pub(crate) struct Twins {
    state: Box<State>,
    evaluator: Evaluator,
    installed: usize,
    pub(crate) tally: Tally,
}

impl Twins {
    /// Under one of the example policies, with a seed for the hashes of the judge.
    pub(crate) fn new(policy: usize, seed: u64) -> Twins {
        let policy = policy % TEXTS.resolved.len();
        let state = State::boxed();
        state.set_seed(seed);
        TEXTS.compiled[policy].install(&state).unwrap();
        let evaluator = Evaluator::new(&TEXTS.resolved[policy]);
        Twins { state, evaluator, installed: policy, tally: Tally::default() }
    }

    /// Both take a step; the difference, if there is one.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        if let Happening::Frame(frame) = &step.what {
            return self.frame(frame, step.at);
        }
        if let Happening::Install(number) = step.what {
            self.installed = number % TEXTS.compiled.len();
            TEXTS.compiled[self.installed].install(&self.state).unwrap();
        } else {
            self.change(&step.what);
            self.state.publish();
        }
        step.what.tell(&mut self.evaluator, &TEXTS.resolved);
        Ok(())
    }

    fn change(&self, what: &Happening) {
        let segment = |place: usize| self.evaluator.segment_at(place).unwrap();
        let identities = self.state.identities();
        match *what {
            Happening::Router(mac) => identities.mark_router(mac).unwrap(),
            Happening::PlaceMac(mac, place) => {
                identities.place_mac(mac, segment(place), PlacedBy::Class).unwrap();
            }
            Happening::PlaceAddress(ip, place) => identities.place_address(ip, segment(place)).unwrap(),
            Happening::ForgetAddress(ip) => identities.forget_address(ip),
            Happening::Order(device) if self.state.is_quarantined(device) => self.state.release(&[device]),
            Happening::Order(device) => self.state.quarantine(&[device]).unwrap(),
            Happening::Attend(deadline) => self.state.set_deadline(deadline),
            Happening::Frame(_) | Happening::Install(_) | Happening::Publish => {}
        }
    }

    pub(crate) fn frame(&mut self, frame: &[u8], at: Timestamp) -> Result<(), String> {
        let glanced = glance(&self.state, frame, at);
        let judged = self.judged(frame, at);
        let policy = &TEXTS.compiled[self.installed];
        let said = said(policy, &judged);
        let expected = self.evaluator.judge(frame, at);
        let agrees = glanced.is_none_or(|fate| fate == judged.verdict.fate() && judged.event.is_none());
        // A glance counts the frame; what the judge then tells of it is told of a frame that was seen already.
        if said != expected || !agrees {
            let hex = hex(frame);
            let name = example::POLICIES[self.installed].name;
            return Err(format!(
                "policy {name}\nframe {hex}\n  {:?}\njudge     {said:?}\nglance    {glanced:?}\nevaluator {expected:?}",
                read_ethernet(frame)
            ));
        }
        self.tally.frames += 1;
        self.tally.glanced += u64::from(glanced.is_some());
        self.tally.dropped += u64::from(said.fate == Fate::Drop);
        *self.tally.reasons.entry((format!("{:?}", said.action), said.reason)).or_default() += 1;
        Ok(())
    }

    /// What both say of a frame.
    pub(crate) fn both(&mut self, frame: &[u8], at: Timestamp) -> (Outcome<'_>, Outcome<'_>) {
        let judged = self.judged(frame, at);
        (said(&TEXTS.compiled[self.installed], &judged), self.evaluator.judge(frame, at))
    }

    /// What the judge says, by the headers that both readers find.
    pub(crate) fn judged(&self, frame: &[u8], at: Timestamp) -> Judgement {
        let reading = read_ethernet(frame);
        let mut headers = Headers::default();
        read_frame(&mut headers, frame);
        assert_eq!(headers, *reading.headers(), "the two readers differ on {frame:02x?}");
        judge(&self.state, &headers, u32::try_from(frame.len()).unwrap(), at)
    }

    /// Live entries that had to give way, which the evaluator knows nothing of.
    pub(crate) fn evictions(&self) -> u64 {
        let counters = &self.state.counters;
        [
            &counters.evicted,
            &counters.refused,
            &counters.contended,
            &counters.fragments_evicted,
            &counters.unlimited,
        ]
        .iter()
        .map(|counter| counter.load())
        .sum()
    }
}

/// A judgement in the words of the output.
fn said<'p>(policy: &'p Compiled, judged: &Judgement) -> Outcome<'p> {
    let verdict = &judged.verdict;
    let segment = |id: Option<SegmentId>| policy.segment_name(id);
    Outcome {
        fate: match verdict.fate() {
            judge::Fate::Pass => Fate::Pass,
            judge::Fate::Drop => Fate::Drop,
        },
        action: verdict.action,
        mode: verdict.mode,
        reason: verdict.reason.word(),
        rule: verdict.rule.and_then(|id| policy.rule(id)).map(|rule| rule.name.as_str()),
        from: segment(verdict.from),
        to: segment(verdict.to),
        told: judged.event.map(|event| match event {
            Event::NewFlow => Told::NewFlow,
            Event::Denied => Told::Denied,
            Event::MacMoved { from } => Told::MacMoved { from },
        }),
    }
}

fn hex(frame: &[u8]) -> String {
    let mut hex = String::new();
    for byte in frame {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// Steps, a line each.
pub(crate) fn told(steps: &[Step]) -> String {
    let mut lines = String::new();
    for step in steps {
        let what =
            if let Happening::Frame(frame) = &step.what { hex(frame) } else { format!("{:?}", step.what) };
        writeln!(lines, "{} {what}", step.at.0).unwrap();
    }
    lines
}

/// The first difference when these steps are taken, with how many steps lead to it.
pub(crate) fn difference(policy: usize, seed: u64, steps: &[Step]) -> Option<(usize, String)> {
    let mut twins = Twins::new(policy, seed);
    for (step, taken) in steps.iter().zip(1..) {
        if let Err(error) = twins.step(step) {
            return Some((taken, error));
        }
    }
    None
}

/// As few of the steps as still lead to a difference.
pub(crate) fn smallest(policy: usize, seed: u64, mut steps: Vec<Step>) -> Vec<Step> {
    let mut part = steps.len() / 2;
    while part > 0 {
        let mut at = 0;
        while at < steps.len() {
            let without: Vec<Step> = [&steps[..at], &steps[(at + part).min(steps.len())..]].concat();
            match difference(policy, seed, &without) {
                Some((taken, _)) => steps = without[..taken].to_vec(),
                None => at += part,
            }
        }
        part /= 2;
    }
    steps
}
