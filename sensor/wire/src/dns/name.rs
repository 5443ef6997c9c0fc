//! Domain names on the wire (RFC 1035 sections 3.1 and 4.1.4).

use crate::field::printable;

/// Bytes of a name on the wire, which also bounds its text.
const LONGEST: usize = 255;
/// Compression pointers that are followed in one name.
const MOST_JUMPS: usize = 32;

/// The offset behind the name at `at`, without a look at where its pointer leads.
pub(super) fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        let len = *bytes.get(at)?;
        at = at.checked_add(1)?;
        match len {
            0 => return Some(at),
            1..=63 => at = at.checked_add(usize::from(len))?,
            // The second half of the pointer must be there.
            192.. => return bytes.get(at).and(at.checked_add(1)),
            64..192 => return None,
        }
        if at.saturating_sub(start) > LONGEST {
            return None;
        }
    }
}

/// The name at `at` as text: lower case, labels joined by dots, the root empty. None if it is broken, too long, or if its
/// pointers do not lead backwards.
pub(super) fn read(bytes: &[u8], start: usize) -> Option<String> {
    let mut text = Vec::with_capacity(64);
    let (mut at, mut bound, mut jumps) = (start, start, 0);
    loop {
        let len = *bytes.get(at)?;
        at = at.checked_add(1)?;
        match len {
            0 => return Some(printable(&text.to_ascii_lowercase(), LONGEST)),
            1..=63 => {
                let label = bytes.get(at..)?.get(..usize::from(len))?;
                if text.len().saturating_add(label.len()) >= LONGEST {
                    return None;
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend_from_slice(label);
                at = at.checked_add(label.len())?;
            }
            192.. => {
                let low = *bytes.get(at)?;
                at = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                jumps += 1;
                // A pointer leads to a prior occurrence, so each lies before the last: no loop is possible.
                if at >= bound || jumps > MOST_JUMPS {
                    return None;
                }
                bound = at;
            }
            64..192 => return None,
        }
    }
}

/// Whether a name is a `NetBIOS` one, 32 letters from A to P that encode 16 bytes (RFC 1001 section 14.1).
pub(super) fn is_netbios(name: &str) -> bool {
    let label = name.split('.').next().unwrap_or_default();
    label.len() == 32 && label.bytes().all(|byte| (b'a'..=b'p').contains(&byte))
}
