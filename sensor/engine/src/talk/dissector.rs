//! Which protocol a stream speaks, and its dissector. Found by content on any port, at the start or midway.

use abi::address::Timestamp;
use abi::app::App;
use wire::{Appetite, Claim, Exchange, Side};

/// Bytes of one direction that are kept until somebody claims them. What cannot be told from that much is nobody's.
const HEAD: usize = 2048;
/// Places at which a stream that was met midway is tried: dissectors find themselves at the start of a message only.
const MIDSTREAM_TRIES: u16 = 512;
/// Pieces of a stream met at its start that are tried.
const TRIES: u16 = 16;

/// The state of a stream's reading.
#[derive(Debug)]
pub(crate) enum Dissector {
    /// Not known yet.
    Undecided(Undecided),
    /// DICOM.
    Dicom(Box<wire::dicom::Session>),
    /// HL7 version 2.
    Hl7(Box<wire::hl7::Session>),
    /// TLS.
    Tls(Box<wire::tls::Session>),
    /// HTTP/1.1.
    Http(Box<wire::http::Session>),
    /// DNS over TCP.
    Dns(Box<wire::dns::Session>),
    /// Nobody claims it; what the first bytes look like.
    Nobody(App),
}

/// The first bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Undecided {
    heads: [Vec<u8>; 2],
    guess: App,
    tries: u16,
}

impl Default for Dissector {
    fn default() -> Dissector {
        Dissector::Undecided(Undecided::default())
    }
}

/// What is known of the stream after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Nothing,
    /// The protocol, whose dissector wants more.
    App(App),
    /// The protocol as far as known; no more is wanted.
    Done(App),
}

/// How the stream was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// From its first byte.
    AtStart,
    /// Somewhere.
    Midway,
}

const fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

impl Dissector {
    /// Takes the next bytes of a side.
    pub(crate) fn feed(
        &mut self,
        side: Side,
        (at, met): (Timestamp, Met),
        bytes: &[u8],
        out: &mut Vec<Exchange>,
    ) {
        let Dissector::Undecided(undecided) = self else { return self.give(side, at, bytes, out) };
        let Some(chosen) = undecided.feed(side, bytes, met) else { return };
        let [client, server] = std::mem::take(&mut undecided.heads);
        let (mine, theirs) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        *self = chosen;
        // The side that nobody claimed comes first: it spoke before.
        for (speaker, head) in [(side.other(), theirs.as_slice()), (side, &mine), (side, bytes)] {
            if !head.is_empty() {
                self.give(speaker, at, head, out);
            }
        }
    }

    fn give(&mut self, side: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) {
        match self {
            Dissector::Undecided(_) | Dissector::Nobody(_) => {}
            Dissector::Dicom(session) => session.feed(side, at, bytes, out),
            Dissector::Hl7(session) => session.feed(side, at, bytes, out),
            Dissector::Tls(session) => session.feed(side, at, bytes, out),
            Dissector::Http(session) => session.feed(side, at, bytes, out),
            Dissector::Dns(session) => session.feed(side, at, bytes, out),
        }
    }

    /// Bytes of a side are missing.
    pub(crate) fn gap(&mut self, side: Side, missing: u64) {
        match self {
            Dissector::Undecided(undecided) => {
                if let Some(head) = undecided.heads.get_mut(index(side)) {
                    head.clear();
                }
            }
            Dissector::Nobody(_) => {}
            Dissector::Dicom(session) => session.gap(side, missing),
            Dissector::Hl7(session) => session.gap(side, missing),
            Dissector::Tls(session) => session.gap(side, missing),
            Dissector::Http(session) => session.gap(side, missing),
            Dissector::Dns(session) => session.gap(side, missing),
        }
    }

    /// The connection is over.
    pub(crate) fn finish(&mut self, at: Timestamp, out: &mut Vec<Exchange>) {
        match self {
            Dissector::Undecided(_) | Dissector::Nobody(_) => {}
            Dissector::Dicom(session) => session.finish(at, out),
            Dissector::Hl7(session) => session.finish(at, out),
            Dissector::Tls(session) => session.finish(at, out),
            Dissector::Http(session) => session.finish(at, out),
            Dissector::Dns(session) => session.finish(at, out),
        }
    }

