//! What outlasts the process: the folder in the BPF file system by which programs, memory and attachments stay.
//!
//! | File | Is |
//! |---|---|
//! | `STATE`, `EVENTS`, `TAPS` | the memory of the judge, the rings of its records and of copied frames; a program of the same layout takes them over |
//! | `PROGRAMS` | the steps of the program; the kernel forgets them when nobody holds this |
//! | `port-N` | the attachment to interface number N: it stays as long as the file |
//! | `RECORD` | who uses them and what was changed about interfaces, to be undone |

use aya::maps::{Array, Map, MapData};
use rustix::fs::statfs;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Where pins are, unless told otherwise: a folder for each sensor of the machine.
pub const ROOT: &str = "/sys/fs/bpf/wardline";

/// `BPF_FS_MAGIC` of linux/magic.h.
const BPF_FS: u64 = 0xcafe_4a11;
/// Ports that a record has room for.
pub const MOST_PORTS: usize = 16;

const WORDS: usize = 32;
const HEAD: [u64; 1] = [0x5741_5244_0000_0001];
const PORTS_AT: usize = 3;

/// The maps that a program of the same layout takes over.
pub(super) const SHARED: [&str; 3] = ["STATE", "EVENTS", "TAPS"];
const PROGRAMS: &str = "PROGRAMS";
/// The file system refuses names with a dot.
const PROGRAMS_NEXT: &str = "PROGRAMS_next";
const RECORD: &str = "RECORD";

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// It is no BPF file system.
    #[error("{}: is not in a BPF file system (mount one with `mount -t bpf bpf /sys/fs/bpf`, or name a folder in one)", .0.display())]
    NoBpfFs(PathBuf),
    /// Another process works with it.
    #[error("{}: another wardline runs with it (end that one first, or name another folder)", .0.display())]
    Busy(PathBuf),
    /// A file of it cannot be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel does not keep something.
    #[error("{}: {cause}", .path.display())]
    Kernel {
        /// Which one.
        path: PathBuf,
        /// What it said.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Something that was changed about an interface, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is as it was found.
    No,
    /// It was changed, which is to be undone.
    Yes,
}

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the driver, before the kernel makes a packet of the frame.
    Native,
    /// In the kernel's receive path, which any interface has, and which takes twice as long.
    Generic,
}

/// What is known of a port beyond this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortNote {
    /// Its interface's number.
    pub index: u32,
    /// How the program is attached.
    pub way: Way,
    /// Whether it was told to take every frame.
    pub reception: Changed,
    /// Whether it was set down because the other port has no carrier.
    pub lowered: Changed,
}

/// Who uses the folder, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The layout of the shared maps.
    pub(super) layout: u64,
    pub(super) ports: Vec<PortNote>,
}

/// The folder, claimed: no other process works with it while this value lives.
#[derive(Debug)]
pub struct Pins {
    folder: PathBuf,
    _lock: File,
}

