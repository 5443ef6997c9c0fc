//! The programs of [`super::steps`], loaded.

use super::Failure;
use super::object::{Pieces, object};
use super::steps::{self, Kind, MOST_FLOWS};
use aya::maps::{Array, DevMap, MapData, ProgramArray};
use aya::programs::{ProgramError, ProgramFd, TestRun, TestRunAttrs, TestRunOptions, Xdp, XdpMode};
use aya::{Ebpf, EbpfLoader};
use std::io::ErrorKind;

/// What differs between flows of UDP over IPv4, as it stands in frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Source and destination address.
    pub addresses: [u8; 8],
    /// Source and destination port.
    pub ports: [u8; 4],
    /// The checksum of the IP header.
    pub checksum: [u8; 2],
}

impl Flow {
    fn words(&self) -> [u64; 2] {
        let [p0, p1, p2, p3] = self.ports;
        let [c0, c1] = self.checksum;
        [u64::from_ne_bytes(self.addresses), u64::from_ne_bytes([p0, p1, p2, p3, c0, c1, 0, 0])]
    }
}

/// A set of these programs with maps of their own, for one kind of pieces.
pub struct Rig {
    ebpf: Ebpf,
    jump: ProgramArray<MapData>,
    count: Array<MapData, [u64; 2]>,
}

impl Rig {
    /// Loads what drives, in front of programs that take so many pieces.
    pub fn load(kind: Kind, pieces: Pieces) -> Result<Rig, Failure> {
        let programs = steps::programs(kind, pieces);
        let mut ebpf = EbpfLoader::new().load(&object(&steps::MAPS, &programs))?;
        for program in programs {
            xdp(&mut ebpf, program.name)?.load()?;
        }
        let jump = ProgramArray::try_from(ebpf.take_map("JUMP").ok_or("no map JUMP")?)?;
        let count = Array::try_from(ebpf.take_map("COUNT").ok_or("no map COUNT")?)?;
        Ok(Rig { ebpf, jump, count })
    }

    /// The flows of the mixer, a power of two of them; they are sent in this order, again and again.
    pub fn set_flows(&mut self, flows: &[Flow]) -> Result<(), Failure> {
        let mut table: Array<_, [u64; 2]> =
            Array::try_from(self.ebpf.map_mut("FLOWS").ok_or("no map FLOWS")?)?;
        for (at, flow) in (0..MOST_FLOWS).zip(flows) {
            table.set(at, flow.words(), 0)?;
        }
        Ok(self.count.set(0, [0, u64::try_from(flows.len())?.wrapping_sub(1)], 0)?)
    }

    /// The two ports of `redirecting`.
    pub fn set_ports(&mut self, ports: [u32; 2]) -> Result<(), Failure> {
        let mut map = DevMap::try_from(self.ebpf.map_mut("PORTS").ok_or("no map PORTS")?)?;
        for (at, port) in (0..).zip(ports) {
            map.set(at, port, None, 0)?;
        }
        Ok(())
    }

    /// Frames that came by `mixer` or `sink`.
    pub fn count(&self) -> Result<u64, Failure> {
        let [count, _] = self.count.get(&0, 0)?;
        Ok(count)
    }

    /// What `mixer` and `jump` go on to.
    pub fn aim(&mut self, program: &ProgramFd) -> Result<(), Failure> {
        Ok(self.jump.set(0, program, 0)?)
    }

    /// One of these programs.
    pub fn program(&mut self, name: &'static str) -> Result<ProgramFd, Failure> {
        Ok(xdp(&mut self.ebpf, name)?.fd()?.try_clone()?)
    }

    /// Attaches one of these programs to an interface.
    pub fn attach(&mut self, name: &'static str, interface: &str) -> Result<(), Failure> {
        xdp(&mut self.ebpf, name)?.attach(interface, XdpMode::Driver)?;
        Ok(())
    }

    /// Runs one of these programs so often over a frame: the mean time of a run, in whole nanoseconds, by the kernel.
    pub fn run(&mut self, name: &'static str, frame: &[u8], repeat: u32) -> Result<f64, Failure> {
        // A signal to this process ends a run; it says nothing of the program.
        for _ in 0..3 {
            let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
            match xdp(&mut self.ebpf, name)?.test_run(options) {
                Err(ProgramError::SyscallError(error)) if error.io_error.kind() == ErrorKind::Interrupted => {
                }
                ran => return Ok(ran?.duration.as_secs_f64() * 1e9),
            }
        }
        Err("signals interrupt every run".into())
    }

    /// Has one of these programs send so many frames: the mean time of a frame in nanoseconds, in which it also arrives and is
    /// dealt with, because all of that happens in the same call on the same processor. What the kernel prepares before the
    /// first frame is not in it.
    pub fn send(&mut self, name: &'static str, frame: &[u8], repeat: u32) -> Result<f64, Failure> {
        let attrs = TestRunAttrs::new().xdp_live_frames(64);
        let options = TestRunOptions { data_in: Some(frame), repeat, attrs, ..TestRunOptions::new() };
        let ran = xdp(&mut self.ebpf, name)?.test_run(options)?;
        Ok(ran.duration.as_secs_f64() * 1e9)
    }
}

fn xdp<'e>(ebpf: &'e mut Ebpf, name: &'static str) -> Result<&'e mut Xdp, Failure> {
    Ok(ebpf.program_mut(name).ok_or(name)?.try_into()?)
}
