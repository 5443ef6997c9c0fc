//! What holds beside the policy's rules: who is in quarantine, who may be a server, and whether anybody attends.

use std::collections::BTreeSet;

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::table::{Action, Failure, Mode, SegmentId, Server};
use policies::Resolved;

use crate::{Cause, Ruling};

/// What was ordered, and until when somebody attends.
#[derive(Default)]
pub(crate) struct Orders {
    /// The addresses in quarantine.
    pub(crate) quarantine: BTreeSet<DeviceKey>,
    /// `None` is for ever.
    pub(crate) deadline: Option<u64>,
}

/// Both sides of a frame by their addresses.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) macs: [Mac; 2],
    pub(crate) ips: [Ip; 2],
}

/// What a device in quarantine needs to stay on its link.
const NEEDED: [&str; 5] = ["arp", "eapol", "neighbor-discovery", "dhcp", "dhcpv6"];

impl Orders {
    fn holds(&self, mac: Mac, ip: Ip) -> bool {
        self.quarantine.contains(&DeviceKey::Mac(mac)) || self.quarantine.contains(&DeviceKey::Ip(ip))
    }

    /// Whether what a device asked has no answer, in which a segment would speak to it.
    pub(crate) fn is_mute(&self, policy: &Resolved, mac: Mac, answering: Option<SegmentId>) -> bool {
        self.quarantine.contains(&DeviceKey::Mac(mac)) && !is_refuge(policy, answering)
    }

    /// Whether a frame is cut off, with the word of the allowance that it falls under and the server that says it.
    pub(crate) fn cut_off(
        &self,
        policy: &Resolved,
        ends: Ends,
        (from, to): (Option<SegmentId>, Option<SegmentId>),
        (allowance, server): (Option<&str>, Option<Server>),
    ) -> bool {
        let ([src_mac, dst_mac], [src, dst]) = (ends.macs, ends.ips);
        let (sender, receiver) = (self.holds(src_mac, src), self.holds(dst_mac, dst));
        let needed = allowance.is_some_and(|word| NEEDED.contains(&word));
        match (sender, receiver) {
            (false, false) => false,
            // As a server it is never heard.
            (true, _) if server.is_some() => true,
            (true, false) => !(needed || is_refuge(policy, to)),
            (false, true) => !(needed || is_refuge(policy, from)),
            (true, true) => !needed,
        }
    }

    /// What is done with a frame now, by what the policy says of it.
    pub(crate) fn carried_out(&self, policy: &Resolved, ruling: Ruling, now: Timestamp) -> Ruling {
        let attended = self.deadline.is_none_or(|deadline| now.0 <= deadline);
        if attended || matches!(ruling.cause, Cause::Needed(_) | Cause::Quarantine) {
            return ruling;
        }
        let failure = |side: Option<SegmentId>| {
            let segment = policy.segments.iter().find(|segment| Some(segment.id) == side);
            segment.map_or(policy.failure, |segment| segment.failure)
        };
        let failures = [failure(ruling.from), failure(ruling.to)];
        match (ruling.action, ruling.mode) {
            (Action::Deny, Mode::Enforce) if failures.contains(&Failure::Open) => {
                Ruling { action: Action::Allow, cause: Cause::FailOpen, ..ruling }
            }
            (Action::Allow, Mode::Enforce)
                if failures.contains(&Failure::Closed) && !failures.contains(&Failure::Open) =>
            {
                Ruling { action: Action::Deny, cause: Cause::FailClosed, ..ruling }
            }
            (_, _) => ruling,
        }
    }
}

/// A denial beside the rules.
pub(crate) const fn denied(
    cause: Cause,
    mode: Mode,
    from: Option<SegmentId>,
    to: Option<SegmentId>,
) -> Ruling {
    Ruling { action: Action::Deny, mode, cause, rule: None, from, to }
}

/// Whether such a server may not say it: the policy trusts some, and neither the sender's segment nor the one that
/// selects its MAC address.
pub(crate) fn is_rogue(policy: &Resolved, server: Server, mac: Mac, from: Option<SegmentId>) -> bool {
    let trusting = || policy.segments.iter().filter(|segment| segment.trusted.contains(&server));
    trusting().next().is_some()
        && !trusting().any(|segment| Some(segment.id) == from || segment.macs.contains(&mac))
}

fn is_refuge(policy: &Resolved, side: Option<SegmentId>) -> bool {
    side.is_some_and(|id| policy.refuges.contains(&id))
}
