//! The kernel program: context, maps, clocks and fates around the judge of `abi`, with no opinion of its own.
//!
//! `wardline` knows frames of flows that have a verdict, and calls no helper for them but for the time, which on a busy CPU is
//! asked for once in 16 frames, and for a redirect. Everything else goes by tail calls
//! through `wardline_read`, `_hold`, `_place`, `_decide` and `_keep`, which take the steps of the same
//! `abi::judge::judge` as a replay; `_tap` copies frames that userspace wants to see.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod clock;
mod events;
mod fate;
mod frame;
mod tap;

use abi::address::Timestamp;
use abi::headers::{Headers, read_frame};
use abi::judge::{Desk, Look, glance};
use abi::state::State;
use aya_ebpf::bindings::{BPF_F_MMAPABLE, xdp_action};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, PerCpuArray, ProgramArray};
use aya_ebpf::programs::XdpContext;
use core::mem::MaybeUninit;

use frame::Frame;

/// Everything that the judge remembers. Userspace maps the same memory.
#[map]
static STATE: Array<State> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The program for what `wardline` does not know.
#[map]
static PROGRAMS: ProgramArray = ProgramArray::with_max_entries(6, 0);

const READ: u32 = 0;
const PLACE: u32 = 1;
const DECIDE: u32 = 2;
const KEEP: u32 = 3;
const HOLD: u32 = 4;
const TAP: u32 = 5;

/// What would not fit on the stack, and what one program leaves to the next.
struct Work {
    headers: Headers,
    desk: Desk,
    now: Timestamp,
}

#[map]
static WORK: PerCpuArray<MaybeUninit<Work>> = PerCpuArray::with_max_entries(1, 0);

/// Frames of known flows.
#[xdp(frags)]
pub fn wardline(ctx: XdpContext) -> u32 {
    if let Some(state) = STATE.get(0)
        && let Some(fate) = glance(state, &Frame::linear(&ctx), clock::now())
    {
        return fate::carry_out(&ctx, fate);
    }
    go_on(&ctx, READ)
}

/// All other frames: their headers, and what is known of their flow.
#[xdp(frags)]
pub fn wardline_read(ctx: XdpContext) -> u32 {
    let (Some(state), Some(work)) = (STATE.get(0), WORK.get_ptr_mut(0)) else {
        return xdp_action::XDP_ABORTED;
    };
    let frame = Frame::whole(&ctx);
    let now = clock::now();
    // SAFETY: the element is this CPU's own, and programs do not interrupt each other on it. It began as zeros, which are
    // headers and a desk (`None` and `Whole` are 0), and has only been written as what it is since.
    let work = unsafe { (*work).assume_init_mut() };
    work.now = now;
    read(&mut work.headers, &frame);
    match look(&mut work.desk, state, &work.headers, &(frame.len(), now)) {
        Look::Hit if work.desk.is_tapped() => go_on(&ctx, TAP),
        Look::Hit => fate::carry_out(&ctx, work.desk.fate()),
        Look::Miss if state.has_quarantine() => go_on(&ctx, HOLD),
        Look::Miss => go_on(&ctx, PLACE),
    }
}

/// Who of them is in quarantine.
#[xdp(frags)]
pub fn wardline_hold(ctx: XdpContext) -> u32 {
    let (Some(state), Some(work)) = (STATE.get(0), WORK.get_ptr_mut(0)) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: as in `wardline_read`, which wrote it on this CPU just now.
    let work = unsafe { (*work).assume_init_mut() };
    work.desk.hold(state, &work.headers);
    go_on(&ctx, PLACE)
}

/// The segments of their sides.
#[xdp(frags)]
pub fn wardline_place(ctx: XdpContext) -> u32 {
    let (Some(state), Some(work)) = (STATE.get(0), WORK.get_ptr_mut(0)) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: as in `wardline_read`, which wrote it on this CPU just now.
    let work = unsafe { (*work).assume_init_mut() };
    work.desk.place(state, &work.headers);
    go_on(&ctx, DECIDE)
}

/// Their verdict.
#[xdp(frags)]
pub fn wardline_decide(ctx: XdpContext) -> u32 {
    let (Some(state), Some(work)) = (STATE.get(0), WORK.get_ptr_mut(0)) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: as in `wardline_place`.
    let work = unsafe { (*work).assume_init_mut() };
    work.desk.decide(state, &work.headers);
    go_on(&ctx, KEEP)
}

/// What is remembered and told of it.
#[xdp(frags)]
pub fn wardline_keep(ctx: XdpContext) -> u32 {
    let (Some(state), Some(work)) = (STATE.get(0), WORK.get_ptr_mut(0)) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: as in `wardline_place`.
    let work = unsafe { (*work).assume_init_mut() };
    work.desk.keep(state, &work.headers);
    if work.desk.has_event() {
        events::tell(&Frame::whole(&ctx), state, &work.desk, work.now);
    }
    if work.desk.is_tapped() {
        return go_on(&ctx, TAP);
    }
    fate::carry_out(&ctx, work.desk.fate())
}

/// The copy of a frame that userspace wants to see.
#[xdp(frags)]
pub fn wardline_tap(ctx: XdpContext) -> u32 {
    let (Some(state), Some(work)) = (STATE.get(0), WORK.get_ptr_mut(0)) else {
        return xdp_action::XDP_ABORTED;
    };
    // SAFETY: as in `wardline_hold`.
    let work = unsafe { (*work).assume_init_mut() };
    tap::copy(&Frame::whole(&ctx), state, &work.desk, work.now);
    fate::carry_out(&ctx, work.desk.fate())
}

/// Leaves the frame to the next program.
#[inline(always)]
fn go_on(ctx: &XdpContext, program: u32) -> u32 {
    // SAFETY: a program of the same type, or none, is in the array.
    unsafe { PROGRAMS.tail_call(ctx, program) };
    // Only where the loader did not put it there.
    xdp_action::XDP_ABORTED
}

#[inline(never)]
fn read(headers: &mut Headers, frame: &Frame<'_>) {
    read_frame(headers, frame);
}

#[inline(never)]
fn look(desk: &mut Desk, state: &State, headers: &Headers, seen: &(u32, Timestamp)) -> Look {
    desk.look(state, headers, *seen)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics; were it otherwise, the kernel would refuse the endless loop when the program is loaded.
    loop {}
}
