use super::{Http, Session, claim, resource::reduce};
use crate::{Appetite, Claim, Exchange, Said, Side};
use abi::address::Timestamp;
use proptest::prelude::*;

fn run(parts: &[(Side, &[u8])]) -> (Vec<Exchange>, Session) {
    let (mut session, mut out) = (Session::default(), Vec::new());
    for (index, (side, bytes)) in parts.iter().enumerate() {
        session.feed(*side, Timestamp(index as u64), bytes, &mut out);
    }
    (out, session)
}

fn rows(out: &[Exchange]) -> Vec<&Http> {
    out.iter()
        .map(|exchange| {
            let Said::Http(http) = &exchange.said else { panic!("{exchange:?}") };
            http
        })
        .collect()
}

const C: Side = Side::Client;
const S: Side = Side::Server;

#[test]
fn a_request_and_its_response_are_one_row() {
    let request = b"POST /fhir/Patient?name=Smith HTTP/1.1\r\nHost: EHR.hosp.lan:8080\r\nUser-Agent: pump/2.1\r\n\
        Authorization: Bearer secret\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello";
    let response =
        b"HTTP/1.1 401 Unauthorized\r\nServer: nginx\r\nWWW-Authenticate: Basic realm=\"Ward 7\", x=y\r\n\
        Content-Type: text/html\r\nContent-Length: 3\r\n\r\nno!";
    let (out, session) = run(&[(C, request), (S, response)]);
    let expected = Http {
        method: "POST".into(),
        host: Some("ehr.hosp.lan:8080".into()),
        resource: Some("/fhir/Patient".into()),
        user_agent: Some("pump/2.1".into()),
        auth: Some("bearer"),
        server: Some("nginx".into()),
        realm: Some("Ward 7".into()),
        status: Some(401),
        content_type: Some("text/html".into()),
        request_content_type: Some("application/json".into()),
        request_bytes: request.len() as u64,
        response_bytes: response.len() as u64,
    };
    assert_eq!(rows(&out), [&expected]);
    assert_eq!((out[0].at, out[0].from), (Timestamp(0), C));
    assert_eq!(session.appetite(), Appetite::Hungry);
    let mut told = Vec::new();
    out[0].said.fields(&mut |name, value| told.push(format!("{name}={value:?}")));
    assert!(!told.iter().any(|field| field.contains("Smith") || field.contains("secret")), "{told:?}");
}

#[test]
fn pipelined_requests_are_paired_in_order() {
    let requests = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n";
    let responses =
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n";
    let (out, _) = run(&[(C, requests), (S, responses)]);
    let told: Vec<_> = rows(&out).iter().map(|http| (http.method.as_str(), http.status)).collect();
    assert_eq!(told, [("GET", Some(200)), ("HEAD", Some(200)), ("GET", Some(304))]);
}

