//! What a live network needs: flows that are shown in part, time without frames, another policy, incidents at once.

use crate::run::detector;
use crate::verdicts::policy;
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use detectors::record::{FlowRecord, Visibility};
use engine::engine::{Captured, Counted, Engine, Settings};
use engine::output::{Interest, Outputs};
use fixtures::capture::{Frame, START};
use fixtures::frames::Host;
use fixtures::traffic::attacks::{arp_exchange, syn_scan};
use fixtures::traffic::{Conversation, dicom, hl7};
use std::convert::Infallible;
use wire::frame::LinkType;

fn shown(glimpse: Option<u64>) -> Engine {
    Engine::new(&Settings { glimpse, ..Settings::default() }, None, detector())
}

fn step(engine: &mut Engine, frame: &Frame, out: &mut Outputs) {
    let wire_len = u32::try_from(frame.bytes.len()).unwrap();
    let captured =
        Captured { at: Timestamp(frame.at), link: LinkType::Ethernet, bytes: &frame.bytes, wire_len };
    engine.step(captured, out);
}

/// What the engine wished, by the source port of the frames.
fn wishes(frames: &[Frame], glimpse: Option<u64>) -> Vec<(u16, Interest)> {
    let (mut engine, mut out) = (shown(glimpse), Outputs::default());
    let mut wished = Vec::new();
    for frame in frames {
        step(&mut engine, frame, &mut out);
        wished.extend(out.wishes.drain(..).map(|wish| (wish.headers.src_port, wish.interest)));
        out.clear();
    }
    wished
}

fn talk() -> Conversation {
    Conversation::between(Host::numbered(1), Host::numbered(2)).ports(50_000, 104).piece_len(100)
}

#[test]
fn of_what_is_read_all_frames_are_wanted_and_of_the_rest_how_many_they_are() {
    let image = dicom::image("ACME", "CT", 20_000);
    let read = dicom::store(talk(), &dicom::Association::default(), &[image]).frames();
    let (both, glimpse) = (wishes(&read, Some(16)), Some(16));
    assert!(both.len() > 10 && both.iter().all(|(_, interest)| *interest == Interest::All), "{both:?}");
    assert!([50_000, 104].iter().all(|port| both.iter().any(|(from, _)| from == port)), "{both:?}");
    let noise = talk().client_says(&vec![7; 20_000]).frames();
    let wished = wishes(&noise, glimpse);
    assert!(wished.iter().any(|(_, interest)| *interest == Interest::Counts), "{wished:?}");
    assert_eq!(wishes(&noise, None), [], "where frames cost nothing nothing is wished");
}

#[test]
fn frames_that_were_only_counted_are_in_the_row_of_their_flow_which_says_that_it_has_gaps() {
    let (mut engine, mut out) = (shown(Some(16)), Outputs::default());
    let frames = talk().client_says(&[7; 4000]).frames();
    let mut headers = None;
    for frame in &frames[..frames.len() - 6] {
        step(&mut engine, frame, &mut out);
        headers = out
            .wishes
            .iter()
            .find(|wish| wish.interest == Interest::Counts && wish.headers.src_port == 50_000)
            .map(|wish| wish.headers)
            .or(headers);
        out.clear();
    }
    let headers = headers.unwrap();
    let later = Timestamp(frames[0].at + 5 * SECOND);
    let counted = Counted { packets: 1000, bytes: 154_000, tcp_flags: 0x10, last: later };
    assert!(engine.counted(&headers, &counted, &mut out));
    let stranger = abi::headers::Headers { src_port: 9, ..headers };
    assert!(!engine.counted(&stranger, &counted, &mut out));
    engine.wind_up(&mut out, |_, _| Ok::<(), Infallible>(())).unwrap();
    let [FlowRecord { packets, bytes, payload, visibility, last, .. }] = &out.flows[..] else {
        panic!("{out:?}")
    };
    assert!(packets.out > 1030 && bytes.out > 154_000 + 3000, "{packets:?} {bytes:?}");
    assert_eq!((payload.out / 100_000, *visibility, *last), (1, Visibility::Gap, later), "{payload:?}");
}

