//! The draft in YAML.

use super::{Bond, Custom, Draft, Profiles, Scan, Seen, Style};
use crate::record::Record;
use abi::address::{DeviceKey, SECOND};
use abi::headers::protocol;
use std::collections::{BTreeMap, BTreeSet};

/// Addresses of one list on a line.
const ON_A_LINE: usize = 6;
/// Days, from which on a record is measured in days.
const DAY: u64 = 86_400;

pub(super) fn write(
    record: &Record,
    profiles: &Profiles,
    bonds: &BTreeMap<(String, String), Bond>,
    scans: &BTreeMap<DeviceKey, Scan>,
    style: Style,
) -> Draft {
    let span = record.span.map_or(0, |(first, last)| last.since(first));
    let mut lines = head(record, span);
    lines.extend(segments(profiles, style));
    let mut ids = BTreeSet::new();
    let (mut often, mut once) = (Vec::new(), Vec::new());
    let (mut often_count, mut once_count) = (0_usize, 0_usize);
    for ((from, to), bond) in bonds {
        // Rules cannot name what is in no segment.
        if from == "unassigned" || to == "unassigned" {
            continue;
        }
        let customs = bond.customs(span);
        for (custom, rules, count) in
            [(Custom::Often, &mut often, &mut often_count), (Custom::Once, &mut once, &mut once_count)]
        {
            let services: Vec<(&(Custom, u8, u16), &Seen)> =
                customs.iter().filter(|((of, ..), _)| *of == custom).collect();
            if !services.is_empty() {
                rules.extend(rule(&mut ids, (from, to), custom, &services));
                *count = count.saturating_add(1);
            }
        }
    }
    if !often.is_empty() || !once.is_empty() {
        lines.push(String::new());
        lines.push("allow:".to_owned());
        if !often.is_empty() {
            lines.push(
                "  # Seen often: between several devices, or over a good part of the record.".to_owned(),
            );
            lines.extend(often);
        }
        if !once.is_empty() {
            lines.push(
                "  # Seen once: is it meant to be? Until somebody says so, it is told each time.".to_owned(),
            );
            lines.extend(once);
        }
    }
    lines.extend(scan_lines(scans));
    lines.push(String::new());
    let scans = scans.values().fold(0_u64, |sum, scan| sum.saturating_add(scan.flows));
    Draft { text: lines.join("\n"), often: often_count, once: once_count, scans }
}

fn head(record: &Record, span: u64) -> Vec<String> {
    let seconds = span / SECOND;
    let length = match (seconds / DAY, seconds / 60) {
        (0, 0) => format!("{seconds} seconds"),
        (0, minutes) => format!("{minutes} minutes"),
        (days, _) => format!("{days} days"),
    };
    vec![
        format!(
            "# Drafted from {} flows of {length}. What happens more seldom than that is not in it: read it, mend it,",
            record.flows
        ),
        "# and look at `wardline policy impact` over another record before anything is enforced.".to_owned(),
        "version: 1".to_owned(),
        "defaults: { between: deny, within: deny, unassigned: observe, mode: observe }".to_owned(),
    ]
}

fn segments(profiles: &Profiles, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if profiles.classes.is_empty() && profiles.networks.is_empty() {
        return lines;
    }
    lines.push(String::new());
    lines.push("segments:".to_owned());
    for (name, (class, devices)) in &profiles.classes {
        let critical = if (style.is_life_critical)(*class) { ", life_critical: true" } else { "" };
        lines.push(format!("  # {}", counted(devices.len(), "device")));
        lines.push(format!("  {name}: {{ match: {{ class: {name} }}{critical} }}"));
    }
    for (name, devices) in &profiles.networks {
        lines.push(format!("  # {} that nobody could name", counted(devices.len(), "device")));
        lines.push(format!("  {name}:"));
        lines.push("    match:".to_owned());
        let macs: Vec<String> = devices
            .iter()
            .filter_map(|device| match device {
                DeviceKey::Mac(mac) => Some(mac.to_string()),
                DeviceKey::Ip(_) => None,
            })
            .collect();
        let routed = devices.iter().filter_map(|device| profiles.routed.get(device)).flatten();
        let addresses: BTreeSet<String> = routed.map(|ip| format!("\"{ip}\"")).collect();
        let addresses: Vec<String> = addresses.into_iter().collect();
        lines.extend(list("mac", &macs));
        lines.extend(list("ip", &addresses));
    }
    lines
}

