//! The kernel half: loads the program, puts it to work, and shares its memory. The only door to aya.
//!
//! ```text
//! ebpf/xdp ── build.rs ─▶ object, part of this binary ── aya ─▶ kernel: `wardline` and its steps
//!                                                              │
//!                        Memory ◀── mmap ── STATE ─────────────┘   verdicts, counters, flows; policies are written here
//!                        Record ◀── ring ── EVENTS                 first frames of flows, denials, moves
//!                        Taps   ◀── ring ── TAPS                   whole frames of flows that userspace looks at
//! ```

pub mod attach;
mod grace;
pub mod interface;
mod memory;
mod netlink;
mod object;
pub mod pins;

use abi::event::{Record, TappedFrame};
use abi::state::State;
use abi::table::Full;
use aya::maps::{Array, DevMap, MapData, ProgramArray, RingBuf};
use aya::programs::links::FdLink;
use aya::programs::{ProgramError, TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfError, EbpfLoader};
use pins::{Found, PinError, Pins};
use policies::Compiled;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

pub use memory::Memory;

/// What the sensor does with frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Looks at copies: nothing is ever dropped, everything goes on to the kernel.
    Span,
    /// Stands in the wire: frames go from one of two interfaces, by their indices, to the other.
    Inline([u32; 2]),
    /// Stands on the ports of a router or bridge: what passes goes on to the kernel.
    Routed,
}

/// Where the program takes the time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The kernel's monotonic clock.
    Kernel,
    /// [`Fastpath::set_time`]: for tests, which want to know what time it was.
    Given,
}

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// What is done with frames.
    pub mode: Mode,
    /// Where the time comes from.
    pub clock: Clock,
    /// Enters every hash of a flow: a random number on a live network.
    pub seed: u64,
    /// Entries of the flow table that are used, one for each direction: four times as many as flows at a time, and no
    /// more, is fastest ([`State::limit_flow_slots`]).
    pub flow_slots: usize,
}

/// What the program did with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Something went wrong within the program.
    Aborted,
    /// The frame ended here.
    Drop,
    /// On to the kernel.
    Pass,
    /// Back where it came from; the program never says so.
    Transmit,
    /// On to the other port.
    Redirect,
    /// None of the actions that XDP has.
    Other(u32),
}

/// A run of the program over one frame.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// What it did.
    pub action: Action,
    /// Time a frame, as the kernel measured it: whole nanoseconds, and the mean over all repetitions.
    pub duration: Duration,
}

