//! The judge and the reference see the same generated frames in the same generated worlds, and must say the same.

use super::reference::Reference;
use crate::address::{DeviceKey, Ip, MILLISECOND, Mac, SECOND, Timestamp};
use crate::headers::{Fragment, Headers};
use crate::judge::{Builtin, Fate, Reason, judge};
use crate::state::{PlacedBy, State};
use crate::table::{Action, Cell, Failure, Mode, RuleId, SegmentId, Server, ServiceClass};

/// Seeded, so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // xorshift64* (Vigna 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }
}

const SEGMENTS: u8 = 5;
const PORTS: [u16; 9] = [80, 443, 104, 67, 68, 546, 547, 40_000, 40_001];
const PROTOCOLS: [u8; 9] = [6, 6, 6, 17, 17, 1, 58, 47, 2];
const VLANS: [u16; 4] = [0, 0, 10, 20];

fn ip(dice: &mut Dice) -> Ip {
    let host = u8::try_from(dice.roll(4)).unwrap();
    match dice.roll(8) {
        0..=3 => Ip::v4([10, dice.pick(&[1, 2]), dice.pick(&[0, 1]), host]),
        4 => Ip::v4([192, 0, 2, host]),
        5 => Ip::v4(dice.pick(&[[239, 1, 1, 1], [255; 4], [224, 0, 0, 251]])),
        6 => Ip([0x20, 1, 0xd, 0xb8, 0, 0, 0, host, 0, 0, 0, 0, 0, 0, 0, host]),
        _ => dice.pick(&[Ip::NONE, Ip([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])]),
    }
}

fn mac(dice: &mut Dice) -> Mac {
    match dice.roll(12) {
        0 => Mac([0xff; 6]),
        1 => Mac([1, 0x80, 0xc2, 0, 0, 2]),
        2 => Mac::NONE,
        n => Mac([2, 0, 0, 0, 0, u8::try_from(n).unwrap()]),
    }
}

fn segment(dice: &mut Dice) -> SegmentId {
    SegmentId::new(1 + u8::try_from(dice.roll(u64::from(SEGMENTS))).unwrap()).unwrap()
}

/// A judge and its reference, always told the same.
struct Twins {
    state: Box<State>,
    reference: Reference,
}

impl Twins {
    fn new(dice: &mut Dice) -> Twins {
        let mut twins = Twins { state: State::boxed(), reference: Reference::default() };
        twins.state.set_seed(dice.roll(u64::MAX));
        for _ in 0..8 {
            twins.place(dice);
        }
        for port in PORTS {
            for protocol in [6, 17] {
                twins.classify(protocol, port, dice);
            }
        }
        for protocol in [1, 58, 47] {
            twins.classify(protocol, 0, dice);
        }
        twins.stand(dice);
        twins.rule(dice);
        twins
    }

    /// What holds beside the rules.
    fn stand(&mut self, dice: &mut Dice) {
        let tables = self.state.tables();
        for side in (0..=SEGMENTS).map(SegmentId::new) {
            let failure = dice.pick(&[Failure::Static, Failure::Open, Failure::Closed, Failure::Closed]);
            tables.set_failure(side, failure);
            self.reference.failures.insert(side, failure);
        }
        if dice.roll(2) == 0 {
            let refuge = segment(dice);
            tables.set_refuge(refuge);
            self.reference.refuges.push(refuge);
        }
        for server in Server::ALL {
            if dice.roll(2) == 0 {
                let (trusted, mode) =
                    (segment(dice), dice.pick(&[Mode::Observe, Mode::Alert, Mode::Enforce]));
                tables.trust(trusted, server);
                tables.guard(server, mode);
                self.reference.trusted.push((trusted, server));
                self.reference.guards.push((server, mode));
            }
        }
    }