#[test]
fn chunked_bodies_are_passed_over() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n\
        4;name=value\r\nHTTP\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let (out, _) = run(&[(C, b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"), (S, chunked)]);
    let told: Vec<_> = rows(&out).iter().map(|http| (http.status, http.response_bytes)).collect();
    let last = b"HTTP/1.1 204 No Content\r\n\r\n".len() as u64;
    assert_eq!(told, [(Some(200), chunked.len() as u64 - last), (Some(204), last)]);
}

#[test]
fn interim_responses_are_not_the_answer() {
    let parts: [(Side, &[u8]); 4] = [
        (C, b"PUT /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
        (S, b"HTTP/1.1 100 Continue\r\n\r\n"),
        (C, b"data"),
        (S, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
    ];
    let (out, _) = run(&parts);
    assert_eq!(rows(&out)[0].status, Some(201));
}

#[test]
fn a_body_without_length_lasts_to_the_end() {
    let (mut out, mut session) =
        run(&[(C, b"GET /x HTTP/1.0\r\n\r\n"), (S, b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.0 500 No\r\n\r\n")]);
    assert_eq!(out, []);
    session.finish(Timestamp(9), &mut out);
    assert_eq!((rows(&out)[0].status, rows(&out)[0].response_bytes), (Some(200), 38));
}

#[test]
fn tunnels_and_upgrades_end_the_appetite() {
    let connect: [(Side, &[u8]); 2] = [
        (C, b"CONNECT portal.vendor.example:443 HTTP/1.1\r\nHost: other\r\n\r\n"),
        (S, b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x01"),
    ];
    let (out, session) = run(&connect);
    assert_eq!(rows(&out)[0].host.as_deref(), Some("portal.vendor.example:443"));
    assert_eq!((rows(&out)[0].status, session.appetite()), (Some(200), Appetite::Done));
    let upgrade: [(Side, &[u8]); 2] = [
        (C, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        (S, b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05"),
    ];
    let (out, session) = run(&upgrade);
    assert_eq!((rows(&out)[0].status, session.appetite()), (Some(101), Appetite::Done));
}

#[test]
fn a_gap_inside_a_body_is_bridged_and_one_elsewhere_is_not_guessed_over() {
    let (mut out, mut session) =
        run(&[(C, b"GET /a HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")]);
    session.gap(S, 900);
    session.feed(S, Timestamp(2), &[0; 100], &mut out);
    assert_eq!(rows(&out)[0].response_bytes, 1000 + 41);
    session.feed(C, Timestamp(3), b"GET /b HTTP/1.1\r\n\r\n", &mut out);
    session.gap(S, 50);
    session.feed(S, Timestamp(4), b"rest of something", &mut out);
    assert_eq!((rows(&out).len(), rows(&out)[1].status), (2, None));
    session.feed(C, Timestamp(5), b"GET /status HTTP/1.1\r\n\r\n", &mut out);
    session.feed(S, Timestamp(6), b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", &mut out);
    assert_eq!((rows(&out)[2].resource.as_deref(), rows(&out)[2].status), (Some("/status"), Some(404)));
}

#[test]
fn a_response_alone_is_told() {
    let (out, _) = run(&[(S, b"HTTP/1.1 200 OK\r\nServer: Orthanc\r\nContent-Length: 0\r\n\r\n")]);
    assert_eq!((rows(&out)[0].server.as_deref(), out[0].from), (Some("Orthanc"), C));
    assert_eq!(rows(&out)[0].method, "");
}

#[test]
fn the_side_that_was_connected_to_may_ask() {
    let (out, _) =
        run(&[(S, b"GET /a HTTP/1.1\r\n\r\n"), (C, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]);
    assert_eq!(out[0].from, S);
}

#[test]
fn pending_requests_and_heads_are_bounded() {
    let (mut session, mut out) = (Session::default(), Vec::new());
    for _ in 0..100 {
        session.feed(C, Timestamp(0), b"GET /a HTTP/1.1\r\n\r\n", &mut out);
    }
    assert_eq!(out.len(), 68);
    session.feed(C, Timestamp(0), b"GET /a HTTP/1.1\r\nX: ", &mut out);
    session.feed(C, Timestamp(0), &vec![b'x'; 40_000], &mut out);
    assert_eq!((out.len(), session.appetite()), (100, Appetite::Done));
}

#[test]
fn what_is_no_http_ends_the_appetite() {
    for bytes in [&b"\x00\x01\x02"[..], b"GET /a SIP/2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"] {
        let (out, session) = run(&[(C, bytes)]);
        assert_eq!((out, session.appetite()), (vec![], Appetite::Done), "{bytes:?}");
    }
}

#[test]
fn only_words_of_a_path_are_told() {
    let cases = [
        ("/", "/"),
        ("*", "*"),
        ("/fhir/Patient/123?name=x", "/fhir/Patient"),
        ("/patients/Smith", "/patients/:id"),
        ("/dicom-web/studies/1.2.3", "/dicom-web/studies"),
        ("/Mueller.pdf", "/:id"),
        ("/Mueller", "/:id"),
        ("/HL7/Mueller", "/HL7/:id"),
        ("/4711/data", "/:id/data"),
        ("//wado?studyUID=1", "/wado"),
        ("http://user:word@host/api/login", "/api/login"),
        ("http://host?x=/secret", "/"),
        ("/app/%53mith", "/app/:id"),
        ("/api;jsessionid=1/x", "/api"),
    ];
    for (target, expected) in cases {
        assert_eq!(reduce(target), expected, "{target}");
    }
}

#[test]
fn bare_credentials_are_not_told() {
    let (mut out, mut session) = run(&[(C, b"GET / HTTP/1.1\r\nAuthorization: topsecret\r\n\r\n")]);
    session.finish(Timestamp(0), &mut out);
    assert_eq!(rows(&out)[0].auth, Some("other"));
}

#[test]
fn claims_go_by_content() {
    for yes in [
        &b"GET /"[..],
        b"POST http://x/",
        b"HTTP/1.1 2",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"NOTIFY /evt",
    ] {
        assert_eq!(claim(yes), Claim::Yes, "{yes:?}");
        for len in 0..yes.len() {
            assert_ne!(claim(&yes[..len]), Claim::No, "{:?}", &yes[..len]);
        }
    }
    let no = [
        &b"OPTIONS sip:a@b SIP/2.0\r\n"[..],
        b"OPTIONS rtsp://x RTSP/1.0\r\n",
        b"NOTIFY sip:a",
        b"GET_PARAMETER",
        b"PRI * HTTP/2.0",
        b"HTTP/2",
        b"RTSP/1.0 200",
        b"<html>",
        b"\x16\x03\x01",
    ];
    for no in no {
        assert_eq!(claim(no), Claim::No, "{no:?}");
    }
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 256, "{}", size_of::<Session>());
}

fn dialogue() -> Vec<(Side, Vec<u8>)> {
    vec![
        (C, b"\r\nPOST /ipp/print HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec()),
        (S, b"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n1234567".to_vec()),
        (C, b"GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n".to_vec()),
        (S, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n".to_vec()),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_rows(sizes in prop::collection::vec(1_usize..60, 1..30)) {
        let (mut session, mut out) = (Session::default(), Vec::new());
        let mut sizes = sizes.iter().cycle();
        for (index, (side, bytes)) in dialogue().iter().enumerate() {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (chunk, behind) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                session.feed(*side, Timestamp(index as u64), chunk, &mut out);
                rest = behind;
            }
        }
        let whole = dialogue();
        let parts: Vec<_> = whole.iter().map(|(side, bytes)| (*side, bytes.as_slice())).collect();
        prop_assert_eq!(&out, &run(&parts).0);
        prop_assert_eq!(out.len(), 3);
    }

    #[test]
    fn mutated_dialogues_do_no_harm(
        changes in prop::collection::vec((0_usize..4, any::<prop::sample::Index>(), any::<u8>()), 1..6),
        gaps in prop::collection::vec((0_usize..4, 0_u64..40), 0..3),
    ) {
        let mut parts = dialogue();
        for (part, at, value) in changes {
            let bytes = &mut parts[part].1;
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (index, (side, bytes)) in parts.iter().enumerate() {
            for (_, missing) in gaps.iter().filter(|(place, _)| *place == index) {
                session.gap(*side, *missing);
            }
            session.feed(*side, Timestamp(0), bytes, &mut out);
        }
        session.finish(Timestamp(1), &mut out);
        // No message can make more than one row, and none is shorter than a request line.
        prop_assert!(out.len() <= 8);
        for exchange in &out {
            exchange.said.fields(&mut |_, _| {});
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..8),
        prefix in prop::sample::select(vec![&b""[..], b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"]),
    ) {
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (is_client, bytes) in parts {
            claim(&bytes);
            let side = if is_client { C } else { S };
            session.feed(side, Timestamp(0), &[prefix, bytes.as_slice()].concat(), &mut out);
        }
        session.finish(Timestamp(0), &mut out);
        prop_assert!(out.len() <= 16);
    }

    #[test]
    fn reduced_paths_hold_no_digits_and_no_more_than_two_segments(target in "[ -~]{0,80}") {
        let reduced = reduce(&target);
        prop_assert!(reduced.matches('/').count() <= 2, "{}", reduced);
        prop_assert!(!reduced.replace("hl7", "").to_ascii_lowercase().contains(|c: char| c.is_ascii_digit()), "{}", reduced);
    }
}
