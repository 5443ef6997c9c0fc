//! The detector: what happened goes in, in time order; findings come out, each accusing one device.

mod forged;

use crate::act::{ActKey, CONTROL, NEWCOMER, Nature, is_learned_by_operation, nature};
use crate::baseline::{Baseline, Calibration};
use crate::beacon::Beacons;
use crate::binding::{Binding, Usual};
use crate::crowd::{Common, Crowds};
use crate::dns::{Purpose, Zones};
use crate::fanout::{Fans, IsFailed, Limits, Met};
use crate::finding::{Finding, Severity};
use crate::flood::{Floods, SPAN, pouring};
use crate::held::{Held, Waiting};
use crate::index::Index;
use crate::memory::{
    Device, GoesOn, Growth, Memory, Pair, Proof, Triple, asked, grown, is_failed, is_idle_visit,
    is_never_open, opened,
};
use crate::names::Names;
use crate::novelty::{self, Surprise};
use crate::outside;
use crate::record::{Activity, Endpoint, FlowRecord, FlowState, Sighting, Visibility};
use crate::say::{Case, end_of, name};
use crate::settings::{Overflow, Settings};
use crate::told::{FORGED, Told};
use crate::volume::{self, Learned};
use abi::address::{DeviceKey, Ip, SECOND, Timestamp};
use abi::app::App;

/// A triple that was reported is new again after this silence.
const REARM: u64 = 600 * SECOND;
/// How long a scan, a flood or a forged address explains the new contacts of its source.
const EXPLAINED: u64 = 20 * SECOND;
/// How long an answer in the other direction (a C-MOVE's stores) may follow its request.
const ASKED: u64 = 60 * SECOND;

/// Turns events into findings.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    learned: Learned,
    pub(crate) memory: Memory,
    index: Index,
    calibration: Calibration,
    limits: Limits,
    binding: Binding,
    names: Names,
    zones: Zones,
    fans: Fans,
    floods: Floods,
    beacons: Beacons,
    held: Held,
    pub(crate) crowds: Crowds,
    pub(crate) forgers: Crowds,
    told: Told,
}

impl Detector {
    /// With a baseline, everything is judged; without, only what needs none: bindings, scans, floods, guesses, tunnels, at
    /// conservative limits.
    pub fn new(settings: Settings, baseline: Option<Baseline>) -> Detector {
        let learned = if baseline.is_some() { Learned::Yes } else { Learned::No };
        let baseline = baseline.unwrap_or_default();
        let limits = match learned {
            Learned::Yes => Limits::learned(baseline.calibration.fan_out),
            Learned::No => Limits::COLD,
        };
        let memory = Memory::from_baseline(&baseline);
        let mut zones = Zones::default();
        zones.learned.extend(baseline.zones.iter().map(|zone| (zone.zone, zone.distinct)));
        Detector {
            settings,
            learned,
            index: Index::new(&memory, &baseline.pairs),
            memory,
            limits,
            binding: Binding::from_baseline(&baseline.bindings, &baseline.stations),
            names: Names::from_baseline(&baseline.names),
            zones,
            calibration: baseline.calibration,
            fans: Fans::default(),
            floods: Floods::default(),
            beacons: Beacons::default(),
            held: Held::default(),
            crowds: Crowds::new(Common::Host),
            forgers: Crowds::new(Common::Station),
            told: Told::default(),
        }
    }

    /// What found no room.
    pub fn overflow(&self) -> Overflow {
        Overflow {
            names: self.names.lost,
            zones: self.zones.lost,
            bindings: self.binding.lost,
            windows: self.fans.lost
                + self.floods.lost
                + self.crowds.lost
                + self.forgers.lost
                + self.beacons.lost,
            held: self.held.lost,
            ..self.memory.overflow
        }
    }

    /// A flow whose outcome is first known: handshake done or refused, an answer seen, payload exchanged, or three seconds of
    /// silence. Called once for each flow.
    pub fn flow_opened(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        if self.is_made_up(flow, now, out) {
            return;
        }
        let Some(triple) = self.memory.triple_of_flow(flow) else { return };
        if is_never_open(flow) {
            self.empty(triple, flow, now, out);
        }
        let Some(pair) = self.memory.pair(triple, now) else { return };
        pair.meter.add(now, &opened(flow));
        if !pair.norm.is_known() {
            self.new_contact(triple, flow, now, out);
        } else if volume::is_busy(pair) {
            let pair = pair.clone();
            if let Some(case) = self.judge(triple, &pair).flow(flow) {
                self.say(case, now, out);
            }
        }
    }

