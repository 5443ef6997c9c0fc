//! Flows whose frames are not copied any more: what the kernel counts of them reaches the engine once a second.

use super::WallClock;
use crate::fastpath::Memory;
use abi::address::{Ip, Timestamp};
use abi::headers::{Headers, tcp_flag};
use abi::state::{FlowView, Tap};
use engine::engine::{Counted, Engine};
use engine::output::Outputs;
use std::collections::HashSet;

/// Directions of flows that are only counted; beyond that flows are copied on.
const MOST: usize = 65_536;

/// One direction of a flow.
struct Left {
    headers: Headers,
    /// What the engine knows of.
    packets: u64,
    bytes: u64,
}

/// What tells one direction of a flow from all others.
type Direction = (Ip, Ip, u8, u16, u16, [u16; 2]);

/// All of them.
#[derive(Default)]
pub(super) struct Counts {
    left: Vec<Left>,
    /// The directions of `left`: an engine that lags behind wishes the same again, and must not be told twice.
    known: HashSet<Direction>,
}

const fn direction(headers: &Headers) -> Direction {
    (headers.src, headers.dst, headers.protocol, headers.src_port, headers.dst_port, headers.vlan)
}

impl Counts {
    /// Copies no more of these frames. What the kernel has counted until now was copied, or lost and counted as that.
    pub(super) fn let_go(&mut self, memory: &Memory, headers: &Headers) {
        if self.left.len() >= MOST || self.known.contains(&direction(headers)) {
            return;
        }
        if let Some(FlowView { packets, bytes, .. }) = memory.flow(headers)
            && memory.set_tap(headers, Tap::Off)
        {
            self.known.insert(direction(headers));
            self.left.push(Left { headers: *headers, packets, bytes });
        }
    }

    /// Tells the engine what was counted since the last time. A connection that ends is copied again, so that its end and
    /// the beginning of the next one between its ports are seen.
    pub(super) fn tell(&mut self, memory: &Memory, clock: WallClock, engine: &mut Engine, out: &mut Outputs) {
        let known = &mut self.known;
        self.left.retain_mut(|left| {
            let Some(view) = memory.flow(&left.headers) else {
                known.remove(&direction(&left.headers));
                return false;
            };
            let is_anew = view.packets < left.packets;
            let (packets, bytes) = if is_anew { (0, 0) } else { (left.packets, left.bytes) };
            let counted = Counted {
                packets: view.packets.saturating_sub(packets),
                bytes: view.bytes.saturating_sub(bytes),
                tcp_flags: view.tcp_flags,
                last: clock.at(Timestamp(view.last.0)),
            };
            (left.packets, left.bytes) = (view.packets, view.bytes);
            let is_known = counted.packets == 0 || engine.counted(&left.headers, &counted, out);
            let ends = is_anew || view.tcp_flags & (tcp_flag::FIN | tcp_flag::RST) != 0 || !is_known;
            let is_copied_again = ends && memory.set_tap(&left.headers, Tap::Kept);
            if is_copied_again {
                known.remove(&direction(&left.headers));
            }
            !is_copied_again
        });
    }
}
