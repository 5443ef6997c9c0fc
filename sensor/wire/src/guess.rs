//! Protocols that have no dissector yet, told by their first bytes. A port alone never decides; where the bytes are weak
//! evidence (NTP, syslog), the registered port has to agree with them.

use abi::app::App;

/// What the first bytes of a direction of a TCP stream look like.
pub fn stream(head: &[u8]) -> App {
    match head {
        [b'S', b'S', b'H', b'-', ..] => App::Ssh,
        // NetBIOS session message (RFC 1002) around SMB1 or SMB2.
        [0, _, _, _, 0xfe | 0xff, b'S', b'M', b'B', ..] => App::Smb,
        // TPKT (RFC 1006) with a connection request or confirm whose length is consistent: RDP.
        [3, 0, high, low, li, 0xe0 | 0xd0, ..]
            if u16::from_be_bytes([*high, *low]) >= 11 && *li >= 6 && usize::from(*li) + 5 <= head.len() =>
        {
            App::Rdp
        }
        [b'R', b'F', b'B', b' ', b'0', ..] => App::Vnc,
        // CONNECT with the protocol name (MQTT 3.1.1 section 3.1).
        [0x10, ..] if head.get(2..9).is_some_and(|h| h.windows(4).any(|w| w == b"MQTT" || w == b"MQIs")) => {
            App::Mqtt
        }
        // LDAP message: sequence, message id, bind request or response (RFC 4511).
        [0x30, _, 0x02, 0x01, _, 0x60 | 0x61, ..] => App::Ldap,
        [0x00, 0x00, _, _, 0x6a | 0x6c, ..] => App::Kerberos,
        // Interpret-as-command with a negotiation verb (RFC 854).
        [0xff, 0xfb..=0xfe, _, ..] => App::Telnet,
        // ENQ alone, or a frame with a header record (ASTM E1381).
        [0x05] | [0x02, b'1', b'H', b'|', ..] => App::Astm,
        // Modbus application header: protocol 0, a length that fits, a function code in use.
        [_, _, 0, 0, high, low, _, function, ..]
            if usize::from(u16::from_be_bytes([*high, *low])) + 6 == head.len()
                && matches!(function & 0x7f, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43) =>
        {
            App::Modbus
        }
        _ => text(head),
    }
}

/// Text protocols.
fn text(head: &[u8]) -> App {
    let starts = |word: &[u8]| head.starts_with(word);
    if starts(b"RTSP/1.0 ") || (head.windows(9).take(256).any(|w| w == b" RTSP/1.0")) {
        App::Rtsp
    } else if starts(b"SIP/2.0 ") || head.windows(8).take(256).any(|w| w == b" SIP/2.0") {
        App::Sip
    } else if starts(b"220 ") || starts(b"220-") || starts(b"USER ") {
        App::Ftp
    } else if starts(b"<?xml") && head.windows(8).take(512).any(|w| w == b"<HEL.R01") || starts(b"<HEL.R01") {
        App::Poct1a
    } else {
        App::Unknown
    }
}

/// What a datagram looks like.
pub fn datagram(bytes: &[u8], ports: (u16, u16)) -> App {
    let on = |port: u16| ports.0 == port || ports.1 == port;
    match bytes {
        // BACnet virtual link control (ASHRAE 135 annex J): type, function, length of the whole.
        [0x81, 0x00..=0x0c, high, low, ..]
            if usize::from(u16::from_be_bytes([*high, *low])) == bytes.len() =>
        {
            App::Bacnet
        }
        // SNMP message: sequence, version 0, 1 or 3 (RFC 3416).
        [0x30, rest @ ..] if snmp(rest) => App::Snmp,
        [first, ..] if on(123) && bytes.len() >= 48 && (1..=4).contains(&((first >> 3) & 7)) => App::Ntp,
        [b'<', b'0'..=b'9', ..] if on(514) && bytes.iter().take(6).any(|&b| b == b'>') => App::Syslog,
        // QUIC long header, version 1 or 2, initial packet (RFC 9000 section 17.2).
        [first, 0, 0, 0, 1, ..] if first & 0xc0 == 0xc0 && bytes.len() >= 1200 => App::Quic,
        [first, 0x6b, 0x33, 0x43, 0xcf, ..] if first & 0xc0 == 0xc0 && bytes.len() >= 1200 => App::Quic,
        [1 | 11 | 12 | 13, _, _, _, ..] if on(546) || on(547) => App::Dhcpv6,
        // IntelliVue data export: association or data, on its registered ports.
        [0x0d | 0x0e | 0x0c | 0x09 | 0x0a | 0x19 | 0xe1, ..] if on(24_105) => App::Intellivue,
        [0, 0, _, _, 0, 1, ..] if on(24_005) => App::Intellivue,
        _ if bytes.starts_with(b"M-SEARCH ") || bytes.starts_with(b"NOTIFY * HTTP") => App::Ssdp,
        _ if on(1900) && bytes.starts_with(b"HTTP/1.1 200") => App::Ssdp,
        _ if on(3702) && bytes.windows(9).take(1024).any(|w| w == b"discovery") => App::WsDiscovery,
        _ if on(88) && matches!(bytes, [0x6a..=0x6e | 0x7e, ..]) => App::Kerberos,
        _ if bytes.starts_with(b"SIP/2.0 ") || bytes.windows(8).take(256).any(|w| w == b" SIP/2.0") => {
            App::Sip
        }
        // RTP version 2 with a payload type in use; weak, so only even high ports (RFC 3550 section 11).
        [first, kind, ..]
            if first & 0xc0 == 0x80
                && bytes.len() >= 12
                && matches!(kind & 0x7f, 0..=34 | 96..=127)
                && ports.0 >= 1024
                && ports.1 >= 1024
                && ports.0.is_multiple_of(2)
                && ports.1.is_multiple_of(2) =>
        {
            App::Rtp
        }
        _ => App::Unknown,
    }
}

/// After the sequence tag: a length in short or long form, then the version.
fn snmp(rest: &[u8]) -> bool {
    let body = match rest {
        [len, body @ ..] if *len < 0x80 => body,
        [0x81, _, body @ ..] | [0x82, _, _, body @ ..] => body,
        _ => return false,
    };
    matches!(body, [0x02, 0x01, 0 | 1, 0x04, ..] | [0x02, 0x01, 3, 0x30, ..])
}
