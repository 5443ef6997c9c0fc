//! The policy asked as its text is read: rules one after another, prefixes one after another.

use std::collections::{BTreeSet, HashMap};

use abi::address::{Ip, Mac};
use abi::table::{Action, Mode, SegmentId};
use policies::{PlainRule, Resolved, Segment, Unassigned};

use crate::reading::{TCP, UDP};
use crate::{Cause, Ruling};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// A destination port, or a protocol without ports.
    Port(u8, u16),
    /// Nothing that a rule could name; only rules for every service match.
    Unknown,
}

/// What is known of who is who beside the policy.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) routers: BTreeSet<Mac>,
    pub(crate) macs_by_class: HashMap<Mac, SegmentId>,
    pub(crate) addresses_by_class: HashMap<Ip, SegmentId>,
}

/// One side of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) mac: Mac,
    pub(crate) ip: Ip,
    pub(crate) vlans: [u16; 2],
}

fn asks_for(rule: &PlainRule, asked: Asked) -> bool {
    match (&rule.services, asked) {
        (None, _) => true,
        (Some(_), Asked::Unknown) => false,
        (Some(services), Asked::Port(protocol, port)) => match protocol {
            TCP => services.tcp.iter().any(|range| range.contains(&port)),
            UDP => services.udp.iter().any(|range| range.contains(&port)),
            other => services.protocols.contains(&other),
        },
    }
}

/// The ruling of a policy on one who asks and one who answers.
pub(crate) fn decide(
    policy: &Resolved,
    from: Option<SegmentId>,
    to: Option<SegmentId>,
    asked: Asked,
) -> Ruling {
    let holds = |set: &BTreeSet<SegmentId>, side: Option<SegmentId>| side.is_some_and(|id| set.contains(&id));
    let matching: Vec<&PlainRule> = policy
        .rules
        .iter()
        .filter(|rule| holds(&rule.from, from) && holds(&rule.to, to) && asks_for(rule, asked))
        .collect();
    let mode = |rule: &PlainRule| rule.mode.unwrap_or(general_mode(policy, from, to));
    let denies = |rule: &&&PlainRule| rule.action == Action::Deny;
    let strictest = [Mode::Enforce, Mode::Alert, Mode::Observe]
        .into_iter()
        .find_map(|strict| matching.iter().filter(denies).find(|rule| mode(rule) == strict));
    // An allow rule that says observe itself is on trial and decides nothing.
    let allows = |rule: &&&PlainRule| rule.action == Action::Allow && rule.mode != Some(Mode::Observe);
    match strictest.or_else(|| matching.iter().find(allows)) {
        Some(rule) => Ruling {
            action: rule.action,
            mode: mode(rule),
            cause: Cause::Rule,
            rule: Some(rule.id),
            from,
            to,
        },
        None => default(policy, from, to),
    }
}

/// The mode of what says none itself: that of the first pair that holds both sides, else the policy's.
fn general_mode(policy: &Resolved, from: Option<SegmentId>, to: Option<SegmentId>) -> Mode {
    let holds = |set: &BTreeSet<SegmentId>, side: Option<SegmentId>| side.is_some_and(|id| set.contains(&id));
    let pair = policy.pairs.iter().find(|pair| holds(&pair.from, from) && holds(&pair.to, to));
    pair.map_or(policy.mode, |pair| pair.mode)
}

/// What holds where no rule does.
fn default(policy: &Resolved, from: Option<SegmentId>, to: Option<SegmentId>) -> Ruling {
    let (Some(one), Some(other)) = (from, to) else {
        let (action, mode) = match policy.unassigned {
            Unassigned::Observe => (policy.between, Mode::Observe),
            Unassigned::Alert => (policy.between, Mode::Alert),
            Unassigned::Deny => (Action::Deny, policy.mode),
        };
        return Ruling { action, mode, cause: Cause::Unassigned, rule: None, from, to };
    };
    let within = policy.segments.iter().find(|segment| segment.id == one && one == other);
    let action = within.map_or(policy.between, |segment| segment.within);
    Ruling { action, mode: general_mode(policy, from, to), cause: Cause::Default, rule: None, from, to }
}

