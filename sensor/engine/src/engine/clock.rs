//! What time it is, by the times of frames that need not be right.

use abi::address::{SECOND, Timestamp};

/// A frame that lies further ahead may have a broken time: another one has to confirm it.
const LEAP: u64 = 3600 * SECOND;
/// Frames of several queues and files are no further apart in time when they come one after another.
const DISORDER: u64 = 60 * SECOND;
/// Frames in a row that lie far back and show that the time was set back.
const CONFIRMED: u16 = 1024;

/// The clock: it goes on with the latest frame, is not led astray by a single broken time, and follows a capture whose time
/// was set back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    now: Option<Timestamp>,
    ahead: u16,
    behind: u16,
}

impl Clock {
    /// The time after a frame of `at`.
    pub(crate) fn tell(&mut self, at: Timestamp) -> Timestamp {
        let now = *self.now.get_or_insert(at);
        (self.ahead, self.behind) = if at.since(now) > LEAP {
            (self.ahead + 1, 0)
        } else if now.since(at) > DISORDER {
            (0, self.behind + 1)
        } else {
            (0, 0)
        };
        let doubtful = self.ahead == 1 || (1..CONFIRMED).contains(&self.behind);
        if doubtful {
            return now;
        }
        let told = if self.behind > 0 { at } else { now.max(at) };
        *self = Clock { now: Some(told), ..Clock::default() };
        told
    }
}

#[cfg(test)]
mod tests;
