//! The fixed words of the output that no other crate owns. A change here is a change of `docs/schema/`.

use abi::device::DeviceType;
use abi::headers::protocol;
use abi::table::{Action, Mode};
use detectors::finding::Severity;
use detectors::record::{FlowEnd, FlowState, Visibility};

/// How far a flow got.
pub(crate) const fn state(state: FlowState) -> &'static str {
    match state {
        FlowState::OneWay => "one-way",
        FlowState::TwoWay => "two-way",
        FlowState::SynSent => "syn-sent",
        FlowState::Rejected => "rejected",
        FlowState::HalfOpen => "half-open",
        FlowState::Established => "established",
        FlowState::Closing => "closing",
        FlowState::Closed => "closed",
        FlowState::Reset => "reset",
    }
}

/// Why the row of a flow was written.
pub(crate) const fn end(end: FlowEnd) -> &'static str {
    match end {
        FlowEnd::Closed => "closed",
        FlowEnd::Idle => "idle",
        FlowEnd::Active => "active",
        FlowEnd::Evicted => "evicted",
        FlowEnd::InputEnd => "input-end",
    }
}

/// What of a flow could be seen.
pub(crate) const fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Full => "full",
        Visibility::Midstream => "midstream",
        Visibility::Gap => "gap",
        Visibility::Encrypted => "encrypted",
    }
}

/// How much an incident matters.
pub(crate) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// Allow or deny.
pub(crate) const fn action(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    }
}

/// How far a verdict is carried out.
pub(crate) const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Alert => "alert",
        Mode::Enforce => "enforce",
    }
}

/// The word of an IP protocol, where there is one; the others are written as `ip-N`.
pub(crate) const fn proto(number: u8) -> Option<&'static str> {
    match number {
        protocol::ICMP => Some("icmp"),
        protocol::IGMP => Some("igmp"),
        protocol::TCP => Some("tcp"),
        protocol::UDP => Some("udp"),
        protocol::GRE => Some("gre"),
        protocol::ICMPV6 => Some("icmpv6"),
        protocol::SCTP => Some("sctp"),
        _ => None,
    }
}

/// Whether services of the protocol are told apart by ports.
pub(crate) const fn has_ports(number: u8) -> bool {
    matches!(number, protocol::TCP | protocol::UDP | protocol::SCTP)
}

/// A patient's life depends on it.
pub(crate) const LIFE_CRITICAL: &str = "life-critical";

/// What happens to patients when the device is cut off. A default by type; an inventory of the site knows better.
pub(crate) const fn criticality(class: DeviceType) -> &'static str {
    match class {
        // They keep somebody alive, or call for help.
        DeviceType::InfusionPump
        | DeviceType::Ventilator
        | DeviceType::PatientMonitor
        | DeviceType::Anaesthesia
        | DeviceType::CentralStation => LIFE_CRITICAL,
        // Diagnosis and treatment wait for them.
        DeviceType::Ct
        | DeviceType::Mr
        | DeviceType::Xray
        | DeviceType::Ultrasound
        | DeviceType::Mammography
        | DeviceType::Pacs
        | DeviceType::Ris
        | DeviceType::Ehr
        | DeviceType::InterfaceEngine
        | DeviceType::Worklist
        | DeviceType::Viewer
        | DeviceType::PumpServer
        | DeviceType::Analyser
        | DeviceType::GlucoseMeter
        | DeviceType::LabSystem
        | DeviceType::Gateway => "clinical",
        // The house runs on them.
        DeviceType::Workstation
        | DeviceType::Server
        | DeviceType::Printer
        | DeviceType::Phone
        | DeviceType::AccessController
        | DeviceType::BuildingController
        | DeviceType::NetworkDevice => "support",
        DeviceType::IpCamera | DeviceType::VideoRecorder | DeviceType::Mobile | DeviceType::Wearable => {
            "none"
        }
        DeviceType::Unknown => "unknown",
    }
}

/// What to do first about an incident of this kind. The kinds are those of `docs/detection.md`.
pub(crate) fn recommended(kind: &str) -> &'static str {
    match kind {
        "port-scan" | "service-probing" => {
            "Find out who operates the source; if it is no authorised scanner, disconnect it."
        }
        "arp-spoofing" | "address-takeover" | "address-forging" | "name-clash" | "address-moved" => {
            "Locate the accused MAC address at its switch port; disconnect it unless its owner explains it, then check what it could read."
        }
        "rogue-dhcp" | "rogue-router" => {
            "Disconnect the accused server at its switch port; renew what its clients were told."
        }
        "mac-flood" => "Shut the switch port that the addresses come from, and limit addresses per port.",
        "vlan-bridging" => "Find the device that joins the two networks and take one of its cables away.",
        "connection-flood" | "packet-flood" | "request-surge" => {
            "Limit or disconnect the source at its switch port; check that the target still serves its devices."
        }
        "device-command"
        | "modbus-command"
        | "bacnet-command"
        | "command-surge"
        | "message-injection"
        | "telemetry-injection"
        | "data-injection" => {
            "Check at the bedside or on site that the target works as it was set; then ask the owner of the source."
        }
        "data-destruction" | "mass-modification" | "mass-write" => {
            "Disconnect the source, keep the target's last good copy, and compare the two."
        }
        "dicom-collection"
        | "data-collection"
        | "mass-read"
        | "control-reading"
        | "configuration-reading" => {
            "Ask the owner whether the reading was meant; if not, lock the account or title that it used."
        }
        "beacon" | "exfiltration" | "dns-tunnel" | "icmp-tunnel" | "first-internet" | "first-outside"
        | "outside-port" | "new-outside" => {
            "Block the destination at the boundary and keep the device as it is for examination."
        }
        "inbound-access" => {
            "Block the outside address at the boundary; check the device for what was changed."
        }
        "new-device" | "new-contact" => "Ask the owner of the segment whether it is expected.",
        _ if kind.ends_with("brute-force") => {
            "Lock the account that was tried and look for a success after the failures."
        }
        _ if kind.ends_with("-access") || kind == "printing" || kind == "eavesdropping" => {
            "Ask the owner whether the access was meant; if not, disconnect the source and change the credentials."
        }
        _ => FALLBACK,
    }
}

/// What comes before every advice about a device that may keep a patient alive: it is never cut off for a finding.
pub(crate) const DO_NOT_CUT_OFF: &str =
    "The source may keep a patient alive: do not cut it off, send somebody to it first. ";

/// What to do about an incident of a kind that has no advice of its own.
pub(crate) const FALLBACK: &str = "Investigate the source device; compare with its owner.";
