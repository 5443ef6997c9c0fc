//! Peak memory with 128,000 flows open at a time:
//! `cargo run --release -p benches --bin concurrent -- WARDLINE POLICY.yaml BASELINE FOLDER`.
//!
//! Every flow is opened by a handshake, says something that its dissector keeps state for (HTTP, TLS-like, HL7 or bytes that
//! nobody knows), and stays open until the capture ends.

use benches::run::pinned;
use fixtures::capture::{Endian, Format, Frame, START, by_time, write};
use fixtures::frames::Host;
use fixtures::traffic::{Closing, Conversation};
use std::io::Write;

const FLOWS: u32 = 128_000;
const CLIENTS: u32 = 500;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wardline, policy, baseline, folder] = arguments.as_slice() else {
        return Err("usage: concurrent WARDLINE POLICY.yaml BASELINE FOLDER".into());
    };
    let capture = format!("{folder}/concurrent.pcap");
    let out = format!("{folder}/concurrent.out");
    let frames = by_time((0..FLOWS).map(flow).collect());
    std::fs::write(&capture, write(Format::PcapMicros(Endian::Little), &frames))?;
    let count = frames.len();
    drop(frames);
    let run = pinned(
        wardline,
        &["replay", &capture, "--policy", policy, "--baseline", baseline, "--out", &out, "-q"],
    )?;
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(format!("{out}/summary.json"))?)?;
    let flows = summary.get("flows").and_then(serde_json::Value::as_u64).ok_or("no flows in the summary")?;
    if flows < u64::from(FLOWS) {
        return Err(format!("{flows} flows instead of {FLOWS}").into());
    }
    let mut stdout = std::io::stdout();
    writeln!(
        stdout,
        "{count} frames, {FLOWS} flows open at a time, {flows} flow rows: peak {} MB, {:.2} s",
        run.peak / 1_000_000,
        run.wall.as_secs_f64()
    )?;
    Ok(())
}

fn flow(number: u32) -> Vec<Frame> {
    let client = Host::numbered(u16::try_from(1 + number % CLIENTS).unwrap_or(0));
    let server = Host::numbered(u16::try_from(10_000 + number % 97).unwrap_or(0));
    let port = 1024 + u16::try_from(number / CLIENTS).unwrap_or(0);
    let said: &[u8] = match number % 4 {
        0 => b"GET /status HTTP/1.1\r\nHost: pump\r\n\r\n",
        1 => b"\x0bMSH|^~\\&|APP|FAC|APP|FAC|20260101||ORU^R01|1|P|2.5\rOBX|1|NM|",
        2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        _ => b"\x7f\x00\x01 nobody knows this one",
    };
    Conversation::between(client, server)
        .ports(port, 8000 + u16::try_from(number % 4).unwrap_or(0))
        .starting(START + u64::from(number) * 100_000)
        .seed(u64::from(number))
        .client_says(said)
        .closing(Closing::Open)
        .frames()
}
