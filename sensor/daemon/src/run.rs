//! `wardline run`: live traffic, judged in the kernel; this process installs policies, passes on the link state, and
//! counts.
//!
//! The program does not need it: what is attached is pinned, and goes on under the last policy when the process dies.

mod carrier;
pub(crate) mod control;
mod live;
mod orders;
pub(crate) mod quarantine;
mod report;
mod tally;

use crate::check;
use crate::command::{Ending, Quiet, Run, Stand, Status};
use crate::exit::{Exit, Failure};
use crate::fastpath::attach::{Adopted, Attachment, Port, remove};
use crate::fastpath::interface::{self, Interface, Link, Reception, Watch};
use crate::fastpath::pins::{Changed, Pins, PortNote, Way};
use crate::fastpath::{Clock, Fastpath, Mode, Setup};
use crate::interrupt::Interrupt;
use abi::address::Timestamp;
use abi::event::Record;
use abi::judge::Event;
use anyhow::anyhow;
use carrier::{Order, Side, Wire};
use control::Control;
use live::Live;
use policies::Compiled;
use quarantine::Quarantines;
use report::Report;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};
use signal_hook::consts::SIGHUP;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tally::Tally;

/// Entries of the flow table: enough for 32,768 flows at a time.
const FLOW_SLOTS: usize = 131_072;
/// How often the ring of records is emptied: at a million new flows a second it would hold 15 ms of them, but its budget
/// lets only as many in as fit.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// Records taken at once, so that nothing else waits for a flood of them.
const RECORDS: usize = 16_384;
/// How long the sensor counts as attended after each look: longer than to compile any policy, shorter than people wait.
/// After it segments open, close or stay as they are, as the policy says of each.
const ATTENTION: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// Runs until a signal comes.
///
/// # Errors
/// The policy is invalid, an interface cannot be used, or it is not permitted.
pub(crate) fn run(request: &Run) -> Result<Exit, Failure> {
    if !Fastpath::is_built() {
        return Err(Failure::usage(anyhow!("{ABSENT}")));
    }
    let policy = check::load(&request.policy)?;
    permitted()?;
    let ports = ports(&request.stand)?;
    let signals = Signals::watch().map_err(Failure::usage)?;
    let mut sensor = Sensor::start(request, policy, &ports)?;
    sensor.introduce(request);
    let watched = sensor.watch(request, &signals);
    // First the engine, so that its figures are whole; the judge goes on meanwhile.
    let wrote = sensor.end_live();
    let report = sensor.report();
    let ended = sensor.end(request.ending);
    watched?;
    ended?;
    report.print(request.form)?;
    wrote?;
    Ok(Exit::Ok)
}

/// Why there is no fast path in this binary, and what to do.
pub(crate) const ABSENT: &str = "this binary was built without the kernel program: run `make setup`, which installs the toolchain for it, \
     and build again (`cargo build --release`)";

/// Takes away what an earlier run left.
///
/// # Errors
/// It is not permitted, or another process works with it.
pub(crate) fn detach(pin: &Path) -> Result<Exit, Failure> {
    permitted()?;
    if !pin.exists() {
        let text =
            format!("{}: nothing is there (`bpftool net` shows what is attached where)", pin.display());
        return Err(Failure::usage(anyhow!(text)));
    }
    let pins = Pins::claim(pin).map_err(refused)?;
    undo(&remove(&pins).map_err(refused)?);
    Ok(Exit::Ok)
}

/// Loading and attaching need two capabilities (capabilities(7)), or all of them.
fn permitted() -> Result<(), Failure> {
    match crate::doctor::missing_capability() {
        None => Ok(()),
        Some(name) => {
            let cause =
                anyhow!("not permitted: {name} is missing (run as root, or with CAP_BPF and CAP_NET_ADMIN)");
            Err(Failure { exit: Exit::NotPermitted, cause })
        }
    }
}

