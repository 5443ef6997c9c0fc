use super::{Session, Tls, claim};
use crate::{Appetite, Claim, Exchange, Said, Side};
use abi::address::Timestamp;
use proptest::prelude::*;

/// Puts a length of so many bytes before bytes.
fn counted(width: usize, bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&len[4 - width..], bytes].concat()
}

fn list(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().as_slice(), &counted(2, content)].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], counted(3, body).as_slice()].concat()
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], counted(2, content).as_slice()].concat()
}

fn client_hello(version: u16, ciphers: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [
        list(&[version]),
        vec![7; 32],
        counted(1, &[9; 32]),
        counted(2, &list(ciphers)),
        vec![1, 0],
        counted(2, &extensions.concat()),
    ];
    message(1, &body.concat())
}

fn server_hello(version: u16, cipher: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    server_hello_with([8; 32], version, cipher, extensions)
}

fn server_hello_with(random: [u8; 32], version: u16, cipher: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let body = [
        list(&[version]),
        random.to_vec(),
        vec![0],
        list(&[cipher]),
        vec![0],
        counted(2, &extensions.concat()),
    ];
    message(2, &body.concat())
}

fn sni(name: &str) -> Vec<u8> {
    extension(0, &counted(2, &[&[0], counted(2, name.as_bytes()).as_slice()].concat()))
}

fn alpn(names: &[&[u8]]) -> Vec<u8> {
    extension(16, &counted(2, &names.iter().flat_map(|name| counted(1, name)).collect::<Vec<_>>()))
}

const CIPHERS: [u16; 16] = [
    0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
    0x009d, 0x002f, 0x0035,
];

/// The hello of a browser: GREASE in every list, extensions as given and the telling ones.
fn browser(others: &[u16], algorithms: &[u16]) -> Vec<u8> {
    let mut extensions = vec![extension(0x1a1a, &[])];
    extensions.extend(others.iter().map(|kind| extension(*kind, &[])));
    extensions.push(extension(13, &counted(2, &list(algorithms))));
    extensions.push(alpn(&[b"h2", b"http/1.1"]));
    extensions.push(extension(43, &counted(1, &list(&[0xfafa, 0x0304, 0x0303]))));
    extensions.push(sni("Updates.Example"));
    extensions.push(extension(0xbaba, &[0]));
    client_hello(0x0303, &CIPHERS, &extensions)
}

