//! DHCP for IPv4 (RFC 2131, RFC 2132): who takes which address from whom, and what devices say of themselves on the way.

use crate::cursor::Cursor;
use crate::field::{Value, printable};
use crate::{Exchange, Said, Side};
use abi::address::{Ip, Mac, Timestamp};
use sha2::{Digest, Sha256};
use std::fmt::Write;

mod options;

use options::{Options, code};

/// What precedes the options (RFC 951), magic cookie included.
const FIXED: usize = 240;
const MAGIC: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
const MOST_SERVERS: usize = 4;
const LONGEST_NAME: usize = 255;
const LONGEST_CLASS: usize = 128;

/// The kind of a message (option 53).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client asks for an address.
    Request,
    /// A client finds the address in use.
    Decline,
    /// A server grants the address.
    Ack,
    /// A server refuses the address.
    Nak,
    /// A client gives the address back.
    Release,
    /// A client asks for parameters only.
    Inform,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Dhcp {
    /// What kind it is.
    pub kind: Kind,
    /// The client's hardware address; none if it has none of six bytes.
    pub client_mac: Mac,
    /// The number that joins the messages of an exchange.
    pub transaction: u32,
    /// The client's name (option 12).
    pub hostname: Option<String>,
    /// The client's full name (option 81, RFC 4702).
    pub fqdn: Option<String>,
    /// What the client is (option 60), by its vendor.
    pub vendor_class: Option<String>,
    /// What the client is (option 77), by its user.
    pub user_class: Option<String>,
    /// The options that the client asks for, in its order (option 55).
    pub parameters: Vec<u8>,
    /// The options that the message has, in its order: with `parameters`, a fingerprint of the program.
    pub order: Vec<u8>,
    /// The client's identifier (option 61), type byte included.
    pub client_id: Option<Vec<u8>>,
    /// The address that the client has already.
    pub client_ip: Option<Ip>,
    /// The address that the client asks for (option 50).
    pub requested_ip: Option<Ip>,
    /// The address that the server gives.
    pub your_ip: Option<Ip>,
    /// The relay that passes messages on.
    pub relay_ip: Option<Ip>,
    /// The server that is meant or speaks (option 54).
    pub server_id: Option<Ip>,
    /// The first router (option 3).
    pub router: Option<Ip>,
    /// Name servers (option 6); at most four.
    pub dns: Vec<Ip>,
    /// The zone of names (option 15).
    pub domain: Option<String>,
    /// Seconds that the lease lasts (option 51).
    pub lease: Option<u32>,
    /// Bytes of the message.
    pub bytes: u64,
}

impl Kind {
    fn of(value: u8) -> Option<Kind> {
        Some(match value {
            1 => Kind::Discover,
            2 => Kind::Offer,
            3 => Kind::Request,
            4 => Kind::Decline,
            5 => Kind::Ack,
            6 => Kind::Nak,
            7 => Kind::Release,
            8 => Kind::Inform,
            _ => return None,
        })
    }

    /// Whether a server says it.
    pub const fn is_from_server(self) -> bool {
        match self {
            Kind::Offer | Kind::Ack | Kind::Nak => true,
            Kind::Discover | Kind::Request | Kind::Decline | Kind::Release | Kind::Inform => false,
        }
    }
}

impl Dhcp {
    /// The operation word of the row.
    pub fn op(&self) -> &'static str {
        match self.kind {
            Kind::Discover => "discover",
            Kind::Offer => "offer",
            Kind::Request => "request",
            Kind::Decline => "decline",
            Kind::Ack => "ack",
            Kind::Nak => "nak",
            Kind::Release => "release",
            Kind::Inform => "inform",
        }
    }

    /// The fields of the row.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        let mut text = |name: &'static str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                sink(name, Value::Text(value));
            }
        };
        if !self.client_mac.is_none() {
            text("client_mac", Some(&self.client_mac.to_string()));
        }
        text("hostname", self.hostname.as_deref());
        text("fqdn", self.fqdn.as_deref());
        text("vendor_class", self.vendor_class.as_deref());
        text("user_class", self.user_class.as_deref());
        text("parameter_list", Some(&number_list(&self.parameters)));
        text("option_order", Some(&number_list(&self.order)));
        text("client_id_hash", self.client_id_hash().as_deref());
        for (name, ip) in [
            ("client_ip", self.client_ip),
            ("requested_ip", self.requested_ip),
            ("your_ip", self.your_ip),
            ("relay_ip", self.relay_ip),
            ("server_id", self.server_id),
            ("router", self.router),
        ] {
            text(name, ip.map(|ip| ip.to_string()).as_deref());
        }
        text("domain", self.domain.as_deref());
        if !self.dns.is_empty() {
            let list: Vec<String> = self.dns.iter().map(Ip::to_string).collect();
            sink("dns", Value::List(&list));
        }
        if let Some(lease) = self.lease {
            sink("lease", Value::Number(u64::from(lease)));
        }
        sink("transaction", Value::Number(u64::from(self.transaction)));
        sink("bytes", Value::Number(self.bytes));
    }

    /// A short hash of the client's identifier, where it is more than its hardware address again (RFC 2132 section 9.14).
    fn client_id_hash(&self) -> Option<String> {
        let id = self.client_id.as_deref()?;
        if id.split_first().is_some_and(|(kind, rest)| *kind == 1 && rest == self.client_mac.0) {
            return None;
        }
        Some(Sha256::digest(id).iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").unwrap_or_default();
            text
        }))
    }
}

