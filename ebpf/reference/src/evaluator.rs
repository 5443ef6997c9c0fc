//! The judgement, frame by frame, with all that it remembers in plain collections without bounds.

use std::collections::HashMap;

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::table::{Action, Mode, SegmentId, Server};
use policies::Resolved;

use crate::limit::{Consumer, Purses};
use crate::orders::{self, Orders, denied, is_rogue};
use crate::policy::{Asked, Known, Side, decide, is_routed, is_router, receiver, segment};
use crate::reading::{Content, Datagram, ICMP, ICMPV6, IGMP, Piece, Sight, TCP, UDP, Version, read};
use crate::{Cause, Outcome, Ruling, Told};

/// After so long without a frame a flow is forgotten: an hour, in nanoseconds.
const FLOW_LIFE: u64 = 3_600_000_000_000;
/// After so long a datagram's fragments are no longer awaited: a minute (RFC 8200 section 4.5), in nanoseconds.
const FRAGMENT_LIFE: u64 = 60_000_000_000;
/// The TCP header without options, which no later fragment may overwrite (RFC 1858, RFC 3128).
const TCP_HEADER: u16 = 20;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// One direction of a conversation, whatever the VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Talk {
    version: Version,
    src: Ip,
    dst: Ip,
    protocol: u8,
    ends: Ends,
}

/// What tells conversations between two addresses apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ends {
    Ports(u16, u16),
    /// An ICMP query, by its type.
    Query(u16),
    /// The answer to such a query, by the query's type.
    Answer(u16),
    /// ICMP that nothing answers: type and code.
    Alone(u16, u16),
}

/// Whether frames go with the access that was judged, or answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Asks,
    Answers,
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    vlans: [u16; 2],
    mac: Mac,
    ruling: Ruling,
    way: Way,
    /// The policy that it was judged by; `None` to have it judged again.
    generation: Option<u64>,
    last: u64,
}

impl Flow {
    fn is_live(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.last) <= FLOW_LIFE
    }
}

/// A fragmented datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pieces {
    version: Version,
    src: Ip,
    dst: Ip,
    protocol: u8,
    id: u32,
}

/// A first fragment that was judged.
#[derive(Clone, Copy, Debug)]
struct Start {
    ruling: Ruling,
    generation: u64,
    at: u64,
    /// How many bytes of the datagram it brought.
    len: usize,
}

impl Start {
    /// Whether it speaks for a later fragment, which must not overwrite what was judged (RFC 5722).
    fn speaks_for(&self, offset: u16, generation: u64, now: Timestamp) -> bool {
        self.generation == generation
            && now.0.saturating_sub(self.at) <= FRAGMENT_LIFE
            && usize::from(offset) >= self.len
    }
}

/// A frame of a flow, and what is looked up for it.
struct Case<'f> {
    sight: &'f Sight,
    datagram: &'f Datagram,
    talk: Talk,
    own: Option<Flow>,
    from: Option<SegmentId>,
    to: Option<SegmentId>,
    now: Timestamp,
}

impl Case<'_> {
    fn is_tcp(&self) -> bool {
        self.datagram.protocol == TCP
    }

    /// SYN without ACK opens a connection (RFC 9293 section 3.5). So may a first fragment whose flags come in the next one
    /// (RFC 1858 section 3).
    fn opens(&self) -> bool {
        let is_first = matches!(self.datagram.piece, Piece::First { .. });
        match self.datagram.tcp_flags {
            Some(flags) => flags & (SYN | ACK) == SYN,
            None => self.is_tcp() && is_first,
        }
    }

    /// SYN with ACK comes from who was asked.
    fn accepts(&self) -> bool {
        self.datagram.tcp_flags.is_some_and(|flags| flags & (SYN | ACK) == SYN | ACK)
    }
}

/// Judges frames straight from a resolved policy.
pub struct Evaluator {
    policy: Resolved,
    known: Known,
    generation: u64,
    /// The flows of each conversation, one for each pair of VLANs, in the order in which they were first seen.
    flows: HashMap<Talk, Vec<Flow>>,
    /// The first fragment of each datagram.
    fragments: HashMap<Pieces, Start>,
    orders: Orders,
    purses: Purses,
}

