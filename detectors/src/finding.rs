//! What the detectors say: one cause, one accused device, and the evidence that is really responsible.

use crate::record::{Endpoint, FlowId};
use abi::address::Timestamp;

/// An ATT&CK technique id (Enterprise or ICS), such as `T1046` or `T1557.002`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Technique(pub &'static str);

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing: novelty without harm, inventory notices.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look now.
    High,
    /// Care may be in danger.
    Critical,
}

/// One measured surprise.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its stable id (`E3`, `B1`, `P1`, ...), documented in `docs/detection.md`.
    pub id: &'static str,
    /// What was measured.
    pub value: f64,
    /// What is normal.
    pub baseline: f64,
    /// Observations behind the baseline.
    pub n: u64,
    /// Probability of the value on benign time, above 0 and at most 1; none where it is a rule and not a statistic.
    pub p: Option<f64>,
}

/// A cause for an incident: findings of one source and kind are grouped into one incident by the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// When it began to show.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// The family of cause, by which incidents are grouped: `port-scan`, `arp-spoofing`, ...
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Techniques that it shows.
    pub techniques: Vec<Technique>,
    /// The one device that the evidence accuses.
    pub source: Endpoint,
    /// Those who suffer it; bounded.
    pub targets: Vec<Endpoint>,
    /// One or two sentences for a person, naming the evidence.
    pub text: String,
    /// The evidence, most important first.
    pub evidence: Vec<Evidence>,
    /// Sum of the surprises, in -log10 of probability.
    pub score: f64,
    /// Flows that show it; bounded.
    pub flows: Vec<FlowId>,
}
