//! E8, E9, E15, E17, E22, E23: more than ever between two that know each other: attempts, requests, bytes, objects, failures.
//!
//! A permitted triple is abused by doing much of what it may do. A window is too much when it exceeds the largest learned one by a
//! margin that was itself measured on benign time, exceeds the largest of the client's kind, and is not small in itself.

use crate::act::{Act, asks_for_password, guessing, nature};
use crate::baseline::Calibration;
use crate::finding::{Evidence, Severity, Technique};
use crate::index::Index;
use crate::memory::{Memory, Pair, Triple};
use crate::norm::{Figure, WINDOW};
use crate::novelty::kin_of;
use crate::record::{FlowId, FlowRecord, FlowState};
use crate::say::{Case, end_of, figure, measured, name, ruled, tail};
use abi::address::Timestamp;
use abi::app::App;

/// Windows a triple must have been active in before its rates are judged.
const WINDOWS: u32 = 3;
/// Triples behind a margin; with fewer the margin is a prior.
const MARGIN_N: u64 = 20;
/// Margins, in thousandths of an octave: at least threefold, at most sixteenfold, and the prior.
const LEAST_MARGIN: u64 = 1_585;
const MOST_MARGIN: u64 = 4_000;
const PRIOR_MARGIN: u64 = 2_500;
/// Standard deviations that a window must lie above the mean, in logarithms.
const Z: f64 = 3.5;
/// Short visits in a minute that are guesses: of a client that never came before, and of one that comes at times.
const GUESSES: u32 = 5;
const KNOWN_GUESSES: u32 = 8;
/// The same without a baseline.
const COLD_GUESSES: u32 = 10;
/// A session that moved more than this did its work and was no guess, in payload bytes of a direction.
const GUESS_BYTES: u64 = 20_000;

const GUESSING: &[Technique] = &[Technique("T1110.001"), Technique("T1110"), Technique("T1078")];
const READING: &[Technique] = &[Technique("T1213"), Technique("T1119"), Technique("T1039")];
const ENCRYPTING: &[Technique] = &[Technique("T1486"), Technique("T1485"), Technique("T1565.001")];
const WRITING: &[Technique] = &[Technique("T1565.001"), Technique("T1565.002"), Technique("T1499")];
const COMMANDING: &[Technique] = &[Technique("T0855"), Technique("T0806"), Technique("T0814")];
const PRESSING: &[Technique] = &[Technique("T1499"), Technique("T1110"), Technique("T0814")];
const REFUSED: &[Technique] = &[Technique("T1110"), Technique("T1190"), Technique("T1499")];

/// Least count of a window that can be too much, by figure.
fn least(figure: Figure) -> u64 {
    match figure {
        Figure::Times => 20,
        Figure::Out => 256 << 10,
        Figure::Back => 1 << 20,
        Figure::Objects => 40,
        Figure::Failures => 5,
    }
}

/// Whether a window is worth judging: most are not, and this is asked for every flow.
pub(crate) fn is_busy(pair: &Pair) -> bool {
    Figure::ALL.into_iter().any(|figure| {
        let x = pair.meter.counts.of(figure);
        x >= least(figure) && x > pair.norm.of(figure).max
    })
}

/// What is too much for a triple.
pub(crate) struct Judge<'a> {
    pub(crate) index: &'a Index,
    pub(crate) memory: &'a Memory,
    pub(crate) calibration: &'a Calibration,
    pub(crate) triple: Triple,
    pub(crate) pair: &'a Pair,
}

