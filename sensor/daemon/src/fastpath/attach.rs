//! Attaching to interfaces: what must hold before, what is done where a driver does not run the program, and what a
//! refusal means.

use super::interface::{Interface, Link, Offloads, Queues, Switch};
use super::pins::{Changed, PinError, Pins, PortNote, Record, Way};
use super::{Fastpath, FastpathError, HOT, Mode, grace, xdp};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::XdpLink;
use aya::programs::{ProgramError, XdpMode};
use std::error::Error;
use std::fmt;
use std::io;

/// Frames longer than this lie in several parts (one page of 4 KiB, less what XDP and the kernel put around the frame).
const ONE_PART: u32 = 3498;

/// An interface to which the program can be attached: everything that can be known before holds.
#[derive(Clone, Debug)]
pub struct Port {
    interface: Interface,
    offloads: Offloads,
}

/// Why the program is not attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no such interface.
    #[error("{0}: there is no such interface (see `ip link`)")]
    Missing(String),
    /// It is set down.
    #[error("{0}: is down (`ip link set dev {0} up`)")]
    Down(String),
    /// It does something by itself that the program could not undo.
    #[error("{name}: {what} ({})", remedy(.name, .option, *.switch))]
    Offload {
        /// The interface.
        name: String,
        /// What it does, and why that must not be.
        what: &'static str,
        /// What ethtool(8) calls it.
        option: &'static str,
        /// Whether it can be told not to.
        switch: Switch,
    },
    /// The kernel does not say what it is.
    #[error("{name}: the kernel does not tell its state: {source}")]
    Unknown {
        /// The interface.
        name: String,
        /// What it said.
        source: io::Error,
    },
    /// The kernel refuses it.
    #[error("{name}: the program cannot be attached: {}", meaning(.name, .facts, .source))]
    Refused {
        /// The interface.
        name: String,
        /// What may be the cause.
        facts: Facts,
        /// What it said.
        source: io::Error,
    },
    /// The attachment cannot be kept.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The program is not as it should be.
    #[error(transparent)]
    Fastpath(#[from] FastpathError),
}

/// What may be the cause of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    driver: String,
    mtu: u32,
    queues: Option<Queues>,
}

/// Why the program runs in the kernel's receive path and not in the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The driver does not run XDP programs.
    Driver(String),
    /// The driver of this port does not send what a program redirects to it.
    Redirect {
        /// The port.
        name: String,
        /// Its driver.
        driver: String,
    },
    /// The driver of this port does not take frames as long as it may get.
    Parts {
        /// The port.
        name: String,
        /// Bytes behind the Ethernet header.
        mtu: u32,
    },
    /// The driver refused, and what it said.
    Refused(String),
    /// An earlier process has attached it so.
    Before,
}

/// A port with the program on it.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The port.
    pub port: Port,
    /// Why it is not native, where it is not.
    pub why: Option<Why>,
    /// Whether an earlier process had attached it already.
    pub adopted: Adopted,
    /// What is known beyond this process.
    pub note: PortNote,
}

/// Whether an attachment of an earlier process was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It is new.
    No,
    /// It was there, and has another program now. No frame passed without one.
    Yes,
}

impl Port {
    /// The interface of this name, if everything that can be known before holds.
    pub fn named(name: &str) -> Result<Port, AttachError> {
        let unknown = |source| AttachError::Unknown { name: name.to_owned(), source };
        let interface = Interface::named(name).map_err(unknown)?;
        let interface = interface.ok_or_else(|| AttachError::Missing(name.to_owned()))?;
        if interface.link() == Link::Down {
            return Err(AttachError::Down(name.to_owned()));
        }
        let offloads = Offloads::of(interface.index).map_err(unknown)?;
        for (switch, option, what) in obstacles(&offloads) {
            if switch != Switch::Off {
                return Err(AttachError::Offload { name: name.to_owned(), what, option, switch });
            }
        }
        Ok(Port { interface, offloads })
    }

    /// The interface.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// What it does by itself, and what its driver can do.
    pub fn offloads(&self) -> &Offloads {
        &self.offloads
    }

