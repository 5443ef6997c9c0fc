//! TLS handshakes (RFC 8446, RFC 5246): who is asked for, by what kind of client, and what was agreed.

use crate::field::Value;
use crate::{Appetite, Claim, Exchange, Said, Side};
use abi::address::Timestamp;

mod certificate;
mod hello;
mod ja4;
mod record;

pub use certificate::Certificate;

use hello::{ClientHello, ServerHello};
use record::{Event, Records};

/// Records that say nothing are awaited this long, from a client that was not answered or an answer without its client.
const PATIENCE: u8 = 32;

/// One handshake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// The server name that the client asks for (RFC 6066).
    pub sni: Option<String>,
    /// The application protocols that the client offers (RFC 7301); at most eight.
    pub alpn_offered: Vec<String>,
    /// The application protocol that the server chose, as far as it says so in clear.
    pub alpn: Option<String>,
    /// The highest version that the client offers.
    pub client_version: Option<u16>,
    /// The version that the server chose.
    pub version: Option<u16>,
    /// The cipher suite that the server chose.
    pub cipher: Option<u16>,
    /// How many cipher suites the client offers.
    pub ciphers: u16,
    /// The JA4 fingerprint of the client.
    pub ja4: Option<String>,
    /// The server's own certificate; in clear only up to TLS 1.2.
    pub certificate: Option<Certificate>,
    /// The fatal alert that ended the handshake (RFC 8446 section 6).
    pub alert: Option<u8>,
}

impl Tls {
    /// The operation word of the row.
    pub fn op(&self) -> &'static str {
        "handshake"
    }

    /// The fields of the row.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        let mut text = |name: &'static str, value: Option<&str>| {
            if let Some(value) = value {
                sink(name, Value::Text(value));
            }
        };
        text("sni", self.sni.as_deref());
        text("alpn", self.alpn.as_deref());
        text("version", self.version.map(version_name));
        match self.cipher.map(|id| (id, tls_parser::TlsCipherSuite::from_id(id))) {
            Some((_, Some(suite))) => text("cipher", Some(suite.name)),
            Some((id, None)) => text("cipher", Some(&format!("0x{id:04x}"))),
            None => {}
        }
        text("ja4", self.ja4.as_deref());
        text("client_version", self.client_version.map(version_name));
        if let Some(certificate) = &self.certificate {
            text("subject", certificate.subject.as_deref());
            text("subject_organization", certificate.subject_organization.as_deref());
            text("issuer", certificate.issuer.as_deref());
            text("not_after", certificate.not_after.as_deref());
        }
        text("alert", self.alert.map(alert_name));
        if !self.alpn_offered.is_empty() {
            sink("alpn_offered", Value::List(&self.alpn_offered));
        }
        if self.ja4.is_some() {
            sink("ciphers_offered", Value::Number(u64::from(self.ciphers)));
        }
    }
}

/// The usual name of a protocol version.
pub const fn version_name(version: u16) -> &'static str {
    match version {
        0x0304 => "TLS 1.3",
        0x0303 => "TLS 1.2",
        0x0302 => "TLS 1.1",
        0x0301 => "TLS 1.0",
        0x0300 => "SSL 3.0",
        0x0002 => "SSL 2.0",
        _ => "other",
    }
}

/// The name of an alert (RFC 8446 section 6, RFC 5246 section 7.2).
const fn alert_name(alert: u8) -> &'static str {
    match alert {
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "other",
    }
}

/// Whether the first bytes of a direction are TLS, met at its beginning or at any later record.
pub fn claim(first: &[u8]) -> Claim {
    record::claim(first)
}

/// A handshake that has begun.
#[derive(Debug)]
struct Open {
    at: Timestamp,
    /// Who speaks as TLS client: whoever connects may still be the TLS server.
    from: Side,
    progress: Progress,
    tls: Tls,
}

/// What has been seen of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The client's hello only.
    Asked,
    /// Both hellos.
    Answered,
    /// The server's hello only.
    Half,
}

/// The reader of one connection.
#[derive(Debug, Default)]
pub struct Session {
    client: Records,
    server: Records,
    open: Option<Box<Open>>,
    /// Records that brought no progress.
    idle: u8,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Handshake,
    /// Bytes are missing, and what was seen is yet to be told.
    Broken,
    Settled,
}

