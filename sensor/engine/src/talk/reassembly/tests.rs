//! Streams cut, shuffled, repeated and thinned out, against the stream itself.

use super::{Arrival, BYTES, Budget, Half, OVERHEAD, PATIENCE, Piece, SEGMENTS, SKEW, STRAYS, TOTAL};
use abi::address::{MILLISECOND, Timestamp};
use proptest::prelude::*;

/// What was delivered: bytes, and how many are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Bytes(Vec<u8>),
    Gap(u64),
}

/// A half with its budget and all that it delivered.
#[derive(Default)]
struct Bench {
    half: Half,
    budget: Budget,
    got: Vec<Got>,
}

fn note(got: &mut Vec<Got>, piece: &Piece<'_>) {
    match (piece, got.last_mut()) {
        (Piece::Bytes(bytes), Some(Got::Bytes(last))) => last.extend_from_slice(bytes),
        (Piece::Bytes(bytes), _) => got.push(Got::Bytes(bytes.to_vec())),
        (Piece::Gap(missing), Some(Got::Gap(last))) => *last += missing,
        (Piece::Gap(missing), _) => got.push(Got::Gap(*missing)),
    }
}

impl Bench {
    fn beginning(seq: u32) -> Bench {
        let mut bench = Bench::default();
        bench.half.begin(seq);
        bench
    }

    fn take(&mut self, seq: u32, captured: &[u8]) {
        self.take_at(seq, captured, captured.len(), 0);
    }

    fn take_at(&mut self, seq: u32, captured: &[u8], wire_len: usize, at: u64) {
        let wire_len = u32::try_from(wire_len).unwrap();
        let arrival = Arrival { seq, captured, wire_len, at: Timestamp(at) };
        let Bench { half, budget, got } = self;
        half.take(&arrival, budget, &mut |piece| note(got, &piece));
        self.check();
    }

    fn acknowledge(&mut self, ack: u32, at: u64) {
        let Bench { half, budget, got } = self;
        half.acknowledge(ack, Timestamp(at), budget, &mut |piece| note(got, &piece));
        self.check();
    }

    fn flush(&mut self) {
        let Bench { half, budget, got } = self;
        half.flush(budget, &mut |piece| note(got, &piece));
        assert_eq!(self.budget.held, 0, "nothing is held after the end");
    }

    /// What holds at all times.
    fn check(&self) {
        let held: usize = self.half.waiting.iter().map(super::Waiting::cost).sum();
        assert_eq!((held, held), (self.half.held, self.budget.held));
        assert!(self.half.waiting.len() <= SEGMENTS && held <= BYTES + SEGMENTS * OVERHEAD);
        for pair in self.half.waiting.windows(2) {
            assert!(
                super::ahead(pair[1].seq, pair[0].end()) >= 0,
                "what waits is in order and does not overlap"
            );
        }
    }
}

fn bytes(text: &str) -> Got {
    Got::Bytes(text.as_bytes().to_vec())
}

#[test]
fn a_stream_in_order_is_handed_on_as_it_comes() {
    let mut bench = Bench::beginning(u32::MAX - 1);
    bench.take(u32::MAX - 1, b"abc");
    bench.take(1, b"def");
    assert_eq!(bench.got, [bytes("abcdef")]);
}

#[test]
fn the_first_of_two_segments_may_come_last() {
    let mut bench = Bench::beginning(10);
    bench.take(13, b"def");
    assert_eq!(bench.got, []);
    bench.take(10, b"abc");
    assert_eq!(bench.got, [bytes("abcdef")]);
}

#[test]
fn where_segments_contradict_each_other_the_first_wins() {
    let mut bench = Bench::beginning(0);
    bench.take(0, b"abc");
    bench.take(1, b"XYd");
    assert_eq!(bench.got, [bytes("abcd")], "in order");

    let mut bench = Bench::beginning(0);
    bench.take(3, b"de");
    bench.take(3, b"XXXX");
    bench.take(1, b"bcYYY");
    bench.take(0, b"a");
    assert_eq!(bench.got, [bytes("abcdeXX")], "while they wait");
}