    /// The running totals of a long flow, about every ten seconds.
    pub fn flow_progress(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        self.grow(flow, now, GoesOn::Yes, out);
    }

    /// The final record of a flow, or one at an active time-out.
    pub fn flow_closed(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        let Some(triple) = self.grow(flow, now, GoesOn::of(flow), out) else { return };
        if is_idle_visit(flow) {
            self.empty(triple, flow, now, out);
        }
        if let Some(case) = volume::visit(&mut self.memory, triple, flow, self.learned) {
            self.held.absorb_between(triple.client, triple.server);
            self.settle(triple, now);
            self.say(case, now, out);
        }
    }

    /// An application operation.
    pub fn activity(&mut self, activity: &Activity<'_>, out: &mut Vec<Finding>) {
        let now = activity.at;
        if let Some(case) = self.names.used(activity) {
            self.say(case, now, out);
        }
        if activity.app == App::Dns {
            self.query(activity, out);
            return;
        }
        if !is_learned_by_operation(activity.app) {
            return;
        }
        let Some(triple) = self.memory.triple_of_activity(activity) else { return };
        let Some(pair) = self.memory.pair(triple, now) else { return };
        pair.meter.add(now, &asked(activity));
        if pair.norm.is_known() {
            if volume::is_busy(pair) {
                let pair = pair.clone();
                if let Some(case) = self.judge(triple, &pair).operation(activity.flow, now) {
                    self.say(case, now, out);
                }
            }
            return;
        }
        let pair = pair.clone();
        if self.learned == Learned::Yes && self.is_due(triple, now) {
            self.new_operation(triple, activity);
        }
        self.refused(triple, &pair, activity, out);
    }

    /// An address in use.
    pub fn sighting(&mut self, sighting: &Sighting, out: &mut Vec<Finding>) {
        let usual = Usual {
            learned: self.learned,
            asked: self.calibration.asked,
            new_stations: self.calibration.new_stations,
        };
        let now = sighting.at;
        let mut cases = Vec::new();
        let told = |device: DeviceKey, kind: &'static str| self.told.is_known(device, kind, now);
        self.binding.judge(sighting, usual, (&self.memory, &told), &mut cases);
        for case in cases {
            match case.kind {
                "address-forging" => self.forging(case, now, out),
                "mac-flood" => {
                    self.excuse_all();
                    self.say(case, now, out);
                }
                _ => self.claimed(case, now, out),
            }
        }
    }

