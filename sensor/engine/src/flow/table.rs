//! The flow table: a bounded slab with an index by key and four queues by time-out. What falls out is handed back, never lost.

use super::{Flow, Key};
use abi::address::{SECOND, Timestamp};
use abi::headers::protocol;
use detectors::record::FlowState;
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// Time-outs by how far a flow got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// An open TCP connection that is silent.
    pub established: u64,
    /// A TCP connection whose handshake was not completed.
    pub embryonic: u64,
    /// A TCP connection that is over (late segments still belong to it).
    pub closed: u64,
    /// Everything else.
    pub datagram: u64,
    /// A flow that goes on: a record is made after this long.
    pub active: u64,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            established: 300 * SECOND,
            embryonic: 30 * SECOND,
            closed: 5 * SECOND,
            datagram: 60 * SECOND,
            active: 1800 * SECOND,
        }
    }
}

const QUEUES: usize = 4;
const NONE: u32 = u32::MAX;

struct Slot {
    flow: Flow,
    hash: u64,
    joined: Timestamp,
    queue: u8,
    earlier: u32,
    later: u32,
}

#[derive(Clone, Copy)]
struct Queue {
    head: u32,
    tail: u32,
    len: usize,
}

/// The table.
pub(crate) struct Table {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    queues: [Queue; QUEUES],
    timeouts: Timeouts,
    capacity: usize,
    /// Flows that had to make room for others.
    pub(crate) evictions: u64,
}

/// Where a flow lies in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

const fn queue_of(flow: &Flow) -> u8 {
    if flow.key.protocol != protocol::TCP {
        return 3;
    }
    match flow.state {
        FlowState::Established | FlowState::Closing => 0,
        FlowState::OneWay | FlowState::TwoWay | FlowState::SynSent | FlowState::HalfOpen => 1,
        FlowState::Closed | FlowState::Reset | FlowState::Rejected => 2,
    }
}

fn hash_of(key: &Key) -> u64 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

/// How long ago something was. What lies ahead comes from a capture whose time was set back: it is long gone.
const fn silent(last: Timestamp, now: Timestamp) -> u64 {
    if last.0 > now.0 { u64::MAX } else { now.since(last) }
}

fn at(place: u32) -> usize {
    place as usize
}

