//! The few elements of data sets that are read: those that name the acquiring device, and those that tell how wide a query is.

use super::elements::{Listener, Order, Tag};
use super::{Equipment, Level, serial_hash, text_of};

/// The elements that name the device (PS3.3 section C.7.5.1): all that is ever kept of an object.
#[derive(Debug)]
pub(super) struct Device {
    /// What was found.
    pub(super) equipment: Equipment,
    value: [u8; 64],
    len: usize,
}

impl Default for Device {
    fn default() -> Device {
        Device { equipment: Equipment::default(), value: [0; 64], len: 0 }
    }
}

impl Listener for Device {
    fn wants(&self, tag: Tag) -> bool {
        matches!(tag, Tag(0x0008, 0x0070 | 0x1010 | 0x1090) | Tag(0x0018, 0x1000 | 0x1020))
    }

    fn last(&self) -> Tag {
        Tag(0x0018, 0x1020)
    }

    fn part(&mut self, _tag: Tag, bytes: &[u8]) {
        for (slot, byte) in self.value.iter_mut().skip(self.len).zip(bytes) {
            *slot = *byte;
        }
        self.len = self.len.saturating_add(bytes.len()).min(self.value.len());
    }

    fn end(&mut self, tag: Tag, _order: Order) {
        let value = self.value.get(..self.len).unwrap_or_default();
        match tag {
            Tag(0x0008, 0x0070) => self.equipment.manufacturer = text_of(value, 64),
            Tag(0x0008, 0x1010) => self.equipment.station = text_of(value, 64),
            Tag(0x0008, 0x1090) => self.equipment.model = text_of(value, 64),
            Tag(0x0018, 0x1000) => self.equipment.serial_hash = serial_hash(value),
            Tag(0x0018, 0x1020) => self.equipment.software = text_of(value, 64),
            Tag(..) => {}
        }
        self.len = 0;
    }
}

/// The identifier of a query or retrieval (PS3.4 section C.4.1.1.3): its level, and whether any key narrows it. Of the keys
/// themselves nothing is kept, not even for the time of reading.
#[derive(Debug, Default)]
pub(super) struct Identifier {
    /// The level, if the identifier has a known one.
    pub(super) level: Option<Level>,
    /// Whether a key that names a patient, study, series or object holds more than wildcards.
    pub(super) narrow: Narrow,
    word: [u8; 8],
    len: usize,
}

/// Whether a query is narrowed to named patients, studies, series or objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Narrow {
    /// No key was seen that does.
    #[default]
    Not,
    /// One does.
    ByKey,
}

impl Listener for Identifier {
    fn wants(&self, tag: Tag) -> bool {
        matches!(
            tag,
            Tag(0x0008, 0x0018 | 0x0050 | 0x0052)
                | Tag(0x0010, 0x0010 | 0x0020)
                | Tag(0x0020, 0x000d | 0x000e)
        )
    }

    fn last(&self) -> Tag {
        Tag(0x0020, 0x000e)
    }

    fn part(&mut self, tag: Tag, bytes: &[u8]) {
        if tag == Tag(0x0008, 0x0052) {
            for (slot, byte) in self.word.iter_mut().skip(self.len).zip(bytes) {
                *slot = *byte;
            }
            self.len = self.len.saturating_add(bytes.len()).min(self.word.len());
            return;
        }
        // Wildcards (PS3.4 section C.2.2.2.4), padding, and the delimiters of a name without content.
        if bytes.iter().any(|byte| !matches!(byte, b'*' | b'?' | b' ' | b'^' | b'=' | b'\\' | 0)) {
            self.narrow = Narrow::ByKey;
        }
    }

    fn end(&mut self, tag: Tag, _order: Order) {
        if tag != Tag(0x0008, 0x0052) {
            return;
        }
        self.level = match super::trimmed(self.word.get(..self.len).unwrap_or_default()) {
            b"PATIENT" => Some(Level::Patient),
            b"STUDY" => Some(Level::Study),
            b"SERIES" => Some(Level::Series),
            b"IMAGE" => Some(Level::Image),
            b"FRAME" => Some(Level::Frame),
            _ => None,
        };
        self.len = 0;
    }
}
