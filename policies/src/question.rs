//! What a person asks of a policy: who, whom and over what, in words.

use abi::address::{Ip, Mac};
use abi::state::Identities;
use abi::table::SegmentId;

use crate::Compiled;
use crate::ports::{KNOWN, PROTOCOLS, PortRange, PortSet, TCP, UDP};
use crate::scalar::decimal;
use crate::spans::Spans;
use crate::suggest::did_you_mean;

/// One side of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A segment, or what is in none.
    Segment(Option<SegmentId>),
    /// An address, in the segment of its longest prefix.
    Address(Ip, Option<SegmentId>),
    /// A MAC address, in the segment that names it.
    Mac(Mac, Option<SegmentId>),
}

impl Who {
    /// The segment.
    pub const fn segment(self) -> Option<SegmentId> {
        match self {
            Who::Segment(segment) | Who::Address(_, segment) | Who::Mac(_, segment) => segment,
        }
    }
}

/// A word that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What it is not, in a sentence without a full stop.
    pub message: String,
    /// What may have been meant.
    pub help: String,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.help)
    }
}

impl std::error::Error for Unknown {}

impl Compiled {
    /// The segment in which the policy places a device by MAC address, longest prefix or VLAN, in this order; classes are
    /// not asked. What is not known is [`Mac::NONE`], [`Ip::NONE`] and 0.
    pub fn segment_of(&self, mac: Mac, ip: Ip, vlan: u16) -> Option<SegmentId> {
        self.identities().segment_of(mac, ip, [vlan, 0])
    }

    /// What the segments select, and nothing else.
    pub(crate) fn identities(&self) -> Box<Identities> {
        let identities = Identities::boxed();
        let placed =
            crate::place(&self.segments, &identities).is_ok() && self.routers.place(&identities).is_ok();
        debug_assert!(placed, "it was tried when the policy was compiled");
        identities
    }

    /// Reads one side of a question: the name of a segment, `unassigned`, an IP address or a MAC address.
    ///
    /// # Errors
    /// The word is none of these.
    pub fn who(&self, word: &str) -> Result<Who, Unknown> {
        if word == "unassigned" {
            return Ok(Who::Segment(None));
        }
        if let Some(segment) = self.segments.iter().find(|segment| segment.name == word) {
            return Ok(Who::Segment(Some(segment.id)));
        }
        if let Ok(address) = word.parse::<std::net::IpAddr>() {
            let ip = Ip::from(address);
            return Ok(Who::Address(ip, self.segment_of(Mac::NONE, ip, 0)));
        }
        if let Some(mac) = crate::scalar::mac_of(word) {
            return Ok(Who::Mac(mac, self.segment_of(mac, Ip::NONE, 0)));
        }
        let names = self.segments.iter().map(|segment| segment.name.as_str());
        let help = did_you_mean(word, names.chain(["unassigned"]));
        Err(Unknown {
            message: format!("`{word}` is no segment of the policy and no address"),
            help: help
                .unwrap_or_else(|| "write the name of a segment, an IP address or a MAC address".to_owned()),
        })
    }

    /// Reads what is asked for: a service, `tcp/443`, `443/tcp`, `443` (TCP), or a protocol. One port (protocol, number)
    /// stands for all that the policy treats alike.
    ///
    /// # Errors
    /// The word is none of these.
    pub fn ports(&self, word: &str) -> Result<Vec<(u8, u16)>, Unknown> {
        let set = self.port_set(word)?;
        let met = Spans::of(&self.tables).met(&set);
        Ok(met.into_iter().map(|(_, port)| (port.protocol, port.number)).collect())
    }

    fn port_set(&self, word: &str) -> Result<PortSet, Unknown> {
        if word == "any" {
            return Ok(PortSet::full());
        }
        if let Some(ports) = self.services.of_name(word) {
            return Ok(ports.clone());
        }
        let one = |kind: &str, number: &str| {
            let port = decimal(number)?;
            let range = vec![PortRange { first: port, last: port }];
            match kind {
                "tcp" => Some(PortSet { tcp: range, ..PortSet::default() }),
                "udp" => Some(PortSet { udp: range, ..PortSet::default() }),
                "protocol" | "ip" => protocol(u8::try_from(port).ok()?),
                _ => None,
            }
        };
        let (left, right) = word.split_once(['/', ':']).unwrap_or(("tcp", word));
        let known = || PROTOCOLS.iter().find(|known| known.0 == word).and_then(|known| protocol(known.1));
        if let Some(set) = one(left, right).or_else(|| one(right, left)).or_else(known) {
            return Ok(set);
        }
        let names = self.services.names().chain(KNOWN.iter().map(|known| known.0));
        let help = did_you_mean(word, names.chain(PROTOCOLS.iter().map(|known| known.0)));
        Err(Unknown {
            message: format!("`{word}` is no service of the policy"),
            help: help.unwrap_or_else(|| "write a service, or a port as `tcp/443`".to_owned()),
        })
    }
}

/// A protocol without ports.
fn protocol(number: u8) -> Option<PortSet> {
    (number != TCP && number != UDP).then(|| PortSet { protocols: vec![number], ..PortSet::default() })
}

#[cfg(test)]
mod tests;
