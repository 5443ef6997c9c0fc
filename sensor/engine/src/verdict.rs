//! The judge at work: every frame of an IP flow is judged by the same function that the kernel runs.

use crate::inventory::{Device, Inventory};
use abi::address::{DeviceKey, Mac, Timestamp};
use abi::device::DeviceType;
use abi::headers::Headers;
use abi::judge::{Fate, Reason, Verdict, judge};
use abi::state::{PlacedBy, State};
use abi::table::{Action, SegmentId};
use policies::Compiled;
use rustc_hash::FxHashMap;
use wire::Side;

/// What the judge said of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruling {
    /// The verdict, seen from the client.
    pub(crate) verdict: Verdict,
    /// When it was given.
    pub(crate) at: Timestamp,
    /// Frames that enforcement drops.
    pub(crate) frames_dropped: u64,
}

impl Ruling {
    /// Adds a frame's ruling to its flow's: the first verdict on the flow itself stands, unless a later frame is denied.
    pub(crate) fn merge(flow: &mut Option<Ruling>, frame: Ruling) {
        match flow {
            None => *flow = Some(frame),
            Some(known) => {
                known.frames_dropped += frame.frames_dropped;
                let sooner = known.verdict.action == Action::Allow && frame.verdict.action == Action::Deny;
                let better = matches!(known.verdict.reason, Reason::Reply | Reason::Midstream)
                    && matches!(frame.verdict.reason, Reason::Rule | Reason::Default | Reason::Unassigned);
                if sooner || better {
                    known.verdict = frame.verdict;
                }
            }
        }
    }
}

/// A policy in force.
pub(crate) struct Guard {
    policy: Compiled,
    state: Box<State>,
    /// Devices that are placed by their class.
    placed: FxHashMap<DeviceKey, DeviceType>,
    /// Devices that found no room in the tables.
    pub(crate) overflows: u64,
}

impl Guard {
    /// Puts a policy in force.
    pub(crate) fn new(policy: Compiled) -> Guard {
        let state = State::boxed();
        let overflows = u64::from(policy.install(&state).is_err());
        state.publish();
        Guard { policy, state, placed: FxHashMap::default(), overflows }
    }

    /// Puts another policy in force. It forgets who was placed by class; that is done again as devices speak.
    pub(crate) fn replace(&mut self, policy: Compiled) {
        self.overflows += u64::from(policy.install(&self.state).is_err());
        self.placed.clear();
        self.policy = policy;
    }

    /// Cuts devices off, whatever the policy says.
    pub(crate) fn quarantine(&mut self, addresses: &[DeviceKey]) {
        self.overflows += u64::from(self.state.quarantine(addresses).is_err());
    }

    /// Ends that.
    pub(crate) fn release(&mut self, addresses: &[DeviceKey]) {
        self.state.release(addresses);
    }

    /// The policy, after the run.
    pub(crate) fn into_policy(self) -> Compiled {
        self.policy
    }

    /// The segment of a device by its addresses.
    pub(crate) fn segment_of(&self, device: &Device) -> Option<SegmentId> {
        let mac = device.macs.first().copied().unwrap_or_default();
        let ip = device.ips.last().copied().unwrap_or_default();
        let vlan = device.vlans.first().copied().unwrap_or_default();
        self.state.identities().segment_of(mac, ip, [vlan, 0])
    }

    /// The policy.
    pub(crate) fn policy(&self) -> &Compiled {
        &self.policy
    }

    /// Judges a frame that `side` of its flow sent.
    pub(crate) fn judge(&mut self, headers: &Headers, wire_len: u32, at: Timestamp, side: Side) -> Ruling {
        let mut verdict = judge(&self.state, headers, wire_len, at).verdict;
        // A reply carries the segments of the flow that it answers, and a stream met midway those of the orientation that
        // is allowed; another verdict carries those of its own frame.
        match (side, verdict.reason) {
            (Side::Client, _) | (Side::Server, Reason::Reply | Reason::Midstream) => {}
            (
                Side::Server,
                Reason::Rule
                | Reason::Default
                | Reason::Unassigned
                | Reason::Fragment
                | Reason::Orphan
                | Reason::Unreadable
                | Reason::Quarantine
                | Reason::RogueServer
                | Reason::FailOpen
                | Reason::FailClosed
                | Reason::RateLimit
                | Reason::Builtin(_),
            ) => std::mem::swap(&mut verdict.from, &mut verdict.to),
        }
        let frames_dropped = match verdict.fate() {
            Fate::Drop => 1,
            Fate::Pass => 0,
        };
        Ruling { verdict, at, frames_dropped }
    }

    /// Notes that a MAC address forwards for others: it places nobody (VLAN, MAC and class are then the router's own).
    pub(crate) fn router(&mut self, mac: Mac) {
        if !self.state.identities().is_router(mac) {
            match self.state.identities().mark_router(mac) {
                Ok(()) => self.state.publish(),
                Err(_) => self.overflows += 1,
            }
        }
    }

    /// Places devices whose class has become stable. A class that is lost later takes nothing away by itself.
    pub(crate) fn place(&mut self, inventory: &Inventory, keys: [DeviceKey; 2]) {
        for key in keys {
            let number = match key {
                DeviceKey::Mac(mac) => inventory.by_mac(mac),
                DeviceKey::Ip(ip) => inventory.by_ip(ip),
            };
            let Some(device) = number.and_then(|number| inventory.device(number)) else { continue };
            let class = device.identity.class();
            if class == DeviceType::Unknown || self.placed.get(&key) == Some(&class) {
                continue;
            }
            let Some(segment) = self.policy.segment_for_class(class) else { continue };
            // By MAC address on its own segment, by IP address beyond the router.
            let identities = self.state.identities();
            let mut full = 0;
            for &mac in &device.macs {
                full += u64::from(identities.place_mac(mac, segment, PlacedBy::Class).is_err());
            }
            // An address that has moved on is the other device's.
            for &ip in device.ips.iter().filter(|&&ip| inventory.by_ip(ip) == number) {
                full += u64::from(identities.place_address(ip, segment).is_err());
            }
            self.overflows += full;
            self.placed.insert(key, class);
            self.state.publish();
        }
    }
}