#[test]
fn a_late_segment_fills_only_the_holes_between_those_that_wait() {
    let mut bench = Bench::beginning(0);
    for (seq, text) in [(4, "e"), (2, "c"), (8, "i"), (1, "BCDEFGHIJ")] {
        bench.take(seq, text.as_bytes());
    }
    bench.take(0, b"a");
    assert_eq!(bench.got, [bytes("aBcDeFGHiJ")]);
}

#[test]
fn a_segment_captured_short_is_bytes_and_a_gap() {
    let mut bench = Bench::beginning(0);
    bench.take_at(0, b"abc", 10, 0);
    bench.take(10, b"k");
    assert_eq!(bench.got, [bytes("abc"), Got::Gap(7), bytes("k")]);
    let mut bench = Bench::beginning(0);
    bench.take_at(2, b"cd", 10, 0);
    bench.take_at(0, b"", 2, 0);
    assert_eq!(bench.got, [Got::Gap(2), bytes("cd"), Got::Gap(8)]);
}

#[test]
fn a_hole_that_was_acknowledged_is_given_up_after_a_while_or_by_many_witnesses() {
    let mut bench = Bench::beginning(0);
    bench.take_at(5, b"fg", 2, 0);
    bench.acknowledge(7, SKEW - 1);
    assert_eq!(bench.got, [], "the other tap may be late");
    bench.acknowledge(7, SKEW);
    assert_eq!(bench.got, [Got::Gap(5), bytes("fg")]);

    let mut bench = Bench::beginning(0);
    bench.acknowledge(100, 0);
    for index in 0..8 {
        bench.take(10 + index, b"x");
    }
    assert_eq!(bench.got, [Got::Gap(10), bytes("xxxxxxxx")]);
}

#[test]
fn a_hole_that_is_acknowledged_in_part_stays() {
    let mut bench = Bench::beginning(0);
    bench.take_at(10, b"k", 1, 0);
    bench.acknowledge(9, 2 * SKEW);
    assert_eq!(bench.got, []);
    bench.acknowledge(10, 2 * SKEW);
    assert_eq!(bench.got, [Got::Gap(10), bytes("k")]);
}

#[test]
fn a_hole_that_the_receiver_still_waits_for_stays() {
    let mut bench = Bench::beginning(0);
    bench.acknowledge(0, 0);
    for index in 0..20 {
        bench.take_at(10 + index, b"x", 1, u64::from(index) * 1000 * MILLISECOND);
    }
    assert_eq!(bench.got, []);
    bench.take(0, b"0123456789");
    assert_eq!(bench.got, [bytes(&format!("0123456789{}", "x".repeat(20)))]);
}

#[test]
fn without_acknowledgments_a_hole_is_given_up_after_the_time_of_a_retransmission() {
    let mut bench = Bench::beginning(0);
    bench.take_at(5, b"f", 1, 0);
    bench.take_at(6, b"g", 1, PATIENCE - 1);
    assert_eq!(bench.got, []);
    bench.take_at(7, b"h", 1, PATIENCE);
    assert_eq!(bench.got, [Got::Gap(5), bytes("fgh")]);
}

#[test]
fn more_segments_than_may_wait_give_up_the_oldest_hole_only() {
    let mut bench = Bench::beginning(0);
    bench.take(10, b"first");
    for index in 0..u32::try_from(SEGMENTS).unwrap() - 1 {
        bench.take(100 + index * 2, b"x");
    }
    assert_eq!((bench.got.len(), bench.budget.overflows), (0, 0));
    bench.take(50_000, b"y");
    assert_eq!(bench.got, [Got::Gap(10), bytes("first")]);
    assert_eq!((bench.budget.overflows, bench.half.waiting.len()), (1, SEGMENTS));
}