/// The ports, or everything that keeps any of them from being one.
fn ports(stand: &Stand) -> Result<Vec<Port>, Failure> {
    let names = match stand {
        Stand::Span(names) | Stand::Routed(names) => names.as_slice(),
        Stand::Inline(names) => names,
    };
    let (mut ports, mut wrong) = (Vec::new(), Vec::new());
    for name in names {
        match Port::named(name) {
            Ok(port) => ports.push(port),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { Ok(ports) } else { Err(Failure::usage(anyhow!(wrong.join("\n")))) }
}

/// The exit code of a refusal.
fn refused(error: impl Into<anyhow::Error>) -> Failure {
    let cause = error.into();
    let io = cause.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    let forbidden = io.map(std::io::Error::kind).any(|kind| kind == std::io::ErrorKind::PermissionDenied);
    Failure { exit: if forbidden { Exit::NotPermitted } else { Exit::Usage }, cause }
}

/// Nanoseconds of the clock by which the program judges (`bpf_ktime_get_ns`).
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::try_from(now).unwrap_or_default()
}

/// The signals of a run.
struct Signals {
    interrupt: Interrupt,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn watch() -> std::io::Result<Signals> {
        let reload = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, Arc::clone(&reload))?;
        Ok(Signals { interrupt: Interrupt::watch()?, reload })
    }
}

/// Records that were taken out of the ring.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    new_flows: u64,
    denied: u64,
    moved: u64,
    others: u64,
}

/// A sensor at work.
struct Sensor {
    fastpath: Fastpath,
    pins: Pins,
    ports: Vec<Attachment>,
    policy: Compiled,
    tally: Tally,
    told: Told,
    is_span: bool,
    /// In mode `inline`.
    wire: Option<(Watch, Wire)>,
    /// Where rows are written.
    live: Option<Live>,
    /// What it had counted when it ended.
    figures: Option<live::Figures>,
    quarantines: Quarantines,
    /// Where other commands ask; none while one is answered.
    control: Option<Control>,
    /// When this run began, by the monotonic clock.
    begun: Duration,
}

impl Sensor {
    fn start(request: &Run, policy: Compiled, ports: &[Port]) -> Result<Sensor, Failure> {
        let pins = Pins::claim(&request.pin).map_err(refused)?;
        let unusable = |error| Failure::writing(&request.state.display().to_string(), error);
        let control = Control::listen(&request.state).map_err(unusable)?;
        let quarantines = quarantines(&request.state);
        let mode = match (&request.stand, ports) {
            (Stand::Span(_), _) => Mode::Span,
            (Stand::Inline(_), [first, second]) => {
                Mode::Inline([first.interface().index, second.interface().index])
            }
            (Stand::Routed(_) | Stand::Inline(_), _) => Mode::Routed,
        };
        let seed = RandomState::new().hash_one(request.pin.as_path());
        let setup = Setup { mode, clock: Clock::Kernel, seed, flow_slots: FLOW_SLOTS };
        let mut fastpath = Fastpath::load_pinned(&setup, &pins).map_err(refused)?;
        // What an earlier process counted is nobody's now: rules may have other numbers.
        let tally = Tally::begin(fastpath.state());
        // Before the first frame comes.
        install(&mut fastpath, &policy)?;
        let ports = fastpath.attach(ports, Some(&pins)).map_err(refused)?;
        let lowered = ports.iter().map(|port| port.note.lowered == Changed::Yes);
        let wire = match (mode, lowered.collect::<Vec<_>>().as_slice()) {
            (Mode::Inline(_), &[first, second]) => {
                Some((Watch::begin().map_err(refused)?, Wire::new([first, second])))
            }
            (Mode::Inline(_) | Mode::Span | Mode::Routed, _) => None,
        };
        let mut sensor = Sensor {
            fastpath,
            pins,
            ports,
            policy,
            tally,
            told: Told::default(),
            is_span: mode == Mode::Span,
            wire,
            live: None,
            figures: None,
            quarantines,
            control: Some(control),
            begun: monotonic(),
        };
        if mode != Mode::Routed {
            sensor.open_ears()?;
        }
        // A sensor before may have had frames copied.
        sensor.fastpath.state().set_tap_frames(0);
        if let Some(output) = &request.output {
            sensor.live = Some(Live::start(request, output, &mut sensor.fastpath, &sensor.ports)?);
        }
        sensor.take_quarantines_over(request);
        Ok(sensor)
    }

    /// Has every port take every frame. The kernel keeps that when this process dies, as the program needs it still.
    fn open_ears(&mut self) -> Result<(), Failure> {
        for port in &mut self.ports {
            let interface = port.port.interface();
            if interface.reception() == Reception::Own {
                interface.receive(Reception::Promiscuous).map_err(refused)?;
                port.note.reception = Changed::Yes;
            }
        }
        self.write_down()
    }

