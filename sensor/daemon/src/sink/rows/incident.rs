//! The row of an incident: one accused device, and why.

use super::super::json::Json;
use super::super::{Names, words};
use super::device::{criticality, list};
use super::{endpoint, flow_id};
use detectors::finding::Evidence;
use engine::output::Incident;

/// A row of `incidents.jsonl`.
pub(crate) fn incident(out: &mut Json, row: &Incident, names: &Names<'_>) {
    out.raw(br#"{"id":"i"#).number(row.id).raw(br#"","ts_first":"#).time(row.first);
    out.raw(br#","ts_last":"#).time(row.last);
    out.raw(br#","severity":"#).word(words::severity(row.severity));
    out.raw(br#","kind":"#).text(row.kind).raw(br#","technique":"#);
    list(out, &row.techniques, |out, technique| {
        out.text(technique.0);
    });
    out.raw(br#","source":"#);
    endpoint(out, &row.source, names);
    out.raw(br#","targets":"#);
    list(out, &row.targets, |out, target| endpoint(out, target, names));
    out.raw(br#","text":"#).text(&row.text).raw(br#","evidence":"#);
    list(out, &row.evidence, evidence);
    out.raw(br#","score":"#).fixed(row.score, 3).raw(br#","flows":"#);
    list(out, &row.flows, |out, flow| flow_id(out, *flow));
    out.raw(br#","findings":"#).number(row.findings);
    let rule = row.rule.and_then(|rule| names.rule(rule));
    out.raw(br#","rule":"#).text_or_null(rule.map(|rule| rule.name.as_str()));
    let advice = words::recommended(row.kind);
    out.raw(br#","action":"#);
    match criticality(row.source.class, row.source.segment, names) {
        words::LIFE_CRITICAL => out.text(&[words::DO_NOT_CUT_OFF, advice].concat()),
        _ => out.text(advice),
    };
    out.raw(b"}\n");
}

fn evidence(out: &mut Json, found: &Evidence) {
    out.raw(br#"{"id":"#).text(found.id).raw(br#","value":"#).fixed(found.value, 6);
    out.raw(br#","baseline":"#).fixed(found.baseline, 6).raw(br#","n":"#).number(found.n);
    out.raw(br#","p":"#);
    match found.p {
        Some(p) => out.probability(p),
        // A rule was met: nothing was estimated.
        None => out.raw(b"null"),
    }
    .raw(b"}");
}
