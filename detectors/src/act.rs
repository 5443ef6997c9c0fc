//! What a client does at a server: it uses a service, or asks for an operation; and what doing so without custom would mean.

use crate::finding::{Severity, Technique};
use crate::record::FlowRecord;
use abi::app::App;
use abi::device::DeviceType;

/// First port that stacks hand out on their own; services above it are one service, "dynamic".
const DYNAMIC: u16 = 32_768;
/// Longest text of an act, in bytes.
const TEXT: usize = 64;

/// Identifies an act over runs and machines: a service by protocol and port, an operation by a hash of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ActKey(pub(crate) u64);

impl ActKey {
    const OPERATION: u64 = 1 << 63;
    const ANY_PORT: u64 = 1 << 32;
    const MEDIA: u64 = 1 << 33;

    /// The service that a flow uses.
    pub(crate) fn of_flow(flow: &FlowRecord) -> ActKey {
        Self::of_service(flow.protocol, flow.server.port, flow.app)
    }

    /// A service by its port and, where that says nothing, by its application.
    pub(crate) fn of_service(protocol: u8, port: u16, app: App) -> ActKey {
        // RTP and RTCP ports are agreed anew for every call or view, so the port is no part of the service.
        if app == App::Rtp {
            return ActKey(Self::MEDIA);
        }
        let number = protocol;
        let protocol = u64::from(protocol);
        match (number, port) {
            (6 | 17 | 132, port) if port >= DYNAMIC => ActKey(Self::ANY_PORT | protocol << 16),
            (6 | 17 | 132, port) => ActKey(protocol << 16 | u64::from(port)),
            (_, _) => ActKey(protocol << 16),
        }
    }

    /// An operation of an application, by FNV-1a, which is the same on every machine.
    pub(crate) fn of_operation(app: App, op: &str, subject: &str) -> ActKey {
        let words = [app.word(), op, subject];
        let hash = words
            .iter()
            .flat_map(|word| word.bytes().chain([0]))
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        ActKey(hash | Self::OPERATION)
    }

    /// Whether it is an operation.
    pub(crate) fn is_operation(self) -> bool {
        self.0 & Self::OPERATION != 0
    }

    /// IP protocol and port of a service; none for operations and media.
    pub(crate) fn service(self) -> Option<(u8, u16)> {
        if self.is_operation() || self.0 & Self::MEDIA != 0 {
            return None;
        }
        let [.., protocol, high, low] = self.0.to_be_bytes();
        Some((protocol, u16::from_be_bytes([high, low])))
    }

    /// Words for a person.
    fn text(self) -> String {
        let name = |protocol| match protocol {
            6 => "tcp".to_owned(),
            17 => "udp".to_owned(),
            1 | 58 => "icmp".to_owned(),
            132 => "sctp".to_owned(),
            other => format!("ip-{other}"),
        };
        match self.service() {
            None => "media".to_owned(),
            Some((protocol, _)) if self.0 & Self::ANY_PORT != 0 => format!("{}/dynamic", name(protocol)),
            Some((protocol @ (6 | 17 | 132), port)) => format!("{}/{port}", name(protocol)),
            Some((protocol, _)) => name(protocol),
        }
    }
}

/// An act by its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) key: ActKey,
    /// The application: by content where it is known, else the one that the port is registered for.
    pub(crate) app: App,
    /// The operation; empty for services.
    pub(crate) op: String,
    /// Words for a person.
    pub(crate) text: String,
}

impl Act {
    pub(crate) fn service(key: ActKey, app: App) -> Act {
        let app = if app == App::Unknown { key.service().map_or(app, registered) } else { app };
        Act { key, app, op: String::new(), text: key.text() }
    }

    pub(crate) fn operation(key: ActKey, app: App, op: &str, subject: &str) -> Act {
        let op = cut(op);
        let text =
            if subject.is_empty() { format!("{app} {op}") } else { format!("{app} {op} {}", cut(subject)) };
        Act { key, app, op: op.to_owned(), text }
    }
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(TEXT).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// The application registered for a port. For naming what an unread flow is about; nothing is decided by it alone.
fn registered((protocol, port): (u8, u16)) -> App {
    match (protocol, port) {
        (6, 104 | 2762 | 11112) => App::Dicom,
        (6, 2575) => App::Hl7,
        (6, 3656) => App::Poct1a,
        (6, 502) => App::Modbus,
        (17, 47808) => App::Bacnet,
        (6, 80 | 8000 | 8080) => App::Http,
        (6, 443 | 8443) => App::Tls,
        (17, 443) => App::Quic,
        (6, 22) => App::Ssh,
        (6, 139 | 445) => App::Smb,
        (6, 3389) => App::Rdp,
        (6, 5900..=5909) => App::Vnc,
        (6, 23) => App::Telnet,
        (6, 20 | 21) => App::Ftp,
        (6, 554 | 8554) => App::Rtsp,
        (6 | 17, 5060) => App::Sip,
        (6, 631 | 9100) => App::Ipp,
        (6, 1883 | 8883) => App::Mqtt,
        (6, 389 | 636) => App::Ldap,
        (6 | 17, 88) => App::Kerberos,
        (17, 161 | 162) => App::Snmp,
        (6 | 17, 53) => App::Dns,
        (17, 123) => App::Ntp,
        (6 | 17, 514) => App::Syslog,
        (17, 67 | 68) => App::Dhcp,
        (17, 24105) => App::Intellivue,
        (17, 3702) => App::WsDiscovery,
        _ => App::Unknown,
    }
}

/// What an act without custom would mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nature {
    /// The kind of its findings.
    pub(crate) kind: &'static str,
    pub(crate) severity: Severity,
    pub(crate) techniques: &'static [Technique],
}

