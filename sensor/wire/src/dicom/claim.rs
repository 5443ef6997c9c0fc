//! Whether bytes are DICOM, and where a PDU begins in them.

use crate::Claim;

/// How far behind the first byte a stream that was joined midway is searched.
const SEARCH_MOST: usize = 4096;
/// The application context, the first item of every association (PS3.7 section A.2.1).
const CONTEXT: &[u8] = b"\x10\x00\x00\x151.2.840.10008.3.1.1.1";

/// Whether the first bytes of one direction are DICOM, from the start of an association or from its midst.
pub fn claim(first: &[u8]) -> Claim {
    match look(first) {
        Claim::No if search(first) => Claim::Yes,
        claim @ (Claim::Yes | Claim::No | Claim::More) => claim,
    }
}

/// Whether a command begins somewhere in the first bytes: its signature is too long to occur by chance.
fn search(first: &[u8]) -> bool {
    let first = first.get(..SEARCH_MOST.min(first.len())).unwrap_or_default();
    first.windows(32).any(|window| match window {
        [4, 0, rest @ ..] => matches!(pdata(rest), Some(Shape::Command)),
        _ => false,
    })
}

/// Whether a PDU begins with the first byte.
pub(super) fn look(bytes: &[u8]) -> Claim {
    match bytes {
        [] | [1..=7] => Claim::More,
        [1 | 2, 0, rest @ ..] => associate(rest),
        [3, 0, rest @ ..] => {
            short(rest, |result, source, reason| matches!((result, source, reason), (1..=2, 1..=3, 1..=10)))
        }
        [4, 0, rest @ ..] => match pdata(rest) {
            Some(Shape::Command | Shape::Exact | Shape::Chain) => Claim::Yes,
            Some(Shape::Broken) => Claim::No,
            None => Claim::More,
        },
        [5 | 6, 0, rest @ ..] => short(rest, |a, b, c| matches!((a, b, c), (0, 0, 0))),
        [7, 0, rest @ ..] => {
            short(rest, |a, source, reason| matches!((a, source, reason), (0, 0 | 2, 0..=6)))
        }
        _ => Claim::No,
    }
}

/// A PDU of length 4 whose first byte is reserved.
fn short(rest: &[u8], fits: impl Fn(u8, u8, u8) -> bool) -> Claim {
    match rest {
        [0, 0, 0, 4, 0, a, b, c, ..] if fits(*a, *b, *c) => Claim::Yes,
        [0, 0, 0, 4, 0, _, _, _, ..] => Claim::No,
        _ if b"\x00\x00\x00\x04\x00".starts_with(rest.get(..5.min(rest.len())).unwrap_or_default()) => {
            Claim::More
        }
        _ => Claim::No,
    }
}

/// The beginning of A-ASSOCIATE-RQ or -AC behind its type: length, version, titles, and the application context.
fn associate(rest: &[u8]) -> Claim {
    let Some((length, body)) = rest.split_first_chunk() else {
        return if rest.first().is_none_or(|high| *high == 0) { Claim::More } else { Claim::No };
    };
    let length = u32::from_be_bytes(*length);
    if !(super::stream::ASSOCIATE_LEAST..=super::stream::ASSOCIATE_MOST).contains(&length) {
        return Claim::No;
    }
    let version = body.get(..2.min(body.len())).unwrap_or_default();
    let reserved = body.get(2..4.min(body.len())).unwrap_or_default();
    let titles = body.get(4..36.min(body.len())).unwrap_or_default();
    let context = body.get(68..).unwrap_or_default();
    let context = context.get(..CONTEXT.len().min(context.len())).unwrap_or_default();
    // Bit 0 of the version stands for version 1 (PS3.8 table 9-11). Titles are padded with spaces, by some with NUL.
    let printable = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | 0);
    let fits = match version {
        [0, low] => low & 1 == 1,
        [high] => *high == 0,
        _ => version.is_empty(),
    };
    if !fits
        || reserved.iter().any(|byte| *byte != 0)
        || !titles.iter().all(printable)
        || !CONTEXT.starts_with(context)
    {
        return Claim::No;
    }
    let blank = |title: Option<&[u8]>| title.is_some_and(|title| super::trimmed(title).is_empty());
    match titles.len() {
        // An empty title in an acceptance is legal: its titles are reserved fields that nobody tests.
        32 if blank(titles.get(..16)) && context.is_empty() => Claim::More,
        32 => Claim::Yes,
        _ => Claim::More,
    }
}

/// What the beginning of a P-DATA-TF looks like.
enum Shape {
    /// Its first fragment begins a command set.
    Command,
    /// Its first fragment fills it.
    Exact,
    /// A second fragment follows the first.
    Chain,
    /// It is none.
    Broken,
}

/// A command set begins with its group length: (0000,0000), four bytes (PS3.7 section 6.3.1).
const GROUP: &[u8] = b"\x00\x00\x00\x00\x04\x00\x00\x00";

/// Reads a P-DATA-TF behind its type (PS3.8 section 9.3.5); none if more bytes are needed.
fn pdata(rest: &[u8]) -> Option<Shape> {
    // No sender uses PDUs of 16 MiB and more, so the first byte of the length tells much.
    if rest.first().is_some_and(|high| *high != 0) {
        return Some(Shape::Broken);
    }
    let (pdu, rest) = rest.split_first_chunk()?;
    let room = u32::from_be_bytes(*pdu).saturating_sub(4);
    let (first, value) = fragment(rest)?;
    if !first.fits(room) {
        return Some(Shape::Broken);
    }
    if first.control & 1 == 1 {
        if value.starts_with(GROUP) {
            return Some(Shape::Command);
        }
        if value.len() < GROUP.len() && GROUP.starts_with(value) && first.length != room {
            return None;
        }
    }
    if first.length == room {
        return Some(Shape::Exact);
    }
    let behind = usize::try_from(first.length.saturating_sub(2)).ok()?;
    let (second, _) = fragment(value.get(behind..)?)?;
    let room = room.saturating_sub(first.length).saturating_sub(4);
    Some(if second.fits(room) { Shape::Chain } else { Shape::Broken })
}

/// The header of a fragment (PS3.8 section 9.3.5.1 and annex E.2).
struct Fragment {
    length: u32,
    context: u8,
    control: u8,
}

impl Fragment {
    fn fits(&self, room: u32) -> bool {
        (2..=room).contains(&self.length) && self.context & 1 == 1 && self.control <= 3
    }
}

fn fragment(bytes: &[u8]) -> Option<(Fragment, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (&[context, control], value) = rest.split_first_chunk()?;
    Some((Fragment { length: u32::from_be_bytes(*length), context, control }, value))
}
