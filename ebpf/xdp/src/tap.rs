//! Copies of whole frames for userspace, which sees what flows carry only so.

use abi::address::Timestamp;
use abi::event::{Sighted, TAP_SIZES, TAP_WORDS, TappedFrame};
use abi::judge::Desk;
use abi::state::State;
use aya_ebpf::macros::map;
use aya_ebpf::maps::RingBuf;
use core::arch::asm;

use crate::frame::Frame;

const RING_BYTES: u32 = 16 << 20;
/// Userspace looks by the clock: to wake it costs more than a copy.
const NO_WAKEUP: u64 = 1;

#[map]
static TAPS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// A copy with room for so many bytes.
#[repr(C)]
struct Copy<const SIZE: usize> {
    words: [u64; TAP_WORDS],
    bytes: [u8; SIZE],
}

/// Writes a copy if there is room for it, and counts it either way.
#[inline(always)]
pub fn copy(frame: &Frame<'_>, state: &State, desk: &Desk, at: Timestamp) {
    const SMALL: usize = TAP_SIZES[0];
    const MIDDLE: usize = TAP_SIZES[1];
    const LARGE: usize = TAP_SIZES[2];
    let len = frame.len() as usize;
    let is_written = if len <= SMALL {
        write::<SMALL>(frame, desk, at)
    } else if len <= MIDDLE {
        write::<MIDDLE>(frame, desk, at)
    } else {
        write::<LARGE>(frame, desk, at)
    };
    if is_written { state.counters.tapped.count() } else { state.counters.tap_lost.count() }
}

#[inline(always)]
fn write<const SIZE: usize>(frame: &Frame<'_>, desk: &Desk, at: Timestamp) -> bool {
    let Some(mut entry) = TAPS.reserve::<Copy<SIZE>>(0) else { return false };
    let place: *mut Copy<SIZE> = entry.as_mut_ptr();
    let captured = if frame.len() < SIZE as u32 { frame.len() } else { SIZE as u32 };
    let sighted = Sighted { at, frame_len: frame.len(), interface: interface(frame) };
    // SAFETY: the copy begins with these words, and all of it is this program's until it is submitted.
    unsafe { place.cast::<[u64; TAP_WORDS]>().write(TappedFrame::words(desk, sighted, captured)) };
    let mut bounded = captured;
    // SAFETY: changes nothing. The compiler knows that the comparison below holds and would leave it out, but the kernel
    // wants to see it.
    unsafe { asm!("/* {0} */", inout(reg) bounded, options(nomem, nostack, preserves_flags)) };
    if bounded >= 1 && bounded <= SIZE as u32 {
        // SAFETY: within the copy.
        frame.copy(0, unsafe { place.cast::<u8>().add(TappedFrame::BYTES_AT) }.cast(), bounded);
    }
    entry.submit(NO_WAKEUP);
    true
}

fn interface(frame: &Frame<'_>) -> u32 {
    frame.context().ingress_ifindex() as u32
}
