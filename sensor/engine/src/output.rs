//! What the engine says: rows for the files of the output, and the summary. Only the daemon makes text of them.

use abi::address::DeviceKey;
use abi::address::{Ip, Mac, Timestamp};
use abi::device::DeviceType;
use abi::headers::Headers;
use abi::judge::Reason;
use abi::table::{Action, Mode, RuleId, SegmentId};
use detectors::finding::{Evidence as Surprise, Severity, Technique};
use detectors::record::{Endpoint, FlowId, FlowRecord, Visibility};
use std::collections::BTreeMap;

/// A row of `sessions.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// The flow that carries it.
    pub flow: FlowId,
    /// The side that asked (for DICOM sub-operations this may be the TCP server).
    pub client: Endpoint,
    /// The side that was asked.
    pub server: Endpoint,
    /// What could be seen of the connection.
    pub visibility: Visibility,
    /// What was said.
    pub exchange: wire::Exchange,
}

/// A row of `verdicts.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictRow {
    /// The flow judged.
    pub flow: FlowId,
    /// When its first frame was judged.
    pub at: Timestamp,
    /// Segment of the initiator.
    pub from: Option<SegmentId>,
    /// Segment of the responder.
    pub to: Option<SegmentId>,
    /// IP protocol number, and the responder's port, by which the service is named.
    pub protocol: u8,
    /// The responder's port.
    pub port: u16,
    /// Allow or deny.
    pub action: Action,
    /// How far it is carried out.
    pub mode: Mode,
    /// Frames of the flow that enforcement drops (deny in mode enforce). Nothing is dropped in a replay.
    pub frames_dropped: u64,
    /// The rule, if one decided.
    pub rule: Option<RuleId>,
    /// Why.
    pub reason: Reason,
}

/// A claim about a device, and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What is claimed: `vendor`, `type`, `model`, `software`, `serial`, `role`, `name`, `ae_title`.
    pub attribute: &'static str,
    /// The value.
    pub value: String,
    /// Where it was seen: `oui`, `dhcp`, `dicom`, `hl7`, `tls`, `http`.
    pub source: &'static str,
    /// 1 self-declared, 2 implementation, 3 role, 4 stack, 5 behaviour.
    pub tier: u8,
    /// Probability that the claim holds, by this evidence alone.
    pub weight: f32,
    /// The flow that showed it, if one did.
    pub flow: Option<FlowId>,
    /// The id of the inventory's rule.
    pub rule: &'static str,
}

/// A value with the confidence in it, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<T> {
    /// The value.
    pub value: T,
    /// Probability that it holds.
    pub confidence: f32,
}

/// A row of `devices.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// The key, which other rows name it by.
    pub device: DeviceKey,
    /// Keys that earlier rows of this run used for it, before it was known better.
    pub aliases: Vec<DeviceKey>,
    /// MAC addresses.
    pub mac: Vec<Mac>,
    /// IP addresses, bounded; see `ip_count`.
    pub ip: Vec<Ip>,
    /// VLAN identifiers.
    pub vlan: Vec<u16>,
    /// First sign of it.
    pub first_seen: Timestamp,
    /// Last sign of it.
    pub last_seen: Timestamp,
    /// Host name, as it gives it itself.
    pub name: Option<String>,
    /// Vendor.
    pub vendor: Option<Claim<String>>,
    /// Type.
    pub class: Claim<DeviceType>,
    /// Model.
    pub model: Option<Claim<String>>,
    /// Software components seen.
    pub software: Vec<Claim<String>>,
    /// Hash of the serial number, if one was seen.
    pub serial_hash: Option<String>,
    /// Roles that it plays: `dicom-scu`, `dicom-scp`, `hl7-sender`, `dhcp-server`, ...
    pub role: Vec<&'static str>,
    /// Segment, if a policy places it.
    pub segment: Option<SegmentId>,
    /// The device that forwards for it, if it is routed.
    pub behind_gateway: Option<DeviceKey>,
    /// Evidence, most telling first; bounded.
    pub evidence: Vec<Evidence>,
    /// Contradictions seen.
    pub conflicts: Vec<String>,
    /// Why the type is not known, if it is not.
    pub unknown_reason: Option<&'static str>,
}

