//! One frame judged: lookup, return traffic, fragments, binding and generation around the pure decision.
//!
//! A hit (key, MAC address and generation equal, not idle for an hour, no limit) gives the cached verdict. Everything else is judged:
//! 0. What comes from a device in quarantine, or goes to one, is denied in any mode, but for what keeps it on its link, and
//!    what the policy lets it do with a refuge.
//! 1. What every network needs (ARP, neighbour discovery, DHCP, ...) is allowed by name and counted. Where a policy names
//!    the servers of DHCP, or the routers that advertise themselves, all others are denied.
//! 2. A flow known in its direction is decided again by it; a policy or place that changed is thereby carried out.
//! 3. A frame that answers an allowed flow is a reply; it carries the segments and the rule of that flow.
//! 4. Otherwise the tables decide on (segment of the source, segment of the destination, class of the port).
//! 5. TCP whose opening was not seen is allowed if either side may open it, as `Midstream`.
//! 6. Where the rule that allows a frame has a limit, and the frame is not an answer, it is denied beyond that.
//!
//! Where nobody attends to the sensor, the failure of the segments changes what is done with a frame, not what is kept.

mod hot;
mod slow;
#[cfg(test)]
mod tests;

pub use hot::glance;

use crate::address::{Mac, Timestamp};
use crate::headers::{Fragment, Headers, ether_type, protocol};
use crate::state::{Key, Moment, PackedVerdict, Share, State, Tap, mac_of, mac_word, reason};
use crate::table::{Access, Action, Mode, RuleId, SegmentId, Server, ServiceClass};
use slow::Custody;

/// Judges one frame at a time. `frame_len` counts bytes on the wire. Total: never fails, never panics.
///
/// ```
/// # #[cfg(feature = "user")] {
/// use abi::address::Timestamp;
/// use abi::headers::read_ethernet;
/// use abi::judge::{Builtin, Fate, Reason, judge};
/// use abi::state::State;
///
/// let mut arp = [0xff; 42];
/// arp[12..14].copy_from_slice(&[0x08, 0x06]);
/// let judged = judge(&State::boxed(), read_ethernet(&arp).headers(), 42, Timestamp(0));
/// assert_eq!(judged.verdict.reason, Reason::Builtin(Builtin::Arp));
/// assert_eq!(judged.verdict.fate(), Fate::Pass);
/// # }
/// ```
#[inline]
pub fn judge(state: &State, headers: &Headers, frame_len: u32, now: Timestamp) -> Judgement {
    let mut desk = Desk::EMPTY;
    if desk.look(state, headers, (frame_len, now)) == Look::Miss {
        desk.hold(state, headers);
        desk.place(state, headers);
        desk.decide(state, headers);
        desk.keep(state, headers);
    }
    Judgement { verdict: desk.0.packed.verdict(), event: desk.0.event.event() }
}

/// Whether the first step of a judgement was all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The flow has a verdict that holds.
    Hit,
    /// The other steps are needed.
    Miss,
}

/// Where a judgement is worked out, in five steps. [`judge`] takes them at once. The kernel's machine cannot: its stack
/// is too small, and a program of all four is too long to be proved safe.
pub struct Desk(slow::Miss);

impl Desk {
    /// Before a judgement.
    pub const EMPTY: Desk = Desk(slow::Miss::EMPTY);

    /// Finds what is known of the frame's flow. That may be all: a cached verdict.
    #[inline]
    pub fn look(&mut self, state: &State, headers: &Headers, (frame_len, now): (u32, Timestamp)) -> Look {
        let miss = &mut self.0;
        miss.forget();
        miss.moment = state.moment(now);
        // Padding behind the datagram is nobody's.
        let bytes = if headers.is_ip() { frame_len.min(headers.network_end) } else { frame_len };
        miss.share = Share { bytes, tcp_flags: headers.tcp_flags, at: now };
        if !has_flow(headers) {
            return Look::Miss;
        }
        miss.key = Key::of(headers, miss.moment.seed);
        let meta = mac_word(headers.src_mac) | miss.key.family;
        let look = match state.flows.hit(&miss.key, meta, &miss.moment, miss.share) {
            Some(packed) => {
                miss.packed = packed;
                Look::Hit
            }
            None => slow::look(state, headers, miss),
        };
        if look == Look::Hit {
            note(state, headers, miss);
            miss.packed = state.carried_out(&miss.moment, miss.packed);
        }
        look
    }

