//! The folder that a replay wrote, read back.

use super::{Accused, Recorded, Suspects, answered, finish};
use crate::command::Span;
use crate::exit::Failure;
use crate::time;
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::device::DeviceType;
use abi::headers::protocol;
use anyhow::{Context, anyhow};
use detectors::record::{FlowId, FlowState};
use lake::flow::{End, Flow};
use lake::record::Recorder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::Path;

/// Bytes of a row at most; the longest that are written have some hundred thousand.
const ROW: u64 = 16 << 20;

/// Reads a folder.
///
/// # Errors
/// A file is missing or a row is not what a replay writes.
pub(super) fn read(folder: &Path, span: Span, accused: Accused) -> Result<Recorded, Failure> {
    if !folder.join("summary.json").is_file() {
        let text = format!(
            "{}: there is no summary.json: the run that wrote this folder has not ended, and more may have been talked",
            folder.display()
        );
        crate::say("note", &text);
    }
    let mut suspects = Suspects::default();
    if accused == Accused::LeftOut {
        rows(&folder.join("incidents.jsonl"), |row: IncidentRow| accuse(&mut suspects, &row))?;
    }
    let mut recorder = Recorder::default();
    let mut left_out: u64 = 0;
    rows(&folder.join("flows.jsonl"), |row: FlowRow| {
        let id = row.id.strip_prefix('f').and_then(|id| id.parse().ok()).map(FlowId);
        let Some(flow) = flow(&row)? else { return Ok(()) };
        if !span.contains(flow.first) {
            return Ok(());
        }
        if suspects.accuse(id, &flow) {
            left_out = left_out.saturating_add(1);
            return Ok(());
        }
        recorder.push(&flow).map_err(anyhow::Error::new)
    })?;
    let mut devices = Vec::new();
    rows(&folder.join("devices.jsonl"), |row: DeviceRow| {
        devices.push((device(&row.device_id)?, class(&row.class.value)?));
        Ok(())
    })?;
    finish(recorder, &devices, left_out)
}

/// Takes each row of a file of JSON lines.
fn rows<T: DeserializeOwned>(
    path: &Path,
    mut take: impl FnMut(T) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let name = path.display();
    let file = File::open(path)
        .with_context(|| {
            format!("{name}: cannot be read (is this a folder that `wardline replay --out` wrote?)")
        })
        .map_err(Failure::usage)?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = (&mut reader).take(ROW).read_until(b'\n', &mut line);
        if read.with_context(|| format!("{name}:{number}: cannot be read")).map_err(Failure::usage)? == 0 {
            return Ok(());
        }
        let row = serde_json::from_slice(&line).map_err(anyhow::Error::new).and_then(&mut take);
        row.with_context(|| format!("{name}:{number}: not a row that `wardline replay` writes"))
            .map_err(Failure::usage)?;
    }
    Ok(())
}

/// Bytes of a flow at most, as far as they are added up: no flow has a tebibyte within its active time-out, and sums of these do
/// not overflow.
const MOST_BYTES: u64 = 1 << 40;

#[derive(Deserialize)]
struct FlowRow {
    id: String,
    ts_first: String,
    ts_last: String,
    proto: String,
    client: EndRow,
    server: EndRow,
    vlan: Vec<u16>,
    packets: BothRow,
    bytes: BothRow,
    state: String,
}

#[derive(Deserialize)]
struct EndRow {
    device: String,
    ip: Option<IpAddr>,
    mac: Option<String>,
    #[serde(default)]
    port: u16,
    #[serde(rename = "type")]
    class: Option<String>,
}

#[derive(Deserialize)]
struct BothRow {
    out: u64,
    #[serde(rename = "in")]
    back: u64,
}

#[derive(Deserialize)]
struct IncidentRow {
    ts_first: String,
    ts_last: String,
    severity: String,
    source: SourceRow,
    targets: Vec<SourceRow>,
    flows: Vec<String>,
}

