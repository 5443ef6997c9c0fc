//! Live frames into the engine, beside the judge and never in its way.
//!
//! ```text
//! ring of copied frames ─ thread ─┐
//! AF_PACKET, a thread each ───────┼─▶ bounded queue of batches ─▶ thread: engine ─▶ folder
//! heads of denied frames ─────────┘                                 └─▶ which flows are copied on
//! ```
//!
//! What finds no room is counted where it is lost, and never waited for.

mod counts;
mod listen;
mod machine;
mod queue;

use super::{monotonic, refused};
use crate::command::{Output, Run, Stand};
use crate::exit::Failure;
use crate::fastpath::Fastpath;
use crate::fastpath::attach::Attachment;
use crate::{check, replay, sink};
use abi::address::{DeviceKey, Timestamp};
use abi::event::Record;
use abi::judge::{Event, Fate};
use anyhow::anyhow;
use machine::{Begin, Machine, Order, Shown};
use policies::Compiled;
use queue::{Feeder, Losses};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use wire::frame::LinkType;

/// Batches that wait for the engine: with frames of usual length a second of a saturated gigabit link, at most 64 MiB.
const BATCHES: usize = 256;
/// Orders that wait for the engine.
const ORDERS: usize = 64;
/// How long the engine may take to say which addresses a device has.
const ANSWER: Duration = Duration::from_millis(500);
/// Frames of each direction of a flow that are copied while the engine says nothing. It has as many milliseconds to say
/// what it wants as a fast flow takes for these.
const FIRST_FRAMES: u32 = 4096;

/// The wall clock of a run. Frames carry the monotonic clock, which nobody sets; the distance of the two is measured once,
/// so that times of one run never go backwards. What sets the wall clock meanwhile is not followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    distance: u64,
}

impl WallClock {
    /// Measures the distance: of several looks the one at which the monotonic clock went on least meanwhile.
    pub(super) fn set() -> WallClock {
        let looks = (0..8).map(|_| {
            let before = monotonic();
            let wall = Duration::try_from(clock_gettime(ClockId::Realtime)).unwrap_or_default();
            let took = monotonic().saturating_sub(before);
            (took, wall.saturating_sub(before.saturating_add(took / 2)))
        });
        let (_, distance) = looks.min().unwrap_or_default();
        WallClock { distance: nanoseconds(distance) }
    }

    /// The time of the wall clock at a time of the monotonic clock.
    pub(super) const fn at(self, monotonic: Timestamp) -> Timestamp {
        Timestamp(monotonic.0.saturating_add(self.distance))
    }

    /// What it says now.
    pub(super) fn now(self) -> Timestamp {
        self.at(Timestamp(nanoseconds(monotonic())))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Frames on their way to the engine, and those that did not get there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// Frames that the engine has seen.
    pub(super) seen: u64,
    /// Found no room in the ring of copied frames.
    pub(super) ring: u64,
    /// Found no room in the kernel's buffer of `AF_PACKET`, or in the card.
    pub(super) capture: u64,
    /// Found no room in the queue to the engine.
    pub(super) queue: u64,
    /// Incidents so far.
    pub(super) incidents: u64,
}

impl Figures {
    /// Frames that the engine did not see for want of room.
    pub(super) const fn lost(&self) -> u64 {
        self.ring.saturating_add(self.capture).saturating_add(self.queue)
    }
}

/// What listens and what thinks.
pub(super) struct Live {
    clock: WallClock,
    losses: Arc<Losses>,
    ends: Arc<AtomicBool>,
    /// For the heads of frames that were dropped; none on mirror ports, where all frames come by `AF_PACKET`.
    denied: Option<Feeder>,
    orders: SyncSender<Order>,
    listeners: Vec<JoinHandle<()>>,
    engine: JoinHandle<Result<(), Failure>>,
}

impl Live {
    /// Begins to write a folder. The policy is read once more, as the engine judges by one of its own.
    pub(super) fn start(
        request: &Run,
        output: &Output,
        fastpath: &mut Fastpath,
        ports: &[Attachment],
    ) -> Result<Live, Failure> {
        let baseline = output.baseline.as_deref().map(replay::load_baseline).transpose()?;
        let policy = check::load(&request.policy)?;
        let folder = sink::Folder::create(&output.dir)?;
        let memory = fastpath.memory();
        let (losses, ends) =
            (Arc::new(Losses::begin(Some(Arc::clone(&memory)))), Arc::new(AtomicBool::new(false)));
        let (batches, frames) = sync_channel(BATCHES);
        let (orders, ordered) = sync_channel(ORDERS);
        let clock = WallClock::set();
        let shown = match request.stand {
            Stand::Span(_) => Shown::All,
            Stand::Inline(_) | Stand::Routed(_) => Shown::Chosen,
        };
        let machine = Machine::new(Begin {
            folder,
            policy,
            baseline,
            memory: Arc::clone(&memory),
            clock,
            losses: Arc::clone(&losses),
            shown,
            quiet: request.quiet,
        });
        let engine = spawn("engine", move || machine.run(&frames, &ordered))?;
        let feeder = || Feeder::new(batches.clone(), Arc::clone(&losses));
        let mut listeners = Vec::new();
        let denied = match request.stand {
            Stand::Span(_) => {
                memory.set_tap_frames(0);
                let mut lanes = Vec::new();
                for port in ports {
                    let name = &port.port.interface().name;
                    let capture = listen::open(name);
                    let refused = |error| Failure::usage(anyhow!("{name}: frames cannot be taken: {error}"));
                    lanes.push(listen::Lane::of(capture.map_err(refused)?));
                }
                let (feeder, ends) = (feeder(), Arc::clone(&ends));
                listeners.push(spawn("capture", move || listen::captures(lanes, feeder, &ends))?);
                None
            }
            Stand::Inline(_) | Stand::Routed(_) => {
                if let Some(taps) = fastpath.take_taps() {
                    let (feeder, ends) = (feeder(), Arc::clone(&ends));
                    listeners.push(spawn("taps", move || listen::taps(taps, feeder, clock, &ends))?);
                }
                memory.set_tap_frames(FIRST_FRAMES);
                Some(feeder())
            }
        };
        Ok(Live { clock, losses, ends, denied, orders, listeners, engine })
    }

