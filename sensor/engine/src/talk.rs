//! The conversation inside a flow: TCP bytes put in order, the protocol found by content, and its dissector fed.

pub(crate) mod dissector;
pub(crate) mod reassembly;

use crate::flow::sequence::Sequence;
use crate::flow::{End, Ends, Flow};
use abi::address::Timestamp;
use abi::app::App;
use abi::headers::{Fragment, protocol, tcp_flag};
use detectors::record::{FlowState, Visibility};
use dissector::{Dissector, Found, Met};
use reassembly::{Arrival, Budget, Half, Piece};
use wire::Exchange;
use wire::dhcp::Kind;
use wire::frame::{Frame, TcpFields};

/// What is known of a flow's content.
#[derive(Debug)]
pub(crate) enum Talk {
    /// Nothing said yet.
    Fresh,
    /// A TCP stream that is being read.
    Stream(Box<Stream>),
    /// Datagrams that are being read.
    Datagrams(Box<wire::dns::Session>),
    /// UDP whose first datagrams named no protocol; how many were tried.
    Untold(u8),
    /// Not read: no dissector claims it, or it is encrypted, or it has no payload.
    Deaf,
}

/// A TCP stream that is being read.
#[derive(Debug)]
pub(crate) struct Stream {
    halves: Ends<Half>,
    dissector: Dissector,
    met: Met,
    /// Its part of [`Reading::held`].
    held: usize,
}

impl Stream {
    fn begin(met: Met) -> Stream {
        Stream { halves: Ends::default(), dissector: Dissector::default(), met, held: 0 }
    }
}

/// Memory that the reading of all flows may hold. Half-told messages are small, but there may be many.
const READING: usize = 128 << 20;

/// Memory that dissectors hold over all flows, and what did not fit.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    held: usize,
    /// Flows that are not read to their end for want of room.
    pub(crate) overflows: u64,
}

impl Reading {
    /// A flow's part has changed. Says whether there is room for that.
    fn fits(&mut self, before: usize, now: usize) -> bool {
        self.held = self.held.saturating_sub(before).saturating_add(now);
        let fits = now <= before || self.held <= READING;
        self.overflows += u64::from(!fits);
        fits
    }

    fn release(&mut self, part: usize) {
        self.held = self.held.saturating_sub(part);
    }
}

/// Datagrams to try before a UDP flow is taken as unknown.
const DATAGRAM_TRIES: u8 = 4;

impl Talk {
    /// Before the first payload.
    pub(crate) fn start(protocol: u8) -> Talk {
        match protocol {
            protocol::TCP | protocol::UDP => Talk::Fresh,
            _ => Talk::Deaf,
        }
    }
}

/// What the readers share: bounds, and room for the exchanges of one frame.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Bytes that wait for a gap to be filled, over all flows.
    pub(crate) budget: Budget,
    /// What dissectors hold of messages that are not told yet, over all flows.
    pub(crate) reading: Reading,
    /// Exchanges of the frame at hand.
    pub(crate) exchanges: Vec<Exchange>,
}

impl Reader {
    /// Reads the payload of a frame of `flow` that `from` sent.
    pub(crate) fn read(&mut self, flow: &mut Flow, from: End, frame: &Frame<'_>, at: Timestamp) {
        match flow.key.protocol {
            protocol::TCP => self.segment(flow, from, frame, at),
            protocol::UDP => self.datagram(flow, from, frame.payload(), at),
            _ => {}
        }
    }

    fn segment(&mut self, flow: &mut Flow, from: End, frame: &Frame<'_>, at: Timestamp) {
        // A header whose length contradicts itself says nothing of the stream.
        let Some(tcp) = frame.tcp().filter(|_| frame.headers.payload_offset > 0) else { return };
        let payload = frame.headers.payload_len;
        // A fragment holds a part of its segment only, so its numbers tell of no loss; the account begins anew behind it.
        if frame.headers.fragment == Fragment::Whole {
            count_numbers(flow, from, &tcp, payload);
        } else {
            flow.sent.a.sequence = Sequence::default();
            flow.sent.b.sequence = Sequence::default();
        }
        // What a reset carries explains it to people (RFC 1122 section 4.2.2.12), and what a SYN carries is not the
        // application's until the handshake is done (RFC 7413 apart), and then comes again.
        let speaks = payload > 0 && tcp.flags & (tcp_flag::RST | tcp_flag::SYN) == 0;
        if matches!(flow.talk, Talk::Fresh) && speaks {
            let midway = flow.visibility == Visibility::Midstream;
            let stream = Stream::begin(if midway { Met::Midway } else { Met::AtStart });
            flow.talk = Talk::Stream(Box::new(stream));
        }
        if !matches!(flow.talk, Talk::Stream(_)) {
            return;
        }
        let acked = tcp.flags & (tcp_flag::RST | tcp_flag::ACK) == tcp_flag::ACK;
        // A stream that was met at its SYN begins right after it, also when its second segment comes first.
        let start = flow.sent.of(from).sequence.start().unwrap_or(tcp.seq);
        let segment = Segment {
            start,
            arrival: speaks.then_some(Arrival {
                seq: tcp.seq,
                captured: frame.payload(),
                wire_len: payload,
                at,
            }),
            ack: acked.then_some(tcp.ack),
            at,
        };
        self.stream(flow, from, &segment);
    }

