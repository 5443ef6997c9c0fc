//! The pipeline: one frame at a time through mirror, inventory, flows, judge, conversations and detectors.

mod clock;
mod exchanges;
mod finish;
mod link;
mod live;
mod report;

pub use crate::flow::table::Timeouts;
pub use live::Counted;

use crate::flow::table::{Place, Table};
use crate::flow::{Announced, End, Flow, Key};
use crate::fragment::Fragments;
use crate::incident::Incidents;
use crate::inventory::{Inventory, Number, Pair, Sender, Standing};
use crate::keys::Keys;
use crate::mirror::{Copy, Mirror};
use crate::output::{Outputs, Summary};
use crate::talk::Reader;
use crate::verdict::Guard;
use crate::watch::Watch;
use abi::address::{SECOND, Timestamp};
use abi::headers::{Headers, ether_type, protocol};
use detectors::finding::Finding;
use detectors::record::{FlowEnd, FlowId, FlowRecord, FlowState, Sighting, SightingKind};
use std::collections::VecDeque;
use wire::frame::{Frame, LinkType};

/// A captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// How it is framed.
    pub link: LinkType,
    /// The bytes captured.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub wire_len: u32,
}

/// How an engine is set up.
#[derive(Debug)]
pub struct Settings {
    /// Flows that are kept at a time.
    pub flows: usize,
    /// Time-outs of flows.
    pub timeouts: Timeouts,
    /// Keys every digest of network data, so that nobody can make two frames collide. No output depends on it.
    pub seed: u64,
    /// Where frames cost something, as those of a live network that are copied for this: after so many of a direction
    /// [`Outputs::wishes`] says whether more are wanted. Without it all frames come anyhow.
    pub glimpse: Option<u64>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { flows: 262_144, timeouts: Timeouts::default(), seed: 0, glimpse: None }
    }
}

/// After this long without an answer, a flow's outcome is taken as known.
const UNANSWERED: u64 = 3 * SECOND;
/// How often the detectors are told of a flow that goes on.
const PROGRESS: u64 = 10 * SECOND;
/// Flows whose time-out has passed that are closed with one frame, so that their rows never pile up.
const SWEEP: usize = 256;

/// Whether flows are to be looked for whose time-out has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// A second has gone by since the last time.
    Due,
    /// All were found.
    Done,
}

/// The machine.
pub struct Engine {
    pub(crate) clock: clock::Clock,
    pub(crate) now: Timestamp,
    pub(crate) sweep: Sweep,
    pub(crate) next_tick: Timestamp,
    pub(crate) next_flow: u64,
    pub(crate) table: Table,
    pub(crate) mirror: Mirror,
    pub(crate) keys: Keys,
    pub(crate) fragments: Fragments,
    pub(crate) reader: Reader,
    pub(crate) inventory: Inventory,
    pub(crate) guard: Option<Guard>,
    pub(crate) watch: Watch,
    pub(crate) incidents: Incidents,
    pub(crate) findings: Vec<Finding>,
    pub(crate) waiting: VecDeque<(Timestamp, Place, FlowId)>,
    pub(crate) asked: link::Asked,
    pub(crate) summary: Summary,
    pub(crate) glimpse: Option<u64>,
}

