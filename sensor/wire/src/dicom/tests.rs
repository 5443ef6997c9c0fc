//! Conversations built by hand, cut and damaged in every way.

use proptest::prelude::*;

use self::build::{
    CT, MARK, accept, answer, ask, conversation, element, explicit, fixed, item, object, pdata, pdu, request,
};
use super::*;

use crate::{Claim, Exchange, Said, Side};
use abi::address::Timestamp;

mod build;

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
        fields.push((
            name,
            match value {
                Value::Text(text) => text.to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Flag(flag) => flag.to_string(),
                Value::List(list) => list.join(","),
            },
        ));
    });
    fields
}

fn field(row: &Exchange, name: &str) -> Option<String> {
    shown(row).into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

#[test]
fn a_conversation_makes_one_row_for_each_request() {
    let rows = rows(&conversation());
    assert_eq!(ops(&rows), ["associate", "c-store", "c-find", "c-store", "c-cancel", "c-get", "release"]);
    let from: Vec<Side> = rows.iter().map(|row| row.from).collect();
    assert_eq!(from.iter().filter(|side| **side == Side::Server).count(), 1);
    assert_eq!(rows[3].from, Side::Server, "the object of a retrieval comes from the archive");
    for row in &rows {
        assert_eq!(field(row, "calling_aet").as_deref(), Some("CT1"));
        assert_eq!(field(row, "called_aet").as_deref(), Some("PACS"));
    }
}

#[test]
fn an_association_shows_both_implementations_and_its_contexts() {
    let rows = rows(&conversation());
    let is = |name, value: &str| assert_eq!(field(&rows[0], name).as_deref(), Some(value), "{name}");
    is("implementation_class_uid", "1.2.3.4");
    is("implementation_version_name", "MODALITY_1");
    is("responder_implementation_class_uid", "1.2.3.5");
    is("responder_implementation_version_name", "ARCHIVE_2");
    is("max_pdu", "16384");
    is("presentation_contexts", "2");
    is("accepted_contexts", "2");
    is("abstract_syntaxes", "1.2.840.10008.5.1.4.1.1.2,1.2.840.10008.5.1.4.1.2.2.1");
    is("transfer_syntaxes", "1.2.840.10008.1.2.1,1.2.840.10008.1.2");
    is("user_identity", "2");
    is("accepted", "true");
}

#[test]
fn the_first_object_names_its_device_and_the_serial_number_only_as_a_hash() {
    let rows = rows(&conversation());
    let is = |name, value: &str| assert_eq!(field(&rows[1], name).as_deref(), Some(value), "{name}");
    is("manufacturer", "Acme Imaging");
    is("model", "Scan 9");
    is("station", "CTROOM1");
    is("software", "V1.2");
    // The first half of `printf SN12345 | sha256sum`.
    is("serial_hash", "7d9ca1e7e2355cf3");
    is("status", "0000");
    is("bytes", &object().len().to_string());
    assert_eq!(field(&rows[3], "manufacturer"), None, "only the first object is read");
}

#[test]
fn a_query_tells_its_level_and_openness_but_not_its_keys() {
    let rows = rows(&conversation());
    assert_eq!(field(&rows[2], "query_level").as_deref(), Some("STUDY"));
    assert_eq!(field(&rows[2], "wildcard").as_deref(), Some("false"));
    assert_eq!(field(&rows[2], "responses").as_deref(), Some("3"));
    assert_eq!(field(&rows[2], "response_bytes").as_deref(), Some("22"));
    assert_eq!(field(&rows[5], "wildcard").as_deref(), Some("true"));
    assert_eq!(field(&rows[5], "completed").as_deref(), Some("7"));
    assert_eq!(field(&rows[5], "status").as_deref(), Some("FE00"));
    assert_eq!(field(&rows[5], "destination_aet").as_deref(), Some("VIEWER"));
}

#[test]
fn no_patient_field_leaves_the_dissector() {
    let talk = conversation();
    let marks: usize = talk
        .iter()
        .map(|(_, bytes)| bytes.windows(MARK.len()).filter(|w| w == &MARK.as_bytes()).count())
        .sum();
    assert!(marks > 20, "the mark must be there to be missed: {marks}");
    for row in rows(&talk) {
        for (name, value) in shown(&row) {
            assert!(!value.contains("ZZP") && !value.contains("IENTZZ"), "{name}: {value}");
        }
        assert!(!format!("{row:?}").contains("ZZP"));
    }
}

#[test]
fn implicit_big_and_unknown_encodings_name_the_device_and_deflated_does_not() {
    let values: [(u16, u16, &[u8; 2], &[u8]); 3] =
        [(8, 0x18, b"UI", b"1.2\0"), (8, 0x70, b"LO", b"Acme"), (8, 0x1090, b"LO", b"Nine")];
    let implicit: Vec<u8> =
        values.iter().flat_map(|(group, number, _, value)| element(*group, *number, value)).collect();
    let little: Vec<u8> =
        values.iter().flat_map(|(group, number, vr, value)| explicit(*group, *number, **vr, value)).collect();
    let big: Vec<u8> = values
        .iter()
        .flat_map(|(group, number, vr, value)| {
            let length = u16::try_from(value.len()).unwrap().to_be_bytes();
            [&group.to_be_bytes(), &number.to_be_bytes(), vr.as_slice(), &length, value].concat()
        })
        .collect();
    let model = |association: Option<&str>, object: &[u8]| {
        let mut talk = Vec::new();
        if let Some(syntax) = association {
            talk.extend([(Side::Client, request()), (Side::Server, accept(syntax))]);
        }
        talk.extend([
            (Side::Client, pdata(1, 1, &ask(1, 1, CT, 0))),
            (Side::Client, pdata(1, 0, object)),
            (Side::Server, pdata(1, 1, &answer(1, 1, 0, 0x101))),
        ]);
        field(rows(&talk).last().unwrap(), "model")
    };
    let nine = Some("Nine".to_owned());
    assert_eq!(model(Some("1.2.840.10008.1.2"), &implicit), nine);
    assert_eq!(model(Some("1.2.840.10008.1.2.4.50"), &little), nine);
    assert_eq!(model(Some("1.2.840.10008.1.2.2"), &big), nine);
    assert_eq!(model(None, &implicit), nine);
    assert_eq!(model(None, &little), nine);
    assert_eq!(model(None, &big), nine);
    assert_eq!(model(Some("1.2.840.10008.1.2.1.99"), &little), None);
}

#[test]
fn a_rejection_makes_one_row_with_both_titles_and_the_reason() {
    let rows = rows(&[(Side::Client, request()), (Side::Server, pdu(3, &[0, 1, 1, 7]))]);
    assert_eq!(ops(&rows), ["reject"]);
    assert_eq!(field(&rows[0], "reason").as_deref(), Some("7"));
    assert_eq!(field(&rows[0], "calling_aet").as_deref(), Some("CT1"));
    assert_eq!(field(&rows[0], "accepted").as_deref(), Some("false"));
}

#[test]
fn a_request_that_nobody_answers_and_one_cut_in_half_make_rows() {
    let whole = rows(&[(Side::Client, request())]);
    assert_eq!(ops(&whole), ["associate"]);
    assert_eq!(field(&whole[0], "unanswered").as_deref(), Some("true"));
    let half = request();
    let half = rows(&[(Side::Client, half[..half.len() / 2].to_vec())]);
    assert_eq!(ops(&half), ["associate"]);
    assert_eq!(field(&half[0], "cut").as_deref(), Some("true"));
    assert_eq!(field(&half[0], "calling_aet").as_deref(), Some("CT1"));
}

#[test]
fn an_abort_ends_what_waits_without_a_status() {
    let rows = rows(&[
        (Side::Client, request()),
        (Side::Server, accept("1.2.840.10008.1.2")),
        (Side::Client, pdata(1, 1, &ask(0x30, 1, "1.2.840.10008.1.1", 0x101))),
        (Side::Server, pdu(7, &[0, 0, 2, 6])),
    ]);
    assert_eq!(ops(&rows), ["associate", "c-echo", "abort"]);
    assert_eq!(field(&rows[1], "status"), None);
    assert_eq!(field(&rows[2], "reason").as_deref(), Some("6"));
}

#[test]
fn a_stream_joined_midway_still_shows_commands() {
    let talk = &conversation()[2..];
    assert_eq!(claim(&talk[0].1), Claim::Yes);
    let rows = rows(talk);
    assert_eq!(ops(&rows), ["c-store", "c-find", "c-store", "c-cancel", "c-get", "release"]);
    assert_eq!(field(&rows[0], "calling_aet"), None);
    assert_eq!(field(&rows[0], "model").as_deref(), Some("Scan 9"));
}

#[test]
fn a_stream_joined_within_a_pdu_is_found_at_the_next() {
    let mut talk = conversation()[2..].to_vec();
    let tail = object()[1000..2300].to_vec();
    talk.insert(0, (Side::Client, tail.clone()));
    assert_eq!(ops(&rows(&talk)), ["c-store", "c-find", "c-store", "c-cancel", "c-get", "release"]);
    let joined = [tail, talk[1].1.clone()].concat();
    assert_eq!(claim(&joined), Claim::Yes);
}

#[test]
fn a_gap_in_a_data_set_is_counted_and_skipped() {
    let talk = conversation();
    let (mut session, mut out) = (Session::default(), Vec::new());
    for (place, (from, bytes)) in talk.iter().enumerate() {
        if place == 3 {
            session.feed(*from, Timestamp(7), &bytes[..100], &mut out);
            session.gap(*from, 500);
            session.feed(*from, Timestamp(7), &bytes[600..], &mut out);
        } else {
            session.feed(*from, Timestamp(7), bytes, &mut out);
        }
    }
    session.finish(Timestamp(9), &mut out);
    assert_eq!(ops(&out), ["associate", "c-store", "c-find", "c-store", "c-cancel", "c-get", "release"]);
    assert_eq!(field(&out[1], "bytes"), Some(object().len().to_string()));
}

#[test]
fn a_gap_over_several_pdus_loses_no_later_command() {
    let talk = conversation();
    let (mut session, mut out) = (Session::default(), Vec::new());
    for (place, (from, bytes)) in talk.iter().enumerate() {
        if place == 3 {
            session.feed(*from, Timestamp(7), &bytes[..100], &mut out);
            session.gap(*from, 1900);
            session.feed(*from, Timestamp(7), &bytes[2000..], &mut out);
        } else {
            session.feed(*from, Timestamp(7), bytes, &mut out);
        }
    }
    session.finish(Timestamp(9), &mut out);
    assert_eq!(ops(&out), ["associate", "c-store", "c-find", "c-store", "c-cancel", "c-get", "release"]);
}

#[test]
fn a_gap_in_a_request_for_an_association_still_makes_its_row() {
    let bytes = request();
    let (mut session, mut out) = (Session::default(), Vec::new());
    session.feed(Side::Client, Timestamp(3), &bytes[..120], &mut out);
    session.gap(Side::Client, 40);
    session.feed(Side::Client, Timestamp(4), &bytes[160..], &mut out);
    session.feed(Side::Server, Timestamp(5), &accept("1.2.840.10008.1.2"), &mut out);
    session.finish(Timestamp(6), &mut out);
    assert_eq!(ops(&out), ["associate"]);
    assert_eq!(out[0].at, Timestamp(3));
    assert_eq!(field(&out[0], "accepted").as_deref(), Some("true"));
    assert_eq!(field(&out[0], "cut").as_deref(), Some("true"));
}

#[test]
fn a_hostile_length_hides_nothing_that_follows_in_the_other_direction() {
    let mut evil = vec![9, 0, 0xff, 0xff, 0xff, 0xff];
    evil.extend([0; 64]);
    let rows = rows(&[
        (Side::Client, evil),
        (Side::Client, request()),
        (Side::Server, vec![1, 0, 0xff, 0xff, 0xff, 0xff, 0, 1]),
        (Side::Server, pdu(3, &[0, 2, 1, 2])),
    ]);
    assert_eq!(ops(&rows), ["reject"]);
}

#[test]
fn requests_without_responses_are_bounded_and_each_makes_a_row() {
    let talk: Vec<_> =
        (0..500).map(|id| (Side::Client, pdata(1, 1, &ask(0x30, id, "1.2.840.10008.1.1", 0x101)))).collect();
    let (mut session, mut out) = (Session::default(), Vec::new());
    for (from, bytes) in &talk {
        session.feed(*from, Timestamp(1), bytes, &mut out);
        assert!(session.memory() < 64 << 10);
    }
    session.finish(Timestamp(2), &mut out);
    assert_eq!(out.len(), 500);
}

#[test]
fn a_huge_association_keeps_memory_bounded() {
    let mut body = fixed();
    while body.len() < 1_000_000 {
        let mut context = vec![1, 0, 0, 0];
        context.extend(item(0x30, format!("1.2.{}", body.len()).as_bytes()));
        body.extend(item(0x20, &context));
    }
    let (mut session, mut out) = (Session::default(), Vec::new());
    for chunk in pdu(1, &body).chunks(1460) {
        session.feed(Side::Client, Timestamp(1), chunk, &mut out);
        assert!(session.memory() < 160 << 10, "{}", session.memory());
    }
    session.finish(Timestamp(2), &mut out);
    assert_eq!(ops(&out), ["associate"]);
    let Said::Dicom(Dicom::Associate(said)) = &out[0].said else { panic!() };
    assert!(said.cut && said.abstract_syntaxes.len() == LIST_MOST);
}

#[test]
fn other_protocols_are_not_claimed() {
    let others: [&[u8]; 12] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
        b"\x05\x01\x00",
        b"\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00\x00\x00\x01\x00\x00\x00",
        b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
        b"\x00\x00\x00\x55\xffSMB",
        b"\x0bMSH|^~\\&|A|B",
        b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x02\x00\x00\x00\x45\x00\x00\x28\x00\x00",
        &[4; 400],
    ];
    for other in others {
        assert_eq!(claim(other), Claim::No, "{other:02x?}");
    }
    assert_eq!(claim(b""), Claim::More);
}

