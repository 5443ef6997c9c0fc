//! The record layer: cuts one direction of a connection into what can be read of it.

use crate::Claim;

/// 2^14 bytes and the expansion that RFC 5246 section 6.2.3 allows.
const LONGEST_RECORD: u16 = (1 << 14) + 2048;

/// Messages longer than this are passed over: no real hello, and only a huge certificate chain.
const LONGEST_MESSAGE: u32 = 64 * 1024;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// What a direction said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The body of a `ClientHello`.
    ClientHello(Vec<u8>),
    /// The body of a `ServerHello`, a retry request included.
    ServerHello(Vec<u8>),
    /// The body of a `Certificate`.
    Certificate(Vec<u8>),
    /// A fatal alert, in clear.
    Alert { fatal: u8 },
    /// A record that announces or has encrypted content.
    Encrypted,
    /// This is no TLS any more.
    Broken,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Records {
    header: [u8; 5],
    /// Bytes of the header that are there.
    header_len: u8,
    /// Content type of the record being read.
    kind: u8,
    /// Bytes of it still to come.
    left: u16,
    state: State,
    alert_level: Option<u8>,
    message: Vec<u8>,
    /// Bytes to pass over of a message that is not wanted.
    skip: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Clear,
    /// In clear whatever `ChangeCipherSpec` says: after a retry request it is only there to please middleboxes (RFC 8446
    /// appendix D.4), and what is encrypted calls itself application data.
    ClearForGood,
    /// After `ChangeCipherSpec`.
    Encrypted,
    Broken,
}

/// What a look at the bytes gave.
enum Step {
    Event(Event),
    Goes,
    Starves,
}

impl Records {
    /// The handshake goes on in clear after a retry request.
    pub(super) fn expect_retry(&mut self) {
        if self.state != State::Broken {
            self.state = State::ClearForGood;
        }
    }

    /// Bytes of a message that are held.
    pub(super) fn memory(&self) -> usize {
        self.message.capacity()
    }

