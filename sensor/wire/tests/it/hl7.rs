//! HL7 against the truth of captures.

use abi::address::Timestamp;
use serde_json::Value;
use wire::hl7::{Hl7, Session, claim};
use wire::{Claim, Exchange, Said, Side};

use crate::capture::{Listener, folder, streams, truth};

#[derive(Default)]
struct Connection {
    client: String,
    server: String,
    session: Session,
    claimed: Option<Claim>,
    rows: Vec<Exchange>,
}

impl Listener for Connection {
    fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8]) {
        if *self.claimed.get_or_insert_with(|| claim(bytes)) != Claim::No {
            self.session.feed(from, at, bytes, &mut self.rows);
            assert!(self.session.memory() < 256 << 10);
        }
    }

    fn gap(&mut self, from: Side, missing: u64) {
        self.session.gap(from, missing);
    }

    fn finish(&mut self, at: Timestamp) {
        self.session.finish(at, &mut self.rows);
    }
}

/// The fields of a message that the truth has, as it writes them.
type Row = [String; 11];

fn rows(name: &str) -> Option<(Vec<Row>, Vec<Row>)> {
    let folder = folder()?;
    let capture = folder.join(name);
    let connections = streams(&capture, |client, server| Connection {
        client: client.to_owned(),
        server: server.to_owned(),
        ..Connection::default()
    });
    let mut found: Vec<Row> =
        connections.iter().flat_map(|one| one.rows.iter().map(|row| ours(one, row))).collect();
    let truth = truth(&capture);
    let messages = truth["hl7"]["mllp_messages"].as_array().unwrap();
    let mut expected: Vec<Row> = messages.iter().map(theirs).collect();
    found.sort();
    expected.sort();
    Some((found, expected))
}

fn ours(connection: &Connection, row: &Exchange) -> Row {
    let Said::Hl7(said) = &row.said else { panic!("{row:?}") };
    let from = match row.from {
        Side::Client => &connection.client,
        Side::Server => &connection.server,
    };
    let heading = said.heading();
    let (code, answers) = match said {
        // The truth puts the code of an acknowledgement on the acknowledgement only.
        Hl7::Message(_) => (String::new(), String::new()),
        Hl7::Ack(ack) => (ack.ack_code.clone(), ack.acked_control_id.clone()),
    };
    [
        from.clone(),
        heading.sending_application.clone(),
        heading.sending_facility.clone(),
        heading.receiving_application.clone(),
        heading.receiving_facility.clone(),
        heading.message_type.clone(),
        heading.control_id.clone(),
        heading.version.clone(),
        format!("{} bytes, {} segments", heading.bytes, heading.segments),
        code,
        answers,
    ]
}

fn theirs(message: &Value) -> Row {
    let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
    let segments = message["segments"].as_array().unwrap().len();
    [
        text("from"),
        text("sending_app"),
        text("sending_fac"),
        text("receiving_app"),
        text("receiving_fac"),
        text("type"),
        text("control_id"),
        text("version"),
        format!("{} bytes, {segments} segments", message["bytes"]),
        text("ack_code"),
        text("acks_control_id"),
    ]
}

fn check(name: &str, least: usize) {
    let Some((found, expected)) = rows(name) else { return };
    assert_eq!(found, expected, "{name}");
    assert!(found.len() >= least, "{name}: {}", found.len());
}

#[test]
fn an_admission_and_its_acknowledgement_make_two_rows() {
    check("hl7/tapirx_adt.pcap", 2);
    check("hl7/tapirx_adt_udi_obx.pcap", 2);
}

#[test]
fn an_order_and_its_acknowledgement_make_two_rows() {
    check("hl7/tapirx_orm.pcap", 2);
}

#[test]
fn twelve_sessions_make_the_rows_of_the_truth() {
    check("hl7_lab/mllp_12_sessions_2575.pcap", 24);
}

#[test]
fn text_in_segments_that_open_a_connection_is_no_stream() {
    check("hl7/mpa_replay_attack_synthetic.pcap", 0);
}

#[test]
fn every_message_of_the_twelve_sessions_was_acknowledged_once() {
    let Some(folder) = folder() else { return };
    let connections =
        streams(&folder.join("hl7_lab/mllp_12_sessions_2575.pcap"), |_, _| Connection::default());
    let messages: Vec<_> = connections
        .iter()
        .flat_map(|one| &one.rows)
        .filter_map(|row| if let Said::Hl7(Hl7::Message(said)) = &row.said { Some(said) } else { None })
        .collect();
    assert_eq!(messages.len(), 12);
    assert!(messages.iter().all(|said| said.acks == 1 && said.ack_code == "AA"));
}

/// Counts what begins a framed message, without reading it.
struct Headers(usize);

impl Listener for Headers {
    fn feed(&mut self, _from: Side, _at: Timestamp, bytes: &[u8]) {
        let header = b"\x0bMSH|^~\\&|";
        self.0 += bytes.windows(header.len()).filter(|window| window == header).count();
    }

    fn gap(&mut self, _from: Side, _missing: u64) {}

    fn finish(&mut self, _at: Timestamp) {}
}

#[test]
fn every_framed_header_of_the_recorded_hospital_makes_a_row() {
    let Some(folder) = folder() else { return };
    let capture = folder.join("lab/capture.pcapng.zst");
    let headers: usize = streams(&capture, |_, _| Headers(0)).iter().map(|one| one.0).sum();
    let connections = streams(&capture, |_, _| Connection::default());
    let rows: Vec<_> = connections.iter().flat_map(|one| &one.rows).collect();
    assert!(headers > 100, "{headers}");
    assert_eq!(rows.len(), headers);
    let answered = |row: &&&Exchange| matches!(&row.said, Said::Hl7(Hl7::Message(said)) if said.acks == 1);
    let acks = rows.iter().filter(|row| row.said.op() == "ack").count();
    assert_eq!(rows.iter().filter(answered).count(), acks);
}
