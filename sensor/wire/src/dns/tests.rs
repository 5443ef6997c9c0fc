use super::{Dns, Operation, Session, claim_tcp, hint, read};
use crate::{Appetite, Claim, Exchange, Said, Side};
use abi::address::{Ip, Timestamp};
use abi::app::App;
use proptest::prelude::*;

const C: Side = Side::Client;
const S: Side = Side::Server;

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn message(id: u16, flags: u16, counts: [u16; 4], body: &[&[u8]]) -> Vec<u8> {
    let head: Vec<u8> = [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect();
    [head, body.concat()].concat()
}

fn question(text: &str, kind: u16) -> Vec<u8> {
    [name(text), kind.to_be_bytes().to_vec(), vec![0, 1]].concat()
}

fn record(owner: &[u8], kind: u16, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [owner, &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &len, content].concat()
}

/// A pointer to the name of the first question.
const FIRST: [u8; 2] = [0xc0, 12];

fn query() -> Vec<u8> {
    message(77, 0x0100, [1, 0, 0, 0], &[&question("PACS.Hosp.lan", 1)])
}

fn response() -> Vec<u8> {
    let records =
        [record(&FIRST, 1, &[10, 0, 0, 9]), record(&FIRST, 28, &[0x20; 16]), record(&FIRST, 5, &FIRST)];
    message(77, 0x8180, [1, 3, 0, 0], &[&question("pacs.hosp.lan", 1), &records.concat()])
}

fn run(app: App, parts: &[(Side, Vec<u8>)]) -> Vec<Exchange> {
    let (mut session, mut out) = (Session::on(app), Vec::new());
    for (index, (side, bytes)) in parts.iter().enumerate() {
        assert_eq!(session.datagram(*side, Timestamp(index as u64), bytes, &mut out), Claim::Yes);
    }
    session.finish(Timestamp(99), &mut out);
    out
}

fn rows(out: &[Exchange]) -> Vec<&Dns> {
    out.iter()
        .map(|exchange| {
            let Said::Dns(dns) = &exchange.said else { panic!("{exchange:?}") };
            dns
        })
        .collect()
}

#[test]
fn a_query_and_its_response_are_one_row() {
    for app in [App::Dns, App::Unknown] {
        let out = run(app, &[(C, query()), (S, response())]);
        let expected = Dns {
            app: App::Dns,
            operation: Operation::Query,
            id: 77,
            name: Some("pacs.hosp.lan".into()),
            kind: Some(1),
            rcode: Some(0),
            answers: 3,
            addresses: vec![Ip::v4([10, 0, 0, 9]), Ip([0x20; 16])],
            names: vec![],
            host: None,
            texts: vec![],
            bytes_request: query().len() as u64,
            bytes_response: response().len() as u64,
        };
        assert_eq!(rows(&out), [&expected]);
        assert_eq!((out[0].at, out[0].from), (Timestamp(0), C));
    }
}

#[test]
fn fields_are_words() {
    let out = run(App::Dns, &[(C, query()), (S, response())]);
    let mut told = Vec::new();
    out[0].said.fields(&mut |name, value| told.push(format!("{name}={value:?}")));
    assert_eq!(
        told[..5],
        [
            "name=Text(\"pacs.hosp.lan\")",
            "type=Text(\"A\")",
            "rcode=Text(\"NOERROR\")",
            "answers=Number(3)",
            "addresses=List([\"10.0.0.9\", \"2020:2020:2020:2020:2020:2020:2020:2020\"])"
        ]
    );
}

#[test]
fn a_repeated_query_adds_its_bytes_and_an_unanswered_one_is_told() {
    let other = message(78, 0x0100, [1, 0, 0, 0], &[&question("ris.hosp.lan", 28)]);
    let out = run(App::Dns, &[(C, query()), (C, query()), (C, other), (S, response())]);
    assert_eq!(rows(&out)[0].bytes_request, 2 * query().len() as u64);
    assert_eq!((rows(&out)[1].name.as_deref(), rows(&out)[1].rcode), (Some("ris.hosp.lan"), None));
}

#[test]
fn a_response_alone_is_told_as_asked_by_the_other_side() {
    let out = run(App::Dns, &[(S, response())]);
    assert_eq!((out[0].from, rows(&out)[0].bytes_request), (C, 0));
}

#[test]
fn pending_queries_are_bounded() {
    let parts: Vec<_> = (0..40)
        .map(|id| (C, message(id, 0x0100, [1, 0, 0, 0], &[&question(&format!("n{id}"), 1)])))
        .collect();
    let mut session = Session::on(App::Dns);
    let mut out = Vec::new();
    for (side, bytes) in &parts {
        session.datagram(*side, Timestamp(0), bytes, &mut out);
    }
    assert_eq!(out.len(), 24);
    assert_eq!(rows(&out)[0].name.as_deref(), Some("n0"));
}

#[test]
fn multicast_answers_announce_services_hosts_and_models() {
    let service = name("_dicom._tcp.local");
    let instance = name("CT Room 2._dicom._tcp.local");
    let host = name("CT2.local");
    let text = [&[8], b"ty=CT900".as_slice(), &[4], b"x=ab".as_slice()].concat();
    let records = [
        record(&service, 12, &instance),
        record(&instance, 33, &[&[0, 0, 0, 0, 0, 104], host.as_slice()].concat()),
        record(&instance, 16, &text),
        record(&host, 1, &[10, 0, 0, 7]),
    ];
    let bytes = message(0, 0x8400, [0, 1, 0, 3], &[&records.concat()]);
    let out = run(App::Mdns, &[(S, bytes)]);
    let dns = rows(&out)[0];
    assert_eq!((out[0].from, dns.operation, dns.app), (S, Operation::Announce, App::Mdns));
    assert_eq!(dns.names, ["_dicom._tcp.local", "ct room 2._dicom._tcp.local", "ct2.local"]);
    assert_eq!((dns.host.as_deref(), &dns.texts[..]), (Some("ct2.local"), &["ty=CT900".to_owned()][..]));
    assert_eq!(dns.addresses, [Ip::v4([10, 0, 0, 7])]);
}

#[test]
fn multicast_questions_are_told_at_once() {
    let bytes =
        message(0, 0, [2, 0, 0, 0], &[&question("_ipp._tcp.local", 12), &question("_http._tcp.local", 12)]);
    let out = run(App::Mdns, &[(C, bytes)]);
    assert_eq!(
        (rows(&out)[0].name.as_deref(), &rows(&out)[0].names[..]),
        (Some("_ipp._tcp.local"), &["_http._tcp.local".to_owned()][..])
    );
}

#[test]
fn updates_and_failures_have_their_words() {
    let update = message(
        5,
        0x2800,
        [1, 0, 1, 0],
        &[&question("hosp.lan", 6), &record(&name("pc1.hosp.lan"), 1, &[10, 0, 0, 1])],
    );
    let refusal = message(5, 0xa805, [0, 0, 0, 0], &[]);
    let out = run(App::Dns, &[(C, update), (S, refusal)]);
    assert_eq!(
        (out[0].said.op(), rows(&out)[0].rcode, rows(&out)[0].name.as_deref()),
        ("update", Some(5), Some("hosp.lan"))
    );
}

#[test]
fn pointers_that_do_not_lead_backwards_are_not_followed() {
    for pointer in [[0xc0, 12], [0xc0, 40], [0xff, 0xff]] {
        let bytes = message(1, 0x0100, [1, 0, 0, 0], &[&pointer, &[0, 1, 0, 1]]);
        assert_eq!(read(&bytes, App::Dns), None);
    }
}

#[test]
fn names_beyond_255_bytes_are_refused() {
    let long = vec!["a".repeat(60); 5].join(".");
    assert_eq!(read(&message(1, 0x0100, [1, 0, 0, 0], &[&question(&long, 1)]), App::Dns), None);
}

#[test]
fn counts_are_not_trusted() {
    let bytes = message(1, 0x8180, [1, 0xffff, 0xffff, 0xffff], &[&question("a", 1)]);
    let message = read(&bytes, App::Dns).unwrap();
    assert_eq!((message.answers, message.addresses.len()), (0xffff, 0));
    assert_eq!(read(&bytes, App::Unknown), None);
}

#[test]
fn a_message_cut_by_the_capture_still_tells_its_question() {
    let bytes = response();
    assert_eq!(read(&bytes[..40], App::Dns).unwrap().name.as_deref(), Some("pacs.hosp.lan"));
    assert_eq!(read(&bytes[..40], App::Unknown), None);
}

#[test]
fn without_a_hint_all_must_work_out() {
    let mut trailing = query();
    trailing.push(0);
    assert_eq!(read(&trailing, App::Unknown), None);
    assert!(read(&trailing, App::Dns).is_some());
    let netbios = question("ckaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0x21);
    assert_eq!(read(&message(1, 0, [1, 0, 0, 0], &[&netbios]), App::Unknown), None);
    assert_eq!(read(&message(1, 0x0100, [0, 0, 0, 0], &[]), App::Dns), None);
}

#[test]
fn ports_hint_at_the_application() {
    assert_eq!(
        [hint(53, 40000), hint(5353, 5353), hint(1, 5355), hint(1, 2)],
        [App::Dns, App::Mdns, App::Llmnr, App::Unknown]
    );
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

#[test]
fn claims_over_tcp_need_a_whole_question() {
    let bytes = framed(&query());
    assert_eq!(claim_tcp(&bytes), Claim::Yes);
    assert_eq!(claim_tcp(&bytes[..bytes.len() - 1]), Claim::More);
    assert_eq!(claim_tcp(&bytes[..1]), Claim::More);
    let mut long = framed(&response());
    long.truncate(40);
    assert_eq!(claim_tcp(&long), Claim::Yes);
    for other in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0], &[0, 5, 1, 2, 3]]
    {
        assert_eq!(claim_tcp(other), Claim::No, "{other:?}");
    }
}

#[test]
fn a_gap_stops_a_direction_and_both_end_the_appetite() {
    let (mut session, mut out) = (Session::on(App::Dns), Vec::new());
    session.feed(C, Timestamp(0), &framed(&query()), &mut out);
    session.gap(S, 5);
    session.feed(S, Timestamp(0), &framed(&response()), &mut out);
    assert_eq!((out.len(), session.appetite()), (0, Appetite::Hungry));
    session.gap(C, 5);
    assert_eq!(session.appetite(), Appetite::Done);
    session.finish(Timestamp(1), &mut out);
    assert_eq!(rows(&out)[0].rcode, None);
}

proptest! {
    #[test]
    fn any_chunking_of_a_stream_gives_the_same_rows(sizes in prop::collection::vec(1_usize..40, 1..20)) {
        let (mut session, mut out) = (Session::on(App::Dns), Vec::new());
        let mut sizes = sizes.iter().cycle();
        for (side, bytes) in [(C, [framed(&query()), framed(&query())].concat()), (S, framed(&response()))] {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                session.feed(side, Timestamp(0), chunk, &mut out);
                rest = behind;
            }
        }
        prop_assert_eq!(rows(&out).len(), 1);
        prop_assert_eq!(rows(&out)[0].addresses.len(), 2);
        prop_assert_eq!(rows(&out)[0].bytes_request, 2 * query().len() as u64);
    }

    #[test]
    fn mutated_messages_do_no_harm_and_stay_in_their_caps(
        app in prop::sample::select(vec![App::Dns, App::Mdns, App::Llmnr, App::Unknown]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = response();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Some(message) = read(&bytes, app) {
            prop_assert!(message.addresses.len() <= 8 && message.names.len() <= 16 && message.texts.len() <= 8);
            prop_assert!(message.names.iter().chain(&message.name).all(|name| name.chars().count() <= 255));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        app in prop::sample::select(vec![App::Dns, App::Mdns, App::Unknown]),
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..6),
    ) {
        let (mut session, mut out) = (Session::on(app), Vec::new());
        for (is_client, bytes) in &parts {
            let side = if *is_client { C } else { S };
            claim_tcp(bytes);
            session.datagram(side, Timestamp(0), bytes, &mut out);
            session.feed(side, Timestamp(0), bytes, &mut out);
        }
        session.finish(Timestamp(0), &mut out);
        for exchange in &out {
            exchange.said.fields(&mut |_, _| {});
        }
    }
}