#[derive(Deserialize)]
struct SourceRow {
    device: String,
}

#[derive(Deserialize)]
struct DeviceRow {
    device_id: String,
    #[serde(rename = "type")]
    class: ClaimRow,
}

#[derive(Deserialize)]
struct ClaimRow {
    value: String,
}

/// A flow of IP; `None` below IP.
fn flow(row: &FlowRow) -> anyhow::Result<Option<Flow>> {
    let Some(number) = number(&row.proto)? else { return Ok(None) };
    let state = match row.state.as_str() {
        "syn-sent" => FlowState::SynSent,
        "rejected" => FlowState::Rejected,
        _ => FlowState::Established,
    };
    Ok(Some(Flow {
        first: instant(&row.ts_first)?,
        last: instant(&row.ts_last)?,
        client: end(&row.client)?,
        server: end(&row.server)?,
        vlan: row.vlan.first().copied().unwrap_or_default(),
        protocol: number,
        bytes: row.bytes.out.saturating_add(row.bytes.back).min(MOST_BYTES),
        answered: answered(number, state, row.packets.back),
    }))
}

fn accuse(suspects: &mut Suspects, row: &IncidentRow) -> anyhow::Result<()> {
    if row.severity == "low" {
        return Ok(());
    }
    suspects.flows.extend(row.flows.iter().filter_map(|id| id.strip_prefix('f')?.parse::<u64>().ok()));
    let targets = row.targets.iter().map(|target| device(&target.device)).collect::<anyhow::Result<_>>()?;
    let deed = (device(&row.source.device)?, targets, instant(&row.ts_first)?, instant(&row.ts_last)?);
    suspects.deeds.push(deed);
    Ok(())
}

fn end(row: &EndRow) -> anyhow::Result<End> {
    Ok(End {
        device: device(&row.device)?,
        ip: row.ip.map(Ip::from).unwrap_or_default(),
        mac: row.mac.as_deref().map_or(Ok(Mac::NONE), mac)?,
        port: row.port,
        class: row.class.as_deref().map_or(Ok(DeviceType::Unknown), class)?,
    })
}

fn instant(text: &str) -> anyhow::Result<Timestamp> {
    time::parse(text).with_context(|| format!("`{text}` is no time"))
}

fn class(word: &str) -> anyhow::Result<DeviceType> {
    DeviceType::parse(word).ok_or_else(|| anyhow!("`{word}` is no type of device"))
}

/// The number of a protocol; `None` below IP.
fn number(word: &str) -> anyhow::Result<Option<u8>> {
    Ok(Some(match word {
        "ethernet" => return Ok(None),
        "tcp" => protocol::TCP,
        "udp" => protocol::UDP,
        "icmp" => protocol::ICMP,
        "icmpv6" => protocol::ICMPV6,
        "igmp" => protocol::IGMP,
        "gre" => protocol::GRE,
        "sctp" => protocol::SCTP,
        other => other
            .strip_prefix("ip-")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| anyhow!("`{other}` is no protocol"))?,
    }))
}

fn device(word: &str) -> anyhow::Result<DeviceKey> {
    let wrong = || anyhow!("`{word}` is no device");
    match word.split_once('-') {
        Some(("ip", ip)) => {
            ip.parse::<IpAddr>().map(|ip| DeviceKey::Ip(Ip::from(ip))).map_err(|_not| wrong())
        }
        Some(("mac", digits)) if digits.len() == 12 => hex(digits).map(DeviceKey::Mac).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn mac(text: &str) -> anyhow::Result<Mac> {
    hex(&text.replace(':', "")).ok_or_else(|| anyhow!("`{text}` is no MAC address"))
}

fn hex(digits: &str) -> Option<Mac> {
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 12)?;
    let [_, _, octets @ ..] = number.to_be_bytes();
    Some(Mac(octets))
}
