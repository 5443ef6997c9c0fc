//! One frame judged: lookup, return traffic, fragments, binding and generation around the pure decision.
//!
//! A hit (key, MAC address and generation equal, not idle for an hour) gives the cached verdict. Everything else is judged:
//! 1. What every network needs (ARP, neighbour discovery, DHCP, ...) is allowed by name and counted.
//! 2. A flow known in its direction is decided again by it; a policy or place that changed is thereby carried out.
//! 3. A frame that answers an allowed flow is a reply; it carries the segments and the rule of that flow.
//! 4. Otherwise the tables decide on (segment of the source, segment of the destination, class of the port).
//! 5. TCP whose opening was not seen is allowed if either side may open it, as `Midstream`.

mod slow;
#[cfg(test)]
mod tests;

use crate::address::{Mac, Timestamp};
use crate::headers::{Fragment, Headers, ether_type, protocol};
use crate::state::{Key, Now, State, tick};
use crate::table::{Access, Action, Mode, RuleId, SegmentId, ServiceClass};

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
/// let judged = judge(&mut State::boxed(), read_ethernet(&arp).headers(), 42, Timestamp(0));
/// assert_eq!(judged.verdict.reason, Reason::Builtin(Builtin::Arp));
/// assert_eq!(judged.verdict.fate(), Fate::Pass);
/// # }
/// ```
#[inline]
pub fn judge(state: &mut State, headers: &Headers, frame_len: u32, now: Timestamp) -> Judgement {
    let judgement = match builtin(headers) {
        Some(builtin) => Judgement { verdict: allowance(state, headers, builtin), event: None },
        None if !headers.is_ip() => unreadable(state, headers),
        None => match headers.fragment {
            Fragment::Whole => flow(state, headers, now),
            Fragment::First { id } => {
                let judgement = flow(state, headers, now);
                let now = moment(state, now);
                if state.fragments.note(headers, id, judgement.verdict, &now) {
                    state.counters.fragments_evicted = state.counters.fragments_evicted.wrapping_add(1);
                }
                judgement
            }
            Fragment::Later { id, offset } => later(state, headers, (id, offset), now),
        },
    };
    state.counters.count(judgement.verdict, frame_len);
    judgement
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
    /// remembered (a fragment, or the flow table is full of allowed flows) tells so itself.
    Denied,
    /// A known flow comes from another MAC address. It was judged again; that alone never drops it.
    MacMoved {
        /// The address that the flow was bound to until now.
        from: Mac,
    },
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

fn moment(state: &State, now: Timestamp) -> Now {
    Now { tick: tick(now), generation: state.epoch(), seed: state.seed }
}

/// The built-in allowance that a frame falls under.
#[inline]
const fn builtin(headers: &Headers) -> Option<Builtin> {
    match headers.ether_type {
        ether_type::IPV4 | ether_type::IPV6 => match headers.protocol {
            protocol::UDP => dhcp(headers),
            protocol::ICMPV6 => discovery(headers),
            protocol::IGMP => Some(Builtin::Igmp),
            _ => None,
        },
        // Tags beyond the depth that is read may hide IP.
        ether_type::VLAN | ether_type::SERVICE_VLAN | ether_type::OLD_QINQ => None,
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

fn allowance(state: &State, headers: &Headers, builtin: Builtin) -> Verdict {
    let (from, to) = if headers.is_ip() { state.identities.sides(headers) } else { (None, None) };
    Verdict {
        action: Action::Allow,
        mode: Mode::Enforce,
        reason: Reason::Builtin(builtin),
        rule: None,
        from,
        to,
        service: ServiceClass::default(),
    }
}

/// The flow of a frame: its cached verdict, or the slow path.
#[inline]
fn flow(state: &mut State, headers: &Headers, now: Timestamp) -> Judgement {
    let key = Key::of(headers);
    let now = moment(state, now);
    let slot = state.flows.find(&key, now.seed);
    if let Some(entry) = slot.and_then(|slot| state.flows.entry_mut(slot))
        && entry.generation == now.generation
        && entry.mac() == headers.src_mac
        && entry.is_live(now.tick)
    {
        entry.touch(now.tick);
        return Judgement { verdict: entry.verdict(), event: None };
    }
    slow::flow(state, headers, &slow::Miss { key, slot, now })
}

/// No byte of a first fragment may be overwritten where the ports and flags lie (RFC 1858, RFC 3128).
const LEAST_TCP: u16 = 20;

fn later(state: &mut State, headers: &Headers, (id, offset): (u32, u16), now: Timestamp) -> Judgement {
    let now = moment(state, now);
    let overlaps = headers.protocol == protocol::TCP && offset < LEAST_TCP;
    let first = if overlaps { None } else { state.fragments.verdict(headers, id, &now) };
    if let Some(first) = first {
        return Judgement { verdict: Verdict { reason: Reason::Fragment, ..first }, event: None };
    }
    state.counters.orphans = state.counters.orphans.wrapping_add(1);
    by_pair(state, headers, Reason::Orphan)
}

fn unreadable(state: &mut State, headers: &Headers) -> Judgement {
    state.counters.unreadable = state.counters.unreadable.wrapping_add(1);
    by_pair(state, headers, Reason::Unreadable)
}

/// Without ports: class 0 of the pair.
fn by_pair(state: &State, headers: &Headers, reason: Reason) -> Judgement {
    let (from, to) = state.identities.sides(headers);
    let verdict = Verdict { reason, ..decide(state, Access { from, to, service: ServiceClass::default() }) };
    Judgement { verdict, event: denied(verdict) }
}

/// The decision of the tables as a verdict.
fn decide(state: &State, access: Access) -> Verdict {
    let cell = state.tables.decide(access);
    let Access { from, to, service } = access;
    let reason = match (cell.rule, from, to) {
        (Some(_), _, _) => Reason::Rule,
        (None, Some(_), Some(_)) => Reason::Default,
        (None, None, _) | (None, _, None) => Reason::Unassigned,
    };
    Verdict { action: cell.action, mode: cell.mode, reason, rule: cell.rule, from, to, service }
}

const fn denied(verdict: Verdict) -> Option<Event> {
    match verdict.action {
        Action::Allow => None,
        Action::Deny => Some(Event::Denied),
    }
}