    /// Finds which sides are in quarantine. Can be left out where nobody is.
    #[inline]
    pub fn hold(&mut self, state: &State, headers: &Headers) {
        if state.has_quarantine() {
            slow::hold(state, headers, &mut self.0);
        }
    }

    /// Finds the segments of both sides.
    #[inline]
    pub fn place(&mut self, state: &State, headers: &Headers) {
        slow::place(state, headers, &mut self.0);
    }

    /// Judges a frame of a flow.
    #[inline]
    pub fn decide(&mut self, state: &State, headers: &Headers) {
        if has_flow(headers) {
            slow::decide_flow(state, headers, &mut self.0);
            slow::limit(state, headers, &mut self.0);
        }
    }

    /// Remembers the verdict of a frame of a flow; judges what is none.
    #[inline]
    pub fn keep(&mut self, state: &State, headers: &Headers) {
        let miss = &mut self.0;
        if has_flow(headers) {
            miss.event = slow::keep(state, headers, miss);
            note(state, headers, miss);
        } else {
            miss.event = flowless(state, headers, miss);
            state.counters.add(miss.packed, 1, u64::from(miss.share.bytes));
        }
        miss.packed = state.carried_out(&miss.moment, miss.packed);
    }

    /// What is done with the frame, after the last step.
    #[inline]
    pub const fn fate(&self) -> Fate {
        self.0.packed.fate()
    }

    /// Whether there is something to tell, after the last step.
    #[inline]
    pub const fn has_event(&self) -> bool {
        self.0.event.0 != PackedEvent::NONE.0
    }

    /// Whether the frame is to be copied to userspace, after the last step: it passes, and is one of those that its flow has
    /// copied.
    #[inline]
    pub const fn is_tapped(&self) -> bool {
        matches!((self.0.tap, self.fate()), (Tap::Beginning | Tap::Kept, Fate::Pass))
    }

    /// Verdict and event as records carry them.
    #[inline]
    pub(crate) const fn packed(&self) -> (PackedVerdict, PackedEvent) {
        (self.0.packed, self.0.event)
    }

    /// The number of the segment that the access comes from, 0 for none.
    #[inline]
    pub const fn from_number(&self) -> u8 {
        (self.0.packed.0 >> 24 & 0xff) as u8
    }
}

/// Whether a frame belongs to a flow: allowances, later fragments and what cannot be read do not.
#[inline]
const fn has_flow(headers: &Headers) -> bool {
    builtin(headers).is_none() && headers.is_ip() && !matches!(headers.fragment, Fragment::Later { .. })
}

/// Remembers the verdict of a first fragment for the later ones.
#[inline]
fn note(state: &State, headers: &Headers, miss: &slow::Miss) {
    if matches!(headers.fragment, Fragment::First { .. })
        && state.fragments.note(headers, miss.packed, &miss.moment)
    {
        state.counters.fragments_evicted.add(1);
    }
}