    fn refused(&self, source: io::Error) -> AttachError {
        let (driver, mtu) = (self.interface.driver.clone(), self.interface.mtu);
        // It is only for the message.
        let queues = Queues::of(self.interface.index).unwrap_or_default();
        AttachError::Refused {
            name: self.interface.name.clone(),
            facts: Facts { driver, mtu, queues },
            source,
        }
    }

    /// Why it would not do to attach natively.
    fn objection(&self, mode: Mode) -> Option<Why> {
        let Interface { name, driver, mtu, .. } = &self.interface;
        let is_jumbo = *mtu > ONE_PART;
        if self.offloads.is_native() == Some(false) {
            Some(Why::Driver(driver.clone()))
        } else if matches!(mode, Mode::Inline(_)) && self.offloads.takes_redirected() == Some(false) {
            Some(Why::Redirect { name: name.clone(), driver: driver.clone() })
        } else if matches!(mode, Mode::Inline(_)) && is_jumbo && self.offloads.takes_parts() == Some(false) {
            Some(Why::Parts { name: name.clone(), mtu: *mtu })
        } else {
            None
        }
    }
}

/// What an interface must not do by itself: whether it does, what ethtool(8) calls it, and why not.
pub(crate) fn obstacles(offloads: &Offloads) -> [(Switch, &'static str, &'static str); 4] {
    [
        (
            offloads.large_receive(),
            "lro",
            "it joins segments to frames that were never sent (large receive offload)",
        ),
        (
            offloads.hardware_gro(),
            "rx-gro-hw",
            "it joins segments to frames that were never sent (hardware GRO)",
        ),
        (
            offloads.vlan_stripping(),
            "rxvlan",
            "it takes VLAN tags out of frames, so that VLANs would look alike (rxvlan on)",
        ),
        (
            offloads.service_tag_stripping(),
            "rx-vlan-stag-hw-parse",
            "it takes service VLAN tags out of frames, so that VLANs would look alike (rx-vlan-stag-hw-parse on)",
        ),
    ]
}

/// What to do about something that an interface does by itself.
pub(crate) fn remedy(name: &str, option: &str, switch: Switch) -> String {
    match switch {
        Switch::Off => String::new(),
        Switch::On => format!("`ethtool -K {name} {option} off`"),
        Switch::Fixed => {
            format!(
                "use another interface: this driver cannot be told not to (`ethtool -k {name}` says [fixed])"
            )
        }
    }
}

/// What the number of an error means here.
fn meaning(name: &str, facts: &Facts, source: &io::Error) -> String {
    let Facts { driver, mtu, queues } = facts;
    let driver = if driver.is_empty() { "its driver" } else { driver };
    match source.raw_os_error() {
        Some(libc::EBUSY) => {
            format!(
                "another XDP program is there (`ip link set dev {name} xdp off` removes it; `bpftool net` shows whose it is)"
            )
        }
        Some(libc::EPERM | libc::EACCES) => {
            "not permitted (run as root, or with CAP_BPF and CAP_NET_ADMIN)".to_owned()
        }
        Some(libc::EOPNOTSUPP) => format!("{driver} does not run XDP programs"),
        Some(libc::ERANGE | libc::EMSGSIZE) => {
            format!(
                "frames of up to {mtu} bytes (MTU) are too long for {driver} with XDP (`ip link set dev {name} mtu 1500`)"
            )
        }
        Some(libc::ENOSPC | libc::ENOMEM) => {
            let (receive, transmit) = queues.map_or((0, 0), |queues| (queues.receive, queues.transmit));
            format!(
                "{driver} has too few queues for XDP: {receive} to receive, {transmit} to transmit (`ethtool -L {name} combined N` changes them)"
            )
        }
        Some(_) | None => format!("{driver}, MTU {mtu}: {source}"),
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Driver(driver) if driver.is_empty() => write!(f, "its driver does not run XDP programs"),
            Why::Driver(driver) => write!(f, "the driver {driver} does not run XDP programs"),
            Why::Redirect { name, driver } if driver == "veth" => {
                write!(
                    f,
                    "{name} does not send what is redirected to it (`ethtool -K PEER gro on` at its other end)"
                )
            }
            Why::Redirect { name, driver } => {
                write!(f, "the driver {driver} of {name} does not send what is redirected to it")
            }
            Why::Parts { name, mtu } => {
                write!(
                    f,
                    "the driver of {name} does not take frames of {mtu} bytes (`ip link set dev {name} mtu {ONE_PART}`)"
                )
            }
            Why::Refused(why) => write!(f, "{why}"),
            Why::Before => write!(
                f,
                "it was attached so before (end the sensor without --stay and start it anew for another try)"
            ),
        }
    }
}

