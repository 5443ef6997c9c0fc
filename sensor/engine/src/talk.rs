//! The conversation inside a flow: TCP bytes put in order, the protocol found by content, and its dissector fed.

pub(crate) mod dissector;
pub(crate) mod reassembly;

use crate::flow::{End, Ends, Flow};
use abi::address::Timestamp;
use abi::app::App;
use abi::headers::{protocol, tcp_flag};
use detectors::record::Visibility;
use dissector::{Dissector, Found, Met};
use reassembly::{Budget, Half, Piece};
use wire::Exchange;
use wire::frame::Frame;

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
#[derive(Debug, Default)]
pub(crate) struct Stream {
    halves: Ends<Half>,
    dissector: Dissector,
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
        let Some(tcp) = frame.tcp() else { return };
        let payload = frame.headers.payload_len;
        let syn = u32::from(tcp.flags & tcp_flag::SYN != 0);
        let fin = u32::from(tcp.flags & tcp_flag::FIN != 0);
        let first = tcp.seq.wrapping_add(syn);
        let len = payload.wrapping_add(syn).wrapping_add(fin);
        let sent = flow.sent.of_mut(from);
        // A stream that was met at its SYN begins right after it, also when its second segment comes first.
        let expected = sent.sequence.next().filter(|_| flow.visibility == Visibility::Full && syn == 0);
        if tcp.flags & tcp_flag::RST == 0 {
            // A keep-alive (RFC 9293 section 3.8.4) repeats one old byte, or none: no loss that was made good.
            if let crate::flow::sequence::Place::Old(old) = sent.sequence.take(tcp.seq, len)
                && old > 1
                && syn == 0
            {
                sent.retransmissions = sent.retransmissions.saturating_add(1);
            }
        }
        if tcp.flags & tcp_flag::ACK != 0 {
            let to = flow.sent.of_mut(from.other());
            if to.packets > 0 || flow.visibility == Visibility::Midstream {
                to.missing += u64::from(to.sequence.acknowledged(tcp.ack));
            }
        }
        if matches!(flow.talk, Talk::Deaf) {
            return;
        }
        if matches!(flow.talk, Talk::Fresh) {
            if payload == 0 || syn == 1 {
                return;
            }
            flow.talk = Talk::Stream(Box::default());
        }
        self.stream(flow, from, &Segment { first, syn: syn == 1, expected, ack: tcp.ack, frame, at });
    }

    fn stream(&mut self, flow: &mut Flow, from: End, segment: &Segment<'_, '_>) {
        let met = if flow.visibility == Visibility::Midstream { Met::Midway } else { Met::AtStart };
        let side = flow.side(from);
        let Talk::Stream(stream) = &mut flow.talk else { return };
        let Stream { halves, dissector } = &mut **stream;
        let exchanges = &mut self.exchanges;
        let mut gaps = 0u64;
        let at = segment.at;
        let mut deliver = |side, piece: Piece<'_>| match piece {
            Piece::Bytes(bytes) => dissector.feed(side, (at, met), bytes, exchanges),
            Piece::Gap(missing) => {
                gaps += missing;
                dissector.gap(side, missing);
            }
        };
        let half = halves.of_mut(from);
        let captured = segment.frame.payload();
        let wire_len = segment.frame.headers.payload_len;
        // What a SYN carries is not the application's until the handshake is done (RFC 7413 apart), and then comes again.
        if wire_len > 0 && !segment.syn {
            half.begin(segment.expected.unwrap_or(segment.first));
            let arrival = reassembly::Arrival { seq: segment.first, captured, wire_len, at };
            half.take(&arrival, &mut self.budget, &mut |piece| deliver(side, piece));
        }
        if segment.frame.headers.tcp_flags & tcp_flag::ACK != 0 {
            let other = halves.of_mut(from.other());
            other.acknowledge(segment.ack, at, &mut self.budget, &mut |piece| deliver(side.other(), piece));
        }
        let found = dissector.found();
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
                if let Talk::Stream(stream) = &mut flow.talk {
                    stream.halves.a.release(&mut self.budget);
                    stream.halves.b.release(&mut self.budget);
                }
                flow.talk = Talk::Deaf;
            }
        }
    }

    fn datagram(&mut self, flow: &mut Flow, from: End, payload: &[u8], at: Timestamp) {
        if payload.is_empty() {
            return;
        }
        let side = flow.side(from);
        let tried = match &mut flow.talk {
            Talk::Datagrams(session) => {
                session.datagram(side, at, payload, &mut self.exchanges);
                return;
            }
            Talk::Fresh => 0,
            Talk::Untold(tried) => *tried,
            Talk::Stream(_) | Talk::Deaf => return,
        };
        if let Some(dhcp) = wire::dhcp::read(payload) {
            flow.app = App::Dhcp;
            self.exchanges.push(Exchange { at, from: side, said: wire::Said::Dhcp(dhcp) });
            // Each DHCP message stands for itself (RFC 2131): the next one is tried anew.
            return;
        }
        let hint = dissector::dns_by_port(flow.key.ports);
        if wire::dns::read(payload, hint).is_some() {
            let mut session = wire::dns::Session::on(hint);
            session.datagram(side, at, payload, &mut self.exchanges);
            flow.app = hint;
            flow.talk = Talk::Datagrams(Box::new(session));
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
        match &mut flow.talk {
            Talk::Stream(stream) => {
                let client = flow.client;
                let mut gaps = 0u64;
                let Stream { halves, dissector } = &mut **stream;
                for end in [client, client.other()] {
                    let side = if end == client { wire::Side::Client } else { wire::Side::Server };
                    let exchanges = &mut self.exchanges;
                    halves.of_mut(end).flush(&mut self.budget, &mut |piece| match piece {
                        Piece::Bytes(bytes) => dissector.feed(side, (at, Met::AtStart), bytes, exchanges),
                        Piece::Gap(missing) => {
                            gaps += missing;
                            dissector.gap(side, missing);
                        }
                    });
                }
                if gaps > 0 && flow.visibility != Visibility::Encrypted {
                    flow.visibility = Visibility::Gap;
                }
                dissector.finish(at, &mut self.exchanges);
            }
            Talk::Datagrams(session) => session.finish(at, &mut self.exchanges),
            Talk::Fresh | Talk::Untold(_) | Talk::Deaf => {}
        }
        flow.talk = Talk::Deaf;
    }
}

/// A TCP segment as the stream takes it.
struct Segment<'a, 'b> {
    /// Sequence number of its first payload byte.
    first: u32,
    syn: bool,
    /// The sequence number that was expected, if the stream was seen from its start.
    expected: Option<u32>,
    ack: u32,
    frame: &'a Frame<'b>,
    at: Timestamp,
}