macro_rules! natures {
    ($($name:ident = $kind:literal, $severity:ident, [$($technique:literal),+];)+) => {
        $(const $name: Nature = Nature {
            kind: $kind,
            severity: Severity::$severity,
            techniques: &[$(Technique($technique)),+],
        };)+
    };
}

natures! {
    COMMAND = "device-command", High, ["T0855", "T0836"];
    MODBUS_COMMAND = "modbus-command", High, ["T0855", "T0836"];
    BACNET_COMMAND = "bacnet-command", High, ["T0855", "T0836"];
    CONTROL_READING = "control-reading", Medium, ["T0861", "T0888", "T0802"];
    INJECTION = "data-injection", High, ["T1565.001", "T1565.002"];
    MESSAGE_INJECTION = "message-injection", High, ["T1565.002", "T1565.001"];
    TELEMETRY_INJECTION = "telemetry-injection", High, ["T1565.002", "T1565.001"];
    DESTRUCTION = "data-destruction", High, ["T1485", "T1565.001"];
    COLLECTION = "data-collection", Medium, ["T1213", "T1119"];
    DICOM_COLLECTION = "dicom-collection", Medium, ["T1213", "T1119"];
    SSH = "ssh-access", Medium, ["T1021.004", "T0886"];
    RDP = "rdp-access", Medium, ["T1021.001", "T0886"];
    VNC = "vnc-access", Medium, ["T1021.005", "T0886"];
    TELNET = "telnet-access", Medium, ["T1021", "T0886"];
    DIRECTORY = "directory-access", Medium, ["T1087", "T1021"];
    SHARES = "smb-access", Medium, ["T1021.002", "T1570", "T1039"];
    TRANSFER = "ftp-access", Medium, ["T1021", "T1570", "T1039"];
    EAVESDROPPING = "eavesdropping", Medium, ["T1125", "T1123"];
    CONFIGURATION = "configuration-reading", Medium, ["T1602.001"];
    PROBING = "service-probing", Low, ["T1046"];
    PRINTING = "printing", Low, ["T1021"];
    NEW_DEVICE = "new-device", Low, ["T1200", "T0864"];
    ACCESS = "service-access", Medium, ["T1021", "T1210"];
}

/// A service without a known protocol by which one host alone drives many.
pub(crate) const CONTROL: Nature = COMMAND;
/// A device that came after benign time: hardware was added, in the words of enterprises and of control systems.
pub(crate) const NEWCOMER: Nature = NEW_DEVICE;

/// Devices that act on a patient or a building when told to.
pub(crate) fn is_controlled(class: DeviceType) -> bool {
    matches!(
        class,
        DeviceType::InfusionPump
            | DeviceType::Ventilator
            | DeviceType::Anaesthesia
            | DeviceType::PatientMonitor
            | DeviceType::BuildingController
            | DeviceType::AccessController
    )
}

/// Devices that serve others by trade, and that copy to and fetch from each other.
pub(crate) fn is_server(class: DeviceType) -> bool {
    matches!(
        class,
        DeviceType::Pacs
            | DeviceType::Ris
            | DeviceType::Ehr
            | DeviceType::InterfaceEngine
            | DeviceType::Worklist
            | DeviceType::PumpServer
            | DeviceType::LabSystem
            | DeviceType::Server
            | DeviceType::Gateway
            | DeviceType::NetworkDevice
    )
}

/// People's devices: they roam the Internet by nature.
pub(crate) fn is_personal(class: DeviceType) -> bool {
    matches!(class, DeviceType::Workstation | DeviceType::Viewer | DeviceType::Mobile)
}

/// Operations that every exchange of their protocol begins or ends with.
const COURTESIES: [&str; 12] = [
    "associate",
    "release",
    "abort",
    "reject",
    "c-echo",
    "ack",
    "options",
    "connect",
    "ping",
    "teardown",
    "hello",
    "disconnect",
];
const WRITING: [&str; 14] = [
    "write", "set", "command", "put", "post", "patch", "store", "n-", "publish", "stor", "create", "operate",
    "activate", "message",
];
const READING: [&str; 12] = [
    "read",
    "find",
    "move",
    "c-get",
    "query",
    "search",
    "subscribe",
    "retr",
    "describe",
    "list",
    "get",
    "browse",
];
const DESTROYING: [&str; 4] = ["delete", "n-delete", "reinitialize", "dele"];