    fn stream(&mut self, flow: &mut Flow, from: End, segment: &Segment<'_>) {
        let side = flow.side(from);
        let Talk::Stream(stream) = &mut flow.talk else { return };
        let Stream { halves, dissector, met, held } = &mut **stream;
        let exchanges = &mut self.exchanges;
        let mut gaps = 0u64;
        let (at, met) = (segment.at, *met);
        let mut deliver = |side, piece: Piece<'_>| match piece {
            Piece::Bytes(bytes) => dissector.feed(side, (at, met), bytes, exchanges),
            Piece::Gap(missing) => {
                gaps = gaps.saturating_add(missing);
                dissector.gap(side, missing);
            }
        };
        if let Some(arrival) = &segment.arrival {
            let half = halves.of_mut(from);
            half.begin(segment.start);
            half.take(arrival, &mut self.budget, &mut |piece| deliver(side, piece));
        }
        if let Some(ack) = segment.ack {
            let other = halves.of_mut(from.other());
            other.acknowledge(ack, at, &mut self.budget, &mut |piece| deliver(side.other(), piece));
        }
        let mut found = dissector.found();
        let before = std::mem::replace(held, size_of::<Stream>().saturating_add(dissector.memory()));
        if !self.reading.fits(before, *held) {
            found = Found::Done(App::Unknown);
        }
        if gaps > 0 && flow.visibility != Visibility::Encrypted {
            flow.visibility = Visibility::Gap;
        }
        self.settle(flow, found);
    }

    fn settle(&mut self, flow: &mut Flow, found: Found) {
        match found {
            Found::Nothing => {}
            Found::App(app) => {
                flow.app = app;
                if app == App::Tls {
                    flow.visibility = Visibility::Encrypted;
                }
            }
            Found::Done(app) => {
                flow.app = if app == App::Unknown { flow.app } else { app };
                if matches!(flow.app, App::Tls | App::Ssh | App::Quic) {
                    flow.visibility = Visibility::Encrypted;
                }
                self.let_go(flow);
            }
        }
    }

    /// Stops reading a flow.
    fn let_go(&mut self, flow: &mut Flow) {
        match std::mem::replace(&mut flow.talk, Talk::Deaf) {
            Talk::Stream(mut stream) => {
                stream.halves.a.release(&mut self.budget);
                stream.halves.b.release(&mut self.budget);
                self.reading.release(stream.held);
            }
            Talk::Datagrams(session) => self.reading.release(session.memory()),
            Talk::Fresh | Talk::Untold(_) | Talk::Deaf => {}
        }
    }

    fn datagram(&mut self, flow: &mut Flow, from: End, payload: &[u8], at: Timestamp) {
        if payload.is_empty() {
            return;
        }
        let side = flow.side(from);
        let tried = match &mut flow.talk {
            Talk::Datagrams(session) => {
                let before = session.memory();
                session.datagram(side, at, payload, &mut self.exchanges);
                if !self.reading.fits(before, session.memory()) {
                    self.let_go(flow);
                }
                return;
            }
            Talk::Fresh => 0,
            Talk::Untold(tried) => *tried,
            Talk::Stream(_) | Talk::Deaf => return,
        };
        if let Some(dhcp) = wire::dhcp::read(payload) {
            flow.app = App::Dhcp;
            // A server is never the one that asks (RFC 2131 section 4.3), whichever way the flow was begun.
            let from = match dhcp.kind {
                Kind::Offer | Kind::Ack | Kind::Nak => side.other(),
                Kind::Discover | Kind::Request | Kind::Decline | Kind::Release | Kind::Inform => side,
            };
            self.exchanges.push(Exchange { at, from, said: wire::Said::Dhcp(dhcp) });
            // Each DHCP message stands for itself (RFC 2131): the next one is tried anew.
            return;
        }
        let hint = dissector::dns_by_port(flow.key.ports);
        if wire::dns::read(payload, hint).is_some() {
            let mut session = wire::dns::Session::on(hint);
            session.datagram(side, at, payload, &mut self.exchanges);
            flow.app = hint;
            if self.reading.fits(0, session.memory()) {
                flow.talk = Talk::Datagrams(Box::new(session));
            } else {
                self.reading.release(session.memory());
                flow.talk = Talk::Deaf;
            }
            return;
        }
        let guess = wire::guess::datagram(payload, flow.key.ports);
        if guess != App::Unknown {
            flow.app = guess;
            if guess == App::Quic {
                flow.visibility = Visibility::Encrypted;
            }
        }
        let over = guess != App::Unknown || tried + 1 >= DATAGRAM_TRIES;
        flow.talk = if over { Talk::Deaf } else { Talk::Untold(tried + 1) };
    }

    /// The flow is over: what is pending is said.
    pub(crate) fn finish(&mut self, flow: &mut Flow, at: Timestamp) {
        let client = flow.client;
        match &mut flow.talk {
            Talk::Stream(stream) => {
                let mut gaps = 0u64;
                let Stream { halves, dissector, met, .. } = &mut **stream;
                for end in [client, client.other()] {
                    let side = if end == client { wire::Side::Client } else { wire::Side::Server };
                    let exchanges = &mut self.exchanges;
                    halves.of_mut(end).flush(&mut self.budget, &mut |piece| match piece {
                        Piece::Bytes(bytes) => dissector.feed(side, (at, *met), bytes, exchanges),
                        Piece::Gap(missing) => {
                            gaps = gaps.saturating_add(missing);
                            dissector.gap(side, missing);
                        }
                    });
                }
                let found = dissector.found();
                dissector.finish(at, &mut self.exchanges);
                if gaps > 0 && flow.visibility != Visibility::Encrypted {
                    flow.visibility = Visibility::Gap;
                }
                self.settle(flow, found);
            }
            Talk::Datagrams(session) => {
                let held = session.memory();
                session.finish(at, &mut self.exchanges);
                self.reading.release(held);
                flow.talk = Talk::Deaf;
            }
            Talk::Fresh | Talk::Untold(_) | Talk::Deaf => {}
        }
        self.let_go(flow);
    }
}

