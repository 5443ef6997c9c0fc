//! The judge once more, as plainly as it can be said: maps without bounds, prefixes one after another, no cached hash.

use std::collections::{HashMap, HashSet};

use crate::address::{DeviceKey, Ip, Mac, Timestamp};
use crate::headers::{Fragment, Headers, tcp_flag};
use crate::judge::{Builtin, Event, Reason, Verdict};
use crate::state::PlacedBy;
use crate::table::{Action, Cell, Failure, Mode, SegmentId, Server, ServiceClass};

type Segment = Option<SegmentId>;
type Datagram = (u16, Ip, Ip, u8, u32);

/// Ports, or what stands for them: an ICMP query and its answer are each other's reverse, other ICMP has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ports {
    Pair(u16, u16),
    Query(u16),
    Answer(u16),
    Alone(u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: Ip,
    dst: Ip,
    protocol: u8,
    ports: Ports,
    vlan: [u16; 2],
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    born: u64,
    verdict: Verdict,
    answers: bool,
    generation: u64,
    mac: Mac,
    tick: u64,
}

/// Everything that the reference knows.
#[derive(Default)]
pub(super) struct Reference {
    pub(super) macs: HashMap<Mac, (SegmentId, PlacedBy)>,
    pub(super) routers: Vec<Mac>,
    pub(super) prefixes: Vec<(Ip, u8, SegmentId)>,
    pub(super) routed: Vec<(Ip, u8)>,
    pub(super) vlans: HashMap<u16, SegmentId>,
    pub(super) addresses: HashMap<Ip, SegmentId>,
    pub(super) classes: HashMap<(u8, u16), ServiceClass>,
    pub(super) cells: HashMap<(Segment, Segment, ServiceClass), Cell>,
    pub(super) generation: u64,
    pub(super) quarantine: HashSet<DeviceKey>,
    pub(super) refuges: Vec<SegmentId>,
    pub(super) trusted: Vec<(SegmentId, Server)>,
    pub(super) guards: Vec<(Server, Mode)>,
    pub(super) failures: HashMap<Segment, Failure>,
    pub(super) deadline: Option<Timestamp>,
    flows: HashMap<Key, Flow>,
    births: u64,
    /// The verdict of a first fragment, its generation, its tick and its length.
    fragments: HashMap<Datagram, (Verdict, u64, u64, u16)>,
}

fn tick(now: Timestamp) -> u64 {
    now.0
}

const HOUR: u64 = 3_600_000_000_000;
const MINUTE: u64 = 60_000_000_000;

fn key(h: &Headers) -> Key {
    let ports = match (h.protocol, h.src_port) {
        (1, 8 | 13 | 17) | (58, 128 | 139) => Ports::Query(h.src_port),
        (1, 0) => Ports::Answer(8),
        (1, 14 | 18) | (58, 129 | 140) => Ports::Answer(h.src_port - 1),
        (1 | 58, _) => Ports::Alone(h.src_port, h.dst_port),
        _ => Ports::Pair(h.src_port, h.dst_port),
    };
    Key { src: h.src, dst: h.dst, protocol: h.protocol, ports, vlan: h.vlan }
}

fn reverse(key: &Key) -> Option<Key> {
    let ports = match key.ports {
        Ports::Pair(src, dst) => Ports::Pair(dst, src),
        Ports::Query(kind) => Ports::Answer(kind),
        Ports::Answer(kind) => Ports::Query(kind),
        Ports::Alone(..) => return None,
    };
    Some(Key { src: key.dst, dst: key.src, ports, ..*key })
}

fn matches(network: Ip, len: u8, ip: Ip) -> bool {
    let (skip, same_family) = match (network.as_v4(), ip.as_v4()) {
        (Some(_), Some(_)) => (96, true),
        (None, None) => (0, true),
        (Some(_), None) | (None, Some(_)) => (0, false),
    };
    let differing = u128::from_be_bytes(network.0) ^ u128::from_be_bytes(ip.0);
    same_family && differing.leading_zeros() >= skip + u32::from(len)
}

