//! The bodies of A-ASSOCIATE-RQ and -AC (PS3.8 section 9.3.2 and 9.3.3, PS3.7 annex D.3.3), whole or cut short.

use super::elements::Syntax;
use super::{Aet, Associate, LIST_MOST, Parties, text_of, trimmed};

/// The bytes before the first item: version, reserved, two titles, reserved.
const FIXED: usize = 68;

/// A presentation context: what the encoding of its data sets is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Its odd number.
    pub(super) id: u8,
    /// The encoding of the transfer syntax that was accepted.
    pub(super) syntax: Syntax,
}

/// Reads the body of a request into a fresh association.
pub(super) fn request(body: &[u8]) -> Associate {
    let mut said = Associate { parties: parties(body), ..Associate::default() };
    for Item { kind, value, whole } in items(body.get(FIXED..).unwrap_or_default()) {
        said.cut |= !whole;
        match kind {
            0x20 => {
                said.presentation_contexts = said.presentation_contexts.saturating_add(1);
                proposal(value.get(4..).unwrap_or_default(), &mut said);
            }
            0x50 => user(value, |kind, value| match kind {
                0x51 => said.max_pdu = value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)),
                0x52 => said.implementation_class_uid = text_of(value, 64),
                0x55 => said.implementation_version_name = text_of(value, 16),
                // Only the type: the rest is a user's name and passcode, or a ticket.
                0x58 => said.user_identity = value.first().copied(),
                _ => {}
            }),
            _ => {}
        }
    }
    said.cut |= body.len() < FIXED;
    said
}

/// Adds what the acceptance says to the association, and gives its contexts.
pub(super) fn accept(body: &[u8], said: &mut Associate) -> Vec<Context> {
    let mut contexts = Vec::new();
    for Item { kind, value, whole } in items(body.get(FIXED..).unwrap_or_default()) {
        said.cut |= !whole;
        match (kind, value) {
            // Result 0 is acceptance.
            (0x21, [id, _, 0, _, subitems @ ..]) => {
                said.accepted_contexts = said.accepted_contexts.saturating_add(1);
                let syntax = items(subitems).find(|item| item.kind == 0x40);
                let syntax = syntax.map_or(Syntax::Unknown, |item| Syntax::of(trimmed(item.value)));
                if contexts.len() < LIST_MOST {
                    contexts.push(Context { id: *id, syntax });
                }
            }
            (0x50, value) => user(value, |kind, value| match kind {
                0x52 => said.responder_implementation_class_uid = text_of(value, 64),
                0x55 => said.responder_implementation_version_name = text_of(value, 16),
                _ => {}
            }),
            _ => {}
        }
    }
    said.cut |= body.len() < FIXED;
    contexts
}

/// The titles, which stand at the same place in both bodies. An acceptor repeats what it received.
pub(super) fn parties(body: &[u8]) -> Parties {
    let title = |from: usize, to: usize| body.get(from..to).map(Aet::read).unwrap_or_default();
    Parties { called: title(4, 20), calling: title(20, 36) }
}

/// The sub-items of a proposed context.
fn proposal(subitems: &[u8], said: &mut Associate) {
    for Item { kind, value, whole } in items(subitems) {
        let list = match kind {
            0x30 => &mut said.abstract_syntaxes,
            0x40 => &mut said.transfer_syntaxes,
            _ => continue,
        };
        let uid = trimmed(value);
        if whole && list.len() < LIST_MOST && !list.iter().any(|known| is_same(known.as_bytes(), uid)) {
            list.extend(text_of(uid, 64));
        }
    }
}

/// Whether two UIDs are equal, asked of their last byte first: UIDs of one family differ at their ends only.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.last() == other.last() && one == other
}

/// The sub-items of the user information.
fn user(subitems: &[u8], mut each: impl FnMut(u8, &[u8])) {
    for item in items(subitems).filter(|item| item.whole) {
        each(item.kind, item.value);
    }
}

struct Item<'a> {
    kind: u8,
    value: &'a [u8],
    /// Whether all of the value is there.
    whole: bool,
}

/// Items are a type, a reserved byte, and a value with a length of 16 bits.
fn items(mut bytes: &[u8]) -> impl Iterator<Item = Item<'_>> {
    core::iter::from_fn(move || {
        let (&[kind, _, high, low], rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest, whole) = match rest.split_at_checked(length) {
            Some((value, rest)) => (value, rest, true),
            None => (rest, [].as_slice(), false),
        };
        bytes = rest;
        Some(Item { kind, value, whole })
    })
}
