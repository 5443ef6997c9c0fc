//! Sets of ports and protocols, the services known without declaration, and the classes into which the rules of a
//! policy divide the ports.

use std::collections::HashMap;

use abi::table::{CLASSES, ServiceClass};

/// IANA protocol number of TCP.
pub(crate) const TCP: u8 = 6;
/// IANA protocol number of UDP.
pub(crate) const UDP: u8 = 17;

/// Protocols without ports that a policy may call by name (IANA protocol numbers).
pub(crate) const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ipip", 4),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("sctp", 132),
];

/// A service that needs no declaration: name, TCP ports, UDP ports, protocols.
type Known = (&'static str, &'static [u16], &'static [u16], &'static [u8]);

/// The services that need no declaration; one of the same name replaces it. Ports are those of IANA; DICOM also on 11112, which IANA registers for it beside 104.
pub(crate) const KNOWN: &[Known] = &[
    ("dhcp", &[], &[67, 68], &[]),
    ("dicom", &[104, 11112], &[], &[]),
    ("dns", &[53], &[53], &[]),
    ("hl7-mllp", &[2575], &[], &[]),
    ("http", &[80], &[], &[]),
    ("https", &[443], &[], &[]),
    ("ipp", &[631], &[], &[]),
    ("mdns", &[], &[5353], &[]),
    ("ntp", &[], &[123], &[]),
    ("ping", &[], &[], &[1, 58]),
    ("rdp", &[3389], &[3389], &[]),
    ("rtsp", &[554], &[], &[]),
    ("sip", &[5060, 5061], &[5060], &[]),
    ("smb", &[139, 445], &[], &[]),
    ("snmp", &[], &[161], &[]),
    ("ssh", &[22], &[], &[]),
    ("syslog", &[6514], &[514], &[]),
];

/// The service known without declaration that a port or protocol belongs to; the one with the fewest ports.
pub fn known_service(protocol: u8, port: u16) -> Option<&'static str> {
    let holds = KNOWN.iter().filter(|known| PortSet::known(known).contains(protocol, port));
    holds.min_by_key(|known| PortSet::known(known).width()).map(|known| known.0)
}

/// Ports from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

/// Ports and protocols.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PortSet {
    pub(crate) tcp: Vec<PortRange>,
    pub(crate) udp: Vec<PortRange>,
    pub(crate) protocols: Vec<u8>,
}

impl PortSet {
    /// A service that is known without declaration.
    pub(crate) fn known(&(_, tcp, udp, protocols): &Known) -> PortSet {
        let ranges =
            |ports: &[u16]| ports.iter().map(|&port| PortRange { first: port, last: port }).collect();
        PortSet { tcp: ranges(tcp), udp: ranges(udp), protocols: protocols.to_vec() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty() && self.protocols.is_empty()
    }

    /// How many ports and protocols there are; overlaps count twice unless the set is canonical.
    pub(crate) fn width(&self) -> u32 {
        let ranges = self.tcp.iter().chain(&self.udp);
        let ports = ranges.map(|range| u32::from(range.last.saturating_sub(range.first)).saturating_add(1));
        ports.fold(u32::try_from(self.protocols.len()).unwrap_or(u32::MAX), u32::saturating_add)
    }

    pub(crate) fn contains(&self, protocol: u8, port: u16) -> bool {
        let within =
            |ranges: &[PortRange]| ranges.iter().any(|range| (range.first..=range.last).contains(&port));
        match protocol {
            TCP => within(&self.tcp),
            UDP => within(&self.udp),
            other => self.protocols.contains(&other),
        }
    }

    /// The same set with sorted ranges that neither overlap nor touch.
    pub(crate) fn canonical(mut self) -> PortSet {
        self.tcp = merged(self.tcp);
        self.udp = merged(self.udp);
        self.protocols.sort_unstable();
        self.protocols.dedup();
        self
    }

    /// Every port and protocol that there is.
    pub(crate) fn full() -> PortSet {
        let all = vec![PortRange { first: 0, last: u16::MAX }];
        let protocols = (0..=u8::MAX).filter(|&number| number != TCP && number != UDP).collect();
        PortSet { tcp: all.clone(), udp: all, protocols }
    }

    /// Whether every port of another set is in this one; both are canonical.
    pub(crate) fn covers(&self, other: &PortSet) -> bool {
        let within = |ours: &[PortRange], theirs: &[PortRange]| {
            theirs
                .iter()
                .all(|range| ours.iter().any(|our| our.first <= range.first && range.last <= our.last))
        };
        within(&self.tcp, &other.tcp)
            && within(&self.udp, &other.udp)
            && other.protocols.iter().all(|number| self.protocols.contains(number))
    }

    /// What is in this set and not in the other one; both are canonical, and so is the result.
    pub(crate) fn without(&self, other: &PortSet) -> PortSet {
        let protocols = self.protocols.iter().copied().filter(|number| !other.protocols.contains(number));
        PortSet {
            tcp: cut(&self.tcp, &other.tcp),
            udp: cut(&self.udp, &other.udp),
            protocols: protocols.collect(),
        }
    }

    /// Both sets together.
    pub(crate) fn join(&mut self, other: &PortSet) {
        self.tcp.extend(&other.tcp);
        self.udp.extend(&other.udp);
        self.protocols.extend(&other.protocols);
    }
}

/// The first ranges without the second.
fn cut(ranges: &[PortRange], away: &[PortRange]) -> Vec<PortRange> {
    let mut left = Vec::new();
    for range in ranges {
        let mut next = u32::from(range.first);
        for gone in away.iter().filter(|gone| gone.first <= range.last && range.first <= gone.last) {
            if let (Ok(first), true) = (u16::try_from(next), next < u32::from(gone.first)) {
                left.push(PortRange { first, last: gone.first.saturating_sub(1) });
            }
            next = next.max(u32::from(gone.last).saturating_add(1));
        }
        if let (Ok(first), true) = (u16::try_from(next), next <= u32::from(range.last)) {
            left.push(PortRange { first, last: range.last });
        }
    }
    left
}

fn merged(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
    ranges.sort_unstable();
    let mut kept: Vec<PortRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match kept.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(1) => last.last = last.last.max(range.last),
            _ => kept.push(range),
        }
    }
    kept
}