#[test]
fn flows_end_by_their_time_without_another_frame() {
    let (mut engine, mut out) = (shown(None), Outputs::default());
    for frame in hl7::exchange(talk(), &[hl7::Message::default()], "AA").frames() {
        step(&mut engine, &frame, &mut out);
    }
    out.clear();
    engine.advance(Timestamp(START + 2 * SECOND), &mut out);
    assert_eq!(out.flows.len(), 0);
    // A time that lies an hour off has to be confirmed, as that of a frame.
    for minutes in 1..=70 {
        engine.advance(Timestamp(START + minutes * 60 * SECOND), &mut out);
    }
    assert_eq!(out.flows.len(), 1);
}

#[test]
fn an_incident_is_shown_when_it_is_found_again_when_it_doubles_and_keeps_its_number() {
    let (mut engine, mut out) = (shown(None), Outputs::default());
    let targets: Vec<Host> = (1..=40).map(Host::numbered).collect();
    let mut shown = Vec::new();
    for frame in syn_scan(Host::numbered(99), &targets, &[22, 80, 104, 445], &[104], START) {
        step(&mut engine, &frame, &mut out);
        out.clear();
        let news = engine.incident_news(|incident, policy| {
            assert!(policy.is_none());
            shown.push((incident.id, incident.findings));
            Ok::<(), Infallible>(())
        });
        news.unwrap();
    }
    assert!(!shown.is_empty(), "before the end");
    for &(id, findings) in &shown {
        let before =
            shown.iter().filter(|other| other.0 == id && other.1 < findings).map(|other| other.1).max();
        assert!(before.is_none_or(|before| findings >= 2 * before), "{shown:?}");
    }
    let (finished, ..) = engine.finish();
    let numbers: Vec<u64> = finished.incidents.iter().map(|incident| incident.id).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(shown.iter().all(|(id, _)| numbers.contains(id)));
}

#[test]
fn another_policy_judges_from_then_on_and_quarantine_goes_beyond_it() {
    let rule = |action: &str| {
        let text = format!(
            "version: 1\ndefaults: {{ between: {action}, within: deny, mode: enforce }}\nsegments:\n  one: {{ match: {{ ip: 10.77.0.1 }} }}\n  two: {{ match: {{ ip: 10.77.0.2 }} }}\n"
        );
        policy(&text)
    };
    let mut engine = Engine::new(&Settings::default(), Some(rule("allow")), detector());
    let mut verdicts = Vec::new();
    let mut judged = |engine: &mut Engine, port: u16| {
        let mut out = Outputs::default();
        for frame in Conversation::between(Host::numbered(1), Host::numbered(2))
            .ports(port, 104)
            .client_says(b"x")
            .frames()
        {
            step(engine, &frame, &mut out);
        }
        engine.wind_up(&mut out, |_, _| Ok::<(), Infallible>(())).unwrap();
        verdicts.push(out.verdicts[0].frames_dropped > 0);
    };
    judged(&mut engine, 1);
    engine.replace_policy(rule("deny"));
    judged(&mut engine, 2);
    engine.replace_policy(rule("allow"));
    judged(&mut engine, 3);
    let pump = [DeviceKey::Ip(Ip::v4([10, 77, 0, 1]))];
    engine.quarantine(&pump);
    judged(&mut engine, 4);
    engine.release(&pump);
    judged(&mut engine, 5);
    assert_eq!(verdicts, [false, true, false, true, false]);
}

#[test]
fn a_device_is_named_by_all_of_its_addresses_and_a_stranger_by_the_one_that_was_given() {
    let (mut engine, mut out) = (shown(None), Outputs::default());
    let (pump, server) = (Host::numbered(1), Host::numbered(2));
    for frame in arp_exchange(pump, server, START) {
        step(&mut engine, &frame, &mut out);
    }
    let (ip, mac) = (DeviceKey::Ip(Ip::v4([10, 77, 0, 1])), DeviceKey::Mac(Mac(pump.mac)));
    assert_eq!(engine.addresses_of(ip), [ip, mac]);
    assert_eq!(engine.addresses_of(mac), [mac, ip]);
    let stranger = DeviceKey::Ip(Ip::v4([192, 0, 2, 1]));
    assert_eq!(engine.addresses_of(stranger), [stranger]);
    assert!(engine.devices().iter().any(|device| device.device == mac));
}
