//! What is done with a frame, by the mode of the sensor.

use abi::judge::Fate;
use aya_ebpf::bindings::xdp_action;
use aya_ebpf::macros::map;
use aya_ebpf::maps::DevMap;
use aya_ebpf::programs::XdpContext;
use core::ptr;

/// 0 `span`: nothing is ever dropped; 1 `inline`: on to the other port; 2 `routed`: on to the kernel.
/// Set when the program is loaded, so that the other modes are not there.
#[unsafe(no_mangle)]
static MODE: u32 = 0;

/// The interface index of port 0, in mode `inline`.
#[unsafe(no_mangle)]
static PORT: u32 = 0;

const INLINE: u32 = 1;
const ROUTED: u32 = 2;

/// The two ports of mode `inline`.
#[map]
static PORTS: DevMap = DevMap::with_max_entries(2, 0);

fn constant(at: &'static u32) -> u32 {
    // SAFETY: a static of this program; volatile, because the loader changes what the compiler sees.
    unsafe { ptr::read_volatile(at) }
}

#[inline(always)]
pub fn carry_out(ctx: &XdpContext, fate: Fate) -> u32 {
    match (constant(&MODE), fate) {
        (INLINE | ROUTED, Fate::Drop) => xdp_action::XDP_DROP,
        (INLINE, Fate::Pass) => {
            let peer = if ctx.ingress_ifindex() as u32 == constant(&PORT) { 1 } else { 0 };
            match PORTS.redirect(peer, 0) {
                Ok(action) | Err(action) => action,
            }
        }
        (_, Fate::Pass | Fate::Drop) => xdp_action::XDP_PASS,
    }
}
