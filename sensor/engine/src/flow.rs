//! One bidirectional flow: who, how much, how fast, and how far it got.

pub(crate) mod sequence;
pub(crate) mod table;

use abi::address::{Ip, Mac, Timestamp};
use abi::app::App;
use abi::headers::{Headers, protocol, tcp_flag};
use detectors::record::{Arrivals, FlowId, FlowState, Visibility};
use sequence::Sequence;
use wire::Side;

use crate::talk::Talk;

/// What makes frames one flow: both addresses, both ports, the protocol. The smaller end comes first, so that both
/// directions give the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The smaller address.
    pub(crate) a: Ip,
    /// The larger address.
    pub(crate) b: Ip,
    /// Port of `a` and port of `b`.
    pub(crate) ports: (u16, u16),
    /// IP protocol number.
    pub(crate) protocol: u8,
}

/// One end of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The smaller.
    A,
    /// The larger.
    B,
}

impl End {
    /// The other one.
    #[must_use]
    pub(crate) const fn other(self) -> End {
        match self {
            End::A => End::B,
            End::B => End::A,
        }
    }
}

impl Key {
    /// The key of a frame, and the end that sent it. ICMP has no ports: its messages between two hosts are one flow.
    pub(crate) fn of(headers: &Headers) -> (Key, End) {
        let (sport, dport) = match headers.protocol {
            protocol::ICMP | protocol::ICMPV6 => (0, 0),
            _ => (headers.src_port, headers.dst_port),
        };
        // The order of the bytes, as numbers: comparing arrays costs a call.
        let place = |ip: Ip, port: u16| (u128::from_be_bytes(ip.0), port);
        if place(headers.src, sport) <= place(headers.dst, dport) {
            let key =
                Key { a: headers.src, b: headers.dst, ports: (sport, dport), protocol: headers.protocol };
            (key, End::A)
        } else {
            let key =
                Key { a: headers.dst, b: headers.src, ports: (dport, sport), protocol: headers.protocol };
            (key, End::B)
        }
    }

    /// Address of an end.
    pub(crate) const fn ip(&self, end: End) -> Ip {
        match end {
            End::A => self.a,
            End::B => self.b,
        }
    }

    /// Port of an end.
    pub(crate) const fn port(&self, end: End) -> u16 {
        match end {
            End::A => self.ports.0,
            End::B => self.ports.1,
        }
    }
}

/// A value for each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends<T> {
    /// Of the smaller end.
    pub(crate) a: T,
    /// Of the larger end.
    pub(crate) b: T,
}

impl<T> Ends<T> {
    /// The value of one end.
    pub(crate) const fn of(&self, end: End) -> &T {
        match end {
            End::A => &self.a,
            End::B => &self.b,
        }
    }

    /// The value of one end, to change.
    pub(crate) const fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::A => &mut self.a,
            End::B => &mut self.b,
        }
    }
}

/// What one end has sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Frames.
    pub(crate) packets: u64,
    /// Bytes on the wire.
    pub(crate) bytes: u64,
    /// Application payload bytes.
    pub(crate) payload: u64,
    /// Payload bytes acknowledged by the peer that were never captured.
    pub(crate) missing: u64,
    /// Segments sent again.
    pub(crate) retransmissions: u32,
    /// TCP flag bits seen.
    pub(crate) flags: u8,
    /// MAC address at this end: its own when it sends, the next hop's while it has only been sent to.
    pub(crate) mac: Mac,
    /// When its last frame came.
    pub(crate) last: Timestamp,
    /// TCP sequence numbers.
    pub(crate) sequence: Sequence,
}

/// Whether the detectors know of the flow yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// Not yet: its outcome is not known.
    NotYet,
    /// Told at this time, by the last progress.
    At(Timestamp),
}

