//! Reads what frames and streams say. Bytes from the network can be anything: nothing here fails or panics, allocates by a
//! length that it read, or keeps more than its caps. No patient field leaves a parser.
//!
//! A dissector is a value that is fed the bytes of one connection, in order and by side, and pushes an [`Exchange`] for
//! each operation that it saw. It finds its protocol by content on any port, also when it joins midway.

use abi::address::Timestamp;
use abi::app::App;

pub mod arp;
mod cursor;
pub mod dhcp;
pub mod dicom;
pub mod dns;
pub mod field;
pub mod frame;
pub mod guess;
pub mod hl7;
pub mod http;
pub mod nd;
pub mod tls;

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The initiator of the connection.
    Client,
    /// The responder.
    Server,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// What the first bytes of a direction say about the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is this protocol.
    Yes,
    /// It cannot be.
    No,
    /// More bytes are needed to tell.
    More,
}

/// Whether a stream dissector can still learn from more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// It wants the bytes that follow.
    Hungry,
    /// What follows says nothing to it (encrypted, another protocol, broken): it need not be fed any more.
    Done,
}

/// One application exchange: what becomes a row of `sessions.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// When it began.
    pub at: Timestamp,
    /// Who asked, seen from the connection: DICOM roles may run against the direction of TCP.
    pub from: Side,
    /// What was said.
    pub said: Said,
}

/// What was said, by protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// DICOM upper layer and DIMSE.
    Dicom(dicom::Dicom),
    /// HL7 version 2 over MLLP.
    Hl7(hl7::Hl7),
    /// DNS, multicast DNS, LLMNR.
    Dns(dns::Dns),
    /// DHCP for IPv4.
    Dhcp(dhcp::Dhcp),
    /// TLS handshakes.
    Tls(tls::Tls),
    /// HTTP/1.1.
    Http(http::Http),
}

impl Said {
    /// The application that the row names.
    pub fn app(&self) -> App {
        match self {
            Said::Dicom(_) => App::Dicom,
            Said::Hl7(_) => App::Hl7,
            Said::Dns(dns) => dns.app,
            Said::Dhcp(_) => App::Dhcp,
            Said::Tls(_) => App::Tls,
            Said::Http(_) => App::Http,
        }
    }

    /// The operation word of the row (`c-store`, `message`, `query`, ...).
    pub fn op(&self) -> &'static str {
        match self {
            Said::Dicom(said) => said.op(),
            Said::Hl7(said) => said.op(),
            Said::Dns(said) => said.op(),
            Said::Dhcp(said) => said.op(),
            Said::Tls(said) => said.op(),
            Said::Http(said) => said.op(),
        }
    }

    /// Shows the row's fields to `sink`, in a fixed order; absent fields are not shown.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, field::Value<'_>)) {
        match self {
            Said::Dicom(said) => said.fields(sink),
            Said::Hl7(said) => said.fields(sink),
            Said::Dns(said) => said.fields(sink),
            Said::Dhcp(said) => said.fields(sink),
            Said::Tls(said) => said.fields(sink),
            Said::Http(said) => said.fields(sink),
        }
    }
}
