//! HL7 version 2 over MLLP (HL7 "Transport Specification: MLLP, Release 1"): which application tells which what kind of thing,
//! and whether it was acknowledged.
//!
//! Fields are read one by one as bytes arrive; only those of the headers and the identifiers of devices are kept for a moment,
//! all other text is passed over. No patient segment is ever held.

use crate::field::Value;
pub use claim::claim;
pub use session::Session;

mod claim;
mod reader;
mod session;

#[cfg(test)]
mod tests;

/// The header of a message: segment MSH (HL7 2.9 section 2.14.9), with the words of [`Heading::fields`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heading {
    /// MSH-9, first two components, joined by `^` whatever the delimiter was.
    pub message_type: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-3 as it stands.
    pub sending_application: String,
    /// MSH-4.
    pub sending_facility: String,
    /// MSH-5.
    pub receiving_application: String,
    /// MSH-6.
    pub receiving_facility: String,
    /// MSH-12, first component.
    pub version: String,
    /// The EUI-64 that MSH-3 carries as its universal id, 16 lower-case hexadecimal digits; empty if none. Its first half
    /// names the maker of the sender even across routers.
    pub sender_eui64: String,
    /// Segments, MSH included.
    pub segments: u32,
    /// Bytes between the framing characters.
    pub bytes: u64,
    /// How it stood in the stream.
    pub framing: Framing,
    /// Whether a part was lost, or the connection ended within the message.
    pub cut: bool,
}

/// How a message stood in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Between VT and FS CR.
    #[default]
    Mllp,
    /// Bare, as some senders do.
    Bare,
}

impl Framing {
    /// The word of the row.
    pub const fn word(self) -> &'static str {
        match self {
            Framing::Mllp => "mllp",
            Framing::Bare => "bare",
        }
    }
}

/// A message that is not a mere acknowledgement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Its header.
    pub heading: Heading,
    /// MSA-1 of the last acknowledgement or response that named its control id; empty if none was seen.
    pub ack_code: String,
    /// Acknowledgements and responses that named its control id.
    pub acks: u32,
    /// If this is itself a response (RSP, ORR, ...): the control id that it answers (MSA-2).
    pub acked_control_id: String,
    /// Identifiers of devices (OBX-18, PRT-10), distinct, at most 8.
    pub equipment: Vec<String>,
}

/// An acknowledgement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ack {
    /// Its header.
    pub heading: Heading,
    /// MSA-1: AA, AE, AR, CA, CE or CR.
    pub ack_code: String,
    /// MSA-2: the control id of the message that it answers.
    pub acked_control_id: String,
}

/// One exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Hl7 {
    /// Operation `message`.
    Message(Box<Message>),
    /// Operation `ack`.
    Ack(Box<Ack>),
}

impl Hl7 {
    /// The operation word of the row.
    pub fn op(&self) -> &'static str {
        match self {
            Hl7::Message(_) => "message",
            Hl7::Ack(_) => "ack",
        }
    }

    /// The header.
    pub fn heading(&self) -> &Heading {
        match self {
            Hl7::Message(said) => &said.heading,
            Hl7::Ack(said) => &said.heading,
        }
    }

    /// The fields of the row.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        self.heading().fields(sink);
        let (code, answers) = match self {
            Hl7::Message(said) => (&said.ack_code, &said.acked_control_id),
            Hl7::Ack(said) => (&said.ack_code, &said.acked_control_id),
        };
        text(sink, "ack_code", code);
        text(sink, "acked_control_id", answers);
        if let Hl7::Message(said) = self {
            sink("acks", Value::Number(u64::from(said.acks)));
            if !said.equipment.is_empty() {
                sink("equipment", Value::List(&said.equipment));
            }
        }
    }
}

impl Heading {
    fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        text(sink, "message_type", &self.message_type);
        text(sink, "control_id", &self.control_id);
        text(sink, "sending_application", &self.sending_application);
        text(sink, "sending_facility", &self.sending_facility);
        text(sink, "receiving_application", &self.receiving_application);
        text(sink, "receiving_facility", &self.receiving_facility);
        text(sink, "version", &self.version);
        text(sink, "sender_eui64", &self.sender_eui64);
        sink("segments", Value::Number(u64::from(self.segments)));
        sink("bytes", Value::Number(self.bytes));
        sink("framing", Value::Text(self.framing.word()));
        if self.cut {
            sink("cut", Value::Flag(true));
        }
    }
}

/// Shows a text that is there.
fn text(sink: &mut dyn FnMut(&'static str, Value<'_>), name: &'static str, value: &str) {
    if !value.is_empty() {
        sink(name, Value::Text(value));
    }
}
