//! How a stream finds its dissector, and how little is kept until then.

use super::{Dissector, Found, HEAD, MIDSTREAM_TRIES, Met, TRIES};
use abi::address::Timestamp;
use abi::app::App;
use fixtures::traffic::hl7::{Message, mllp};
use proptest::prelude::*;
use wire::{Exchange, Side};

fn feed(dissector: &mut Dissector, side: Side, met: Met, bytes: &[u8]) -> Vec<Exchange> {
    let mut out = Vec::new();
    dissector.feed(side, (Timestamp(1), met), bytes, &mut out);
    out
}

#[test]
fn bytes_that_nobody_claims_are_given_up_after_a_few_pieces_and_later_when_met_midway() {
    for (met, most) in [(Met::AtStart, TRIES), (Met::Midway, MIDSTREAM_TRIES)] {
        let mut dissector = Dissector::default();
        for _ in 0..most {
            assert_eq!(dissector.found(), Found::Nothing);
            feed(&mut dissector, Side::Client, met, &[0x5a; 100]);
            assert_eq!(dissector.memory(), 0, "nothing is kept of them");
        }
        assert_eq!(dissector.found(), Found::Done(App::Unknown));
    }
}

#[test]
fn what_is_known_by_its_first_bytes_alone_is_named() {
    let mut dissector = Dissector::default();
    feed(&mut dissector, Side::Server, Met::AtStart, b"SSH-2.0-OpenSSH_9.6\r\n");
    assert_eq!(dissector.found(), Found::Done(App::Ssh));
}

#[test]
fn a_beginning_is_kept_up_to_its_bound_only() {
    let mut dissector = Dissector::default();
    let mut most = 0;
    for _ in 0..2 * HEAD {
        feed(&mut dissector, Side::Client, Met::AtStart, b"\x0b");
        most = most.max(dissector.memory());
    }
    assert!(most <= 2 * HEAD, "{most}");
    let mut dissector = Dissector::default();
    feed(&mut dissector, Side::Client, Met::AtStart, &[&b"\x0bMSH|"[..], &vec![b'x'; 60_000]].concat());
    assert!(dissector.memory() <= 2 * HEAD || dissector.found() == Found::App(App::Hl7));
}

#[test]
fn the_side_that_was_not_understood_at_once_is_read_first() {
    let message = Message::default();
    let (ask, answer) = (mllp(&message.bytes()), mllp(&message.acknowledged("AA").bytes()));
    let mut dissector = Dissector::default();
    assert_eq!(feed(&mut dissector, Side::Client, Met::AtStart, &ask[..3]), []);
    assert_eq!(dissector.found(), Found::Nothing);
    // The answer is captured first, in full, and tells the protocol.
    let early = feed(&mut dissector, Side::Server, Met::AtStart, &answer);
    assert_eq!((dissector.found(), early.len()), (Found::App(App::Hl7), 1));
    feed(&mut dissector, Side::Client, Met::AtStart, &ask[3..]);
    let mut rest = Vec::new();
    dissector.finish(Timestamp(2), &mut rest);
    let ops: Vec<_> = rest.iter().map(|exchange| (exchange.from, exchange.said.op())).collect();
    assert_eq!(ops, [(Side::Client, "message")]);
}

#[test]
fn a_gap_before_the_protocol_is_known_forgets_that_side_only() {
    let ask = mllp(&Message::default().bytes());
    let mut dissector = Dissector::default();
    feed(&mut dissector, Side::Client, Met::AtStart, &ask[..3]);
    dissector.gap(Side::Server, 100);
    feed(&mut dissector, Side::Client, Met::AtStart, &ask[3..]);
    assert_eq!(dissector.found(), Found::App(App::Hl7));
    let mut dissector = Dissector::default();
    feed(&mut dissector, Side::Client, Met::AtStart, &ask[..3]);
    dissector.gap(Side::Client, 100);
    feed(&mut dissector, Side::Client, Met::AtStart, b"|NONSENSE");
    assert_eq!(dissector.found(), Found::Nothing);
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing_that_is_said(cuts in prop::collection::vec(1usize..90, 1..20)) {
        let message = Message::default();
        let stream = [mllp(&message.bytes()), mllp(&message.bytes())].concat();
        let said = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut dissector = Dissector::default();
            let mut out = Vec::new();
            for piece in pieces {
                out.extend(feed(&mut dissector, Side::Client, Met::AtStart, piece));
            }
            dissector.finish(Timestamp(1), &mut out);
            out
        };
        let mut rest = stream.as_slice();
        let mut turn = cuts.iter().cycle();
        let mut pieces = std::iter::from_fn(|| {
            let cut = (*turn.next()?).min(rest.len());
            let (piece, after) = rest.split_at(cut);
            rest = after;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(said(&mut pieces), said(&mut std::iter::once(stream.as_slice())));
    }

    #[test]
    fn any_bytes_find_an_end(pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..60)) {
        let mut dissector = Dissector::default();
        for (is_client, bytes) in pieces {
            let side = if is_client { Side::Client } else { Side::Server };
            feed(&mut dissector, side, Met::Midway, &bytes);
            prop_assert!(dissector.memory() < 1 << 18);
        }
        let mut out = Vec::new();
        dissector.finish(Timestamp(1), &mut out);
    }
}