impl Table {
    /// An empty table for at most `capacity` flows; memory grows with use.
    pub(crate) fn new(capacity: usize, timeouts: Timeouts) -> Table {
        let capacity = capacity.clamp(16, at(NONE) - 1);
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            queues: [Queue { head: NONE, tail: NONE, len: 0 }; QUEUES],
            timeouts,
            capacity,
            evictions: 0,
        }
    }

    /// The active time-out.
    pub(crate) const fn active(&self) -> u64 {
        self.timeouts.active
    }

    /// Flows that it takes at most.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Flows in the table.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Where the flow of a key lies.
    pub(crate) fn find(&self, key: &Key) -> Option<Place> {
        let found = self.index.find(hash_of(key), |&place| {
            self.slots.get(at(place)).and_then(Option::as_ref).is_some_and(|slot| slot.flow.key == *key)
        });
        found.map(|&place| Place(place))
    }

    /// The flow at a place.
    pub(crate) fn flow(&self, place: Place) -> Option<&Flow> {
        self.slots.get(at(place.0)).and_then(Option::as_ref).map(|slot| &slot.flow)
    }

    /// The flow at a place, to change.
    pub(crate) fn flow_mut(&mut self, place: Place) -> Option<&mut Flow> {
        self.slots.get_mut(at(place.0)).and_then(Option::as_mut).map(|slot| &mut slot.flow)
    }

    /// Puts a flow in. If the table is full, the longest silent of the next few in line is handed back.
    pub(crate) fn insert(&mut self, flow: Flow) -> (Place, Option<Flow>) {
        let evicted = if self.index.len() >= self.capacity { self.evict() } else { None };
        let hash = hash_of(&flow.key);
        let queue = queue_of(&flow);
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        if let Some(slot) = self.slots.get_mut(at(place)) {
            *slot = Some(Slot { joined: flow.last, flow, hash, queue, earlier: NONE, later: NONE });
        }
        let slots = &self.slots;
        self.index.insert_unique(hash, place, |&other| {
            slots.get(at(other)).and_then(Option::as_ref).map_or(0, |slot| slot.hash)
        });
        self.push(place, queue);
        (Place(place), evicted)
    }

    /// Takes a flow out.
    pub(crate) fn remove(&mut self, place: Place) -> Option<Flow> {
        self.unlink(place.0);
        let slot = self.slots.get_mut(at(place.0))?.take()?;
        if let Ok(entry) = self.index.find_entry(slot.hash, |&other| other == place.0) {
            entry.remove();
        }
        self.free.push(place.0);
        Some(slot.flow)
    }

    /// After a frame: moves the flow to the queue of its time-out, if that has changed. Within a queue it moves only when
    /// its turn comes, so that a frame of a known flow costs nothing here.
    pub(crate) fn touch(&mut self, place: Place) {
        let Some(Some(slot)) = self.slots.get(at(place.0)) else { return };
        let queue = queue_of(&slot.flow);
        if queue != slot.queue {
            self.unlink(place.0);
            if let Some(Some(slot)) = self.slots.get_mut(at(place.0)) {
                slot.queue = queue;
                slot.joined = slot.flow.last;
            }
            self.push(place.0, queue);
        }
    }

    /// Takes out one flow whose time-out has passed, if there is one. A queue is in the order in which flows joined it; one
    /// that was active since joins again at the back, so a flow leaves at the latest after twice its time-out. A frame
    /// that comes later than the time-out begins a new flow in any case, see [`Table::is_stale`].
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<Flow> {
        for queue in 0..QUEUES {
            let limit = self.limit(queue);
            loop {
                let head = self.queues.get(queue).map_or(NONE, |queue| queue.head);
                let Some(Some(slot)) = self.slots.get_mut(at(head)) else { break };
                if silent(slot.joined, now) < limit {
                    break;
                }
                if silent(slot.flow.last, now) >= limit {
                    return self.remove(Place(head));
                }
                slot.joined = now;
                let same = slot.queue;
                self.unlink(head);
                self.push(head, same);
            }
        }
        None
    }

    /// Whether a frame of `at` comes after a flow's time-out. One that is as far before its last frame comes from a capture
    /// whose time was set back, and belongs to another flow as well.
    pub(crate) fn is_stale(&self, flow: &Flow, at: Timestamp) -> bool {
        flow.last.0.abs_diff(at.0) >= self.limit(usize::from(queue_of(flow)))
    }

    /// Every flow's place, in the order of the flows' numbers; for the end of the input.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut all: Vec<_> = (0u32..)
            .zip(&self.slots)
            .filter_map(|(place, slot)| slot.as_ref().map(|slot| (slot.flow.id, place)))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, place)| Place(place)).collect()
    }

    fn evict(&mut self) -> Option<Flow> {
        const TRIES: usize = 8;
        let [established, embryonic, closed, datagram] = self.queues.map(|queue| queue.len);
        // Closed flows first, then those that crowd the table: neither a scan nor a flood of datagrams may push out what
        // carries care, or the first frames of it.
        let queue = if closed > 0 {
            2
        } else if (embryonic + datagram) * 16 < self.capacity && established > 0 {
            0
        } else if embryonic >= datagram {
            1
        } else {
            3
        };
        let mut place = self.queues.get(queue).map_or(NONE, |queue| queue.head);
        let mut oldest = (Timestamp(u64::MAX), NONE);
        for _ in 0..TRIES {
            let Some(Some(slot)) = self.slots.get(at(place)) else { break };
            oldest = oldest.min((slot.flow.last, place));
            place = slot.later;
        }
        self.evictions += 1;
        self.remove(Place(oldest.1))
    }

    const fn limit(&self, queue: usize) -> u64 {
        match queue {
            0 => self.timeouts.established,
            1 => self.timeouts.embryonic,
            2 => self.timeouts.closed,
            _ => self.timeouts.datagram,
        }
    }

    fn push(&mut self, place: u32, queue: u8) {
        let Some(ends) = self.queues.get_mut(usize::from(queue)) else { return };
        let tail = ends.tail;
        ends.tail = place;
        ends.len += 1;
        if ends.head == NONE {
            ends.head = place;
        }
        if let Some(Some(slot)) = self.slots.get_mut(at(place)) {
            slot.earlier = tail;
            slot.later = NONE;
        }
        if let Some(Some(slot)) = self.slots.get_mut(at(tail)) {
            slot.later = place;
        }
    }

    fn unlink(&mut self, place: u32) {
        let Some(Some(slot)) = self.slots.get(at(place)) else { return };
        let (queue, earlier, later) = (usize::from(slot.queue), slot.earlier, slot.later);
        if let Some(ends) = self.queues.get_mut(queue) {
            ends.len = ends.len.saturating_sub(1);
        }
        if let Some(Some(slot)) = self.slots.get_mut(at(earlier)) {
            slot.later = later;
        } else if let Some(ends) = self.queues.get_mut(queue) {
            ends.head = later;
        }
        if let Some(Some(slot)) = self.slots.get_mut(at(later)) {
            slot.earlier = earlier;
        } else if let Some(ends) = self.queues.get_mut(queue) {
            ends.tail = earlier;
        }
    }
}

#[cfg(test)]
mod tests;