impl Evaluator {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(policy: &Resolved) -> Evaluator {
        Evaluator {
            policy: policy.clone(),
            known: Known::default(),
            generation: 0,
            flows: HashMap::new(),
            fragments: HashMap::new(),
            orders: Orders::default(),
            purses: Purses::default(),
        }
    }

    /// Puts an address into quarantine, or takes it out. Groups and the absent address are nobody's.
    /// [`Evaluator::publish`] puts it into force.
    pub fn order(&mut self, device: DeviceKey) {
        let is_nobody = match device {
            DeviceKey::Mac(mac) => mac.is_none() || mac.is_group(),
            DeviceKey::Ip(ip) => ip.is_none() || ip.is_group(),
        };
        if !is_nobody && !self.orders.quarantine.remove(&device) {
            self.orders.quarantine.insert(device);
        }
    }

    /// Somebody attends until then; `None` is for ever.
    pub fn attend(&mut self, deadline: Option<Timestamp>) {
        self.orders.deadline = deadline.map(|at| at.0);
    }

    /// Puts another policy into force. Placements by class are forgotten, routers are not.
    pub fn install(&mut self, policy: &Resolved) {
        self.policy = policy.clone();
        self.known.macs_by_class.clear();
        self.known.addresses_by_class.clear();
        self.purses.forget();
        self.publish();
    }

    /// Has everything judged anew.
    pub fn publish(&mut self) {
        self.generation = self.generation.saturating_add(1);
    }

    /// Marks a MAC address as a router's. [`Evaluator::publish`] puts it into force.
    pub fn mark_router(&mut self, mac: Mac) {
        self.known.routers.insert(mac);
    }

    /// Places a local device by its class. [`Evaluator::publish`] puts it into force.
    pub fn place_mac(&mut self, mac: Mac, segment: SegmentId) {
        self.known.macs_by_class.insert(mac, segment);
    }

    /// Places a routed device by its class. [`Evaluator::publish`] puts it into force.
    pub fn place_address(&mut self, ip: Ip, segment: SegmentId) {
        self.known.addresses_by_class.insert(ip, segment);
    }

    /// Forgets where a routed device was placed by its class. [`Evaluator::publish`] puts it into force.
    pub fn forget_address(&mut self, ip: Ip) {
        self.known.addresses_by_class.remove(&ip);
    }

    /// The number of the segment at a place of the policy, counted from 0 and round again: what generated steps mean.
    #[must_use]
    pub fn segment_at(&self, place: usize) -> Option<SegmentId> {
        let at = place.checked_rem(self.policy.segments.len())?;
        self.policy.segments.get(at).map(|segment| segment.id)
    }