/// What belongs to no flow.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn flowless(state: &State, headers: &Headers, miss: &mut slow::Miss) -> PackedEvent {
    if miss.custody == Custody::Held {
        miss.packed = PackedVerdict::denied(reason::QUARANTINE, Mode::Enforce, miss.from, miss.to);
        return PackedEvent::DENIED;
    }
    if let Some(builtin) = builtin(headers) {
        let Some(mode) = rogue(state, headers, miss) else {
            miss.packed = PackedVerdict::allowed(builtin, miss.from, miss.to);
            return PackedEvent::NONE;
        };
        miss.packed = PackedVerdict::denied(reason::ROGUE_SERVER, mode, miss.from, miss.to);
        return PackedEvent::DENIED;
    }
    let later = match headers.fragment {
        Fragment::Later { id, offset } if headers.is_ip() => first(state, headers, (id, offset), miss),
        Fragment::Whole | Fragment::First { .. } | Fragment::Later { .. } => PackedVerdict::NONE,
    };
    if !later.is_none() {
        miss.packed = later.with_reason(reason::FRAGMENT);
        return PackedEvent::NONE;
    }
    let reason = if headers.is_ip() {
        state.counters.orphans.add(1);
        reason::ORPHAN
    } else {
        state.counters.unreadable.add(1);
        reason::UNREADABLE
    };
    // Without ports: class 0 of the pair.
    let access = Access { from: miss.from, to: miss.to, service: ServiceClass(0) };
    miss.packed = decide(state, access, &miss.moment).with_reason(reason);
    match miss.packed.action() {
        Action::Allow => PackedEvent::NONE,
        Action::Deny => PackedEvent::DENIED,
    }
}

/// The mode in which a frame is denied that only a server may send whom the policy trusts, where its sender is none.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn rogue(state: &State, headers: &Headers, miss: &slow::Miss) -> Option<Mode> {
    let server = server(headers)?;
    let policy = state.policy(&miss.moment);
    let mode = policy.tables.guarded(server)?;
    // A router's MAC address does not place what it forwards; but what is said on the link, it says itself.
    let named = policy.identities.named(headers.src_mac);
    let is_trusted = policy.tables.trusts(miss.from, server) || policy.tables.trusts(named, server);
    if is_trusted { None } else { Some(mode) }
}

/// No byte of a first fragment may be overwritten where the ports and flags lie (RFC 1858, RFC 3128).
const LEAST_TCP: u16 = 20;

/// The verdict of the first fragment of a later one.
fn first(state: &State, headers: &Headers, (id, offset): (u32, u16), miss: &slow::Miss) -> PackedVerdict {
    let overlaps = headers.protocol == protocol::TCP && offset < LEAST_TCP;
    if overlaps { PackedVerdict::NONE } else { state.fragments.verdict(headers, (id, offset), &miss.moment) }
}

/// The decision of the tables as a verdict.
fn decide(state: &State, access: Access, moment: &Moment) -> PackedVerdict {
    PackedVerdict::decided(access, state.policy(moment).tables.packed(access))
}

/// A verdict, and what is worth telling beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What the policy says.
    pub verdict: Verdict,
    /// What happened for the first time with this frame.
    pub event: Option<Event>,
}

/// What is told once, not with every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A flow, or the other direction of one, was seen for the first time and is allowed.
    NewFlow,
    /// A flow is denied, for the first time or after it was allowed. A denied frame for which nothing can be
    /// remembered (a fragment, or the flow table is full of allowed flows) tells so itself. One beyond a limit tells so once
    /// a second for a device and a rule.
    Denied,
    /// A known flow comes from another MAC address. It was judged again; that alone never drops it.
    MacMoved {
        /// The address that the flow was bound to until now.
        from: Mac,
    },
}

/// An [`Event`] in one word: a MAC address in the upper 48 bits, the kind in the lowest eight; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct PackedEvent(pub(crate) u64);

const NEW_FLOW: u64 = 1;
const DENIED: u64 = 2;
const MAC_MOVED: u64 = 3;

impl PackedEvent {
    const NONE: PackedEvent = PackedEvent(0);
    const NEW_FLOW: PackedEvent = PackedEvent(NEW_FLOW);
    const DENIED: PackedEvent = PackedEvent(DENIED);

