//! The command set of a DIMSE message (PS3.7 section 6.3.1 and annex E).

use super::elements::{Listener, Order, Tag};
use super::{Aet, Operation, Suboperations, text_of};

/// What a command set says, and the value that is being read.
#[derive(Debug)]
pub(super) struct CommandSet {
    /// Command Field.
    pub(super) field: Option<u16>,
    /// Message ID.
    pub(super) message_id: u16,
    /// Message ID Being Responded To.
    pub(super) responded_to: u16,
    /// Whether a data set follows.
    pub(super) data: Data,
    /// Status.
    pub(super) status: Option<u16>,
    /// Affected, else requested SOP class.
    pub(super) sop_class: Option<String>,
    /// Move Destination.
    pub(super) destination: Option<Aet>,
    /// Counts of sub-operations.
    pub(super) suboperations: Suboperations,
    value: [u8; 64],
    len: usize,
}

/// Whether a data set follows a command set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Command Data Set Type is 0101H, or absent.
    Absent,
    /// It is any other.
    Follows,
}

/// What kind of message a command set begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// It asks.
    Request(Operation),
    /// It answers.
    Response,
}

impl Default for CommandSet {
    fn default() -> CommandSet {
        CommandSet {
            field: None,
            message_id: 0,
            responded_to: 0,
            data: Data::Absent,
            status: None,
            sop_class: None,
            destination: None,
            suboperations: Suboperations::default(),
            value: [0; 64],
            len: 0,
        }
    }
}

impl CommandSet {
    /// The kind of the message; none if its Command Field is missing or unknown (PS3.7 table E.1-1).
    pub(super) fn message(&self) -> Option<Message> {
        Some(Message::Request(match self.field? {
            0x0001 => Operation::Store,
            0x0010 => Operation::Get,
            0x0020 => Operation::Find,
            0x0021 => Operation::Move,
            0x0030 => Operation::Echo,
            0x0fff => Operation::Cancel,
            0x0100 => Operation::EventReport,
            0x0110 => Operation::NGet,
            0x0120 => Operation::NSet,
            0x0130 => Operation::NAction,
            0x0140 => Operation::NCreate,
            0x0150 => Operation::NDelete,
            0x8000.. => return Some(Message::Response),
            _ => return None,
        }))
    }

    fn number(&self, order: Order) -> Option<u16> {
        let (&pair, _) = self.value.get(..self.len)?.split_first_chunk::<2>()?;
        Some(match order {
            Order::Little => u16::from_le_bytes(pair),
            Order::Big => u16::from_be_bytes(pair),
        })
    }
}

impl Listener for CommandSet {
    fn wants(&self, tag: Tag) -> bool {
        matches!(
            tag,
            Tag(0, 0x0002 | 0x0003 | 0x0100 | 0x0110 | 0x0120 | 0x0600 | 0x0800 | 0x0900 | 0x1021..=0x1023)
        )
    }

    fn last(&self) -> Tag {
        Tag(0, 0x1023)
    }

    fn part(&mut self, _tag: Tag, bytes: &[u8]) {
        for (slot, byte) in self.value.iter_mut().skip(self.len).zip(bytes) {
            *slot = *byte;
        }
        self.len = self.len.saturating_add(bytes.len()).min(self.value.len());
    }

    fn end(&mut self, tag: Tag, order: Order) {
        let number = self.number(order);
        let value = self.value.get(..self.len).unwrap_or_default();
        match tag {
            Tag(0, 0x0002) => self.sop_class = text_of(value, 64),
            Tag(0, 0x0003) if self.sop_class.is_none() => self.sop_class = text_of(value, 64),
            Tag(0, 0x0100) => self.field = number,
            Tag(0, 0x0110) => self.message_id = number.unwrap_or_default(),
            Tag(0, 0x0120) => self.responded_to = number.unwrap_or_default(),
            Tag(0, 0x0600) => self.destination = Some(Aet::read(value)).filter(|aet| !aet.is_empty()),
            Tag(0, 0x0800) => {
                self.data =
                    if number.is_none_or(|kind| kind == 0x0101) { Data::Absent } else { Data::Follows }
            }
            Tag(0, 0x0900) => self.status = number,
            Tag(0, 0x1021) => self.suboperations.completed = number,
            Tag(0, 0x1022) => self.suboperations.failed = number,
            Tag(0, 0x1023) => self.suboperations.warning = number,
            Tag(..) => {}
        }
        self.len = 0;
    }
}
