//! The loaded kernel program against the judge in userspace: the same frames at the same time, one policy after another.
//! Both must do the same with every frame and remember the same of its flow, to the last counter.

use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::headers::{Fragment, read_ethernet};
use abi::judge::{Builtin, Fate, Reason, judge};
use abi::state::State;
use abi::table::{RuleId, SegmentId};
use daemon::capture::{Captures, Input};
use daemon::fastpath::{Action, Clock, Fastpath, Mode, Setup};
use fixtures::random::Random;
use policies::{Compiled, Source};
use std::io::Write;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use wire::frame::LinkType;

const SEED: u64 = 0x5eed;
const SLOTS: usize = 16_384;
const SECOND: u64 = 1_000_000_000;
/// Generated frames of a normal run.
const FRAMES: u64 = 250_000;

/// How many frames `WARDLINE_DIFFERENTIAL_FRAMES` asks for. Where it does, all captures are judged too.
fn long_form() -> Option<u64> {
    std::env::var("WARDLINE_DIFFERENTIAL_FRAMES").ok().map(|number| number.parse().unwrap())
}

/// The program, if there is one in this build and this user may load it. Then it must load.
fn program() -> Option<Fastpath> {
    let is_root = std::fs::metadata("/proc/self").unwrap().st_uid() == 0;
    if !Fastpath::is_built() || !is_root {
        let line = b"SKIPPED: kernel program: run as root, with a build after `make setup`\n";
        std::io::stderr().write_all(line).unwrap();
        let is_required = std::env::var_os("WARDLINE_FASTPATH_REQUIRED").is_some();
        assert!(Fastpath::is_built() || !is_required, "it is required here");
        return None;
    }
    let setup = Setup { mode: Mode::Routed, clock: Clock::Given, seed: SEED, flow_slots: SLOTS };
    Some(Fastpath::load(&setup).unwrap_or_else(|error| panic!("{error:?}")))
}

/// Whether a verdict for this reason is that of a flow.
const fn of_flows(reason: Reason) -> bool {
    match reason {
        Reason::Rule | Reason::Default | Reason::Unassigned | Reason::Reply | Reason::Midstream => true,
        // Those of a quarantine are of flows and of others.
        Reason::Fragment
        | Reason::Orphan
        | Reason::Unreadable
        | Reason::Builtin(_)
        | Reason::Quarantine
        | Reason::RogueServer
        | Reason::FailOpen
        | Reason::FailClosed
        // What is beyond a limit is of one frame.
        | Reason::RateLimit => false,
    }
}

/// Two judges that are told the same.
struct Twins {
    kernel: Fastpath,
    user: Box<State>,
    now: u64,
    frames: u64,
    dropped: u64,
    untold: u64,
    limited: u64,
}

impl Twins {
    fn new(policy: &Compiled) -> Option<Twins> {
        let kernel = program()?;
        let user = State::boxed();
        user.set_seed(SEED);
        user.limit_flow_slots(SLOTS);
        let twins =
            Twins { kernel, user, now: 1_700_000_000 * SECOND, frames: 0, dropped: 0, untold: 0, limited: 0 };
        twins.install(policy);
        Some(twins)
    }

    fn install(&self, policy: &Compiled) {
        policy.install(self.kernel.state()).unwrap();
        policy.install(&self.user).unwrap();
        assert_eq!(self.kernel.state().generation(), self.user.generation());
    }

    /// Cuts a device off, or releases it.
    fn order(&self, device: DeviceKey) {
        for state in [self.kernel.state(), &*self.user] {
            if state.is_quarantined(device) {
                state.release(&[device]);
            } else {
                state.quarantine(&[device]).unwrap();
            }
        }
    }

    /// Attends to both for so long from now on, or for ever.
    fn attend(&self, nanoseconds: Option<u64>) {
        for state in [self.kernel.state(), &*self.user] {
            state.set_deadline(nanoseconds.map(|time| Timestamp(self.now + time)));
        }
    }

