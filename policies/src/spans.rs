//! The ports in the order of their numbers, cut where the class changes: what tables say, read back as ports.

use abi::table::{ServiceClass, Tables};

use crate::ports::{PortRange, PortSet, TCP, UDP};

/// A port, or a protocol without ports (whose port is 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    pub(crate) protocol: u8,
    pub(crate) number: u16,
}

/// The classes of all ports.
pub(crate) struct Spans {
    tcp: Vec<(PortRange, ServiceClass)>,
    udp: Vec<(PortRange, ServiceClass)>,
    protocols: Vec<(u8, ServiceClass)>,
}

impl Spans {
    /// Reads them from tables.
    pub(crate) fn of(tables: &Tables) -> Spans {
        let protocols = (0..=u8::MAX).filter(|&number| number != TCP && number != UDP);
        Spans {
            tcp: runs(|port| tables.class(TCP, port)),
            udp: runs(|port| tables.class(UDP, port)),
            protocols: protocols.map(|number| (number, tables.class(number, 0))).collect(),
        }
    }

    /// The classes that a set of ports meets, each with the first port of the set in it.
    pub(crate) fn met(&self, ports: &PortSet) -> Vec<(ServiceClass, Port)> {
        let mut met = Vec::new();
        let pieces = |spans: &[(PortRange, ServiceClass)], ranges: &[PortRange], protocol: u8| {
            let mut found = Vec::new();
            for &(span, class) in spans {
                let first = ranges
                    .iter()
                    .filter(|range| range.first <= span.last && span.first <= range.last)
                    .map(|range| range.first.max(span.first))
                    .min();
                found.extend(first.map(|number| (class, Port { protocol, number })));
            }
            found
        };
        met.extend(pieces(&self.tcp, &ports.tcp, TCP));
        met.extend(pieces(&self.udp, &ports.udp, UDP));
        let portless = self.protocols.iter().filter(|(number, _)| ports.protocols.contains(number));
        met.extend(portless.map(|&(protocol, class)| (class, Port { protocol, number: 0 })));
        met.sort_by_key(|&(class, port)| (class.0, port));
        met.dedup_by_key(|(class, _)| *class);
        met
    }

    /// The ports of each class, by its number.
    pub(crate) fn by_class(&self) -> Vec<(ServiceClass, PortSet)> {
        let mut sets: Vec<(ServiceClass, PortSet)> =
            (0..=u8::MAX).map(|class| (ServiceClass(class), PortSet::default())).collect();
        let mut add = |class: ServiceClass, to: &dyn Fn(&mut PortSet)| {
            if let Some((_, set)) = sets.get_mut(usize::from(class.0)) {
                to(set);
            }
        };
        for &(range, class) in &self.tcp {
            add(class, &|set| set.tcp.push(range));
        }
        for &(range, class) in &self.udp {
            add(class, &|set| set.udp.push(range));
        }
        for &(number, class) in &self.protocols {
            add(class, &|set| set.protocols.push(number));
        }
        sets.retain(|(_, set)| !set.is_empty());
        sets
    }

    /// The ports of each pair of a class of these tables and one of others.
    pub(crate) fn beside(&self, other: &Spans) -> Vec<((ServiceClass, ServiceClass), PortSet)> {
        let mut sets = std::collections::BTreeMap::<(u8, u8), PortSet>::new();
        for (piece, (a, b)) in overlaps(&self.tcp, &other.tcp) {
            sets.entry((a.0, b.0)).or_default().tcp.push(piece);
        }
        for (piece, (a, b)) in overlaps(&self.udp, &other.udp) {
            sets.entry((a.0, b.0)).or_default().udp.push(piece);
        }
        for (&(number, a), &(_, b)) in self.protocols.iter().zip(&other.protocols) {
            sets.entry((a.0, b.0)).or_default().protocols.push(number);
        }
        sets.into_iter().map(|((a, b), set)| ((ServiceClass(a), ServiceClass(b)), set.canonical())).collect()
    }
}

fn runs(class: impl Fn(u16) -> ServiceClass) -> Vec<(PortRange, ServiceClass)> {
    let mut spans: Vec<(PortRange, ServiceClass)> = Vec::new();
    for port in 0..=u16::MAX {
        let class = class(port);
        match spans.last_mut() {
            Some((range, last)) if *last == class => range.last = port,
            _ => spans.push((PortRange { first: port, last: port }, class)),
        }
    }
    spans
}

/// Two divisions of all ports laid over each other.
fn overlaps(
    ours: &[(PortRange, ServiceClass)],
    theirs: &[(PortRange, ServiceClass)],
) -> Vec<(PortRange, (ServiceClass, ServiceClass))> {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    let mut pieces = Vec::new();
    while let (Some(&&(a, class)), Some(&&(b, other))) = (ours.peek(), theirs.peek()) {
        let last = a.last.min(b.last);
        pieces.push((PortRange { first: a.first.max(b.first), last }, (class, other)));
        if a.last == last {
            ours.next();
        }
        if b.last == last {
            theirs.next();
        }
    }
    pieces
}
