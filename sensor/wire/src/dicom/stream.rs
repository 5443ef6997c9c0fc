//! One direction of a connection as PDUs and fragments (PS3.8 section 9.3 and annex E). Bytes of data sets are counted and
//! passed over; kept are the body of an association up to a cap, and the header in progress.

use abi::address::Timestamp;

use super::claim::look;
use super::command::CommandSet;
use super::conversation::{Owner, Reading, Scene};
use super::elements::{Elements, Syntax};
use crate::Claim;

/// The smallest body of an association: its fixed fields.
pub(super) const ASSOCIATE_LEAST: u32 = 68;
/// The longest body of an association that is believed.
pub(super) const ASSOCIATE_MOST: u32 = 1 << 20;
/// Bytes of such a body that are kept.
const BODY_MOST: usize = 64 << 10;
/// Contexts with a message under way at once; a further one takes the place of the oldest.
const LANES_MOST: usize = 8;
/// Bytes that are searched for the next PDU after a loss before the direction is given up.
const SEARCH_MOST: usize = 16 << 20;
/// Bytes that may be the beginning of a PDU, kept for the next look.
const TAIL_MOST: usize = 64;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Stream {
    state: State,
    lanes: Vec<Lane>,
}

/// A PDU whose body is read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A-ASSOCIATE-RQ.
    Request,
    /// A-ASSOCIATE-AC.
    Accept,
    /// A-ASSOCIATE-RJ.
    Reject,
    /// A-RELEASE-RQ.
    Release,
    /// A-RELEASE-RP.
    Released,
    /// A-ABORT.
    Abort,
}

#[derive(Debug)]
enum State {
    /// Between PDUs, or in the header of one.
    Head { head: [u8; 6], have: u8 },
    /// In a body that is read; `over` of its bytes were past the cap.
    Body { kind: Kind, at: Timestamp, left: u32, over: u32, body: Vec<u8> },
    /// In a P-DATA-TF between fragments; `left` bytes of the PDU follow.
    PdvHead { left: u32, head: [u8; 6], have: u8 },
    /// In a fragment.
    Pdv(Fragment),
    /// In the rest of a PDU whose fragments are not known.
    Skip { left: u32 },
    /// Looking for the next PDU.
    Lost { tail: Vec<u8>, searched: usize },
    /// Given up.
    Stopped,
}

/// A fragment in progress.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    /// Bytes of it that follow.
    pdv: u32,
    /// Bytes of its PDU that follow, these included.
    pdu: u32,
    context: u8,
    control: u8,
}

impl Default for State {
    fn default() -> State {
        State::Head { head: [0; 6], have: 0 }
    }
}

/// The message that is under way in a presentation context.
#[derive(Debug)]
struct Lane {
    context: u8,
    at: Timestamp,
    part: Part,
}

#[derive(Debug)]
enum Part {
    Idle,
    Command(Box<(Elements, CommandSet)>),
    /// A part of the command set was lost: its last fragment ends the message.
    Damaged,
    Data(Owner, Reading),
}

