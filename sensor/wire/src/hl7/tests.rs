//! Messages built by hand, cut and damaged in every way.

use abi::address::{SECOND, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{Claim, Exchange, Side};

const MARK: &str = "ZZPATIENTZZ";

fn frame(text: &str) -> Vec<u8> {
    format!("\x0b{text}\x1c\r").into_bytes()
}

fn admit(id: &str) -> String {
    let marks = format!("|{MARK}^{MARK}~{MARK}&{MARK}").repeat(30);
    let observation = format!(
        "OBX|1|TX|{MARK}||{MARK}||||||F|||{MARK}||{MARK}||PUMP7^ACME^0011223344556677^EUI-64|{MARK}\r"
    );
    let names = ["EVN", "PID", "NK1", "PV1", "PV2", "AL1", "GT1", "IN1", "DG1", "NTE", "OBR", "ZPI"];
    let segments = names.map(|name| format!("{name}{marks}\r")).concat();
    format!(
        "MSH|^~\\&|MINDRAY_X^00A037009A00A021^EUI-64|FAC|EHR|HOSP|20240101|{MARK}|ADT^A01^ADT_A01|{id}|P|2.6^USA|{MARK}\r{segments}{observation}"
    )
}

fn ack(code: &str, id: &str) -> String {
    format!("MSH|^~\\&|EHR|HOSP|MINDRAY_X|FAC|20240101||ACK^A01|R{id}|P|2.6\rMSA|{code}|{id}|{MARK}\r")
}

fn rows(talk: &[(Side, Vec<u8>)]) -> Vec<Exchange> {
    let (mut session, mut out) = (Session::default(), Vec::new());
    for (from, bytes) in talk {
        session.feed(*from, Timestamp(7), bytes, &mut out);
    }
    session.finish(Timestamp(9), &mut out);
    out
}

fn ops(rows: &[Exchange]) -> Vec<&'static str> {
    rows.iter().map(|row| row.said.op()).collect()
}

fn shown(row: &Exchange) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    row.said.fields(&mut |name, value| {
        let value = match value {
            Value::Text(text) => text.to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::List(list) => list.join(","),
        };
        fields.push((name, value));
    });
    fields
}

