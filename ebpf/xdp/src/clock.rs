//! Time for the price of a load: asking the kernel costs more than judging a frame.

use abi::address::Timestamp;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, PerCpuArray};
use core::ptr;

/// Frames in a jiffy from which on only every 16th frame reads the clock: 500,000 a second at 250 Hz.
#[unsafe(no_mangle)]
static BUSY: u64 = 2000;

/// 1: time is what [`GIVEN`] says. For tests, which want to know what time it was.
#[unsafe(no_mangle)]
static CLOCK: u32 = 0;

/// The time of a test.
#[map]
static GIVEN: Array<u64> = Array::with_max_entries(1, 0);

/// The time of one CPU.
#[repr(C)]
struct Watch {
    jiffy: u64,
    /// Frames that need no reading any more, as long as it is this jiffy.
    left: u64,
    now: u64,
    /// Frames in this jiffy, to the next reading.
    frames: u64,
    /// Frames between readings: 0 or 15.
    between: u64,
}

#[map]
static WATCHES: PerCpuArray<Watch> = PerCpuArray::with_max_entries(1, 0);

/// Nanoseconds of the monotonic clock; on a busy CPU up to 16 frames late, which there is less than 32 µs.
#[inline(always)]
pub fn now() -> Timestamp {
    // SAFETY: a static of this program; volatile, because the loader changes what the compiler sees.
    if unsafe { ptr::read_volatile(&CLOCK) } == 1 {
        return Timestamp(GIVEN.get(0).copied().unwrap_or(0));
    }
    let Some(watch) = WATCHES.get_ptr_mut(0) else { return Timestamp(0) };
    // SAFETY: the element is this CPU's own, and programs do not interrupt each other on it.
    let watch = unsafe { &mut *watch };
    // SAFETY: the helper has no arguments.
    let jiffy = unsafe { bpf_jiffies64() };
    if jiffy == watch.jiffy && watch.left != 0 {
        watch.left -= 1;
        return Timestamp(watch.now);
    }
    if jiffy != watch.jiffy {
        watch.jiffy = jiffy;
        // SAFETY: as for `CLOCK`.
        watch.between = if watch.frames > unsafe { ptr::read_volatile(&BUSY) } { 15 } else { 0 };
        watch.frames = 0;
    }
    watch.left = watch.between;
    watch.frames += 1 + watch.between;
    // SAFETY: the helper has no arguments.
    watch.now = unsafe { bpf_ktime_get_ns() };
    Timestamp(watch.now)
}