    /// Shows the engine the beginning of a frame that was dropped: whoever tries what is denied is to be seen too.
    pub(super) fn record(&mut self, record: &Record) {
        let is_dropped = record.event() == Some(Event::Denied) && record.verdict().fate() == Fate::Drop;
        if let Some(feeder) = self.denied.as_mut().filter(|_| is_dropped) {
            let sighted = record.sighted();
            let at = self.clock.at(sighted.at);
            feeder.take((at, LinkType::Ethernet), record.head(), sighted.frame_len);
        }
    }

    /// Sends what was shown.
    pub(super) fn send(&mut self) {
        if let Some(feeder) = &mut self.denied {
            feeder.send();
        }
    }

    /// Has the engine judge by another policy.
    pub(super) fn replace_policy(&self, policy: Compiled) {
        self.order(Order::Policy(Box::new(policy)));
    }

    /// All addresses of a device that the inventory knows; the one that was given alone, where the engine is slow to answer.
    pub(super) fn addresses_of(&self, device: DeviceKey) -> Vec<DeviceKey> {
        let (to, from) = sync_channel(1);
        self.order(Order::Find(device, to));
        from.recv_timeout(ANSWER).unwrap_or_else(|_| vec![device])
    }

    /// Cuts addresses off in the engine's judge too, and lets others out.
    pub(super) fn quarantine(&self, out: Vec<DeviceKey>, into: Vec<DeviceKey>) {
        self.order(Order::Quarantine { out, into });
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            crate::say("warning", "the engine does not take orders: what it writes is behind");
        }
    }

    /// Frames so far.
    pub(super) fn figures(&self) -> Figures {
        self.losses.figures()
    }

    /// Ends listening, has the engine end its work, and waits for that; meanwhile somebody may attend to other things.
    pub(super) fn end(self, attend: impl Fn()) -> (Figures, Result<(), Failure>) {
        let Live { ends, denied, orders, listeners, engine, losses, clock: _ } = self;
        losses.stop_copies();
        ends.store(true, Ordering::Relaxed);
        drop(denied);
        for listener in listeners {
            // What it says when it fails has been said.
            drop(listener.join());
        }
        drop(orders);
        while !engine.is_finished() {
            attend();
            std::thread::sleep(Duration::from_millis(5));
        }
        let broken = || Failure::usage(anyhow!("the engine broke off; what it had written stays"));
        let ended = engine.join().unwrap_or_else(|_| Err(broken()));
        (losses.figures(), ended)
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    Builder::new().name(name.to_owned()).spawn(work).map_err(refused)
}
