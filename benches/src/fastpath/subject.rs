//! What is measured: our program, and xdp-filter beside it.

use super::Failure;
use super::object::Pieces;
use super::programs::Rig;
use super::steps::Kind;
use super::world::{Rules, install};
use aya::programs::{ProgramFd, loaded_programs};
use daemon::fastpath::{Clock, Fastpath, Mode, Setup};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

const SEED: u64 = 0x51ed_2701_93d5_ab0f;

/// Our program, loaded, under the policy that is measured.
pub struct Ours {
    /// The program and its memory.
    pub fastpath: Fastpath,
    /// The program.
    pub program: ProgramFd,
}

impl Ours {
    /// Loads it, with so many slots for flows.
    pub fn load(mode: Mode, flow_slots: usize, rules: Rules) -> Result<Ours, Failure> {
        let setup = Setup { mode, clock: Clock::Kernel, seed: SEED, flow_slots };
        let mut fastpath = Fastpath::load(&setup)?;
        install(fastpath.state(), rules)?;
        let program = of(&fastpath.program()?)?;
        Ok(Ours { fastpath, program })
    }
}

/// The program behind a file descriptor.
fn of(fd: &OwnedFd) -> Result<ProgramFd, Failure> {
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
    let id = told.lines().find_map(|line| line.strip_prefix("prog_id:")).ok_or("no program")?;
    let id: u32 = id.trim().parse()?;
    loaded(|other, _| other == id)
}

fn loaded(wanted: impl Fn(u32, &str) -> bool) -> Result<ProgramFd, Failure> {
    for program in loaded_programs() {
        let program = program?;
        if wanted(program.id(), program.name_as_str().unwrap_or_default()) {
            return Ok(program.fd()?);
        }
    }
    Err("it is not among the loaded programs".into())
}

/// xdp-filter with all features, empty tables, and everything allowed, on an interface of its own.
pub struct Filter {
    /// What drives it; programs of one piece only, as it is one.
    pub rig: Rig,
}

impl Filter {
    /// Loads it by its own loader.
    pub fn load() -> Result<Filter, Failure> {
        said(Command::new("ip").args("link add filter0 type veth peer name filter1".split(' ')))?;
        said(Command::new("ip").args("link set filter0 up".split(' ')))?;
        said(Command::new("ip").args("link set filter1 up".split(' ')))?;
        said(Command::new("xdp-filter").args("load -m native -p allow filter0".split(' ')))?;
        let program = loaded(|_, name| name.starts_with("xdpfilt_"))?;
        let mut rig = Rig::load(Kind::Mixer, Pieces::One)?;
        rig.aim(&program)
            .map_err(|error| format!("xdp-filter cannot be called from another program: {error}"))?;
        Ok(Filter { rig })
    }

    /// The program.
    pub fn program() -> Result<ProgramFd, Failure> {
        loaded(|_, name| name.starts_with("xdpfilt_"))
    }
}

/// Runs a command; what it said where it failed.
pub fn said(command: &mut Command) -> Result<String, Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", errors.trim().lines().last().unwrap_or("failed")).into())
}

/// The index of an interface, by its name.
pub fn index(interface: &str) -> Result<u32, Failure> {
    let told = said(Command::new("ip").args(["-o", "link", "show", interface]))?;
    Ok(told.split(':').next().unwrap_or_default().trim().parse()?)
}