fn builtin(h: &Headers) -> Option<Builtin> {
    let v4 = h.ether_type == 0x0800;
    let v6 = h.ether_type == 0x86dd;
    let ports = [h.src_port, h.dst_port];
    match h.ether_type {
        0x0806 => return Some(Builtin::Arp),
        0x888e => return Some(Builtin::Eapol),
        0x88cc => return Some(Builtin::Lldp),
        0x8100 | 0x88a8 | 0x9100 => return None,
        _ if v4 || v6 => {}
        _ if h.dst_mac.0[..5] == [1, 0x80, 0xc2, 0, 0] && h.dst_mac.0[5] < 16 => {
            return Some(Builtin::Bridge);
        }
        _ => return Some(Builtin::NonIp),
    }
    if !h.is_ip() {
        None
    } else if h.protocol == 2 && v4 {
        Some(Builtin::Igmp)
    } else if h.protocol == 17 && v4 && (ports == [67, 68] || ports == [68, 67]) {
        Some(Builtin::Dhcp)
    } else if h.protocol == 17 && v6 && (ports == [546, 547] || ports == [547, 546]) {
        Some(Builtin::Dhcpv6)
    } else if h.protocol == 58 && v6 && h.ttl == 255 && (133..=136).contains(&h.src_port) {
        Some(Builtin::NeighborDiscovery)
    } else if h.protocol == 58 && v6 && h.ttl == 1 && [130, 131, 132, 143].contains(&h.src_port) {
        Some(Builtin::Mld)
    } else {
        None
    }
}

/// Whose words to everybody a frame carries.
fn server(h: &Headers) -> Option<Server> {
    match (builtin(h)?, h.src_port, h.dst_port) {
        (Builtin::Dhcp, 67, 68) | (Builtin::Dhcpv6, 547, 546) => Some(Server::Dhcp),
        (Builtin::NeighborDiscovery, 134, _) => Some(Server::Router),
        _ => None,
    }
}

impl Reference {
    fn prefix(&self, ip: Ip) -> Option<(u8, SegmentId)> {
        let all =
            self.prefixes.iter().filter(|(network, len, _)| !ip.is_none() && matches(*network, *len, ip));
        all.map(|(_, len, segment)| (*len, *segment)).max_by_key(|(len, _)| *len)
    }

    fn is_routed(&self, ip: Ip) -> bool {
        !ip.is_none() && self.routed.iter().any(|(network, len)| matches(*network, *len, ip))
    }

    /// Whether another MAC address on a flow is no move.
    fn is_turn(&self, h: &Headers, before: Mac) -> bool {
        self.is_routed(h.src) || [before, h.src_mac].iter().all(|mac| self.routers.contains(mac))
    }

    fn segment(&self, mac: Mac, ip: Ip, vlan: [u16; 2]) -> Segment {
        let router = self.routers.contains(&mac) || self.is_routed(ip);
        let by = |wanted| {
            self.macs.get(&mac).filter(|(_, by)| *by == wanted && !router).map(|(segment, _)| *segment)
        };
        let local_vlan = |id: u16| if router || id == 0 { None } else { self.vlans.get(&id).copied() };
        let candidates = [
            by(PlacedBy::Policy),
            self.prefix(ip).map(|(_, segment)| segment),
            local_vlan(vlan[1]),
            local_vlan(vlan[0]),
            self.addresses.get(&ip).copied(),
            by(PlacedBy::Class),
        ];
        candidates.into_iter().flatten().next()
    }

