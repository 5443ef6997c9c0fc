//! The rows of the output files, one JSON object on a line each. The member order is part of the format: two replays
//! of the same input give the same bytes.

mod device;
mod incident;

pub(crate) use device::device;
pub(crate) use incident::incident;

use super::json::Json;
use super::{Names, words};
use abi::address::Ip;
use abi::table::{Action, Mode};
use detectors::record::{Both, Endpoint, FlowId, FlowRecord};
use engine::community::community_id;
use engine::output::{SessionRow, VerdictRow};
use wire::field::Value;

/// A row of `flows.jsonl`.
pub(crate) fn flow(out: &mut Json, row: &FlowRecord, names: &Names<'_>) {
    out.raw(br#"{"id":"#);
    flow_id(out, row.id);
    out.raw(br#","ts_first":"#).time(row.first).raw(br#","ts_last":"#).time(row.last);
    out.raw(br#","duration_s":"#).seconds(row.last.since(row.first)).raw(br#","proto":"#);
    proto(out, row);
    out.raw(br#","client":"#);
    endpoint(out, &row.client, names);
    out.raw(br#","server":"#);
    endpoint(out, &row.server, names);
    out.raw(br#","vlan":["#);
    for vlan in row.vlan {
        if vlan != 0 {
            out.number(u64::from(vlan)).raw(b",");
        }
    }
    out.close(b']');
    both(out.raw(br#","packets":"#), row.packets);
    both(out.raw(br#","bytes":"#), row.bytes);
    both(out.raw(br#","payload":"#), row.payload);
    out.raw(br#","state":""#).plain(words::state(row.state)).raw(br#"","app":""#).plain(row.app.word());
    out.raw(br#"","visibility":""#).plain(words::visibility(row.visibility)).raw(br#"","community_id":"#);
    community(out, row);
    measures(out, row);
    out.raw(br#","end":""#).plain(words::end(row.end)).raw(b"\"}\n");
}

/// The measures of a flow that are no plain counts.
fn measures(out: &mut Json, row: &FlowRecord) {
    out.raw(br#","arrivals":{"mean_s":"#).fixed(row.arrivals.mean / 1e9, 9);
    out.raw(br#","variance_s2":"#).fixed(row.arrivals.variance / 1e18, 12);
    out.raw(br#","max_s":"#).seconds(row.arrivals.max).raw(br#"},"first_sizes":["#);
    for size in row.first_sizes {
        if size == 0 {
            break;
        }
        out.signed(i64::from(size)).raw(b",");
    }
    out.close(b']');
    both(out.raw(br#","missing":"#), row.missing);
    let retransmissions =
        Both { out: u64::from(row.retransmissions.out), back: u64::from(row.retransmissions.back) };
    both(out.raw(br#","retransmissions":"#), retransmissions);
}

/// A row of `sessions.jsonl`.
pub(crate) fn session(out: &mut Json, row: &SessionRow, names: &Names<'_>) {
    out.raw(br#"{"ts":"#).time(row.exchange.at).raw(br#","flow":"#);
    flow_id(out, row.flow);
    out.raw(br#","app":"#).word(row.exchange.said.app().word()).raw(br#","client":"#);
    endpoint(out, &row.client, names);
    out.raw(br#","server":"#);
    endpoint(out, &row.server, names);
    out.raw(br#","op":"#).text(row.exchange.said.op());
    out.raw(br#","visibility":"#).word(words::visibility(row.visibility));
    out.raw(br#","fields":{"#);
    row.exchange.said.fields(&mut |name, value| {
        out.word(name).raw(b":");
        field(out, value);
        out.raw(b",");
    });
    out.close(b'}').raw(b"}\n");
}

fn field(out: &mut Json, value: Value<'_>) {
    match value {
        Value::Text(text) => out.text(text),
        Value::Number(number) => out.number(number),
        Value::Flag(flag) => out.flag(flag),
        Value::List(texts) => {
            out.raw(b"[");
            for text in texts {
                out.text(text).raw(b",");
            }
            out.close(b']')
        }
    };
}

/// A row of `verdicts.jsonl`.
pub(crate) fn verdict(out: &mut Json, row: &VerdictRow, names: &Names<'_>) {
    out.raw(br#"{"flow":"#);
    flow_id(out, row.flow);
    out.raw(br#","ts":"#).time(row.at);
    out.raw(br#","from_segment":"#).word_or_null(names.segment(row.from));
    out.raw(br#","to_segment":"#).word_or_null(names.segment(row.to)).raw(br#","service":"#);
    service(out, row, names);
    out.raw(br#","action":""#).plain(words::action(row.action));
    out.raw(br#"","mode":""#).plain(words::mode(row.mode)).raw(br#"","dropped":"#);
    out.flag(matches!((row.action, row.mode), (Action::Deny, Mode::Enforce)));
    out.raw(br#","frames_dropped":"#).number(row.frames_dropped);
    let rule = row.rule.and_then(|rule| names.rule(rule));
    out.raw(br#","rule":"#).word_or_null(rule.map(|rule| rule.name.as_str()));
    out.raw(br#","line":"#);
    match rule {
        Some(rule) => out.number(u64::from(rule.line)),
        None => out.raw(b"null"),
    };
    out.raw(br#","file":"#).text_or_null(rule.map(|rule| rule.file.as_str()));
    out.raw(br#","reason":"#).word(row.reason.word()).raw(br#","policy":"#);
    hash(out, names.policy_hash());
    out.raw(b"}\n");
}

/// The service by the policy's name; by protocol and port where the policy has none.
fn service(out: &mut Json, row: &VerdictRow, names: &Names<'_>) {
    match (names.service(row.protocol, row.port), words::proto(row.protocol)) {
        (Some(name), _) => out.word(name),
        (None, Some(proto)) if words::has_ports(row.protocol) => {
            out.raw(b"\"").plain(proto).raw(b"/").number(u64::from(row.port)).raw(b"\"")
        }
        (None, Some(proto)) => out.word(proto),
        (None, None) => out.raw(b"\"ip-").number(u64::from(row.protocol)).raw(b"\""),
    };
}

/// The protocol by its word.
fn proto(out: &mut Json, row: &FlowRecord) {
    match words::proto(row.protocol) {
        Some(word) => out.word(word),
        // IP protocol 0 is a hop-by-hop header, never an upper layer: without addresses it is a flow below IP.
        None if row.client.ip.is_none() && row.server.ip.is_none() => out.raw(b"\"ethernet\""),
        None => out.raw(b"\"ip-").number(u64::from(row.protocol)).raw(b"\""),
    };
}

fn community(out: &mut Json, row: &FlowRecord) {
    let (client, server) = (&row.client, &row.server);
    if client.ip == Ip::NONE && server.ip == Ip::NONE {
        out.raw(b"null");
        return;
    }
    let id = community_id(row.protocol, (client.ip, client.port), (server.ip, server.port));
    out.raw(b"\"").raw(&id).raw(b"\"");
}

/// One end of a flow.
fn endpoint(out: &mut Json, end: &Endpoint, names: &Names<'_>) {
    out.raw(br#"{"device":"#).device(end.device);
    out.raw(br#","ip":"#).ip(end.ip).raw(br#","mac":"#).mac(end.mac);
    out.raw(br#","port":"#).number(u64::from(end.port)).raw(br#","type":""#).plain(end.class.word());
    out.raw(br#"","segment":"#).word_or_null(names.segment(end.segment)).raw(b"}");
}

/// The number of a flow as other rows name it.
fn flow_id(out: &mut Json, id: FlowId) {
    out.raw(b"\"f").number(id.0).raw(b"\"");
}

fn both(out: &mut Json, pair: Both<u64>) {
    out.raw(br#"{"out":"#).number(pair.out).raw(br#","in":"#).number(pair.back).raw(b"}");
}

/// A hash, or `null`.
pub(crate) fn hash(out: &mut Json, hash: Option<&[u8; 32]>) {
    match hash {
        Some(hash) => out.hash(hash),
        None => out.raw(b"null"),
    };
}

#[cfg(test)]
mod tests;
