//! What a policy would cut of what was talked: every access is put before the judge that the kernel and replays use.

mod court;

use crate::Error;
use crate::record::{Access, Record, Side};
use abi::address::{DeviceKey, Timestamp};
use abi::judge::{Reason, Verdict};
use abi::table::{Action, Mode, RuleId, SegmentId};
use court::Court;
use polars::prelude::{Column, DataFrame, IntoLazy, PolarsResult, SortMultipleOptions, col};
use policies::{Compiled, Criticality};
use std::collections::{BTreeMap, BTreeSet};

/// What a policy does to a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    /// What is denied and was not before: those that patients depend on first, then the most frequent.
    pub cuts: Vec<Cut>,
    /// Flows that each rule decides, by its number; those that decide none are missing.
    pub fired: BTreeMap<RuleId, u64>,
    /// Flows in all.
    pub flows: u64,
    /// Pairs of devices that talked.
    pub pairs: u64,
    /// Pairs of devices that talked in one flow only: another record may show other ones.
    pub once: u64,
    /// Times of the first and of the last frame.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Segments of which no device was seen, by number.
    pub unseen: Vec<SegmentId>,
}

/// A service between two devices that is denied and was not before.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// Who begins.
    pub client: Party,
    /// Who answers.
    pub server: Party,
    /// The IP protocol (IANA number).
    pub protocol: u8,
    /// The lowest port of the server of this service.
    pub port: u16,
    /// How many ports of the server there are.
    pub ports: u64,
    /// The service as the policy calls it.
    pub service: Option<String>,
    /// How far the denial is carried out.
    pub mode: Mode,
    /// Why.
    pub reason: Reason,
    /// The rule that denies; `None` for a default.
    pub rule: Option<RuleId>,
    /// Flows.
    pub flows: u64,
    /// Those that the server took part in.
    pub answered: u64,
    /// Bytes.
    pub bytes: u64,
    /// Time of the first frame.
    pub first: Timestamp,
    /// Time of the last frame.
    pub last: Timestamp,
}

/// A side of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// The device and its addresses.
    pub side: Side,
    /// Its segment.
    pub segment: Option<SegmentId>,
    /// Whether patients depend on its segment.
    pub criticality: Criticality,
}

impl Cut {
    /// Whether patients depend on one of the sides.
    pub fn is_life_critical(&self) -> bool {
        [self.client, self.server].iter().any(|party| party.criticality == Criticality::LifeCritical)
    }
}

/// Judges a record by a policy; what an earlier policy denied already is not told.
///
/// # Errors
/// The columns cannot be worked on.
pub fn impact(record: &Record, before: Option<&Compiled>, policy: &Compiled) -> Result<Impact, Error> {
    let verdicts = Court::of(policy, record).judge(&record.accesses);
    let earlier = before.map(|before| Court::of(before, record).judge(&record.accesses));
    let mut fired: BTreeMap<RuleId, u64> = BTreeMap::new();
    let mut seen: BTreeSet<SegmentId> = BTreeSet::new();
    let mut newly: Vec<(&Access, &Verdict)> = Vec::new();
    for (at, (access, verdict)) in record.accesses.iter().zip(&verdicts).enumerate() {
        if let Some(rule) = verdict.rule {
            let count = fired.entry(rule).or_default();
            *count = count.saturating_add(access.flows);
        }
        seen.extend([verdict.from, verdict.to].into_iter().flatten());
        let denied_before = earlier
            .as_ref()
            .and_then(|earlier| earlier.get(at))
            .is_some_and(|verdict| verdict.action == Action::Deny);
        if verdict.action == Action::Deny && !denied_before {
            newly.push((access, verdict));
        }
    }
    let (pairs, once) = pairs(record);
    // `internet` is no segment whose devices could be missed.
    let unseen = policy.segments.iter().map(|segment| segment.id).filter(|id| !seen.contains(id));
    let unseen = unseen.filter(|id| policy.segment_name(Some(*id)) != "internet").collect();
    let cuts = cuts(&newly, policy)?;
    Ok(Impact { cuts, fired, flows: record.flows, pairs, once, span: record.span, unseen })
}

/// How many pairs of devices talked, and how many of them in one flow only.
fn pairs(record: &Record) -> (u64, u64) {
    let mut pairs: BTreeMap<(DeviceKey, DeviceKey), u64> = BTreeMap::new();
    for access in &record.accesses {
        let count = pairs.entry((access.client.device, access.server.device)).or_default();
        *count = count.saturating_add(access.flows);
    }
    let once = pairs.values().filter(|&&flows| flows == 1).count();
    (pairs.len() as u64, once as u64)
}

