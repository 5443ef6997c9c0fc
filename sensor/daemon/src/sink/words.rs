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

/// What to do first about an incident of this kind.
pub(crate) fn recommended(kind: &str) -> &'static str {
    match kind {
        "port-scan" | "host-sweep" | "scan" | "fan-out" => {
            "Find out who operates the source; if it is no authorised scanner, quarantine it."
        }
        "arp-spoofing" | "arp-conflict" | "address-conflict" | "identity-conflict" => {
            "Locate the accused MAC address at its switch port and disconnect it; then check what it could read."
        }
        "rogue-dhcp" | "rogue-router" => {
            "Disconnect the accused server of addresses; renew the leases of the clients that it answered."
        }
        "flood" | "syn-flood" | "denial-of-service" => {
            "Limit or disconnect the source at its switch port; check that the target still serves its devices."
        }
        "brute-force" | "login-failures" => {
            "Lock the account that was tried and look for a success after the failures."
        }
        "beacon" | "command-and-control" | "dns-tunnel" => {
            "Block the destination at the boundary and keep the device for examination."
        }
        "exfiltration" | "volume" => {
            "Ask the owner whether the transfer was meant; if not, block the destination."
        }
        "policy-violation" | "policy" => {
            "Ask the owner whether the traffic is needed; extend the policy, or take the cause away."
        }
        _ => "Investigate the source device; compare with its owner.",
    }
}
