//! What both directions say together: an association, and the requests that wait for their responses.

use abi::address::Timestamp;

use super::associate::{self, Context};
use super::command::{CommandSet, Data, Message};
use super::dataset::{Device, Identifier, Narrow};
use super::elements::{Elements, Syntax};
use super::stream::Kind;
use super::{Answer, Associate, Command, Dicom, Operation, Parties, Suboperations};
use crate::{Exchange, Said, Side};

/// Requests that wait for a response; a further one pushes out the oldest, whose row then has no status.
const PENDING_MOST: usize = 64;

/// The state of the association on a connection.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    parties: Parties,
    waiting: Option<Box<Waiting>>,
    contexts: Vec<Context>,
    pending: Vec<Pending>,
    phase: Phase,
    objects: Objects,
}

/// Whether a release was asked for; a second request, as in a release collision, makes no second row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Releasing,
}

/// Whether the device that made an object was read: of the first object only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Objects {
    #[default]
    Unread,
    Read,
}

/// An association that was asked for and has no answer yet.
#[derive(Debug)]
struct Waiting {
    at: Timestamp,
    from: Side,
    said: Associate,
}

/// A request without its final response.
#[derive(Debug)]
struct Pending {
    at: Timestamp,
    from: Side,
    command: Box<Command>,
}

/// Whose data set it is: that of a request, or of a response to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// Who sent the request.
    asker: Side,
    message_id: u16,
    of: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Request,
    Response,
}

/// What is read of a data set.
#[derive(Debug)]
pub(super) enum Reading {
    /// Nothing.
    None,
    /// The device that made an object.
    Device(Box<(Elements, Device)>),
    /// The level and the openness of a query.
    Identifier(Box<(Elements, Identifier)>),
}

impl Reading {
    /// Takes the next bytes of the data set; whether all that is wanted was read.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        match self {
            Reading::None => false,
            Reading::Device(reader) => {
                let (elements, device) = &mut **reader;
                elements.feed(bytes, device);
                elements.done()
            }
            Reading::Identifier(reader) => {
                let (elements, identifier) = &mut **reader;
                elements.feed(bytes, identifier);
                elements.done()
            }
        }
    }
}

/// A moment in a conversation: who speaks, when, and where rows go.
pub(super) struct Scene<'a> {
    /// The conversation.
    pub(super) talk: &'a mut Conversation,
    /// Who speaks.
    pub(super) from: Side,
    /// When.
    pub(super) at: Timestamp,
    /// The rows.
    pub(super) out: &'a mut Vec<Exchange>,
}

impl Scene<'_> {
    /// A PDU other than P-DATA-TF, of whose body `missing` bytes are not at hand.
    pub(super) fn body(&mut self, kind: Kind, at: Timestamp, body: &[u8], missing: u32) {
        let byte = |place: usize| body.get(place).copied().unwrap_or_default();
        match kind {
            Kind::Request => self.request(at, body, missing),
            Kind::Accept => self.accept(body, missing),
            Kind::Reject => {
                let answer = Answer::Rejected { result: byte(1), source: byte(2), reason: byte(3) };
                self.talk.answer(answer, self.out);
            }
            Kind::Release => {
                if core::mem::replace(&mut self.talk.phase, Phase::Releasing) == Phase::Open {
                    self.push(at, Dicom::Release(self.talk.parties));
                }
            }
            Kind::Released => self.talk.close(self.out),
            Kind::Abort => {
                self.talk.answer(Answer::Aborted, self.out);
                self.talk.close(self.out);
                let parties = self.talk.parties;
                self.push(at, Dicom::Abort { parties, source: byte(2), reason: byte(3) });
            }
        }
    }

    fn push(&mut self, at: Timestamp, said: Dicom) {
        self.out.push(Exchange { at, from: self.from, said: Said::Dicom(said) });
    }

    fn request(&mut self, at: Timestamp, body: &[u8], missing: u32) {
        self.talk.close(self.out);
        let mut said = associate::request(body);
        said.cut |= missing > 0;
        *self.talk = Conversation { parties: said.parties, ..Conversation::default() };
        self.talk.waiting = Some(Box::new(Waiting { at, from: self.from, said }));
    }

    fn accept(&mut self, body: &[u8], missing: u32) {
        if let Some(waiting) = &mut self.talk.waiting {
            self.talk.contexts = associate::accept(body, &mut waiting.said);
            waiting.said.cut |= missing > 0;
        } else {
            // The request was not seen: the acceptance still tells the parties and the encodings.
            self.talk.parties = associate::parties(body);
            self.talk.contexts = associate::accept(body, &mut Associate::default());
        }
        self.talk.answer(Answer::Accepted, self.out);
    }

    /// A command set is complete. Says whose data set follows, if one does, and how to read it.
    pub(super) fn command(
        &mut self,
        context: u8,
        at: Timestamp,
        set: CommandSet,
    ) -> Option<(Owner, Reading)> {
        let follows = set.data == Data::Follows;
        let owner = match set.message()? {
            Message::Request(Operation::Cancel) => {
                let message_id = set.responded_to;
                let target =
                    self.talk.find(self.from, message_id).and_then(|found| found.command.sop_class.clone());
                let mut command = self.talk.begin(Operation::Cancel, set);
                (command.message_id, command.sop_class) = (message_id, command.sop_class.or(target));
                self.push(at, Dicom::Command(Box::new(command)));
                return None;
            }
            Message::Request(operation) => {
                let owner = Owner { asker: self.from, message_id: set.message_id, of: Role::Request };
                let command = Box::new(self.talk.begin(operation, set));
                self.talk.ask(Pending { at, from: self.from, command }, self.out);
                return follows.then(|| (owner, self.talk.reading(context, operation)));
            }
            Message::Response => {
                let owner =
                    Owner { asker: self.from.other(), message_id: set.responded_to, of: Role::Response };
                self.talk.respond(owner, &set, self.out);
                owner
            }
        };
        follows.then_some((owner, Reading::None))
    }

    /// Bytes of a data set went by.
    pub(super) fn grow(&mut self, owner: Owner, bytes: usize) {
        let Some(pending) = self.talk.find(owner.asker, owner.message_id) else { return };
        let count = match owner.of {
            Role::Request => &mut pending.command.bytes,
            Role::Response => &mut pending.command.response_bytes,
        };
        *count = count.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// What was wanted of a data set is read.
    pub(super) fn read(&mut self, owner: Owner, reading: Reading) {
        let Some(pending) = self.talk.find(owner.asker, owner.message_id) else { return };
        match reading {
            Reading::None => {}
            Reading::Device(reader) => {
                let equipment = reader.1.equipment;
                pending.command.equipment = (!equipment.is_empty()).then(|| Box::new(equipment));
            }
            Reading::Identifier(reader) => {
                pending.command.query_level = reader.1.level;
                pending.command.wildcard = Some(reader.1.narrow == Narrow::Not);
            }
        }
    }
}

