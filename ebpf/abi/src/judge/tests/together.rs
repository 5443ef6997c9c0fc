//! Several threads at one state, as CPUs are: no frame gets the verdict of another flow, or a mixture of two policies.

use std::thread;

use super::{SYN, at, cell, segment, tcp};
use crate::address::Ip;
use crate::judge::judge;
use crate::state::State;
use crate::table::{Action, Mode, RuleId, SegmentId, ServiceClass};

const SIDES: u8 = 40;

/// Policy 0 allows everything by rules 100 and up, policy 1 denies everything by rules 200 and up, one for each segment.
fn two_policies() -> Box<State> {
    let state = State::boxed();
    state.limit_flow_slots(1024);
    for (base, action) in [(200, Action::Deny), (100, Action::Allow)] {
        let next = state.idle();
        for from in 1..=SIDES {
            let row = u16::from(from);
            next.identities.place_prefix(Ip::v4([10, from, 0, 0]), 16, segment(from).unwrap()).unwrap();
            for to in 1..=SIDES {
                next.tables.set_pair(segment(from), segment(to), row).unwrap();
            }
            for class in 0..=255 {
                let cell = cell(base + row, action, Mode::Enforce);
                next.tables.set_cell(row, ServiceClass(class), cell).unwrap();
            }
        }
        state.swap();
    }
    state
}

#[test]
fn threads_at_one_state_never_lend_a_verdict_or_mix_two_policies() {
    let state = two_policies();
    let state = &*state;
    let judged = thread::scope(|scope| {
        let threads = [1_u64, 2].map(|seed| scope.spawn(move || judge_many(state, seed)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert!(judged.iter().flatten().all(|count| *count > 1000), "both policies were met: {judged:?}");
    assert!(state.counters.evicted.load() > 1000, "entries changed hands");
}

/// Judges, and checks each verdict against the frame; tells how many allowed and denied. The first thread swaps as well.
fn judge_many(state: &State, seed: u64) -> [u64; 2] {
    let mut random = seed;
    let mut actions = [0_u64; 2];
    for number in 0..400_000 {
        if seed == 1 && number % 200 == 0 {
            state.swap();
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [a, b, c, _, _, _, _, _] = random.to_be_bytes();
        // Many more flows than entries: entries change hands all the time.
        let (from, to) = (1 + a % SIDES, 1 + b % SIDES);
        let frame = tcp(SYN, ([10, from, 0, c % 8], 50_000), ([10, to, 0, 1], 443));
        let verdict = judge(state, &frame, 100, at(0)).verdict;
        assert_eq!((SegmentId::number(verdict.from), SegmentId::number(verdict.to)), (from, to));
        let (base, place) = match verdict.action {
            Action::Allow => (100, 0),
            Action::Deny => (200, 1),
        };
        assert_eq!(RuleId::number(verdict.rule), base + u16::from(from));
        actions[place] += 1;
    }
    actions
}
