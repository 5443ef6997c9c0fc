//! DICOM upper layer (PS3.8 section 9) and DIMSE (PS3.7): who asks whom for what, and with which result.
//!
//! Bulk data is skipped by length. Of data sets only the elements that name the device, the level of a query and whether its
//! keys are open are read; every other element is passed over unread, so that no patient field can leave.

use sha2::{Digest, Sha256};

use crate::field::{Value, printable};
pub use claim::claim;
pub use session::Session;

mod associate;
mod claim;
mod command;
mod conversation;
mod dataset;
mod elements;
mod session;
mod stream;

#[cfg(test)]
mod tests;

/// The most UIDs that a list of an association keeps; the count of contexts goes on.
pub const LIST_MOST: usize = 256;

/// An application entity title (PS3.5 section 6.2): at most 16 printable ASCII characters without padding; empty if unknown.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aet {
    bytes: [u8; 16],
    len: u8,
}

impl Aet {
    /// Reads a title as it stands in a PDU or in a command set: padding is cut, what is not printable becomes `.`.
    pub fn read(padded: &[u8]) -> Aet {
        let mut aet = Aet::default();
        let text = trimmed(padded);
        for (slot, byte) in aet.bytes.iter_mut().zip(text) {
            *slot = if byte.is_ascii_graphic() || *byte == b' ' { *byte } else { b'.' };
            aet.len = aet.len.saturating_add(1);
        }
        aet
    }

    /// The title as text.
    pub fn as_str(&self) -> &str {
        let kept = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(kept).unwrap_or_default()
    }

    /// Whether no title is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl core::fmt::Debug for Aet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The two ends of an association. Both are empty when the sensor joined after the association was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// The requestor's title.
    pub calling: Aet,
    /// The acceptor's title.
    pub called: Aet,
}

/// What became of a request for an association.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// None was seen before the connection ended.
    #[default]
    Missing,
    /// A-ASSOCIATE-AC.
    Accepted,
    /// A-ASSOCIATE-RJ (PS3.8 section 9.3.4): the numbers are the standard's.
    Rejected {
        /// 1 permanent, 2 transient.
        result: u8,
        /// 1 service user, 2 and 3 service provider.
        source: u8,
        /// Its meaning depends on `source`; 7 of source 1 is "called AE title not recognised".
        reason: u8,
    },
    /// A-ABORT before an answer.
    Aborted,
}

/// A request for an association and its answer (PS3.8 section 9.3.2 and 9.3.3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Associate {
    /// The two ends, as the requestor names them.
    pub parties: Parties,
    /// What became of it.
    pub answer: Answer,
    /// The requestor's implementation class UID (item 52H).
    pub implementation_class_uid: Option<String>,
    /// The requestor's implementation version name (item 55H), at most 16 characters.
    pub implementation_version_name: Option<String>,
    /// The acceptor's implementation class UID.
    pub responder_implementation_class_uid: Option<String>,
    /// The acceptor's implementation version name.
    pub responder_implementation_version_name: Option<String>,
    /// The largest PDU that the requestor receives, in bytes; 0 means no limit (item 51H).
    pub max_pdu: Option<u32>,
    /// Presentation contexts proposed.
    pub presentation_contexts: u32,
    /// Presentation contexts accepted.
    pub accepted_contexts: u32,
    /// Distinct abstract syntaxes in the order of the proposal, at most [`LIST_MOST`].
    pub abstract_syntaxes: Vec<String>,
    /// Distinct transfer syntaxes in the order of the proposal, at most [`LIST_MOST`].
    pub transfer_syntaxes: Vec<String>,
    /// The type of user identity that was sent (PS3.7 section D.3.3.7: 1 name, 2 name and passcode, 3 Kerberos, 4 SAML,
    /// 5 JWT); the identity itself is not read.
    pub user_identity: Option<u8>,
    /// Whether a part of the request or of its answer was lost or exceeded the cap, so that lists and counts are a minimum.
    pub cut: bool,
}

/// A DIMSE operation or notification (PS3.7 section 9.3 and 10.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// C-STORE.
    Store,
    /// C-GET.
    Get,
    /// C-FIND.
    Find,
    /// C-MOVE.
    Move,
    /// C-ECHO.
    Echo,
    /// C-CANCEL of a find, get or move.
    Cancel,
    /// N-EVENT-REPORT.
    EventReport,
    /// N-GET.
    NGet,
    /// N-SET.
    NSet,
    /// N-ACTION.
    NAction,
    /// N-CREATE.
    NCreate,
    /// N-DELETE.
    NDelete,
}