    /// Cuts off a device, or releases one.
    fn order(&mut self, dice: &mut Dice) {
        let device = match dice.roll(2) {
            0 => DeviceKey::Mac(mac(dice)),
            _ => DeviceKey::Ip(ip(dice)),
        };
        let held = self.reference.quarantine.iter().min().copied().filter(|_| dice.roll(3) > 0);
        if let Some(held) = held {
            self.state.release(&[held]);
            assert!(!self.state.is_quarantined(held));
            self.reference.quarantine.remove(&held);
        } else {
            self.state.quarantine(&[device]).unwrap();
            let is_somebody = match device {
                DeviceKey::Mac(mac) => !mac.is_none() && !mac.is_group(),
                DeviceKey::Ip(ip) => !ip.is_none() && !ip.is_group(),
            };
            assert_eq!(self.state.is_quarantined(device), is_somebody);
            if is_somebody {
                self.reference.quarantine.insert(device);
            }
        }
        self.reference.generation += 1;
    }

    /// Attends to the sensor, for ever or not for long, or stays away.
    fn attend(&mut self, now: Timestamp, dice: &mut Dice) {
        let deadline = dice.pick(&[None, Some(Timestamp(now.0 + SECOND)), Some(Timestamp(now.0 - 1))]);
        self.state.set_deadline(deadline);
        assert_eq!(self.state.deadline(), deadline);
        self.reference.deadline = deadline;
    }

    fn classify(&mut self, protocol: u8, port: u16, dice: &mut Dice) {
        let class = ServiceClass(u8::try_from(dice.roll(4)).unwrap());
        match protocol {
            6 => self.state.tables().set_tcp_class(port, class),
            17 => self.state.tables().set_udp_class(port, class),
            other => self.state.tables().set_protocol_class(other, class),
        }
        self.reference.classes.insert((protocol, port), class);
    }

    fn place(&mut self, dice: &mut Dice) {
        let segment = segment(dice);
        let (ids, reference) = (self.state.identities(), &mut self.reference);
        match dice.roll(8) {
            0 => {
                let mac = mac(dice);
                let by = dice.pick(&[PlacedBy::Policy, PlacedBy::Class]);
                ids.place_mac(mac, segment, by).unwrap();
                let known = reference.macs.get(&mac).is_some_and(|(_, by)| *by == PlacedBy::Policy);
                if by == PlacedBy::Policy || !known {
                    reference.macs.insert(mac, (segment, by));
                }
            }
            1 => {
                let mac = mac(dice);
                if dice.roll(2) == 0 { ids.mark_router(mac) } else { ids.declare_router(mac) }.unwrap();
                reference.routers.push(mac);
            }
            2 => {
                let vlan = dice.pick(&[10, 20]);
                ids.place_vlan(vlan, segment);
                reference.vlans.insert(vlan, segment);
            }
            3 => {
                let ip = ip(dice);
                ids.place_address(ip, segment).unwrap();
                reference.addresses.insert(ip, segment);
            }
            step => {
                let ip = ip(dice);
                let len = if ip.as_v4().is_some() {
                    dice.pick(&[0, 4, 8, 15, 16, 23, 24, 31, 32])
                } else {
                    dice.pick(&[0, 8, 32, 60, 64, 128])
                };
                if step == 4 {
                    ids.route_prefix(ip, len).unwrap();
                    reference.routed.push((ip, len));
                } else {
                    ids.place_prefix(ip, len, segment).unwrap();
                    reference.prefixes.push((ip, len, segment));
                }
            }
        }
    }

    /// New decisions for every pair and class.
    fn rule(&mut self, dice: &mut Dice) {
        for from in 0..=SEGMENTS {
            for to in 0..=SEGMENTS {
                let row = u16::from(from) * 16 + u16::from(to);
                let (from, to) = (SegmentId::new(from), SegmentId::new(to));
                self.state.tables().set_pair(from, to, row).unwrap();
                for class in (0..4).map(ServiceClass) {
                    let cell = Cell {
                        rule: RuleId::new(u16::try_from(dice.roll(6)).unwrap()),
                        action: dice.pick(&[Action::Allow, Action::Deny, Action::Deny]),
                        mode: dice.pick(&[Mode::Observe, Mode::Alert, Mode::Enforce]),
                    };
                    self.state.tables().set_cell(row, class, cell).unwrap();
                    self.reference.cells.insert((from, to, class), cell);
                }
            }
        }
        self.publish();
    }

