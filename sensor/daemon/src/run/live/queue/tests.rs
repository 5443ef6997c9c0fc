//! The queue gives back what was put in, and counts what it has no room for.

use super::{Batch, FRAMES, Feeder, Losses};
use crate::run::live::Figures;
use abi::address::Timestamp;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use wire::frame::LinkType;

fn frames(batch: &Batch) -> Vec<(u64, Vec<u8>, u32)> {
    batch.frames().map(|(at, _, bytes, wire_len)| (at.0, bytes.to_vec(), wire_len)).collect()
}

#[test]
fn frames_come_out_as_they_were_put_in_and_what_finds_no_room_is_counted_and_not_waited_for() {
    let losses = Arc::new(Losses::begin(None));
    let (to, from) = sync_channel(2);
    let mut feeder = Feeder::new(to, Arc::clone(&losses));
    for at in 0..3 {
        feeder.take((Timestamp(at), LinkType::Ethernet), &[u8::try_from(at).unwrap(); 14], 60);
    }
    feeder.send();
    assert_eq!(
        frames(&from.recv().unwrap()),
        [(0, vec![0; 14], 60), (1, vec![1; 14], 60), (2, vec![2; 14], 60)]
    );
    // Nobody takes these away: two batches wait, two are lost.
    for at in 0..4 * FRAMES as u64 {
        feeder.take((Timestamp(at), LinkType::Ethernet), &[], 60);
    }
    assert_eq!(losses.figures(), Figures { queue: 2 * FRAMES as u64, ..Figures::default() });
    drop(from);
    feeder.take((Timestamp(0), LinkType::Ethernet), &[], 60);
    drop(feeder);
    assert_eq!(losses.figures().lost(), 2 * FRAMES as u64 + 1, "nor does the last one get anywhere");
}
