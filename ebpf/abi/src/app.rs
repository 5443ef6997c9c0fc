//! The application protocols by the words of the output. The kernel's first-payload class uses the same numbers.

use core::fmt;

/// An application protocol, recognised by content, never by port alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum App {
    /// Not known.
    #[default]
    Unknown = 0,
    /// The word `dicom`.
    Dicom,
    /// The word `dicomweb`.
    Dicomweb,
    /// The word `hl7`.
    Hl7,
    /// The word `fhir`.
    Fhir,
    /// The word `astm`.
    Astm,
    /// The word `poct1a`.
    Poct1a,
    /// The word `sdc`.
    Sdc,
    /// The word `ws-discovery`.
    WsDiscovery,
    /// The word `intellivue`.
    Intellivue,
    /// The word `carescape`.
    Carescape,
    /// The word `bacnet`.
    Bacnet,
    /// The word `modbus`.
    Modbus,
    /// The word `dns`.
    Dns,
    /// The word `mdns`.
    Mdns,
    /// The word `llmnr`.
    Llmnr,
    /// The word `nbns`.
    Nbns,
    /// The word `ssdp`.
    Ssdp,
    /// The word `dhcp`.
    Dhcp,
    /// The word `dhcpv6`.
    Dhcpv6,
    /// The word `tls`.
    Tls,
    /// The word `http`.
    Http,
    /// The word `quic`.
    Quic,
    /// The word `ssh`.
    Ssh,
    /// The word `smb`.
    Smb,
    /// The word `rdp`.
    Rdp,
    /// The word `vnc`.
    Vnc,
    /// The word `telnet`.
    Telnet,
    /// The word `ftp`.
    Ftp,
    /// The word `rtsp`.
    Rtsp,
    /// The word `rtp`.
    Rtp,
    /// The word `sip`.
    Sip,
    /// The word `ipp`.
    Ipp,
    /// The word `mqtt`.
    Mqtt,
    /// The word `ntp`.
    Ntp,
    /// The word `syslog`.
    Syslog,
    /// The word `ldap`.
    Ldap,
    /// The word `kerberos`.
    Kerberos,
    /// The word `snmp`.
    Snmp,
    /// The word `lldp`.
    Lldp,
    /// The word `cdp`.
    Cdp,
}

impl App {
    /// Every value, in the order of the numbers.
    pub const ALL: [App; 41] = [
        App::Unknown,
        App::Dicom,
        App::Dicomweb,
        App::Hl7,
        App::Fhir,
        App::Astm,
        App::Poct1a,
        App::Sdc,
        App::WsDiscovery,
        App::Intellivue,
        App::Carescape,
        App::Bacnet,
        App::Modbus,
        App::Dns,
        App::Mdns,
        App::Llmnr,
        App::Nbns,
        App::Ssdp,
        App::Dhcp,
        App::Dhcpv6,
        App::Tls,
        App::Http,
        App::Quic,
        App::Ssh,
        App::Smb,
        App::Rdp,
        App::Vnc,
        App::Telnet,
        App::Ftp,
        App::Rtsp,
        App::Rtp,
        App::Sip,
        App::Ipp,
        App::Mqtt,
        App::Ntp,
        App::Syslog,
        App::Ldap,
        App::Kerberos,
        App::Snmp,
        App::Lldp,
        App::Cdp,
    ];

    /// The word that output and policy files use.
    pub const fn word(self) -> &'static str {
        match self {
            App::Unknown => "unknown",
            App::Dicom => "dicom",
            App::Dicomweb => "dicomweb",
            App::Hl7 => "hl7",
            App::Fhir => "fhir",
            App::Astm => "astm",
            App::Poct1a => "poct1a",
            App::Sdc => "sdc",
            App::WsDiscovery => "ws-discovery",
            App::Intellivue => "intellivue",
            App::Carescape => "carescape",
            App::Bacnet => "bacnet",
            App::Modbus => "modbus",
            App::Dns => "dns",
            App::Mdns => "mdns",
            App::Llmnr => "llmnr",
            App::Nbns => "nbns",
            App::Ssdp => "ssdp",
            App::Dhcp => "dhcp",
            App::Dhcpv6 => "dhcpv6",
            App::Tls => "tls",
            App::Http => "http",
            App::Quic => "quic",
            App::Ssh => "ssh",
            App::Smb => "smb",
            App::Rdp => "rdp",
            App::Vnc => "vnc",
            App::Telnet => "telnet",
            App::Ftp => "ftp",
            App::Rtsp => "rtsp",
            App::Rtp => "rtp",
            App::Sip => "sip",
            App::Ipp => "ipp",
            App::Mqtt => "mqtt",
            App::Ntp => "ntp",
            App::Syslog => "syslog",
            App::Ldap => "ldap",
            App::Kerberos => "kerberos",
            App::Snmp => "snmp",
            App::Lldp => "lldp",
            App::Cdp => "cdp",
        }
    }

    /// The value of a word, if it is one.
    pub fn parse(word: &str) -> Option<App> {
        Self::ALL.into_iter().find(|value| value.word() == word)
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