/// A flow in the table.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Its number.
    pub(crate) id: FlowId,
    /// Its key.
    pub(crate) key: Key,
    /// The end that initiated it.
    pub(crate) client: End,
    /// First frame of this record.
    pub(crate) first: Timestamp,
    /// Last frame.
    pub(crate) last: Timestamp,
    /// VLAN tags of the first tagged frame.
    pub(crate) vlan: [u16; 2],
    /// What each end has sent.
    pub(crate) sent: Ends<Sent>,
    /// Devices at the ends, as the inventory numbers them.
    pub(crate) device: Ends<Option<crate::inventory::Number>>,
    /// Timing.
    pub(crate) timing: Timing,
    /// Payload sizes of the first frames with payload; negative from the server.
    pub(crate) first_sizes: [i16; 8],
    /// Frames with payload so far, up to 8.
    pub(crate) sizes: u8,
    /// How far it got.
    pub(crate) state: FlowState,
    /// The application.
    pub(crate) app: App,
    /// What could be seen.
    pub(crate) visibility: Visibility,
    /// Type and code of the first ICMP message.
    pub(crate) icmp: (u16, u16),
    /// Whether the detectors know of it.
    pub(crate) announced: Announced,
    /// What the judge said of it.
    pub(crate) ruling: Option<crate::verdict::Ruling>,
    /// The conversation inside.
    pub(crate) talk: Talk,
}

/// Inter-arrival times by Welford's method: numerically steady, one pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    count: u64,
    mean: f64,
    squares: f64,
    max: u64,
}

impl Timing {
    /// Adds the time between two frames, in nanoseconds.
    #[expect(clippy::cast_precision_loss, reason = "52 bits hold 52 days of nanoseconds exactly")]
    pub(crate) fn add(&mut self, gap: u64) {
        self.count += 1;
        let x = gap as f64;
        let delta = x - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (x - self.mean);
        self.max = self.max.max(gap);
    }

    /// The figures of the record.
    #[expect(clippy::cast_precision_loss, reason = "a count of frames")]
    pub(crate) fn arrivals(&self) -> Arrivals {
        let variance = if self.count == 0 { 0.0 } else { self.squares / self.count as f64 };
        Arrivals { mean: self.mean, variance, max: self.max }
    }
}

impl Flow {
    /// A flow by its first frame, sent by `from`.
    pub(crate) fn start(id: FlowId, key: Key, from: End, headers: &Headers, at: Timestamp) -> Flow {
        let tcp = headers.protocol == protocol::TCP;
        let syn = headers.tcp_flags & tcp_flag::SYN != 0;
        let ack = headers.tcp_flags & tcp_flag::ACK != 0;
        let client =
            if tcp && syn { if ack { from.other() } else { from } } else { likely_client(&key, from) };
        let midstream = tcp && !syn;
        Flow {
            id,
            key,
            client,
            first: at,
            last: at,
            vlan: headers.vlan,
            sent: Ends::default(),
            device: Ends::default(),
            timing: Timing::default(),
            first_sizes: [0; 8],
            sizes: 0,
            state: FlowState::default(),
            app: App::Unknown,
            visibility: if midstream { Visibility::Midstream } else { Visibility::Full },
            icmp: (headers.src_port, headers.dst_port),
            announced: Announced::NotYet,
            ruling: None,
            talk: Talk::start(headers.protocol),
        }
    }

    /// The side of the connection that an end is.
    pub(crate) fn side(&self, end: End) -> Side {
        if end == self.client { Side::Client } else { Side::Server }
    }

    /// Counts a frame that `from` sent, `wire_len` bytes long.
    pub(crate) fn count(&mut self, from: End, headers: &Headers, wire_len: u32, at: Timestamp) {
        let first = self.sent.a.packets + self.sent.b.packets == 0;
        if !first {
            self.timing.add(at.since(self.last));
        }
        self.last = self.last.max(at);
        if self.vlan == [0, 0] {
            self.vlan = headers.vlan;
        }
        let payload = headers.payload_len;
        if payload > 0 && self.sizes < 8 {
            let size = i16::try_from(payload).unwrap_or(i16::MAX);
            let signed = if from == self.client { size } else { -size };
            if let Some(slot) = self.first_sizes.get_mut(usize::from(self.sizes)) {
                *slot = signed;
            }
            self.sizes += 1;
        }
        let to = self.sent.of_mut(from.other());
        if to.packets == 0 {
            to.mac = headers.dst_mac;
        }
        let sent = self.sent.of_mut(from);
        sent.mac = headers.src_mac;
        sent.last = sent.last.max(at);
        sent.packets += 1;
        sent.bytes += u64::from(wire_len);
        sent.payload += u64::from(payload);
        sent.flags |= headers.tcp_flags;
        self.state = if self.key.protocol == protocol::TCP {
            self.tcp_state(from, headers.tcp_flags)
        } else if self.state == FlowState::TwoWay || self.sent.a.packets > 0 && self.sent.b.packets > 0 {
            FlowState::TwoWay
        } else {
            FlowState::OneWay
        };
    }

