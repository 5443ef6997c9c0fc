//! TLS, HTTP, DNS and DHCP against what an independent program found in the captures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use abi::address::Timestamp;
use abi::app::App;
use wire::frame::{LinkType, read};
use wire::{Appetite, Claim, Exchange, Said, Side, dhcp, dns, http, tls};

use crate::capture::{Listener, folder, frames, streams, truth};

/// Values with how often they were seen, as the truth writes them.
type Counts = BTreeMap<String, u64>;

/// One TCP connection: claimed by the first bytes of either side, then read by that dissector alone.
#[derive(Default)]
struct Connection {
    reader: Reader,
    first: [Vec<u8>; 2],
    rows: Vec<Exchange>,
}

#[derive(Default)]
enum Reader {
    #[default]
    Unknown,
    Tls(tls::Session),
    Http(http::Session),
    Dns(dns::Session),
}

impl Connection {
    fn claim(&mut self, from: Side, bytes: &[u8]) {
        if self.first.iter().all(|first| first.len() < 64) {
            let first = &mut self.first[usize::from(from == Side::Server)];
            first.extend(bytes);
            if tls::claim(first) == Claim::Yes {
                self.reader = Reader::Tls(tls::Session::default());
            } else if http::claim(first) == Claim::Yes {
                self.reader = Reader::Http(http::Session::default());
            } else if dns::claim_tcp(first) == Claim::Yes {
                self.reader = Reader::Dns(dns::Session::on(App::Dns));
            }
        }
    }
}

impl Listener for Connection {
    fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        if matches!(self.reader, Reader::Unknown) {
            self.claim(from, &bytes);
            bytes = self.first[usize::from(from == Side::Server)].clone();
        }
        match &mut self.reader {
            Reader::Unknown => {}
            Reader::Tls(session) => {
                session.feed(from, at, &bytes, &mut self.rows);
                // A second feeding of a dissector that is done must change nothing.
                if session.appetite() == Appetite::Done {
                    let rows = self.rows.len();
                    session.feed(from, at, &bytes, &mut self.rows);
                    assert_eq!(rows, self.rows.len());
                }
            }
            Reader::Http(session) => session.feed(from, at, &bytes, &mut self.rows),
            Reader::Dns(session) => session.feed(from, at, &bytes, &mut self.rows),
        }
    }

    fn gap(&mut self, from: Side, missing: u64) {
        match &mut self.reader {
            Reader::Unknown => {}
            Reader::Tls(session) => session.gap(from, missing),
            Reader::Http(session) => session.gap(from, missing),
            Reader::Dns(session) => session.gap(from, missing),
        }
    }

    fn finish(&mut self, at: Timestamp) {
        match &mut self.reader {
            Reader::Unknown => {}
            Reader::Tls(session) => session.finish(at, &mut self.rows),
            Reader::Http(session) => session.finish(at, &mut self.rows),
            Reader::Dns(session) => session.finish(at, &mut self.rows),
        }
    }
}

fn stream_rows(capture: &Path) -> Vec<Exchange> {
    streams(capture, |_, _| Connection::default()).into_iter().flat_map(|one| one.rows).collect()
}

/// DNS queries (multicast ones too) and DHCP messages of a capture.
fn datagram_rows(capture: &Path) -> Vec<Exchange> {
    let mut rows = Vec::new();
    for (link, at, bytes) in frames(capture) {
        let Some(link) = LinkType::of_dlt(i32::try_from(link).unwrap()) else { continue };
        let frame = read(link, &bytes, u32::try_from(bytes.len()).unwrap());
        if frame.headers.protocol != 17 {
            continue;
        }
        if let Some(exchange) = dhcp::exchange(Side::Client, at, frame.payload()) {
            rows.push(exchange);
            continue;
        }
        let hint = dns::hint(frame.headers.src_port, frame.headers.dst_port);
        if hint != App::Unknown {
            let mut session = dns::Session::on(hint);
            session.datagram(Side::Client, at, frame.payload(), &mut rows);
            session.finish(at, &mut rows);
        }
    }
    rows
}

/// Every capture whose truth has a key, with that truth.
fn captures(key: &str) -> Vec<(PathBuf, Counts)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folder().into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "pcap") {
                let truth = truth(&path);
                if let Some(counts) = truth.get(key).and_then(|counts| counts.as_object()) {
                    let counts = counts.iter().map(|(value, count)| (value.clone(), count.as_u64().unwrap()));
                    found.push((path, counts.collect()));
                }
            }
        }
    }
    found.sort();
    assert!(found.is_empty() || found.len() > 20, "a truth with `{key}` is missing");
    found
}

fn count(values: impl Iterator<Item = String>) -> Counts {
    let mut counts = Counts::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

#[test]
fn server_names_equal_the_truth() {
    for (capture, expected) in captures("sni") {
        let rows = stream_rows(&capture);
        let found = count(rows.iter().filter_map(|row| match &row.said {
            Said::Tls(said) => said.sni.clone(),
            Said::Dicom(_) | Said::Hl7(_) | Said::Dns(_) | Said::Dhcp(_) | Said::Http(_) => None,
        }));
        assert_eq!(found, expected, "{}", capture.display());
    }
}

#[test]
fn hosts_and_user_agents_equal_the_truth() {
    for (key, of) in [
        ("http_host", (|said| said.host.clone()) as fn(&http::Http) -> Option<String>),
        ("http_user_agent", |said| said.user_agent.clone()),
    ] {
        for (capture, expected) in captures(key) {
            let rows = stream_rows(&capture);
            let found = count(rows.iter().filter_map(|row| match &row.said {
                Said::Http(said) => of(said),
                Said::Dicom(_) | Said::Hl7(_) | Said::Dns(_) | Said::Dhcp(_) | Said::Tls(_) => None,
            }));
            // Discovery over UDP has the same fields, and is no stream.
            let expected: Counts =
                expected.into_iter().filter(|(value, _)| !value.ends_with(":1900")).collect();
            assert_eq!(found, expected, "{}", capture.display());
        }
    }
}

#[test]
fn names_asked_for_equal_the_truth() {
    for (capture, expected) in captures("dns_queries") {
        let rows = datagram_rows(&capture);
        let found = count(rows.iter().filter_map(|row| match &row.said {
            Said::Dns(said) if said.bytes_request > 0 => said.name.clone(),
            Said::Dns(_) | Said::Dicom(_) | Said::Hl7(_) | Said::Dhcp(_) | Said::Tls(_) | Said::Http(_) => {
                None
            }
        }));
        let expected: Counts =
            expected.into_iter().map(|(name, times)| (name.to_lowercase(), times)).collect();
        assert_eq!(found, expected, "{}", capture.display());
    }
}

#[test]
fn names_and_classes_of_dhcp_clients_equal_the_truth() {
    for (key, of) in [
        ("dhcp_hostname", (|said| said.hostname.clone()) as fn(&dhcp::Dhcp) -> Option<String>),
        ("dhcp_vendor_class", |said| said.vendor_class.clone()),
    ] {
        for (capture, expected) in captures(key) {
            let rows = datagram_rows(&capture);
            let found = count(rows.iter().filter_map(|row| match &row.said {
                Said::Dhcp(said) => of(said),
                Said::Dicom(_) | Said::Hl7(_) | Said::Dns(_) | Said::Tls(_) | Said::Http(_) => None,
            }));
            assert_eq!(found, expected, "{}", capture.display());
        }
    }
}
