//! One message: header, question, and what is of interest in its records.

use super::name;
use crate::cursor::Cursor;
use crate::field::printable;
use abi::address::Ip;
use abi::app::App;

const HEADER_LEN: usize = 12;
const MOST_ADDRESSES: usize = 8;
const MOST_NAMES: usize = 16;
const MOST_TEXTS: usize = 8;
const LONGEST_TEXT: usize = 96;
/// Names that are spelled out in one message; the rest are passed over.
const MOST_SPELLED: usize = 64;
/// Questions of one message that are read; only multicast DNS asks more than one.
const MOST_QUESTIONS: u16 = 64;

const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const NETBIOS_NAME: u16 = 32;
const NETBIOS_STATUS: u16 = 33;

/// Keys of text records by which printers, cameras and players tell their make and model.
const TEXT_KEYS: [&str; 14] = [
    "ty=",
    "md=",
    "mdl=",
    "mfg=",
    "model=",
    "usb_mfg=",
    "usb_mdl=",
    "product=",
    "manufacturer=",
    "vendor=",
    "fv=",
    "fw=",
    "version=",
    "note=",
];

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks.
    Query,
    /// It answers.
    Response,
}

/// A message, reduced to what rows tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The transaction's number.
    pub id: u16,
    /// Whether it asks or answers.
    pub direction: Kind,
    /// What kind of query it belongs to (0 standard, 4 notify, 5 update).
    pub opcode: u8,
    /// The response code, without its extension in EDNS.
    pub rcode: u8,
    /// The name of the first question, lower case.
    pub name: Option<String>,
    /// The record type of the first question.
    pub kind: Option<u16>,
    /// Records in the answer section, as the header counts them.
    pub answers: u16,
    /// Addresses in the answer section; in multicast DNS also in the additional one.
    pub addresses: Vec<Ip>,
    /// Names of further questions, or of multicast records.
    pub names: Vec<String>,
    /// The owner of the first multicast address record.
    pub host: Option<String>,
    /// Telling entries of multicast text records.
    pub texts: Vec<String>,
    /// Bytes of the message.
    pub len: usize,
}

/// How much is asked of bytes before they count as DNS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The ports say so: a message cut short by the capture still tells its question.
    Ports,
    /// Only the content: all of it must work out.
    Content,
}

/// Reads a message. `app` is what the ports hint at: with [`App::Unknown`] the bytes must work out to the last.
pub fn read(bytes: &[u8], app: App) -> Option<Message> {
    let trust = if app == App::Unknown { Trust::Content } else { Trust::Ports };
    let mut cursor = Cursor(bytes);
    let (id, flags) = (cursor.u16()?, cursor.u16()?);
    let [questions, answers, authorities, additionals] =
        [cursor.u16()?, cursor.u16()?, cursor.u16()?, cursor.u16()?];
    let direction = if flags & 0x8000 == 0 { Kind::Query } else { Kind::Response };
    let opcode = u8::try_from((flags >> 11) & 0xf).unwrap_or(0);
    let rcode = u8::try_from(flags & 0xf).unwrap_or(0);
    let records =
        u32::from(answers).saturating_add(u32::from(authorities)).saturating_add(u32::from(additionals));
    let is_plausible = match (trust, direction) {
        _ if !matches!(opcode, 0 | 2 | 4 | 5) => false,
        (Trust::Ports, Kind::Query) => questions > 0 || records > 0,
        // A refusal may be a header alone.
        (Trust::Ports, Kind::Response) => questions > 0 || records > 0 || rcode > 0,
        (Trust::Content, Kind::Query) => {
            (questions, answers) == (1, 0) && matches!(opcode, 0 | 5) && flags & 0x064f == 0
        }
        (Trust::Content, Kind::Response) => questions == 1 && rcode <= 10 && flags & 0x0040 == 0,
    };
    if !is_plausible || app == App::Dns && questions > 1 {
        return None;
    }
    let message = Message {
        id,
        direction,
        opcode,
        rcode,
        name: None,
        kind: None,
        answers,
        addresses: Vec::new(),
        names: Vec::new(),
        host: None,
        texts: Vec::new(),
        len: bytes.len(),
    };
    let mut walk = Walk { bytes, at: HEADER_LEN, spelled: 0, app, message };
    for _ in 0..questions.min(MOST_QUESTIONS) {
        walk.question(trust)?;
    }
    let own = if is_multicast(app) { records } else { u32::from(answers) };
    match (trust, walk.records(records, own)) {
        (Trust::Ports, _) => Some(walk.message),
        (Trust::Content, Some(())) => (walk.at == bytes.len()).then_some(walk.message),
        (Trust::Content, None) => None,
    }
}