    /// Judges one Ethernet frame.
    pub fn judge(&mut self, frame: &[u8], now: Timestamp) -> Outcome<'_> {
        let (ruling, told) = self.ruling(frame, now);
        let ruling = self.orders.carried_out(&self.policy, ruling, now);
        let segment = |id: Option<SegmentId>| {
            let found = self.policy.segments.iter().find(|segment| Some(segment.id) == id);
            found.map_or("unassigned", |segment| segment.name.as_str())
        };
        let rule = self.policy.rules.iter().find(|rule| Some(rule.id) == ruling.rule);
        Outcome {
            fate: ruling.fate(),
            action: ruling.action,
            mode: ruling.mode,
            reason: ruling.cause.word(),
            rule: rule.map(|rule| rule.name.as_str()),
            from: segment(ruling.from),
            to: segment(ruling.to),
            told,
        }
    }

    fn ruling(&mut self, frame: &[u8], now: Timestamp) -> (Ruling, Option<Told>) {
        let sight = read(frame);
        let datagram = match sight.content {
            Content::Datagram(datagram) => datagram,
            Content::Other(kind) => {
                let word = other(kind, sight.dst_mac);
                return if self.is_cut_off(&sight, [Ip::NONE; 2], (None, None), (Some(word), None)) {
                    cut_off((None, None))
                } else {
                    (Ruling::allowed(word), None)
                };
            }
            Content::Hidden | Content::Broken(None) => return self.unreadable(&sight, [Ip::NONE; 2]),
            Content::Broken(Some((src, dst))) => return self.unreadable(&sight, [src, dst]),
        };
        let (from, to) = self.sides(&sight, datagram.src, datagram.dst);
        let ends = [datagram.src, datagram.dst];
        let word = allowance(&datagram);
        let is_cut_off = self.is_cut_off(&sight, ends, (from, to), (word, server(&datagram)));
        if let Some(word) = word {
            let rogue =
                server(&datagram).filter(|&server| is_rogue(&self.policy, server, sight.src_mac, from));
            return if is_cut_off {
                cut_off((from, to))
            } else if rogue.is_some() {
                (denied(Cause::RogueServer, self.policy.mode, from, to), Some(Told::Denied))
            } else {
                (Ruling { from, to, ..Ruling::allowed(word) }, None)
            };
        }
        let pieces = |id, protocol| Pieces {
            version: datagram.version,
            src: datagram.src,
            dst: datagram.dst,
            protocol,
            id,
        };
        match datagram.piece {
            Piece::Whole => self.flow((&sight, &datagram), (from, to), now),
            Piece::First { id, protocol, len } => {
                let judged = self.flow((&sight, &datagram), (from, to), now);
                let start = Start { ruling: judged.0, generation: self.generation, at: now.0, len };
                self.fragments.insert(pieces(id, protocol), start);
                judged
            }
            Piece::Later { .. } if is_cut_off => cut_off((from, to)),
            Piece::Later { id, protocol, offset } => {
                let overlaps = protocol == TCP && offset < TCP_HEADER;
                match self.fragments.get(&pieces(id, protocol)) {
                    Some(start) if !overlaps && start.speaks_for(offset, self.generation, now) => {
                        (Ruling { cause: Cause::Fragment, ..start.ruling }, None)
                    }
                    Some(_) | None => self.by_pair((from, to), Cause::Orphan),
                }
            }
        }
    }

    fn unreadable(&self, sight: &Sight, ips: [Ip; 2]) -> (Ruling, Option<Told>) {
        let [src, dst] = ips;
        let sides = self.sides(sight, src, dst);
        if self.is_cut_off(sight, ips, sides, (None, None)) {
            cut_off(sides)
        } else {
            self.by_pair(sides, Cause::Unreadable)
        }
    }

    fn is_cut_off(
        &self,
        sight: &Sight,
        ips: [Ip; 2],
        sides: (Option<SegmentId>, Option<SegmentId>),
        what: (Option<&str>, Option<Server>),
    ) -> bool {
        let ends = orders::Ends { macs: [sight.src_mac, sight.dst_mac], ips };
        self.orders.cut_off(&self.policy, ends, sides, what)
    }

    fn sides(&self, sight: &Sight, src: Ip, dst: Ip) -> (Option<SegmentId>, Option<SegmentId>) {
        let sender = Side { mac: sight.src_mac, ip: src, vlans: sight.vlans };
        let from = segment(&self.policy, &self.known, sender);
        let side = Side { mac: sight.dst_mac, ip: dst, vlans: sight.vlans };
        (from, receiver(&self.policy, &self.known, side, from))
    }

    /// The ruling on a frame of which only the two sides are known.
    fn by_pair(
        &self,
        (from, to): (Option<SegmentId>, Option<SegmentId>),
        cause: Cause,
    ) -> (Ruling, Option<Told>) {
        let ruling = Ruling { cause, ..decide(&self.policy, from, to, Asked::Unknown) };
        (ruling, (ruling.action == Action::Deny).then_some(Told::Denied))
    }

    /// The flow of a conversation in these VLANs.
    fn at(&mut self, talk: &Talk, vlans: [u16; 2]) -> Option<&mut Flow> {
        self.flows.get_mut(talk)?.iter_mut().find(|flow| flow.vlans == vlans)
    }

    fn flow(
        &mut self,
        (sight, datagram): (&Sight, &Datagram),
        (from, to): (Option<SegmentId>, Option<SegmentId>),
        now: Timestamp,
    ) -> (Ruling, Option<Told>) {
        let talk = talk(datagram);
        let generation = Some(self.generation);
        let before = self.at(&talk, sight.vlans).map_or(sight.src_mac, |flow| flow.mac);
        // Whoever forwards it, it is the same flow; unless one of them may be in quarantine.
        let is_bound =
            !self.is_turn(datagram.src, [before, sight.src_mac]) || !self.orders.quarantine.is_empty();
        let own = self.at(&talk, sight.vlans).filter(|flow| flow.is_live(now));
        if let Some(&mut flow) = own
            && flow.generation == generation
            && (flow.mac == sight.src_mac || !is_bound)
        {
            if let Some(beyond) = self.beyond((sight, datagram), (&flow.ruling, flow.way), now) {
                return beyond;
            }
            if let Some(place) = self.at(&talk, sight.vlans) {
                place.mac = sight.src_mac;
                place.last = place.last.max(now.0);
            }
            return (flow.ruling, None);
        }
        let own = self.at(&talk, sight.vlans).copied().filter(|flow| flow.is_live(now));
        // What was cut off begins anew.
        let claim = own.filter(|own| own.ruling.cause != Cause::Quarantine);
        let case = Case { sight, datagram, talk, own: claim, from, to, now };
        let (ruling, way) = self.judged(&case);
        if (ruling.action, way) == (Action::Allow, Way::Asks) {
            self.reconsider(&talk);
        }
        if let Some(beyond) = self.beyond((sight, datagram), (&ruling, way), now) {
            return beyond;
        }
        let last = own.map_or(now.0, |flow| flow.last.max(now.0));
        let flow = Flow { vlans: sight.vlans, mac: sight.src_mac, ruling, way, generation, last };
        match self.at(&talk, sight.vlans) {
            Some(place) => *place = flow,
            None => self.flows.entry(talk).or_default().push(flow),
        }
        (ruling, self.told(own, &flow, datagram.src))
    }

    /// The ruling on a frame that is beyond the limit of the rule that allows it. What answers has no limit.
    fn beyond(
        &mut self,
        (sight, datagram): (&Sight, &Datagram),
        (ruling, way): (&Ruling, Way),
        now: Timestamp,
    ) -> Option<(Ruling, Option<Told>)> {
        if way == Way::Answers {
            return None;
        }
        let is_beyond = is_routed(&self.policy, datagram.src)
            || is_router(&self.policy, &self.known, sight.src_mac)
            || sight.src_mac.is_none();
        let consumer = if is_beyond { Consumer::Beyond(datagram.src) } else { Consumer::Link(sight.src_mac) };
        let (ruling, tells) = self.purses.beyond(&self.policy, ruling, consumer, now)?;
        Some((ruling, tells.then_some(Told::Denied)))
    }

    /// Whether another MAC address is only another router on the way of a sender.
    fn is_turn(&self, sender: Ip, macs: [Mac; 2]) -> bool {
        is_routed(&self.policy, sender) || macs.iter().all(|mac| is_router(&self.policy, &self.known, *mac))
    }

    /// What was denied because it came before what it answers is judged again with its next frame.
    fn reconsider(&mut self, talk: &Talk) {
        let answers = reverse(talk).and_then(|back| self.flows.get_mut(&back));
        for flow in answers.into_iter().flatten().filter(|flow| flow.ruling.action == Action::Deny) {
            flow.generation = None;
        }
    }

    fn told(&self, own: Option<Flow>, flow: &Flow, sender: Ip) -> Option<Told> {
        let denied = flow.ruling.action == Action::Deny;
        let Some(own) = own else {
            return if !denied {
                Some(Told::NewFlow)
            } else if flow.ruling.cause == Cause::Reply {
                None
            } else {
                Some(Told::Denied)
            };
        };
        if own.mac != flow.mac && !self.is_turn(sender, [own.mac, flow.mac]) {
            return Some(Told::MacMoved { from: own.mac });
        }
        (own.ruling.action == Action::Allow && denied).then_some(Told::Denied)
    }

    /// The ruling on a frame of a flow without a cached one, and which way the frame goes.
    fn judged(&mut self, case: &Case<'_>) -> (Ruling, Way) {
        let ips = [case.datagram.src, case.datagram.dst];
        if self.is_cut_off(case.sight, ips, (case.from, case.to), (None, None)) {
            return (denied(Cause::Quarantine, Mode::Enforce, case.from, case.to), Way::Asks);
        }
        let (source, destination) = case.datagram.ports;
        let protocol = case.datagram.protocol;
        let asks = decide(&self.policy, case.from, case.to, Asked::Port(protocol, destination));
        let answers = decide(&self.policy, case.to, case.from, Asked::Port(protocol, source));
        if let Some(again) = case.own.and_then(|own| known_way(&own, asks, answers)) {
            return again;
        }
        // An opening is never an answer.
        let question = if case.opens() { None } else { self.question(case) };
        match question {
            Some(question) if question.action == Action::Allow => return (question, Way::Answers),
            Some(_) | None => {}
        }
        if let Some(guess) = midstream(case, asks, answers) {
            return guess;
        }
        match question {
            Some(question) if asks.action == Action::Deny => (question, Way::Answers),
            Some(_) | None => (asks, Way::Asks),
        }
    }

    /// The ruling on what a frame may answer, brought up to the policy in force: first in the frame's own VLANs, then in
    /// those where it was first seen.
    fn question(&mut self, case: &Case<'_>) -> Option<Ruling> {
        let back = reverse(&case.talk)?;
        let Evaluator { policy, known, generation, flows, orders, .. } = self;
        let mut asking: Vec<&mut Flow> = flows
            .get_mut(&back)?
            .iter_mut()
            .filter(|flow| flow.way == Way::Asks && flow.is_live(case.now))
            .collect();
        asking.sort_by_key(|flow| flow.vlans != case.sight.vlans);
        let flow = asking.into_iter().next()?;
        if orders.is_mute(policy, flow.mac, case.from) {
            return None;
        }
        if flow.generation != Some(*generation) {
            let asker = Side { mac: flow.mac, ip: case.datagram.dst, vlans: flow.vlans };
            let from = segment(policy, known, asker);
            let service = Asked::Port(case.datagram.protocol, case.datagram.ports.0);
            let judged = decide(policy, from, case.from, service);
            flow.ruling = if judged.action == Action::Allow { kept(flow.ruling, judged) } else { judged };
            flow.generation = Some(*generation);
        }
        Some(Ruling { cause: Cause::Reply, ..flow.ruling })
    }
}

