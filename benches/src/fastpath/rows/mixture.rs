//! Two processors judge while policies change under them: no frame may be judged by parts of two.
//!
//! Each policy has its own pair of segments, class of service and rule; every other combination has a rule that must never
//! be seen. Cached verdicts must be those of the policy of their generation.

use super::Row;
use crate::fastpath::Failure;
use crate::fastpath::frames::{ALLOWED, Shape, frame, frame_of, round_robin};
use crate::fastpath::measure::{bind, joined, two_processors, uninterrupted};
use crate::fastpath::object::Pieces;
use crate::fastpath::programs::{Flow, Rig};
use crate::fastpath::steps::Kind;
use crate::fastpath::subject::Ours;
use crate::fastpath::world::Rules;
use abi::address::Ip;
use abi::headers::read_ethernet;
use abi::state::{Policy, State};
use abi::table::{Action, Cell, Mode as Carried, RuleId, SegmentId, ServiceClass};
use daemon::fastpath::Mode;
use rustix::thread::{MembarrierCommand, membarrier};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The rule of all combinations that no policy has.
const MIXTURE: u16 = u16::MAX;
const FLOWS: u32 = 256;
const LEN: usize = 64;
const BURST: u32 = 10_000;

/// What changes.
struct Changes<'s> {
    state: &'s State,
    /// The number of the policy of each generation, by its lowest 16 bits.
    policies: HashMap<u16, u16>,
    /// The number of the policy that the even and the odd buffer hold.
    held: [u16; 2],
    number: u16,
    swaps: u64,
    publications: u64,
    /// Cached verdicts that were looked at, and those that were not of their generation's policy.
    looked: u64,
    wrong: u64,
}

/// The rows of a run over so many frames.
pub fn rows(frames: u64) -> Vec<Row> {
    vec![measure(frames).unwrap_or_else(|why| Row::absent("judged by a mixture", &why))]
}

#[expect(clippy::disallowed_methods, reason = "a measurement looks at the clock")]
fn measure(frames: u64) -> Result<Row, Failure> {
    two_processors()?;
    let ours = Ours::load(Mode::Routed, 524_288, Rules::Ten)?;
    let state = ours.fastpath.state();
    let mut changes = Changes::begin(state)?;
    changes.swap()?;
    let changes = Mutex::new(changes);
    let flows = round_robin(2 * FLOWS, ALLOWED, LEN);
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    std::thread::scope(|scope| -> Result<(), Failure> {
        let work: Vec<_> = [0, 1]
            .map(|cpu| {
                // Half of the flows come to both processors.
                let skipped = cpu * usize::try_from(FLOWS / 2).unwrap_or(0);
                let own: Vec<Flow> = flows.iter().skip(skipped).take(256).copied().collect();
                let (sent, ours) = (&sent, &ours);
                scope.spawn(move || drive(cpu, &own, ours, (sent, frames)))
            })
            .into_iter()
            .collect();
        let changing = scope.spawn(|| {
            uninterrupted(|| {
                publishing(&changes, &stop);
                Ok(())
            })
        });
        let swapping = scope.spawn(|| uninterrupted(|| swapping(&changes, &stop)));
        for thread in work {
            joined(thread.join())?;
        }
        stop.store(true, Ordering::Relaxed);
        joined(changing.join())?;
        joined(swapping.join())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.settle();
    let mixed = state.counters.rule(RuleId::new(MIXTURE)).packets;
    Ok(row(&changes, (sent.load(Ordering::Relaxed), mixed), seconds))
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn row(changes: &Changes<'_>, (sent, mixed): (u64, u64), seconds: f64) -> Row {
    let (all, swaps) = (changes.swaps + changes.publications, changes.swaps);
    let (rate, swap_rate) = (all as f64 / seconds, swaps as f64 / seconds);
    let text = format!(
        "{mixed} of {sent} frames in {seconds:.0} s with {rate:.0} changes/s, {swap_rate:.0}/s of them swaps; {} of {} cached verdicts of another policy",
        changes.wrong, changes.looked
    );
    let met = mixed == 0 && changes.wrong == 0 && sent >= 100_000_000 && rate >= 1000.0 && swap_rate >= 100.0;
    Row::judged("judged by a mixture, two processors", text, ("0 of 10⁸, 1,000 changes/s, 100 swaps/s", met))
}

/// Sends frames until all are sent.
fn drive(cpu: usize, flows: &[Flow], ours: &Ours, (sent, frames): (&AtomicU64, u64)) -> Result<(), Failure> {
    bind(cpu)?;
    let mut rig = Rig::load(Kind::Mixer, Pieces::Many)?;
    rig.set_flows(flows)?;
    rig.aim(&ours.program)?;
    // While it is attached somewhere, running it changes nothing in the kernel, which would take longer than the run.
    rig.attach("mixer", &format!("port{cpu}"))?;
    let frame = frame(Shape::V4, ALLOWED, LEN);
    while sent.load(Ordering::Relaxed) < frames {
        rig.run("mixer", &frame, BURST)?;
        sent.fetch_add(u64::from(BURST), Ordering::Relaxed);
    }
    Ok(())
}

/// Has the policy in force judge anew, about a thousand times a second.
fn publishing(changes: &Mutex<Changes<'_>>, stop: &AtomicBool) {
    let flows = round_robin(2 * FLOWS, ALLOWED, LEN);
    let frames: Vec<Vec<u8>> = flows.iter().step_by(37).map(|flow| frame_of(flow, LEN)).collect();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_micros(700));
        let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.publish();
        for frame in &frames {
            changes.look(read_ethernet(frame).headers());
        }
    }
}

/// Fills the idle policy when no frame can be judged by it any more, and puts it into force.
fn swapping(changes: &Mutex<Changes<'_>>, stop: &AtomicBool) -> Result<(), Failure> {
    while !stop.load(Ordering::Relaxed) {
        // Waits until every processor was outside of the program: one RCU grace period since the last swap.
        membarrier(MembarrierCommand::Global)?;
        changes.lock().unwrap_or_else(PoisonError::into_inner).swap()?;
        // Back to the policy before, and on to the new one again: what neither fills needs not wait.
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(1));
            changes.lock().unwrap_or_else(PoisonError::into_inner).turn();
        }
    }
    Ok(())
}