impl Engine {
    /// A machine that has seen nothing. With a policy, flows are judged.
    pub fn new(settings: &Settings, policy: Option<policies::Compiled>, watch: Watch) -> Engine {
        Engine {
            clock: clock::Clock::default(),
            now: Timestamp(0),
            sweep: Sweep::Done,
            next_tick: Timestamp(0),
            next_flow: 1,
            table: Table::new(settings.flows, settings.timeouts),
            mirror: Mirror::new(settings.seed),
            keys: Keys::new(settings.seed),
            fragments: Fragments::default(),
            reader: Reader::default(),
            inventory: Inventory::default(),
            guard: policy.map(Guard::new),
            watch,
            incidents: Incidents::default(),
            findings: Vec::new(),
            waiting: VecDeque::new(),
            asked: link::Asked::default(),
            summary: Summary::default(),
            glimpse: settings.glimpse,
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Option<&policies::Compiled> {
        self.guard.as_ref().map(Guard::policy)
    }

    /// Takes one frame. What it leads to is added to `out`.
    pub fn step(&mut self, captured: Captured<'_>, out: &mut Outputs) {
        let at = captured.at;
        self.count(&captured);
        self.now = self.clock.tell(at);
        // A tick that lies further off than a second was set before the time was set back.
        if self.now >= self.next_tick || self.next_tick.since(self.now) > SECOND {
            self.tick();
        }
        if self.sweep == Sweep::Due {
            self.expire(out);
        }
        let mut frame = wire::frame::read(captured.link, captured.bytes, captured.wire_len);
        if frame.cut.is_some() {
            self.summary.frames_malformed += 1;
        }
        if let Some(outer) = &frame.outer {
            self.summary.frames_unwrapped += 1;
            self.keys.add(&outer_key(outer));
        }
        if self.mirror.look(&frame, at) == Copy::Again {
            self.summary.frames_duplicate += 1;
            self.routed_copy(&frame);
            return;
        }
        match frame.headers.ether_type {
            ether_type::IPV4 | ether_type::IPV6
                if !frame.headers.src.is_none() || !frame.headers.dst.is_none() =>
            {
                self.fragments.join(&mut frame.headers, at);
                self.packet(&frame, at, out);
            }
            _ => self.link_frame(&frame, at),
        }
    }

    fn count(&mut self, captured: &Captured<'_>) {
        let summary = &mut self.summary;
        summary.packets += 1;
        summary.bytes += u64::from(captured.wire_len);
        summary.frames_short += u64::from((captured.bytes.len() as u64) < u64::from(captured.wire_len));
        summary.span = Some(match summary.span {
            None => (captured.at, captured.at),
            Some((first, last)) => (first.min(captured.at), last.max(captured.at)),
        });
    }

    /// A copy that comes from another MAC address with a smaller time to live was forwarded by a router.
    fn routed_copy(&mut self, frame: &Frame<'_>) {
        let headers = &frame.headers;
        let bound = self.inventory.bound_mac(headers.src);
        if bound.is_some_and(|mac| mac != headers.src_mac) && !crate::inventory::is_initial(headers.ttl) {
            self.inventory.routes(headers.src_mac);
        }
    }

    fn packet(&mut self, frame: &Frame<'_>, at: Timestamp, out: &mut Outputs) {
        let headers = &frame.headers;
        let (key, from) = Key::of(headers);
        let place = match self.table.find(&key) {
            Some(place) if self.continues((place, from), frame, at) => place,
            Some(place) => {
                if let Some(old) = self.table.remove(place) {
                    let end = if old.is_over() { FlowEnd::Closed } else { FlowEnd::Idle };
                    self.close(old, end, out);
                }
                self.open((key, from), frame, at, out)
            }
            None => self.open((key, from), frame, at, out),
        };
        self.meet(place, from, headers, at);
        let wire_len = frame.wire_len;
        if let Some(flow) = self.table.flow_mut(place) {
            flow.count(from, headers, wire_len, at);
            if let Some(guard) = &mut self.guard {
                let ruling = guard.judge(headers, wire_len, at, flow.side(from));
                crate::verdict::Ruling::merge(&mut flow.ruling, ruling);
            }
            self.reader.read(flow, from, frame, at);
        }
        match headers.protocol {
            protocol::ICMP => self.quoted(frame),
            protocol::ICMPV6 => {
                self.quoted(frame);
                self.discovery(frame, at);
            }
            _ => {}
        }
        if !self.reader.exchanges.is_empty() {
            self.exchanges(place, frame, out);
        }
        if let Some(glimpse) = self.glimpse {
            self.wish((place, from), headers, glimpse, out);
        }
        self.announce(place);
        self.split_active(place, out);
        self.table.touch(place);
    }

    /// An ICMP error quotes the packet that it is about (RFC 792, RFC 4443 section 3). Its ports count as a key between the
    /// two ends of the error, as they do in tools that take the first address and the first port of a frame.
    fn quoted(&mut self, frame: &Frame<'_>) {
        let headers = &frame.headers;
        let error = match headers.protocol {
            protocol::ICMP => matches!(headers.src_port, 3..=5 | 11 | 12),
            _ => matches!(headers.src_port, 1..=4),
        };
        let start = usize::from(headers.transport_offset) + 8;
        let Some(quote) = frame.bytes.get(start..).filter(|_| error && headers.transport_offset > 0) else {
            return;
        };
        let reading = abi::headers::read_ip(quote);
        let inner = reading.headers();
        let Some(&[a, b, c, d]) =
            quote.get(usize::from(inner.transport_offset)..).and_then(|transport| transport.first_chunk())
        else {
            return;
        };
        if inner.transport_offset > 0 && !matches!(inner.fragment, abi::headers::Fragment::Later { .. }) {
            let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let seen = Headers { protocol: inner.protocol, src_port: ports.0, dst_port: ports.1, ..*headers };
            self.keys.add(&Key::of(&seen).0);
        }
    }

    /// Whether a frame belongs to the flow at a place: not after its time-out, nor when it opens another connection.
    fn continues(&self, (place, from): (Place, End), frame: &Frame<'_>, at: Timestamp) -> bool {
        let Some(flow) = self.table.flow(place) else { return false };
        if self.table.is_stale(flow, at) {
            return false;
        }
        let headers = &frame.headers;
        if !headers.opens_tcp() && !headers.answers_tcp() {
            return true;
        }
        !frame.tcp().is_some_and(|tcp| flow.is_reopened(from, tcp.seq, headers))
    }

    fn open(
        &mut self,
        (key, from): (Key, End),
        frame: &Frame<'_>,
        at: Timestamp,
        out: &mut Outputs,
    ) -> Place {
        if frame.outer.is_none() && !matches!(frame.headers.fragment, abi::headers::Fragment::Later { .. }) {
            self.keys.add(&key);
        }
        let id = FlowId(self.next_flow);
        self.next_flow += 1;
        let mut flow = Flow::start(id, key, from, &frame.headers, at);
        flow.last = at;
        let (place, evicted) = self.table.insert(flow);
        if let Some(evicted) = evicted {
            self.close(evicted, FlowEnd::Evicted, out);
        }
        if self.waiting.len() >= self.table.capacity() {
            self.unanswered();
        }
        self.waiting.push_back((Timestamp(self.now.0.saturating_add(UNANSWERED)), place, id));
        place
    }

    /// Finds the device that sent the frame, when the flow does not know it yet or its MAC address has changed.
    fn meet(&mut self, place: Place, from: End, headers: &Headers, at: Timestamp) {
        let Some(flow) = self.table.flow_mut(place) else { return };
        if flow.sent.of(from).packets > 0
            && flow.device.of(from).is_some()
            && flow.sent.of(from).mac == headers.src_mac
        {
            return;
        }
        let [outer, _] = headers.vlan;
        // How far a group is to be reached is the sender's choice (RFC 1112 section 6.1), and tells nothing of routers.
        let ttl = if headers.dst.is_group() { 0 } else { headers.ttl };
        // A mirror of one direction never shows an answer; three frames of one flow are seldom made up.
        let answered = flow.sent.of(from.other()).packets > 0 || flow.sent.of(from).packets >= 2;
        let standing = if answered { Standing::Shown } else { Standing::Alleged };
        let sender = Sender { mac: headers.src_mac, ip: headers.src, ttl, vlan: outer, at, standing };
        let Some(met) = self.inventory.sender(&sender) else { return };
        *flow.device.of_mut(from) = Some(met.device);
        if met.pair == Pair::Routed
            && let Some(guard) = &mut self.guard
            && self.inventory.is_router(headers.src_mac)
        {
            guard.router(headers.src_mac);
        }
        if met.pair == Pair::New {
            self.sighting(&Sighting {
                at,
                kind: SightingKind::Frame,
                mac: headers.src_mac,
                ip: headers.src,
                frame_mac: headers.src_mac,
                vlan: outer,
            });
        }
    }

    /// Tells the detectors of a flow whose outcome is known now, and of one that goes on.
    fn announce(&mut self, place: Place) {
        let Some(flow) = self.table.flow(place) else { return };
        let due = match flow.announced {
            Announced::NotYet => match flow.state {
                FlowState::Rejected
                | FlowState::Established
                | FlowState::Closing
                | FlowState::Closed
                | FlowState::Reset
                | FlowState::TwoWay => true,
                FlowState::OneWay | FlowState::SynSent | FlowState::HalfOpen => false,
            },
            Announced::At(last) => self.now.0.abs_diff(last.0) >= PROGRESS,
        };
        if due {
            self.tell(place);
        }
    }

    fn tell(&mut self, place: Place) {
        let now = self.now;
        let Some(flow) = self.table.flow_mut(place) else { return };
        let before = std::mem::replace(&mut flow.announced, Announced::At(now));
        let record = report::record(flow, &self.inventory, FlowEnd::Active);
        match before {
            Announced::NotYet => self.watch.flow_opened(&record, now, &mut self.findings),
            Announced::At(_) => self.watch.flow_progress(&record, now, &mut self.findings),
        }
        self.group();
    }

    /// A flow that has been going on for the active time-out gives a record and begins to count anew.
    fn split_active(&mut self, place: Place, out: &mut Outputs) {
        let active = self.table.active();
        let Some(flow) = self.table.flow_mut(place) else { return };
        if flow.last.since(flow.first) < active {
            return;
        }
        let seen = last_seen(flow);
        let record = report::record(flow, &self.inventory, FlowEnd::Active);
        report::verdict(flow, &mut self.summary, out);
        flow.first = flow.last;
        for end in [End::A, End::B] {
            let sent = flow.sent.of_mut(end);
            (sent.packets, sent.bytes, sent.payload, sent.missing, sent.retransmissions) = (0, 0, 0, 0, 0);
        }
        flow.timing = crate::flow::Timing::default();
        if let Some(ruling) = &mut flow.ruling {
            ruling.frames_dropped = 0;
        }
        self.put(record, seen, out);
    }

    /// A flow is over: what it said last, and its record.
    pub(crate) fn close(&mut self, mut flow: Flow, end: FlowEnd, out: &mut Outputs) {
        self.reader.finish(&mut flow, self.now);
        if !self.reader.exchanges.is_empty() {
            self.said(&mut flow, None, out);
        }
        let record = report::record(&flow, &self.inventory, end);
        // Nothing has come since the active time-out: its record has said all.
        if record.packets.out + record.packets.back == 0 {
            return;
        }
        if flow.announced == Announced::NotYet {
            self.watch.flow_opened(&record, self.now, &mut self.findings);
        }
        report::verdict(&flow, &mut self.summary, out);
        self.put(record, last_seen(&flow), out);
    }

    fn put(&mut self, record: FlowRecord, seen: [Option<(Number, Timestamp)>; 2], out: &mut Outputs) {
        for (device, at) in seen.into_iter().flatten() {
            self.inventory.seen(device, at);
        }
        self.watch.flow_closed(&record, self.now, &mut self.findings);
        let summary = &mut self.summary;
        summary.flows += 1;
        summary.tcp_missing.0 += record.missing.out + record.missing.back;
        if record.protocol == protocol::TCP {
            summary.tcp_missing.1 += record.payload.out + record.payload.back;
        }
        out.flows.push(record);
        self.group();
    }

    /// Once a second of capture time: unanswered flows, time-outs, the detectors' windows.
    fn tick(&mut self) {
        self.next_tick = Timestamp(self.now.0.saturating_add(SECOND));
        while let Some(&(due, ..)) = self.waiting.front() {
            // What is due later than a flow may wait was noted before the time was set back.
            if due > self.now && due.since(self.now) <= UNANSWERED {
                break;
            }
            self.unanswered();
        }
        self.sweep = Sweep::Due;
        self.watch.tick(self.now, &mut self.findings);
        self.group();
    }

    /// The flow that has waited longest for an answer waits no more.
    fn unanswered(&mut self) {
        let Some((_, place, id)) = self.waiting.pop_front() else { return };
        let open =
            self.table.flow(place).is_some_and(|flow| flow.id == id && flow.announced == Announced::NotYet);
        if open {
            self.tell(place);
        }
    }

    fn expire(&mut self, out: &mut Outputs) {
        for _ in 0..SWEEP {
            let Some(flow) = self.table.expire(self.now) else {
                self.sweep = Sweep::Done;
                return;
            };
            let end = if flow.is_over() { FlowEnd::Closed } else { FlowEnd::Idle };
            self.close(flow, end, out);
        }
    }

    pub(crate) fn sighting(&mut self, sighting: &Sighting) {
        self.watch.sighting(sighting, &mut self.findings);
        self.group();
    }

    pub(crate) fn group(&mut self) {
        if self.findings.is_empty() {
            return;
        }
        for finding in self.findings.drain(..) {
            self.incidents.add(finding, None);
        }
    }
}

/// The devices that sent something in a flow, and when they did last.
fn last_seen(flow: &Flow) -> [Option<(Number, Timestamp)>; 2] {
    [End::A, End::B].map(|end| {
        let sent = flow.sent.of(end);
        flow.device.of(end).filter(|_| sent.packets > 0).map(|device| (device, sent.last))
    })
}

fn outer_key(outer: &wire::frame::Outer) -> Key {
    let headers = Headers {
        src: outer.src,
        dst: outer.dst,
        protocol: outer.protocol,
        src_port: outer.src_port,
        dst_port: outer.dst_port,
        ..Headers::default()
    };
    Key::of(&headers).0
}

#[cfg(test)]
mod tests;