#[test]
fn a_far_segment_that_is_forged_does_not_blind_the_reader() {
    let mut bench = Bench::beginning(0);
    bench.take(1 << 29, b"forged");
    for index in 0..1000u32 {
        // Every other segment is lost, so that those behind it wait.
        bench.take(10 + index * 20, b"0123456789");
    }
    let read: usize = bench
        .got
        .iter()
        .map(|got| match got {
            Got::Bytes(bytes) => bytes.len(),
            Got::Gap(_) => 0,
        })
        .sum();
    assert!(read >= 7000, "{read} of 10000 bytes were read, the rest waits");
    assert!(!bench.got.contains(&Got::Gap(1 << 29)));
}

#[test]
fn more_bytes_than_may_wait_give_up_holes_and_are_counted() {
    let mut bench = Bench::beginning(0);
    let piece = vec![7u8; 60_000];
    for index in 0..100u32 {
        bench.take(1 + index * 60_001, &piece);
    }
    assert!(bench.budget.overflows > 50);
    bench.flush();
    let total: u64 = bench
        .got
        .iter()
        .map(|got| match got {
            Got::Bytes(bytes) => bytes.len() as u64,
            Got::Gap(missing) => *missing,
        })
        .sum();
    assert_eq!(total, 100 * 60_001);
}

#[test]
fn the_memory_of_all_streams_together_is_bounded() {
    let mut budget = Budget::default();
    let mut halves: Vec<Half> = (0..70_000).map(|_| Half::default()).collect();
    let mut dropped = 0;
    for (round, half) in (0..15).flat_map(|round| (0..70_000).map(move |place| (round, place))) {
        let half = &mut halves[half];
        half.begin(0);
        half.acked = Some(0);
        let arrival = Arrival { seq: 10 + round * 2, captured: b"x", wire_len: 1, at: Timestamp(0) };
        half.take(&arrival, &mut budget, &mut |_| dropped += 1);
        assert!(budget.held <= TOTAL);
    }
    assert!(budget.overflows > 0, "one byte each, and yet the room is used up: the queue itself counts");
    for half in &mut halves {
        half.flush(&mut budget, &mut |_| {});
    }
    assert_eq!(budget.held, 0);
}

#[test]
fn another_stream_on_the_same_ports_takes_over_after_many_strays() {
    for seq in [0x9000_0000u32, 0xf000_0000, 0x6000_0000] {
        let mut bench = Bench::beginning(0);
        bench.take(0, b"old");
        for index in 1..u32::from(STRAYS) {
            bench.take(seq.wrapping_add(index), b"n");
        }
        assert_eq!(bench.got, [bytes("old")], "{seq:x}");
        bench.take(seq.wrapping_add(u32::from(STRAYS)), b"new");
        bench.take(seq.wrapping_add(u32::from(STRAYS) + 3), b"er");
        assert_eq!(bench.got, [bytes("old"), Got::Gap(1 << 32), bytes("newer")], "{seq:x}");
    }
}

#[test]
fn a_few_strays_do_no_harm() {
    let mut bench = Bench::beginning(0);
    for index in 0..100u32 {
        bench.take(0x9000_0000, b"forged");
        bench.take(index, b"s");
    }
    assert_eq!(bench.got, [bytes(&"s".repeat(100))]);
}

/// How a stream is cut and mistreated.
#[derive(Clone, Debug)]
struct Ordeal {
    start: u32,
    stream: Vec<u8>,
    /// Lengths of the segments, one after the other.
    cuts: Vec<usize>,
    /// For each segment: how far it may be delayed, whether it is sent twice, how many bytes before it are repeated.
    flaws: Vec<(u8, bool, u8)>,
}