/// Whether the operation, or the subject in its text, has one of the words.
fn speaks(act: &Act, words: &[&str]) -> bool {
    words.iter().any(|word| contains(&act.op, word))
        || (act.op == "request" && words.iter().any(|word| contains(&act.text, word)))
}

fn contains(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// What it would mean that a client does this at a server of the given class.
pub(crate) fn nature(act: &Act, server: DeviceType) -> Nature {
    // People print where they happen to be (IPP, LPD and raw port 9100), and IPP is HTTP by content.
    if matches!(act.key.service(), Some((6, 515 | 631 | 9100))) {
        return PRINTING;
    }
    if COURTESIES.contains(&act.op.as_str()) {
        return PROBING;
    }
    if speaks(act, &DESTROYING) {
        return DESTRUCTION;
    }
    match act.app {
        App::Modbus | App::Bacnet if speaks(act, &READING) && !speaks(act, &WRITING) => CONTROL_READING,
        App::Modbus => MODBUS_COMMAND,
        App::Bacnet => BACNET_COMMAND,
        App::Dicom | App::Fhir | App::Dicomweb if speaks(act, &WRITING) => INJECTION,
        App::Dicom => DICOM_COLLECTION,
        App::Hl7 if ["QBP", "QRY", "VXQ"].iter().any(|word| contains(&act.text, word)) => COLLECTION,
        App::Hl7 | App::Astm | App::Poct1a => MESSAGE_INJECTION,
        App::Mqtt if speaks(act, &READING) => COLLECTION,
        App::Mqtt => TELEMETRY_INJECTION,
        App::Ssh => SSH,
        App::Rdp => RDP,
        App::Vnc => VNC,
        App::Telnet => TELNET,
        App::Ldap | App::Kerberos => DIRECTORY,
        App::Smb => SHARES,
        App::Ftp => TRANSFER,
        App::Rtsp | App::Rtp | App::Sip => EAVESDROPPING,
        App::Snmp if act.op.contains("set") => COMMAND,
        App::Snmp => CONFIGURATION,
        App::Sdc | App::Intellivue | App::Carescape | App::Http | App::Tls | App::Quic
            if is_controlled(server) =>
        {
            COMMAND
        }
        App::Sdc | App::Intellivue | App::Carescape | App::Fhir | App::Dicomweb => COLLECTION,
        App::Http if speaks(act, &WRITING) && is_server(server) => INJECTION,
        App::Http | App::Tls | App::Quic if is_server(server) => COLLECTION,
        App::Unknown if is_controlled(server) => COMMAND,
        App::Unknown
        | App::WsDiscovery
        | App::Dns
        | App::Mdns
        | App::Llmnr
        | App::Nbns
        | App::Ssdp
        | App::Dhcp
        | App::Dhcpv6
        | App::Tls
        | App::Http
        | App::Quic
        | App::Ipp
        | App::Ntp
        | App::Syslog
        | App::Lldp
        | App::Cdp => ACCESS,
    }
}

/// The kind of findings about guessed passwords.
pub(crate) fn guessing(app: App) -> &'static str {
    const KINDS: [(App, &str); 6] = [
        (App::Ssh, "ssh-brute-force"),
        (App::Telnet, "telnet-brute-force"),
        (App::Ftp, "ftp-brute-force"),
        (App::Rtsp, "rtsp-brute-force"),
        (App::Smb, "smb-brute-force"),
        (App::Rdp, "rdp-brute-force"),
    ];
    KINDS.into_iter().find(|(known, _)| *known == app).map_or("brute-force", |(_, kind)| kind)
}

/// Services that ask who one is, so that many short visits are guesses.
pub(crate) fn asks_for_password(app: App) -> bool {
    matches!(
        app,
        App::Ssh
            | App::Telnet
            | App::Ftp
            | App::Rdp
            | App::Vnc
            | App::Smb
            | App::Ldap
            | App::Kerberos
            | App::Rtsp
            | App::Sip
            | App::Snmp
            | App::Mqtt
    )
}

/// Applications whose single operations are worth learning; the rest is judged by its flows.
pub(crate) fn is_learned_by_operation(app: App) -> bool {
    matches!(
        app,
        App::Dicom
            | App::Dicomweb
            | App::Hl7
            | App::Fhir
            | App::Astm
            | App::Poct1a
            | App::Sdc
            | App::Intellivue
            | App::Carescape
            | App::Bacnet
            | App::Modbus
            | App::Http
            | App::Smb
            | App::Ftp
            | App::Rtsp
            | App::Mqtt
            | App::Snmp
            | App::Telnet
    )
}

#[cfg(test)]
mod tests;