fn chrome() -> Vec<u8> {
    browser(
        &[0x1b, 0x33, 0x4469, 0x17, 0x2d, 5, 0x23, 0x12, 0xff01, 0xb, 0xa, 0x15],
        &[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
    )
}

fn run(parts: &[(Side, Vec<u8>)]) -> (Vec<Exchange>, Session) {
    let (mut session, mut out) = (Session::default(), Vec::new());
    for (index, (side, bytes)) in parts.iter().enumerate() {
        session.feed(*side, Timestamp(index as u64), bytes, &mut out);
    }
    (out, session)
}

fn only(out: &[Exchange]) -> &Tls {
    match out {
        [Exchange { said: Said::Tls(tls), .. }] => tls,
        other => panic!("{other:?}"),
    }
}

fn ja4(hello: &[u8]) -> String {
    let (_, mut session) = run(&[(Side::Client, record(22, hello))]);
    let mut out = Vec::new();
    session.finish(Timestamp(0), &mut out);
    only(&out).ja4.clone().unwrap()
}

#[test]
fn ja4_equals_the_published_vectors() {
    assert_eq!(ja4(&chrome()), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    let newer = browser(
        &[0xfe0d, 0x17, 0x33, 0x44cd, 0xff01, 0xa, 0x23, 0xb, 0xca34, 0x2d, 5, 0x1b, 0x12],
        &[0x3a3a, 0x0904, 0x0905, 0x0906, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
    );
    assert_eq!(ja4(&newer), "t13d1517h2_8daaf6152771_cb7bf5808d99");
}

#[test]
fn ja4_marks_what_is_absent_or_odd() {
    let cases: [(Vec<u8>, &str); 7] = [
        (client_hello(0x0301, &[], &[]), "t10i000000_000000000000_000000000000"),
        (client_hello(0x0300, &[], &[alpn(&[b"x"])]), "ts3i0001xx_000000000000_000000000000"),
        (client_hello(0x0303, &[], &[alpn(&[&[0xab]])]), "t12i0001ab_000000000000_000000000000"),
        (client_hello(0x0303, &[], &[alpn(&[&[0xab, 0xcd]])]), "t12i0001ad_000000000000_000000000000"),
        (client_hello(0x0303, &[], &[alpn(&[&[0x30, 0xab]])]), "t12i00013b_000000000000_000000000000"),
        (client_hello(0x0303, &[], &[alpn(&[b""])]), "t12i000100_000000000000_000000000000"),
        (client_hello(0x7777, &[], &[sni("")]), "t00d000100_000000000000_000000000000"),
    ];
    for (hello, expected) in cases {
        assert_eq!(ja4(&hello), expected);
    }
}

#[test]
fn a_tls_1_3_handshake_is_one_row_when_the_client_goes_on() {
    let answer = server_hello(0x0303, 0x1302, &[extension(43, &[3, 4])]);
    let mut parts = vec![
        (Side::Client, record(22, &chrome())),
        (Side::Server, [record(22, &answer), record(20, &[1]), record(23, &[0; 40])].concat()),
    ];
    assert_eq!(run(&parts).0, []);
    parts.push((Side::Client, record(20, &[1])));
    let (out, session) = run(&parts);
    let tls = only(&out);
    assert_eq!(tls.sni.as_deref(), Some("updates.example"));
    assert_eq!(tls.alpn_offered, ["h2", "http/1.1"]);
    assert_eq!((tls.client_version, tls.version, tls.cipher), (Some(0x0304), Some(0x0304), Some(0x1302)));
    assert_eq!((tls.ciphers, tls.alert), (15, None));
    assert_eq!((out[0].at, out[0].from), (Timestamp(0), Side::Client));
    assert_eq!(session.appetite(), Appetite::Done);
    let mut fields = Vec::new();
    out[0].said.fields(&mut |name, value| fields.push(format!("{name}={value:?}")));
    assert!(fields.contains(&"cipher=Text(\"TLS_AES_256_GCM_SHA384\")".to_owned()), "{fields:?}");
}

#[test]
fn early_data_do_not_end_the_wait_for_the_server() {
    let parts = [
        (Side::Client, [record(22, &chrome()), record(20, &[1]), record(23, &[0; 40])].concat()),
        (Side::Server, record(22, &server_hello(0x0303, 0x1301, &[extension(43, &[3, 4])]))),
        (Side::Client, record(23, &[0; 40])),
    ];
    assert_eq!(only(&run(&parts).0).cipher, Some(0x1301));
}

#[test]
fn a_retry_is_one_handshake_with_the_first_hello() {
    let retry = server_hello_with(super::hello::RETRY, 0x0303, 0x1301, &[extension(43, &[3, 4])]);
    let parts = [
        (Side::Client, record(22, &chrome())),
        (Side::Server, [record(22, &retry), record(20, &[1])].concat()),
        (Side::Client, [record(20, &[1]), record(22, &client_hello(0x0303, &[0x1302], &[]))].concat()),
        (Side::Server, record(22, &server_hello(0x0303, 0x1302, &[extension(43, &[3, 4])]))),
        (Side::Client, record(23, &[0; 40])),
    ];
    let (out, _) = run(&parts);
    let tls = only(&out);
    assert_eq!(tls.cipher, Some(0x1302));
    assert_eq!(tls.ja4.as_deref(), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
}

/// A certificate as DER, of its name parts.
fn certificate() -> Vec<u8> {
    let der = |tag: u8, content: &[u8]| [&[tag, 0x82], counted(2, content).as_slice()].concat();
    let attribute = |last: u8, text: &str| {
        der(0x31, &der(0x30, &[der(6, &[0x55, 4, last]), der(0x0c, text.as_bytes())].concat()))
    };
    let issuer = der(0x30, &attribute(10, "Hospital CA"));
    let subject = der(0x30, &[attribute(10, "Acme Medical"), attribute(3, "pump-7")].concat());
    let validity = der(0x30, &[der(0x17, b"240101000000Z"), der(0x18, b"20340102030405Z")].concat());
    let body = [der(0xa0, &der(2, &[2])), der(2, &[1]), der(0x30, &[]), issuer, validity, subject].concat();
    der(0x30, &[der(0x30, &body), der(0x30, &[])].concat())
}

#[test]
fn tls_1_2_tells_the_certificate_and_a_fatal_alert() {
    let chain = counted(3, &[counted(3, &certificate()), counted(3, &[0; 20])].concat());
    let flight = [
        server_hello(0x0303, 0xc02f, &[alpn(&[b"http/1.1"])]),
        message(11, &chain),
        message(12, &[0; 300]),
        message(14, &[]),
    ];
    // The messages share records, and one is split between two.
    let flight = flight.concat();
    let (head, tail) = flight.split_at(150);
    let parts = [
        (Side::Client, record(22, &client_hello(0x0303, &[0xc02f], &[]))),
        (Side::Server, [record(22, head), record(22, tail)].concat()),
        (Side::Client, record(21, &[2, 48])),
    ];
    let (out, session) = run(&parts);
    let tls = only(&out);
    let certificate = tls.certificate.as_ref().unwrap();
    assert_eq!(certificate.subject.as_deref(), Some("pump-7"));
    assert_eq!(certificate.subject_organization.as_deref(), Some("Acme Medical"));
    assert_eq!(certificate.issuer.as_deref(), Some("Hospital CA"));
    assert_eq!(certificate.not_after.as_deref(), Some("2034-01-02T03:04:05Z"));
    assert_eq!((tls.alpn.as_deref(), tls.alert), (Some("http/1.1"), Some(48)));
    assert_eq!(session.appetite(), Appetite::Done);
}

#[test]
fn a_warning_does_not_end_a_handshake() {
    let parts = [
        (Side::Client, record(22, &chrome())),
        (Side::Server, record(21, &[1, 112])),
        (Side::Server, record(22, &server_hello(0x0303, 0xc02f, &[]))),
        (Side::Client, record(20, &[1])),
    ];
    let (out, _) = run(&parts);
    assert_eq!((only(&out).alert, only(&out).version), (None, Some(0x0303)));
}

#[test]
fn a_refused_hello_is_a_row_with_its_alert() {
    let parts = [(Side::Client, record(22, &chrome())), (Side::Server, record(21, &[2, 70]))];
    let (out, _) = run(&parts);
    assert_eq!((only(&out).alert, only(&out).version), (Some(70), None));
}

#[test]
fn the_tls_client_may_be_the_side_that_was_connected_to() {
    let parts = [
        (Side::Server, record(22, &chrome())),
        (Side::Client, record(22, &server_hello(0x0303, 0xc02f, &[]))),
        (Side::Server, record(20, &[1])),
    ];
    assert_eq!(run(&parts).0[0].from, Side::Server);
}

#[test]
fn a_stream_met_midway_has_no_row_and_no_appetite() {
    let (out, session) = run(&[(Side::Server, record(23, &[0; 40]))]);
    assert_eq!((out, session.appetite()), (vec![], Appetite::Done));
}

#[test]
fn a_gap_ends_the_handshake_with_what_was_seen() {
    let (mut out, mut session) = run(&[(Side::Client, record(22, &chrome()))]);
    session.gap(Side::Server, 100);
    assert_eq!(session.appetite(), Appetite::Hungry);
    session.feed(Side::Client, Timestamp(9), &[0; 5], &mut out);
    assert_eq!(only(&out).version, None);
    assert_eq!(session.appetite(), Appetite::Done);
}

#[test]
fn one_direction_alone_is_told_in_the_end() {
    let (mut out, mut session) = run(&[(Side::Server, record(22, &server_hello(0x0303, 0xc02f, &[])))]);
    session.finish(Timestamp(1), &mut out);
    assert_eq!((only(&out).cipher, only(&out).ja4.clone(), out[0].from), (Some(0xc02f), None, Side::Client));
}

#[test]
fn patience_with_a_silent_server_is_bounded() {
    let mut parts = vec![(Side::Client, record(22, &chrome()))];
    parts.extend((0..40).map(|_| (Side::Client, record(23, &[0; 40]))));
    let (out, session) = run(&parts);
    assert_eq!((out.len(), session.appetite()), (1, Appetite::Done));
}

#[test]
fn claims_go_by_content() {
    let hello = record(22, &chrome());
    for len in 0..5 {
        assert_eq!(claim(&hello[..len]), Claim::More, "{len}");
    }
    assert_eq!(claim(&hello[..7]), Claim::Yes);
    assert_eq!(claim(&record(23, &[0; 40])[..5]), Claim::Yes);
    assert_eq!(claim(&record(21, &[2, 40])), Claim::Yes);
    for other in [
        &b"GET / HTTP/1.1"[..],
        b"\x16\x03\x09\0\x10\x01\0",
        b"\x0bMSH|",
        b"\x17\x03\x03\0\x01",
        b"\x16\x03\x01\0\x40\x63",
    ] {
        assert_eq!(claim(other), Claim::No, "{other:?}");
    }
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 192, "{}", size_of::<Session>());
}

fn handshake() -> Vec<(Side, Vec<u8>)> {
    let chain = counted(3, &counted(3, &certificate()));
    vec![
        (Side::Client, record(22, &chrome())),
        (
            Side::Server,
            record(22, &[server_hello(0x0303, 0xc02f, &[]), message(11, &chain), message(14, &[])].concat()),
        ),
        (
            Side::Client,
            [record(22, &message(16, &[1; 60])), record(20, &[1]), record(22, &[0x55; 40])].concat(),
        ),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_row(sizes in prop::collection::vec(1_usize..200, 1..40)) {
        let (mut session, mut out) = (Session::default(), Vec::new());
        let mut sizes = sizes.iter().cycle();
        for (index, (side, bytes)) in handshake().iter().enumerate() {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                session.feed(*side, Timestamp(index as u64), chunk, &mut out);
                rest = behind;
            }
        }
        prop_assert_eq!(out, run(&handshake()).0);
    }

    #[test]
    fn mutated_handshakes_do_no_harm(
        changes in prop::collection::vec((0_usize..3, any::<prop::sample::Index>(), any::<u8>()), 1..6),
        gap in prop::option::of(0_usize..3),
    ) {
        let mut parts = handshake();
        for (part, at, value) in changes {
            let bytes = &mut parts[part].1;
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (index, (side, bytes)) in parts.iter().enumerate() {
            if gap == Some(index) {
                session.gap(*side, 7);
            }
            session.feed(*side, Timestamp(0), bytes, &mut out);
        }
        session.finish(Timestamp(1), &mut out);
        prop_assert!(out.len() <= 1);
        for exchange in &out {
            exchange.said.fields(&mut |_, _| {});
        }
        prop_assert_eq!(session.appetite(), Appetite::Done);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..8),
    ) {
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (is_client, bytes) in parts {
            claim(&bytes);
            let side = if is_client { Side::Client } else { Side::Server };
            session.feed(side, Timestamp(0), &bytes, &mut out);
        }
        session.finish(Timestamp(0), &mut out);
        prop_assert!(out.len() <= 1);
    }
}