/// A flow whose direction is known goes on in it while the policy allows that.
fn known_way(own: &Flow, asks: Ruling, answers: Ruling) -> Option<(Ruling, Way)> {
    let judged = match (own.way, own.ruling.action) {
        (Way::Asks, _) => asks,
        (Way::Answers, Action::Allow) => answers,
        // To have answered what was denied gives no claim.
        (Way::Answers, Action::Deny) => return None,
    };
    (judged.action == Action::Allow).then(|| (kept(own.ruling, judged), own.way))
}

/// An answer stays an answer, and a guess a guess.
fn kept(before: Ruling, now: Ruling) -> Ruling {
    match before.cause {
        Cause::Reply | Cause::Midstream => Ruling { cause: before.cause, ..now },
        Cause::Rule
        | Cause::Default
        | Cause::Unassigned
        | Cause::Fragment
        | Cause::Orphan
        | Cause::Unreadable
        | Cause::Quarantine
        | Cause::RogueServer
        | Cause::FailOpen
        | Cause::FailClosed
        | Cause::RateLimit
        | Cause::Needed(_) => now,
    }
}

/// TCP whose opening was not seen is allowed if either side may open it. SYN with ACK is the other side's first.
fn midstream(case: &Case<'_>, asks: Ruling, answers: Ruling) -> Option<(Ruling, Way)> {
    let unseen = case.own.is_none_or(|own| own.ruling.cause == Cause::Midstream);
    if !case.is_tcp() || case.opens() || !unseen {
        return None;
    }
    let both = [(asks, Way::Asks), (answers, Way::Answers)];
    let [first, second] = if case.accepts() { [both[1], both[0]] } else { both };
    let allowed = [first, second].into_iter().find(|(ruling, _)| ruling.action == Action::Allow);
    allowed.map(|(ruling, way)| (Ruling { cause: Cause::Midstream, ..ruling }, way))
}

