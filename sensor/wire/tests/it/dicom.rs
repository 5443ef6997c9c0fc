//! DICOM against the truth of captures.

use std::collections::BTreeMap;
use std::path::Path;

use abi::address::Timestamp;
use serde_json::Value;
use wire::dicom::{Associate, Dicom, Session, claim};
use wire::{Claim, Exchange, Said, Side};

use crate::capture::{Listener, folder, streams, truth};

/// A connection: its rows, if its first bytes were claimed.
#[derive(Default)]
struct Connection {
    ends: (String, String),
    session: Session,
    claimed: Option<Claim>,
    rows: Vec<Exchange>,
}

impl Listener for Connection {
    fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8]) {
        if *self.claimed.get_or_insert_with(|| claim(bytes)) == Claim::Yes {
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

fn connections(capture: &Path) -> Vec<Connection> {
    streams(capture, |client, server| Connection {
        ends: (client.to_owned(), server.to_owned()),
        ..Connection::default()
    })
}

fn said(connections: &[Connection]) -> impl Iterator<Item = (&Connection, &Dicom)> {
    connections.iter().flat_map(|connection| {
        connection.rows.iter().map(move |row| match &row.said {
            Said::Dicom(said) => (connection, said),
            other @ (Said::Hl7(_) | Said::Dns(_) | Said::Dhcp(_) | Said::Tls(_) | Said::Http(_)) => {
                panic!("{other:?}")
            }
        })
    })
}

/// Rows by their operation, with the names that the truth uses.
fn operations(connections: &[Connection]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (_, said) in said(connections) {
        let name = match said {
            Dicom::Associate(_) => "A-ASSOCIATE-RQ".to_owned(),
            Dicom::Command(command) => format!("{}-RQ", command.operation.word().to_uppercase()),
            Dicom::Release(_) => "A-RELEASE-RQ".to_owned(),
            Dicom::Abort { .. } => "A-ABORT".to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// The truth's requests: PDUs that make a row, and DIMSE requests.
fn requests(truth: &Value) -> BTreeMap<String, u64> {
    let reassembled = &truth["dicom_reassembled"];
    let pdus = reassembled["pdu_counts"].as_object().unwrap().iter();
    let pdus =
        pdus.filter(|(name, _)| matches!(name.as_str(), "A-ASSOCIATE-RQ" | "A-RELEASE-RQ" | "A-ABORT"));
    let dimse = reassembled["dimse_counts"].as_object().unwrap().iter();
    let dimse = dimse.filter(|(name, _)| name.ends_with("-RQ"));
    pdus.chain(dimse).map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn check(name: &str) {
    let Some(folder) = folder() else { return };
    let capture = folder.join(name);
    let truth = truth(&capture);
    let connections = connections(&capture);
    assert_eq!(operations(&connections), requests(&truth), "{name}");
    let responses: u64 = said(&connections)
        .filter_map(|(_, said)| {
            if let Dicom::Command(command) = said { Some(u64::from(command.responses)) } else { None }
        })
        .sum();
    let dimse = truth["dicom_reassembled"]["dimse_counts"].as_object().unwrap();
    let expected: u64 = dimse
        .iter()
        .filter(|(name, _)| name.ends_with("-RSP"))
        .map(|(_, count)| count.as_u64().unwrap())
        .sum();
    assert_eq!(responses, expected, "{name}: responses");
    let rejects = said(&connections).filter(|(_, said)| said.op() == "reject").count();
    assert_eq!(rejects, truth["dicom"]["rejects"].as_array().unwrap().len(), "{name}: rejects");
    let mut associations: Vec<(&str, &str, &Associate)> = said(&connections)
        .filter_map(|(connection, said)| match said {
            Dicom::Associate(said) => Some((connection.ends.0.as_str(), connection.ends.1.as_str(), &**said)),
            Dicom::Command(_) | Dicom::Release(_) | Dicom::Abort { .. } => None,
        })
        .collect();
    for expected in truth["dicom"]["associations"].as_array().unwrap() {
        let place = associations
            .iter()
            .position(|(client, server, _)| {
                *client == text(&expected["src"]) && *server == text(&expected["dst"])
            })
            .unwrap_or_else(|| panic!("{name}: no row for {expected}"));
        compare(associations.remove(place).2, expected);
    }
    assert!(associations.is_empty());
}

fn compare(said: &Associate, expected: &Value) {
    assert_eq!(said.parties.calling.as_str(), text(&expected["calling_ae"]));
    assert_eq!(said.parties.called.as_str(), text(&expected["called_ae"]));
    assert_eq!(said.implementation_class_uid.as_deref(), expected["implementation_uid"].as_str());
    assert_eq!(said.implementation_version_name.as_deref(), expected["implementation_version"].as_str());
    assert_eq!(u64::from(said.presentation_contexts), expected["n_presentation_contexts"].as_u64().unwrap());
    for syntax in expected["abstract_syntaxes"].as_array().unwrap() {
        let uid = text(syntax).rsplit('(').next().unwrap().trim_end_matches(')');
        assert!(said.abstract_syntaxes.iter().any(|known| known == uid), "{uid}");
    }
}

#[test]
fn toolkits_that_store_find_move_and_get_are_counted_as_the_truth_counts_them() {
    check("dicom_lab/dcmtk_orthanc_mixed.pcap");
}

#[test]
fn a_guesser_of_titles_makes_one_row_for_each_attempt() {
    check("attack_dicom_lab/ae_bruteforce.pcap");
}

#[test]
fn a_reconnaissance_script_makes_one_reject() {
    check("attack_dicom_lab/recon_dicom_nse.pcap");
}

#[test]
fn a_request_without_any_answer_makes_a_row() {
    check("dicom/tapirx_arq_find_testclient.pcap");
}

#[test]
fn a_request_in_two_segments_makes_a_row() {
    check("dicom/tapirx_arq_get_testclient.pcap");
}

#[test]
fn the_recorded_hospital_is_counted_as_the_truth_counts_it() {
    let Some(folder) = folder() else { return };
    let capture = folder.join("lab/capture.pcapng.zst");
    let truth = truth(&folder.join("lab/capture"));
    let connections = connections(&capture);
    let counts = operations(&connections);
    for (name, count) in truth["dicom_reassembled"].as_object().unwrap() {
        let name = if name == "associations" { "A-ASSOCIATE-RQ" } else { name };
        assert_eq!(counts.get(name).copied(), count.as_u64(), "{name}: {counts:?}");
    }
    // What the truth does not list does not occur.
    let expected = truth["dicom_reassembled"].as_object().unwrap().len();
    let others = ["A-RELEASE-RQ", "A-ABORT"];
    assert_eq!(counts.keys().filter(|name| !others.contains(&name.as_str())).count(), expected, "{counts:?}");
}
