use super::{Dhcp, Kind, exchange, read};
use crate::{Said, Side};
use abi::address::{Ip, Mac, Timestamp};
use proptest::prelude::*;

/// A message with header fields for the server name and boot file, and options.
fn message(op: u8, file: &[u8], server_name: &[u8], options: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![op, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0];
    bytes.extend([0; 4]);
    bytes.extend(if op == 2 { [10, 0, 0, 50] } else { [0; 4] });
    bytes.extend([0; 8]);
    bytes.extend([0x3c, 0xd9, 0x2b, 1, 2, 3]);
    bytes.resize(44, 0);
    bytes.extend(server_name);
    bytes.resize(108, 0);
    bytes.extend(file);
    bytes.resize(236, 0);
    bytes.extend([0x63, 0x82, 0x53, 0x63]);
    bytes.extend(options.concat());
    bytes
}

const DISCOVER: &[&[u8]] = &[
    &[53, 1, 1],
    &[61, 7, 1, 0x3c, 0xd9, 0x2b, 1, 2, 3],
    &[0, 0],
    &[12, 6, b'p', b'u', b'm', b'p', b'-', b'7'],
    &[60, 5, b'A', b'C', b'M', b'E', 0],
    &[55, 4, 1, 3, 6, 15],
    &[50, 4, 10, 0, 0, 49],
    &[255],
    &[12, 3, b'n', b'o', b'!'],
];

fn fields(dhcp: &Dhcp) -> Vec<String> {
    let mut told = Vec::new();
    dhcp.fields(&mut |name, value| told.push(format!("{name}={value:?}")));
    told
}

#[test]
fn a_discover_tells_what_the_client_is() {
    let bytes = message(1, &[], &[], DISCOVER);
    let dhcp = read(&bytes).unwrap();
    assert_eq!((dhcp.kind, dhcp.op(), dhcp.transaction), (Kind::Discover, "discover", 0xdead_beef));
    assert_eq!(dhcp.client_mac, Mac([0x3c, 0xd9, 0x2b, 1, 2, 3]));
    assert_eq!((dhcp.hostname.as_deref(), dhcp.vendor_class.as_deref()), (Some("pump-7"), Some("ACME")));
    assert_eq!(dhcp.parameters, [1, 3, 6, 15]);
    assert_eq!(dhcp.order, [53, 61, 12, 60, 55, 50]);
    assert_eq!((dhcp.requested_ip, dhcp.your_ip), (Some(Ip::v4([10, 0, 0, 49])), None));
    let told = fields(&dhcp);
    assert!(told.contains(&"parameter_list=Text(\"1,3,6,15\")".to_owned()), "{told:?}");
    assert!(!told.iter().any(|field| field.starts_with("client_id_hash")), "it only repeats the MAC address");
}

#[test]
fn an_ack_is_asked_by_the_client_and_tells_the_lease() {
    let options: &[&[u8]] = &[
        &[53, 1, 5],
        &[54, 4, 10, 0, 0, 1],
        &[51, 4, 0, 0, 14, 16],
        &[3, 8, 10, 0, 0, 254, 10, 0, 0, 253],
        &[6, 9, 10, 0, 0, 2, 10, 0, 0, 3, 9],
        &[15, 8, b'h', b'o', b's', b'p', b'.', b'l', b'a', b'n'],
        &[255],
    ];
    let bytes = message(2, &[], &[], options);
    let exchange = exchange(Side::Server, Timestamp(4), &bytes).unwrap();
    assert_eq!(exchange.from, Side::Client);
    let Said::Dhcp(dhcp) = exchange.said else { panic!() };
    assert_eq!((dhcp.op(), dhcp.lease), ("ack", Some(3600)));
    assert_eq!((dhcp.your_ip, dhcp.server_id), (Some(Ip::v4([10, 0, 0, 50])), Some(Ip::v4([10, 0, 0, 1]))));
    assert_eq!((dhcp.router, dhcp.domain.as_deref()), (Some(Ip::v4([10, 0, 0, 254])), Some("hosp.lan")));
    assert_eq!(dhcp.dns, [Ip::v4([10, 0, 0, 2]), Ip::v4([10, 0, 0, 3])]);
}