    fn publish(&mut self) {
        self.state.publish();
        self.reference.generation += 1;
    }
}

/// A frame out of a small world, so that flows, replies and moves meet. Often it answers or repeats an earlier one.
fn frame(dice: &mut Dice, seen: &[Headers]) -> Headers {
    let flags = dice.pick(&[2, 2, 0x12, 0x10, 0x18, 4, 0]);
    if !seen.is_empty() && dice.roll(3) > 0 {
        let old = dice.pick(seen);
        let again = Headers { tcp_flags: if old.protocol == 6 { flags } else { 0 }, ..old };
        let answer = Headers {
            src_mac: old.dst_mac,
            dst_mac: old.src_mac,
            src: old.dst,
            dst: old.src,
            src_port: old.dst_port,
            dst_port: old.src_port,
            ..again
        };
        return match (dice.roll(12), old.protocol) {
            (0, _) => Headers { src_mac: mac(dice), ..again },
            (1, _) => Headers { vlan: [dice.pick(&VLANS), 0], ..answer },
            (2..=5, _) => again,
            (_, 1 | 58) => Headers { src_port: dice.pick(&[8, 0, 128, 129]), dst_port: 0, ..answer },
            (_, _) => answer,
        };
    }
    let protocol = dice.pick(&PROTOCOLS);
    let (src_port, dst_port) = match protocol {
        6 | 17 => (dice.pick(&PORTS), dice.pick(&PORTS)),
        1 => (dice.pick(&[8, 0, 13, 14, 3, 11]), dice.pick(&[0, 1])),
        58 => (dice.pick(&[128, 129, 133, 134, 135, 143, 130, 1]), 0),
        _ => (0, 0),
    };
    let (src, dst) = (ip(dice), ip(dice));
    let is_v4 = src.as_v4().is_some();
    let mut headers = Headers {
        src_mac: mac(dice),
        dst_mac: mac(dice),
        vlan: [dice.pick(&VLANS), dice.pick(&[0, 0, 0, 20])],
        ether_type: if is_v4 { 0x0800 } else { 0x86dd },
        src,
        dst,
        protocol,
        ttl: dice.pick(&[1, 64, 255]),
        tcp_flags: if protocol == 6 { flags } else { 0 },
        src_port,
        dst_port,
        network_end: 60,
        ..Headers::default()
    };
    match dice.roll(40) {
        0 => headers.ether_type = dice.pick(&[0x0806, 0x888e, 0x88cc, 38, 0x8892]),
        1 => headers.network_end = 0,
        2..=5 => fragment(dice, &mut headers),
        _ => {}
    }
    if headers.ether_type != 0x0800 && headers.ether_type != 0x86dd {
        headers.network_end = 0;
    }
    headers
}

fn fragment(dice: &mut Dice, headers: &mut Headers) {
    let id = dice.pick(&[0, 1, 2]);
    headers.src = Ip::v4([10, 1, 0, 1]);
    headers.dst = Ip::v4([10, 2, 0, dice.pick(&[1, 2])]);
    headers.ether_type = 0x0800;
    headers.protocol = dice.pick(&[6, 17]);
    headers.fragment = if dice.roll(2) == 0 {
        // Some end before their flags.
        headers.payload_offset = dice.pick(&[0, 54, 54]);
        Fragment::First {
            id,
            protocol: dice.pick(&[headers.protocol, headers.protocol, 51]),
            len: dice.pick(&[8, 8, 24]),
        }
    } else {
        (headers.src_port, headers.dst_port) = (0, 0);
        Fragment::Later { id, offset: dice.pick(&[8, 16, 24, 1480]) }
    };
}