/// A TCP segment as the stream takes it.
struct Segment<'a> {
    /// Where the stream of its sender begins.
    start: u32,
    /// Its payload, if it has any that belongs to the stream.
    arrival: Option<Arrival<'a>>,
    ack: Option<u32>,
    at: Timestamp,
}

/// Keeps the account of sequence numbers: what was sent again, and what was acknowledged but never seen.
fn count_numbers(flow: &mut Flow, from: End, tcp: &TcpFields<'_>, payload: u32) {
    let flag = |bit: u8| tcp.flags & bit != 0;
    // A reset need not have a number of the stream (RFC 9293 section 3.5.2).
    if flag(tcp_flag::RST) {
        return;
    }
    let syn = flag(tcp_flag::SYN);
    let opening = matches!(flow.state, FlowState::SynSent | FlowState::HalfOpen);
    let start = tcp.seq.wrapping_add(1);
    let sent = flow.sent.of_mut(from);
    let is_new = syn && sent.sequence.start() != Some(start);
    if is_new && opening {
        sent.sequence = Sequence::opened(tcp.seq);
    }
    // A SYN amid a connection is forged, or the first frame of another one that its answer will begin.
    if !is_new || opening {
        let len = payload.wrapping_add(u32::from(syn)).wrapping_add(u32::from(flag(tcp_flag::FIN)));
        let taken = sent.sequence.take(tcp.seq, len);
        // A keep-alive (RFC 9293 section 3.8.4) repeats one old byte, or none: no loss that was made good.
        if taken.again > 1 && !syn {
            sent.retransmissions = sent.retransmissions.saturating_add(1);
        }
        sent.missing = sent.missing.saturating_sub(u64::from(taken.recovered));
    }
    if flag(tcp_flag::ACK) {
        let to = flow.sent.of_mut(from.other());
        if syn && opening {
            to.sequence.begins(tcp.ack);
        }
        // Where a mirror shows one direction only, nothing is known of the other.
        if to.packets > 0 {
            to.missing = to.missing.saturating_add(u64::from(to.sequence.acknowledged(tcp.ack)));
        }
    }
}