/// Accesses of one client, server, service and reason are one cut.
fn cuts(newly: &[(&Access, &Verdict)], policy: &Compiled) -> Result<Vec<Cut>, Error> {
    if newly.is_empty() {
        return Ok(Vec::new());
    }
    let service = |access: &Access| policy.service_name(access.protocol, access.port).map(str::to_owned);
    let frame = group(newly, &service)?;
    let column = |name: &str| -> PolarsResult<Vec<u64>> {
        Ok(frame.column(name)?.u64()?.iter().map(Option::unwrap_or_default).collect())
    };
    let (place, ports, flows) = (column("place")?, column("ports")?, column("flows")?);
    let (answered, bytes) = (column("answered")?, column("bytes")?);
    let (first, last) = (column("first")?, column("last")?);
    let at = |values: &[u64], row: usize| values.get(row).copied().unwrap_or_default();
    let party = |side: Side, segment: Option<SegmentId>| {
        let found = segment.and_then(|id| policy.segments.get(usize::from(id.0.get()).wrapping_sub(1)));
        let criticality = found.map_or(Criticality::Ordinary, |segment| segment.criticality);
        Party { side, segment, criticality }
    };
    let mut cuts: Vec<Cut> = (0..frame.height())
        .filter_map(|row| {
            let &(access, verdict) = newly.get(usize::try_from(at(&place, row)).ok()?)?;
            Some(Cut {
                client: party(access.client, verdict.from),
                server: party(access.server, verdict.to),
                protocol: access.protocol,
                port: access.port,
                ports: at(&ports, row),
                service: service(access),
                mode: verdict.mode,
                reason: verdict.reason,
                rule: verdict.rule,
                flows: at(&flows, row),
                answered: at(&answered, row),
                bytes: at(&bytes, row),
                first: Timestamp(at(&first, row)),
                last: Timestamp(at(&last, row)),
            })
        })
        .collect();
    cuts.sort_by_key(|cut| {
        let (client, server) = (cut.client.side, cut.server.side);
        let order = (client.device, server.device, cut.protocol, cut.port, cut.rule);
        (!cut.is_life_critical(), std::cmp::Reverse(cut.flows), order)
    });
    Ok(cuts)
}

/// One row for each cut: the first of its accesses by place, and what is counted. Without a name a service is its port.
fn group(
    newly: &[(&Access, &Verdict)],
    service: &dyn Fn(&Access) -> Option<String>,
) -> PolarsResult<DataFrame> {
    let of = |value: &dyn Fn(&Access, &Verdict) -> u64| -> Vec<u64> {
        newly.iter().map(|(access, verdict)| value(access, verdict)).collect()
    };
    let mut devices: BTreeMap<DeviceKey, u64> = BTreeMap::new();
    for device in newly.iter().flat_map(|(access, _)| [access.client.device, access.server.device]) {
        let next = devices.len() as u64;
        devices.entry(device).or_insert(next);
    }
    let number = |device: DeviceKey| devices.get(&device).copied().unwrap_or_default();
    let words: Vec<String> = newly
        .iter()
        .map(|(access, _)| service(access).unwrap_or_else(|| format!("{}/{}", access.protocol, access.port)))
        .collect();
    let rule = |verdict: &Verdict| u64::from(RuleId::number(verdict.rule)) << 8 | verdict.mode as u64;
    let columns = vec![
        Column::new("client".into(), of(&|access, _| number(access.client.device))),
        Column::new("server".into(), of(&|access, _| number(access.server.device))),
        Column::new("service".into(), words),
        Column::new("rule".into(), of(&|_, verdict| rule(verdict))),
        Column::new("from".into(), of(&|_, verdict| u64::from(SegmentId::number(verdict.from)))),
        Column::new("to".into(), of(&|_, verdict| u64::from(SegmentId::number(verdict.to)))),
        Column::new("place".into(), (0..newly.len() as u64).collect::<Vec<u64>>()),
        Column::new("port".into(), of(&|access, _| u64::from(access.port))),
        Column::new("flows".into(), of(&|access, _| access.flows)),
        Column::new("answered".into(), of(&|access, _| access.answered)),
        Column::new("bytes".into(), of(&|access, _| access.bytes)),
        Column::new("first".into(), of(&|access, _| access.first.0)),
        Column::new("last".into(), of(&|access, _| access.last.0)),
    ];
    let frame = DataFrame::new(newly.len(), columns)?.lazy().sort(["port"], SortMultipleOptions::default());
    let keys = ["client", "server", "service", "rule", "from", "to"].map(col);
    let counted = [
        col("place").first(),
        col("port").n_unique().cast(polars::prelude::DataType::UInt64).alias("ports"),
        col("flows").sum(),
        col("answered").sum(),
        col("bytes").sum(),
        col("first").min(),
        col("last").max(),
    ];
    frame.group_by_stable(keys).agg(counted).collect()
}
