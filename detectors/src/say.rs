//! How findings are worded and weighed.

use crate::finding::{Evidence, Finding, Severity, Technique};
use crate::memory::{Device, Memory};
use crate::record::{Endpoint, FlowId};
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::device::DeviceType;

/// What a rule weighs beside statistics, in -log10 of probability.
const RULE: f64 = 6.0;
/// Targets and flows that a finding names.
pub(crate) const NAMED: usize = 16;

/// A probability at which -log10 stops: nothing learned from a bounded time is rarer.
const RAREST: f64 = 1e-12;

/// A measured surprise.
pub(crate) fn measured(id: &'static str, value: f64, baseline: f64, n: u64, p: f64) -> Evidence {
    Evidence { id, value, baseline, n, p: Some(p.clamp(RAREST, 1.0)) }
}

/// A rule that was met; no probability.
pub(crate) fn ruled(id: &'static str, value: f64, baseline: f64) -> Evidence {
    Evidence { id, value, baseline, n: 0, p: None }
}

/// Surprise of one evidence.
pub(crate) fn surprise(evidence: &Evidence) -> f64 {
    evidence.p.map_or(RULE, |p| -p.log10())
}

/// The tail of a normal distribution above `z`, by the bound of Chernoff: simple, and never too sure.
pub(crate) fn tail(z: f64) -> f64 {
    if z <= 0.0 { 0.5 } else { (-z * z / 2.0).exp().max(RAREST) }
}

/// Counts as figures of evidence.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(crate) fn figure(count: u64) -> f64 {
    count as f64
}

/// A device as the end of a finding.
pub(crate) fn end_of(device: &Device) -> Endpoint {
    Endpoint {
        device: device.key,
        ip: device.ip,
        mac: device.mac,
        port: 0,
        class: device.class,
        segment: None,
    }
}

/// The end for a station of which only addresses are known.
pub(crate) fn station(memory: &Memory, mac: Mac, ip: Ip) -> Endpoint {
    let key = DeviceKey::Mac(mac);
    let known = memory.number_of(key).and_then(|number| memory.devices.get(number as usize));
    let class = known.map_or(DeviceType::Unknown, |device| device.class);
    let ip = if ip.is_none() { known.map_or(ip, |device| device.ip) } else { ip };
    Endpoint { device: key, ip, mac, port: 0, class, segment: None }
}

/// What a person calls the end of a flow.
pub(crate) fn name(end: &Endpoint) -> String {
    let address = if end.ip.is_none() { end.mac.to_string() } else { end.ip.to_string() };
    let class = end.class;
    if class == DeviceType::Unknown { address } else { format!("{address} ({class})") }
}

/// A finding in the making.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) severity: Severity,
    pub(crate) techniques: &'static [Technique],
    pub(crate) source: Endpoint,
    pub(crate) targets: Vec<Endpoint>,
    pub(crate) text: String,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) flows: Vec<FlowId>,
}

impl Case {
    pub(crate) fn finding(mut self) -> Finding {
        self.targets.truncate(NAMED);
        self.flows.truncate(NAMED);
        let score = self.evidence.iter().map(surprise).sum();
        Finding {
            first: self.first,
            last: self.last,
            kind: self.kind,
            severity: self.severity,
            techniques: self.techniques.to_vec(),
            source: self.source,
            targets: self.targets,
            text: self.text,
            evidence: self.evidence,
            score,
            flows: self.flows,
        }
    }
}
