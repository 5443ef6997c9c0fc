//! A field of a session row, borrowed from the dissector that read it.

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text, already reduced to printable characters and a bounded length.
    Text(&'a str),
    /// A number.
    Number(u64),
    /// Several texts.
    List(&'a [String]),
    /// A truth value.
    Flag(bool),
}

/// Makes text of bytes from the network: printable ASCII and valid UTF-8 kept, all else `.`, cut after `most` characters.
pub fn printable(bytes: &[u8], most: usize) -> String {
    let head = bytes.get(..most).unwrap_or(bytes);
    // Nearly always there is nothing to replace, and characters are bytes.
    if head.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && let Ok(text) = std::str::from_utf8(head)
    {
        return text.to_owned();
    }
    String::from_utf8_lossy(bytes.get(..most.saturating_mul(4).min(bytes.len())).unwrap_or_default())
        .chars()
        .take(most)
        .map(|c| if c.is_control() || c == char::REPLACEMENT_CHARACTER { '.' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
