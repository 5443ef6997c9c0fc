//! Who there is, what they do, and who does what with whom. Learner and detector keep the same memory and read events into it alike.

use crate::act::{Act, ActKey};
use crate::baseline::Baseline;
use crate::norm::{Counts, Meter, PairNorm};
use crate::record::{Activity, Both, Endpoint, FlowEnd, FlowId, FlowRecord, FlowState};
use crate::settings::Overflow;
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use abi::app::App;
use abi::device::DeviceType;
use rustc_hash::FxHashMap;

/// Devices that are remembered.
pub(crate) const DEVICES: usize = 65_536;
/// Those of them that were part of no conversation: made-up addresses leave room for devices.
const ALLEGED: usize = DEVICES / 2;
/// Services and operations that are remembered.
pub(crate) const ACTS: usize = 65_536;
/// Triples that are remembered.
pub(crate) const PAIRS: usize = 262_144;
/// Long flows whose running totals are remembered.
const FLOWS: usize = 65_536;
/// Triples seen only live are forgotten after this silence, when room is wanted.
const SILENCE: u64 = 600 * SECOND;

/// A client, a server and what the one does at the other, by their numbers in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Triple {
    pub(crate) client: u32,
    pub(crate) server: u32,
    pub(crate) act: u32,
}

/// A device.
#[expect(clippy::struct_excessive_bools, reason = "two independent facts")]
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) key: DeviceKey,
    pub(crate) ip: Ip,
    pub(crate) mac: Mac,
    pub(crate) class: DeviceType,
    /// It was there in benign time.
    pub(crate) known: bool,
    /// It was part of a conversation, so it is no made-up address.
    pub(crate) proven: bool,
    /// Payload that it sends out of the site, by the minute.
    pub(crate) outside: Meter,
    pub(crate) outside_norm: PairNorm,
    /// Until when its novelties are explained by something found already.
    pub(crate) explained: Timestamp,
    /// Until when newcomers that reach it are explained by a flood from forged addresses.
    pub(crate) flooded: Timestamp,
    /// When it was announced as new; zero for never.
    pub(crate) announced: Timestamp,
    /// It answers name queries of others.
    pub(crate) resolver: bool,
}

impl Device {
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self.key, DeviceKey::Ip(ip) if !ip.is_internal())
    }
}

/// What is remembered of a triple.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) meter: Meter,
    pub(crate) norm: PairNorm,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// When it was last reported; zero for never.
    pub(crate) reported: Timestamp,
    /// Short finished visits in the running window and in the one before.
    pub(crate) visits: [u32; 2],
    pub(crate) visits_window: u64,
}

/// What a flow added since it was last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) payload: Both<u64>,
    pub(crate) packets: Both<u64>,
}

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    device_numbers: FxHashMap<DeviceKey, u32>,
    pub(crate) devices: Vec<Device>,
    /// Devices that were part of no conversation.
    alleged: usize,
    act_numbers: FxHashMap<ActKey, u32>,
    pub(crate) acts: Vec<Act>,
    pub(crate) pairs: FxHashMap<Triple, Pair>,
    totals: FxHashMap<FlowId, Growth>,
    pub(crate) overflow: Overflow,
}

/// Whether a device is there, or only its address was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It was part of a conversation.
    Shown,
    /// Whoever writes addresses into frames could have made what was seen of it.
    Alleged,
}

impl Proof {
    /// What a flow proves of its ends. Hosts answer every echo request (RFC 1122 section 3.2.2.6), so an answer proves nothing.
    pub(crate) fn by(flow: &FlowRecord) -> Proof {
        let is_mutual = flow.packets.out > 0 && flow.packets.back > 0;
        if is_mutual && flow.protocol != 1 && !is_never_open(flow) { Proof::Shown } else { Proof::Alleged }
    }
}

/// Whether both ends of a flow are single hosts, and its purpose is not the network's own upkeep.
pub(crate) fn is_conversation(flow: &FlowRecord) -> bool {
    // IGMP, IPv6 neighbour discovery and DHCP belong to the binding of addresses, not to custom.
    let upkeep = matches!(flow.protocol, 2 | 58)
        || (flow.protocol == 17 && matches!(flow.server.port, 67 | 68 | 546 | 547))
        || (flow.protocol == 17 && matches!(flow.client.port, 67 | 547));
    !upkeep && is_host(&flow.client) && is_host(&flow.server)
}

pub(crate) fn is_host(end: &Endpoint) -> bool {
    !end.ip.is_none() && end.ip != Ip::v4([0; 4]) && !end.ip.is_group() && !end.mac.is_group()
}

