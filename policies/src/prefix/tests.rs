use std::net::IpAddr;

use abi::address::Ip;
use proptest::prelude::*;

use super::{Prefix, internet, mask};

fn ip(text: &str) -> Ip {
    Ip::from(text.parse::<IpAddr>().unwrap())
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    let ip = ip(address);
    let before = if ip.as_v4().is_some() { 96 } else { 0 };
    Prefix { ip, bits: length.parse::<u8>().unwrap() + before }
}

/// The longest prefix that holds an address.
fn longest(prefixes: &[Prefix], ip: Ip) -> Option<Prefix> {
    prefixes.iter().copied().filter(|prefix| prefix.contains(ip)).max_by_key(|prefix| prefix.bits)
}

#[test]
fn lengths_are_shown_as_they_are_written() {
    assert_eq!(prefix("10.0.0.0/8").to_string(), "10.0.0.0/8");
    assert_eq!(prefix("fd00::/64").to_string(), "fd00::/64");
    assert_eq!((prefix("10.0.0.0/8").length(), prefix("10.0.0.0/8").mapped_length()), (8, 104));
}

#[test]
fn an_ipv6_prefix_holds_no_ipv4_address() {
    assert!(!prefix("::/0").contains(ip("10.0.0.1")));
    assert!(prefix("::/0").contains(ip("fd00::1")));
    assert!(prefix("0.0.0.0/0").contains(ip("10.0.0.1")));
    assert!(!prefix("0.0.0.0/0").contains(ip("fd00::1")));
}

#[test]
fn a_policy_that_declares_everything_leaves_no_internet() {
    assert_eq!(internet(&[prefix("0.0.0.0/0"), prefix("::/0")]), []);
}

#[test]
fn the_internet_is_few_prefixes() {
    assert!(internet(&[]).len() < 80, "{}", internet(&[]).len());
}

fn some_ip() -> impl Strategy<Value = Ip> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(Ip::v4),
        (prop::sample::select(vec![0_u8, 10, 100, 127, 169, 172, 192, 203, 224, 255]), any::<[u8; 3]>())
            .prop_map(|(a, [b, c, d])| Ip::v4([a, b, c, d])),
        any::<[u8; 16]>().prop_map(Ip),
        (prop::sample::select(vec![0x20_u8, 0x3f, 0x40, 0xfc, 0xfe, 0xff, 0]), any::<[u8; 15]>()).prop_map(
            |(first, rest)| {
                let mut bytes = [first; 16];
                bytes[1..].copy_from_slice(&rest);
                Ip(bytes)
            }
        ),
    ]
}

fn some_prefix() -> impl Strategy<Value = Prefix> {
    (some_ip(), 0..=128_u8).prop_map(|(ip, length)| {
        let bits = if ip.as_v4().is_some() { 96 + length % 33 } else { length };
        let cut = Ip((u128::from_be_bytes(ip.0) & mask(bits)).to_be_bytes());
        // Cut short, an IPv6 prefix may look like mapped IPv4; such a one cannot be declared.
        let ip = if cut.as_v4().is_some() == ip.as_v4().is_some() { cut } else { Ip::v4([10, 0, 0, 0]) };
        Prefix { ip, bits: if ip.as_v4().is_some() { bits.max(104) } else { bits } }
    })
}

proptest! {
    #[test]
    fn what_is_declared_wins_and_the_rest_that_is_not_internal_is_the_internet(
        declared in prop::collection::vec(some_prefix(), 0..6),
        ip in some_ip(),
    ) {
        let outside = internet(&declared);
        let found = longest(&[declared.clone(), outside.clone()].concat(), ip);
        if let Some(wanted) = longest(&declared, ip) {
            prop_assert_eq!(found, Some(wanted));
            return Ok(());
        }
        let host = match ip.as_v4() {
            Some([first, ..]) => first != 0 && first < 224,
            None => ip.0[0] >> 5 == 1 || ip.0.starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]),
        };
        prop_assert_eq!(found.is_some(), host && !ip.is_internal() && !ip.is_group(), "{}", ip);
    }
}
