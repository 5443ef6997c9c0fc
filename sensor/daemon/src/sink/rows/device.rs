//! The row of a device: who it is, and the evidence behind each claim.

use super::super::json::Json;
use super::super::{Names, words};
use super::flow_id;
use abi::device::DeviceType;
use abi::table::SegmentId;
use engine::output::{Claim, DeviceRow, Evidence};

/// A row of `devices.jsonl`.
pub(crate) fn device(out: &mut Json, row: &DeviceRow, names: &Names<'_>) {
    out.raw(br#"{"device_id":"#).device(row.device);
    out.raw(br#","aliases":"#);
    list(out, &row.aliases, |out, alias| {
        out.device(*alias);
    });
    out.raw(br#","mac":"#);
    list(out, &row.mac, |out, mac| {
        out.mac(*mac);
    });
    out.raw(br#","ip":"#);
    list(out, &row.ip, |out, ip| {
        out.ip(*ip);
    });
    out.raw(br#","vlan":"#);
    list(out, &row.vlan, |out, vlan| {
        out.number(u64::from(*vlan));
    });
    out.raw(br#","first_seen":"#).time(row.first_seen).raw(br#","last_seen":"#).time(row.last_seen);
    identity(out, row);
    let criticality = criticality(row.class.value, row.segment, names);
    out.raw(br#","location":null,"criticality":"#).word(criticality);
    out.raw(br#","segment":"#).word_or_null(names.segment(row.segment));
    out.raw(br#","behind_gateway":"#);
    match row.behind_gateway {
        Some(gateway) => out.device(gateway),
        None => out.raw(b"null"),
    };
    out.raw(br#","evidence":"#);
    list(out, &row.evidence, evidence);
    out.raw(br#","conflicts":"#);
    list(out, &row.conflicts, |out, conflict| {
        out.text(conflict);
    });
    out.raw(br#","unknown_reason":"#).text_or_null(row.unknown_reason).raw(br#","risk":[]}"#).raw(b"\n");
}

/// What the device is.
fn identity(out: &mut Json, row: &DeviceRow) {
    out.raw(br#","name":"#).text_or_null(row.name.as_deref());
    out.raw(br#","vendor":"#);
    claim_or_null(out, row.vendor.as_ref());
    out.raw(br#","type":"#);
    claim(out, row.class.value.word(), row.class.confidence);
    out.raw(br#","model":"#);
    claim_or_null(out, row.model.as_ref());
    out.raw(br#","software":"#);
    list(out, &row.software, |out, software| claim(out, &software.value, software.confidence));
    out.raw(br#","serial_hash":"#).text_or_null(row.serial_hash.as_deref());
    out.raw(br#","role":"#);
    list(out, &row.role, |out, role| {
        out.text(role);
    });
}

fn claim_or_null(out: &mut Json, found: Option<&Claim<String>>) {
    match found {
        Some(found) => claim(out, &found.value, found.confidence),
        None => {
            out.raw(b"null");
        }
    }
}

fn claim(out: &mut Json, value: &str, confidence: f32) {
    out.raw(br#"{"value":"#).text(value);
    out.raw(br#","confidence":"#).fixed(f64::from(confidence), 3).raw(b"}");
}

fn evidence(out: &mut Json, found: &Evidence) {
    out.raw(br#"{"attr":"#).text(found.attribute).raw(br#","value":"#).text(&found.value);
    out.raw(br#","source":"#).text(found.source).raw(br#","tier":"#).number(u64::from(found.tier));
    out.raw(br#","weight":"#).fixed(f64::from(found.weight), 3).raw(br#","flow":"#);
    match found.flow {
        Some(flow) => flow_id(out, flow),
        None => {
            out.raw(b"null");
        }
    }
    out.raw(br#","rule":"#).text(found.rule).raw(b"}");
}

/// What happens when the device is cut off: by the policy's word for its segment, else by its type.
pub(super) fn criticality(class: DeviceType, segment: Option<SegmentId>, names: &Names<'_>) -> &'static str {
    if names.is_life_critical(segment) { words::LIFE_CRITICAL } else { words::criticality(class) }
}

/// A list of values.
pub(super) fn list<T>(out: &mut Json, values: &[T], mut write: impl FnMut(&mut Json, &T)) {
    out.raw(b"[");
    for value in values {
        write(out, value);
        out.raw(b",");
    }
    out.close(b']');
}
