//! Losses, reorderings and repetitions by hand, and against the plain account of every byte.

use super::{Sequence, Taken};
use proptest::prelude::*;

const NOTHING: Taken = Taken { again: 0, recovered: 0 };

#[test]
fn bytes_in_order_leave_no_trace() {
    let mut sequence = Sequence::opened(99);
    for (seq, len) in [(99, 1), (100, 10), (110, 0), (110, 1460)] {
        assert_eq!(sequence.take(seq, len), NOTHING);
    }
    assert_eq!(sequence.start(), Some(100));
    assert_eq!(sequence.acknowledged(1570), 0);
}

#[test]
fn acknowledged_bytes_that_were_never_seen_are_missing_once() {
    let mut sequence = Sequence::opened(99);
    sequence.take(99, 1);
    sequence.take(100, 100);
    sequence.take(300, 100);
    assert_eq!(sequence.acknowledged(250), 50, "the hole is covered in part");
    assert_eq!(sequence.acknowledged(250), 0, "the same acknowledgment says nothing new");
    assert_eq!(sequence.acknowledged(400), 50, "the rest of the hole");
    assert_eq!(sequence.acknowledged(500), 100, "the end of the stream is missing too");
    assert_eq!(sequence.take(500, 100), NOTHING);
}

#[test]
fn what_lies_behind_an_island_is_missing_too() {
    let mut sequence = Sequence::default();
    sequence.take(0, 100);
    sequence.take(200, 100);
    assert_eq!(sequence.acknowledged(400), 200);
}

#[test]
fn reordering_alone_counts_nothing() {
    let mut sequence = Sequence::default();
    for seq in [0, 300, 100, 200, 500, 400] {
        assert_eq!(sequence.take(seq, 100), NOTHING, "{seq}");
    }
    assert_eq!(sequence.acknowledged(600), 0);
}

#[test]
fn a_segment_that_comes_after_its_acknowledgment_is_given_back() {
    let mut sequence = Sequence::default();
    sequence.take(0, 100);
    assert_eq!(sequence.acknowledged(300), 200);
    assert_eq!(sequence.take(100, 100), Taken { again: 0, recovered: 100 });
    assert_eq!(sequence.take(200, 100), Taken { again: 0, recovered: 100 });
    assert_eq!(sequence.take(200, 100), Taken { again: 100, recovered: 0 });
}

#[test]
fn a_segment_may_fill_the_middle_of_a_hole() {
    let mut sequence = Sequence::default();
    sequence.take(0, 10);
    sequence.take(40, 10);
    sequence.take(20, 10);
    assert_eq!(sequence.acknowledged(50), 20);
}

#[test]
fn a_retransmission_is_told_from_a_new_segment_by_its_old_bytes() {
    let mut sequence = Sequence::default();
    sequence.take(0, 1000);
    assert_eq!(sequence.take(500, 1000).again, 500);
    assert_eq!(sequence.take(1499, 1).again, 1, "a keep-alive");
    assert_eq!(sequence.take(1499, 0).again, 0, "a keep-alive without a byte");
}

#[test]
fn numbers_go_around() {
    let start = u32::MAX - 50;
    let mut sequence = Sequence::opened(start);
    sequence.take(start, 1);
    sequence.take(start.wrapping_add(1), 100);
    sequence.take(start.wrapping_add(201), 100);
    assert_eq!(sequence.acknowledged(start.wrapping_add(301)), 100);
    assert_eq!(sequence.take(start.wrapping_add(101), 100).recovered, 100);
}

#[test]
fn an_acknowledgment_beyond_every_window_is_not_of_this_stream() {
    let mut sequence = Sequence::default();
    sequence.take(1000, 10);
    for ack in [1010 + (1 << 30) + 1, 1000u32.wrapping_sub(1 << 30), 0x8000_0000 + 1010] {
        assert_eq!(sequence.acknowledged(ack), 0, "{ack}");
    }
    assert_eq!(sequence.take(1010 + (1 << 30) + 1, 10), NOTHING);
    assert_eq!(sequence.take(1010, 10), NOTHING, "and leaves no hole");
    assert_eq!(sequence.acknowledged(1020), 0);
}

#[test]
fn a_long_loss_is_told_by_the_segment_behind_it_and_not_by_an_acknowledgment_alone() {
    let mut sequence = Sequence::default();
    sequence.take(0, 1000);
    assert_eq!(sequence.acknowledged(5_000_000), 0, "anybody could write that");
    sequence.take(5_000_000, 1000);
    assert_eq!(sequence.acknowledged(5_001_000), 4_999_000);
}

#[test]
fn more_holes_than_are_remembered_make_the_loss_smaller_never_larger() {
    let mut sequence = Sequence::default();
    for index in 0..20 {
        sequence.take(index * 20, 10);
    }
    let missing = sequence.acknowledged(390);
    assert_eq!(missing, 80, "eight holes of ten bytes are remembered");
}

#[derive(Clone, Debug)]
enum Event {
    Segment(u32, u32),
    Ack(u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let segment = (0u32..60, 1u32..8).prop_map(|(seq, len)| Event::Segment(seq, len));
    let ack = (0u32..64).prop_map(Event::Ack);
    prop::collection::vec(prop_oneof![3 => segment, 1 => ack], 0..40)
}

proptest! {
    /// Against a list of every byte: with few enough holes the figures are exact.
    #[test]
    fn missing_bytes_are_those_acknowledged_and_never_seen(start in any::<u32>(), events in events()) {
        let mut sequence = Sequence::opened(start.wrapping_sub(1));
        sequence.take(start.wrapping_sub(1), 1);
        let mut seen = [false; 80];
        let (mut acked, mut missing, mut again, mut most_holes) = (0usize, 0u64, 0u64, 0usize);
        let mut again_model = 0u64;
        for event in &events {
            match *event {
                Event::Segment(seq, len) => {
                    let taken = sequence.take(start.wrapping_add(seq), len);
                    again += u64::from(taken.again);
                    missing -= u64::from(taken.recovered);
                    for byte in &mut seen[seq as usize..(seq + len) as usize] {
                        again_model += u64::from(*byte);
                        *byte = true;
                    }
                }
                Event::Ack(ack) => {
                    missing += u64::from(sequence.acknowledged(start.wrapping_add(ack)));
                    acked = acked.max(ack as usize);
                }
            }
            let top = seen.iter().rposition(|&byte| byte).map_or(0, |place| place + 1).max(acked);
            let holes = seen[..top].windows(2).filter(|pair| pair[0] && !pair[1]).count()
                + usize::from(top > 0 && !seen[0]);
            most_holes = most_holes.max(holes);
        }
        let expected = seen[..acked].iter().filter(|&&byte| !byte).count() as u64;
        if most_holes < super::HOLES {
            prop_assert_eq!(missing, expected);
            prop_assert_eq!(again, again_model);
        }
    }

    #[test]
    fn any_numbers_at_all_are_taken(steps in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 0..100)) {
        let mut sequence = Sequence::default();
        for (seq, len, ack) in steps {
            let taken = sequence.take(seq, len % 70_000);
            prop_assert!(taken.again <= len % 70_000);
            sequence.acknowledged(ack);
            prop_assert!(sequence.holes.len() <= super::HOLES);
        }
    }
}