fn field(row: &Exchange, name: &str) -> Option<String> {
    shown(row).into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn is(row: &Exchange, name: &str, value: &str) {
    assert_eq!(field(row, name).as_deref(), Some(value), "{name}");
}

fn conversation() -> Vec<(Side, Vec<u8>)> {
    vec![
        (Side::Client, frame(&admit("M1"))),
        (Side::Server, frame(&ack("AA", "M1"))),
        (Side::Client, [frame(&admit("M2")), frame(&admit("M3"))].concat()),
        (Side::Server, [frame(&ack("AE", "M2")), frame(&ack("AR", "M3"))].concat()),
    ]
}

#[test]
fn a_message_is_shown_with_the_code_of_its_acknowledgement() {
    let rows = rows(&conversation());
    assert_eq!(ops(&rows), ["message", "ack", "message", "ack", "message", "ack"]);
    is(&rows[0], "message_type", "ADT^A01");
    is(&rows[0], "control_id", "M1");
    is(&rows[0], "sending_application", "MINDRAY_X^00A037009A00A021^EUI-64");
    is(&rows[0], "sender_eui64", "00a037009a00a021");
    is(&rows[0], "sending_facility", "FAC");
    is(&rows[0], "receiving_application", "EHR");
    is(&rows[0], "receiving_facility", "HOSP");
    is(&rows[0], "version", "2.6");
    is(&rows[0], "ack_code", "AA");
    is(&rows[0], "acks", "1");
    is(&rows[0], "segments", "14");
    is(&rows[0], "bytes", &admit("M1").len().to_string());
    is(&rows[0], "equipment", "PUMP7^ACME^0011223344556677^EUI-64");
    is(&rows[1], "message_type", "ACK^A01");
    is(&rows[1], "acked_control_id", "M1");
    is(&rows[2], "ack_code", "AE");
    is(&rows[4], "ack_code", "AR");
}

#[test]
fn no_patient_field_leaves_the_dissector() {
    for row in rows(&conversation()) {
        assert!(!format!("{row:?}").contains("ZZP"), "{row:?}");
        assert!(shown(&row).iter().all(|(_, value)| !value.contains("ZZP")));
    }
}

#[test]
fn any_delimiters_are_understood_and_the_type_is_written_with_the_usual_one() {
    let text = "MSH$*!\\%$APP$FAC$$$$$ORU*R01*ORU_R01$77$P$2.5\rOBX$1\r";
    let rows = rows(&[(Side::Client, frame(text))]);
    is(&rows[0], "message_type", "ORU^R01");
    is(&rows[0], "control_id", "77");
    is(&rows[0], "segments", "2");
    assert_eq!(claim(&frame(text)), Claim::Yes);
}

#[test]
fn line_feeds_bare_text_and_batches_are_tolerated() {
    let feeds = admit("M1").replace('\r', "\r\n");
    let other = admit("M1").replace('\r', "\n");
    let bare = format!("{}{}", admit("M1"), admit("M2"));
    let batch = format!("FHS|^~\\&|A\rBHS|^~\\&|A\r{}{}BTS|2\rFTS|1\r", admit("M1"), admit("M2"));
    let ids = |bytes: Vec<u8>| -> Vec<_> {
        assert_eq!(claim(&bytes), Claim::Yes);
        let rows = rows(&[(Side::Client, bytes)]);
        rows.iter().map(|row| (field(row, "control_id").unwrap(), field(row, "segments").unwrap())).collect()
    };
    let (first, second) = (("M1".to_owned(), "14".to_owned()), ("M2".to_owned(), "14".to_owned()));
    assert_eq!(ids(frame(&feeds)), std::slice::from_ref(&first));
    assert_eq!(ids(frame(&other)), std::slice::from_ref(&first));
    assert_eq!(ids(bare.into_bytes()), [first.clone(), second.clone()]);
    assert_eq!(ids(frame(&batch)), [first, second]);
}

#[test]
fn a_vertical_tab_in_text_ends_nothing() {
    let text = "MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.3\rNTE|1||line\x0bMore text\x0bPID|x\rOBX|1\r";
    let rows = rows(&[(Side::Client, frame(text))]);
    assert_eq!(rows.len(), 1);
    is(&rows[0], "segments", "3");
    is(&rows[0], "bytes", &text.len().to_string());
}

#[test]
fn a_receipt_is_followed_by_the_answer_of_the_application() {
    let rows = rows(&[
        (Side::Client, frame(&admit("M1"))),
        (Side::Server, frame(&ack("CA", "M1"))),
        (Side::Server, frame(&ack("AA", "M1"))),
    ]);
    assert_eq!(ops(&rows), ["ack", "message", "ack"]);
    is(&rows[1], "acks", "2");
    is(&rows[1], "ack_code", "AA");
}

#[test]
fn a_response_to_a_query_is_a_message_and_answers_it() {
    let query = "MSH|^~\\&|A|B|C|D|||QBP^Q11|Q1|P|2.5\rQPD|x\r";
    let response = "MSH|^~\\&|C|D|A|B|||RSP^K11|R1|P|2.5\rMSA|AA|Q1\rQAK|x\r";
    let rows = rows(&[(Side::Client, frame(query)), (Side::Server, frame(response))]);
    assert_eq!(ops(&rows), ["message", "message"]);
    is(&rows[0], "ack_code", "AA");
    is(&rows[1], "acked_control_id", "Q1");
    assert_eq!(field(&rows[1], "ack_code"), None);
}

#[test]
fn an_acknowledgement_without_a_type_is_one() {
    let rows = rows(&[(Side::Server, frame("MSH|^~\\&|C|D|A|B|||||P|2.2\rMSA|AA|Q1\r"))]);
    assert_eq!(ops(&rows), ["ack"]);
}

#[test]
fn a_message_that_nobody_answers_is_shown_after_a_minute() {
    let (mut session, mut out) = (Session::default(), Vec::new());
    session.feed(Side::Client, Timestamp(5), &frame(&admit("M1")), &mut out);
    session.feed(Side::Client, Timestamp(60 * SECOND), &frame(&admit("M2")), &mut out);
    assert_eq!(out.len(), 0);
    session.feed(Side::Client, Timestamp(61 * SECOND), b"\x0b", &mut out);
    assert_eq!(ops(&out), ["message"]);
    assert_eq!(out[0].at, Timestamp(5));
    assert_eq!(field(&out[0], "ack_code"), None);
}

#[test]
fn a_thousand_unanswered_messages_are_bounded_and_each_makes_a_row() {
    let (mut session, mut out) = (Session::default(), Vec::new());
    for id in 0..1000 {
        session.feed(Side::Client, Timestamp(1), &frame(&admit(&format!("M{id}"))), &mut out);
        assert!(session.memory() < 64 << 10);
    }
    session.finish(Timestamp(2), &mut out);
    assert_eq!(out.len(), 1000);
}

#[test]
fn a_message_cut_by_a_gap_or_by_the_end_says_so() {
    let text = frame(&admit("M1"));
    let (mut session, mut out) = (Session::default(), Vec::new());
    session.feed(Side::Client, Timestamp(1), &text[..300], &mut out);
    session.gap(Side::Client, 400);
    session.feed(Side::Client, Timestamp(1), &text[700..], &mut out);
    session.feed(Side::Client, Timestamp(1), &frame(&admit("M2"))[..200], &mut out);
    session.finish(Timestamp(2), &mut out);
    assert_eq!(ops(&out), ["message", "message"]);
    is(&out[0], "cut", "true");
    is(&out[0], "bytes", &admit("M1").len().to_string());
    is(&out[1], "cut", "true");
    is(&out[1], "control_id", "M2");
}

#[test]
fn a_gap_that_swallows_the_end_of_a_frame_does_not_hide_the_next() {
    let (mut session, mut out) = (Session::default(), Vec::new());
    session.feed(Side::Client, Timestamp(1), &frame(&admit("M1"))[..300], &mut out);
    session.gap(Side::Client, 9000);
    session.feed(Side::Client, Timestamp(1), &frame(&admit("M2")), &mut out);
    session.finish(Timestamp(2), &mut out);
    assert_eq!(out.len(), 2);
    is(&out[1], "control_id", "M2");
}

#[test]
fn a_stream_joined_within_a_message_is_found_at_the_next() {
    let joined = [&frame(&admit("M1"))[400..], &frame(&admit("M2"))].concat();
    assert_eq!(claim(&joined), if joined.len() > 4096 { Claim::No } else { Claim::Yes });
    let rows = rows(&[(Side::Client, joined)]);
    assert_eq!(rows.len(), 1);
    is(&rows[0], "control_id", "M2");
}

#[test]
fn an_eui_64_is_only_what_has_its_form() {
    let of = |application: &str| {
        let text = format!("MSH|^~\\&|{application}|F|||||ORU^R01|1|P|2.6\r");
        field(&rows(&[(Side::Client, frame(&text))])[0], "sender_eui64")
    };
    assert_eq!(
        of("VSP^08-00-19-FF-FE-00-00-01^EUI-64").as_deref(),
        Some("08001 9fffe000001".replace(' ', "").as_str())
    );
    assert_eq!(of("VSP^1.2.840.113619^ISO"), None);
    assert_eq!(of("VSP"), None);
}

#[test]
fn claims_are_strict() {
    assert_eq!(claim(b""), Claim::More);
    assert_eq!(claim(b"\x0b"), Claim::More);
    assert_eq!(claim(b"\x0bMS"), Claim::More);
    assert_eq!(claim(b"\x0bMSH|"), Claim::Yes);
    assert_eq!(claim(b"\r\n\x0bFHS|"), Claim::Yes);
    assert_eq!(claim(b"MSH|^~\\&|"), Claim::Yes);
    assert_eq!(claim(b"MSH|^~"), Claim::More);
    for other in [
        b"\x0bMSHA".as_slice(),
        b"MSHELL 1.0\r\n",
        b"MSH says hello",
        b"MSH|hello|",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"EHLO mail\r\n",
    ] {
        assert_eq!(claim(other), Claim::No, "{other:?}");
    }
}

fn chopped(cuts: &[usize]) -> Vec<(Side, Vec<u8>)> {
    let mut cuts = cuts.iter().cycle();
    let mut talk = Vec::new();
    for (from, bytes) in conversation() {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at((*cuts.next().unwrap()).clamp(1, rest.len()));
            talk.push((from, chunk.to_vec()));
            rest = behind;
        }
    }
    talk
}

