//! Feeds arbitrary bytes, cut and lost as the input says, to the dicom dissector.

#![no_main]

use abi::address::Timestamp;
use libfuzzer_sys::fuzz_target;
use wire::Side;
use wire::dicom::{Session, claim};

fuzz_target!(|input: &[u8]| {
    claim(input);
    let (mut session, mut out, mut rest) = (Session::default(), Vec::new(), input);
    // Each step is an instruction byte, a length byte and that many bytes of the stream.
    while let Some((&[what, length], bytes)) = rest.split_first_chunk() {
        let from = if what & 1 == 0 { Side::Client } else { Side::Server };
        let (chunk, after) = bytes.split_at(usize::from(length).min(bytes.len()));
        match what & 0xe {
            0xe => session.gap(from, u64::from(length)),
            _ => session.feed(from, Timestamp::default(), chunk, &mut out),
        }
        assert!(session.memory() < 1 << 20, "a session outgrew its bound");
        rest = after;
    }
    session.finish(Timestamp::default(), &mut out);
    for exchange in &out {
        exchange.said.fields(&mut |_, _| {});
    }
});
