//! Network interfaces: what the kernel says of them, and the two things that are changed about them (up or down, and
//! whether they take every frame).

mod offload;

use super::netlink::{self, Message, Netlink, Service};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

pub use offload::{Offloads, Queues, Switch};

const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const NEW_LINK: u16 = 16;
/// The group that is told about interfaces.
const LINK_GROUP: u32 = 1;

/// Bytes before the attributes of a message about an interface.
const LINK_HEAD: usize = 16;

const UP: u32 = 1;
const PROMISCUOUS: u32 = 0x100;
const LOWER_UP: u32 = 0x1_0000;

mod attribute {
    pub(super) const NAME: u16 = 3;
    pub(super) const MTU: u16 = 4;
    pub(super) const KIND: u16 = 18;
    pub(super) const KIND_NAME: u16 = 1;
    pub(super) const STATS: u16 = 23;
    pub(super) const XDP: u16 = 43;
    pub(super) const XDP_ATTACHED: u16 = 2;
    pub(super) const PARENT: u16 = 56;
    pub(super) const PARENT_BUS: u16 = 57;
}

/// An interface, as it was when the kernel was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its driver, as far as it is known.
    pub driver: String,
    /// Bytes that a frame may have behind its Ethernet header.
    pub mtu: u32,
    /// Whether an XDP program is attached already.
    pub has_program: Occupied,
    /// Frames that came and that it counts as dropped or missed; for some drivers those that a program drops are among them.
    pub dropped: u64,
    flags: u32,
}

/// Whether an XDP program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// There is none.
    No,
    /// There is one.
    Yes,
}

/// Whether an interface is used, and whether something answers at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Set down.
    Down,
    /// Set up, but nothing is plugged in, or the other end is down.
    NoCarrier,
    /// Frames can come and go.
    Up,
}

/// Whether an interface takes frames that are addressed to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// Only those for its own address and its groups.
    Own,
    /// All of them.
    Promiscuous,
}

impl Interface {
    /// The interface of this name. None if there is no such.
    pub fn named(name: &str) -> io::Result<Option<Interface>> {
        // IFNAMSIZ, which the kernel answers with a less telling error.
        if name.is_empty() || name.len() > 15 || name.contains('\0') {
            return Ok(None);
        }
        let mut body = vec![0; LINK_HEAD];
        netlink::put(&mut body, attribute::NAME, &[name.as_bytes(), &[0]].concat());
        ask(&body)
    }

    /// The interface of this number. None if there is no such.
    pub fn numbered(index: u32) -> io::Result<Option<Interface>> {
        ask(&head(index, 0, 0))
    }

    /// Whether frames can come and go.
    pub fn link(&self) -> Link {
        match (self.flags & UP != 0, self.flags & LOWER_UP != 0) {
            (false, _) => Link::Down,
            (true, false) => Link::NoCarrier,
            (true, true) => Link::Up,
        }
    }

    /// Which frames it takes.
    pub fn reception(&self) -> Reception {
        if self.flags & PROMISCUOUS == 0 { Reception::Own } else { Reception::Promiscuous }
    }

    /// Has it take those frames. This outlasts the process.
    pub fn receive(&self, reception: Reception) -> io::Result<()> {
        let flags = match reception {
            Reception::Own => 0,
            Reception::Promiscuous => PROMISCUOUS,
        };
        set(self.index, flags, PROMISCUOUS)
    }

    fn read(message: &Message) -> Option<Interface> {
        if message.kind != NEW_LINK {
            return None;
        }
        let (index, flags) = (netlink::word(&message.body, 4)?, netlink::word(&message.body, 8)?);
        let (name, driver) = (String::new(), String::new());
        let mut interface =
            Interface { index, name, driver, mtu: 0, has_program: Occupied::No, dropped: 0, flags };
        let (mut parent, mut bus) = (String::new(), String::new());
        for (kind, value) in netlink::attributes(message.body.get(LINK_HEAD..)?) {
            match kind {
                attribute::NAME => interface.name = netlink::text(value),
                attribute::MTU => interface.mtu = netlink::word(value, 0).unwrap_or(0),
                attribute::STATS => {
                    // `struct rtnl_link_stats64`: the 7th field is `rx_dropped`, the 16th `rx_missed_errors`.
                    let field = |at: usize| netlink::double(value, 8 * at).unwrap_or(0);
                    interface.dropped = field(6).saturating_add(field(15));
                }
                attribute::KIND => {
                    let kind = netlink::attributes(value).find(|(kind, _)| *kind == attribute::KIND_NAME);
                    interface.driver = kind.map_or_else(String::new, |(_, name)| netlink::text(name));
                }
                attribute::XDP => {
                    let mut inner = netlink::attributes(value);
                    let attached = inner.find(|(kind, _)| *kind == attribute::XDP_ATTACHED);
                    if attached.and_then(|(_, value)| value.first()).is_some_and(|mode| *mode != 0) {
                        interface.has_program = Occupied::Yes;
                    }
                }
                attribute::PARENT => parent = netlink::text(value),
                attribute::PARENT_BUS => bus = netlink::text(value),
                _ => {}
            }
        }
        if interface.driver.is_empty() && !parent.is_empty() {
            interface.driver = driver_of(&bus, &parent);
        }
        Some(interface)
    }
}

/// The driver of a device.
fn driver_of(bus: &str, device: &str) -> String {
    let link = fs::read_link(format!("/sys/bus/{bus}/devices/{device}/driver"));
    let name = link.ok().and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
    name.unwrap_or_default()
}

/// Sets an interface up.
pub fn raise(index: u32) -> io::Result<()> {
    set(index, UP, UP)
}

/// Sets an interface down, so that the other end notices.
pub fn lower(index: u32) -> io::Result<()> {
    set(index, 0, UP)
}

/// Tells when something changes about interfaces.
#[derive(Debug)]
pub struct Watch(Netlink);

impl Watch {
    /// Watches from now on.
    pub fn begin() -> io::Result<Watch> {
        Netlink::with_groups(Service::Route, LINK_GROUP).map(Watch)
    }

    /// Whether something changed since the last time that this was asked.
    pub fn has_news(&mut self) -> bool {
        match self.0.told() {
            Ok(messages) => !messages.is_empty(),
            // More happened than the socket holds; look.
            Err(_) => true,
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn ask(body: &[u8]) -> io::Result<Option<Interface>> {
    match Netlink::open(Service::Route)?.ask(GET_LINK, body) {
        Ok(answer) => Ok(answer.iter().find_map(Interface::read)),
        // ENODEV
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

fn set(index: u32, flags: u32, change: u32) -> io::Result<()> {
    Netlink::open(Service::Route)?.ask(SET_LINK, &head(index, flags, change)).map(|_| ())
}

fn head(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut head = vec![0; 4];
    for word in [index, flags, change] {
        head.extend(word.to_ne_bytes());
    }
    head
}
