//! The program in generic mode, frame by frame against the judge in userspace.
//!
//! Frames without a whole Ethernet header cannot be on a veth: its sender refuses them (packet(7), `dev_hard_header_len`),
//! as the test-run call does.

use super::ground::{Ground, PATIENCE, Place};
use crate::fastpath::{Maker, worlds};
use abi::address::Timestamp;
use abi::cell::Cell64;
use abi::headers::read_ethernet;
use abi::judge::{Builtin, Fate, judge};
use abi::state::State;
use abi::table::{RuleId, SegmentId};
use daemon::fastpath::attach::Port;
use daemon::fastpath::pins::Way;
use daemon::fastpath::{Clock, Fastpath, Mode, Setup};

const FRAMES: usize = 100_000;
const BATCH: usize = 500;
/// What the links take, tags included.
const LONGEST: usize = 9000;
const SEED: u64 = 0x5eed;
const SLOTS: usize = 16_384;

/// The program between the hosts, with nothing but itself.
fn attached() -> Fastpath {
    let ports = ["one", "two"].map(|name| Port::named(name).unwrap());
    let mode = Mode::Inline([ports[0].interface().index, ports[1].interface().index]);
    let setup = Setup { mode, clock: Clock::Given, seed: SEED, flow_slots: SLOTS };
    let mut kernel = Fastpath::load(&setup).unwrap_or_else(|error| panic!("{error:?}"));
    let attached = kernel.attach(&ports, None).unwrap();
    assert!(attached.iter().all(|port| port.note.way == Way::Generic), "{attached:?}");
    kernel
}

/// The receiver's kernel takes tags out of frames before they can be read, and drops what ends within one
/// (`skb_vlan_untag`).
fn can_be_read(frame: &[u8]) -> bool {
    let is_tagged = matches!(frame.get(12..14), Some([0x81, 0] | [0x88, 0xa8]));
    !is_tagged || frame.len() >= 20
}

fn counters(state: &State) -> impl PartialEq + std::fmt::Debug {
    state.settle();
    let counters = &state.counters;
    let rules: Vec<_> = (0..1000).map(|n| counters.rule(RuleId::new(n))).collect();
    let pairs: Vec<_> = (0..10)
        .flat_map(|from| (0..10).map(move |to| (SegmentId::new(from), SegmentId::new(to))))
        .map(|(from, to)| counters.pair(from, to))
        .collect();
    let builtins = Builtin::ALL.map(|builtin| counters.builtin(builtin));
    let others = [&counters.rejudged, &counters.mac_moved, &counters.orphans, &counters.unreadable];
    (rules, pairs, builtins, others.map(Cell64::load))
}

#[test]
fn in_generic_mode_a_hundred_thousand_live_frames_meet_the_fate_that_the_judge_gives_them() {
    let Some(ground) = Ground::make() else { return };
    for place in [Place::Left, Place::Right] {
        ground.ethtool(place, "host gro off");
    }
    let (mut left, mut right) = (ground.tap(Place::Left), ground.tap(Place::Right));
    right.only_arriving();
    ground.inside(Place::Sensor, || {
        let mut kernel = attached();
        let user = State::boxed();
        user.set_seed(SEED);
        user.limit_flow_slots(SLOTS);
        let worlds = worlds();
        let mut maker = Maker::seeded(2);
        let (mut now, mut passed, mut frames) = (1_700_000_000_000_000_000, 0_usize, 0_usize);
        while frames < FRAMES {
            let world = &worlds[frames / 20_000 % 2];
            if frames % 20_000 == 0 {
                kernel.idle().unwrap().install(world).unwrap();
                world.install(&user).unwrap();
            }
            now += 1_000_000_000;
            kernel.set_time(now).unwrap();
            let mut expected = Vec::new();
            let mut batch = 0;
            while batch < BATCH {
                let frame = maker.next();
                if frame.len() > LONGEST {
                    continue;
                }
                batch += 1;
                left.send(&frame);
                let reading = read_ethernet(&frame);
                let len = u32::try_from(frame.len()).unwrap();
                let judged = judge(&user, reading.headers(), len, Timestamp(now));
                if judged.verdict.fate() == Fate::Pass && can_be_read(&frame) {
                    expected.push(frame);
                }
            }
            frames += batch;
            passed += expected.len();
            for frame in &expected {
                let arrived = right.wait(PATIENCE / 5).unwrap_or_else(|| panic!("lost: {frame:02x?}"));
                assert!(arrived == *frame, "sent {frame:02x?}\narrived {arrived:02x?}");
            }
            while kernel.event().is_some() {}
        }
        assert_eq!(counters(kernel.state()), counters(&user));
        assert!(passed > FRAMES / 10 && passed < FRAMES * 9 / 10, "{passed} of {frames} pass");
        assert!(right.next().is_none(), "nothing else arrives");
    });
}
