//! The two hellos.

use super::{Tls, ja4};
use crate::cursor::Cursor;
use crate::field::printable;

/// Extension numbers (IANA).
pub(super) mod extension {
    pub(in crate::tls) const SERVER_NAME: u16 = 0;
    pub(in crate::tls) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(in crate::tls) const ALPN: u16 = 16;
    pub(in crate::tls) const SUPPORTED_VERSIONS: u16 = 43;
}

const MOST_PROTOCOLS: usize = 8;

/// The random value by which a hello of the server is a request to retry (RFC 8446 section 4.1.3).
pub(super) const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A reserved value that clients send to keep servers tolerant (RFC 8701).
pub(super) const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// Two-byte values, GREASE left out.
pub(super) fn values(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let mut cursor = Cursor(bytes);
    std::iter::from_fn(move || cursor.u16()).filter(|value| !is_grease(*value))
}

/// A `ClientHello` (RFC 8446 section 4.1.2).
pub(super) struct ClientHello<'a> {
    pub(super) legacy_version: u16,
    pub(super) ciphers: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the message's body; the extensions may be absent.
    pub(super) fn read(body: &'a [u8]) -> Option<ClientHello<'a>> {
        let mut cursor = Cursor(body);
        let legacy_version = cursor.u16()?;
        cursor.array::<32>()?;
        cursor.counted_8()?;
        let ciphers = cursor.counted_16()?;
        cursor.counted_8()?;
        let extensions = if cursor.is_empty() { &[] } else { cursor.counted_16()? };
        Some(ClientHello { legacy_version, ciphers, extensions })
    }

    /// The extensions in their order, with their content.
    pub(super) fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut cursor = Cursor(self.extensions);
        std::iter::from_fn(move || Some((cursor.u16()?, cursor.counted_16()?)))
    }

    /// The content of the first extension of a kind.
    pub(super) fn extension(&self, kind: u16) -> Option<&'a [u8]> {
        self.extensions().find(|(found, _)| *found == kind).map(|(_, content)| content)
    }

    /// The highest version on offer.
    pub(super) fn version(&self) -> u16 {
        self.extension(extension::SUPPORTED_VERSIONS)
            .and_then(|content| Cursor(content).counted_8())
            .and_then(|list| values(list).max())
            .unwrap_or(self.legacy_version)
    }

    /// The first byte strings of the ALPN extension.
    pub(super) fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let list = self.extension(extension::ALPN).and_then(|content| Cursor(content).counted_16());
        let mut cursor = Cursor(list.unwrap_or_default());
        std::iter::from_fn(move || cursor.counted_8())
    }

    /// What a row says of the client.
    pub(super) fn to_tls(&self) -> Tls {
        Tls {
            sni: self.extension(extension::SERVER_NAME).and_then(server_name),
            alpn_offered: self.protocols().take(MOST_PROTOCOLS).map(|name| printable(name, 32)).collect(),
            client_version: Some(self.version()),
            ciphers: u16::try_from(values(self.ciphers).count()).unwrap_or(u16::MAX),
            ja4: Some(ja4::fingerprint(self)),
            ..Tls::default()
        }
    }
}

/// The host name in a `server_name` extension (RFC 6066 section 3).
fn server_name(content: &[u8]) -> Option<String> {
    let mut list = Cursor(Cursor(content).counted_16()?);
    while let Some(kind) = list.u8() {
        let name = list.counted_16()?;
        if kind == 0 && !name.is_empty() {
            return Some(printable(&name.to_ascii_lowercase(), 255));
        }
    }
    None
}

/// A `ServerHello` (RFC 8446 section 4.1.3).
pub(super) struct ServerHello<'a> {
    legacy_version: u16,
    random: [u8; 32],
    cipher: u16,
    extensions: &'a [u8],
}

impl<'a> ServerHello<'a> {
    /// Reads the message's body; the extensions may be absent.
    pub(super) fn read(body: &'a [u8]) -> Option<ServerHello<'a>> {
        let mut cursor = Cursor(body);
        let legacy_version = cursor.u16()?;
        let random = cursor.array::<32>()?;
        cursor.counted_8()?;
        let cipher = cursor.u16()?;
        cursor.u8()?;
        let extensions = if cursor.is_empty() { &[] } else { cursor.counted_16()? };
        Some(ServerHello { legacy_version, random, cipher, extensions })
    }

    /// Whether it asks the client to say hello again.
    pub(super) fn is_retry(&self) -> bool {
        self.random == RETRY
    }

    /// Adds what the server chose.
    pub(super) fn tell(&self, tls: &mut Tls) {
        tls.version = Some(self.legacy_version);
        tls.cipher = Some(self.cipher);
        let mut cursor = Cursor(self.extensions);
        while let (Some(kind), Some(content)) = (cursor.u16(), cursor.counted_16()) {
            match kind {
                extension::SUPPORTED_VERSIONS => tls.version = Cursor(content).u16().or(tls.version),
                extension::ALPN => {
                    tls.alpn = Cursor(content)
                        .counted_16()
                        .and_then(|list| Cursor(list).counted_8())
                        .map(|name| printable(name, 32));
                }
                _ => {}
            }
        }
    }
}