#[test]
fn every_beginning_of_an_association_is_undecided_or_claimed() {
    for whole in [request(), accept("1.2.840.10008.1.2")] {
        for end in 0..whole.len() {
            assert_ne!(claim(&whole[..end]), Claim::No, "{end}");
        }
        assert_eq!(claim(&whole[..42]), Claim::Yes);
    }
    for short in [pdu(3, &[0, 1, 1, 7]), pdu(5, &[0; 4]), pdu(6, &[0; 4]), pdu(7, &[0, 0, 2, 0])] {
        for end in 0..short.len() {
            assert_eq!(claim(&short[..end]), Claim::More);
        }
        assert_eq!(claim(&short), Claim::Yes);
    }
}

/// Cuts each side's bytes at arbitrary places, keeping the order in which the sides spoke.
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
    fn chunks_of_any_size_make_the_same_rows(cuts in prop::collection::vec(1_usize..600, 1..40)) {
        prop_assert_eq!(rows(&chopped(&cuts)), rows(&conversation()));
    }

    #[test]
    fn arbitrary_bytes_neither_panic_nor_grow(
        talk in prop::collection::vec((any::<bool>(), 0_u64..3000, prop::collection::vec(any::<u8>(), 0..300)), 0..20),
    ) {
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (client, gap, bytes) in &talk {
            let from = if *client { Side::Client } else { Side::Server };
            claim(bytes);
            session.feed(from, Timestamp(1), bytes, &mut out);
            if *gap > 2000 {
                session.gap(from, *gap);
            }
            prop_assert!(session.memory() < 256 << 10);
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
        losses in prop::collection::vec((any::<prop::sample::Index>(), 0_u64..5000), 0..4),
    ) {
        let mut talk = chopped(&cuts);
        for (chunk, place, value) in &damage {
            let bytes = &mut chunk.get_mut(&mut talk).1;
            *place.get_mut(bytes) = *value;
        }
        let losses: Vec<(usize, u64)> = losses.iter().map(|(place, n)| (place.index(talk.len()), *n)).collect();
        let (mut session, mut out) = (Session::default(), Vec::new());
        for (place, (from, bytes)) in talk.iter().enumerate() {
            match losses.iter().find(|(lost, _)| *lost == place) {
                Some((_, missing)) => session.gap(*from, *missing),
                None => session.feed(*from, Timestamp(1), bytes, &mut out),
            }
            prop_assert!(session.memory() < 256 << 10);
        }
        session.finish(Timestamp(1), &mut out);
        for row in &out {
            drop(shown(row));
        }
    }
}
