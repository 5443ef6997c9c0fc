//! DNS over TCP (RFC 7766): each message behind its length in two bytes.

use super::name;
use crate::Claim;
use crate::cursor::Cursor;
use abi::app::App;
use std::borrow::Cow;

/// A header, the root name, type and class.
const SHORTEST: u16 = 17;

/// Whether the first bytes of a direction are a DNS message behind its length.
pub fn claim_tcp(first: &[u8]) -> Claim {
    let mut cursor = Cursor(first);
    let Some(len) = cursor.u16() else {
        return Claim::More;
    };
    if len < SHORTEST {
        return Claim::No;
    }
    if let Some(message) = cursor.0.get(..usize::from(len)) {
        return if super::read(message, App::Unknown).is_some() { Claim::Yes } else { Claim::No };
    }
    // The header and the first question must do where the message is longer than the first bytes.
    match question_class(cursor.0) {
        Ok(Some(1 | 255)) => Claim::Yes,
        Ok(None) => Claim::More,
        Ok(Some(_)) | Err(NotDns) => Claim::No,
    }
}

struct NotDns;

/// The class of the only question; none if the bytes do not reach so far.
fn question_class(bytes: &[u8]) -> Result<Option<u16>, NotDns> {
    let Some(([_, _, flags, status, counts @ ..], rest)) = bytes.split_first_chunk::<12>() else {
        return Ok(None);
    };
    let [q0, q1, a0, _, n0, _, x0, _] = *counts;
    let is_plausible =
        flags & 0x78 == 0 && status & 0x40 == 0 && [q0, q1] == [0, 1] && [a0, n0, x0] == [0; 3];
    if !is_plausible {
        return Err(NotDns);
    }
    match name::skip(rest, 0) {
        Some(end) => Ok(rest.get(end..).and_then(|rest| {
            let mut rest = Cursor(rest);
            rest.u16()?;
            rest.u16()
        })),
        None if rest.len() > 255 => Err(NotDns),
        // A label longer than 63 bytes ends the hope for the rest of the name.
        None if has_bad_label(rest) => Err(NotDns),
        None => Ok(None),
    }
}

fn has_bad_label(bytes: &[u8]) -> bool {
    let mut cursor = Cursor(bytes);
    while let Some(len) = cursor.u8() {
        if len > 63 {
            return true;
        }
        if cursor.take(usize::from(len)).is_none() {
            return false;
        }
    }
    false
}

/// Collects the messages of one direction.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// The length and what there is of its message; at most 64 KiB and two bytes.
    buffer: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Running,
    Stopped,
}

impl Assembly {
    /// Gives up this direction.
    pub(super) fn stop(&mut self) {
        self.buffer = Vec::new();
        self.state = State::Stopped;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// Bytes of a message that are held.
    pub(super) fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next whole message in `bytes`, which is moved on to what lies behind it.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.is_stopped() {
            return None;
        }
        if self.buffer.is_empty() {
            let mut cursor = Cursor(bytes);
            if let Some(message) = cursor.counted_16() {
                *bytes = cursor.0;
                return Some(Cow::Borrowed(message));
            }
        }
        loop {
            let wanted = match self.buffer.as_slice() {
                [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])).saturating_add(2),
                _ => 2,
            };
            let (head, rest) =
                bytes.split_at_checked(wanted.saturating_sub(self.buffer.len())).unwrap_or((bytes, &[]));
            self.buffer.extend_from_slice(head);
            *bytes = rest;
            if self.buffer.len() < wanted {
                return None;
            }
            if wanted > 2 || self.buffer == [0, 0] {
                let mut message = std::mem::take(&mut self.buffer);
                message.drain(..2);
                return Some(Cow::Owned(message));
            }
        }
    }
}
