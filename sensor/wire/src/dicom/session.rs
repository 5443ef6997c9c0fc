//! Both directions of one connection.

use abi::address::Timestamp;

use super::conversation::{Conversation, Scene};
use super::stream::Stream;
use crate::{Exchange, Side};

/// A DICOM connection. An empty session is small; a busy one holds at most the body of one association a direction (64 KiB)
/// and 64 requests.
#[derive(Debug, Default)]
pub struct Session {
    client: Stream,
    server: Stream,
    talk: Conversation,
    /// Rows that became complete through a loss, which is told without a time.
    late: Vec<Exchange>,
    last: Option<Timestamp>,
}

impl Session {
    /// Takes the next bytes of one side, and pushes what they complete.
    pub fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) {
        out.append(&mut self.late);
        self.last = Some(at);
        let stream = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        stream.feed(bytes, &mut Scene { talk: &mut self.talk, from, at, out });
    }

    /// Bytes of one side were lost: within a PDU they are skipped, else the next PDU is looked for.
    pub fn gap(&mut self, from: Side, missing: u64) {
        let stream = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let at = self.last.unwrap_or_default();
        stream.gap(missing, &mut Scene { talk: &mut self.talk, from, at, out: &mut self.late });
    }

    /// The connection is over: pushes what is pending.
    pub fn finish(&mut self, at: Timestamp, out: &mut Vec<Exchange>) {
        out.append(&mut self.late);
        self.client.finish(&mut Scene { talk: &mut self.talk, from: Side::Client, at, out });
        self.server.finish(&mut Scene { talk: &mut self.talk, from: Side::Server, at, out });
        self.talk.close(out);
        *self = Session::default();
    }

    /// Bytes that the session holds, about: for accounting and for the assertion of its bound.
    pub fn memory(&self) -> usize {
        size_of::<Session>()
            .saturating_add(self.client.memory())
            .saturating_add(self.server.memory())
            .saturating_add(self.talk.memory())
            .saturating_add(self.late.capacity().saturating_mul(size_of::<Exchange>()))
    }
}

#[cfg(test)]
mod size {
    #[test]
    fn an_empty_session_is_small() {
        assert!(size_of::<super::Session>() <= 304, "{}", size_of::<super::Session>());
    }
}
