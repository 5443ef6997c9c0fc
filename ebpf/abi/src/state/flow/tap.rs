//! Which frames of a flow are copied to userspace.

use super::{FlowTable, Seen, Share};
#[cfg(not(target_arch = "bpf"))]
use super::{Key, Moment};
#[cfg(not(target_arch = "bpf"))]
use crate::headers::Headers;

/// Bit of [`meta`](super::Entry::meta): the frames of the flow are copied. Such a flow is no hit, so that the path of all
/// others need not ask for it.
pub(super) const TAPPED: u64 = 4;
/// Bit of [`meta`](super::Entry::meta): they are copied until userspace has enough of them.
pub(super) const KEPT: u64 = 8;

/// Bit of [`meta`](super::Entry::meta): the rule of the flow has a limit. Such a flow is no hit either.
pub(super) const LIMITED: u64 = 16;

/// Whether a frame, or those of a flow, are copied to userspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Tap {
    /// None is.
    #[default]
    Off = 0,
    /// The first ones are, as many as [`crate::state::State::set_tap_frames`] says.
    Beginning = 1,
    /// All are, until userspace says otherwise.
    Kept = 2,
}

impl Tap {
    pub(super) const fn bits(self) -> u64 {
        match self {
            Tap::Off => 0,
            Tap::Beginning => TAPPED,
            Tap::Kept => TAPPED | KEPT,
        }
    }
}

impl FlowTable {
    /// Counts a frame of a flow whose verdict stays; tells whether it is copied, as one of the first `most` frames or of a
    /// flow that is kept.
    #[inline(always)]
    pub(crate) fn touch(&self, seen: &Seen, share: Share, most: u64) -> Tap {
        let Some(entry) = self.entries.get(seen.slot) else { return Tap::Off };
        entry.touch(share);
        let meta = entry.meta.load();
        match self.tap(seen) {
            Tap::Off => return Tap::Off,
            Tap::Kept => return Tap::Kept,
            Tap::Beginning => {}
        }
        let frames = entry.frames.load() >> 8;
        if frames >= most {
            // Where this fails the entry is being written, and the next frame sees to it.
            entry.meta.replace(meta, meta & !TAPPED);
        }
        if frames <= most { Tap::Beginning } else { Tap::Off }
    }

    /// Whether the frames of a flow are copied.
    #[inline(always)]
    pub(crate) fn tap(&self, seen: &Seen) -> Tap {
        match self.entries.get(seen.slot).map_or(0, |entry| entry.meta.load() & (TAPPED | KEPT)) {
            0 => Tap::Off,
            TAPPED => Tap::Beginning,
            _ => Tap::Kept,
        }
    }

    /// Says which frames of a flow are copied from now on. `false` if the table does not remember the flow.
    #[cfg(not(target_arch = "bpf"))]
    pub(crate) fn set_tap(&self, headers: &Headers, tap: Tap, moment: &Moment) -> bool {
        let mut found = None;
        self.find(&Key::of(headers, moment.seed), moment, &mut found);
        let Some(entry) = found.and_then(|seen| self.entries.get(seen.slot)) else { return false };
        let meta = entry.meta.load();
        entry.meta.replace(meta, meta & !(TAPPED | KEPT) | tap.bits())
    }
}