impl Session {
    /// Reads the next bytes of one side.
    pub fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) {
        if self.phase == Phase::Broken {
            self.settle(out);
        }
        let mut rest = bytes;
        while self.phase == Phase::Handshake {
            let records = match from {
                Side::Client => &mut self.client,
                Side::Server => &mut self.server,
            };
            let Some(event) = records.next(&mut rest) else {
                return;
            };
            self.take(from, at, &event, out);
        }
    }

    /// Learns that bytes of one side are missing: the handshake cannot be followed beyond them.
    pub fn gap(&mut self, _from: Side, _missing: u64) {
        if self.phase == Phase::Handshake {
            self.phase = if self.open.is_some() { Phase::Broken } else { Phase::Settled };
        }
    }

    /// Tells what is still open when the connection ends.
    pub fn finish(&mut self, _at: Timestamp, out: &mut Vec<Exchange>) {
        self.settle(out);
    }

    /// Whether more bytes can say more: after the handshake all is encrypted.
    pub fn appetite(&self) -> Appetite {
        match self.phase {
            Phase::Handshake | Phase::Broken => Appetite::Hungry,
            Phase::Settled => Appetite::Done,
        }
    }

    /// Bytes that the session holds, about: for accounting.
    pub fn memory(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |_| size_of::<Open>());
        size_of::<Session>()
            .saturating_add(self.client.memory())
            .saturating_add(self.server.memory())
            .saturating_add(open)
    }

    fn take(&mut self, from: Side, at: Timestamp, event: &Event, out: &mut Vec<Exchange>) {
        match event {
            Event::ClientHello(body) => self.client_hello(from, at, body),
            Event::ServerHello(body) => self.server_hello(from, at, body),
            Event::Certificate(body) => {
                if let Some(open) = self.open.as_mut().filter(|open| open.from != from) {
                    open.tls.certificate = open.tls.certificate.take().or_else(|| certificate::first(body));
                }
            }
            Event::Alert { fatal } => {
                if let Some(open) = &mut self.open {
                    open.tls.alert = Some(*fatal);
                }
                self.settle(out);
            }
            Event::Broken => self.settle(out),
            Event::Encrypted => self.encrypted(from, out),
        }
    }

    fn client_hello(&mut self, from: Side, at: Timestamp, body: &[u8]) {
        // After a retry the client says nearly the same again (RFC 8446 section 4.1.4): the first hello counts.
        if self.open.is_none()
            && let Some(hello) = ClientHello::read(body)
        {
            let tls = hello.to_tls();
            self.open = Some(Box::new(Open { at, from, progress: Progress::Asked, tls }));
        }
    }

    fn server_hello(&mut self, from: Side, at: Timestamp, body: &[u8]) {
        let Some(hello) = ServerHello::read(body) else {
            return;
        };
        let open = self.open.get_or_insert_with(|| {
            Box::new(Open { at, from: from.other(), progress: Progress::Half, tls: Tls::default() })
        });
        if open.from == from {
            return;
        }
        if hello.is_retry() {
            self.client.expect_retry();
            self.server.expect_retry();
            return;
        }
        open.progress = match open.progress {
            Progress::Asked | Progress::Answered => Progress::Answered,
            Progress::Half => Progress::Half,
        };
        hello.tell(&mut open.tls);
    }

    /// A record whose content cannot be read. The client's first one behind the server's hello shows that it accepts what
    /// the server said; in a stream met midway it shows that the handshake is over.
    fn encrypted(&mut self, from: Side, out: &mut Vec<Exchange>) {
        let is_over = match &self.open {
            None => true,
            Some(open) => match open.progress {
                Progress::Answered => open.from == from,
                // Early data come before the answer (RFC 8446 section 2.3), certificates after it.
                Progress::Asked | Progress::Half => false,
            },
        };
        self.idle = self.idle.saturating_add(1);
        if is_over || self.idle >= PATIENCE {
            self.settle(out);
        }
    }

    fn settle(&mut self, out: &mut Vec<Exchange>) {
        self.phase = Phase::Settled;
        self.client = Records::default();
        self.server = Records::default();
        if let Some(open) = self.open.take() {
            out.push(Exchange { at: open.at, from: open.from, said: Said::Tls(open.tls) });
        }
    }
}

#[cfg(test)]
mod tests;