/// Why there is no fast path.
#[derive(Debug, thiserror::Error)]
pub enum FastpathError {
    /// This binary was built without the toolchain for the kernel's machine.
    #[error("this binary was built without the kernel program")]
    Absent,
    /// The object holds no map or program of a name; it is of another version.
    #[error("the kernel program has no `{0}`")]
    Missing(&'static str),
    /// The kernel did not take the object or a map.
    #[error("the kernel refuses the program")]
    Load(#[from] EbpfError),
    /// The kernel did not take a program, or could not run it.
    #[error("the kernel refuses `{name}`")]
    Program {
        /// Which one.
        name: &'static str,
        /// What it said.
        source: ProgramError,
    },
    /// A map could not be written.
    #[error("a map of the kernel program cannot be used")]
    Map(#[from] aya::maps::MapError),
    /// The two ports cannot be used for redirection.
    #[error("the ports cannot be used for redirection")]
    Ports(#[from] aya::maps::xdp::XdpMapError),
    /// The memory of the program could not be shared.
    #[error("the memory of the kernel program cannot be mapped")]
    Memory(#[from] io::Error),
    /// What shall outlast this process cannot be kept.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Nobody can say when the frames have ended that began before.
    #[error("the kernel does not tell when frames have ended: membarrier(2) and sched_setaffinity(2) failed")]
    Grace(#[source] io::Error),
}

/// The policy that no frame is judged by, and that no frame reads any more. Only [`Fastpath::idle`] makes one, after it has
/// waited.
#[must_use = "a policy is to be installed here"]
pub struct Idle<'f>(&'f mut Fastpath);

/// Frames are judged by this policy from now on. Only [`Idle::install`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    generation: u64,
}

impl Installed {
    /// The number of the policy.
    pub const fn generation(self) -> u64 {
        self.generation
    }
}

impl Idle<'_> {
    /// Fills it and puts it in force with one store: every frame is judged by the one policy or the other.
    ///
    /// # Errors
    /// A table is full; what fits is in force. What was compiled fits.
    pub fn install(self, policy: &Compiled) -> Result<Installed, Full> {
        policy.install(&self.0.memory)?;
        Ok(Installed { generation: self.0.memory.generation() })
    }
}

/// The loaded program. It goes when this value goes, unless it is pinned or attached elsewhere.
pub struct Fastpath {
    /// By the numbers of the interfaces. First, so that nothing is attached any more when the rest goes.
    links: Vec<(u32, FdLink)>,
    mode: Mode,
    ebpf: Ebpf,
    memory: Arc<Memory>,
    events: RingBuf<MapData>,
    /// Until somebody takes it.
    taps: Option<Taps>,
    /// Kept, because the kernel empties the array when nobody holds it.
    _programs: ProgramArray<MapData>,
}

/// The ring of copied frames.
pub struct Taps(RingBuf<MapData>);

impl Taps {
    /// Shows the next copied frame to somebody and takes it, if there is one.
    pub fn take<T>(&mut self, look: impl FnOnce(TappedFrame<'_>) -> T) -> Option<T> {
        self.0.next().and_then(|bytes| TappedFrame::read(&bytes).map(look))
    }
}

const HOT: &str = "wardline";
/// The programs that `wardline` leaves a frame to, in the order of their places.
const STEPS: [&str; 6] =
    ["wardline_read", "wardline_place", "wardline_decide", "wardline_keep", "wardline_hold", "wardline_tap"];

impl Fastpath {
    /// Whether this binary has the program in it.
    pub const fn is_built() -> bool {
        object::OBJECT.is_some()
    }

    /// Loads the program, with an empty state whose generation is the first.
    ///
    /// # Errors
    /// [`FastpathError`]; root (or `CAP_BPF` and `CAP_NET_ADMIN`) and Linux 6.1 are needed.
    pub fn load(setup: &Setup) -> Result<Fastpath, FastpathError> {
        Fastpath::load_with(setup, None)
    }

    /// Loads the program so that it can outlast this process. Memory of the same layout that an earlier process left is
    /// taken over with its flows, counters and seed; memory of another layout is left to the program that works with it.
    ///
    /// # Errors
    /// As [`Fastpath::load`], and what cannot be pinned.
    pub fn load_pinned(setup: &Setup, pins: &Pins) -> Result<Fastpath, FastpathError> {
        Fastpath::load_with(setup, Some(pins))
    }

    fn load_with(setup: &Setup, pins: Option<&Pins>) -> Result<Fastpath, FastpathError> {
        let object = object::OBJECT.ok_or(FastpathError::Absent)?;
        let found = pins.map_or(Ok(Found::Nothing), |pins| pins.prepare(object::LAYOUT))?;
        let (mode, port) = match setup.mode {
            Mode::Span => (0_u32, 0),
            Mode::Inline([first, _]) => (1, first),
            Mode::Routed => (2, 0),
        };
        let clock: u32 = match setup.clock {
            Clock::Kernel => 0,
            Clock::Given => 1,
        };
        let mut loader = EbpfLoader::new();
        loader
            .override_global("MODE", &mode, true)
            .override_global("PORT", &port, true)
            .override_global("CLOCK", &clock, true);
        if let Some(pins) = pins {
            for name in pins::SHARED {
                loader.map_pin_path(name, pins.map(name));
            }
        }
        let mut ebpf = loader.load(object)?;
        let memory = Arc::new(Memory::map(map_of(&ebpf, "STATE")?)?);
        match found {
            Found::Memory => {}
            Found::Nothing => {
                memory.set_seed(setup.seed);
                memory.limit_flow_slots(setup.flow_slots);
                memory.publish();
            }
        }
        if let Some(pins) = pins {
            pins.keep_programs(ebpf.map("PROGRAMS").ok_or(FastpathError::Missing("PROGRAMS"))?)?;
        }
        if let Mode::Inline(ports) = setup.mode {
            let map = ebpf.map_mut("PORTS").ok_or(FastpathError::Missing("PORTS"))?;
            let mut devices = DevMap::try_from(map)?;
            for (at, port) in (0..).zip(ports) {
                devices.set(at, port, None, 0)?;
            }
        }
        xdp(&mut ebpf, HOT)?.load().map_err(refused(HOT))?;
        let mut programs =
            ProgramArray::try_from(ebpf.take_map("PROGRAMS").ok_or(FastpathError::Missing("PROGRAMS"))?)?;
        for (place, name) in (0..).zip(STEPS) {
            let step = xdp(&mut ebpf, name)?;
            step.load().map_err(refused(name))?;
            programs.set(place, step.fd().map_err(refused(name))?, 0)?;
        }
        let events = RingBuf::try_from(ebpf.take_map("EVENTS").ok_or(FastpathError::Missing("EVENTS"))?)?;
        let taps = RingBuf::try_from(ebpf.take_map("TAPS").ok_or(FastpathError::Missing("TAPS"))?)?;
        let taps = Some(Taps(taps));
        Ok(Fastpath { links: Vec::new(), mode: setup.mode, ebpf, memory, events, taps, _programs: programs })
    }

    /// Waits until no frame reads the policy any more that was in force before the present one, and gives it to be filled.
    ///
    /// # Errors
    /// [`FastpathError::Grace`].
    pub fn idle(&mut self) -> Result<Idle<'_>, FastpathError> {
        grace::wait().map_err(FastpathError::Grace)?;
        Ok(Idle(self))
    }

    /// What the program remembers. Policies are installed by [`Fastpath::idle`] where frames come meanwhile.
    pub fn state(&self) -> &State {
        &self.memory
    }

    /// Sets the time of a program that was loaded with [`Clock::Given`].
    pub fn set_time(&mut self, nanoseconds: u64) -> Result<(), FastpathError> {
        let map = self.ebpf.map_mut("GIVEN").ok_or(FastpathError::Missing("GIVEN"))?;
        Ok(Array::try_from(map)?.set(0, nanoseconds, 0)?)
    }

    /// Runs the program over a frame (at least 14 bytes), that often, without a network.
    pub fn test_run(&mut self, frame: &[u8], repeat: u32) -> Result<Run, FastpathError> {
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        let result = xdp(&mut self.ebpf, HOT)?.test_run(options).map_err(refused(HOT))?;
        let action = match result.return_value {
            0 => Action::Aborted,
            1 => Action::Drop,
            2 => Action::Pass,
            3 => Action::Transmit,
            4 => Action::Redirect,
            other => Action::Other(other),
        };
        Ok(Run { action, duration: result.duration })
    }

    /// The program as a file descriptor, for what measures or attaches it.
    ///
    /// # Errors
    /// [`FastpathError`], where the system has no descriptor left.
    pub fn program(&mut self) -> Result<OwnedFd, FastpathError> {
        let fd = xdp(&mut self.ebpf, HOT)?.fd().map_err(refused(HOT))?;
        Ok(fd.as_fd().try_clone_to_owned()?)
    }

    /// Shows the next copied frame to somebody and takes it, if there is one: [`State::set_tap_frames`], [`State::set_tap`].
    pub fn tapped<T>(&mut self, look: impl FnOnce(TappedFrame<'_>) -> T) -> Option<T> {
        self.taps.as_mut()?.take(look)
    }

    /// Hands over the ring of copied frames, for who empties it apart from everything else; once.
    pub fn take_taps(&mut self) -> Option<Taps> {
        self.taps.take()
    }

    /// The memory of the program, for who looks at it apart from everything else.
    pub fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// Takes the next record, if there is one.
    pub fn event(&mut self) -> Option<Record> {
        self.events.next().and_then(|bytes| Record::read(&bytes))
    }
}

fn map_of<'e>(ebpf: &'e Ebpf, name: &'static str) -> Result<&'e aya::maps::MapFd, FastpathError> {
    match ebpf.map(name) {
        Some(aya::maps::Map::Array(map)) => Ok(map.fd()),
        Some(_) | None => Err(FastpathError::Missing(name)),
    }
}

fn xdp<'e>(ebpf: &'e mut Ebpf, name: &'static str) -> Result<&'e mut Xdp, FastpathError> {
    let program = ebpf.program_mut(name).ok_or(FastpathError::Missing(name))?;
    program.try_into().map_err(refused(name))
}

fn refused(name: &'static str) -> impl Fn(ProgramError) -> FastpathError {
    move |source| FastpathError::Program { name, source }
}