/// Classes as bits.
pub(crate) type ClassSet = [u64; CLASSES / 64];

/// The classes of all ports: two ports are in one class if the same port sets contain them.
pub(crate) struct Classes {
    pub(crate) tcp: Vec<ServiceClass>,
    pub(crate) udp: Vec<ServiceClass>,
    pub(crate) protocols: Vec<ServiceClass>,
    /// How many classes there are, class 0 (no port set contains it) included.
    pub(crate) count: usize,
    /// The classes that each port set contains.
    pub(crate) of_set: Vec<ClassSet>,
}

/// The port sets divide the ports into more than [`CLASSES`] classes.
#[derive(Debug)]
pub(crate) struct TooManyClasses {
    /// The port set at which the last class was found.
    pub(crate) set: usize,
}

impl Classes {
    /// Divides all ports by the sets, which must be canonical.
    pub(crate) fn divide(sets: &[PortSet]) -> Result<Classes, TooManyClasses> {
        let mut numbers = Numbers { of: HashMap::new(), words: sets.len().div_ceil(64) };
        numbers.of.insert(vec![0; numbers.words], 0);
        let tcp = numbers.sweep(sets, usize::from(u16::MAX).saturating_add(1), |set| set.tcp.clone())?;
        let udp = numbers.sweep(sets, usize::from(u16::MAX).saturating_add(1), |set| set.udp.clone())?;
        let protocols = numbers.sweep(sets, CLASSES, |set| {
            let one = |&number: &u8| PortRange { first: u16::from(number), last: u16::from(number) };
            set.protocols.iter().map(one).collect()
        })?;
        let mut of_set = vec![ClassSet::default(); sets.len()];
        for (members, &class) in &numbers.of {
            for (set, classes) in of_set.iter_mut().enumerate() {
                if has_bit(members, set) {
                    set_bit(classes, usize::from(class));
                }
            }
        }
        Ok(Classes { tcp, udp, protocols, count: numbers.of.len(), of_set })
    }
}

/// The number of each combination of port sets met so far.
struct Numbers {
    of: HashMap<Vec<u64>, u8>,
    words: usize,
}

impl Numbers {
    /// Walks the ports from 0 and numbers the combination of sets that holds at each.
    fn sweep(
        &mut self,
        sets: &[PortSet],
        length: usize,
        ranges: impl Fn(&PortSet) -> Vec<PortRange>,
    ) -> Result<Vec<ServiceClass>, TooManyClasses> {
        let mut turns: Vec<(usize, usize)> = Vec::new();
        for (set, ports) in sets.iter().enumerate() {
            for range in ranges(ports) {
                turns.push((usize::from(range.first), set));
                turns.push((usize::from(range.last).saturating_add(1), set));
            }
        }
        turns.sort_unstable();
        let mut classes = vec![ServiceClass(0); length];
        let mut members = vec![0_u64; self.words];
        let mut turns = turns.into_iter().peekable();
        while let Some((at, mut last)) = turns.next() {
            flip_bit(&mut members, last);
            while let Some((_, set)) = turns.next_if(|&(next, _)| next == at) {
                flip_bit(&mut members, set);
                last = set;
            }
            let until = turns.peek().map_or(length, |&(next, _)| next.min(length));
            let class = self.number(&members).ok_or(TooManyClasses { set: last })?;
            if let Some(part) = classes.get_mut(at..until) {
                part.fill(ServiceClass(class));
            }
        }
        Ok(classes)
    }