impl Fastpath {
    /// Puts the program to work on these ports. What an earlier process left in the folder of the pins is taken over: an
    /// attachment gets this program at once, without a moment between; what is not wanted any more is removed.
    ///
    /// Native where the driver can, in mode `inline` on both ports or none; generic else, with the reason.
    pub fn attach(&mut self, ports: &[Port], pins: Option<&Pins>) -> Result<Vec<Attachment>, AttachError> {
        let before = pins.map(Pins::record).transpose()?.flatten().unwrap_or_default();
        let mut objections: Vec<Option<Why>> = ports.iter().map(|port| port.objection(self.mode)).collect();
        if let (Mode::Inline(_), Some(why)) = (self.mode, objections.iter().flatten().next().cloned()) {
            objections.fill(Some(why));
        }
        let mut attached = self.attach_all(ports, &objections, pins, &before)?;
        let is_mixed = attached.iter().any(|port| port.note.way == Way::Generic)
            && attached.iter().any(|port| port.note.way == Way::Native);
        if matches!(self.mode, Mode::Inline(_)) && is_mixed {
            // One of them refused: frames cannot go from a driver to a port that does not take them.
            let why = attached.iter().find_map(|port| port.why.clone()).unwrap_or(Why::Before);
            for port in &attached {
                self.let_go(port.note.index, pins)?;
            }
            attached = self.attach_all(ports, &vec![Some(why); ports.len()], pins, &before)?;
        }
        if let Some(pins) = pins {
            self.keep(&attached, pins)?;
        }
        Ok(attached)
    }

    fn attach_all(
        &mut self,
        ports: &[Port],
        objections: &[Option<Why>],
        pins: Option<&Pins>,
        before: &Record,
    ) -> Result<Vec<Attachment>, AttachError> {
        let mut attached = Vec::new();
        for (port, objection) in ports.iter().zip(objections) {
            let index = port.interface.index;
            let note = before.ports.iter().find(|note| note.index == index).copied();
            if let Some(pins) = pins
                && let Some(way) = self.adopt(port, pins, note)?
            {
                let note = note.unwrap_or(PortNote::new(index, way));
                let why = (way == Way::Generic).then(|| objection.clone().unwrap_or(Why::Before));
                attached.push(Attachment { port: port.clone(), why, adopted: Adopted::Yes, note });
                continue;
            }
            let (link, why) = match objection {
                Some(why) => (self.attach_to(port, XdpMode::Skb)?, Some(why.clone())),
                None => match self.attach_to(port, XdpMode::Driver) {
                    Ok(link) => (link, None),
                    Err(AttachError::Refused { name, facts, source }) if is_about_the_driver(&source) => {
                        let why = Why::Refused(meaning(&name, &facts, &source));
                        (self.attach_to(port, XdpMode::Skb)?, Some(why))
                    }
                    Err(error) => return Err(error),
                },
            };
            self.links.push((index, link));
            let way = if why.is_some() { Way::Generic } else { Way::Native };
            let note = PortNote::new(index, way);
            attached.push(Attachment { port: port.clone(), why, adopted: Adopted::No, note });
        }
        Ok(attached)
    }

    fn attach_to(&mut self, port: &Port, mode: XdpMode) -> Result<FdLink, AttachError> {
        let program = xdp(&mut self.ebpf, HOT)?;
        let attached = program.attach_to_if_index(port.interface.index, mode);
        let link =
            attached.and_then(|id| program.take_link(id)).map_err(|error| port.refused(cause(error)))?;
        // Otherwise it is none that can be kept or replaced; the kernel is older than 5.9 then.
        FdLink::try_from(link).map_err(|error| port.refused(io::Error::other(error)))
    }

