//! What the engine tells the detectors: flows, operations inside them, and sightings of addresses.

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::app::App;
use abi::device::DeviceType;
use abi::table::SegmentId;

/// Identifies a flow within a run: counted from 1 in the order of first frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The device, by the key of the inventory.
    pub device: DeviceKey,
    /// Its IP address in this flow; none for flows below IP.
    pub ip: Ip,
    /// The MAC address seen at this end of the flow (a router's, where the device is routed).
    pub mac: Mac,
    /// Its port; 0 where the protocol has none.
    pub port: u16,
    /// What the device is, as far as known when the record was made.
    pub class: DeviceType,
    /// Its segment, if a policy places it.
    pub segment: Option<SegmentId>,
}

/// A pair of figures: from client to server (`out`), and back (`back`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Both<T> {
    /// Client to server.
    pub out: T,
    /// Server to client.
    pub back: T,
}

/// How far a flow got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowState {
    /// No TCP: frames in one direction only.
    #[default]
    OneWay,
    /// No TCP: frames in both directions.
    TwoWay,
    /// TCP: a SYN without an answer.
    SynSent,
    /// TCP: the SYN was answered by RST.
    Rejected,
    /// TCP: SYN and SYN-ACK, the handshake was never completed.
    HalfOpen,
    /// TCP: the handshake was completed (or the connection was met midway) and is not closed.
    Established,
    /// TCP: at least one side has sent FIN.
    Closing,
    /// TCP: both sides have sent FIN.
    Closed,
    /// TCP: reset after it was established.
    Reset,
}

/// Why the record was made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowEnd {
    /// Both sides closed it, or a reset.
    Closed,
    /// Nothing came for the idle time-out.
    Idle,
    /// It has been going on for the active time-out; another record of the same flow follows.
    Active,
    /// The table was full and it was the longest silent.
    Evicted,
    /// The input ended.
    InputEnd,
}

/// What of the flow's content could be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// From its first byte on.
    #[default]
    Full,
    /// It was met midway.
    Midstream,
    /// Bytes were missing.
    Gap,
    /// It is encrypted.
    Encrypted,
}

/// Inter-arrival times of the frames of a flow, both directions together, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arrivals {
    /// Mean.
    pub mean: f64,
    /// Population variance.
    pub variance: f64,
    /// The longest.
    pub max: u64,
}

/// One bidirectional flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRecord {
    /// Its number in the run.
    pub id: FlowId,
    /// Time of its first frame.
    pub first: Timestamp,
    /// Time of its last frame.
    pub last: Timestamp,
    /// IP protocol number.
    pub protocol: u8,
    /// The initiator, as far as can be told.
    pub client: Endpoint,
    /// The responder.
    pub server: Endpoint,
    /// VLAN identifiers seen, outer first; 0 is none.
    pub vlan: [u16; 2],
    /// Frames.
    pub packets: Both<u64>,
    /// Bytes of the frames on the wire, link header included.
    pub bytes: Both<u64>,
    /// Bytes of application payload.
    pub payload: Both<u64>,
    /// How far it got.
    pub state: FlowState,
    /// The application, by content.
    pub app: App,
    /// What of it could be seen.
    pub visibility: Visibility,
    /// Timing.
    pub arrivals: Arrivals,
    /// Payload sizes of its first frames with payload; negative from the server, 0 after the last.
    pub first_sizes: [i16; 8],
    /// Bytes that were acknowledged but never seen.
    pub missing: Both<u64>,
    /// TCP flag bits seen.
    pub tcp_flags: Both<u8>,
    /// Retransmitted TCP segments.
    pub retransmissions: Both<u32>,
    /// Why the record was made.
    pub end: FlowEnd,
}

/// An application operation: a session row reduced to what detection needs. No patient data, and strings stay short.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity<'a> {
    /// When it was seen.
    pub at: Timestamp,
    /// The flow that carries it.
    pub flow: FlowId,
    /// Its protocol.
    pub app: App,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// The operation by its row word: `c-find`, `message`, `query`, `request`, `write-multiple-registers`, ...
    pub op: &'a str,
    /// What the operation is about, one string that novelty can be judged by: an SOP class, `ORU^R01`, a query type, a method.
    pub subject: &'a str,
    /// Who the client says it is: calling AE title, sending application and facility, user agent.
    pub client_name: &'a str,
    /// Whom the client addresses: called AE title, receiving application, host name or SNI, DNS zone.
    pub server_name: &'a str,
    /// What the server said: status, ACK code, response code, where known.
    pub outcome: Outcome,
    /// Objects, records, registers or answers that the operation touched or returned.
    pub objects: u32,
    /// Payload bytes of the operation, where known.
    pub bytes: u64,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Not seen, or not yet.
    #[default]
    Open,
    /// It was done.
    Success,
    /// It was refused or failed.
    Failure,
}

/// An address seen in use, by which identity is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// What said so.
    pub kind: SightingKind,
    /// The MAC address that claims the IP address (sender of the ARP claim, client of the lease, source of the advertisement).
    pub mac: Mac,
    /// The IP address claimed; for servers of addresses and routes, their own.
    pub ip: Ip,
    /// Source MAC address of the frame itself.
    pub frame_mac: Mac,
    /// VLAN of the frame, 0 for none.
    pub vlan: u16,
}

/// What kind of frame shows an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SightingKind {
    /// ARP request or probe by the owner (`ip` is the sender's; RFC 826).
    ArpRequest {
        /// The address asked for.
        target: Ip,
    },
    /// ARP reply to somebody.
    ArpReply {
        /// To whom it is told.
        target: Ip,
        /// Whether an open request for it was seen within 2 s.
        asked: bool,
    },
    /// Neighbour advertisement (RFC 4861).
    NeighbourAdvertisement,
    /// Router advertisement: its sender acts as an IPv6 router (RFC 4861).
    RouterAdvertisement,
    /// DHCP offer or acknowledgment: the sender (`frame_mac`, `ip`) acts as a server. The lease itself is a `DhcpLease`.
    DhcpServer,
    /// A DHCP lease acknowledged: `mac` may now use `ip`.
    DhcpLease,
    /// An IP frame whose source addresses were seen together for the first time.
    Frame,
}
