use super::*;
use crate::scene::at;

const TRIPLE: Triple = Triple { client: 1, server: 2, act: 3 };

fn beats(times: &[u64]) -> Option<Beat> {
    let mut beacons = Beacons::default();
    times.iter().filter_map(|time| beacons.visit(TRIPLE, at(*time), FlowId(*time))).last()
}

#[test]
fn even_gaps_beat_after_five_of_them() {
    assert_eq!(beats(&[100, 160, 220, 280, 340]), None);
    let beat = beats(&[100, 160, 220, 280, 340, 400]).expect("five gaps of a minute");
    assert_eq!((beat.gaps, beat.since), (5, at(100)));
    assert!((beat.mean - 60.0).abs() < 1e-6 && beat.variation < 1e-6);
}

#[test]
fn jitter_of_a_half_still_beats_and_a_person_does_not() {
    assert!(beats(&[0, 50, 140, 170, 260, 300, 380, 410].map(|time| time + 1000)).is_some());
    assert!(beats(&[0, 2, 4, 300, 301, 900, 905, 906].map(|time| time + 1000)).is_none());
}

#[test]
fn connections_opened_together_are_one_visit() {
    let mut beacons = Beacons::default();
    let told = (0..100u64)
        .any(|n| beacons.visit(TRIPLE, Timestamp(at(1000).0 + n * 1_000_000), FlowId(n)).is_some());
    assert!(!told);
}