fn list(key: &str, values: &[String]) -> Vec<String> {
    if values.is_empty() {
        return Vec::new();
    }
    if values.len() <= ON_A_LINE {
        return vec![format!("      {key}: [{}]", values.join(", "))];
    }
    let rows: Vec<String> =
        values.chunks(ON_A_LINE).map(|row| format!("        {}", row.join(", "))).collect();
    vec![format!("      {key}: ["), rows.join(",\n"), "      ]".to_owned()]
}

fn rule(
    ids: &mut BTreeSet<String>,
    (from, to): (&str, &str),
    custom: Custom,
    services: &[(&(Custom, u8, u16), &Seen)],
) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut names, mut tcp, mut udp, mut protocols) = (BTreeSet::new(), Vec::new(), Vec::new(), Vec::new());
    for ((_, number, port), seen) in services {
        let word = match (*number, *port) {
            (protocol::TCP, 0) => {
                tcp.push("\"1024-65535\"".to_owned());
                "tcp 1024-65535".to_owned()
            }
            (protocol::UDP, 0) => {
                udp.push("\"1024-65535\"".to_owned());
                "udp 1024-65535".to_owned()
            }
            (number, port) => match policies::known_service(number, port) {
                Some(name) => {
                    names.insert(name);
                    name.to_owned()
                }
                None => match number {
                    protocol::TCP => {
                        tcp.push(port.to_string());
                        format!("tcp {port}")
                    }
                    protocol::UDP => {
                        udp.push(port.to_string());
                        format!("udp {port}")
                    }
                    other => {
                        protocols.push(other.to_string());
                        format!("protocol {other}")
                    }
                },
            },
        };
        let flows = counted(usize::try_from(seen.flows).unwrap_or(usize::MAX), "flow");
        lines.push(format!("  #   {word}: {flows} of {}", counted(seen.pairs.len(), "pair")));
    }
    // Types of ICMP are one protocol.
    protocols.dedup();
    let mut keys = Vec::new();
    let names: Vec<&str> = names.into_iter().collect();
    for (key, values) in [
        ("service", names.iter().map(|name| (*name).to_owned()).collect()),
        ("tcp", tcp),
        ("udp", udp),
        ("protocol", protocols),
    ] {
        if let [one] = values.as_slice() {
            keys.push(format!("{key}: {one}"));
        } else if !values.is_empty() {
            keys.push(format!("{key}: [{}]", values.join(", ")));
        }
    }
    let mode = match custom {
        Custom::Often => "",
        Custom::Once => ", mode: alert",
    };
    let id = id(ids, from, to, custom);
    lines.push(format!("  - {{ id: {id}, from: {from}, to: {to}, {}{mode} }}", keys.join(", ")));
    lines
}

/// An id that no other rule has. Two names and a suffix may be longer than an id can be.
fn id(ids: &mut BTreeSet<String>, from: &str, to: &str, custom: Custom) -> String {
    const LONGEST: usize = 56;
    let suffix = match custom {
        Custom::Often => "",
        Custom::Once => "-once",
    };
    let mut base: String = format!("{from}-to-{to}{suffix}").chars().take(LONGEST).collect();
    while base.ends_with(['-', '.', '_']) {
        base.pop();
    }
    let mut id = base.clone();
    let mut number = 2_u32;
    while !ids.insert(id.clone()) {
        id = format!("{base}-{number}");
        number = number.saturating_add(1);
    }
    id
}

fn scan_lines(scans: &BTreeMap<DeviceKey, Scan>) -> Vec<String> {
    if scans.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "# Not proposed, for it looks like scanning:".to_owned()];
    lines.extend(scans.values().map(|scan| {
        format!(
            "#   {} asked {} for {} in {}",
            scan.ip,
            counted(scan.servers.len(), "device"),
            counted(scan.ports.len(), "port"),
            counted(usize::try_from(scan.flows).unwrap_or(usize::MAX), "flow")
        )
    }));
    lines
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