/// Runs one world; says how many verdicts had each reason.
fn compare(seed: u64, frames: usize) -> Vec<(Reason, Action, Fate)> {
    let mut dice = Dice(seed);
    let mut twins = Twins::new(&mut dice);
    let mut now = Timestamp(1_700_000_000 * SECOND);
    let mut earlier: Vec<Headers> = Vec::new();
    let mut verdicts = Vec::with_capacity(frames);
    for number in 0..frames {
        now.0 += match dice.roll(400) {
            0 => 2000 * SECOND,
            1..20 => 30 * SECOND,
            n => n * MILLISECOND,
        };
        match dice.roll(1500) {
            0 => twins.rule(&mut dice),
            1 => twins.publish(),
            3..=9 => twins.order(&mut dice),
            10..=12 => twins.attend(now, &mut dice),
            2 => {
                twins.place(&mut dice);
                twins.publish();
            }
            _ => {}
        }
        let headers = frame(&mut dice, &earlier);
        if earlier.len() < 64 {
            earlier.push(headers);
        } else {
            earlier[usize::try_from(dice.roll(64)).unwrap()] = headers;
        }
        let judged = judge(&twins.state, &headers, 100, now);
        let (verdict, event) = twins.reference.judge(&headers, now);
        assert_eq!(
            (judged.verdict, judged.event),
            (verdict, event),
            "seed {seed}, frame {number}: {headers:?}"
        );
        verdicts.push((verdict.reason, verdict.action, verdict.fate()));
    }
    twins.state.settle();
    let counters = &twins.state.counters;
    assert_eq!(
        (counters.evicted.load(), counters.refused.load(), counters.fragments_evicted.load()),
        (0, 0, 0),
        "the reference has no bounds"
    );
    let (mut counted, mut dropped) = (0, 0);
    for pair in counters.all_pairs() {
        counted += pair.allowed + pair.denied;
        dropped += pair.dropped;
    }
    let by_rule: u64 = (0..6).map(|rule| counters.rule(RuleId::new(rule)).dropped).sum();
    let built_in: u64 = Builtin::ALL.map(|builtin| counters.builtin(builtin).packets).into_iter().sum();
    let of = |wanted: &dyn Fn(Reason) -> bool| {
        verdicts.iter().filter(|(reason, ..)| wanted(*reason)).count() as u64
    };
    let held = of(&|reason| reason == Reason::Quarantine);
    let (opened, closed) =
        (of(&|reason| reason == Reason::FailOpen), of(&|reason| reason == Reason::FailClosed));
    assert_eq!(counted + built_in + held, frames as u64, "every frame is counted once");
    assert_eq!(counters.quarantined().packets, held);
    assert_eq!((counters.opened.load(), counters.closed.load()), (opened, closed));
    let real = verdicts.iter().filter(|(_, _, fate)| *fate == Fate::Drop).count() as u64;
    assert_eq!(
        dropped,
        real - held - closed + opened,
        "what the policy drops is counted apart from what it would drop"
    );
    let rogues =
        verdicts.iter().filter(|(reason, _, fate)| (*reason, *fate) == (Reason::RogueServer, Fate::Drop));
    assert!(by_rule <= dropped && dropped - by_rule <= rogues.count() as u64 + opened);
    verdicts
}

#[test]
fn the_judge_says_what_the_reference_says_on_six_hundred_thousand_frames() {
    let verdicts = (1..=24).flat_map(|seed| compare(seed, 25_000)).collect::<Vec<_>>();
    let common = |reason, action| verdicts.iter().filter(|&&(r, a, _)| (r, a) == (reason, action)).count();
    for (reason, action) in [
        (Reason::Rule, Action::Allow),
        (Reason::Rule, Action::Deny),
        (Reason::Default, Action::Allow),
        (Reason::Default, Action::Deny),
        (Reason::Unassigned, Action::Deny),
        (Reason::Reply, Action::Allow),
        (Reason::Reply, Action::Deny),
        (Reason::Midstream, Action::Allow),
        (Reason::Fragment, Action::Allow),
        (Reason::Fragment, Action::Deny),
        (Reason::Orphan, Action::Deny),
        (Reason::Unreadable, Action::Deny),
        (Reason::Quarantine, Action::Deny),
        (Reason::RogueServer, Action::Deny),
        (Reason::FailOpen, Action::Allow),
        (Reason::FailClosed, Action::Deny),
    ] {
        assert!(common(reason, action) > 200, "{reason:?} {action:?}: the frames must reach every branch");
    }
}
