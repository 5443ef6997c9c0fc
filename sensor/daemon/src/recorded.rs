//! What was talked, from captures or from the folder that a replay wrote: one record for the questions about policies.

mod rows;

use crate::capture::{Captures, Input};
use crate::command::{Quiet, Span};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupted;
use crate::replay::{Reading, feed, settings, watch_signals};
use abi::address::{DeviceKey, Timestamp};
use abi::headers::protocol;
use anyhow::anyhow;
use detectors::detector::Detector;
use detectors::finding::Severity;
use detectors::record::{Endpoint, FlowId, FlowRecord, FlowState};
use detectors::settings::Settings;
use engine::engine::Engine;
use engine::output::{Finished, Incident};
use engine::watch::Watch;
use lake::flow::{Answered, End, Flow};
use lake::record::{Record, Recorder};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Flows of captures that are kept until it is known which of them belong to incidents.
const FLOWS: usize = 4_000_000;

/// What was recorded.
pub(crate) struct Recorded {
    /// What was talked, without what is under suspicion.
    pub(crate) record: Record,
    /// Devices of the inventory that are part of no flow.
    pub(crate) silent: Vec<DeviceKey>,
    /// Flows left out because an incident of medium severity or more accuses them.
    pub(crate) accused: u64,
}

/// Whether flows that an incident accuses are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accused {
    /// Left out: what they do is not to become a custom.
    LeftOut,
    /// Kept: what a policy would cut of them is a fact like any other.
    Kept,
}

/// Reads captures, or one folder that `wardline replay --out` wrote.
///
/// # Errors
/// Something cannot be read, or holds more than is kept.
pub(crate) fn read(
    paths: &[PathBuf],
    span: Span,
    accused: Accused,
    quiet: Quiet,
) -> Result<Recorded, Failure> {
    match paths {
        [folder] if folder.is_dir() => rows::read(folder, span, accused),
        _ if paths.iter().any(|path| path.is_dir()) => Err(Failure::usage(anyhow!(
            "name either captures, or one folder that `wardline replay --out` wrote"
        ))),
        captures => from_captures(captures, span, accused, quiet),
    }
}

fn from_captures(paths: &[PathBuf], span: Span, accused: Accused, quiet: Quiet) -> Result<Recorded, Failure> {
    let input =
        |path: &PathBuf| if path.as_os_str() == "-" { Input::Stdin } else { Input::File(path.clone()) };
    let captures = Captures::open(&paths.iter().map(input).collect::<Vec<Input>>())?;
    let interrupt = watch_signals()?;
    let watch = Watch::Detect(Box::new(Detector::new(Settings::default(), None)));
    let mut engine = Engine::new(&settings(), None, watch);
    let reading = Reading { captures, span, quiet, interrupt: &interrupt };
    let mut flows: Vec<(FlowId, Flow)> = Vec::new();
    let read = feed(reading, &mut engine, &mut |outputs, _| {
        if flows.len().saturating_add(outputs.flows.len()) > FLOWS {
            let text = format!(
                "more than {FLOWS} flows: replay the captures with --out DIR first, and name DIR in their place"
            );
            return Err(Failure::usage(anyhow!(text)));
        }
        flows.extend(outputs.flows.iter().map(|record| (record.id, flow(record))));
        outputs.clear();
        Ok(())
    })?;
    if let Some(interrupted) = read.interrupted {
        return Err(unread(interrupted));
    }
    let (finished, _, _) = engine.finish();
    let suspects = match accused {
        Accused::Kept => Suspects::default(),
        Accused::LeftOut => Suspects::of(&finished.incidents),
    };
    let mut recorder = Recorder::default();
    let mut left_out: u64 = 0;
    for (id, flow) in &flows {
        if suspects.accuse(Some(*id), flow) {
            left_out = left_out.saturating_add(1);
        } else {
            recorder.push(flow).map_err(Failure::usage)?;
        }
    }
    finish(recorder, &devices(&finished), left_out)
}

/// Every device with its type.
type Inventory = Vec<(DeviceKey, abi::device::DeviceType)>;

fn devices(finished: &Finished) -> Inventory {
    finished.devices.iter().map(|device| (device.device, device.class.value)).collect()
}

/// The record, with what the inventory knows at its end.
fn finish(mut recorder: Recorder, devices: &Inventory, accused: u64) -> Result<Recorded, Failure> {
    for &(device, class) in devices {
        recorder.class(device, class);
    }
    let record = recorder.finish().map_err(Failure::usage)?;
    let talked: BTreeSet<DeviceKey> =
        record.accesses.iter().flat_map(|access| [access.client.device, access.server.device]).collect();
    let silent =
        devices.iter().map(|&(device, _)| device).filter(|device| !talked.contains(device)).collect();
    Ok(Recorded { record, silent, accused })
}

fn unread(interrupted: Interrupted) -> Failure {
    let cause = anyhow!("{interrupted}; half a record would be taken for a whole one");
    Failure { exit: Exit::Interrupted(interrupted.signal), cause }
}

fn flow(record: &FlowRecord) -> Flow {
    let [vlan, _] = record.vlan;
    Flow {
        first: record.first,
        last: record.last,
        client: end(&record.client),
        server: end(&record.server),
        vlan,
        protocol: record.protocol,
        bytes: record.bytes.out.saturating_add(record.bytes.back),
        answered: answered(record.protocol, record.state, record.packets.back),
    }
}

const fn end(end: &Endpoint) -> End {
    End { device: end.device, ip: end.ip, mac: end.mac, port: end.port, class: end.class }
}

/// A connection that came about, or any frame back of what has no connections.
const fn answered(number: u8, state: FlowState, back: u64) -> Answered {
    let is_refused = matches!(state, FlowState::SynSent | FlowState::Rejected);
    if back > 0 && !(number == protocol::TCP && is_refused) { Answered::Yes } else { Answered::No }
}

/// What incidents accuse.
#[derive(Default)]
struct Suspects {
    flows: BTreeSet<u64>,
    /// Who did something to whom in which time.
    deeds: Vec<(DeviceKey, BTreeSet<DeviceKey>, Timestamp, Timestamp)>,
}

impl Suspects {
    fn of(incidents: &[Incident]) -> Suspects {
        let mut suspects = Suspects::default();
        for incident in incidents.iter().filter(|incident| incident.severity >= Severity::Medium) {
            suspects.flows.extend(incident.flows.iter().map(|flow| flow.0));
            let targets = incident.targets.iter().map(|target| target.device).collect();
            suspects.deeds.push((incident.source.device, targets, incident.first, incident.last));
        }
        suspects
    }

    fn accuse(&self, id: Option<FlowId>, flow: &Flow) -> bool {
        let is_named = id.is_some_and(|id| self.flows.contains(&id.0));
        is_named
            || self.deeds.iter().any(|(source, targets, first, last)| {
                *source == flow.client.device
                    && targets.contains(&flow.server.device)
                    && flow.first <= *last
                    && flow.last >= *first
            })
    }
}
