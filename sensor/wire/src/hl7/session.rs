//! Both directions of one connection: messages, and the acknowledgements that answer them.

use abi::address::{SECOND, Timestamp};

use super::reader::{Reader, Whole};
use super::{Hl7, Message};
use crate::{Exchange, Said, Side};

/// Messages that wait for an acknowledgement; a further one pushes out the oldest.
const PENDING_MOST: usize = 32;
/// How long a message waits. Senders give up sooner.
const PATIENCE: u64 = 60 * SECOND;

/// An HL7 connection: holds the fields of one header a direction, and of 32 messages that wait for an acknowledgement.
#[derive(Debug, Default)]
pub struct Session {
    client: Reader,
    server: Reader,
    wait: Wait,
}

#[derive(Debug, Default)]
struct Wait {
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    at: Timestamp,
    from: Side,
    message: Box<Message>,
}

impl Session {
    /// Takes the next bytes of one side, and pushes what they complete.
    pub fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) {
        let Session { client, server, wait } = self;
        wait.expire(at, out);
        let reader = match from {
            Side::Client => client,
            Side::Server => server,
        };
        reader.feed(at, bytes, &mut |at, whole| wait.take(at, from, whole, out));
    }

    /// Bytes of one side were lost: reading goes on with the next line.
    pub fn gap(&mut self, from: Side, missing: u64) {
        match from {
            Side::Client => self.client.gap(missing),
            Side::Server => self.server.gap(missing),
        }
    }

    /// The connection is over: pushes what is pending.
    pub fn finish(&mut self, _at: Timestamp, out: &mut Vec<Exchange>) {
        let Session { client, server, wait } = self;
        client.finish(&mut |at, whole| wait.take(at, Side::Client, whole, out));
        server.finish(&mut |at, whole| wait.take(at, Side::Server, whole, out));
        out.extend(wait.pending.drain(..).map(Pending::into_exchange));
        *self = Session::default();
    }

    /// Bytes that the session holds, about: for accounting and for the assertion of its bound.
    pub fn memory(&self) -> usize {
        let texts: usize = self.wait.pending.iter().map(|pending| weight(&pending.message)).sum();
        size_of::<Session>()
            .saturating_add(self.client.memory())
            .saturating_add(self.server.memory())
            .saturating_add(self.wait.pending.capacity().saturating_mul(size_of::<Pending>()))
            .saturating_add(texts)
    }
}

impl Wait {
    /// A message is complete.
    fn take(&mut self, at: Timestamp, from: Side, whole: Whole, out: &mut Vec<Exchange>) {
        match whole {
            Whole::Ack(ack) => {
                self.answer(from, &ack.ack_code, &ack.acked_control_id, out);
                out.push(Exchange { at, from, said: Said::Hl7(Hl7::Ack(ack)) });
            }
            Whole::Message(mut message) if !message.acked_control_id.is_empty() => {
                // A response, such as RSP^K11, answers like an acknowledgement and is not answered itself.
                let code = core::mem::take(&mut message.ack_code);
                self.answer(from, &code, &message.acked_control_id, out);
                out.push(Pending { at, from, message }.into_exchange());
            }
            Whole::Message(mut message) => {
                message.ack_code.clear();
                self.ask(Pending { at, from, message }, out);
            }
        }
    }

    /// A message waits; those of its side that were accepted, and waited for a second answer, do so no longer.
    fn ask(&mut self, message: Pending, out: &mut Vec<Exchange>) {
        let from = message.from;
        let over = |one: &mut Pending| one.from == from && one.message.acks > 0;
        out.extend(self.pending.extract_if(.., over).map(Pending::into_exchange));
        if self.pending.len() >= PENDING_MOST {
            out.push(self.pending.remove(0).into_exchange());
        }
        self.pending.push(message);
    }

    /// An answer of `from` names a control id of the other side.
    fn answer(&mut self, from: Side, code: &str, control_id: &str, out: &mut Vec<Exchange>) {
        // An answer without a control id answers nothing that could be named.
        if control_id.is_empty() {
            return;
        }
        let Some(place) = self
            .pending
            .iter()
            .position(|one| one.from == from.other() && one.message.heading.control_id == control_id)
        else {
            return;
        };
        let Some(pending) = self.pending.get_mut(place) else { return };
        pending.message.acks = pending.message.acks.saturating_add(1);
        code.clone_into(&mut pending.message.ack_code);
        // In enhanced mode the receipt (CA) comes first, and the application's answer later (HL7 2.9 section 2.9.3).
        if code != "CA" {
            out.push(self.pending.remove(place).into_exchange());
        }
    }

    fn expire(&mut self, now: Timestamp, out: &mut Vec<Exchange>) {
        // Messages wait in the order of their coming, so a young one at the front means that none is old.
        while self.pending.first().is_some_and(|one| now.since(one.at) > PATIENCE) {
            out.push(self.pending.remove(0).into_exchange());
        }
    }
}

impl Pending {
    fn into_exchange(self) -> Exchange {
        Exchange { at: self.at, from: self.from, said: Said::Hl7(Hl7::Message(self.message)) }
    }
}

fn weight(message: &Message) -> usize {
    let heading = &message.heading;
    let texts = [
        &heading.message_type,
        &heading.control_id,
        &heading.sending_application,
        &heading.sending_facility,
        &heading.receiving_application,
        &heading.receiving_facility,
        &heading.version,
        &heading.sender_eui64,
        &message.ack_code,
        &message.acked_control_id,
    ];
    let devices: usize = message.equipment.iter().map(|device| device.capacity().saturating_add(24)).sum();
    let texts: usize = texts.into_iter().map(String::capacity).sum();
    size_of::<Message>().saturating_add(texts).saturating_add(devices)
}