fn ordeal() -> impl Strategy<Value = Ordeal> {
    (
        any::<u32>(),
        prop::collection::vec(any::<u8>(), 1..3000),
        prop::collection::vec(1usize..200, 1..60),
        prop::collection::vec((0u8..12, prop::bool::weighted(0.2), 0u8..40), 60),
    )
        .prop_map(|(start, stream, cuts, flaws)| Ordeal { start, stream, cuts, flaws })
}

/// The segments: sequence number, from, to; in the order of their coming.
fn segments(ordeal: &Ordeal) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut from = 0;
    let mut index = 0usize;
    while from < ordeal.stream.len() {
        let to = (from + ordeal.cuts[index % ordeal.cuts.len()]).min(ordeal.stream.len());
        let (delay, twice, back) = ordeal.flaws[index % ordeal.flaws.len()];
        let early = from.saturating_sub(usize::from(back));
        all.push((index + usize::from(delay), early, to));
        if twice {
            all.push((index + 3, from, to));
        }
        (from, index) = (to, index + 1);
    }
    all.sort_by_key(|&(turn, _, to)| (turn, to % 7));
    all.into_iter().map(|(_, from, to)| (from, to)).collect()
}

fn seq(ordeal: &Ordeal, place: usize) -> u32 {
    ordeal.start.wrapping_add(u32::try_from(place).unwrap())
}

proptest! {
    #[test]
    fn a_stream_cut_shuffled_and_repeated_is_the_stream(ordeal in ordeal()) {
        let mut bench = Bench::beginning(ordeal.start);
        for (from, to) in segments(&ordeal) {
            bench.take(seq(&ordeal, from), &ordeal.stream[from..to]);
        }
        prop_assert!(bench.half.waiting.is_empty(), "all has come, so nothing waits");
        prop_assert_eq!(&bench.got, &[Got::Bytes(ordeal.stream.clone())]);
        bench.flush();
        prop_assert_eq!(bench.budget.overflows, 0);
    }

    #[test]
    fn with_losses_bytes_and_gaps_add_up_to_the_stream(
        ordeal in ordeal(),
        lost in prop::collection::vec(prop::bool::weighted(0.3), 200),
        short in prop::collection::vec(prop::bool::weighted(0.2), 200),
        acks in prop::bool::ANY,
    ) {
        let mut bench = Bench::beginning(ordeal.start);
        let mut captured = vec![false; ordeal.stream.len()];
        let mut at = 0;
        for (index, (from, to)) in segments(&ordeal).into_iter().enumerate() {
            at += 20 * MILLISECOND;
            if lost[index % lost.len()] {
                continue;
            }
            let kept = if short[index % short.len()] { from + (to - from) / 2 } else { to };
            captured[from..kept].fill(true);
            bench.take_at(seq(&ordeal, from), &ordeal.stream[from..kept], to - from, at);
            if acks {
                bench.acknowledge(seq(&ordeal, to), at);
            }
        }
        bench.flush();
        let mut place = 0usize;
        for got in &bench.got {
            match got {
                Got::Bytes(bytes) => {
                    prop_assert_eq!(bytes.as_slice(), &ordeal.stream[place..place + bytes.len()]);
                    prop_assert!(captured[place..place + bytes.len()].iter().all(|&byte| byte));
                    place += bytes.len();
                }
                Got::Gap(missing) => place += usize::try_from(*missing).unwrap(),
            }
        }
        prop_assert!(place <= ordeal.stream.len());
    }

    #[test]
    fn any_segments_at_all_are_taken(
        steps in prop::collection::vec((any::<u32>(), 0usize..300, 1usize..2000, any::<u32>(), any::<u64>()), 0..200),
        near in any::<bool>(),
    ) {
        let mut bench = Bench::default();
        let bytes = [9u8; 300];
        for (seq, kept, wire_len, ack, at) in steps {
            let seq = if near { seq % 20_000 } else { seq };
            bench.take_at(seq, &bytes[..kept.min(wire_len)], wire_len, at);
            bench.acknowledge(if near { ack % 20_000 } else { ack }, at);
        }
        bench.flush();
    }
}
