//! One direction of a connection as messages, segments and fields.

use abi::address::Timestamp;

use super::claim::delimits;
use super::{Ack, Framing, Heading, Message};
use crate::field::printable;

const VT: u8 = 0x0b;
const FS: u8 = 0x1c;

/// Bytes of one field that are kept: MSH-3 to MSH-6 have at most 227 (HL7 2.5 section 2.15.9).
const FIELD_MOST: usize = 256;
/// Device identifiers of one message that are kept.
const EQUIPMENT_MOST: usize = 8;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Reader {
    place: Place,
    framing: Frame,
    draft: Option<Box<Draft>>,
}

/// Whether the last framing character was VT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Frame {
    #[default]
    Outside,
    Inside,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// At the start of a line.
    Name { name: [u8; 4], have: u8, start: Start },
    /// In a segment of which fields are read.
    Fields { segment: Segment, index: u16 },
    /// In a segment that is passed over, or between messages.
    Skip,
}

/// What came before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// A line end, or nothing.
    Line,
    /// VT: text may contain one, as a line break of word processors, so only a header behind it begins a message.
    Vt,
}

const LINE: Place = Place::Name { name: [0; 4], have: 0, start: Start::Line };

impl Default for Place {
    fn default() -> Place {
        LINE
    }
}

/// The segments of which fields are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Msh,
    Msa,
    Obx,
    Prt,
}

/// A message that is being read.
#[derive(Debug)]
struct Draft {
    at: Timestamp,
    separator: u8,
    component: u8,
    heading: Heading,
    ack_code: String,
    acked_control_id: String,
    equipment: Vec<String>,
    field: Vec<u8>,
}

/// A message that is complete.
#[derive(Debug)]
pub(super) enum Whole {
    /// Not a mere acknowledgement.
    Message(Box<Message>),
    /// An acknowledgement.
    Ack(Box<Ack>),
}