    /// Gives the attachment of an earlier process this program. None if there is none.
    fn adopt(
        &mut self,
        port: &Port,
        pins: &Pins,
        note: Option<PortNote>,
    ) -> Result<Option<Way>, AttachError> {
        let index = port.interface.index;
        let path = pins.port(index);
        if !path.exists() {
            return Ok(None);
        }
        let pinned = PinnedLink::from_pin(&path).map_err(|error| super::pins::kernel(&path, error))?;
        let link =
            XdpLink::try_from(FdLink::from(pinned)).map_err(|error| super::pins::kernel(&path, error))?;
        let program = xdp(&mut self.ebpf, HOT)?;
        match program.attach_to_link(link).and_then(|id| program.take_link(id)) {
            Ok(link) => {
                let link = FdLink::try_from(link).map_err(|error| port.refused(io::Error::other(error)))?;
                self.links.push((index, link));
                Ok(Some(note.map_or(Way::Native, |note| note.way)))
            }
            Err(error) => {
                let cause = cause(error);
                // The interface that it was attached to is gone, and another has got its number.
                if cause.raw_os_error() == Some(libc::ENOLINK) {
                    pins.remove(&path)?;
                    return Ok(None);
                }
                Err(port.refused(cause))
            }
        }
    }

    fn let_go(&mut self, index: u32, pins: Option<&Pins>) -> Result<(), AttachError> {
        self.links.retain(|(other, _)| *other != index);
        if let Some(pins) = pins {
            pins.remove(&pins.port(index))?;
        }
        Ok(())
    }

    /// Has the attachments outlast this process, and lets go of what an earlier one had besides.
    fn keep(&mut self, attached: &[Attachment], pins: &Pins) -> Result<(), AttachError> {
        let links = std::mem::take(&mut self.links);
        for (index, link) in links {
            let path = pins.port(index);
            let link = if path.exists() {
                link
            } else {
                link.pin(&path).map_err(|error| super::pins::kernel(&path, error))?.into()
            };
            self.links.push((index, link));
        }
        for index in pins.ports()? {
            if !attached.iter().any(|port| port.note.index == index) {
                pins.remove(&pins.port(index))?;
            }
        }
        // Frames that began in the program before must find its steps.
        grace::wait().map_err(FastpathError::Grace)?;
        pins.replace_programs()?;
        self.note(attached.iter().map(|port| port.note).collect(), pins)
    }

    /// Writes down what a later process must know.
    pub fn note(&self, ports: Vec<PortNote>, pins: &Pins) -> Result<(), AttachError> {
        Ok(pins.write(&Record { layout: super::object::LAYOUT, ports })?)
    }

    /// Ends the work of the program: every port goes on without it.
    pub fn detach(mut self, pins: &Pins) -> Result<(), AttachError> {
        self.links.clear();
        drop(self);
        remove(pins).map(|_| ())
    }
}

/// Removes what a process left that has ended: attachments first, so that no frame finds a part of it. Gives what was
/// changed about the ports.
pub fn remove(pins: &Pins) -> Result<Vec<PortNote>, AttachError> {
    let notes = pins.record()?.unwrap_or_default().ports;
    for index in pins.ports()? {
        pins.remove(&pins.port(index))?;
    }
    grace::wait().map_err(FastpathError::Grace)?;
    pins.clear()?;
    Ok(notes)
}

impl PortNote {
    /// Of a port about which nothing was changed.
    const fn new(index: u32, way: Way) -> PortNote {
        PortNote { index, way, reception: Changed::No, lowered: Changed::No }
    }
}

/// Whether the same could work without the driver.
fn is_about_the_driver(error: &io::Error) -> bool {
    !matches!(error.raw_os_error(), Some(libc::EBUSY | libc::EPERM | libc::EACCES | libc::ENODEV))
}

/// What the kernel said.
fn cause(error: ProgramError) -> io::Error {
    let mut next: Option<&dyn Error> = Some(&error);
    while let Some(this) = next {
        if let Some(code) = this.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(code);
        }
        next = this.source();
    }
    io::Error::other(error)
}
