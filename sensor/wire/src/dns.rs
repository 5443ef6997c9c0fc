//! DNS (RFC 1035) over UDP and TCP, multicast DNS (RFC 6762) and LLMNR (RFC 4795): who asks for which name, what is
//! answered, and what devices announce of themselves.

use crate::field::Value;
use crate::{Appetite, Claim, Exchange, Said, Side};
use abi::address::{Ip, Timestamp};
use abi::app::App;
use std::borrow::Cow;

mod message;
mod name;
mod stream;

pub use message::{Kind, Message, read};
pub use stream::claim_tcp;

use stream::Assembly;

/// Queries that await their response; the oldest is told as unanswered when there are more.
const MOST_PENDING: usize = 16;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A question, and its answer if there was one.
    Query,
    /// What a device tells of itself unasked, or by multicast: names, services, addresses.
    Announce,
    /// A change of a zone (RFC 2136).
    Update,
    /// Word of a changed zone (RFC 1996).
    Notify,
}

/// One question with its answer, or one announcement.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// `dns`, `mdns` or `llmnr`.
    pub app: App,
    /// What it is about.
    pub operation: Operation,
    /// The transaction's number; 0 in multicast DNS.
    pub id: u16,
    /// The name asked for (of an update: the zone), lower case.
    pub name: Option<String>,
    /// The record type asked for.
    pub kind: Option<u16>,
    /// The response code; none while unanswered.
    pub rcode: Option<u8>,
    /// Records in the answer, by the response's own count.
    pub answers: u16,
    /// Addresses in the answer or announcement; at most eight.
    pub addresses: Vec<Ip>,
    /// More names asked for, or the names announced (services, instances, hosts); at most sixteen.
    pub names: Vec<String>,
    /// The host that announces, as the owner of its address records.
    pub host: Option<String>,
    /// What the announcement's text records say of make and model, `key=value`; at most eight.
    pub texts: Vec<String>,
    /// Bytes of the query, repetitions included.
    pub bytes_request: u64,
    /// Bytes of the response or announcement.
    pub bytes_response: u64,
}

impl Dns {
    /// The operation word of the row.
    pub fn op(&self) -> &'static str {
        match self.operation {
            Operation::Query => "query",
            Operation::Announce => "announce",
            Operation::Update => "update",
            Operation::Notify => "notify",
        }
    }

    /// The fields of the row.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        if let Some(name) = &self.name {
            sink("name", Value::Text(name));
        }
        if let Some(kind) = self.kind {
            sink("type", Value::Text(&type_name(kind)));
        }
        if let Some(rcode) = self.rcode {
            sink("rcode", Value::Text(&rcode_name(rcode)));
            sink("answers", Value::Number(u64::from(self.answers)));
        }
        let addresses: Vec<String> = self.addresses.iter().map(Ip::to_string).collect();
        for (name, list) in [("addresses", &addresses), ("names", &self.names), ("texts", &self.texts)] {
            if !list.is_empty() {
                sink(name, Value::List(list));
            }
        }
        if let Some(host) = &self.host {
            sink("host", Value::Text(host));
        }
        sink("id", Value::Number(u64::from(self.id)));
        sink("bytes_request", Value::Number(self.bytes_request));
        sink("bytes_response", Value::Number(self.bytes_response));
    }

    fn of(message: Message, app: App, operation: Operation) -> Dns {
        let len = u64::try_from(message.len).unwrap_or(u64::MAX);
        let (bytes_request, bytes_response) = match message.direction {
            Kind::Query => (len, 0),
            Kind::Response => (0, len),
        };
        Dns {
            app,
            operation,
            id: message.id,
            name: message.name,
            kind: message.kind,
            rcode: (message.direction == Kind::Response).then_some(message.rcode),
            answers: message.answers,
            addresses: message.addresses,
            names: message.names,
            host: message.host,
            texts: message.texts,
            bytes_request,
            bytes_response,
        }
    }
}

/// The name of a record type (IANA); `TYPEn` (RFC 3597) for those without a name here.
pub fn type_name(kind: u16) -> Cow<'static, str> {
    let name = match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        41 => "OPT",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        52 => "TLSA",
        64 => "SVCB",
        65 => "HTTPS",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        _ => return Cow::Owned(format!("TYPE{kind}")),
    };
    Cow::Borrowed(name)
}

/// The name of a response code (RFC 6895 section 2.3).
pub fn rcode_name(rcode: u8) -> Cow<'static, str> {
    let name = match rcode {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        _ => return Cow::Owned(format!("RCODE{rcode}")),
    };
    Cow::Borrowed(name)
}

/// The application that two ports hint at: `dns`, `mdns` or `llmnr`, or `unknown`.
pub const fn hint(src_port: u16, dst_port: u16) -> App {
    match (src_port, dst_port) {
        (5353, _) | (_, 5353) => App::Mdns,
        (5355, _) | (_, 5355) => App::Llmnr,
        (53, _) | (_, 53) => App::Dns,
        _ => App::Unknown,
    }
}

/// A query without its response.
#[derive(Debug)]
struct Pending {
    at: Timestamp,
    from: Side,
    dns: Dns,
}