impl Judge<'_> {
    fn margin(&self, figure: Figure) -> u64 {
        if self.calibration.margin_n < MARGIN_N {
            return PRIOR_MARGIN;
        }
        let at = Figure::ALL.iter().position(|known| *known == figure);
        let measured = at.and_then(|at| self.calibration.margin.get(at)).copied().unwrap_or(0);
        (measured * 3 / 2).clamp(LEAST_MARGIN, MOST_MARGIN)
    }

    /// Whether the running window has more of a figure than `octaves` (in thousandths) above the largest learned one.
    fn is_above(&self, figure: Figure, octaves: u64) -> bool {
        let x = self.pair.meter.counts.of(figure);
        let most = self.pair.norm.of(figure).max;
        x > most && crate::norm::log2_milli(x) > crate::norm::log2_milli(most) + octaves
    }

    /// Whether the running window has too much of a figure.
    fn exceeds(&self, figure: Figure) -> Option<Evidence> {
        let norm = &self.pair.norm;
        let x = self.pair.meter.counts.of(figure);
        if norm.windows < WINDOWS || x < least(figure) || !self.is_above(figure, self.margin(figure)) {
            return None;
        }
        let client = self.memory.devices.get(self.triple.client as usize)?;
        let kin = kin_of(self.index, self.triple.client, client);
        let of_kin = self.index.most(kin, self.triple.server, self.triple.act);
        let at = Figure::ALL.iter().position(|known| *known == figure)?;
        let kin_most = of_kin.get(at).copied().unwrap_or(0);
        let gauge = norm.of(figure);
        let z = gauge.z(x, norm.windows);
        let id = match figure {
            Figure::Times => "E8",
            Figure::Out => "E17",
            Figure::Back => "E18",
            Figure::Objects => "E22",
            Figure::Failures => "E15",
        };
        (z >= Z && x > kin_most.saturating_mul(3) / 2)
            .then(|| measured(id, self::figure(x), self::figure(gauge.max), u64::from(norm.windows), tail(z)))
    }

    /// Judges the running window after flows or bytes came.
    pub(crate) fn flow(&self, flow: &FlowRecord) -> Option<Case> {
        let act = self.memory.acts.get(self.triple.act as usize)?;
        if let Some(times) = self.exceeds(Figure::Times) {
            return self.surge(act, flow, times);
        }
        let back = self.exceeds(Figure::Back);
        let out = self.exceeds(Figure::Out);
        // One large answer is a download (an update, a study); a mass reading also asks for more than ever.
        let asks_more = self.is_above(Figure::Times, 585) || self.is_above(Figure::Out, 585);
        match (out, back) {
            // What is encrypted in place is read and written back.
            (Some(out), Some(back))
                if matches!(act.app, App::Smb | App::Ftp | App::Unknown) && out.value * 4.0 >= back.value =>
            {
                Some(self.case(
                    (flow.id, flow.first, flow.last),
                    ("mass-modification", Severity::High, ENCRYPTING),
                    "read and wrote",
                    vec![out, back],
                ))
            }
            (_, Some(back)) if asks_more => Some(self.case(
                (flow.id, flow.first, flow.last),
                ("mass-read", Severity::Medium, READING),
                "read",
                vec![back],
            )),
            (_, _) => None,
        }
    }

    fn surge(&self, act: &Act, flow: &FlowRecord, times: Evidence) -> Option<Case> {
        let counts = self.pair.meter.counts;
        let norm = &self.pair.norm;
        let usual = norm.back.max / norm.times.max.max(1);
        let reads = counts.back / counts.times.max(1) >= usual / 4;
        let quiet = matches!(act.app, App::Dns | App::Ntp | App::Syslog) && counts.times < 300;
        let is_web = matches!(act.app, App::Fhir | App::Dicomweb | App::Http | App::Tls | App::Quic);
        let is_control = matches!(act.app, App::Modbus | App::Bacnet);
        let what = if quiet {
            return None;
        } else if asks_for_password(act.app) {
            (guessing(act.app), Severity::High, GUESSING)
        } else if act.app == App::Dicom || (is_web && reads) {
            ("mass-read", Severity::Medium, READING)
        } else if is_control {
            ("command-surge", Severity::High, COMMANDING)
        } else {
            ("request-surge", Severity::Medium, PRESSING)
        };
        Some(self.case((flow.id, flow.first, flow.last), what, "opened connections", vec![times]))
    }

    /// Judges the running window after an operation came.
    pub(crate) fn operation(&self, flow: FlowId, now: Timestamp) -> Option<Case> {
        let act = self.memory.acts.get(self.triple.act as usize)?;
        let server = self.memory.devices.get(self.triple.server as usize)?;
        if let Some(failures) = self.exceeds(Figure::Failures) {
            let what = (guessing(act.app), Severity::High, REFUSED);
            return Some(self.case((flow, now, now), what, "was refused", vec![failures]));
        }
        let evidence: Vec<Evidence> =
            [Figure::Objects, Figure::Times].into_iter().filter_map(|figure| self.exceeds(figure)).collect();
        if evidence.is_empty() {
            return None;
        }
        let what = match nature(act, server.class).kind {
            "service-probing" => return None,
            "device-command" | "modbus-command" | "bacnet-command" | "control-reading" => {
                ("command-surge", Severity::High, COMMANDING)
            }
            "data-injection" | "message-injection" | "telemetry-injection" | "data-destruction" => {
                ("mass-write", Severity::Medium, WRITING)
            }
            _ => ("mass-read", Severity::Medium, READING),
        };
        Some(self.case((flow, now, now), what, "asked", evidence))
    }

    fn case(
        &self,
        (flow, first, last): (FlowId, Timestamp, Timestamp),
        (kind, severity, techniques): (&'static str, Severity, &'static [Technique]),
        did: &str,
        evidence: Vec<Evidence>,
    ) -> Case {
        let device = |number: u32| self.memory.devices.get(number as usize);
        let counts = self.pair.meter.counts;
        let source = device(self.triple.client).map(end_of);
        let target = device(self.triple.server).map(end_of);
        let act = self.memory.acts.get(self.triple.act as usize).map_or("", |act| act.text.as_str());
        let most = &self.pair.norm;
        let text = format!(
            "{} {did} at {} ({act}): within a minute {} times, {} kB out, {} kB back, {} objects; the most in {} learned minutes is \
             {} times, {} kB, {} kB, {}",
            source.as_ref().map(name).unwrap_or_default(),
            target.as_ref().map(name).unwrap_or_default(),
            counts.times,
            counts.out >> 10,
            counts.back >> 10,
            counts.objects,
            most.windows,
            most.times.max,
            most.out.max >> 10,
            most.back.max >> 10,
            most.objects.max,
        );
        Case {
            // The window may have begun with usual business, or after the flow was over, when its record came late.
            first: if self.pair.meter.since > last { first } else { first.max(self.pair.meter.since) },
            last,
            kind,
            severity,
            techniques,
            source: source.unwrap_or(NOBODY),
            targets: target.into_iter().collect(),
            text,
            evidence,
            flows: vec![flow],
        }
    }
}