    fn sides(&self, h: &Headers) -> (Segment, Segment) {
        let from = self.segment(h.src_mac, h.src, h.vlan);
        let least = match (h.dst.is_group(), h.dst.as_v4()) {
            (true, Some(_)) => 4,
            (true, None) => 8,
            (false, _) => 0,
        };
        let named = self.prefix(h.dst).filter(|(len, _)| *len >= least).map(|(_, segment)| segment);
        if h.dst.is_group() || h.dst_mac.is_group() {
            (from, named.or(from))
        } else {
            (from, self.segment(h.dst_mac, h.dst, h.vlan))
        }
    }

    fn decide(&self, from: Segment, to: Segment, service: ServiceClass) -> Verdict {
        let cell = self.cells.get(&(from, to, service)).copied().unwrap_or(Cell::OBSERVED);
        let reason = if cell.rule.is_some() {
            Reason::Rule
        } else if from.is_none() || to.is_none() {
            Reason::Unassigned
        } else {
            Reason::Default
        };
        Verdict { action: cell.action, mode: cell.mode, reason, rule: cell.rule, from, to, service }
    }

    fn class(&self, protocol: u8, port: u16) -> ServiceClass {
        let port = if protocol == 6 || protocol == 17 { port } else { 0 };
        self.classes.get(&(protocol, port)).copied().unwrap_or_default()
    }

    /// The verdict and the event of a frame.
    pub(super) fn judge(&mut self, h: &Headers, now: Timestamp) -> (Verdict, Option<Event>) {
        let (verdict, event) = self.attended(h, now);
        let unattended = self.deadline.is_some_and(|deadline| now > deadline);
        if !unattended || matches!(verdict.reason, Reason::Builtin(_) | Reason::Quarantine) {
            return (verdict, event);
        }
        let sides =
            [verdict.from, verdict.to].map(|side| self.failures.get(&side).copied().unwrap_or_default());
        let enforced = verdict.mode == Mode::Enforce;
        let turned = if sides.contains(&Failure::Open) && enforced && verdict.action == Action::Deny {
            Verdict { action: Action::Allow, reason: Reason::FailOpen, ..verdict }
        } else if sides.contains(&Failure::Open) {
            verdict
        } else if sides.contains(&Failure::Closed) && enforced && verdict.action == Action::Allow {
            Verdict { action: Action::Deny, reason: Reason::FailClosed, ..verdict }
        } else {
            verdict
        };
        (turned, event)
    }

    /// Whether a quarantine cuts a frame off.
    fn is_cut_off(&self, h: &Headers, (from, to): (Segment, Segment)) -> bool {
        let holds = |mac, ip| {
            [DeviceKey::Mac(mac), DeviceKey::Ip(ip)].iter().any(|key| self.quarantine.contains(key))
        };
        let (sender, receiver) = (holds(h.src_mac, h.src), holds(h.dst_mac, h.dst));
        let refuge = |side: Segment| side.is_some_and(|id| self.refuges.contains(&id));
        let stays =
            [Builtin::Arp, Builtin::Eapol, Builtin::NeighborDiscovery, Builtin::Dhcp, Builtin::Dhcpv6];
        let needed = builtin(h).is_some_and(|builtin| stays.contains(&builtin));
        if sender && server(h).is_some() {
            return true;
        }
        match (sender, receiver) {
            (false, false) => false,
            (true, false) => !needed && !refuge(to),
            (false, true) => !needed && !refuge(from),
            (true, true) => !needed,
        }
    }

