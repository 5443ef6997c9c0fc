//! Records for userspace, so few that writing them never delays a verdict.

use abi::address::Timestamp;
use abi::event::{HEAD, Record, Sighted, WORDS};
use abi::judge::Desk;
use abi::state::State;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use core::arch::asm;
use core::ptr;

use crate::frame::Frame;

const RING_BYTES: u32 = 4 << 20;
/// Userspace looks by the clock: to wake it costs more than a record.
const NO_WAKEUP: u64 = 1;
/// Records of one segment and CPU within 16 jiffies, so that a scan leaves room for the others.
const BUDGET: u64 = 256;
const WINDOW_BITS: u32 = 4;

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// By segment of the sender, 0 being unassigned: the window in the upper 48 bits, records in it below.
#[map]
static BUDGETS: PerCpuArray<[u64; 256]> = PerCpuArray::with_max_entries(1, 0);

/// Writes a record if there is room for it and counts it if not.
#[inline(always)]
pub fn tell(frame: &Frame<'_>, state: &State, desk: &Desk, at: Timestamp) {
    if !is_affordable(desk.from_number()) || !write(frame, desk, at) {
        state.counters.untold.count();
    }
}

#[inline(always)]
fn is_affordable(segment: u8) -> bool {
    let Some(budgets) = BUDGETS.get_ptr_mut(0) else { return false };
    // SAFETY: the element is this CPU's own, and programs do not interrupt each other on it.
    let Some(budget) = (unsafe { &mut *budgets }).get_mut(usize::from(segment)) else { return false };
    // SAFETY: the helper has no arguments.
    let window = unsafe { bpf_jiffies64() } >> WINDOW_BITS << 16;
    if *budget & !0xffff != window {
        *budget = window;
    }
    if *budget & 0xffff >= BUDGET {
        return false;
    }
    *budget += 1;
    true
}

#[inline(always)]
fn write(frame: &Frame<'_>, desk: &Desk, at: Timestamp) -> bool {
    let Some(mut entry) = EVENTS.reserve::<Record>(0) else { return false };
    let record: *mut Record = entry.as_mut_ptr();
    let captured = if frame.len() < HEAD as u32 { frame.len() } else { HEAD as u32 };
    let sighted = Sighted { at, frame_len: frame.len(), interface: frame.context().ingress_ifindex() as u32 };
    // SAFETY: the record begins with these words, and all of it is this program's until it is submitted.
    unsafe { record.cast::<[u64; WORDS]>().write(Record::words(desk, sighted, captured)) };
    for at in (Record::HEAD_AT..size_of::<Record>()).step_by(8) {
        // SAFETY: within the record, and aligned. Volatile, or it becomes a call that writes bytes.
        unsafe { ptr::write_volatile(record.cast::<u8>().add(at).cast::<u64>(), 0) };
    }
    let mut bounded = captured;
    // SAFETY: changes nothing. The compiler knows that the comparison below holds and would leave it out, but the kernel
    // wants to see it.
    unsafe { asm!("/* {0} */", inout(reg) bounded, options(nomem, nostack, preserves_flags)) };
    if bounded >= 1 && bounded <= HEAD as u32 {
        // SAFETY: within the record.
        frame.copy(0, unsafe { record.cast::<u8>().add(Record::HEAD_AT) }.cast(), bounded);
    }
    entry.submit(NO_WAKEUP);
    true
}