/// The end of a device that is not in the memory; cannot be met, for every triple's numbers come from it.
const NOBODY: crate::record::Endpoint = crate::record::Endpoint {
    device: abi::address::DeviceKey::Mac(abi::address::Mac::NONE),
    ip: abi::address::Ip::NONE,
    mac: abi::address::Mac::NONE,
    port: 0,
    class: abi::device::DeviceType::Unknown,
    segment: None,
};

/// N3: data carried in echo requests and answers (ICMP), whose payload is else a few dozen bytes.
pub(crate) fn carried(pair: &Pair, flow: &FlowRecord, now: Timestamp) -> Option<Case> {
    const LEAST: u64 = 24 << 10;
    const MEAN: u64 = 100;
    let counts = pair.meter.counts;
    let bytes = counts.out.saturating_add(counts.back);
    let mean = (flow.payload.out + flow.payload.back) / (flow.packets.out + flow.packets.back).max(1);
    let usual = pair.norm.out.max.saturating_add(pair.norm.back.max);
    if flow.protocol != 1 || counts.back == 0 || bytes < LEAST.max(usual.saturating_mul(4)) || mean < MEAN {
        return None;
    }
    let text = format!(
        "{} and {} exchanged {} kB by ICMP within a minute, {mean} bytes a packet",
        name(&flow.client),
        name(&flow.server),
        bytes >> 10
    );
    Some(Case {
        first: pair.meter.since.max(flow.first),
        last: now,
        kind: "icmp-tunnel",
        severity: Severity::High,
        techniques: &[Technique("T1095"), Technique("T1572"), Technique("T1048")],
        source: flow.client,
        targets: vec![flow.server],
        text,
        evidence: vec![ruled("N3", figure(bytes), figure(usual))],
        flows: vec![flow.id],
    })
}