/// The reader of one flow: pairs queries with responses. For UDP it is given datagrams, for TCP the bytes of a stream.
#[derive(Debug, Default)]
pub struct Session {
    app: App,
    pending: Vec<Pending>,
    client: Assembly,
    server: Assembly,
}

impl Session {
    /// The reader of a flow whose ports give this [`hint`].
    pub fn on(app: App) -> Session {
        Session { app, ..Session::default() }
    }

    /// Reads a datagram; says `No` if it is not DNS. Without a hint from the ports, less is taken for it.
    pub fn datagram(&mut self, from: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) -> Claim {
        match read(bytes, self.app) {
            Some(message) => {
                self.take(from, at, message, out);
                Claim::Yes
            }
            None => Claim::No,
        }
    }

    /// Reads the next bytes of one side of a TCP connection, where each message stands behind its length (RFC 7766).
    pub fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) {
        let mut rest = bytes;
        loop {
            let assembly = match from {
                Side::Client => &mut self.client,
                Side::Server => &mut self.server,
            };
            let Some(bytes) = assembly.next(&mut rest) else {
                return;
            };
            match read(&bytes, App::Dns) {
                // The later messages of a zone transfer need no question (RFC 5936 section 2.2).
                Some(message) if message.name.is_none() => {}
                Some(message) => self.take(from, at, message, out),
                None => assembly.stop(),
            }
        }
    }

    /// Learns that bytes of one side are missing: where the next message begins is not known any more.
    pub fn gap(&mut self, from: Side, _missing: u64) {
        match from {
            Side::Client => self.client.stop(),
            Side::Server => self.server.stop(),
        }
    }

    /// Tells the queries that were not answered.
    pub fn finish(&mut self, _at: Timestamp, out: &mut Vec<Exchange>) {
        out.extend(self.pending.drain(..).map(Pending::into_exchange));
    }

    /// Bytes that the session holds, about: for accounting.
    pub fn memory(&self) -> usize {
        let texts: usize =
            self.pending.iter().map(|one| one.dns.name.as_ref().map_or(0, String::capacity)).sum();
        size_of::<Session>()
            .saturating_add(self.client.memory())
            .saturating_add(self.server.memory())
            .saturating_add(self.pending.capacity().saturating_mul(size_of::<Pending>()))
            .saturating_add(texts)
    }

    /// Whether more bytes of a TCP connection can say more.
    pub fn appetite(&self) -> Appetite {
        if self.client.is_stopped() && self.server.is_stopped() { Appetite::Done } else { Appetite::Hungry }
    }

    fn take(&mut self, from: Side, at: Timestamp, message: Message, out: &mut Vec<Exchange>) {
        let app = if self.app == App::Unknown { App::Dns } else { self.app };
        let operation = match (app, message.opcode, message.direction) {
            // A multicast answer, and the answer to a multicast question, come on a flow of their own.
            (App::Mdns | App::Llmnr, _, Kind::Response) => Operation::Announce,
            (_, 5, _) => Operation::Update,
            (_, 4, _) => Operation::Notify,
            _ => Operation::Query,
        };
        let direction = message.direction;
        let dns = Dns::of(message, app, operation);
        match (app, direction) {
            (App::Mdns | App::Llmnr, _) => out.push(Pending { at, from, dns }.into_exchange()),
            (_, Kind::Query) => self.query(from, at, dns, out),
            (_, Kind::Response) => self.response(from, at, dns, out),
        }
    }

    fn query(&mut self, from: Side, at: Timestamp, dns: Dns, out: &mut Vec<Exchange>) {
        let same = |open: &&mut Pending| {
            open.from == from && (open.dns.id, &open.dns.name, open.dns.kind) == (dns.id, &dns.name, dns.kind)
        };
        if let Some(open) = self.pending.iter_mut().find(same) {
            open.dns.bytes_request = open.dns.bytes_request.saturating_add(dns.bytes_request);
            return;
        }
        if self.pending.len() >= MOST_PENDING {
            out.push(self.pending.remove(0).into_exchange());
        }
        self.pending.push(Pending { at, from, dns });
    }

    fn response(&mut self, from: Side, at: Timestamp, dns: Dns, out: &mut Vec<Exchange>) {
        let asker = from.other();
        let place = self.pending.iter().position(|open| {
            // Some failures are answered without the question.
            open.from == asker && open.dns.id == dns.id && (dns.name.is_none() || open.dns.name == dns.name)
        });
        let exchange = match place.map(|place| self.pending.remove(place)) {
            Some(open) => Pending {
                at: open.at,
                from: asker,
                dns: Dns {
                    operation: open.dns.operation,
                    bytes_request: open.dns.bytes_request,
                    name: open.dns.name,
                    kind: open.dns.kind,
                    ..dns
                },
            },
            None => Pending { at, from: asker, dns },
        };
        out.push(exchange.into_exchange());
    }
}

impl Pending {
    fn into_exchange(self) -> Exchange {
        Exchange { at: self.at, from: self.from, said: Said::Dns(self.dns) }
    }
}

#[cfg(test)]
mod tests;