/// A row of `incidents.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Counted from 1 in the order of `first`.
    pub id: u64,
    /// When it began to show.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// The family of cause.
    pub kind: &'static str,
    /// Techniques.
    pub techniques: Vec<Technique>,
    /// The one device that the evidence accuses.
    pub source: Endpoint,
    /// Those who suffer it; bounded.
    pub targets: Vec<Endpoint>,
    /// For a person.
    pub text: String,
    /// The evidence, most important first.
    pub evidence: Vec<Surprise>,
    /// Sum of the surprises, in -log10 of probability.
    pub score: f64,
    /// Flows that show it; bounded.
    pub flows: Vec<FlowId>,
    /// The policy rule that was broken, if one was.
    pub rule: Option<RuleId>,
    /// Findings that were merged into it.
    pub findings: u64,
}

/// Rows that one step gave. The caller drains them; the vectors are reused.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Flows that ended, or passed the active time-out.
    pub flows: Vec<FlowRecord>,
    /// Application exchanges.
    pub sessions: Vec<SessionRow>,
    /// Verdicts, one for each flow row, when a policy is loaded.
    pub verdicts: Vec<VerdictRow>,
    /// Which flows are to be shown further, for who chooses what is shown ([`crate::engine::Settings::glimpse`]).
    pub wishes: Vec<Wish>,
}

/// Whether more of the frames of a flow is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// All of them: what they carry is read.
    All,
    /// None: nothing more can be learned of them than how many they are ([`crate::engine::Engine::counted`]).
    Counts,
}

/// What is wanted of one direction of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The headers of a frame of it.
    pub headers: Headers,
    /// What.
    pub interest: Interest,
}

impl Outputs {
    /// Whether there is nothing to drain.
    pub const fn is_empty(&self) -> bool {
        self.flows.is_empty()
            && self.sessions.is_empty()
            && self.verdicts.is_empty()
            && self.wishes.is_empty()
    }

    /// Drops every row.
    pub fn clear(&mut self) {
        self.flows.clear();
        self.sessions.clear();
        self.verdicts.clear();
        self.wishes.clear();
    }
}

/// Frames and rows, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Frames read, duplicates included.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Frames captured shorter than they were.
    pub frames_short: u64,
    /// Frames whose headers were cut or contradict themselves.
    pub frames_malformed: u64,
    /// Frames unwrapped from a tunnel of a mirror.
    pub frames_unwrapped: u64,
    /// Copies of a frame that was already counted.
    pub frames_duplicate: u64,
    /// Time of the first and of the last frame.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Flow rows.
    pub flows: u64,
    /// Distinct bidirectional outer 5-tuples: TCP and UDP.
    pub flow_keys: (u64, u64),
    /// Devices.
    pub devices: u64,
    /// Session rows by application word.
    pub sessions: BTreeMap<&'static str, u64>,
    /// Verdict rows allowed and denied.
    pub verdicts: (u64, u64),
    /// Judged flows between pairs of segments: allowed and denied.
    pub matrix: BTreeMap<(Option<SegmentId>, Option<SegmentId>), (u64, u64)>,
    /// Incidents by severity word.
    pub incidents: BTreeMap<&'static str, u64>,
    /// TCP bytes that were acknowledged but never captured, and TCP payload bytes that were.
    pub tcp_missing: (u64, u64),
    /// Everything that reached a bound, by name: evictions, overflows, skipped bytes.
    pub overflows: BTreeMap<&'static str, u64>,
}

/// What is left when the input has ended.
#[derive(Debug, Default)]
pub struct Finished {
    /// Devices, in the order of their keys.
    pub devices: Vec<DeviceRow>,
    /// Incidents, in the order of time.
    pub incidents: Vec<Incident>,
    /// Figures.
    pub summary: Summary,
}