/// Whether questions are put to a group: their answers are announcements, and all records of them count.
const fn is_multicast(app: App) -> bool {
    matches!(app, App::Mdns | App::Llmnr)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Names that were spelled out.
    spelled: usize,
    app: App,
    message: Message,
}

impl<'a> Walk<'a> {
    fn question(&mut self, trust: Trust) -> Option<()> {
        let start = self.at;
        let end = name::skip(self.bytes, start)?;
        let mut fixed = Cursor(self.bytes.get(end..)?);
        let (kind, class) = (fixed.u16()?, fixed.u16()?);
        self.at = end.checked_add(4)?;
        if trust == Trust::Content && !matches!(class, 1 | 3 | 254 | 255) {
            return None;
        }
        let Some(name) = self.spell(start) else {
            // A name that cannot be spelled is only forgiven to a question beyond the cap.
            return (self.spelled >= MOST_SPELLED).then_some(());
        };
        if matches!(kind, NETBIOS_NAME | NETBIOS_STATUS) && name::is_netbios(&name) {
            return None;
        }
        if self.message.name.is_none() {
            self.message.name = Some(name);
            self.message.kind = Some(kind);
        } else {
            self.push_name(name);
        }
        Some(())
    }

    /// Walks `count` records; the first `own` of them are looked at.
    fn records(&mut self, count: u32, own: u32) -> Option<()> {
        for index in 0..count {
            let owner = self.at;
            let mut rest = Cursor(self.bytes.get(name::skip(self.bytes, owner)?..)?);
            let kind = rest.u16()?;
            rest.array::<6>()?;
            let len = rest.u16()?;
            let start = self.bytes.len().checked_sub(rest.len())?;
            let content = rest.take(usize::from(len))?;
            self.at = start.checked_add(usize::from(len))?;
            if index < own {
                self.record(kind, owner, start, content);
            }
        }
        Some(())
    }

    fn record(&mut self, kind: u16, owner: usize, start: usize, content: &'a [u8]) {
        let address = match kind {
            A => content.try_into().ok().map(Ip::v4),
            AAAA => content.try_into().ok().map(Ip),
            _ => None,
        };
        if let Some(address) = address {
            let addresses = &mut self.message.addresses;
            if addresses.len() < MOST_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
            if is_multicast(self.app) && self.message.host.is_none() {
                self.message.host = self.spell(owner);
            }
        }
        if !is_multicast(self.app) {
            return;
        }
        match kind {
            PTR => {
                self.push_spelled(owner);
                self.push_spelled(start);
            }
            // Priority, weight and port stand before the host.
            SRV => {
                self.push_spelled(owner);
                self.push_spelled(start.saturating_add(6));
            }
            TXT => self.text(content),
            _ => {}
        }
    }

    /// Entries behind their length in one byte (RFC 6763 section 6).
    fn text(&mut self, content: &[u8]) {
        let mut cursor = Cursor(content);
        while let Some(entry) = cursor.counted_8() {
            let lower = entry.get(..entry.len().min(16)).unwrap_or_default().to_ascii_lowercase();
            if self.message.texts.len() < MOST_TEXTS
                && TEXT_KEYS.iter().any(|key| lower.starts_with(key.as_bytes()))
            {
                let entry = printable(entry, LONGEST_TEXT);
                if !self.message.texts.contains(&entry) {
                    self.message.texts.push(entry);
                }
            }
        }
    }

    fn spell(&mut self, at: usize) -> Option<String> {
        if self.spelled >= MOST_SPELLED {
            return None;
        }
        self.spelled = self.spelled.saturating_add(1);
        name::read(self.bytes, at)
    }

    fn push_spelled(&mut self, at: usize) {
        if self.message.names.len() < MOST_NAMES
            && let Some(name) = self.spell(at)
        {
            self.push_name(name);
        }
    }

    fn push_name(&mut self, name: String) {
        if self.message.names.len() < MOST_NAMES && !name.is_empty() && !self.message.names.contains(&name) {
            self.message.names.push(name);
        }
    }
}