/// The segment of the longest declared prefix that holds an address, with its length; else the Internet.
fn by_prefix(policy: &Resolved, ip: Ip) -> Option<(SegmentId, u8)> {
    if ip.is_none() {
        return None;
    }
    let (internet, declared) = policy.segments.split_last()?;
    let prefixes =
        declared.iter().flat_map(|segment| segment.prefixes.iter().map(move |prefix| (segment, prefix)));
    let longest =
        prefixes.filter(|(_, prefix)| prefix.contains(ip)).max_by_key(|(_, prefix)| prefix.length());
    match longest {
        Some((segment, prefix)) => Some((segment.id, prefix.length())),
        None if is_internet(ip) => Some((internet.id, 0)),
        None => None,
    }
}

/// Every IPv4 address that is not private, shared, link-local, loopback, multicast or reserved, and the global unicast
/// addresses of IPv6, those that translate IPv4 included (RFC 6052).
fn is_internet(ip: Ip) -> bool {
    match ip.as_v4() {
        Some([first, second, ..]) => !match first {
            0 | 10 | 127 | 224..=255 => true,
            100 => (64..128).contains(&second),
            169 => second == 254,
            172 => (16..32).contains(&second),
            192 => second == 168,
            _ => false,
        },
        None => ip.0.first().is_some_and(|first| first >> 5 == 1) || ip.0.starts_with(&TRANSLATED),
    }
}

/// `64:ff9b::/96`.
const TRANSLATED: [u8; 12] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

/// Which segment a device is in: the first of MAC address, longest prefix, VLAN, class that says something. Of what comes
/// through a router only the address says something.
pub(crate) fn segment(policy: &Resolved, known: &Known, side: Side) -> Option<SegmentId> {
    let one = |holds: &dyn Fn(&Segment) -> bool| {
        policy.segments.iter().find(|segment| holds(segment)).map(|segment| segment.id)
    };
    let by_vlan = |vlan: u16| if vlan == 0 { None } else { one(&|segment| segment.vlans.contains(&vlan)) };
    let by_address = by_prefix(policy, side.ip).map(|(segment, _)| segment);
    let by_address_class = known.addresses_by_class.get(&side.ip).copied();
    if is_router(policy, known, side.mac) || is_routed(policy, side.ip) {
        return by_address.or(by_address_class);
    }
    let [outer, inner] = side.vlans;
    one(&|segment| segment.macs.contains(&side.mac))
        .or(by_address)
        .or_else(|| by_vlan(inner))
        .or_else(|| by_vlan(outer))
        .or(by_address_class)
        .or_else(|| known.macs_by_class.get(&side.mac).copied())
}

/// Whether a MAC address is a router's, by the policy or by what was found out.
pub(crate) fn is_router(policy: &Resolved, known: &Known, mac: Mac) -> bool {
    known.routers.contains(&mac) || policy.routers.macs.contains(&mac)
}

/// Whether an address lies behind routers by what the policy says.
pub(crate) fn is_routed(policy: &Resolved, ip: Ip) -> bool {
    !ip.is_none() && policy.routers.prefixes.iter().any(|prefix| prefix.contains(ip))
}

/// The segment of a receiver. What goes to a group goes to the sender's segment, unless a prefix of groups names it.
pub(crate) fn receiver(
    policy: &Resolved,
    known: &Known,
    side: Side,
    sender: Option<SegmentId>,
) -> Option<SegmentId> {
    // Only a prefix that lies within 224.0.0.0/4 or ff00::/8 means groups. The limited broadcast counts as one.
    let least = if side.ip.as_v4().is_some() { 4 } else { 8 };
    if is_group(side.ip) {
        by_prefix(policy, side.ip).filter(|(_, len)| *len >= least).map(|(segment, _)| segment).or(sender)
    } else if side.mac.0.first().is_some_and(|first| first & 1 == 1) {
        by_prefix(policy, side.ip).map(|(segment, _)| segment).or(sender)
    } else {
        segment(policy, known, side)
    }
}

fn is_group(ip: Ip) -> bool {
    match ip.as_v4() {
        Some(octets @ [first, ..]) => (224..240).contains(&first) || octets == [255; 4],
        None => ip.0.first() == Some(&0xff),
    }
}