    /// RFC 9293 section 3.3.2, as an onlooker sees it.
    fn tcp_state(&self, from: End, flags: u8) -> FlowState {
        use FlowState::{Closed, Closing, Established, HalfOpen, OneWay, Rejected, Reset, SynSent, TwoWay};
        let (syn, ack) = (flags & tcp_flag::SYN != 0, flags & tcp_flag::ACK != 0);
        let both_fin = self.sent.a.flags & self.sent.b.flags & tcp_flag::FIN != 0;
        let rst = flags & tcp_flag::RST != 0;
        match self.state {
            OneWay | TwoWay | SynSent | HalfOpen if rst => {
                // Probes without SYN (RFC 9293 section 3.10.7.1) are refused like those with it.
                let asked = self.sent.of(self.client).packets > 0;
                let refused = from != self.client && asked && self.state != HalfOpen;
                if refused { Rejected } else { Reset }
            }
            Established | Closing if rst => Reset,
            OneWay | TwoWay => match (syn, ack) {
                (true, false) => SynSent,
                (true, true) => HalfOpen,
                // A segment of a connection acknowledges something (RFC 9293 section 3.10.7.4); what does not is a probe.
                (false, false) => OneWay,
                (false, true) if both_fin => Closed,
                (false, true) if flags & tcp_flag::FIN != 0 => Closing,
                (false, true) => Established,
            },
            SynSent => match (syn, ack) {
                (true, true) if from != self.client => HalfOpen,
                // A mirror of one direction never shows the SYN-ACK.
                (false, true) if from == self.client && self.sent.of(from.other()).packets == 0 => {
                    Established
                }
                (false, true) if from != self.client => Established,
                _ => SynSent,
            },
            Established | Closing | HalfOpen if both_fin => Closed,
            Established | HalfOpen if flags & tcp_flag::FIN != 0 => Closing,
            // The end that answered says more only once the handshake is done, so either end's word will do: a mirror may
            // show one direction only.
            HalfOpen if ack && !syn => Established,
            state @ (HalfOpen | Established | Closing | Closed | Reset | Rejected) => state,
        }
    }

    /// Whether a SYN or the answer to one, with this number, belongs to another connection between the same ports.
    pub(crate) fn is_reopened(&self, from: End, seq: u32, headers: &Headers) -> bool {
        let start = self.sent.of(from).sequence.start();
        let again = start == Some(seq.wrapping_add(1));
        let running = matches!(self.state, FlowState::Established | FlowState::Closing);
        if headers.opens_tcp() {
            // Some systems ask a second and a third time where they were refused, with the same number. Amid a connection
            // a SYN may be forged: only its answer tells, if answers are captured at all.
            let alone = self.sent.of(from.other()).packets == 0 && start.is_some();
            self.is_over() && !(again && self.state == FlowState::Rejected) || running && alone && !again
        } else {
            (self.is_over() || running) && start.is_some() && !again
        }
    }

    /// Whether nothing more is expected of a TCP connection.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, FlowState::Closed | FlowState::Reset | FlowState::Rejected)
    }
}

/// Without a SYN, the end with the port of a server is taken for the server: well-known below ephemeral (RFC 6335),
/// else the one that was spoken to first.
fn likely_client(key: &Key, from: End) -> End {
    const SYSTEM: u16 = 1024;
    const EPHEMERAL: u16 = 32_768;
    let (mine, theirs) = (key.port(from), key.port(from.other()));
    let rank = |port: u16| match port {
        0..SYSTEM => 0,
        SYSTEM..EPHEMERAL => 1,
        _ => 2,
    };
    // Nobody answers from a group address.
    if rank(mine) < rank(theirs) && !key.ip(from.other()).is_group() { from.other() } else { from }
}

#[cfg(test)]
mod tests;