    /// Memory that the reading holds, in bytes, about.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Dissector::Undecided(Undecided { heads: [client, server], .. }) => {
                client.capacity().saturating_add(server.capacity())
            }
            Dissector::Dicom(session) => session.memory(),
            Dissector::Hl7(session) => session.memory(),
            Dissector::Tls(session) => session.memory(),
            Dissector::Http(session) => session.memory(),
            Dissector::Dns(session) => session.memory(),
            Dissector::Nobody(_) => 0,
        }
    }

    /// What is known now.
    pub(crate) fn found(&self) -> Found {
        match self {
            Dissector::Undecided(_) => Found::Nothing,
            Dissector::Nobody(guess) => Found::Done(*guess),
            Dissector::Dicom(_) => Found::App(App::Dicom),
            Dissector::Hl7(_) => Found::App(App::Hl7),
            Dissector::Tls(session) => found(App::Tls, session.appetite()),
            Dissector::Http(session) => found(App::Http, session.appetite()),
            Dissector::Dns(session) => found(App::Dns, session.appetite()),
        }
    }
}

const fn found(app: App, appetite: Appetite) -> Found {
    match appetite {
        Appetite::Hungry => Found::App(app),
        Appetite::Done => Found::Done(app),
    }
}

impl Undecided {
    /// Asks every dissector about the bytes of a side. The answer, once there is one; the bytes themselves are kept only
    /// while they do not suffice for one.
    fn feed(&mut self, side: Side, bytes: &[u8], met: Met) -> Option<Dissector> {
        let head = self.heads.get_mut(index(side))?;
        let known = head.len();
        // Most streams are told by their first piece, which needs no copy.
        let asked = if known == 0 {
            claim(bytes)
        } else {
            head.extend_from_slice(bytes.get(..HEAD).unwrap_or(bytes));
            claim(head)
        };
        match asked {
            Asked::Somebody(dissector) => {
                head.truncate(known);
                return Some(dissector);
            }
            Asked::NotYet if known + bytes.len() <= HEAD => {
                if known == 0 {
                    head.extend_from_slice(bytes);
                }
                return None;
            }
            Asked::NotYet | Asked::Nobody => {}
        }
        if self.guess == App::Unknown {
            self.guess = wire::guess::stream(if known == 0 { bytes } else { head });
        }
        *head = Vec::new();
        self.tries = self.tries.saturating_add(1);
        let most = match met {
            Met::AtStart => TRIES,
            Met::Midway => MIDSTREAM_TRIES,
        };
        (self.guess != App::Unknown || self.tries >= most).then_some(Dissector::Nobody(self.guess))
    }
}

enum Asked {
    Somebody(Dissector),
    NotYet,
    Nobody,
}

fn claim(head: &[u8]) -> Asked {
    let claims = [
        wire::dicom::claim(head),
        wire::hl7::claim(head),
        wire::tls::claim(head),
        wire::http::claim(head),
        wire::dns::claim_tcp(head),
    ];
    match claims {
        [Claim::Yes, ..] => Asked::Somebody(Dissector::Dicom(Box::default())),
        [_, Claim::Yes, ..] => Asked::Somebody(Dissector::Hl7(Box::default())),
        [_, _, Claim::Yes, ..] => Asked::Somebody(Dissector::Tls(Box::default())),
        [_, _, _, Claim::Yes, _] => Asked::Somebody(Dissector::Http(Box::default())),
        [_, _, _, _, Claim::Yes] => {
            Asked::Somebody(Dissector::Dns(Box::new(wire::dns::Session::on(App::Dns))))
        }
        _ if claims.contains(&Claim::More) => Asked::NotYet,
        _ => Asked::Nobody,
    }
}

/// The kind of name service that a datagram's ports suggest; content decides whether it is one at all.
pub(crate) fn dns_by_port(ports: (u16, u16)) -> App {
    match ports {
        (5353, _) | (_, 5353) => App::Mdns,
        (5355, _) | (_, 5355) => App::Llmnr,
        (137, _) | (_, 137) => App::Nbns,
        _ => App::Dns,
    }
}

#[cfg(test)]
mod tests;
