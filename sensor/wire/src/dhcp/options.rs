//! The options of a message, in their order.

use crate::cursor::Cursor;

/// Options by their numbers (IANA).
pub(super) mod code {
    pub(in crate::dhcp) const ROUTER: u8 = 3;
    pub(in crate::dhcp) const NAME_SERVERS: u8 = 6;
    pub(in crate::dhcp) const HOSTNAME: u8 = 12;
    pub(in crate::dhcp) const DOMAIN: u8 = 15;
    pub(in crate::dhcp) const REQUESTED_IP: u8 = 50;
    pub(in crate::dhcp) const LEASE_TIME: u8 = 51;
    pub(in crate::dhcp) const OVERLOAD: u8 = 52;
    pub(in crate::dhcp) const MESSAGE_TYPE: u8 = 53;
    pub(in crate::dhcp) const SERVER_ID: u8 = 54;
    pub(in crate::dhcp) const PARAMETERS: u8 = 55;
    pub(in crate::dhcp) const VENDOR_CLASS: u8 = 60;
    pub(in crate::dhcp) const CLIENT_ID: u8 = 61;
    pub(in crate::dhcp) const USER_CLASS: u8 = 77;
    pub(in crate::dhcp) const CLIENT_FQDN: u8 = 81;
}

const PAD: u8 = 0;
const END: u8 = 255;

/// Different options of a message that are kept; no client comes near it.
const MOST: usize = 64;
/// Bytes of one option after its parts are joined.
const LONGEST: usize = 512;

/// What the options say.
pub(super) struct Options {
    /// In the order of their first parts.
    list: Vec<(u8, Vec<u8>)>,
}

impl Options {
    /// Reads the options area, then the header fields that option 52 lends to further options (RFC 2131 section 4.1).
    pub(super) fn read(area: &[u8], file: &[u8], server_name: &[u8]) -> Options {
        let mut options = Options { list: Vec::with_capacity(16) };
        options.area(area);
        let overload = options.of(code::OVERLOAD).and_then(|content| content.first().copied()).unwrap_or(0);
        if overload & 1 == 1 {
            options.area(file);
        }
        if overload & 2 == 2 {
            options.area(server_name);
        }
        options
    }

    /// The content of an option, if the message has it.
    pub(super) fn of(&self, code: u8) -> Option<&[u8]> {
        self.list.iter().find(|(found, _)| *found == code).map(|(_, content)| content.as_slice())
    }

    /// The numbers of the options, in their order.
    pub(super) fn into_order(self) -> Vec<u8> {
        self.list.into_iter().map(|(code, _)| code).collect()
    }

    /// Reads until the end option, or until the bytes run out. Parts of one option are joined (RFC 3396).
    fn area(&mut self, area: &[u8]) {
        let mut cursor = Cursor(area);
        while let Some(code) = cursor.u8() {
            match code {
                PAD => {}
                END => break,
                _ => {
                    let Some(content) = cursor.counted_8() else {
                        break;
                    };
                    self.add(code, content);
                }
            }
        }
    }

    fn add(&mut self, code: u8, content: &[u8]) {
        if let Some((_, joined)) = self.list.iter_mut().find(|(found, _)| *found == code) {
            let room = LONGEST.saturating_sub(joined.len()).min(content.len());
            joined.extend_from_slice(content.get(..room).unwrap_or_default());
        } else if self.list.len() < MOST {
            self.list.push((code, content.to_vec()));
        }
    }
}