    const fn mac_moved(from: Mac) -> PackedEvent {
        PackedEvent(mac_word(from) | MAC_MOVED)
    }

    pub(crate) const fn event(self) -> Option<Event> {
        match self.0 & 0xff {
            NEW_FLOW => Some(Event::NewFlow),
            DENIED => Some(Event::Denied),
            MAC_MOVED => Some(Event::MacMoved { from: mac_of(self.0) }),
            _ => None,
        }
    }
}

/// What the policy says of a frame, with the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Allow or deny.
    pub action: Action,
    /// How far that is carried out.
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
    /// The rule that decided; `None` for a default and for what is built in.
    pub rule: Option<RuleId>,
    /// The segment of the initiator of the access (for a reply: of its receiver).
    pub from: Option<SegmentId>,
    /// The segment of the responder.
    pub to: Option<SegmentId>,
    /// The class of the responder's port.
    pub service: ServiceClass,
}

impl Verdict {
    /// What is done with the frame where the sensor can do something. Only a denial in mode `enforce` drops.
    pub const fn fate(&self) -> Fate {
        match (self.mode, self.action) {
            (Mode::Observe | Mode::Alert, _) | (Mode::Enforce, Action::Allow) => Fate::Pass,
            (Mode::Enforce, Action::Deny) => Fate::Drop,
        }
    }
}

/// What is done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Pass,
    /// It ends here.
    Drop,
}

/// Why a verdict is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A rule of the policy.
    Rule,
    /// The default between the two segments.
    Default,
    /// The default where one side is in no segment.
    Unassigned,
    /// It answers a flow and shares its verdict.
    Reply,
    /// TCP whose opening was not seen; either side may have opened it.
    Midstream,
    /// A later fragment, by the verdict of its first fragment.
    Fragment,
    /// A later fragment whose first one is not known, by the pair of segments and class 0.
    Orphan,
    /// An IP header that could not be read, by the pair of segments as far as known and class 0.
    Unreadable,
    /// One side is in quarantine.
    Quarantine,
    /// Only a server that the policy trusts may say this: DHCP (as switches do in DHCP snooping) or router advertisements
    /// (RFC 6105).
    RogueServer,
    /// The policy drops it, but nobody attends to the sensor, and a segment opens then.
    FailOpen,
    /// The policy allows it, but nobody attends to the sensor, and a segment closes then.
    FailClosed,
    /// A rule allows it, and its sender has used up what the rule allows at a time.
    RateLimit,
    /// Traffic that every network needs.
    Builtin(Builtin),
}

/// Traffic that is allowed without a rule, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Builtin {
    /// ARP (RFC 826).
    Arp = 0,
    /// EAP over LAN (IEEE 802.1X).
    Eapol = 1,
    /// LLDP (IEEE 802.1AB).
    Lldp = 2,
    /// Non-IP control between bridges: STP, LACP, pause (IEEE 802.1Q table 8-1, addresses 01:80:c2:00:00:00 to 0f).
    Bridge = 3,
    /// Any other Ethernet type.
    NonIp = 4,
    /// Router and neighbour solicitations and advertisements with hop limit 255 (RFC 4861).
    NeighborDiscovery = 5,
    /// Multicast listener reports, done and queries with hop limit 1 (RFC 2710, RFC 3810).
    Mld = 6,
    /// IGMP (RFC 3376).
    Igmp = 7,
    /// DHCP between client and server ports (RFC 2131).
    Dhcp = 8,
    /// DHCPv6 between client and server ports (RFC 9915, formerly RFC 8415).
    Dhcpv6 = 9,
}

impl Builtin {
    /// Every value, in the order of the numbers.
    pub const ALL: [Builtin; 10] = [
        Builtin::Arp,
        Builtin::Eapol,
        Builtin::Lldp,
        Builtin::Bridge,
        Builtin::NonIp,
        Builtin::NeighborDiscovery,
        Builtin::Mld,
        Builtin::Igmp,
        Builtin::Dhcp,
        Builtin::Dhcpv6,
    ];

