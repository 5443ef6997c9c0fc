//! Generated frames: a small population that talks in every encapsulation, answers, moves, breaks and lies, while policies
//! change and time passes.

mod control;
mod damage;
mod dice;
mod packet;
mod population;

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use policies::Resolved;

use crate::Evaluator;
use dice::Dice;
use packet::{Cut, Packet, Transport};
use population::{any_mac, group, host, machine, port, question, router, tags};

/// What happens at a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When. Now and then time runs backwards.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
}

/// A frame, or a change that both judges must be told. Segments are told by their place among those of the policy in
/// force, counted from 0 and round again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// An Ethernet frame comes.
    Frame(Vec<u8>),
    /// The policy of this number is put into force.
    Install(usize),
    /// Everything is judged anew.
    Publish,
    /// A MAC address is a router's from now on.
    Router(Mac),
    /// A local device is placed by its class.
    PlaceMac(Mac, usize),
    /// A routed device is placed by its class.
    PlaceAddress(Ip, usize),
    /// A routed device is no longer placed by its class.
    ForgetAddress(Ip),
    /// An address is put into quarantine, or taken out.
    Order(DeviceKey),
    /// Somebody attends until then, or for ever.
    Attend(Option<Timestamp>),
}

impl Happening {
    /// Tells a change to the evaluator; a frame changes nothing.
    pub fn tell(&self, evaluator: &mut Evaluator, policies: &[Resolved]) {
        match *self {
            Happening::Frame(_) => return,
            Happening::Install(number) => {
                if let Some(policy) = number.checked_rem(policies.len()).and_then(|at| policies.get(at)) {
                    evaluator.install(policy);
                }
                return;
            }
            Happening::Publish => {}
            Happening::Router(mac) => evaluator.mark_router(mac),
            Happening::PlaceMac(mac, place) => {
                if let Some(segment) = evaluator.segment_at(place) {
                    evaluator.place_mac(mac, segment);
                }
            }
            Happening::PlaceAddress(ip, place) => {
                if let Some(segment) = evaluator.segment_at(place) {
                    evaluator.place_address(ip, segment);
                }
            }
            Happening::ForgetAddress(ip) => evaluator.forget_address(ip),
            Happening::Order(device) => evaluator.order(device),
            Happening::Attend(deadline) => evaluator.attend(deadline),
        }
        evaluator.publish();
    }
}

/// Packets that are remembered, to be repeated and answered.
const REMEMBERED: usize = 96;

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/// 2026-11-24T08:00:00Z.
const START: u64 = 1_795_507_200 * SECOND;

/// An endless stream of steps; the same seed gives the same steps.
#[derive(Clone, Debug)]
pub struct Packets {
    dice: Dice,
    now: u64,
    recent: Vec<Packet>,
}

