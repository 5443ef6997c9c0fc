//! Who looks at what happens: a detector that judges, or a learner that remembers. The engine feeds both alike.

use abi::address::Timestamp;
use detectors::detector::Detector;
use detectors::finding::Finding;
use detectors::learn::Learner;
use detectors::record::{Activity, FlowRecord, Sighting};
use detectors::settings::Overflow;

/// The onlooker of a run.
pub enum Watch {
    /// Findings against a baseline, or by rules alone.
    Detect(Box<Detector>),
    /// A baseline is made.
    Learn(Box<Learner>),
}

impl Watch {
    pub(crate) fn flow_opened(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        match self {
            Watch::Detect(detector) => detector.flow_opened(flow, now, out),
            Watch::Learn(learner) => learner.flow_opened(flow, now),
        }
    }

    pub(crate) fn flow_progress(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        match self {
            Watch::Detect(detector) => detector.flow_progress(flow, now, out),
            Watch::Learn(learner) => learner.flow_progress(flow, now),
        }
    }

    pub(crate) fn flow_closed(&mut self, flow: &FlowRecord, now: Timestamp, out: &mut Vec<Finding>) {
        match self {
            Watch::Detect(detector) => detector.flow_closed(flow, now, out),
            Watch::Learn(learner) => learner.flow_closed(flow, now),
        }
    }

    pub(crate) fn activity(&mut self, activity: &Activity<'_>, out: &mut Vec<Finding>) {
        match self {
            Watch::Detect(detector) => detector.activity(activity, out),
            Watch::Learn(learner) => learner.activity(activity),
        }
    }

    pub(crate) fn sighting(&mut self, sighting: &Sighting, out: &mut Vec<Finding>) {
        match self {
            Watch::Detect(detector) => detector.sighting(sighting, out),
            Watch::Learn(learner) => learner.sighting(sighting),
        }
    }

    pub(crate) fn tick(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        match self {
            Watch::Detect(detector) => detector.tick(now, out),
            Watch::Learn(learner) => learner.tick(now),
        }
    }

    /// What reached a bound, by name.
    pub(crate) fn overflows(&self) -> Vec<(&'static str, u64)> {
        let overflow = match self {
            Watch::Detect(detector) => detector.overflow(),
            Watch::Learn(learner) => learner.overflow(),
        };
        let Overflow { devices, acts, pairs, flows, bindings, names, zones, windows, held } = overflow;
        let all = [
            ("detector_devices", devices),
            ("detector_acts", acts),
            ("detector_pairs", pairs),
            ("detector_flows", flows),
            ("detector_bindings", bindings),
            ("detector_names", names),
            ("detector_zones", zones),
            ("detector_windows", windows),
            ("detector_held", held),
        ];
        all.into_iter().filter(|&(_, count)| count > 0).collect()
    }
}