fn number_list(numbers: &[u8]) -> String {
    let mut list = String::new();
    for number in numbers {
        if !list.is_empty() {
            list.push(',');
        }
        // Writing to a string cannot fail.
        write!(list, "{number}").unwrap_or_default();
    }
    list
}

/// Reads a datagram; none if it is not DHCP. The magic cookie and the message type make it certain on any port.
pub fn read(bytes: &[u8]) -> Option<Dhcp> {
    let (fixed, area) = bytes.split_first_chunk::<FIXED>()?;
    let mut cursor = Cursor(fixed);
    let [op, hardware, hardware_len, _hops] = cursor.array()?;
    let transaction = cursor.u32()?;
    let _seconds_and_flags = cursor.u32()?;
    let [client_ip, your_ip, _next_server, relay_ip] =
        [cursor.array()?, cursor.array()?, cursor.array()?, cursor.array()?].map(address);
    let chaddr: [u8; 16] = cursor.array()?;
    let (server_name, file) = (cursor.take(64)?, cursor.take(128)?);
    if cursor.array()? != MAGIC || !matches!(op, 1 | 2) || hardware_len > 16 {
        return None;
    }
    let options = Options::read(area, file, server_name);
    let kind = Kind::of(*options.of(code::MESSAGE_TYPE)?.first()?)?;
    let text = |code, most| {
        let content = options.of(code)?;
        let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
        content.get(..end).filter(|text| !text.is_empty()).map(|text| printable(text, most))
    };
    let ip = |code| options.of(code)?.first_chunk::<4>().copied().and_then(address);
    Some(Dhcp {
        kind,
        // Hardware type 1 is Ethernet, 6 IEEE 802.
        client_mac: chaddr
            .first_chunk::<6>()
            .filter(|_| hardware_len == 6 && matches!(hardware, 1 | 6))
            .map_or(Mac::NONE, |mac| Mac(*mac)),
        transaction,
        hostname: text(code::HOSTNAME, LONGEST_NAME),
        fqdn: options.of(code::CLIENT_FQDN).and_then(fqdn),
        vendor_class: text(code::VENDOR_CLASS, LONGEST_CLASS),
        user_class: options.of(code::USER_CLASS).map(user_class),
        parameters: options.of(code::PARAMETERS).unwrap_or_default().to_vec(),
        client_id: options.of(code::CLIENT_ID).filter(|id| !id.is_empty()).map(<[u8]>::to_vec),
        client_ip,
        requested_ip: ip(code::REQUESTED_IP),
        your_ip,
        relay_ip,
        server_id: ip(code::SERVER_ID),
        router: ip(code::ROUTER),
        dns: options
            .of(code::NAME_SERVERS)
            .unwrap_or_default()
            .as_chunks::<4>()
            .0
            .iter()
            .take(MOST_SERVERS)
            .map(|ip| Ip::v4(*ip))
            .collect(),
        domain: text(code::DOMAIN, LONGEST_NAME),
        lease: options.of(code::LEASE_TIME).and_then(|content| Cursor(content).u32()),
        order: options.into_order(),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    })
}

/// Reads a datagram as a row. Who asks is always the client, also where a server speaks.
pub fn exchange(from: Side, at: Timestamp, bytes: &[u8]) -> Option<Exchange> {
    let dhcp = read(bytes)?;
    let from = if dhcp.kind.is_from_server() { from.other() } else { from };
    Some(Exchange { at, from, said: Said::Dhcp(dhcp) })
}

/// Zero stands for no address.
fn address(bytes: [u8; 4]) -> Option<Ip> {
    (bytes != [0; 4]).then(|| Ip::v4(bytes))
}

/// Flags, two unused bytes, and the name: as text, or as labels if the E bit is set (RFC 4702 section 2).
fn fqdn(content: &[u8]) -> Option<String> {
    let ([flags, _, _], name) = content.split_first_chunk::<3>()?;
    if flags & 4 == 0 {
        return (!name.is_empty()).then(|| printable(name, LONGEST_NAME));
    }
    let mut labels = Cursor(name);
    let mut text = Vec::new();
    while let Some(label) = labels.counted_8().filter(|label| !label.is_empty()) {
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend_from_slice(label);
    }
    (!text.is_empty()).then(|| printable(&text, LONGEST_NAME))
}

/// Counted texts (RFC 3004), though many clients send one text without its length.
fn user_class(content: &[u8]) -> String {
    let text = match content.split_first() {
        Some((len, rest)) if usize::from(*len) == rest.len() => rest,
        _ => content,
    };
    printable(text, LONGEST_CLASS)
}

#[cfg(test)]
mod tests;
