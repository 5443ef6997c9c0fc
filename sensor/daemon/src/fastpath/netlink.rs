//! Questions to the kernel about network interfaces, as messages (RFC 3549, netlink(7), genetlink).
//!
//! Files in `/sys/class/net` would say much of it too, but those of the network namespace in which `/sys` was mounted.

use rustix::net::netlink::{GENERIC, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Larger than any answer that the kernel gives at once (it cuts lists into messages of 32 KiB at most).
const BUFFER: usize = 65_536;
/// Messages of one answer that are looked at.
const MESSAGES: usize = 4096;
/// An answer comes at once or never.
const PATIENCE: Duration = Duration::from_secs(2);

const HEAD: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
/// Attributes carry two flags in the highest bits of their type.
const TYPE: u16 = 0x3fff;
const NESTED: u16 = 0x8000;

const CONTROL: u16 = 0x10;
const FIND_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Interfaces (rtnetlink(7)).
    Route,
    /// Families by name.
    Generic,
}

/// A message of the kernel.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// What it is.
    pub(super) kind: u16,
    /// All behind the head.
    pub(super) body: Vec<u8>,
}

/// A conversation with the kernel.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// Begins one, in the network namespace of this thread.
    pub(super) fn open(service: Service) -> io::Result<Netlink> {
        Netlink::with_groups(service, 0)
    }

    /// Begins one that is also told what happens to these groups.
    pub(super) fn with_groups(service: Service, groups: u32) -> io::Result<Netlink> {
        let protocol: Option<Protocol> = match service {
            Service::Route => None,
            Service::Generic => Some(GENERIC),
        };
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// Asks for something, and gives the messages of the answer.
    ///
    /// # Errors
    /// What the kernel said, or that it said nothing.
    pub(super) fn ask(&mut self, kind: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.sequence = self.sequence.wrapping_add(1);
        let len = u32::try_from(HEAD.saturating_add(body.len())).map_err(io::Error::other)?;
        let mut request = Vec::with_capacity(HEAD.saturating_add(body.len()));
        request.extend(len.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend((REQUEST | ACK).to_ne_bytes());
        request.extend(self.sequence.to_ne_bytes());
        request.extend(0_u32.to_ne_bytes());
        request.extend(body);
        rustix::net::send(&self.socket, &request, SendFlags::empty())?;
        let mut answer = Vec::new();
        while answer.len() < MESSAGES {
            for (sequence, message) in self.receive(RecvFlags::empty())? {
                if sequence != self.sequence {
                    continue;
                }
                match message.kind {
                    ERROR => {
                        return match word(&message.body, 0).map(u32::cast_signed) {
                            Some(0) | None => Ok(answer),
                            Some(code) => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
                        };
                    }
                    DONE => return Ok(answer),
                    _ => answer.push(message),
                }
            }
        }
        Err(io::Error::other("the kernel's answer has no end"))
    }

    /// The messages that nobody asked for and that have come by now.
    pub(super) fn told(&mut self) -> io::Result<Vec<Message>> {
        match self.receive(RecvFlags::DONTWAIT) {
            Ok(messages) => Ok(messages.into_iter().map(|(_, message)| message).collect()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn receive(&mut self, flags: RecvFlags) -> io::Result<Vec<(u32, Message)>> {
        let mut buffer = vec![0; BUFFER];
        let (len, _) = rustix::net::recv(&self.socket, buffer.as_mut_slice(), flags)?;
        Ok(messages(buffer.get(..len).unwrap_or_default()))
    }

    /// The number of a family of messages. None if this kernel does not have it.
    pub(super) fn family(&mut self, name: &str) -> io::Result<Option<u16>> {
        let mut body = vec![FIND_FAMILY, 1, 0, 0];
        put(&mut body, FAMILY_NAME, &[name.as_bytes(), &[0]].concat());
        let answer = match self.ask(CONTROL, &body) {
            Ok(answer) => answer,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bodies = answer.iter().filter_map(|message| message.body.get(4..));
        let id = bodies.flat_map(attributes).find(|(kind, _)| *kind == FAMILY_ID);
        Ok(id.and_then(|(_, value)| half(value, 0)))
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Messages with their sequence numbers.
fn messages(mut bytes: &[u8]) -> Vec<(u32, Message)> {
    let mut found = Vec::new();
    while let (Some(len), Some(kind), Some(sequence)) = (word(bytes, 0), half(bytes, 4), word(bytes, 8)) {
        let Some(body) = usize::try_from(len).ok().and_then(|len| bytes.get(HEAD..len)) else { break };
        found.push((sequence, Message { kind, body: body.to_vec() }));
        bytes = bytes.get(aligned(HEAD.saturating_add(body.len()))..).unwrap_or_default();
    }
    found
}

/// The attributes of a message or of an attribute: type and value.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = (half(bytes, 0)?, half(bytes, 2)?);
        let value = bytes.get(4..usize::from(len))?;
        bytes = bytes.get(aligned(usize::from(len))..).unwrap_or_default();
        Some((kind & TYPE, value))
    })
}

/// Appends an attribute.
pub(super) fn put(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = value.len().saturating_add(4);
    message.extend(u16::try_from(len).unwrap_or(u16::MAX).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(aligned(message.len()), 0);
}

/// Appends an attribute that holds attributes.
pub(super) fn put_nested(message: &mut Vec<u8>, kind: u16, inner: &[u8]) {
    put(message, kind | NESTED, inner);
}

const fn aligned(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// 16 bits at this place.
pub(super) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// 32 bits at this place.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// 64 bits at this place.
pub(super) fn double(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

/// A text that may end with a zero.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