impl Conversation {
    /// The connection, or the association, is over: what waits is emitted as it stands.
    pub(super) fn close(&mut self, out: &mut Vec<Exchange>) {
        self.answer(Answer::Missing, out);
        for pending in self.pending.drain(..) {
            out.push(pending.into_exchange());
        }
    }

    /// Bytes held on the heap, about.
    pub(super) fn memory(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| {
            let lists = [&waiting.said.abstract_syntaxes, &waiting.said.transfer_syntaxes];
            let text =
                |list: &Vec<String>| list.iter().map(|uid| uid.capacity().saturating_add(24)).sum::<usize>();
            lists.into_iter().map(text).sum::<usize>().saturating_add(size_of::<Waiting>())
        });
        let command = size_of::<Pending>().saturating_add(size_of::<Command>()).saturating_add(64);
        waiting
            .saturating_add(self.contexts.capacity().saturating_mul(size_of::<Context>()))
            .saturating_add(self.pending.capacity().saturating_mul(command))
    }

    fn answer(&mut self, answer: Answer, out: &mut Vec<Exchange>) {
        if let Some(waiting) = self.waiting.take() {
            let Waiting { at, from, mut said } = *waiting;
            said.answer = answer;
            out.push(Exchange { at, from, said: Said::Dicom(Dicom::Associate(Box::new(said))) });
        }
    }

    fn begin(&self, operation: Operation, set: CommandSet) -> Command {
        Command {
            operation,
            parties: self.parties,
            message_id: set.message_id,
            sop_class: set.sop_class,
            status: None,
            responses: 0,
            destination: set.destination,
            query_level: None,
            wildcard: None,
            suboperations: Suboperations::default(),
            bytes: 0,
            response_bytes: 0,
            equipment: None,
        }
    }

    fn find(&mut self, asker: Side, message_id: u16) -> Option<&mut Pending> {
        self.pending.iter_mut().find(|one| one.from == asker && one.command.message_id == message_id)
    }

    /// A request waits; one of the same id, whose response was not seen, waits no longer.
    fn ask(&mut self, request: Pending, out: &mut Vec<Exchange>) {
        let same = self
            .pending
            .iter()
            .position(|one| one.from == request.from && one.command.message_id == request.command.message_id);
        let over = same.or((self.pending.len() >= PENDING_MOST).then_some(0));
        if let Some(place) = over {
            out.push(self.pending.remove(place).into_exchange());
        }
        self.pending.push(request);
    }

    /// A response: a pending one (PS3.7 section 9.1.2.1.5, statuses FF00H and FF01H) is counted, a final one ends the request.
    /// A response to a request that was not seen makes no row: rows count requests.
    fn respond(&mut self, owner: Owner, set: &CommandSet, out: &mut Vec<Exchange>) {
        let Some(place) = self
            .pending
            .iter()
            .position(|one| one.from == owner.asker && one.command.message_id == owner.message_id)
        else {
            return;
        };
        let Some(pending) = self.pending.get_mut(place) else { return };
        let command = &mut *pending.command;
        command.responses = command.responses.saturating_add(1);
        let counts = &mut command.suboperations;
        counts.completed = set.suboperations.completed.or(counts.completed);
        counts.failed = set.suboperations.failed.or(counts.failed);
        counts.warning = set.suboperations.warning.or(counts.warning);
        if matches!(set.status, Some(0xff00 | 0xff01)) {
            return;
        }
        command.status = set.status;
        out.push(self.pending.remove(place).into_exchange());
    }

    fn reading(&mut self, context: u8, operation: Operation) -> Reading {
        let found = self.contexts.iter().find(|one| one.id == context);
        let syntax = found.map_or(Syntax::Unknown, |one| one.syntax);
        if syntax == Syntax::Opaque {
            return Reading::None;
        }
        match operation {
            Operation::Store if core::mem::replace(&mut self.objects, Objects::Read) == Objects::Unread => {
                Reading::Device(Box::new((Elements::new(syntax), Device::default())))
            }
            Operation::Find | Operation::Get | Operation::Move => {
                Reading::Identifier(Box::new((Elements::new(syntax), Identifier::default())))
            }
            Operation::Store
            | Operation::Echo
            | Operation::Cancel
            | Operation::EventReport
            | Operation::NGet
            | Operation::NSet
            | Operation::NAction
            | Operation::NCreate
            | Operation::NDelete => Reading::None,
        }
    }
}

impl Pending {
    fn into_exchange(self) -> Exchange {
        Exchange { at: self.at, from: self.from, said: Said::Dicom(Dicom::Command(self.command)) }
    }
}
