//! Any bytes as a run of frames: headers are read and judged without a panic, and every frame is counted.
#![no_main]

use abi::address::Timestamp;
use abi::headers::{read_ethernet, read_ip};
use abi::judge::judge;
use abi::state::State;
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static STATE: RefCell<(Box<State>, u64)> = RefCell::new((State::boxed(), 0));
}

fuzz_target!(|bytes: &[u8]| {
    STATE.with_borrow_mut(|(state, now)| {
        for frame in bytes.chunks(96) {
            *now += 1_000_000;
            judge(state, read_ethernet(frame).headers(), 96, Timestamp(*now));
            judge(state, read_ip(frame).headers(), 96, Timestamp(*now));
        }
    });
});