impl Operation {
    /// The word of the row.
    pub const fn word(self) -> &'static str {
        match self {
            Operation::Store => "c-store",
            Operation::Get => "c-get",
            Operation::Find => "c-find",
            Operation::Move => "c-move",
            Operation::Echo => "c-echo",
            Operation::Cancel => "c-cancel",
            Operation::EventReport => "n-event-report",
            Operation::NGet => "n-get",
            Operation::NSet => "n-set",
            Operation::NAction => "n-action",
            Operation::NCreate => "n-create",
            Operation::NDelete => "n-delete",
        }
    }
}

/// The level of a query or retrieval (0008,0052).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `PATIENT`.
    Patient,
    /// `STUDY`.
    Study,
    /// `SERIES`.
    Series,
    /// `IMAGE`.
    Image,
    /// `FRAME`.
    Frame,
}

impl Level {
    /// The standard's word.
    pub const fn word(self) -> &'static str {
        match self {
            Level::Patient => "PATIENT",
            Level::Study => "STUDY",
            Level::Series => "SERIES",
            Level::Image => "IMAGE",
            Level::Frame => "FRAME",
        }
    }
}

/// The device that made an object, from the first C-STORE data set of an association (PS3.3 section C.7.5.1). It is the
/// acquiring device, not always the sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Equipment {
    /// (0008,0070).
    pub manufacturer: Option<String>,
    /// (0008,1090).
    pub model: Option<String>,
    /// The first 16 hexadecimal digits of the SHA-256 of (0018,1000) without padding; the number itself is not kept.
    pub serial_hash: Option<String>,
    /// (0018,1020).
    pub software: Option<String>,
    /// (0008,1010).
    pub station: Option<String>,
}

impl Equipment {
    fn is_empty(&self) -> bool {
        *self == Equipment::default()
    }
}

/// Counts of the sub-operations of a C-GET or C-MOVE, from its last response that gave them (PS3.7 section 9.1.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suboperations {
    /// (0000,1021).
    pub completed: Option<u16>,
    /// (0000,1022).
    pub failed: Option<u16>,
    /// (0000,1023).
    pub warning: Option<u16>,
}

/// A DIMSE request and its responses.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What was asked.
    pub operation: Operation,
    /// The two ends of the association that it ran in; the asker may be either.
    pub parties: Parties,
    /// The message id (0000,0110); of a C-CANCEL the id of the message to cancel (0000,0120).
    pub message_id: u16,
    /// The affected or requested SOP class.
    pub sop_class: Option<String>,
    /// The status of the final response (0000,0900); absent when none was seen.
    pub status: Option<u16>,
    /// Responses seen, pending ones included.
    pub responses: u32,
    /// The title that a C-MOVE sends to (0000,0600).
    pub destination: Option<Aet>,
    /// The level of a C-FIND, C-GET or C-MOVE.
    pub query_level: Option<Level>,
    /// Of a C-FIND, C-GET or C-MOVE: whether no key that names a patient, study, series or object (0010,0010), (0010,0020),
    /// (0008,0050), (0008,0018), (0020,000D), (0020,000E) holds more than wildcards. Absent when the identifier was not read.
    pub wildcard: Option<bool>,
    /// Counts of sub-operations.
    pub suboperations: Suboperations,
    /// Bytes of the request's data set.
    pub bytes: u64,
    /// Bytes of the responses' data sets.
    pub response_bytes: u64,
    /// The device that made the object, of the first C-STORE of an association.
    pub equipment: Option<Box<Equipment>>,
}

/// One exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Dicom {
    /// A request for an association, accepted or not: operation `associate`, or `reject`.
    Associate(Box<Associate>),
    /// A DIMSE request with its responses.
    Command(Box<Command>),
    /// A-RELEASE-RQ: an association ends in order.
    Release(Parties),
    /// A-ABORT (PS3.8 section 9.3.8).
    Abort {
        /// The ends of the association.
        parties: Parties,
        /// 0 service user, 2 service provider.
        source: u8,
        /// The provider's reason.
        reason: u8,
    },
}

impl Dicom {
    /// The operation word of the row.
    pub fn op(&self) -> &'static str {
        match self {
            Dicom::Associate(said) => match said.answer {
                Answer::Rejected { .. } => "reject",
                Answer::Missing | Answer::Accepted | Answer::Aborted => "associate",
            },
            Dicom::Command(said) => said.operation.word(),
            Dicom::Release(_) => "release",
            Dicom::Abort { .. } => "abort",
        }
    }

    /// The ends of the association.
    pub fn parties(&self) -> Parties {
        match self {
            Dicom::Associate(said) => said.parties,
            Dicom::Command(said) => said.parties,
            Dicom::Release(parties) | Dicom::Abort { parties, .. } => *parties,
        }
    }

    /// The fields of the row.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        let Parties { calling, called } = self.parties();
        text(sink, "calling_aet", Some(calling.as_str()));
        text(sink, "called_aet", Some(called.as_str()));
        match self {
            Dicom::Associate(said) => said.fields(sink),
            Dicom::Command(said) => said.fields(sink),
            Dicom::Release(_) => {}
            Dicom::Abort { source, reason, .. } => {
                sink("source", Value::Number(u64::from(*source)));
                sink("reason", Value::Number(u64::from(*reason)));
            }
        }
    }
}

