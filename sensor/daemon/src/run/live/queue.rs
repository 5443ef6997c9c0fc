//! The way to the engine: frames in batches through a bounded queue that nobody waits at.

use super::Figures;
use crate::fastpath::Memory;
use abi::address::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use wire::frame::LinkType;

/// Frames of a batch, at most.
const FRAMES: usize = 1024;
/// Bytes after which a batch is sent.
const BYTES: usize = 192 << 10;

/// A frame of a batch.
#[derive(Clone, Copy, Debug)]
struct Head {
    at: Timestamp,
    link: LinkType,
    len: usize,
    wire_len: u32,
}

/// Frames with their bytes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    heads: Vec<Head>,
    bytes: Vec<u8>,
}

impl Batch {
    /// The frames in their order: when, how framed, what was captured, and the length on the wire.
    pub(super) fn frames(&self) -> impl Iterator<Item = (Timestamp, LinkType, &[u8], u32)> {
        let mut rest = self.bytes.as_slice();
        self.heads.iter().map_while(move |head| {
            let (frame, others) = rest.split_at_checked(head.len)?;
            rest = others;
            Some((head.at, head.link, frame, head.wire_len))
        })
    }

    fn add(&mut self, (at, link): (Timestamp, LinkType), bytes: &[u8], wire_len: u32) {
        self.heads.push(Head { at, link, len: bytes.len(), wire_len });
        self.bytes.extend_from_slice(bytes);
    }
}

/// One who brings frames.
pub(super) struct Feeder {
    batch: Batch,
    to: SyncSender<Batch>,
    losses: Arc<Losses>,
}

impl Feeder {
    /// Into this queue.
    pub(super) fn new(to: SyncSender<Batch>, losses: Arc<Losses>) -> Feeder {
        Feeder { batch: Batch::default(), to, losses }
    }

    /// Takes a frame; when a batch is full it is sent.
    pub(super) fn take(&mut self, seen: (Timestamp, LinkType), bytes: &[u8], wire_len: u32) {
        self.batch.add(seen, bytes, wire_len);
        if self.batch.heads.len() >= FRAMES || self.batch.bytes.len() >= BYTES {
            self.send();
        }
    }

    /// Sends what was taken. Where the queue is full, or the engine gone, it is lost and counted.
    pub(super) fn send(&mut self) {
        if self.batch.heads.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let frames = batch.heads.len() as u64;
        if self.to.try_send(batch).is_err() {
            self.losses.queue.fetch_add(frames, Ordering::Relaxed);
        }
    }

    /// Frames that the kernel had no room for on their way here.
    pub(super) fn lost(&self, frames: u64) {
        self.losses.capture.fetch_add(frames, Ordering::Relaxed);
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.send();
    }
}

/// Frames that were lost on their way, and what came of the others.
pub(super) struct Losses {
    /// None in tests of the queue alone.
    memory: Option<Arc<Memory>>,
    /// The counter of the ring when this run began: its memory may be older.
    ring_before: u64,
    capture: AtomicU64,
    queue: AtomicU64,
    /// Frames that the engine has seen.
    pub(super) seen: AtomicU64,
    /// Incidents so far.
    pub(super) incidents: AtomicU64,
}

impl Losses {
    /// Nothing is lost yet.
    pub(super) fn begin(memory: Option<Arc<Memory>>) -> Losses {
        let ring_before = ring(memory.as_deref());
        let zero = || AtomicU64::new(0);
        Losses { memory, ring_before, capture: zero(), queue: zero(), seen: zero(), incidents: zero() }
    }

    /// No flow that begins is copied any more.
    pub(super) fn stop_copies(&self) {
        if let Some(memory) = &self.memory {
            memory.set_tap_frames(0);
        }
    }

    /// By now.
    pub(super) fn figures(&self) -> Figures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            seen: load(&self.seen),
            ring: ring(self.memory.as_deref()).saturating_sub(self.ring_before),
            capture: load(&self.capture),
            queue: load(&self.queue),
            incidents: load(&self.incidents),
        }
    }
}

fn ring(memory: Option<&Memory>) -> u64 {
    memory.map_or(0, |memory| memory.counters.tap_lost.load())
}

#[cfg(test)]
mod tests;
