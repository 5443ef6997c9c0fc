//! Verdicts: one for each flow row, from the client's view, with the frames that enforcement would drop.

use crate::run::{Outcome, Run};
use abi::judge::Reason;
use abi::table::{Action, Mode};
use engine::engine::{Settings, Timeouts};
use fixtures::capture::{Frame, START, by_time};
use fixtures::frames::Host;
use fixtures::traffic::attacks::arp_exchange;
use fixtures::traffic::dicom::{self, Association};
use fixtures::traffic::{Conversation, Opening};

const POLICY: &str = "
version: 1
defaults: { between: deny, within: deny, unassigned: observe, mode: enforce }
segments:
  one: { match: { ip: 10.77.0.1 } }
  two: { match: { ip: 10.77.0.2 } }
allow:
  - { id: store, from: one, to: two, tcp: 104 }
";

pub(crate) fn policy(text: &str) -> policies::Compiled {
    policies::compile(&[policies::Source { name: "p.yaml".to_owned(), text: text.to_owned() }]).unwrap()
}

fn judged(text: &str, settings: &Settings, frames: &[Frame]) -> Outcome {
    let mut run = Run::new(settings, Some(policy(text)));
    run.frames(frames);
    let outcome = run.end();
    assert_eq!(outcome.verdicts.len(), outcome.flows.len(), "one for each row");
    for (verdict, flow) in outcome.verdicts.iter().zip(&outcome.flows) {
        assert_eq!(verdict.flow, flow.id);
    }
    outcome
}

fn talk(from: u16, to: u16, port: u16) -> Conversation {
    Conversation::between(Host::numbered(from), Host::numbered(to)).ports(50_000, port).client_says(b"hello")
}

#[test]
fn a_rule_allows_and_the_default_denies_with_every_frame_counted() {
    let captures = vec![
        talk(1, 2, 104).frames(),
        talk(1, 2, 105).frames(),
        talk(2, 1, 104).frames(),
        talk(1, 3, 104).frames(),
        arp_exchange(Host::numbered(1), Host::numbered(2), START),
    ];
    let outcome = judged(POLICY, &Settings::default(), &by_time(captures));
    let verdicts: Vec<_> = outcome
        .flows
        .iter()
        .zip(&outcome.verdicts)
        .map(|(flow, verdict)| {
            let number = |ip: abi::address::Ip| ip.0[15];
            let frames = flow.packets.out + flow.packets.back;
            let dropped = verdict.frames_dropped;
            assert!(dropped == 0 || dropped == frames, "all or none: {dropped} of {frames}");
            let ends = (number(flow.client.ip), number(flow.server.ip), verdict.port);
            (ends, verdict.action, verdict.reason, dropped > 0)
        })
        .collect();
    let mut verdicts = verdicts;
    verdicts.sort_by_key(|verdict| verdict.0);
    assert_eq!(
        verdicts,
        [
            ((1, 2, 104), Action::Allow, Reason::Rule, false),
            ((1, 2, 105), Action::Deny, Reason::Default, true),
            ((1, 3, 104), Action::Deny, Reason::Unassigned, false),
            ((2, 1, 104), Action::Deny, Reason::Default, true),
        ]
    );
    assert_eq!(outcome.finished.summary.verdicts, (1, 3));
}

#[test]
fn the_parts_of_a_long_flow_count_their_own_dropped_frames() {
    let timeouts = Timeouts { active: 1_000_000_000, ..Timeouts::default() };
    let settings = Settings { timeouts, ..Settings::default() };
    let frames = talk(1, 2, 105).client_says(&vec![1; 60_000]).gap(100_000_000).frames();
    let outcome = judged(POLICY, &settings, &frames);
    assert!(outcome.flows.len() > 3);
    let dropped: u64 = outcome.verdicts.iter().map(|verdict| verdict.frames_dropped).sum();
    assert_eq!(dropped, frames.len() as u64);
}

#[test]
fn segments_are_told_from_the_client_also_when_the_server_is_seen_first() {
    let frames = talk(1, 2, 104).opening(Opening::Midstream).server_says(b"more").frames();
    for skipped in 0..3 {
        let outcome = judged(POLICY, &Settings::default(), &frames[skipped..]);
        let verdict = &outcome.verdicts[0];
        assert_eq!((verdict.action, verdict.port), (Action::Allow, 104), "{skipped}");
        let compiled = policy(POLICY);
        let segments = (compiled.segment_name(verdict.from), compiled.segment_name(verdict.to));
        assert_eq!(segments, ("one", "two"), "{skipped}");
    }
}

const BY_CLASS: &str = "
version: 1
defaults: { between: deny, within: deny, unassigned: observe, mode: alert }
segments:
  scanners: { match: { class: ct } }
  archive:  { match: { ip: 10.77.0.2 } }
allow:
  - { id: store, from: scanners, to: archive, tcp: 104 }
";

#[test]
fn a_device_is_placed_by_its_class_once_that_is_stable() {
    let images = vec![dicom::image("ACME", "SCAN 1", 3_000); 3];
    let store = |port: u16, start: u64| {
        let quiet =
            Conversation::between(Host::numbered(1), Host::numbered(2)).ports(port, 104).starting(start);
        dicom::store(quiet, &Association::default(), &images).frames()
    };
    let frames = by_time(vec![store(50_000, START), store(50_001, START + 5_000_000_000)]);
    let outcome = judged(BY_CLASS, &Settings::default(), &frames);
    let told: Vec<_> = outcome.verdicts.iter().map(|verdict| (verdict.reason, verdict.mode)).collect();
    let last = told.last().copied();
    assert_eq!(
        last,
        Some((Reason::Rule, Mode::Alert)),
        "the second connection comes from a scanner: {told:?}"
    );
    let device = outcome
        .finished
        .devices
        .iter()
        .find(|device| device.segment.is_some() && !device.role.contains(&"dicom-store-scp"));
    assert_eq!(device.map(|device| device.class.value), Some(abi::device::DeviceType::Ct));
}

#[test]
fn an_address_that_moved_on_is_not_placed_with_the_device_that_had_it() {
    let images = vec![dicom::image("ACME", "SCAN 1", 3_000); 3];
    let (old, archive) = (Host::numbered(1), Host::numbered(2));
    let scanner = Host { mac: old.mac, ..Host::numbered(7) };
    let newcomer = Host { ip: old.ip, ..Host::numbered(5) };
    let second = 1_000_000_000;
    let talk = |from, port: u16, start| Conversation::between(from, archive).ports(port, 104).starting(start);
    let frames = by_time(vec![
        arp_exchange(old, archive, START),
        arp_exchange(newcomer, archive, START + second),
        arp_exchange(scanner, archive, START + 2 * second),
        dicom::store(talk(scanner, 50_000, START + 3 * second), &Association::default(), &images).frames(),
        talk(scanner, 50_001, START + 6 * second).client_says(b"again").frames(),
        talk(newcomer, 50_002, START + 7 * second).client_says(b"mine now").frames(),
    ]);
    let outcome = judged(BY_CLASS, &Settings::default(), &frames);
    let reason = |port: u16| {
        let place = outcome.flows.iter().position(|flow| flow.client.port == port).unwrap();
        outcome.verdicts[place].reason
    };
    assert_eq!((reason(50_001), reason(50_002)), (Reason::Rule, Reason::Unassigned));
}