    fn number(&mut self, members: &[u64]) -> Option<u8> {
        if let Some(&class) = self.of.get(members) {
            return Some(class);
        }
        let class = u8::try_from(self.of.len()).ok()?;
        self.of.insert(members.to_vec(), class);
        Some(class)
    }
}

pub(crate) fn has_bit(words: &[u64], bit: usize) -> bool {
    words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

pub(crate) fn set_bit(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

fn flip_bit(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word ^= 1 << (bit % 64);
    }
}

/// What a port is called.
pub(crate) struct ServiceNames {
    /// Name and ports; the declared ones, then the known ones, the most special first.
    services: Vec<(String, PortSet)>,
    /// How many of them are declared.
    declared: usize,
}

impl ServiceNames {
    /// Of declared services (before) and known ones; among several the one with the fewest ports names a port.
    pub(crate) fn new(declared: Vec<(String, PortSet)>) -> ServiceNames {
        let mut known: Vec<(String, PortSet)> = KNOWN
            .iter()
            .filter(|known| declared.iter().all(|(name, _)| name != known.0))
            .map(|known| (known.0.to_owned(), PortSet::known(known)))
            .collect();
        let order = |(name, ports): &(String, PortSet)| (ports.width(), name.clone());
        let mut services = declared;
        let declared = services.len();
        services.sort_by_cached_key(order);
        known.sort_by_cached_key(order);
        services.append(&mut known);
        ServiceNames { services, declared }
    }

    /// The ports of a service.
    pub(crate) fn of_name(&self, name: &str) -> Option<&PortSet> {
        self.services.iter().find(|(known, _)| known == name).map(|(_, ports)| ports)
    }

    /// The names of all services.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|(name, _)| name.as_str())
    }

    /// A set of ports in words: services that it holds whole, the declared ones and the widest first, then what is left
    /// as `tcp 80-90`; or what it does not hold, where that is less.
    pub(crate) fn words(&self, ports: &PortSet) -> Vec<String> {
        let rest = PortSet::full().without(ports);
        if rest.is_empty() {
            return vec!["any".to_owned()];
        }
        let (held, missing) = (self.listed(ports), self.listed(&rest));
        if missing.len() < held.len() { vec![format!("any but {}", missing.join(", "))] } else { held }
    }

    fn listed(&self, ports: &PortSet) -> Vec<String> {
        let mut left = ports.clone();
        let mut words = Vec::new();
        let (declared, known) =
            self.services.split_at_checked(self.declared).unwrap_or((&self.services, &[]));
        for (name, service) in declared.iter().rev().chain(known.iter().rev()) {
            if !service.is_empty() && ports.covers(service) && left != left.without(service) {
                left = left.without(service);
                words.push(name.clone());
            }
        }
        words.sort_unstable();
        let range = |kind: &str, range: &PortRange| match (range.first, range.last) {
            (first, last) if first == last => format!("{kind} {first}"),
            (first, last) => format!("{kind} {first}-{last}"),
        };
        words.extend(left.tcp.iter().map(|ports| range("tcp", ports)));
        words.extend(left.udp.iter().map(|ports| range("udp", ports)));
        words.extend(protocol_words(&left.protocols));
        words
    }

    pub(crate) fn find(&self, protocol: u8, port: u16) -> Option<&str> {
        self.services.iter().find(|(_, ports)| ports.contains(protocol, port)).map(|(name, _)| name.as_str())
    }
}

/// Protocols without ports by their names; many that have none in one word.
fn protocol_words(protocols: &[u8]) -> Vec<String> {
    const MANY: usize = 16;
    if protocols.len() > MANY {
        return vec![format!("{} protocols without ports", protocols.len())];
    }
    protocols.iter().map(|&number| protocol_word(number)).collect()
}

/// The name of a protocol, or its number.
pub(crate) fn protocol_word(number: u8) -> String {
    match number {
        TCP => "tcp".to_owned(),
        UDP => "udp".to_owned(),
        _ => PROTOCOLS
            .iter()
            .find(|known| known.1 == number)
            .map_or_else(|| format!("protocol {number}"), |known| known.0.to_owned()),
    }
}

#[cfg(test)]
mod tests;