    fn attended(&mut self, h: &Headers, now: Timestamp) -> (Verdict, Option<Event>) {
        let (from, to) = if h.is_ip() || builtin(h).is_none() { self.sides(h) } else { (None, None) };
        let beside = |action, mode, reason| {
            let service = ServiceClass(0);
            Verdict { action, mode, reason, rule: None, from, to, service }
        };
        let cut_off = self.is_cut_off(h, (from, to));
        if cut_off && (builtin(h).is_some() || !h.is_ip() || matches!(h.fragment, Fragment::Later { .. })) {
            return (beside(Action::Deny, Mode::Enforce, Reason::Quarantine), Some(Event::Denied));
        }
        let by_pair = |reason| {
            let verdict = Verdict { reason, ..self.decide(from, to, ServiceClass(0)) };
            (verdict, (verdict.action == Action::Deny).then_some(Event::Denied))
        };
        if let Some(builtin) = builtin(h) {
            let guard = server(h).and_then(|server| {
                let named = self.macs.get(&h.src_mac).filter(|(_, by)| *by == PlacedBy::Policy);
                let sides = [from, named.map(|(segment, _)| *segment)];
                let trusted = sides.into_iter().flatten().any(|side| self.trusted.contains(&(side, server)));
                self.guards.iter().find(|(guarded, _)| *guarded == server && !trusted)
            });
            return match guard {
                Some((_, mode)) => (beside(Action::Deny, *mode, Reason::RogueServer), Some(Event::Denied)),
                None => (beside(Action::Allow, Mode::Enforce, Reason::Builtin(builtin)), None),
            };
        }
        if !h.is_ip() {
            return by_pair(Reason::Unreadable);
        }
        match h.fragment {
            Fragment::Whole => self.flow(h, now),
            Fragment::First { id, protocol, len } => {
                let judged = self.flow(h, now);
                let noted = (judged.0, self.generation, tick(now), len);
                self.fragments.insert((h.ether_type, h.src, h.dst, protocol, id), noted);
                judged
            }
            Fragment::Later { id, offset } => {
                let tiny = h.protocol == 6 && offset < 20;
                match self.fragments.get(&(h.ether_type, h.src, h.dst, h.protocol, id)) {
                    Some((verdict, generation, seen, len))
                        if !tiny
                            && offset >= *len
                            && *generation == self.generation
                            && tick(now) - seen <= MINUTE =>
                    {
                        (Verdict { reason: Reason::Fragment, ..*verdict }, None)
                    }
                    Some(_) | None => by_pair(Reason::Orphan),
                }
            }
        }
    }

    fn live(&self, key: &Key, now: Timestamp) -> Option<Flow> {
        self.flows.get(key).copied().filter(|flow| tick(now) - flow.tick <= HOUR)
    }

    fn flow(&mut self, h: &Headers, now: Timestamp) -> (Verdict, Option<Event>) {
        let key = key(h);
        let own = self.live(&key, now);
        if let Some(own) = own
            && own.generation == self.generation
            && (own.mac == h.src_mac || (self.is_turn(h, own.mac) && self.quarantine.is_empty()))
        {
            self.flows.insert(key, Flow { tick: tick(now), mac: h.src_mac, ..own });
            return (own.verdict, None);
        }
        let (verdict, answers) = self.verdict(h, &key, own, now);
        // A flow that comes back after its hour keeps its place among those of other VLANs.
        let born = self.flows.get(&key).map_or(self.births, |flow| flow.born);
        self.births += 1;
        let generation = self.generation;
        if verdict.action == Action::Allow && !answers {
            self.reconsider(&key);
        }
        self.flows.insert(key, Flow { born, verdict, answers, generation, mac: h.src_mac, tick: tick(now) });
        let denied = verdict.action == Action::Deny;
        let event = match own {
            None if !denied => Some(Event::NewFlow),
            None => (verdict.reason != Reason::Reply).then_some(Event::Denied),
            Some(own) if own.mac != h.src_mac && !self.is_turn(h, own.mac) => {
                Some(Event::MacMoved { from: own.mac })
            }
            Some(own) => (own.verdict.action == Action::Allow && denied).then_some(Event::Denied),
        };
        (verdict, event)
    }

    /// What was denied before the flow began that it answers is looked at again.
    fn reconsider(&mut self, key: &Key) {
        let Some(reverse) = reverse(key) else { return };
        for (other, flow) in &mut self.flows {
            if (Key { vlan: reverse.vlan, ..*other }) == reverse && flow.verdict.action == Action::Deny {
                flow.generation = 0;
            }
        }
    }