/// Whether a finished session was short enough to be a guess.
fn is_guess(flow: &FlowRecord) -> bool {
    let is_over = matches!(flow.state, FlowState::Closed | FlowState::Reset | FlowState::Closing);
    is_over
        && flow.protocol == 6
        && flow.payload.back > 0
        && flow.payload.out < GUESS_BYTES
        && flow.payload.back < GUESS_BYTES
}

/// Counts one more short visit that ended at `at`; how many there were in the minute before, taking the last window's visits as
/// spread evenly. Windows follow the visits' own time: a record may come long after its flow was over.
fn guesses(pair: &mut Pair, at: Timestamp) -> u32 {
    let window = at.0 / WINDOW;
    if window > pair.visits_window {
        let [now, _] = pair.visits;
        pair.visits = [0, if window == pair.visits_window + 1 { now } else { 0 }];
        pair.visits_window = window;
    }
    let [now, before] = &mut pair.visits;
    *now = now.saturating_add(1);
    let left = WINDOW - at.0 % WINDOW;
    let part = u128::from(*before) * u128::from(left) / u128::from(WINDOW);
    now.saturating_add(u32::try_from(part).unwrap_or(u32::MAX))
}

/// Counts short visits to a service that asks for a password (E15); a case when they are guesses.
pub(crate) fn visit(
    memory: &mut Memory,
    triple: Triple,
    flow: &FlowRecord,
    learned: Learned,
) -> Option<Case> {
    let app = memory.acts.get(triple.act as usize).map(|act| act.app)?;
    if !asks_for_password(app) || !is_guess(flow) {
        return None;
    }
    let pair = memory.pairs.get_mut(&triple)?;
    let usual = u32::try_from(pair.norm.times.max).unwrap_or(u32::MAX);
    let visits = guesses(pair, flow.last);
    let least = match (learned, pair.norm.windows) {
        (Learned::No, _) => COLD_GUESSES,
        (Learned::Yes, 0) => GUESSES,
        (Learned::Yes, _) => KNOWN_GUESSES,
    };
    let limit = least.max(usual.saturating_mul(2));
    if visits < limit {
        return None;
    }
    let text = format!(
        "{} opened {visits} short {app} sessions to {} within a minute; the most in benign time is {usual}",
        name(&flow.client),
        name(&flow.server),
    );
    Some(Case {
        first: flow.first,
        last: flow.last,
        kind: guessing(app),
        severity: Severity::High,
        techniques: GUESSING,
        source: flow.client,
        targets: vec![flow.server],
        text,
        evidence: vec![ruled("E15", f64::from(visits), f64::from(limit))],
        flows: vec![flow.id],
    })
}

/// Whether a baseline is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    Yes,
    No,
}

/// Many refusals of operations between two without custom (E15).
pub(crate) fn refusals(
    memory: &Memory,
    triple: Triple,
    pair: &Pair,
    activity: &crate::record::Activity<'_>,
) -> Option<Case> {
    let act = memory.acts.get(triple.act as usize)?;
    let failures = pair.meter.counts.failures;
    let text = format!(
        "{} was refused {failures} times within a minute by {} ({})",
        name(&activity.client),
        name(&activity.server),
        act.text
    );
    Some(Case {
        first: activity.at,
        last: activity.at,
        kind: guessing(activity.app),
        severity: Severity::High,
        techniques: REFUSED,
        source: activity.client,
        targets: vec![activity.server],
        text,
        evidence: vec![ruled("E15", figure(failures), 0.0)],
        flows: vec![activity.flow],
    })
}