impl Stream {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8], scene: &mut Scene<'_>) {
        while !bytes.is_empty() {
            bytes = self.step(bytes, scene);
        }
    }

    /// Bytes held on the heap, about.
    pub(super) fn memory(&self) -> usize {
        let kept = match &self.state {
            State::Body { body, .. } => body.capacity(),
            State::Lost { tail, .. } => tail.capacity(),
            State::Head { .. }
            | State::PdvHead { .. }
            | State::Pdv(_)
            | State::Skip { .. }
            | State::Stopped => 0,
        };
        let lane = size_of::<Lane>().saturating_add(size_of::<(Elements, CommandSet)>());
        kept.saturating_add(self.lanes.capacity().saturating_mul(lane))
    }

    /// The connection is over: the body in progress says what it can.
    pub(super) fn finish(&mut self, scene: &mut Scene<'_>) {
        if let State::Body { kind: kind @ (Kind::Request | Kind::Accept), at, left, over, body } =
            core::mem::take(&mut self.state)
        {
            scene.body(kind, at, &body, left.saturating_add(over));
        }
        self.lanes.clear();
    }

    /// Bytes were lost.
    pub(super) fn gap(&mut self, missing: u64, scene: &mut Scene<'_>) {
        let fits = |left: u32| {
            u64::from(left).checked_sub(missing).map(|rest| u32::try_from(rest).unwrap_or(u32::MAX))
        };
        let behind = |rest: Option<u32>| match rest {
            Some(0) => State::default(),
            Some(left) => State::Skip { left },
            None => State::Lost { tail: Vec::new(), searched: 0 },
        };
        self.state = match core::mem::replace(&mut self.state, State::Stopped) {
            State::Stopped => State::Stopped,
            State::Head { .. } | State::Lost { .. } => behind(None),
            State::Skip { left } => behind(fits(left)),
            State::PdvHead { left, have, .. } => behind(fits(left.saturating_sub(u32::from(have)))),
            State::Body { kind, at, left, over, body } => {
                scene.body(kind, at, &body, left.saturating_add(over));
                behind(fits(left))
            }
            State::Pdv(fragment) => match fits(fragment.pdv) {
                Some(rest) => {
                    self.damage(fragment.context, missing, scene);
                    let pdu = fragment.pdu.saturating_sub(fragment.pdv.saturating_sub(rest));
                    self.behind(Fragment { pdv: rest, pdu, ..fragment }, scene)
                }
                None => behind(fits(fragment.pdu)),
            },
        };
        if matches!(self.state, State::Skip { .. } | State::Lost { .. }) {
            self.lanes.clear();
        }
    }

    /// Takes what one state wants, and gives the rest.
    fn step<'a>(&mut self, bytes: &'a [u8], scene: &mut Scene<'_>) -> &'a [u8] {
        match &mut self.state {
            State::Stopped => &[],
            State::Skip { left } => {
                let (_, rest) = split(bytes, *left);
                *left = left.saturating_sub(taken(bytes, rest));
                if *left == 0 {
                    self.state = State::default();
                }
                rest
            }
            State::Head { head, have } => {
                let (full, rest) = fill(head, have, bytes);
                if full {
                    self.state = open(*head, scene.at);
                }
                rest
            }
            State::Body { kind, at, left, over, body } => {
                let (part, rest) = split(bytes, *left);
                *left = left.saturating_sub(taken(bytes, rest));
                let room = BODY_MOST.saturating_sub(body.len()).min(part.len());
                let (kept, dropped) = part.split_at_checked(room).unwrap_or((part, &[]));
                body.extend_from_slice(kept);
                *over = over.saturating_add(taken(dropped, &[]));
                if *left == 0 {
                    scene.body(*kind, *at, body, *over);
                    self.state = State::default();
                }
                rest
            }
            State::PdvHead { left, head, have } => {
                let (full, rest) = fill(head, have, bytes);
                if full {
                    let (left, head) = (*left, *head);
                    self.state = self.open_pdv(left, head, scene);
                }
                rest
            }
            State::Pdv(fragment) => {
                let mut fragment = *fragment;
                let (part, rest) = split(bytes, fragment.pdv);
                let took = taken(bytes, rest);
                fragment.pdu = fragment.pdu.saturating_sub(took);
                fragment.pdv = fragment.pdv.saturating_sub(took);
                self.read(fragment.context, part, scene);
                self.state = self.behind(fragment, scene);
                rest
            }
            State::Lost { .. } => self.search(bytes, scene),
        }
    }

    /// A fragment begins: its message is found or begun.
    fn open_pdv(&mut self, left: u32, head: [u8; 6], scene: &mut Scene<'_>) -> State {
        let [a, b, c, d, context, control] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        // The length counts the context and the control byte (PS3.8 table 9-23); contexts are odd.
        let room = length.checked_sub(2).zip(left.checked_sub(6));
        let Some((pdv, pdu)) = room.filter(|(pdv, pdu)| pdv <= pdu && context & 1 == 1) else {
            return lost(head);
        };
        if control & 1 == 1 {
            let lane = self.lane(context);
            if !matches!(lane.part, Part::Command(_) | Part::Damaged) {
                lane.at = scene.at;
                let reader = (Elements::new(Syntax::Implicit), CommandSet::default());
                lane.part = Part::Command(Box::new(reader));
            }
        }
        self.behind(Fragment { pdv, pdu, context, control }, scene)
    }

    /// The state behind a part of a fragment; at its end the message may be complete.
    fn behind(&mut self, fragment: Fragment, scene: &mut Scene<'_>) -> State {
        let Fragment { pdv, pdu, context, control } = fragment;
        if pdv > 0 {
            return State::Pdv(fragment);
        }
        // Bit 1 marks the last fragment of a message (PS3.8 annex E.2).
        if control & 2 == 2
            && let Some(lane) = self.lanes.iter_mut().find(|lane| lane.context == context)
        {
            lane.part = match core::mem::replace(&mut lane.part, Part::Idle) {
                Part::Command(reader) => match scene.command(context, lane.at, reader.1) {
                    Some((owner, reading)) => Part::Data(owner, reading),
                    None => Part::Idle,
                },
                Part::Data(owner, reading) => {
                    scene.read(owner, reading);
                    Part::Idle
                }
                Part::Damaged | Part::Idle => Part::Idle,
            };
        }
        match pdu {
            0 => State::default(),
            left => State::PdvHead { left, head: [0; 6], have: 0 },
        }
    }

    /// The bytes of a fragment go to the message's reader.
    fn read(&mut self, context: u8, part: &[u8], scene: &mut Scene<'_>) {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.context == context) else { return };
        match &mut lane.part {
            Part::Command(reader) => {
                let (elements, set) = &mut **reader;
                elements.feed(part, set);
            }
            Part::Data(owner, reading) => {
                scene.grow(*owner, part.len());
                if reading.feed(part) {
                    scene.read(*owner, core::mem::replace(reading, Reading::None));
                }
            }
            Part::Damaged | Part::Idle => {}
        }
    }

    /// A part of a fragment was lost.
    fn damage(&mut self, context: u8, missing: u64, scene: &mut Scene<'_>) {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.context == context) else { return };
        match &mut lane.part {
            Part::Command(_) => lane.part = Part::Damaged,
            Part::Data(owner, reading) => {
                scene.grow(*owner, usize::try_from(missing).unwrap_or(usize::MAX));
                *reading = Reading::None;
            }
            Part::Damaged | Part::Idle => {}
        }
    }

    fn lane(&mut self, context: u8) -> &mut Lane {
        let place = self.lanes.iter().position(|lane| lane.context == context);
        let place = place.unwrap_or_else(|| {
            if self.lanes.len() >= LANES_MOST {
                let idle = self.lanes.iter().position(|lane| matches!(lane.part, Part::Idle));
                self.lanes.remove(idle.unwrap_or(0));
            }
            self.lanes.push(Lane { context, at: Timestamp::default(), part: Part::Idle });
            self.lanes.len().saturating_sub(1)
        });
        #[expect(clippy::indexing_slicing, reason = "the place was found in, or pushed to, this very list")]
        &mut self.lanes[place]
    }

    /// Looks for the next PDU, with what the last bytes left over.
    fn search<'a>(&mut self, bytes: &'a [u8], scene: &mut Scene<'_>) -> &'a [u8] {
        let State::Lost { tail, searched } = core::mem::replace(&mut self.state, State::Stopped) else {
            return bytes;
        };
        let searched = searched.saturating_add(bytes.len());
        let kept = tail.len();
        let mut joint = tail;
        joint.extend_from_slice(bytes.get(..TAIL_MOST.min(bytes.len())).unwrap_or_default());
        let whole = kept.saturating_add(bytes.len());
        for start in 0..kept {
            match resume(joint.get(start..).unwrap_or_default(), whole.saturating_sub(start)) {
                Claim::No => {}
                Claim::Yes => {
                    self.state = State::default();
                    self.feed(joint.get(start..kept).unwrap_or_default(), scene);
                    return bytes;
                }
                Claim::More => {
                    self.state = State::Lost { tail: joint.split_off(start), searched };
                    return &[];
                }
            }
        }
        for start in 0..bytes.len() {
            let here = bytes.get(start..).unwrap_or_default();
            match resume(here, here.len()) {
                Claim::No => {}
                Claim::Yes => {
                    self.state = State::default();
                    return here;
                }
                Claim::More => {
                    self.state = State::Lost { tail: here.to_vec(), searched };
                    return &[];
                }
            }
        }
        if searched < SEARCH_MOST {
            self.state = State::Lost { tail: Vec::new(), searched };
        }
        &[]
    }
}