impl<'s> Changes<'s> {
    fn begin(state: &'s State) -> Result<Changes<'s>, Failure> {
        for _ in 0..2 {
            let Policy { tables, .. } = state.idle();
            for pair in 0..=u16::MAX {
                let [from, to] = pair.to_be_bytes();
                tables.set_pair(SegmentId::new(from), SegmentId::new(to), 0)?;
            }
            for class in 0..=u8::MAX {
                tables.set_cell(0, ServiceClass(class), cell(MIXTURE))?;
                tables.set_cell(1, ServiceClass(class), cell(MIXTURE))?;
            }
            state.swap();
        }
        let (swaps, publications, looked, wrong) = (0, 0, 0, 0);
        Ok(Changes {
            state,
            policies: HashMap::new(),
            held: [0; 2],
            number: 0,
            swaps,
            publications,
            looked,
            wrong,
        })
    }

    fn publish(&mut self) {
        self.state.publish();
        self.publications += 1;
        self.note();
    }

    fn swap(&mut self) -> Result<(), Failure> {
        let Policy { tables, identities } = self.state.idle();
        let odd = self.state.generation() & 1 == 0;
        let held = if odd { &mut self.held[1] } else { &mut self.held[0] };
        let (from, to, class) = parts(*held);
        tables.set_pair(from, to, 0)?;
        tables.set_cell(1, class, cell(MIXTURE))?;
        self.number = self.number % 1000 + 1;
        *held = self.number;
        let (from, to, class) = parts(self.number);
        let (Some(client), Some(server)) = (from, to) else { return Err("no segments".into()) };
        identities.place_prefix(Ip::v4([10, 0, 0, 0]), 8, client)?;
        identities.place_prefix(Ip::v4([172, 16, 0, 0]), 12, server)?;
        tables.set_udp_class(ALLOWED, class);
        tables.set_pair(from, to, 1)?;
        tables.set_cell(1, class, cell(self.number))?;
        self.state.swap();
        self.swaps += 1;
        self.note();
        Ok(())
    }

    /// Swaps to the policy that the idle buffer already holds.
    fn turn(&mut self) {
        self.state.swap();
        self.swaps += 1;
        self.note();
    }

    fn note(&mut self) {
        let generation = u16::try_from(self.state.generation() & 0xffff).unwrap_or(0);
        let [even, odd] = self.held;
        self.policies.insert(generation, if generation & 1 == 0 { even } else { odd });
    }

    /// Compares a cached verdict with the policy of its generation.
    fn look(&mut self, headers: &abi::headers::Headers) {
        let Some(flow) = self.state.flow(headers) else { return };
        if let Some(number) = self.policies.get(&flow.generation) {
            self.looked += 1;
            let rule = flow.verdict.rule;
            self.wrong += u64::from(rule != RuleId::new(*number));
        }
    }
}

fn cell(rule: u16) -> Cell {
    let action = if rule.is_multiple_of(2) { Action::Allow } else { Action::Deny };
    Cell { rule: RuleId::new(rule), action, mode: Carried::Enforce }
}

/// The segments and the class of a policy.
fn parts(number: u16) -> (Option<SegmentId>, Option<SegmentId>, ServiceClass) {
    let [_, part] = (number % 100).to_be_bytes();
    (SegmentId::new(1 + part), SegmentId::new(101 + part), ServiceClass(1 + part))
}