/// The conversation of a datagram. Queries and answers of ICMP: RFC 792, RFC 4443, RFC 4620.
fn talk(datagram: &Datagram) -> Talk {
    let (kind, code) = datagram.ports;
    let ends = match (datagram.protocol, kind) {
        (ICMP, 8 | 13 | 17) | (ICMPV6, 128 | 139) => Ends::Query(kind),
        (ICMP, 0) => Ends::Answer(8),
        (ICMP, 14) => Ends::Answer(13),
        (ICMP, 18) => Ends::Answer(17),
        (ICMPV6, 129) => Ends::Answer(128),
        (ICMPV6, 140) => Ends::Answer(139),
        (ICMP | ICMPV6, _) => Ends::Alone(kind, code),
        (_, _) => Ends::Ports(kind, code),
    };
    let Datagram { version, src, dst, protocol, .. } = *datagram;
    Talk { version, src, dst, protocol, ends }
}

/// The conversation that one may answer.
fn reverse(talk: &Talk) -> Option<Talk> {
    let ends = match talk.ends {
        Ends::Ports(source, destination) => Ends::Ports(destination, source),
        Ends::Query(kind) => Ends::Answer(kind),
        Ends::Answer(kind) => Ends::Query(kind),
        Ends::Alone(..) => return None,
    };
    Some(Talk { src: talk.dst, dst: talk.src, ends, ..*talk })
}