    fn write_down(&self) -> Result<(), Failure> {
        let notes = self.ports.iter().map(|port| port.note).collect();
        self.fastpath.note(notes, &self.pins).map_err(refused)
    }

    /// Says what is at work now.
    fn introduce(&self, request: &Run) {
        if request.quiet == Quiet::Yes {
            return;
        }
        for port in &self.ports {
            let name = &port.port.interface().name;
            if port.adopted == Adopted::Yes {
                crate::say("note", &format!("{name}: took over from the sensor before, without a gap"));
            }
            if let (Way::Generic, Some(why)) = (port.note.way, &port.why) {
                let cost = "generic mode costs about twice as much a frame";
                crate::say("warning", &format!("{name}: generic mode, not native: {why}; {cost}"));
            }
        }
        match request.stand {
            Stand::Span(_) => crate::say("note", "span: verdicts are only counted, nothing is ever dropped"),
            Stand::Inline(_) => {
                crate::say("note", "inline: what the policy denies in mode enforce is dropped");
            }
            Stand::Routed(_) => {
                crate::say(
                    "note",
                    "routed: what the policy denies in mode enforce is dropped; the rest goes on to the kernel",
                );
            }
        }
        crate::say("note", &format!("at work: {}", report::policy_line(&self.policy)));
    }

    fn watch(&mut self, request: &Run, signals: &Signals) -> Result<(), Failure> {
        let mut next_second = monotonic().saturating_add(SECOND);
        while !signals.interrupt.came() {
            self.attend();
            self.wait();
            self.take_records();
            self.pass_on_link_state()?;
            self.answer(request);
            if signals.reload.swap(false, Ordering::Relaxed) {
                self.reload(request)?;
            }
            let now = monotonic();
            if now >= next_second {
                next_second = now.saturating_add(SECOND);
                self.end_quarantines();
                if request.status == Status::Told {
                    crate::say("status", &self.report().line());
                }
            }
        }
        Ok(())
    }

    /// Says that somebody is here, and for how long that holds.
    fn attend(&self) {
        let until = monotonic().saturating_add(ATTENTION);
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.fastpath.state().set_deadline(Some(Timestamp(until)));
    }

    fn wait(&self) {
        let news = self.wire.iter().map(|(watch, _)| PollFd::new(watch, PollFlags::IN));
        let asked = self.control.iter().map(|control| PollFd::new(control, PollFlags::IN));
        let mut waiting: Vec<PollFd<'_>> = news.chain(asked).collect();
        // A signal ends the waiting, which is as good.
        match poll(&mut waiting, Some(&PAUSE)) {
            Ok(_) | Err(_) => {}
        }
    }

    fn take_records(&mut self) {
        for _ in 0..RECORDS {
            let Some(record) = self.fastpath.event() else { break };
            if let Some(live) = &mut self.live {
                live.record(&record);
            }
            let counter = match Record::event(&record) {
                Some(Event::NewFlow) => &mut self.told.new_flows,
                Some(Event::Denied) => &mut self.told.denied,
                Some(Event::MacMoved { .. }) => &mut self.told.moved,
                None => &mut self.told.others,
            };
            *counter = counter.saturating_add(1);
        }
        if let Some(live) = &mut self.live {
            live.send();
        }
    }

    /// Ends the engine's work and writes what is left of it.
    fn end_live(&mut self) -> Result<(), Failure> {
        self.take_records();
        let Some(live) = self.live.take() else { return Ok(()) };
        let (figures, ended) = live.end(|| self.attend());
        self.figures = Some(figures);
        ended
    }

    fn figures(&self) -> Option<live::Figures> {
        self.live.as_ref().map(Live::figures).or(self.figures)
    }

    fn pass_on_link_state(&mut self) -> Result<(), Failure> {
        let Some((watch, wire)) = &mut self.wire else { return Ok(()) };
        // Also without news: the time of settling may be over.
        watch.has_news();
        let [first, second] = self.ports.as_slice() else { return Ok(()) };
        let indices = [first.note.index, second.note.index];
        // A port that is gone has no carrier.
        let links = indices.map(|index| {
            Interface::numbered(index).ok().flatten().map_or(Link::NoCarrier, |interface| interface.link())
        });
        let Some(order) = wire.step(links, monotonic()) else { return Ok(()) };
        let [first, second] = indices;
        let done = match order {
            Order::Raise(Side::First) => interface::raise(first),
            Order::Raise(Side::Second) => interface::raise(second),
            Order::Lower(Side::First) => interface::lower(first),
            Order::Lower(Side::Second) => interface::lower(second),
        };
        if let Err(error) = done {
            crate::say("warning", &format!("the link state cannot be passed on: {error}"));
        }
        for (port, lowered) in self.ports.iter_mut().zip(wire.lowered()) {
            port.note.lowered = if lowered { Changed::Yes } else { Changed::No };
        }
        let names = self.ports.iter().map(|port| port.port.interface().name.as_str()).collect::<Vec<_>>();
        crate::say("note", &link_note(&names, order));
        self.write_down()
    }