impl Packets {
    /// The stream of a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Packets {
        Packets { dice: Dice::seeded(seed), now: START, recent: Vec::new() }
    }

    fn pass_time(&mut self) {
        let dice = &mut self.dice;
        self.now = match dice.roll(2000) {
            0..5 => self.now.saturating_add(2000 * SECOND),
            5 => self.now.saturating_add(3600 * SECOND),
            6 => self.now.saturating_sub(5 * SECOND),
            7..60 => self.now.saturating_add(20 * SECOND),
            _ => self.now.saturating_add(dice.roll(300) * MILLISECOND),
        };
    }

    fn change(&mut self) -> Happening {
        let dice = &mut self.dice;
        let place = dice.place(64);
        match dice.roll(13) {
            0..=2 => Happening::Install(dice.place(64)),
            3 | 4 => Happening::Publish,
            5 => Happening::Router(if dice.once_in(3) { any_mac(dice) } else { router(dice) }),
            6 => Happening::PlaceMac(machine(dice.pick(&[0, 1, 6, 8, 9, 10], 0)), place),
            7 => Happening::PlaceAddress(host(dice, place.is_multiple_of(3)).0, place),
            8 => Happening::ForgetAddress(host(dice, place.is_multiple_of(3)).0),
            9 => Happening::Order(DeviceKey::Mac(machine(dice.pick(&[1, 2, 3, 8], 1)))),
            10 => Happening::Order(DeviceKey::Ip(host(dice, place.is_multiple_of(3)).0)),
            11 => Happening::Attend(None),
            _ => {
                Happening::Attend(Some(Timestamp(self.now.saturating_add(dice.pick(&[0, 600 * SECOND], 0)))))
            }
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        let (is_known, kind) = (!self.recent.is_empty(), self.dice.roll(100));
        let packet = match kind {
            0..4 => return control::foreign(&mut self.dice),
            4..8 => control::needed(&mut self.dice),
            8..16 => fragment(&mut self.dice),
            16..75 if is_known => self.again(),
            75..90 => asked(&mut self.dice),
            _ => fresh(&mut self.dice),
        };
        let written = packet.written(&mut self.dice);
        let is_six = packet.is_six;
        self.remember(packet);
        if self.dice.once_in(16) { damage::damaged(written, is_six, &mut self.dice) } else { written.bytes }
    }

    fn remember(&mut self, packet: Packet) {
        // Answers to fragments are answers to whole packets.
        let packet = Packet { cut: None, behind: Vec::new(), ..packet };
        let at = self.dice.place(REMEMBERED);
        match self.recent.get_mut(at) {
            Some(place) => *place = packet,
            None => self.recent.push(packet),
        }
    }

    /// A packet that has to do with an earlier one.
    fn again(&mut self) -> Packet {
        let dice = &mut self.dice;
        let at = dice.place(self.recent.len());
        let Some(old) = self.recent.get(at).cloned() else { return fresh(dice) };
        let mut packet = match dice.roll(20) {
            0 => Packet { src_mac: any_mac(dice), ..old },
            1 => Packet { src_mac: router(dice), ..old },
            // What is routed comes back in another VLAN, through a router, with a smaller hop count.
            2 => Packet { tags: vlan(dice), ..old },
            3 | 4 => Packet { tags: vlan(dice), ..old.answered() },
            5 => Packet { src_mac: router(dice), hops: 63, ..old.answered() },
            6 => unreachable(dice, &old),
            7..13 => old,
            _ => old.answered(),
        };
        if let Transport::Tcp { flags, .. } = &mut packet.transport {
            *flags = dice.pick(&[0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x00, 0x06, 0xc2, 0x52], 0x10);
        }
        packet
    }
}

impl Iterator for Packets {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.pass_time();
        let what = if self.dice.once_in(700) { self.change() } else { Happening::Frame(self.frame()) };
        Some(Step { at: Timestamp(self.now), what })
    }
}

/// One of few ways to be tagged.
fn vlan(dice: &mut Dice) -> Vec<(u16, u16)> {
    match dice.roll(6) {
        0 | 1 => Vec::new(),
        2 => vec![(0x8100, 10)],
        3 => vec![(0x8100, 20)],
        4 => vec![(0x88a8, 10), (0x8100, 20)],
        _ => vec![(0x88a8, 20), (0x8100, 10)],
    }
}

/// An error of ICMP about a packet, from its receiver or a router.
fn unreachable(dice: &mut Dice, about: &Packet) -> Packet {
    let (protocol, kind) =
        if about.is_six { (58, dice.pick(&[1, 2, 3, 4], 1)) } else { (1, dice.pick(&[3, 5, 11, 12], 3)) };
    let code = dice.pick(&[0, 1, 3], 0);
    Packet { transport: Transport::Icmp { protocol, kind, code }, payload_len: 28, ..about.answered() }
}

/// A packet of the kind that policies speak of, from one of few ports.
fn asked(dice: &mut Dice) -> Packet {
    let ((src, src_mac), (dst, dst_mac), protocol, port) = question(dice);
    let ports = (dice.pick(&[40_000, 40_001], 40_000), port);
    let transport = match protocol {
        6 => Transport::Tcp { ports, flags: dice.pick(&[0x02, 0x02, 0x10], 0x02) },
        _ => Transport::Udp { ports },
    };
    Packet {
        src_mac,
        dst_mac: if dice.once_in(3) { router(dice) } else { dst_mac },
        tags: if dice.once_in(4) { vlan(dice) } else { Vec::new() },
        is_six: false,
        src,
        dst,
        hops: 64,
        extensions: Vec::new(),
        cut: None,
        behind: Vec::new(),
        transport,
        payload_len: dice.place(24),
    }
}