/// The allowance of what is not IP.
fn other(kind: u16, to: Mac) -> &'static str {
    match (kind, to.0) {
        (0x0806, _) => "arp",
        (0x888e, _) => "eapol",
        (0x88cc, _) => "lldp",
        // IEEE 802.1Q table 8-1.
        (_, [0x01, 0x80, 0xc2, 0, 0, 0..=15]) => "bridge-control",
        (_, _) => "non-ip",
    }
}

/// The ruling on what belongs to no flow and is cut off.
fn cut_off((from, to): (Option<SegmentId>, Option<SegmentId>)) -> (Ruling, Option<Told>) {
    (denied(Cause::Quarantine, Mode::Enforce, from, to), Some(Told::Denied))
}

/// What only a server says to its clients, of what is allowed.
fn server(datagram: &Datagram) -> Option<Server> {
    match (allowance(datagram)?, datagram.ports) {
        ("dhcp", (67, 68)) | ("dhcpv6", (547, 546)) => Some(Server::Dhcp),
        ("neighbor-discovery", (134, _)) => Some(Server::Router),
        (_, _) => None,
    }
}

/// The allowance of IP that every network needs.
fn allowance(datagram: &Datagram) -> Option<&'static str> {
    match (datagram.version, datagram.protocol, datagram.ports) {
        (Version::Four, IGMP, _) => Some("igmp"),
        (Version::Four, UDP, (67, 68) | (68, 67)) => Some("dhcp"),
        (Version::Six, UDP, (546, 547) | (547, 546)) => Some("dhcpv6"),
        // RFC 4861 section 6.1: a hop limit of 255 proves that no router passed it on.
        (Version::Six, ICMPV6, (133..=136, _)) if datagram.hops == 255 => Some("neighbor-discovery"),
        // RFC 3810 section 5.
        (Version::Six, ICMPV6, (130..=132 | 143, _)) if datagram.hops == 1 => Some("mld"),
        (_, _, _) => None,
    }
}