impl Associate {
    fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        text(sink, "implementation_class_uid", self.implementation_class_uid.as_deref());
        text(sink, "implementation_version_name", self.implementation_version_name.as_deref());
        text(sink, "responder_implementation_class_uid", self.responder_implementation_class_uid.as_deref());
        text(
            sink,
            "responder_implementation_version_name",
            self.responder_implementation_version_name.as_deref(),
        );
        number(sink, "max_pdu", self.max_pdu);
        sink("presentation_contexts", Value::Number(u64::from(self.presentation_contexts)));
        sink("accepted_contexts", Value::Number(u64::from(self.accepted_contexts)));
        sink("abstract_syntaxes", Value::List(&self.abstract_syntaxes));
        sink("transfer_syntaxes", Value::List(&self.transfer_syntaxes));
        number(sink, "user_identity", self.user_identity);
        sink("accepted", Value::Flag(self.answer == Answer::Accepted));
        match self.answer {
            Answer::Accepted => {}
            Answer::Missing => sink("unanswered", Value::Flag(true)),
            Answer::Aborted => sink("aborted", Value::Flag(true)),
            Answer::Rejected { result, source, reason } => {
                sink("result", Value::Number(u64::from(result)));
                sink("source", Value::Number(u64::from(source)));
                sink("reason", Value::Number(u64::from(reason)));
            }
        }
        if self.cut {
            sink("cut", Value::Flag(true));
        }
    }
}

impl Command {
    fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        sink("message_id", Value::Number(u64::from(self.message_id)));
        text(sink, "sop_class", self.sop_class.as_deref());
        if let Some(status) = self.status {
            // Four hexadecimal digits, as PS3.7 annex C prints them: `0000`, `A700`.
            sink("status", Value::Text(&format!("{status:04X}")));
        }
        sink("responses", Value::Number(u64::from(self.responses)));
        text(sink, "destination_aet", self.destination.as_ref().map(Aet::as_str));
        text(sink, "query_level", self.query_level.map(Level::word));
        if let Some(open) = self.wildcard {
            sink("wildcard", Value::Flag(open));
        }
        number(sink, "completed", self.suboperations.completed);
        number(sink, "failed", self.suboperations.failed);
        number(sink, "warning", self.suboperations.warning);
        sink("bytes", Value::Number(self.bytes));
        sink("response_bytes", Value::Number(self.response_bytes));
        if let Some(equipment) = &self.equipment {
            text(sink, "manufacturer", equipment.manufacturer.as_deref());
            text(sink, "model", equipment.model.as_deref());
            text(sink, "serial_hash", equipment.serial_hash.as_deref());
            text(sink, "software", equipment.software.as_deref());
            text(sink, "station", equipment.station.as_deref());
        }
    }
}

/// Shows a text that is known.
fn text(sink: &mut dyn FnMut(&'static str, Value<'_>), name: &'static str, value: Option<&str>) {
    if let Some(value) = value.filter(|text| !text.is_empty()) {
        sink(name, Value::Text(value));
    }
}

/// Shows a number that is known.
fn number<N: Into<u64>>(sink: &mut dyn FnMut(&'static str, Value<'_>), name: &'static str, value: Option<N>) {
    if let Some(value) = value {
        sink(name, Value::Number(value.into()));
    }
}

/// A value without its padding: text ends in spaces, UIDs in a NUL (PS3.5 section 6.2).
fn trimmed(bytes: &[u8]) -> &[u8] {
    let padding = |byte: &u8| matches!(byte, 0 | b' ');
    let start = bytes.iter().position(|byte| !padding(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !padding(byte)).map_or(start, |last| last.saturating_add(1));
    bytes.get(start..end).unwrap_or_default()
}

/// The text of a value, if it holds any; UIDs and long strings have at most 64 characters (PS3.5 section 6.2).
fn text_of(bytes: &[u8], most: usize) -> Option<String> {
    let text = trimmed(bytes);
    (!text.is_empty()).then(|| printable(text, most))
}

/// The hash that stands for a serial number.
fn serial_hash(bytes: &[u8]) -> Option<String> {
    use core::fmt::Write as _;
    let text = trimmed(bytes);
    if text.is_empty() {
        return None;
    }
    let mut hash = String::with_capacity(16);
    for byte in Sha256::digest(text).iter().take(8) {
        // Writing to a string cannot fail.
        write!(hash, "{byte:02x}").unwrap_or_default();
    }
    Some(hash)
}