/// Whether nobody answered, or the answer was a refusal.
pub(crate) fn is_failed(flow: &FlowRecord) -> bool {
    match flow.state {
        FlowState::SynSent | FlowState::Rejected => true,
        // A UDP sender that never hears back is a failure only where an answer is the rule: ICMP echo, or an empty probe.
        // Who never sent anything failed at nothing: the other end sends unasked.
        FlowState::OneWay => flow.packets.out > 0 && (flow.protocol == 1 || flow.payload.out == 0),
        FlowState::TwoWay
        | FlowState::HalfOpen
        | FlowState::Established
        | FlowState::Closing
        | FlowState::Closed
        | FlowState::Reset => false,
    }
}

/// TCP flag ACK (RFC 9293 section 3.1).
const ACK: u8 = 0x10;

fn is_without_content(flow: &FlowRecord) -> bool {
    flow.payload.out == 0 && flow.payload.back == 0
}

/// A connection that never came about: refused, unanswered, or given up by the client before its handshake was done.
pub(crate) fn is_never_open(flow: &FlowRecord) -> bool {
    is_failed(flow)
        || flow.state == FlowState::HalfOpen
        || (flow.state == FlowState::Reset && is_without_content(flow) && flow.tcp_flags.out & ACK == 0)
}

/// A connection that came about and was over without a byte of content.
pub(crate) fn is_idle_visit(flow: &FlowRecord) -> bool {
    flow.protocol == 6 && is_without_content(flow) && !is_never_open(flow)
}

impl Memory {
    /// The memory as the baseline left it.
    pub(crate) fn from_baseline(baseline: &Baseline) -> Memory {
        let mut memory = Memory::default();
        memory.pairs.reserve(baseline.pairs.len());
        for known in &baseline.devices {
            memory.add_device(Device {
                key: known.key,
                ip: known.ip,
                mac: known.mac,
                class: known.class,
                known: true,
                proven: true,
                outside: Meter::default(),
                outside_norm: PairNorm::new(known.outside),
                explained: Timestamp(0),
                flooded: Timestamp(0),
                announced: Timestamp(0),
                resolver: known.resolver,
            });
        }
        for act in &baseline.acts {
            memory.add_act(act.clone());
        }
        for known in &baseline.pairs {
            let triple = Triple { client: known.client, server: known.server, act: known.act };
            if let Some(pair) = memory.pair(triple, known.first) {
                *pair = Pair { norm: PairNorm::new(known.norm), first: known.first, ..Pair::default() };
            }
        }
        memory
    }

    pub(crate) fn device(&mut self, end: &Endpoint, proof: Proof) -> Option<u32> {
        if let Some(&number) = self.device_numbers.get(&end.device) {
            if let Some(device) = self.devices.get_mut(number as usize) {
                if proof == Proof::Shown && !device.proven {
                    device.proven = true;
                    self.alleged = self.alleged.saturating_sub(1);
                }
                if device.class == DeviceType::Unknown {
                    device.class = end.class;
                }
                if device.mac.is_none() {
                    device.mac = end.mac;
                }
                // Link-local addresses name nobody to a person, so a global one replaces them.
                if device.ip.is_none() || (device.ip.is_link_local() && !end.ip.is_link_local()) {
                    device.ip = end.ip;
                }
            }
            return Some(number);
        }
        if proof == Proof::Alleged && self.alleged >= ALLEGED {
            self.overflow.devices += 1;
            return None;
        }
        self.add_device(Device {
            key: end.device,
            ip: end.ip,
            mac: end.mac,
            class: end.class,
            known: false,
            proven: proof == Proof::Shown,
            outside: Meter::default(),
            outside_norm: PairNorm::default(),
            explained: Timestamp(0),
            flooded: Timestamp(0),
            announced: Timestamp(0),
            resolver: false,
        })
    }

    pub(crate) fn add_device(&mut self, device: Device) -> Option<u32> {
        if self.devices.len() >= DEVICES {
            self.overflow.devices += 1;
            return None;
        }
        let number = u32::try_from(self.devices.len()).ok()?;
        self.alleged += usize::from(!device.proven);
        self.device_numbers.insert(device.key, number);
        self.devices.push(device);
        Some(number)
    }

    pub(crate) fn number_of(&self, key: DeviceKey) -> Option<u32> {
        self.device_numbers.get(&key).copied()
    }

    fn act(&mut self, key: ActKey, make: impl FnOnce() -> Act) -> Option<u32> {
        if let Some(&number) = self.act_numbers.get(&key) {
            return Some(number);
        }
        self.add_act(make())
    }