    /// The next event in `bytes`, which is moved on to what lies behind it; none when the bytes are used up.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Event> {
        while self.state != State::Broken {
            match if self.left == 0 { self.begin(bytes) } else { self.body(bytes) } {
                Step::Event(event) => return Some(event),
                Step::Goes => {}
                Step::Starves => return None,
            }
        }
        None
    }

    /// Reads a record's header.
    fn begin(&mut self, bytes: &mut &[u8]) -> Step {
        while let Some(place) = self.header.get_mut(usize::from(self.header_len)) {
            let Some((byte, rest)) = bytes.split_first() else {
                return Step::Starves;
            };
            *place = *byte;
            self.header_len = self.header_len.saturating_add(1);
            *bytes = rest;
        }
        self.header_len = 0;
        let [kind, major, minor, len @ ..] = self.header;
        let len = u16::from_be_bytes(len);
        if !(CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&kind)
            || major != 3
            || minor > 4
            || len > LONGEST_RECORD
        {
            self.state = State::Broken;
            return Step::Event(Event::Broken);
        }
        self.kind = kind;
        self.left = len;
        match kind {
            CHANGE_CIPHER_SPEC => {
                if self.state == State::Clear {
                    self.state = State::Encrypted;
                }
                Step::Event(Event::Encrypted)
            }
            APPLICATION_DATA => Step::Event(Event::Encrypted),
            // An alert in clear has two bytes; encrypted ones are longer.
            ALERT if len != 2 || self.state == State::Encrypted => Step::Event(Event::Encrypted),
            _ => Step::Goes,
        }
    }

    /// Reads a record's content.
    fn body(&mut self, bytes: &mut &[u8]) -> Step {
        let len = bytes.len().min(usize::from(self.left));
        let Some(chunk) = bytes.get(..len).filter(|chunk| !chunk.is_empty()) else {
            return Step::Starves;
        };
        let (used, event) = match (self.kind, self.state) {
            (HANDSHAKE, State::Clear | State::ClearForGood) => self.handshake(chunk),
            (ALERT, State::Clear | State::ClearForGood) => self.alert(chunk),
            _ => (len, None),
        };
        *bytes = bytes.get(used..).unwrap_or_default();
        self.left = self.left.saturating_sub(u16::try_from(used).unwrap_or(u16::MAX));
        event.map_or(Step::Goes, Step::Event)
    }

    fn alert(&mut self, chunk: &[u8]) -> (usize, Option<Event>) {
        let mut event = None;
        for byte in chunk {
            match self.alert_level.take() {
                None => self.alert_level = Some(*byte),
                Some(2) => event = Some(Event::Alert { fatal: *byte }),
                Some(_) => {}
            }
        }
        (chunk.len(), event)
    }

    /// Messages may span records and share them (RFC 8446 section 5.1).
    fn handshake(&mut self, chunk: &[u8]) -> (usize, Option<Event>) {
        if self.skip > 0 {
            let len = u32::try_from(chunk.len()).unwrap_or(u32::MAX).min(self.skip);
            self.skip = self.skip.saturating_sub(len);
            return (usize::try_from(len).unwrap_or(usize::MAX), None);
        }
        let wanted = match self.message.as_slice() {
            [_, a, b, c, ..] => u32::from_be_bytes([0, *a, *b, *c]).saturating_add(4),
            _ => 4,
        };
        let missing = usize::try_from(wanted).unwrap_or(usize::MAX).saturating_sub(self.message.len());
        let used = missing.min(chunk.len());
        self.message.extend_from_slice(chunk.get(..used).unwrap_or_default());
        let [kind, a, b, c, body @ ..] = self.message.as_slice() else {
            return (used, None);
        };
        let (kind, len) = (*kind, u32::from_be_bytes([0, *a, *b, *c]));
        if !matches!(kind, CLIENT_HELLO | SERVER_HELLO | CERTIFICATE) || len > LONGEST_MESSAGE {
            self.message.clear();
            self.skip = len;
            return (used, None);
        }
        if u32::try_from(body.len()).is_ok_and(|have| have < len) {
            return (used, None);
        }
        let body = body.to_vec();
        self.message = Vec::new();
        let event = match kind {
            CLIENT_HELLO => Event::ClientHello(body),
            SERVER_HELLO => Event::ServerHello(body),
            _ => Event::Certificate(body),
        };
        (used, Some(event))
    }
}

/// Whether bytes look like a record, at the beginning of a direction or later.
pub(super) fn claim(first: &[u8]) -> Claim {
    let fits = |at: usize, test: fn(u8) -> bool| first.get(at).is_none_or(|byte| test(*byte));
    if !(fits(0, |kind| (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind))
        && fits(1, |major| major == 3)
        && fits(2, |minor| minor <= 4)
        && fits(3, |len| len <= 0x48))
    {
        return Claim::No;
    }
    let [kind, _, _, a, b, rest @ ..] = first else {
        return Claim::More;
    };
    let len = u16::from_be_bytes([*a, *b]);
    match (*kind, len, rest) {
        // In clear; what is encrypted has an authentication code of at least 16 bytes; hellos are shorter than 64 KiB.
        (CHANGE_CIPHER_SPEC, 1, [1, ..])
        | (ALERT, 2, [1 | 2, ..])
        | (ALERT, 18..=128, _)
        | (APPLICATION_DATA, 16..=LONGEST_RECORD, _)
        | (
            HANDSHAKE,
            4..=LONGEST_RECORD,
            [CLIENT_HELLO | SERVER_HELLO, 0, ..] | [0 | 4 | 11..=16 | 20 | 22, ..],
        ) => Claim::Yes,
        (CHANGE_CIPHER_SPEC, 1, [])
        | (ALERT, 2, [])
        | (HANDSHAKE, 4..=LONGEST_RECORD, [] | [CLIENT_HELLO | SERVER_HELLO]) => Claim::More,
        _ => Claim::No,
    }
}