    fn wait(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    fn frame(&mut self, frame: &[u8]) {
        // The kernel refuses to run over less than an Ethernet header.
        if frame.len() < 14 {
            return;
        }
        self.kernel.set_time(self.now).unwrap();
        let ran = self.kernel.test_run(frame, 1).unwrap();
        let reading = read_ethernet(frame);
        let headers = reading.headers();
        let len = u32::try_from(frame.len()).unwrap();
        let judged = judge(&self.user, headers, len, Timestamp(self.now));
        let expected = match judged.verdict.fate() {
            Fate::Pass => Action::Pass,
            Fate::Drop => Action::Drop,
        };
        assert_eq!(ran.action, expected, "frame {}: {judged:?} {headers:?} {frame:02x?}", self.frames);
        let event = self.kernel.event();
        if let Some(event) = &event {
            let told = (event.event(), event.verdict(), event.sighted().at.0, event.sighted().frame_len);
            assert_eq!(told, (judged.event, judged.verdict, self.now, len), "frame {}", self.frames);
            assert_eq!(event.head(), &frame[..frame.len().min(192)]);
        } else if judged.event.is_some() {
            self.untold += 1;
        }
        if !matches!(headers.fragment, Fragment::Later { .. }) {
            let [kernel, user] = [self.kernel.state(), &self.user].map(|state| state.flow(headers));
            assert_eq!(kernel, user, "frame {}: {headers:?} {frame:02x?}", self.frames);
            if let (Some(flow), true) = (user, of_flows(judged.verdict.reason)) {
                assert_eq!(flow.verdict, judged.verdict, "what is remembered is what was said");
            }
        }
        self.frames += 1;
        self.dropped += u64::from(expected == Action::Drop);
        self.limited += u64::from(judged.verdict.reason == Reason::RateLimit);
    }

    /// What was compared, on stderr, for who asked for the long form.
    fn say(&self, what: &str) {
        if long_form().is_some() {
            let Twins { frames, dropped, limited, untold, .. } = self;
            let line = format!(
                "{what}: {frames} frames through the kernel, 0 differences; {dropped} dropped, {limited} beyond a limit, {untold} events untold\n"
            );
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }

    /// Every counter of both.
    fn compare(&self) {
        let states = [self.kernel.state(), &*self.user];
        let [kernel, user] = states.map(|state| {
            state.settle();
            let counters = &state.counters;
            let rules: Vec<_> = (0..=u16::MAX).map(|n| counters.rule(RuleId::new(n))).collect();
            let pairs: Vec<_> = (0..=u8::MAX)
                .flat_map(|from| (0..=u8::MAX).map(move |to| (SegmentId::new(from), SegmentId::new(to))))
                .map(|(from, to)| counters.pair(from, to))
                .collect();
            let builtins = Builtin::ALL.map(|builtin| counters.builtin(builtin));
            let others = [
                &counters.rejudged,
                &counters.evicted,
                &counters.refused,
                &counters.contended,
                &counters.mac_moved,
                &counters.orphans,
                &counters.fragments_evicted,
                &counters.unreadable,
            ];
            let beside = [counters.quarantined(), counters.rogue_servers()];
            let turned = [counters.opened.load(), counters.closed.load(), counters.unlimited.load()];
            (rules, pairs, builtins, others.map(abi::cell::Cell64::load), beside, turned)
        });
        assert!(kernel == user, "counters differ after {} frames", self.frames);
        assert_eq!(self.kernel.state().counters.untold.load(), self.untold, "events are told or counted");
    }
}

fn policy(text: &str) -> Compiled {
    policies::compile(&[Source { name: "test.yaml".to_owned(), text: text.to_owned() }]).unwrap()
}

/// Small worlds of the same addresses, so that a change of policy changes what flows may do.
pub(crate) fn worlds() -> [Compiled; 2] {
    let segments = "version: 1
defaults: { between: deny, within: deny, unassigned: deny, mode: enforce }
segments:
  pumps:   { match: { ip: [10.1.0.0/16, 'fd00:1::/32'] }, life_critical: true }
  servers: { match: { ip: [10.2.0.0/16, 'fd00:2::/32'] }, trust: dhcp, fail: closed }
  guests:  { match: { vlan: [10, 20] }, fail: closed }
  named:   { match: { mac: '02:00:00:00:00:05' }, trust: [dhcp, router] }
quarantine: { allow: servers }
";
    let first =
        "routers: { mac: ['02:00:00:00:00:03', '02:00:00:00:00:04'], routed: [10.1.0.0/30, 'fd00:2::/32'] }
allow:
  - { id: web,  from: pumps, to: servers, service: https, rate: { packets: 2/h, burst: 1 } }
  - { id: name, from: '*', to: servers, service: dns, rate: { packets: 4/h, burst: 1, mode: enforce } }
  - { id: ping, from: servers, to: pumps, service: ping }
";
    let second = "routers: { routed: [10.2.0.0/31, 192.0.0.0/8, 'fd00::/14'] }
allow:
  - { id: tell, from: servers, to: pumps, service: https }
  - { id: out,  from: guests, to: [pumps, servers], service: any, rate: { packets: 3/h, burst: 1 } }
deny:
  - { id: no, from: named, to: '*', service: any, mode: alert }
";
    [policy(&format!("{segments}{first}")), policy(&format!("{segments}{second}"))]
}

/// Frames out of a small world: all encapsulations, often an answer to or a repetition of an earlier one, often broken.
pub(crate) struct Maker {
    random: Random,
    earlier: Vec<Vec<u8>>,
}

impl Maker {
    pub(crate) fn seeded(seed: u64) -> Maker {
        Maker { random: Random::seeded(seed), earlier: Vec::new() }
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *self.random.pick(choices).unwrap()
    }

    fn mac(&mut self) -> [u8; 6] {
        let last = self.pick(&[1, 2, 3, 4, 5]);
        self.pick(&[[2, 0, 0, 0, 0, last], [2, 0, 0, 0, 0, last], [0xff; 6], [1, 0x80, 0xc2, 0, 0, 2]])
    }

    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut frame = match self.random.below(10) {
            0..5 if !self.earlier.is_empty() => {
                let place = usize::try_from(self.random.below(self.earlier.len() as u64)).unwrap();
                let old = self.earlier[place].clone();
                if self.random.happens(500) { answer(old) } else { old }
            }
            _ => self.fresh(),
        };
        if self.earlier.len() < 200 {
            self.earlier.push(frame.clone());
        } else {
            let place = usize::try_from(self.random.below(200)).unwrap();
            self.earlier[place].clone_from(&frame);
        }
        if self.random.happens(250) {
            self.damage(&mut frame);
        }
        frame
    }

    fn damage(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..=self.random.below(3) {
            let len = frame.len() as u64;
            let place = usize::try_from(self.random.below(len.min(90))).unwrap();
            match self.random.below(4) {
                0 => frame.truncate(place.max(14)),
                1 => frame.push(0),
                _ => frame[place] ^= 1 << self.random.below(8),
            }
        }
    }

    fn fresh(&mut self) -> Vec<u8> {
        let mut frame = [self.mac(), self.mac()].concat();
        for _ in 0..self.pick(&[0_u8, 0, 0, 0, 1, 1, 2, 2, 3, 5]) {
            frame.extend(self.pick(&[[0x81, 0], [0x88, 0xa8], [0x91, 0]]));
            frame.extend(self.pick(&[[0_u8, 10], [0, 20], [0x20, 30], [0xe0, 0]]));
        }
        match self.random.below(20) {
            0 => frame.extend(self.pick(&[[8, 6], [0x88, 0x8e], [0x88, 0xcc], [0, 38], [0x88, 0x92]])),
            1..12 => self.v4(&mut frame),
            _ => self.v6(&mut frame),
        }
        let most = self.pick(&[0, 0, 6, 30, 200, 1400, 4500]);
        frame.extend(vec![0xaa; usize::try_from(self.random.below(most + 1)).unwrap()]);
        frame
    }

    fn v4(&mut self, frame: &mut Vec<u8>) {
        frame.extend([8, 0]);
        let host = |maker: &mut Maker| {
            let [b, d] = [maker.pick(&[1, 2]), maker.pick(&[1, 2, 3])];
            maker.pick(&[[10, b, 0, d], [10, b, 0, d], [192, 0, 2, d], [239, 1, 1, 1]])
        };
        let protocol = self.pick(&[6, 6, 6, 17, 17, 17, 1, 47, 132, 2, 51]);
        let transport = self.transport(protocol);
        let words = self.pick(&[0_usize, 0, 0, 0, 1, 4, 10]);
        let total = u16::try_from(20 + words * 4 + transport.len()).unwrap();
        let total = self.pick(&[total, total, total, total, 0, total.wrapping_sub(9), 1500]);
        let fragment = self.pick(&[0x4000_u16, 0, 0, 0x2000, 0x2001, 1, 2, 185, 0x8000]);
        frame.push(0x40 | u8::try_from(5 + words).unwrap());
        frame.push(0);
        frame.extend(total.to_be_bytes());
        frame.extend([0, self.pick(&[1, 2, 3])]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([self.pick(&[1, 64, 255]), protocol, 0, 0]);
        frame.extend(host(self));
        frame.extend(host(self));
        frame.extend(vec![1; words * 4]);
        frame.extend(transport);
    }

    fn v6(&mut self, frame: &mut Vec<u8>) {
        frame.extend([0x86, 0xdd]);
        let protocol = self.pick(&[6, 6, 17, 17, 58, 47, 59, 132]);
        let mut body = self.transport(protocol);
        let mut next = protocol;
        for _ in 0..self.pick(&[0_u8, 0, 0, 0, 1, 2, 4, 9]) {
            let kind = self.pick(&[0_u8, 43, 44, 51, 60, 135]);
            let (len, size) = match kind {
                44 => (0, 8),
                51 => (4, 24),
                _ => self.pick(&[(0_u8, 8), (2, 24), (255, 2048)]),
            };
            let mut header = vec![0; size];
            header[0] = next;
            header[1] = len;
            if kind == 44 {
                let offset = self.pick(&[[0_u8, 0], [0, 1], [0, 9], [0, 16]]);
                header[2..4].copy_from_slice(&offset);
                header[7] = self.pick(&[1, 2]);
            }
            header.extend(body);
            body = header;
            next = kind;
        }
        let len = u16::try_from(body.len()).unwrap_or(u16::MAX);
        let len = self.pick(&[len, len, len, len, 0, len.wrapping_sub(5)]);
        frame.extend([0x60, 0, 0, 0]);
        frame.extend(len.to_be_bytes());
        frame.extend([next, self.pick(&[1, 64, 255])]);
        for _ in 0..2 {
            let [subnet, host] = [self.pick(&[1_u8, 2, 3]), self.pick(&[1_u8, 2])];
            let mut ip = [0xfd, 0, 0, subnet, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host];
            match self.random.below(12) {
                0 => ip[0] = 0xff,
                1 => ip = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, subnet, 0, host],
                2 => ip = [0; 16],
                _ => {}
            }
            frame.extend(ip);
        }
        frame.extend(body);
    }

    fn transport(&mut self, protocol: u8) -> Vec<u8> {
        let ports = [53_u16, 443, 443, 67, 68, 546, 547, 104, 40_000];
        let [src, dst] = [self.pick(&ports), self.pick(&ports)];
        let mut bytes = [src.to_be_bytes(), dst.to_be_bytes()].concat();
        match protocol {
            6 => {
                bytes.extend([0; 8]);
                let flags = self.pick(&[2, 2, 0x12, 0x10, 0x10, 0x18, 4, 1]);
                bytes.extend([self.pick(&[0x50, 0x50, 0x50, 0x80, 0x40]), flags, 1, 0, 0, 0, 0, 0]);
            }
            17 => bytes.extend([0, self.pick(&[8, 8, 0, 7, 12]), 0, 0]),
            1 => bytes = vec![self.pick(&[8, 0, 3, 13, 14]), 0, 0, 0, 0, 1, 0, 1],
            58 => bytes = vec![self.pick(&[128, 129, 133, 134, 135, 143, 1]), 0, 0, 0, 0, 1, 0, 1],
            _ => bytes.extend([0; 8]),
        }
        bytes
    }
}

/// The frame with its sides exchanged, where they lie in one without tags and options.
fn answer(mut frame: Vec<u8>) -> Vec<u8> {
    let mut exchange = |one: usize, other: usize, len: usize| {
        if frame.len() >= other + len {
            let (head, tail) = frame.split_at_mut(other);
            head[one..one + len].swap_with_slice(&mut tail[..len]);
        }
    };
    exchange(0, 6, 6);
    exchange(26, 30, 4);
    exchange(34, 36, 2);
    frame
}

#[test]
fn the_kernel_judges_generated_frames_as_userspace_does() {
    let worlds = worlds();
    let Some(mut twins) = Twins::new(&worlds[0]) else { return };
    let mut maker = Maker::seeded(1);
    for number in 0..long_form().unwrap_or(FRAMES) {
        match maker.random.below(3000) {
            0 => twins.wait(2000 * SECOND),
            1..40 => twins.wait(30 * SECOND),
            n => twins.wait(n * 1000),
        }
        if maker.random.below(2000) == 0 {
            let world = usize::try_from(maker.random.below(2)).unwrap();
            twins.install(&worlds[world]);
        }
        match maker.random.below(3000) {
            0..4 => {
                let last = maker.pick(&[1, 2, 3]);
                twins.order(if maker.random.happens(500) {
                    DeviceKey::Mac(Mac([2, 0, 0, 0, 0, last]))
                } else {
                    DeviceKey::Ip(Ip::v4([10, 1, 0, last]))
                });
            }
            4..6 => twins.attend(None),
            6 => twins.attend(Some(10 * SECOND)),
            _ => {}
        }
        let frame = maker.next();
        twins.frame(&frame);
        if number % 50_000 == 0 {
            twins.compare();
        }
    }
    twins.compare();
    let counters = &twins.user.counters;
    let seen = [&counters.rejudged, &counters.mac_moved, &counters.orphans, &counters.unreadable];
    let turned = [&counters.opened, &counters.closed];
    let seen = seen.into_iter().chain(turned).map(abi::cell::Cell64::load);
    let seen = seen.chain([counters.quarantined().packets, counters.rogue_servers().packets]);
    assert!(seen.into_iter().all(|count| count > 100), "the frames must reach every branch");
    let passed = twins.frames - twins.dropped;
    twins.say("generated");
    assert!(twins.limited > 100, "{} beyond a limit", twins.limited);
    assert!(twins.dropped > 20_000 && passed > 20_000, "{passed} passed, {} dropped", twins.dropped);
}

#[test]
fn the_first_frames_of_a_flow_come_up_whole_in_the_smallest_size_that_holds_them() {
    let Some(mut kernel) = program() else { return };
    policy("version: 1\nsegments: { a: { match: { ip: 10.0.0.0/8 } } }\n").install(kernel.state()).unwrap();
    kernel.state().set_tap_frames(3);
    kernel.set_time(1_700_000_000 * SECOND).unwrap();
    let frame = |port: u8, len: usize| {
        let mut frame = vec![0xab; len];
        frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        frame[14..24].copy_from_slice(&[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17]);
        frame[26..38].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, 9, port, 0, 53]);
        frame[38..40].copy_from_slice(&[0, 20]);
        frame
    };
    for (port, len) in (1..).zip([60, 128, 129, 512, 513, 1514, 2048, 2049, 3000]) {
        let frame = frame(port, len);
        for _ in 0..10 {
            assert_eq!(kernel.test_run(&frame, 1).unwrap().action, Action::Pass);
        }
        let mut copies = 0;
        while let Some(bytes) = kernel.tapped(|tapped| {
            let sighted = tapped.sighted();
            assert_eq!((sighted.at.0, sighted.frame_len as usize), (1_700_000_000 * SECOND, len));
            assert_eq!(tapped.verdict().reason, Reason::Default);
            tapped.bytes().to_vec()
        }) {
            assert!(bytes == frame[..len.min(2048)], "a copy of {len} bytes");
            copies += 1;
        }
        assert_eq!(copies, 3, "of {len} bytes");
    }
    let counters = &kernel.state().counters;
    assert_eq!((counters.tapped.load(), counters.tap_lost.load()), (27, 0));
    // Nobody takes them away: frames go on, and what is missing is counted.
    kernel.state().set_tap_frames(u32::MAX);
    kernel.test_run(&frame(100, 1514), 20_000).unwrap();
    let counters = &kernel.state().counters;
    let (tapped, lost) = (counters.tapped.load() - 27, counters.tap_lost.load());
    assert!(tapped > 1000 && lost > 1000, "{tapped} {lost}");
    assert_eq!(tapped + lost, 20_000);
}