/// A packet that has to do with no other.
fn fresh(dice: &mut Dice) -> Packet {
    let is_six = dice.once_in(3);
    let (src, src_mac) = host(dice, is_six);
    let (dst, dst_mac) = if dice.once_in(9) { group(dice, is_six) } else { host(dice, is_six) };
    let dst_mac = match dice.roll(10) {
        0 => router(dice),
        1 => any_mac(dice),
        _ => dst_mac,
    };
    let extensions = match (is_six, dice.roll(5)) {
        (true, 0) => {
            let count = dice.place(11);
            (0..count).map(|_| dice.pick(&[0, 43, 60, 51, 135, 139, 140, 44], 0)).collect()
        }
        (true, 1) => vec![dice.pick(&[0, 60, 43, 51], 0)],
        (false, 0) => vec![0; dice.place(11)],
        (_, _) => Vec::new(),
    };
    Packet {
        src_mac: if dice.once_in(12) { router(dice) } else { src_mac },
        dst_mac,
        tags: tags(dice),
        is_six,
        src,
        dst,
        hops: dice.pick(&[64, 64, 128, 255, 1, 0], 64),
        extensions,
        cut: None,
        behind: if !is_six && dice.once_in(40) { vec![51] } else { Vec::new() },
        transport: transport(dice, is_six),
        payload_len: dice.place(24),
    }
}

fn transport(dice: &mut Dice, is_six: bool) -> Transport {
    let ports = (port(dice), port(dice));
    match dice.roll(20) {
        0..8 => Transport::Tcp { ports, flags: dice.pick(&[0x02, 0x02, 0x02, 0x10, 0x12, 0x18, 0x00], 2) },
        8..14 => Transport::Udp { ports },
        14 => Transport::Sctp { ports },
        15 => Transport::Other(dice.pick(&[0, 4, 41, 47, 50, 59, 89, 112, 255], 47)),
        _ => {
            // Once in a while in the family that does not have it.
            let protocol = if is_six == dice.once_in(25) { 1 } else { 58 };
            let kind = if protocol == 58 {
                dice.pick(&[128, 129, 128, 139, 140, 1, 100], 128)
            } else {
                dice.pick(&[8, 0, 8, 13, 14, 17, 18, 3, 30], 8)
            };
            Transport::Icmp { protocol, kind, code: dice.pick(&[0, 0, 1], 0) }
        }
    }
}

/// A fragment of one of few datagrams, so that first and later ones meet, overlap, and miss each other.
fn fragment(dice: &mut Dice) -> Packet {
    let is_six = dice.once_in(3);
    let six = |last| Ip([0xfd, 0, 0, 0x77, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let sides = [
        (Ip::v4([10, 77, 10, 5]), Ip::v4([10, 77, 50, 11])),
        (Ip::v4([10, 77, 20, 7]), Ip::v4([8, 8, 8, 8])),
    ];
    let (src, dst) =
        if is_six && !dice.once_in(4) { (six(5), six(6)) } else { dice.pick(&sides, (six(5), six(6))) };
    let ports = (40_000, dice.pick(&[443, 104, 22], 443));
    let transport = match dice.roll(8) {
        0..3 => Transport::Udp { ports },
        3..6 => Transport::Tcp { ports, flags: dice.pick(&[0x02, 0x10], 2) },
        6 => Transport::Icmp {
            protocol: if is_six { 58 } else { 1 },
            kind: if is_six { 128 } else { 8 },
            code: 0,
        },
        _ => Transport::Other(dice.pick(&[2, 47, 50], 47)),
    };
    let id = dice.pick(&[1, 1, 1, 0, 0x0001_0001], 1);
    Packet {
        src_mac: machine(0),
        dst_mac: machine(6),
        tags: if dice.once_in(6) { vlan(dice) } else { Vec::new() },
        is_six,
        src,
        dst,
        hops: 64,
        extensions: if dice.once_in(5) { vec![0] } else { Vec::new() },
        cut: Some(Cut {
            id,
            offset: dice.pick(&[0, 0, 0, 1, 2, 3, 4, 8, 185], 0),
            more: dice.pick(&[1, 1, 0], 1),
        }),
        behind: if dice.once_in(12) { vec![dice.pick(&[60, 51], 60)] } else { Vec::new() },
        transport,
        payload_len: dice.place(16),
    }
}
