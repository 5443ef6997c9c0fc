//! The JA4 fingerprint of a TLS client, by the public specification of `FoxIO` (that part is under the BSD 3-Clause licence;
//! no other fingerprint of the family is used here).

use super::hello::{ClientHello, extension, is_grease, values};
use sha2::{Digest, Sha256};

/// The fingerprint of a hello over TCP, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(super) fn fingerprint(hello: &ClientHello<'_>) -> String {
    let mut ciphers: Vec<u16> = values(hello.ciphers).collect();
    let mut extensions: Vec<u16> =
        hello.extensions().map(|(kind, _)| kind).filter(|kind| !is_grease(*kind)).collect();
    let destination = if extensions.contains(&extension::SERVER_NAME) { 'd' } else { 'i' };
    let [first, last] = alpn_ends(hello.protocols().next().unwrap_or_default());
    let mut text = format!(
        "t{}{destination}{:02}{:02}{first}{last}",
        version_mark(hello.version()),
        ciphers.len().min(99),
        extensions.len().min(99),
    );
    ciphers.sort_unstable();
    push_hash(&mut text, &hex_list(ciphers));
    extensions.retain(|kind| !matches!(*kind, extension::SERVER_NAME | extension::ALPN));
    extensions.sort_unstable();
    push_hash(&mut text, &extensions_and_algorithms(hello, extensions));
    text
}

/// The sorted extensions, then the signature algorithms in the client's order; without a separator where there are none.
fn extensions_and_algorithms(hello: &ClientHello<'_>, sorted: Vec<u16>) -> String {
    let mut list = hex_list(sorted);
    let algorithms = hello
        .extension(extension::SIGNATURE_ALGORITHMS)
        .and_then(|content| crate::cursor::Cursor(content).counted_16())
        .unwrap_or_default();
    let algorithms = hex_list(values(algorithms));
    if !list.is_empty() && !algorithms.is_empty() {
        list.push('_');
        list.push_str(&algorithms);
    }
    list
}

const fn version_mark(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// The first and last characters of the first protocol; of its hexadecimal form where either is not alphanumeric.
fn alpn_ends(name: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return ['0', '0'];
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0x0f)]
}

fn hex_list(values: impl IntoIterator<Item = u16>) -> String {
    let mut list = String::with_capacity(128);
    for value in values {
        if !list.is_empty() {
            list.push(',');
        }
        value.to_be_bytes().into_iter().for_each(|byte| push_hex(&mut list, byte));
    }
    list
}

/// Adds `_` and the first twelve digits of the SHA-256 of a list; zeros for an empty one.
fn push_hash(text: &mut String, list: &str) {
    text.push('_');
    if list.is_empty() {
        text.push_str("000000000000");
        return;
    }
    for byte in Sha256::digest(list.as_bytes()).iter().take(6) {
        push_hex(text, *byte);
    }
}

fn push_hex(text: &mut String, byte: u8) {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + (value - 10) });
    text.push(digit(byte >> 4));
    text.push(digit(byte & 0x0f));
}