#[test]
fn the_kernel_judges_the_recorded_hospital_as_userspace_does() {
    let Some(mut twins) = Twins::new(&worlds()[0]) else { return };
    let input = Input::File(fixtures::hospital().capture);
    let mut captures = Captures::open(&[input]).unwrap();
    while let Some(raw) = captures.next_frame() {
        let frame = raw.bytes.to_vec();
        twins.wait(100_000);
        twins.frame(&frame);
    }
    twins.compare();
    assert!(twins.frames > 1000);
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            collect(&path, found);
        } else if [".pcap", ".pcapng", ".pcapng.zst"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn the_kernel_judges_every_recorded_ethernet_frame_as_userspace_does() {
    if long_form().is_none() {
        let line =
            b"SKIPPED: kernel program on every capture takes minutes: set WARDLINE_DIFFERENTIAL_FRAMES\n";
        return std::io::stderr().write_all(line).unwrap();
    }
    let Some(folder) = fixtures::captures("the kernel program on every capture") else { return };
    let mut paths = Vec::new();
    collect(&folder, &mut paths);
    let Some(mut twins) = Twins::new(&worlds()[0]) else { return };
    let mut files = 0;
    for path in paths {
        // What cannot be read at all is another test's.
        let Ok(mut captures) = Captures::open(&[Input::File(path)]) else { continue };
        let before = twins.frames;
        while let Some(raw) = captures.next_frame() {
            if raw.link == LinkType::Ethernet {
                let frame = raw.bytes.to_vec();
                twins.wait(100_000);
                twins.frame(&frame);
            }
        }
        files += u64::from(twins.frames > before);
    }
    twins.compare();
    twins.say(&format!("{files} captures"));
    assert!(files > 0 && twins.frames > 1000);
}