impl Reader {
    /// Takes the next bytes, and shows each message that they complete, with the time of its first byte.
    pub(super) fn feed(&mut self, at: Timestamp, mut bytes: &[u8], done: &mut dyn FnMut(Timestamp, Whole)) {
        while !bytes.is_empty() {
            bytes = match self.place {
                Place::Name { name, have, start } => self.name((name, have, start), at, bytes, done),
                Place::Fields { segment, index } => self.field(segment, index, bytes, done),
                Place::Skip => {
                    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n' | &FS | &VT));
                    let (text, rest) =
                        bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, &[]));
                    self.count(text.len());
                    self.line_end(rest, done)
                }
            };
        }
    }

    /// Bytes were lost: what is left of the line is not read.
    pub(super) fn gap(&mut self, missing: u64) {
        self.place = Place::Skip;
        if let Some(draft) = &mut self.draft {
            draft.heading.cut = true;
            draft.heading.bytes = draft.heading.bytes.saturating_add(missing);
            draft.field.clear();
        }
    }

    /// The connection is over.
    pub(super) fn finish(&mut self, done: &mut dyn FnMut(Timestamp, Whole)) {
        if let Place::Fields { segment, index } = self.place {
            self.keep(segment, index);
        }
        if let Some(draft) = &mut self.draft {
            draft.heading.cut |= draft.heading.framing == Framing::Mllp;
        }
        self.end(done);
        *self = Reader::default();
    }

    /// Bytes held on the heap, about.
    pub(super) fn memory(&self) -> usize {
        let most = FIELD_MOST.saturating_mul(8_usize.saturating_add(EQUIPMENT_MOST));
        self.draft
            .as_ref()
            .map_or(0, |draft| size_of::<Draft>().saturating_add(draft.field.capacity()).saturating_add(most))
    }

    fn count(&mut self, bytes: usize) {
        if let Some(draft) = &mut self.draft {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            draft.heading.bytes = draft.heading.bytes.saturating_add(bytes);
        }
    }

    /// The first four bytes of a line: the name of a segment and its separator.
    fn name<'a>(
        &mut self,
        (mut name, have, start): ([u8; 4], u8, Start),
        at: Timestamp,
        bytes: &'a [u8],
        done: &mut dyn FnMut(Timestamp, Whole),
    ) -> &'a [u8] {
        let Some((&byte, rest)) = bytes.split_first() else { return bytes };
        if matches!(byte, b'\r' | b'\n' | FS | VT) {
            let named = name.get(..usize::from(have)).unwrap_or_default();
            if let (Some(draft), 3, Start::Line) = (&mut self.draft, have, start)
                && segment_name(named)
            {
                draft.heading.segments = draft.heading.segments.saturating_add(1);
            }
            self.count(usize::from(have));
            return self.line_end(bytes, done);
        }
        if let Some(slot) = name.get_mut(usize::from(have)) {
            *slot = byte;
        }
        self.place = match have {
            0..=2 => Place::Name { name, have: have.saturating_add(1), start },
            _ => self.open(name, start, at, done),
        };
        rest
    }

    fn open(
        &mut self,
        name: [u8; 4],
        start: Start,
        at: Timestamp,
        done: &mut dyn FnMut(Timestamp, Whole),
    ) -> Place {
        let [.., separator] = name;
        if name.starts_with(b"MSH") && delimits(separator) {
            self.end(done);
            self.draft = Some(Box::new(Draft::new(at, separator, self.framing)));
            return Place::Fields { segment: Segment::Msh, index: 2 };
        }
        self.count(name.len());
        let Some(draft) = &mut self.draft else { return Place::Skip };
        let named = name.get(..3).unwrap_or_default();
        if start == Start::Vt || separator != draft.separator || !segment_name(named) {
            return Place::Skip;
        }
        // A batch's header and trailer stand between messages (HL7 2.9 section 2.10.3).
        if matches!(named, b"FHS" | b"BHS" | b"BTS" | b"FTS") {
            self.end(done);
            return Place::Skip;
        }
        draft.heading.segments = draft.heading.segments.saturating_add(1);
        let segment = match named {
            b"MSA" => Segment::Msa,
            b"OBX" => Segment::Obx,
            b"PRT" => Segment::Prt,
            _ => return Place::Skip,
        };
        Place::Fields { segment, index: 1 }
    }

    /// A part of a field.
    fn field<'a>(
        &mut self,
        segment: Segment,
        index: u16,
        bytes: &'a [u8],
        done: &mut dyn FnMut(Timestamp, Whole),
    ) -> &'a [u8] {
        let Some(draft) = &mut self.draft else {
            self.place = Place::Skip;
            return bytes;
        };
        let separator = draft.separator;
        let end =
            bytes.iter().position(|byte| *byte == separator || matches!(*byte, b'\r' | b'\n' | FS | VT));
        let (text, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, &[]));
        draft.heading.bytes =
            draft.heading.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if wanted(segment, index) {
            let room = FIELD_MOST.saturating_sub(draft.field.len()).min(text.len());
            draft.field.extend_from_slice(text.get(..room).unwrap_or_default());
        }
        match rest.split_first() {
            None => rest,
            Some((byte, behind)) if *byte == separator => {
                self.count(1);
                self.keep(segment, index);
                self.place = Place::Fields { segment, index: index.saturating_add(1) };
                behind
            }
            Some(_) => {
                self.keep(segment, index);
                self.line_end(rest, done)
            }
        }
    }

    /// The byte that ends a line, if it is there, and what it ends with it.
    fn line_end<'a>(&mut self, bytes: &'a [u8], done: &mut dyn FnMut(Timestamp, Whole)) -> &'a [u8] {
        let Some((&byte, rest)) = bytes.split_first() else { return bytes };
        self.place = LINE;
        match byte {
            FS => {
                self.end(done);
                self.framing = Frame::Outside;
            }
            VT => {
                self.place = Place::Name { name: [0; 4], have: 0, start: Start::Vt };
                self.framing = Frame::Inside;
                // A VT inside a message is text, and is counted; before a header it ends up in the count of a message
                // that was cut off.
                self.count(1);
            }
            _ => self.count(1),
        }
        rest
    }

    /// A field is complete.
    fn keep(&mut self, segment: Segment, index: u16) {
        let Some(draft) = &mut self.draft else { return };
        if wanted(segment, index) {
            draft.keep(segment, index);
            draft.field.clear();
        }
    }

    /// The message is complete, if one is there.
    fn end(&mut self, done: &mut dyn FnMut(Timestamp, Whole)) {
        if let Some(draft) = self.draft.take() {
            let at = draft.at;
            done(at, draft.whole());
        }
    }
}