    /// Time passes: what waited is given out, and tables are tidied.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        if !self.held.is_empty() {
            self.look_again(now);
            self.held.release(now, out);
        }
        for case in self.crowds.expire(now, &self.memory) {
            self.flooded(&case, case.last, out);
        }
        for case in self.forgers.expire(now, &self.memory) {
            self.forging(case, now, out);
        }
        for case in self.told.due(now) {
            self.say(case, now, out);
        }
        self.memory.expire(now);
        self.zones.expire(now);
        self.fans.expire(now);
        self.floods.expire(now);
        self.beacons.expire(now);
        self.told.expire(now);
    }

    /// What a newcomer is may have become known while it waited.
    fn look_again(&mut self, now: Timestamp) {
        for waiting in self.held.due(now) {
            let newcomer =
                self.memory.devices.get(waiting.accused as usize).is_some_and(|device| !device.known);
            if newcomer
                && waiting.case.severity > Severity::Low
                && novelty::judge(&self.index, &self.memory, waiting.triple)
                    .is_some_and(|surprise| surprise.bits() < self.settings.novelty)
            {
                waiting.case.severity = Severity::Low;
                (waiting.case.kind, waiting.case.techniques) = (NEWCOMER.kind, NEWCOMER.techniques);
            }
        }
    }

    fn judge<'a>(&'a self, triple: Triple, pair: &'a Pair) -> volume::Judge<'a> {
        volume::Judge {
            index: &self.index,
            memory: &self.memory,
            calibration: &self.calibration,
            triple,
            pair,
        }
    }

    /// Gives a case out at once, and takes it as the explanation of what its source does meanwhile.
    fn say(&mut self, case: Case, now: Timestamp, out: &mut Vec<Finding>) {
        if self.told.is_told(&case, now) {
            return;
        }
        self.told.say(&case, now);
        let explains = matches!(
            case.kind,
            "port-scan"
                | "connection-flood"
                | "packet-flood"
                | "arp-spoofing"
                | "address-forging"
                | "mac-flood"
        );
        if explains {
            self.explain(case.source.device, now);
        }
        if case.kind == "connection-flood" && case.source.ip == Ip::NONE {
            self.told.mark(case.source.device, FORGED, now, 0.0);
            self.excuse(&case.targets, now);
        }
        out.push(case.finding());
    }

    /// A connection without content.
    fn empty(&mut self, triple: Triple, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        // A flow that is closed for its silence says nothing of now.
        if now.since(flow.last) >= SPAN {
            return;
        }
        if let Some(case) = self.floods.empty(triple.server, flow, now, self.calibration.empty) {
            // A server that is down is missed by all who live behind a router.
            let is_forwarded = case.source.ip == Ip::NONE && self.binding.is_router(case.source.mac);
            if !is_forwarded && !self.crowds.goes_on(flow.server.device, now) {
                self.say(case, now, out);
            }
        }
    }

    fn grow(
        &mut self,
        flow: &FlowRecord,
        now: Timestamp,
        goes_on: GoesOn,
        out: &mut Vec<Finding>,
    ) -> Option<Triple> {
        if self.was_made_up(flow) {
            return None;
        }
        let triple = self.memory.triple_of_flow(flow)?;
        let growth = self.memory.growth(flow, goes_on);
        let Growth { packets, .. } = growth;
        if let Some(case) = pouring(flow, packets.out, packets.back, now) {
            self.say(case, now, out);
        }
        let counts = grown(&growth);
        if self.is_outside(triple.server)
            && self.learned == Learned::Yes
            && let Some(case) = outside::leaving(&mut self.memory, triple, flow, &counts, now)
        {
            self.say(case, now, out);
        }
        let pair = self.memory.pair(triple, now)?;
        pair.meter.add(now, &counts);
        let is_known = pair.norm.is_known();
        if flow.protocol == 1 || (is_known && volume::is_busy(pair)) {
            let pair = pair.clone();
            let judged = if is_known { self.judge(triple, &pair).flow(flow) } else { None };
            if let Some(case) = volume::carried(&pair, flow, now).or(judged) {
                self.say(case, now, out);
            }
        }
        Some(triple)
    }

    /// Whether a new triple may be told: not told lately, and its source not explained already. Keeps silent ones silent.
    fn is_due(&mut self, triple: Triple, now: Timestamp) -> bool {
        let device = |number: u32| self.memory.devices.get(number as usize);
        let flooded = device(triple.server).is_some_and(|server| now < server.flooded);
        let explained = device(triple.client)
            .is_some_and(|client| now < client.explained || (flooded && !client.known && !client.proven));
        let Some(pair) = self.memory.pairs.get_mut(&triple) else { return false };
        let is_due = !explained && (pair.reported.0 == 0 || now.since(pair.reported) >= REARM);
        if is_due || pair.reported.0 != 0 {
            pair.reported = now;
        }
        is_due
    }

    /// The triple is explained by what was just told.
    fn settle(&mut self, triple: Triple, now: Timestamp) {
        if let Some(pair) = self.memory.pairs.get_mut(&triple) {
            pair.reported = now;
        }
    }

    /// A triple that benign time does not hold.
    fn new_contact(&mut self, triple: Triple, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        let is_edge = self.crosses_edge(triple);
        let is_heard = flow.state != FlowState::OneWay;
        // A flow met midway may be seen from the wrong end, and began before anybody looked. Who never sent anything met nobody.
        if flow.visibility == Visibility::Midstream
            || self.is_reverse_known(triple, flow)
            || (!is_heard && flow.packets.out == 0)
        {
            return;
        }
        // From outside anybody can send a datagram: it is a contact when it is answered.
        let failed = is_failed(flow) || (is_edge && !is_heard && self.is_outside(triple.client));
        if self.learned == Learned::Yes && is_edge && !failed {
            if let Some(case) = outside::rhythm(&mut self.beacons, &self.index, &self.memory, triple, flow) {
                self.say(case, now, out);
            }
            if self.is_due(triple, now)
                && let Some(case) =
                    outside::contact(&self.index, &self.memory, triple, flow, &self.calibration)
            {
                let proof = self.proof_of(triple.client);
                self.hold(Waiting { accused: triple.client, triple, proof, is_operation: false, case }, now);
            }
            return;
        }
        let surprise = match self.learned {
            Learned::Yes => novelty::judge(&self.index, &self.memory, triple),
            Learned::No => None,
        };
        let is_new = surprise.as_ref().is_none_or(|surprise| surprise.bits() >= 1.3);
        if failed || (is_new && !is_edge) {
            let is_failed = if failed { IsFailed::Yes } else { IsFailed::No };
            let met =
                Met { at: now, triple, is_failed, flow: flow.id, client: &flow.client, server: &flow.server };
            if let Some(case) = self.fans.met(&met, self.limits) {
                self.say(case, now, out);
                return;
            }
        }
        // What outsiders try without success is no novelty: scans count it.
        let is_noise = failed && is_edge && self.is_outside(triple.client);
        if let Some(surprise) = surprise
            && flow.protocol != 1
            && !is_noise
            && self.is_due(triple, now)
        {
            self.hold_novelty(triple, &surprise, flow, now);
        }
    }

    fn crosses_edge(&self, triple: Triple) -> bool {
        self.is_outside(triple.client) != self.is_outside(triple.server)
    }

    fn is_outside(&self, number: u32) -> bool {
        self.memory.devices.get(number as usize).is_some_and(Device::is_outside)
    }

    fn is_reverse_known(&self, triple: Triple, flow: &FlowRecord) -> bool {
        let key = ActKey::of_service(flow.protocol, flow.client.port, flow.app);
        novelty::reverse(&self.memory, triple, key)
            .and_then(|triple| self.memory.pairs.get(&triple))
            .is_some_and(|pair| pair.norm.is_known())
    }

    fn hold(&mut self, waiting: Waiting, now: Timestamp) {
        let newcomer = self.memory.devices.get(waiting.accused as usize).is_some_and(|device| !device.known);
        let wait = if newcomer { self.settings.newcomer_hold } else { self.settings.hold };
        self.held.hold(Timestamp(now.0.saturating_add(wait)), waiting);
    }

    fn hold_novelty(&mut self, triple: Triple, surprise: &Surprise, flow: &FlowRecord, now: Timestamp) {
        let device = |number: u32| self.memory.devices.get(number as usize);
        let (Some(client), Some(server)) = (device(triple.client), device(triple.server)) else { return };
        let Some(act) = self.memory.acts.get(triple.act as usize) else { return };
        let app = if flow.app == App::Unknown { act.app } else { flow.app };
        let named = crate::act::Act { app, ..act.clone() };
        let Nature { mut kind, mut severity, techniques } =
            if app == App::Unknown && self.index.is_control_channel(triple.act) {
                CONTROL
            } else {
                nature(&named, server.class)
            };
        let mut accused = triple.client;
        let is_trade =
            self.index.serves(triple.client, client.class) && self.index.serves(triple.server, server.class);
        if surprise.bits() < self.settings.novelty || is_failed(flow) || is_trade {
            (kind, severity) = ("new-contact", Severity::Low);
        }
        if self.was_asked(triple, now) {
            // A server that answers a request on a connection of its own does what it was told; the one who asked is accused.
            accused = triple.server;
            (kind, severity) = ("new-contact", Severity::Low);
        } else if client.known && !server.known {
            accused = triple.server;
            (kind, severity) = (NEWCOMER.kind, Severity::Low);
        } else if !client.known && severity == Severity::Low {
            kind = NEWCOMER.kind;
        }
        let source = if accused == triple.client { flow.client } else { flow.server };
        let (who, other) = (end_of(client), end_of(server));
        let text = format!(
            "{} used {} {} for the first time ({})",
            name(&who),
            name(&other),
            act.text,
            surprise.why()
        );
        let targets = vec![if accused == triple.client { flow.server } else { flow.client }];
        let case = Case {
            first: flow.first,
            last: flow.last.max(flow.first),
            kind,
            severity,
            techniques: if kind == NEWCOMER.kind { NEWCOMER.techniques } else { techniques },
            source: Endpoint { port: 0, ..source },
            targets,
            text,
            evidence: vec![surprise.evidence.clone()],
            flows: vec![flow.id],
        };
        if severity > Severity::Low || surprise.bits() >= 1.3 || self.announce(accused, now) {
            self.hold(
                Waiting { accused, triple, proof: self.proof_of(accused), is_operation: false, case },
                now,
            );
        }
    }

    /// Whether a device that came after benign time has not been announced yet.
    fn announce(&mut self, number: u32, now: Timestamp) -> bool {
        let Some(device) = self.memory.devices.get_mut(number as usize) else { return false };
        let is_news = !device.known && device.announced.0 == 0;
        if is_news {
            device.announced = now;
        }
        is_news
    }

    /// Whether the server of a triple asked its client for something a moment ago.
    fn was_asked(&self, triple: Triple, now: Timestamp) -> bool {
        let is_recent = |act: u32| {
            let back = Triple { client: triple.server, server: triple.client, act };
            self.memory.pairs.get(&back).is_some_and(|pair| now.since(pair.last) < ASKED)
        };
        let is_dicom = self.memory.acts.get(triple.act as usize).is_some_and(|act| act.app == App::Dicom);
        is_dicom
            && self
                .memory
                .acts
                .iter()
                .enumerate()
                .filter(|(_, act)| {
                    act.app == App::Dicom && (act.op == "c-move" || act.op == "c-get" || act.op.is_empty())
                })
                .any(|(number, _)| u32::try_from(number).is_ok_and(is_recent))
    }

    fn new_operation(&mut self, triple: Triple, activity: &Activity<'_>) {
        let Some(surprise) = novelty::judge(&self.index, &self.memory, triple) else { return };
        if let Some(waiting) = self.held.waiting_for(activity.flow)
            && waiting.case.severity > Severity::Low
        {
            waiting.case.last = activity.at;
        }
        let device = |number: u32| self.memory.devices.get(number as usize);
        let (Some(client), Some(server)) = (device(triple.client), device(triple.server)) else { return };
        let Some(act) = self.memory.acts.get(triple.act as usize) else { return };
        let Nature { kind, severity, techniques } = nature(act, server.class);
        let is_trade =
            self.index.serves(triple.client, client.class) && self.index.serves(triple.server, server.class);
        if surprise.bits() < self.settings.novelty
            || severity == Severity::Low
            // Of such an operation the flow that carries it tells as much.
            || kind == "service-access"
            || is_trade
            || self.was_asked(triple, activity.at)
        {
            return;
        }
        let text = format!(
            "{} asked {} for `{}` for the first time ({})",
            name(&end_of(client)),
            name(&end_of(server)),
            act.text,
            surprise.why()
        );
        let case = Case {
            first: activity.at,
            last: activity.at,
            kind,
            severity,
            techniques,
            source: Endpoint { port: 0, ..activity.client },
            targets: vec![activity.server],
            text,
            evidence: vec![surprise.evidence],
            flows: vec![activity.flow],
        };
        self.hold(
            Waiting { accused: triple.client, triple, proof: Proof::Shown, is_operation: true, case },
            activity.at,
        );
    }

    /// Refusals of a client that has no custom here: guesses, or input that is not understood.
    fn refused(&mut self, triple: Triple, pair: &Pair, activity: &Activity<'_>, out: &mut Vec<Finding>) {
        const REFUSALS: u64 = 8;
        if pair.meter.counts.failures < REFUSALS {
            return;
        }
        if let Some(case) = volume::refusals(&self.memory, triple, pair, activity) {
            self.held.absorb_between(triple.client, triple.server);
            self.say(case, activity.at, out);
        }
    }

    fn query(&mut self, activity: &Activity<'_>, out: &mut Vec<Finding>) {
        let now = activity.at;
        if let Some(server) = self.memory.device(&activity.server, Proof::Shown)
            && let Some(server) = self.memory.devices.get_mut(server as usize)
        {
            server.resolver = true;
        }
        let Some(client) = self.memory.device(&activity.client, Proof::Shown) else { return };
        // A resolver asks for others; the client that asked it is judged.
        if self.memory.devices.get(client as usize).is_some_and(|device| device.resolver) {
            return;
        }
        if let Some(case) = self.zones.query(client, activity, Purpose::Judge) {
            self.say(case, now, out);
        }
    }
}

#[cfg(test)]
mod tests;