impl Pins {
    /// Claims a folder and makes it if there is none.
    pub fn claim(folder: &Path) -> Result<Pins, PinError> {
        let parent = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
        let kind = statfs(parent).map_err(|error| file(parent, error.into()))?.f_type;
        if u64::try_from(kind) != Ok(BPF_FS) {
            return Err(PinError::NoBpfFs(folder.to_owned()));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| file(folder, error))?;
        let lock = File::open(folder).map_err(|error| file(folder, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Pins { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(PinError::Busy(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(file(folder, error)),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a map.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file of an attachment.
    pub(super) fn port(&self, index: u32) -> PathBuf {
        self.folder.join(format!("port-{index}"))
    }

    /// Makes room for the memory of this layout: what has another is forgotten here. The program that works with it keeps
    /// it until it is replaced.
    pub(super) fn prepare(&self, layout: u64) -> Result<Found, PinError> {
        let is_known = self.record()?.is_some_and(|record| record.layout == layout);
        let found = if is_known && SHARED.iter().all(|name| self.map(name).exists()) {
            Found::Memory
        } else {
            for name in SHARED {
                self.remove(&self.map(name))?;
            }
            Found::Nothing
        };
        self.remove(&self.map(PROGRAMS_NEXT))?;
        Ok(found)
    }

    /// Keeps the steps of a program that is not attached yet.
    pub(super) fn keep_programs(&self, programs: &Map) -> Result<(), PinError> {
        let path = self.map(PROGRAMS_NEXT);
        programs.pin(&path).map_err(|error| kernel(&path, error))
    }

    /// Lets go of the steps of the program before, whose frames must have ended.
    pub(super) fn replace_programs(&self) -> Result<(), PinError> {
        let path = self.map(PROGRAMS);
        fs::rename(self.map(PROGRAMS_NEXT), &path).map_err(|error| file(&path, error))
    }

    /// What an earlier process wrote down. Nothing, if it was of another format.
    pub(super) fn record(&self) -> Result<Option<Record>, PinError> {
        let path = self.map(RECORD);
        if !path.exists() {
            return Ok(None);
        }
        let map = record_map(&path)?;
        let words = map.get(&0, 0).map_err(|error| kernel(&path, error))?;
        Ok(Record::read(&words))
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), PinError> {
        let path = self.map(RECORD);
        if !path.exists() {
            let map = Array::<MapData, [u64; WORDS]>::create(1, 0).map_err(|error| kernel(&path, error))?;
            map.pin(&path).map_err(|error| kernel(&path, error))?;
        }
        record_map(&path)?.set(0, record.words(), 0).map_err(|error| kernel(&path, error))
    }

    /// Removes a file that may be there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), PinError> {
        debug_assert!(path.starts_with(&self.folder));
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(path, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The attachments that are there, by their interfaces' numbers.
    pub(super) fn ports(&self) -> Result<Vec<u32>, PinError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| file(&self.folder, error))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ports: Vec<u32> = names.filter_map(|name| name.strip_prefix("port-")?.parse().ok()).collect();
        ports.sort_unstable();
        Ok(ports)
    }

    /// Removes everything that is left, and the folder.
    pub(super) fn clear(&self) -> Result<(), PinError> {
        for name in SHARED.into_iter().chain([PROGRAMS, PROGRAMS_NEXT, RECORD]) {
            self.remove(&self.map(name))?;
        }
        fs::remove_dir(&self.folder).map_err(|error| file(&self.folder, error))
    }
}

/// What an earlier process left that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The memory.
    Memory,
    /// Nothing.
    Nothing,
}

impl Record {
    fn words(&self) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        let [format] = HEAD;
        let head = [format, self.layout, self.ports.len() as u64];
        let ports = self.ports.iter().map(|port| {
            let bit = |changed: Changed, at: u32| u64::from(changed == Changed::Yes) << at;
            let generic = u64::from(port.way == Way::Generic) << 34;
            u64::from(port.index) | bit(port.reception, 32) | bit(port.lowered, 33) | generic
        });
        for (word, value) in words.iter_mut().zip(head.into_iter().chain(ports)) {
            *word = value;
        }
        words
    }

    fn read(words: &[u64; WORDS]) -> Option<Record> {
        let ([head, layout, count], ports) = words.split_first_chunk::<PORTS_AT>()?;
        if [*head] != HEAD {
            return None;
        }
        let count = usize::try_from(*count).ok()?.min(MOST_PORTS);
        let ports = ports.iter().take(count).map(|word| {
            let changed = |at: u32| if word >> at & 1 == 1 { Changed::Yes } else { Changed::No };
            PortNote {
                index: (*word & 0xffff_ffff) as u32,
                way: if word >> 34 & 1 == 1 { Way::Generic } else { Way::Native },
                reception: changed(32),
                lowered: changed(33),
            }
        });
        Some(Record { layout: *layout, ports: ports.collect() })
    }
}

fn record_map(path: &Path) -> Result<Array<MapData, [u64; WORDS]>, PinError> {
    let data = MapData::from_pin(path).map_err(|error| kernel(path, error))?;
    let map = Map::from_map_data(data).map_err(|error| kernel(path, error))?;
    Array::try_from(map).map_err(|error| kernel(path, error))
}

fn file(path: &Path, source: io::Error) -> PinError {
    PinError::File { path: path.to_owned(), source }
}

pub(super) fn kernel(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PinError {
    PinError::Kernel { path: path.to_owned(), cause: cause.into() }
}

#[cfg(test)]
mod tests;