impl Draft {
    fn new(at: Timestamp, separator: u8, frame: Frame) -> Draft {
        let framing = match frame {
            Frame::Inside => Framing::Mllp,
            Frame::Outside => Framing::Bare,
        };
        Draft {
            at,
            separator,
            component: b'^',
            heading: Heading { segments: 1, bytes: 4, framing, ..Heading::default() },
            ack_code: String::new(),
            acked_control_id: String::new(),
            equipment: Vec::new(),
            field: Vec::new(),
        }
    }

    fn keep(&mut self, segment: Segment, index: u16) {
        let whole = |most: usize| printable(self.field.trim_ascii(), most);
        let heading = &mut self.heading;
        match (segment, index) {
            (Segment::Msh, 2) => self.component = self.field.first().copied().unwrap_or(b'^'),
            (Segment::Msh, 3) => {
                heading.sending_application = whole(FIELD_MOST);
                heading.sender_eui64 = eui64(&self.field, self.component);
            }
            (Segment::Msh, 4) => heading.sending_facility = whole(FIELD_MOST),
            (Segment::Msh, 5) => heading.receiving_application = whole(FIELD_MOST),
            (Segment::Msh, 6) => heading.receiving_facility = whole(FIELD_MOST),
            (Segment::Msh, 9) => heading.message_type = kind(&self.field, self.component),
            (Segment::Msh, 10) => heading.control_id = whole(199),
            (Segment::Msh, 12) => {
                let first = self.field.split(|byte| *byte == self.component).next().unwrap_or_default();
                heading.version = printable(first.trim_ascii(), 16);
            }
            (Segment::Msa, 1) => self.ack_code = whole(8),
            (Segment::Msa, 2) => self.acked_control_id = whole(199),
            (Segment::Obx | Segment::Prt, _) => {
                let device = whole(128);
                let known = device.is_empty() || self.equipment.contains(&device);
                if !known && self.equipment.len() < EQUIPMENT_MOST {
                    self.equipment.push(device);
                }
            }
            (Segment::Msh | Segment::Msa, _) => {}
        }
    }

    fn whole(self) -> Whole {
        let Draft { heading, ack_code, acked_control_id, equipment, .. } = self;
        let kind = heading.message_type.split('^').next().unwrap_or_default();
        // Old senders acknowledge without a type.
        if kind == "ACK" || (kind.is_empty() && !ack_code.is_empty()) {
            return Whole::Ack(Box::new(Ack { heading, ack_code, acked_control_id }));
        }
        Whole::Message(Box::new(Message { heading, ack_code, acks: 0, acked_control_id, equipment }))
    }
}

/// The fields that are read; of observations only the equipment instance (OBX-18) and the participating device (PRT-10).
fn wanted(segment: Segment, index: u16) -> bool {
    match segment {
        Segment::Msh => matches!(index, 2..=6 | 9 | 10 | 12),
        Segment::Msa => matches!(index, 1 | 2),
        Segment::Obx => index == 18,
        Segment::Prt => index == 10,
    }
}

fn segment_name(name: &[u8]) -> bool {
    matches!(name, [first, rest @ ..] if first.is_ascii_uppercase()
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()))
}

/// The message code and the trigger event (HL7 2.9 section 2.14.9.9).
fn kind(field: &[u8], component: u8) -> String {
    let mut parts = field.split(|byte| *byte == component).map(|part| printable(part.trim_ascii(), 16));
    let code = parts.next().unwrap_or_default();
    match parts.next().filter(|event| !event.is_empty()) {
        Some(event) => format!("{code}^{event}"),
        None => code,
    }
}

/// The universal id of a hierarchic designator, if it is an EUI-64 (IHE PCD: `NAME^00A037009A00A021^EUI-64`).
fn eui64(field: &[u8], component: u8) -> String {
    let id = field.split(|byte| *byte == component).nth(1).unwrap_or_default();
    let digits = || id.iter().filter(|byte| !matches!(byte, b'-' | b':' | b' '));
    if digits().count() != 16 || !digits().all(u8::is_ascii_hexdigit) {
        return String::new();
    }
    digits().map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}