#[test]
fn every_message_type_has_its_word() {
    let words = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
    for (kind, word) in (1..).zip(words) {
        assert_eq!(read(&message(1, &[], &[], &[&[53, 1, kind]])).unwrap().op(), word);
    }
    assert_eq!(read(&message(1, &[], &[], &[&[53, 1, 9]])), None);
}

#[test]
fn options_go_on_in_the_fields_that_option_52_lends() {
    let options: &[&[u8]] = &[&[53, 1, 3], &[52, 1, 3], &[255]];
    let dhcp = read(&message(1, &[12, 2, b'i', b'n', 255], &[60, 2, b's', b'n'], options)).unwrap();
    assert_eq!((dhcp.hostname.as_deref(), dhcp.vendor_class.as_deref()), (Some("in"), Some("sn")));
    assert_eq!(dhcp.order, [53, 52, 12, 60]);
    let without = read(&message(1, &[12, 2, b'i', b'n', 255], &[], &[&[53, 1, 3]])).unwrap();
    assert_eq!(without.hostname, None);
}

#[test]
fn parts_of_a_long_option_are_joined_up_to_a_cap() {
    let part = [&[60, 200], [b'x'; 200].as_slice()].concat();
    let dhcp = read(&message(1, &[], &[], &[&[53, 1, 1], &[12, 1, b'a'], &part, &[12, 1, b'b']])).unwrap();
    assert_eq!((dhcp.hostname.as_deref(), dhcp.vendor_class.unwrap().len()), (Some("ab"), 128));
    assert_eq!(dhcp.order, [53, 12, 60]);
    let list = [&[55, 255], [1; 255].as_slice()].concat();
    let dhcp = read(&message(1, &[], &[], &[&[53, 1, 1], &list, &list, &list])).unwrap();
    assert_eq!(dhcp.parameters.len(), 512);
}

#[test]
fn full_names_come_as_text_or_as_labels() {
    let text = read(&message(1, &[], &[], &[&[53, 1, 3], &[81, 6, 1, 0, 0, b'p', b'.', b'x']])).unwrap();
    assert_eq!(text.fqdn.as_deref(), Some("p.x"));
    let labels = read(&message(1, &[], &[], &[&[53, 1, 3], &[81, 8, 4, 0, 0, 1, b'p', 1, b'x', 0]])).unwrap();
    assert_eq!(labels.fqdn.as_deref(), Some("p.x"));
}

#[test]
fn an_identifier_of_another_kind_is_hashed() {
    let dhcp = read(&message(1, &[], &[], &[&[53, 1, 3], &[61, 3, 0, b'i', b'd']])).unwrap();
    let told = fields(&dhcp);
    let hash = told.iter().find(|field| field.starts_with("client_id_hash")).unwrap();
    assert_eq!(hash.len(), "client_id_hash=Text(\"\")".len() + 16);
}

#[test]
fn what_is_no_dhcp_is_not_read() {
    let bytes = message(1, &[], &[], DISCOVER);
    assert_eq!(read(&bytes[..242]), None, "cut before the message type");
    assert_eq!(read(&message(1, &[], &[], &[&[12, 1, b'a']])), None, "BOOTP");
    assert_eq!(read(&message(3, &[], &[], DISCOVER)), None);
    let mut other = bytes;
    other[236] = 0;
    assert_eq!(read(&other), None);
}

proptest! {
    #[test]
    fn arbitrary_options_do_no_harm(op in 1_u8..3, area in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = message(op, &area[..area.len().min(128)], &area[..area.len().min(64)], &[&[53, 1, 1, 52, 1, 3], &area]);
        let dhcp = read(&bytes).unwrap();
        prop_assert!(dhcp.order.len() <= 64 && dhcp.dns.len() <= 4 && dhcp.parameters.len() <= 512);
        fields(&dhcp);
    }

    #[test]
    fn arbitrary_and_mutated_bytes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        read(&noise);
        let mut bytes = message(1, &[], &[], DISCOVER);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Some(dhcp) = read(&bytes) {
            fields(&dhcp);
        }
    }
}