    pub(crate) fn add_act(&mut self, act: Act) -> Option<u32> {
        if self.acts.len() >= ACTS {
            self.overflow.acts += 1;
            return None;
        }
        let number = u32::try_from(self.acts.len()).ok()?;
        self.act_numbers.insert(act.key, number);
        self.acts.push(act);
        Some(number)
    }

    pub(crate) fn triple_of_flow(&mut self, flow: &FlowRecord) -> Option<Triple> {
        if !is_conversation(flow) {
            return None;
        }
        let proof = Proof::by(flow);
        let client = self.device(&flow.client, proof)?;
        let server = self.device(&flow.server, proof)?;
        let key = ActKey::of_flow(flow);
        let act = self.act(key, || Act::service(key, flow.app))?;
        if flow.app != App::Unknown
            && key.service().is_some()
            && let Some(act) = self.acts.get_mut(act as usize)
            && act.app == App::Unknown
        {
            act.app = flow.app;
        }
        Some(Triple { client, server, act })
    }

    pub(crate) fn triple_of_activity(&mut self, activity: &Activity<'_>) -> Option<Triple> {
        if !is_host(&activity.client) || !is_host(&activity.server) {
            return None;
        }
        let client = self.device(&activity.client, Proof::Shown)?;
        let server = self.device(&activity.server, Proof::Shown)?;
        let key = ActKey::of_operation(activity.app, activity.op, activity.subject);
        let act = self.act(key, || Act::operation(key, activity.app, activity.op, activity.subject))?;
        Some(Triple { client, server, act })
    }

    /// The service that an operation's flow uses, if that was seen before.
    pub(crate) fn act_number(&self, key: ActKey) -> Option<u32> {
        self.act_numbers.get(&key).copied()
    }

    pub(crate) fn pair(&mut self, triple: Triple, at: Timestamp) -> Option<&mut Pair> {
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&triple) {
            self.overflow.pairs += 1;
            return None;
        }
        let pair = self.pairs.entry(triple).or_insert_with(|| Pair { first: at, ..Pair::default() });
        pair.last = pair.last.max(at);
        Some(pair)
    }

    /// Forgets triples that were seen only live and have fallen silent, when the table is three quarters full.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.pairs.len() > PAIRS / 4 * 3 {
            self.pairs.retain(|_, pair| pair.norm.is_known() || now.since(pair.last) < SILENCE);
        }
    }

    /// What the flow added since the last record of it.
    pub(crate) fn growth(&mut self, flow: &FlowRecord, goes_on: GoesOn) -> Growth {
        let now = Growth { payload: flow.payload, packets: flow.packets };
        let before = match goes_on {
            // Flows shorter than the engine's progress interval were never noted.
            GoesOn::No if self.totals.is_empty() || flow.last.since(flow.first) < 5 * SECOND => None,
            GoesOn::No => self.totals.remove(&flow.id),
            GoesOn::Yes if self.totals.len() >= FLOWS && !self.totals.contains_key(&flow.id) => {
                self.overflow.flows += 1;
                return Growth::default();
            }
            GoesOn::Yes => self.totals.insert(flow.id, now),
        };
        let Some(before) = before else { return now };
        // Counters that fell were started anew at an active time-out.
        let since = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now);
        let less = |now: Both<u64>, then: Both<u64>| Both {
            out: since(now.out, then.out),
            back: since(now.back, then.back),
        };
        Growth { payload: less(now.payload, before.payload), packets: less(now.packets, before.packets) }
    }
}

/// Whether more records of a flow follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoesOn {
    Yes,
    No,
}

impl GoesOn {
    pub(crate) fn of(flow: &FlowRecord) -> GoesOn {
        match flow.end {
            FlowEnd::Active => GoesOn::Yes,
            FlowEnd::Closed | FlowEnd::Idle | FlowEnd::Evicted | FlowEnd::InputEnd => GoesOn::No,
        }
    }
}

/// The counts of a flow that opened.
pub(crate) fn opened(flow: &FlowRecord) -> Counts {
    Counts { times: 1, failures: u64::from(is_failed(flow)), ..Counts::default() }
}

/// The counts of a flow that grew.
pub(crate) fn grown(growth: &Growth) -> Counts {
    Counts { out: growth.payload.out, back: growth.payload.back, ..Counts::default() }
}

/// The counts of an operation.
pub(crate) fn asked(activity: &Activity<'_>) -> Counts {
    Counts {
        times: 1,
        objects: u64::from(activity.objects),
        failures: u64::from(activity.outcome == crate::record::Outcome::Failure),
        ..Counts::default()
    }
}