    /// Reads the policy again. An invalid one changes nothing and is told.
    fn reload(&mut self, request: &Run) -> Result<(), Failure> {
        match check::load(&request.policy) {
            Ok(policy) => {
                install(&mut self.fastpath, &policy)?;
                if let Some(live) = &self.live {
                    // A policy is not copied; this one was valid a moment ago.
                    match check::load(&request.policy) {
                        Ok(policy) => live.replace_policy(policy),
                        Err(failure) => crate::complain(&failure),
                    }
                }
                self.tally.turn(self.fastpath.state(), &self.policy);
                self.policy = policy;
                crate::say("note", &format!("policy replaced: {}", report::policy_line(&self.policy)));
            }
            Err(failure) => {
                crate::complain(&failure);
                let kept = report::policy_line(&self.policy);
                crate::say("warning", &format!("the policy was NOT replaced; in force stays {kept}"));
            }
        }
        Ok(())
    }

    fn report(&mut self) -> Report {
        self.take_records();
        let rules = self.tally.so_far(self.fastpath.state(), &self.policy);
        let ports =
            self.ports.iter().map(|port| (port.port.interface().name.clone(), port.note.way)).collect();
        // The counters say what the policy wants; a mirror port carries nothing out.
        let word = if self.is_span { "would_be_dropped" } else { "dropped" };
        let report = Report::of(self.fastpath.state(), &self.policy, rules, ports, (self.told, word));
        report.with(self.figures())
    }

    /// Ends the work of the program, or only this process's part in it.
    fn end(self, ending: Ending) -> Result<(), Failure> {
        match ending {
            Ending::Stay => {
                // It was meant so: no segment opens or closes for that.
                self.fastpath.state().set_deadline(None);
                Ok(())
            }
            Ending::Detach => {
                let notes: Vec<PortNote> = self.ports.iter().map(|port| port.note).collect();
                self.fastpath.detach(&self.pins).map_err(refused)?;
                undo(&notes);
                Ok(())
            }
        }
    }
}

/// Who is in quarantine still.
fn quarantines(folder: &Path) -> Quarantines {
    let file = folder.join("quarantine.json");
    let (quarantines, wrong) = Quarantines::read(&file);
    if let Some(wrong) = wrong {
        let text = format!("{}: {wrong}: who was in quarantine is not known any more", file.display());
        crate::say("warning", &text);
    }
    quarantines
}

fn install(fastpath: &mut Fastpath, policy: &Compiled) -> Result<(), Failure> {
    let idle = fastpath.idle().map_err(refused)?;
    idle.install(policy).map(|_| ()).map_err(Failure::invalid)
}

fn link_note(names: &[&str], order: Order) -> String {
    let (side, what, cause) = match order {
        Order::Raise(side) => (side, "set up again", "has its carrier back"),
        Order::Lower(side) => (side, "set down", "has no carrier"),
    };
    let (this, other) = match (side, names) {
        (Side::First, [first, second]) => (*first, *second),
        (Side::Second, [first, second]) => (*second, *first),
        (Side::First | Side::Second, _) => ("", ""),
    };
    format!("{this} {what}: {other} {cause}")
}

/// Puts interfaces back as they were found.
fn undo(notes: &[PortNote]) {
    for note in notes {
        let Ok(Some(interface)) = Interface::numbered(note.index) else { continue };
        let mut done = Ok(());
        if note.reception == Changed::Yes {
            done = interface.receive(Reception::Own);
        }
        if note.lowered == Changed::Yes {
            done = done.and_then(|()| interface::raise(note.index));
        }
        if let Err(error) = done {
            crate::say("warning", &format!("{}: cannot be put back as it was: {error}", interface.name));
        }
    }
}
