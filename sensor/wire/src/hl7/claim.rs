//! Whether bytes are HL7 version 2.

use crate::Claim;

/// How far a stream that was joined midway is searched for a framed message.
const SEARCH_MOST: usize = 4096;

/// Whether the first bytes of one direction are HL7: framed (VT, then MSH, FHS or BHS), bare, or joined in the midst of a message.
pub fn claim(first: &[u8]) -> Claim {
    // Some senders put line ends, as a sign of life, before the first frame.
    let blank = first.iter().take(8).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (framed, text) = match first.get(blank..).unwrap_or_default() {
        [0x0b, text @ ..] => (true, text),
        text => (false, text),
    };
    let headers: [&[u8]; 3] = [b"MSH", b"FHS", b"BHS"];
    let begins = |header: &&[u8]| header.starts_with(text.get(..3.min(text.len())).unwrap_or_default());
    if !headers.iter().any(begins) {
        return if search(first) { Claim::Yes } else { Claim::No };
    }
    match (framed, text.get(3..)) {
        (_, None | Some([])) => Claim::More,
        (true, Some([separator, ..])) if delimits(*separator) => Claim::Yes,
        (false, Some(rest)) => bare(rest),
        (true, Some(_)) => Claim::No,
    }
}

/// Whether a byte can be a field separator: HL7 allows any character that is not text.
pub(super) fn delimits(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && !matches!(byte, b' ' | b'\r' | b'\n' | 0x0b | 0x1c | 0)
}

/// Bare text must show more: a separator, at most five encoding characters (HL7 2.9 section 2.14.9.2), the separator again.
fn bare(rest: &[u8]) -> Claim {
    let Some((&separator, rest)) = rest.split_first() else { return Claim::More };
    if !separator.is_ascii_punctuation() {
        return Claim::No;
    }
    let encoding =
        rest.iter().take(6).take_while(|byte| byte.is_ascii_punctuation() && **byte != separator).count();
    match rest.get(encoding) {
        None => Claim::More,
        Some(byte) if *byte == separator && (1..=5).contains(&encoding) => Claim::Yes,
        Some(_) => Claim::No,
    }
}

fn search(first: &[u8]) -> bool {
    let first = first.get(..SEARCH_MOST.min(first.len())).unwrap_or_default();
    first
        .windows(5)
        .any(|window| matches!(window, [0x0b, b'M', b'S', b'H', separator] if delimits(*separator)))
}
