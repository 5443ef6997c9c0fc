//! Several captures as one stream in time.

use super::open::Source;
use super::{Head, Raw};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Files whose next frames wait for their turn.
pub(super) struct Merge {
    /// By (digest, place on the command line): the index is a file's rank among frames of equal time.
    lanes: Vec<Lane>,
    /// Lanes with a frame, by the time at which it is due and their rank.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// The lane whose frame was lent last, to be refilled before the next is chosen.
    lent: Option<usize>,
    primed: bool,
}

struct Lane {
    source: Source,
    head: Option<Head>,
    /// The frame's bytes: a reader's buffer holds only until its next step. The capacity is kept.
    bytes: Vec<u8>,
    /// The latest time so far. A clock that runs backwards must not reorder the frames of its own file, nor hold back
    /// the frames behind it, so this is what a frame is due at.
    latest: u64,
}

impl Lane {
    /// Takes the next frame from the file; says when it is due.
    fn refill(&mut self) -> Option<u64> {
        let (head, bytes) = self.source.reader.next_frame()?;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.latest = self.latest.max(head.at.0);
        self.head = Some(head);
        Some(self.latest)
    }
}

impl Merge {
    /// Merges `sources`.
    pub(super) fn of(mut sources: Vec<Source>) -> Merge {
        sources.sort_by_key(|source| (source.digest, source.file));
        let due = BinaryHeap::with_capacity(sources.len());
        let lanes = sources
            .into_iter()
            .map(|source| Lane { source, head: None, bytes: Vec::new(), latest: 0 })
            .collect();
        Merge { lanes, due, lent: None, primed: false }
    }

    /// The next frame in time.
    pub(super) fn next_frame(&mut self) -> Option<Raw<'_>> {
        if !self.primed {
            self.primed = true;
            for (rank, lane) in self.lanes.iter_mut().enumerate() {
                self.due.extend(lane.refill().map(|due| Reverse((due, rank))));
            }
        }
        if let Some(rank) = self.lent.take() {
            let due = self.lanes.get_mut(rank).and_then(Lane::refill);
            self.due.extend(due.map(|due| Reverse((due, rank))));
        }
        let Reverse((_, rank)) = self.due.pop()?;
        self.lent = Some(rank);
        let Lane { source, head, bytes, .. } = self.lanes.get(rank)?;
        let Head { at, link, wire_len } = (*head)?;
        Some(Raw { at, link, bytes, wire_len, file: source.file })
    }

    /// The files.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.lanes.iter().map(|lane| &lane.source)
    }

    /// Gives the files back.
    pub(super) fn into_sources(self) -> impl Iterator<Item = Source> {
        self.lanes.into_iter().map(|lane| lane.source)
    }
}
