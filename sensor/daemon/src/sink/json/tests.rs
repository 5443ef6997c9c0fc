use super::Json;
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use proptest::prelude::{any, proptest};
use std::net::{IpAddr, Ipv6Addr};

/// What `write` puts into an empty buffer.
fn written(write: impl FnOnce(&mut Json)) -> String {
    let mut json = Json::default();
    write(&mut json);
    String::from_utf8(json.bytes().to_vec()).unwrap()
}

fn time(nanoseconds: u64) -> String {
    written(|json| {
        json.time(Timestamp(nanoseconds));
    })
}

#[test]
fn times_are_rfc_3339_in_utc_with_all_nanoseconds() {
    assert_eq!(time(0), "\"1970-01-01T00:00:00.000000000Z\"");
    assert_eq!(time(951_782_399_999_999_999), "\"2000-02-28T23:59:59.999999999Z\"");
    assert_eq!(time(951_782_400_000_000_001), "\"2000-02-29T00:00:00.000000001Z\"");
    assert_eq!(time(951_868_800_000_000_000), "\"2000-03-01T00:00:00.000000000Z\"");
    assert_eq!(time(1_709_164_800_000_000_000), "\"2024-02-29T00:00:00.000000000Z\"");
    assert_eq!(time(1_767_225_599_123_456_789), "\"2025-12-31T23:59:59.123456789Z\"");
    assert_eq!(time(4_107_542_400_000_000_000), "\"2100-03-01T00:00:00.000000000Z\"");
    assert_eq!(time(u64::MAX), "\"2554-07-21T23:34:33.709551615Z\"");
}

#[test]
fn decimals_are_fixed_and_zeros_at_the_end_are_left_out() {
    let fixed = |value, decimals| {
        written(|json| {
            json.fixed(value, decimals);
        })
    };
    assert_eq!(fixed(0.0, 6), "0");
    assert_eq!(fixed(-0.0, 6), "0");
    assert_eq!(fixed(1.5, 6), "1.5");
    assert_eq!(fixed(0.000_000_4, 6), "0");
    assert_eq!(fixed(-0.000_000_6, 6), "-0.000001");
    assert_eq!(fixed(2.0 / 3.0, 3), "0.667");
    assert_eq!(fixed(1234.05, 2), "1234.05");
    assert_eq!(fixed(1e30, 6), "1000000000000000019884624838656");
    assert_eq!(fixed(f64::NAN, 6), "null");
    assert_eq!(fixed(f64::NEG_INFINITY, 6), "null");
}

#[test]
fn seconds_keep_every_nanosecond() {
    let seconds = |value| {
        written(|json| {
            json.seconds(value);
        })
    };
    assert_eq!(seconds(0), "0");
    assert_eq!(seconds(1), "0.000000001");
    assert_eq!(seconds(1_500_000_000), "1.5");
    assert_eq!(seconds(u64::MAX), "18446744073.709551615");
}

#[test]
fn small_probabilities_stay_apart_from_zero() {
    let p = |value| {
        written(|json| {
            json.probability(value);
        })
    };
    assert_eq!(p(0.0), "0");
    assert_eq!(p(1.0), "1.000e0");
    assert_eq!(p(1.234_56e-12), "1.235e-12");
    assert_eq!(p(f64::INFINITY), "null");
}

#[test]
fn text_is_escaped_as_rfc_8259_says() {
    let text = written(|json| {
        json.text("a\"b\\c\nd\re\tf\u{0}g\u{1f}h\u{7f}ü\u{2028}😀");
    });
    assert_eq!(text, "\"a\\\"b\\\\c\\nd\\re\\tf\\u0000g\\u001fh\u{7f}ü\u{2028}😀\"");
}

#[test]
fn one_character_that_needs_an_escape_is_found_wherever_it_stands() {
    for special in (0..=0xff_u8).map(char::from) {
        for at in 0..20 {
            let text: String = (0..20).map(|place| if place == at { special } else { 'a' }).collect();
            let json = written(|json| {
                json.text(&text);
            });
            assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text), "{special:?} at {at}");
        }
    }
}

#[test]
fn absent_addresses_are_null() {
    assert_eq!(
        written(|json| {
            json.mac(Mac::NONE).raw(b",").ip(Ip::NONE);
        }),
        "null,null"
    );
}

#[test]
fn a_comma_before_the_closing_bracket_is_taken_back() {
    let text = written(|json| {
        json.raw(b"[").number(1).raw(b",").number(2).raw(b",").close(b']').raw(b"[").close(b']');
    });
    assert_eq!(text, "[1,2][]");
}

proptest! {
    #[test]
    fn any_text_reads_back(text in any::<String>()) {
        let json = written(|json| { json.text(&text); });
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn any_number_reads_as_the_standard_library_writes_it(value in any::<u64>(), signed in any::<i64>(), small in 0..1000_u64) {
        assert_eq!(written(|json| { json.number(value); }), value.to_string());
        assert_eq!(written(|json| { json.number(small); }), small.to_string());
        assert_eq!(written(|json| { json.signed(signed); }), signed.to_string());
    }

    #[test]
    fn any_address_reads_as_the_standard_library_writes_it(
        groups in proptest::array::uniform8(proptest::prop_oneof![proptest::prelude::Just(0_u16), any::<u16>(), 0..20_u16]),
        v4 in any::<[u8; 4]>(),
        mac in any::<[u8; 6]>(),
    ) {
        for ip in [Ip::from(IpAddr::from(Ipv6Addr::from(groups))), Ip::v4(v4)] {
            let expected = if ip.is_none() { "null".to_owned() } else { format!("\"{ip}\"") };
            assert_eq!(written(|json| { json.ip(ip); }), expected);
            let device = DeviceKey::Ip(ip);
            assert_eq!(written(|json| { json.device(device); }), format!("\"{device}\""));
        }
        let mac = Mac(mac);
        let expected = if mac.is_none() { "null".to_owned() } else { format!("\"{mac}\"") };
        assert_eq!(written(|json| { json.mac(mac); }), expected);
        let device = DeviceKey::Mac(mac);
        assert_eq!(written(|json| { json.device(device); }), format!("\"{device}\""));
    }

    #[test]
    fn any_finite_float_is_a_json_number_close_to_itself(value in proptest::num::f64::NORMAL) {
        let json = written(|json| { json.fixed(value, 6); });
        let read: f64 = serde_json::from_str(&json).unwrap();
        assert!((read - value).abs() <= 5e-7 + value.abs() * 1e-12, "{value} became {json}");
    }

    #[test]
    fn times_in_order_give_texts_in_order(a in any::<u64>(), b in any::<u64>()) {
        assert_eq!(time(a).cmp(&time(b)), a.cmp(&b));
    }
}