    /// The word of the output.
    pub const fn word(self) -> &'static str {
        match self {
            Builtin::Arp => "arp",
            Builtin::Eapol => "eapol",
            Builtin::Lldp => "lldp",
            Builtin::Bridge => "bridge-control",
            Builtin::NonIp => "non-ip",
            Builtin::NeighborDiscovery => "neighbor-discovery",
            Builtin::Mld => "mld",
            Builtin::Igmp => "igmp",
            Builtin::Dhcp => "dhcp",
            Builtin::Dhcpv6 => "dhcpv6",
        }
    }
}

impl Reason {
    /// The word of the output.
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Rule => "rule",
            Reason::Default => "default",
            Reason::Unassigned => "unassigned",
            Reason::Reply => "reply",
            Reason::Midstream => "midstream",
            Reason::Fragment => "fragment",
            Reason::Orphan => "orphan-fragment",
            Reason::Unreadable => "unreadable",
            Reason::Quarantine => "quarantine",
            Reason::RogueServer => "rogue-server",
            Reason::FailOpen => "fail-open",
            Reason::FailClosed => "fail-closed",
            Reason::RateLimit => "rate-limit",
            Reason::Builtin(builtin) => builtin.word(),
        }
    }
}

/// Whether frames go with the access that was judged, or answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// What a server says to its clients, under the allowance of [`builtin`].
#[inline]
const fn server(headers: &Headers) -> Option<Server> {
    match (builtin(headers), headers.src_port) {
        (Some(Builtin::Dhcp), 67) | (Some(Builtin::Dhcpv6), 547) => Some(Server::Dhcp),
        (Some(Builtin::NeighborDiscovery), 134) => Some(Server::Router),
        _ => None,
    }
}

/// The built-in allowance that a frame falls under.
#[inline]
const fn builtin(headers: &Headers) -> Option<Builtin> {
    match headers.ether_type {
        ether_type::IPV4 if headers.is_ip() => match headers.protocol {
            protocol::UDP => dhcp(headers),
            protocol::IGMP => Some(Builtin::Igmp),
            _ => None,
        },
        ether_type::IPV6 if headers.is_ip() => match headers.protocol {
            protocol::UDP => dhcp(headers),
            protocol::ICMPV6 => discovery(headers),
            _ => None,
        },
        // What cannot be read has no name, and tags beyond the depth that is read may hide IP.
        ether_type::IPV4
        | ether_type::IPV6
        | ether_type::VLAN
        | ether_type::SERVICE_VLAN
        | ether_type::OLD_QINQ => None,
        ether_type::ARP => Some(Builtin::Arp),
        ether_type::EAPOL => Some(Builtin::Eapol),
        ether_type::LLDP => Some(Builtin::Lldp),
        _ => match headers.dst_mac.0 {
            [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00..=0x0f] => Some(Builtin::Bridge),
            _ => Some(Builtin::NonIp),
        },
    }
}

#[inline]
const fn dhcp(headers: &Headers) -> Option<Builtin> {
    match (headers.ether_type, headers.src_port, headers.dst_port) {
        (ether_type::IPV4, 68, 67) | (ether_type::IPV4, 67, 68) => Some(Builtin::Dhcp),
        (ether_type::IPV6, 546, 547) | (ether_type::IPV6, 547, 546) => Some(Builtin::Dhcpv6),
        _ => None,
    }
}

/// The hop limits prove that the sender is on the link (RFC 4861 section 6.1, RFC 3810 section 5).
#[inline]
const fn discovery(headers: &Headers) -> Option<Builtin> {
    match (headers.src_port, headers.ttl) {
        (133..=136, 255) => Some(Builtin::NeighborDiscovery),
        (130..=132 | 143, 1) => Some(Builtin::Mld),
        _ => None,
    }
}