proptest! {
    #[test]
    fn chunks_of_any_size_make_the_same_rows(cuts in prop::collection::vec(1_usize..400, 1..40)) {
        prop_assert_eq!(rows(&chopped(&cuts)), rows(&conversation()));
    }

    #[test]
    fn any_bytes_and_losses_neither_panic_nor_grow(
        talk in prop::collection::vec((any::<bool>(), 0_u64..100, "(\x0b?MSH|\x0b|\x1c\r|[|^\r\n~]|[A-Z]{3}|.){0,60}"), 0..20),
        raw in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (client, gap, text) in &talk {
            let from = if *client { Side::Client } else { Side::Server };
            claim(text.as_bytes());
            claim(&raw);
            session.feed(from, Timestamp(1), text.as_bytes(), &mut out);
            session.feed(from, Timestamp(1), &raw, &mut out);
            if *gap < 10 {
                session.gap(from, *gap);
            }
            prop_assert!(session.memory() < 128 << 10);
        }
        session.finish(Timestamp(1), &mut out);
        for row in &out {
            drop(shown(row));
        }
    }

    #[test]
    fn damaged_conversations_neither_panic_nor_grow(
        cuts in prop::collection::vec(1_usize..2000, 1..20),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..12),
        lost in any::<prop::sample::Index>(),
    ) {
        let mut talk = chopped(&cuts);
        for (chunk, place, value) in &damage {
            let bytes = &mut chunk.get_mut(&mut talk).1;
            *place.get_mut(bytes) = *value;
        }
        let lost = lost.index(talk.len());
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (place, (from, bytes)) in talk.iter().enumerate() {
            if place == lost {
                session.gap(*from, u64::try_from(bytes.len()).unwrap());
            } else {
                session.feed(*from, Timestamp(1), bytes, &mut out);
            }
            prop_assert!(session.memory() < 128 << 10);
        }
        session.finish(Timestamp(1), &mut out);
        for row in &out {
            drop(shown(row));
        }
    }
}