    fn verdict(&mut self, h: &Headers, key: &Key, own: Option<Flow>, now: Timestamp) -> (Verdict, bool) {
        let (from, to) = self.sides(h);
        if self.is_cut_off(h, (from, to)) {
            let verdict = self.decide(from, to, ServiceClass(0));
            let (action, mode, reason) = (Action::Deny, Mode::Enforce, Reason::Quarantine);
            return (Verdict { action, mode, reason, rule: None, ..verdict }, false);
        }
        // A flow that was cut off begins anew.
        let own = own.filter(|own| own.verdict.reason != Reason::Quarantine);
        let asked = self.decide(from, to, self.class(h.protocol, h.dst_port));
        let answered = self.decide(to, from, self.class(h.protocol, h.src_port));
        let allowed = |verdict: &Verdict| verdict.action == Action::Allow;
        // The direction of a known flow is tried first.
        if let Some(own) = own {
            let again = if own.answers { answered } else { asked };
            if allowed(&again) && (allowed(&own.verdict) || !own.answers) {
                let stays = [Reason::Reply, Reason::Midstream].contains(&own.verdict.reason);
                let reason = if stays { own.verdict.reason } else { again.reason };
                return (Verdict { reason, ..again }, own.answers);
            }
        }
        let flags = h.tcp_flags & (tcp_flag::SYN | tcp_flag::ACK);
        let is_tcp = h.protocol == 6;
        let is_tiny = matches!(h.fragment, Fragment::First { .. }) && h.payload_offset == 0;
        let opening = is_tcp && (flags == tcp_flag::SYN || is_tiny);
        let question = if opening { None } else { self.question(h, key, now) };
        if let Some(question) = question.filter(allowed) {
            return (question, true);
        }
        let guess = is_tcp && !opening && own.is_none_or(|own| own.verdict.reason == Reason::Midstream);
        let responder = is_tcp && flags == tcp_flag::SYN | tcp_flag::ACK;
        if guess {
            let reason = Reason::Midstream;
            if responder && allowed(&answered) {
                return (Verdict { reason, ..answered }, true);
            }
            if allowed(&asked) {
                return (Verdict { reason, ..asked }, false);
            }
            if allowed(&answered) {
                return (Verdict { reason, ..answered }, true);
            }
        }
        match question {
            Some(question) if !allowed(&asked) => (question, true),
            Some(_) | None => (asked, false),
        }
    }

    /// The verdict of what a frame answers, brought up to the generation.
    fn question(&mut self, h: &Headers, key: &Key, now: Timestamp) -> Option<Verdict> {
        let exact = reverse(key)?;
        let asks = |key: &Key| self.live(key, now).filter(|flow| !flow.answers);
        let elsewhere = || {
            let like = self.flows.keys().filter(|other| Key { vlan: exact.vlan, ..**other } == exact);
            like.filter_map(|key| Some((*key, asks(key)?))).min_by_key(|(_, flow)| flow.born)
        };
        let (key, mut flow) = asks(&exact).map(|flow| (exact, flow)).or_else(elsewhere)?;
        let asked = self.segment(h.src_mac, h.src, h.vlan);
        if self.quarantine.contains(&DeviceKey::Mac(flow.mac))
            && !asked.is_some_and(|id| self.refuges.contains(&id))
        {
            return None;
        }
        if flow.generation != self.generation {
            let from = self.segment(flow.mac, h.dst, key.vlan);
            let to = self.segment(h.src_mac, h.src, h.vlan);
            let judged = self.decide(from, to, self.class(h.protocol, h.src_port));
            let guessed = flow.verdict.reason == Reason::Midstream && judged.action == Action::Allow;
            flow.verdict = if guessed { Verdict { reason: Reason::Midstream, ..judged } } else { judged };
            flow.generation = self.generation;
            self.flows.insert(key, flow);
        }
        Some(Verdict { reason: Reason::Reply, ..flow.verdict })
    }
}