/// Whether a PDU begins here, of which `whole` bytes are at hand in all.
fn resume(bytes: &[u8], whole: usize) -> Claim {
    match bytes {
        [1 | 2 | 4] => Claim::More,
        [1 | 2 | 4, 0, ..] => match look(bytes) {
            Claim::More if whole > TAIL_MOST => Claim::No,
            claim @ (Claim::Yes | Claim::No | Claim::More) => claim,
        },
        // Ten bytes with few bits in them occur in pixels as well, so only as the last of a segment.
        [3 | 5..=7, 0, ..] if whole == 10 && look(bytes) == Claim::Yes => Claim::Yes,
        _ => Claim::No,
    }
}

/// The state behind a PDU's header.
fn open(head: [u8; 6], at: Timestamp) -> State {
    let [kind, _, a, b, c, d] = head;
    let length = u32::from_be_bytes([a, b, c, d]);
    let body = |kind| State::Body { kind, at, left: length, over: 0, body: Vec::new() };
    match (kind, length) {
        (1, ASSOCIATE_LEAST..=ASSOCIATE_MOST) => body(Kind::Request),
        (2, ASSOCIATE_LEAST..=ASSOCIATE_MOST) => body(Kind::Accept),
        (3, 4) => body(Kind::Reject),
        (4, 0) => State::default(),
        (4, _) => State::PdvHead { left: length, head: [0; 6], have: 0 },
        (5, 4) => body(Kind::Release),
        (6, 4) => body(Kind::Released),
        (7, 4) => body(Kind::Abort),
        _ => lost(head),
    }
}

/// What was taken for a header is none; a true one may begin within it.
fn lost(head: [u8; 6]) -> State {
    State::Lost { tail: head.get(1..).unwrap_or_default().to_vec(), searched: 0 }
}

/// Fills a header; whether it is full, and the bytes behind.
fn fill<'a>(head: &mut [u8; 6], have: &mut u8, bytes: &'a [u8]) -> (bool, &'a [u8]) {
    let want = 6_usize.saturating_sub(usize::from(*have)).min(bytes.len());
    let (part, rest) = bytes.split_at_checked(want).unwrap_or((bytes, &[]));
    for (slot, byte) in head.iter_mut().skip(usize::from(*have)).zip(part) {
        *slot = *byte;
        *have = have.saturating_add(1);
    }
    (*have >= 6, rest)
}

fn split(bytes: &[u8], left: u32) -> (&[u8], &[u8]) {
    let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    bytes.split_at_checked(here).unwrap_or((bytes, &[]))
}

fn taken(before: &[u8], rest: &[u8]) -> u32 {
    u32::try_from(before.len().saturating_sub(rest.len())).unwrap_or(u32::MAX)
}
