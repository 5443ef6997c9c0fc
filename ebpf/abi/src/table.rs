//! The compiled policy: decision tables whose cost does not depend on the number of rules, and the pure `decide`.
//!
//! A service is the class of a destination port; a pair of segments names a row; a row and a class name a cell.
//! Three dependent loads, whatever the rule count.

use core::fmt;
use core::num::{NonZeroU8, NonZeroU16};

use crate::cell::{Cell8, Cell16, Cell32};
use crate::headers::protocol;

mod limit;
mod standing;
#[cfg(test)]
mod tests;

pub use limit::{LIMITS, Limit};
pub use standing::{Failure, Server};

pub(crate) use limit::Bound;

use limit::Limits;
use standing::{Guards, Standings};

/// Segments that a policy may declare; number 0 is "unassigned", which has no `SegmentId`.
pub const SEGMENTS: usize = 256;
/// Classes of ports, class 0 being "no service of the policy".
pub const CLASSES: usize = 256;
/// Distinct rows of cells that the pairs may share.
pub const ROWS: usize = 1024;

/// A segment of the policy. Unassigned is `None`, never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SegmentId(pub NonZeroU8);

/// A rule of the policy: its place in the list of rules, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RuleId(pub NonZeroU16);

/// The class of a destination port (or of a protocol without ports): which services it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct ServiceClass(pub u8);

/// What a policy says of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// It may pass.
    Allow = 1,
    /// It may not.
    Deny = 2,
}

/// How far a verdict is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mode {
    /// Only counted.
    Observe = 1,
    /// Counted and told.
    Alert = 2,
    /// Carried out.
    Enforce = 3,
}

/// One entry of a row: what happens to one class of service between one pair of segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cell {
    /// The rule that decides, or `None` for the default of the pair.
    pub rule: Option<RuleId>,
    /// What it says.
    pub action: Action,
    /// How far it is carried out.
    pub mode: Mode,
}
const _: () = assert!(size_of::<Cell>() == 4);

/// Who wants what of whom: all that a policy decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The segment of the initiator.
    pub from: Option<SegmentId>,
    /// The segment of the responder.
    pub to: Option<SegmentId>,
    /// The class of the responder's port.
    pub service: ServiceClass,
}

impl SegmentId {
    /// The segment of a number, `None` for 0, which is "unassigned".
    pub const fn new(number: u8) -> Option<SegmentId> {
        match NonZeroU8::new(number) {
            Some(number) => Some(SegmentId(number)),
            None => None,
        }
    }

    /// The number of a segment or of none: the index that tables and counters use.
    pub const fn number(segment: Option<SegmentId>) -> u8 {
        match segment {
            Some(SegmentId(number)) => number.get(),
            None => 0,
        }
    }
}

impl RuleId {
    /// The rule of a number, `None` for 0, which is "no rule".
    pub const fn new(number: u16) -> Option<RuleId> {
        match NonZeroU16::new(number) {
            Some(number) => Some(RuleId(number)),
            None => None,
        }
    }

    /// The number of a rule or of none.
    pub const fn number(rule: Option<RuleId>) -> u16 {
        match rule {
            Some(RuleId(number)) => number.get(),
            None => 0,
        }
    }
}

impl Cell {
    /// What an empty table says: nothing is known, so everything passes and is only counted.
    pub const OBSERVED: Cell = Cell { rule: None, action: Action::Allow, mode: Mode::Observe };
}

/// A [`Cell`] as it lies in the tables. Every bit pattern is valid and zero is [`Cell::OBSERVED`], because the
/// memory of a kernel map begins as zeros and is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct PackedCell(u32);

impl PackedCell {
    /// The rule in the upper half, then mode and action.
    pub const fn new(cell: Cell) -> PackedCell {
        let [high, low] = RuleId::number(cell.rule).to_be_bytes();
        PackedCell(u32::from_be_bytes([high, low, mode_bits(cell.mode), action_bit(cell.action)]))
    }

    /// The number of the rule, 0 for none.
    pub(crate) const fn rule_bits(self) -> u64 {
        (self.0 >> 16) as u64
    }

    /// Mode and action as verdicts have them: two bits and one.
    pub(crate) const fn code_bits(self) -> u64 {
        ((self.0 >> 7 & 6) | (self.0 & 1)) as u64
    }

    /// The cell.
    pub const fn cell(self) -> Cell {
        let [high, low, mode, action] = self.0.to_be_bytes();
        Cell {
            rule: RuleId::new(u16::from_be_bytes([high, low])),
            action: action_from(action),
            mode: mode_from(mode),
        }
    }
}

/// An action in one bit, allow being 0.
pub(crate) const fn action_bit(action: Action) -> u8 {
    match action {
        Action::Allow => 0,
        Action::Deny => 1,
    }
}

/// The action of the lowest bit.
pub(crate) const fn action_from(bits: u8) -> Action {
    if bits & 1 == 0 { Action::Allow } else { Action::Deny }
}

/// A mode in two bits, observe being 0.
pub(crate) const fn mode_bits(mode: Mode) -> u8 {
    match mode {
        Mode::Observe => 0,
        Mode::Alert => 1,
        Mode::Enforce => 2,
    }
}

/// The mode of the lowest two bits; the fourth pattern, which nobody writes, only observes.
pub(crate) const fn mode_from(bits: u8) -> Mode {
    match bits & 3 {
        1 => Mode::Alert,
        2 => Mode::Enforce,
        _ => Mode::Observe,
    }
}

/// A table that has no room for what was to be stored. What it held before is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The row number is beyond [`ROWS`].
    Rows,
    /// No room for one more MAC address.
    Macs,
    /// No room for one more IP prefix.
    Prefixes,
    /// No room for one more single address.
    Addresses,
    /// No room for one more address in quarantine.
    Quarantine,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Rows => "the table of policy rows is full",
            Full::Macs => "the table of MAC addresses is full",
            Full::Prefixes => "the table of IP prefixes is full",
            Full::Addresses => "the table of single IP addresses is full",
            Full::Quarantine => "the table of addresses in quarantine is full",
        })
    }
}

impl core::error::Error for Full {}

/// The tables of one policy. About 1.4 MB; made by the compiler in `policies`, read by the judge.
///
/// Plain arrays of integers in which all zeros are valid (everything allowed and observed), so the same type can be
/// the value of a kernel map. In userspace it is made on the heap by `Tables::boxed` (feature `user`).
#[repr(C)]
pub struct Tables {
    /// Class of each TCP port.
    tcp_class: [Cell8; 65_536],
    /// Class of each UDP port.
    udp_class: [Cell8; 65_536],
    /// Class of each other IP protocol number (ICMP, IGMP, GRE, ...).
    protocol_class: [Cell8; 256],
    /// What holds of each segment beside the rules.
    standings: Standings,
    /// Which servers must be trusted to be heard.
    guards: Guards,
    /// How often rules may be used.
    limits: Limits,
    /// Row of each pair: `pair_row[from * 256 + to]`, segment numbers with 0 for unassigned.
    pair_row: [Cell16; SEGMENTS * SEGMENTS],
    /// The rows: `cells[row * 256 + class]`.
    cells: [Cell32; ROWS * CLASSES],
}
const _: () = assert!(
    size_of::<Tables>() == 2 * 65_536 + 256 + 260 + 4 + size_of::<Limits>() + 2 * 65_536 + 4 * ROWS * CLASSES
);

/// The place of a pair of segments in tables of all pairs.
pub(crate) const fn pair_index(from: Option<SegmentId>, to: Option<SegmentId>) -> usize {
    u16::from_be_bytes([SegmentId::number(from), SegmentId::number(to)]) as usize
}

impl Tables {
    /// Decides on an access: pure, total, three dependent loads (the class was the first) however many rules there are.
    #[inline]
    pub fn decide(&self, access: Access) -> Cell {
        self.packed(access).cell()
    }

    #[inline]
    pub(crate) fn packed(&self, access: Access) -> PackedCell {
        let row = self.row(access.from, access.to);
        let at = (usize::from(row) % ROWS) * CLASSES + usize::from(access.service.0);
        PackedCell(self.cells.get(at).map_or(0, Cell32::load))
    }

    /// The row of a pair of segments.
    #[inline]
    pub fn row(&self, from: Option<SegmentId>, to: Option<SegmentId>) -> u16 {
        self.pair_row.get(pair_index(from, to)).map_or(0, Cell16::load)
    }

    /// The class of a destination port, or of a protocol without ports.
    #[inline]
    pub fn class(&self, protocol: u8, dst_port: u16) -> ServiceClass {
        let class = match protocol {
            protocol::TCP => self.tcp_class.get(usize::from(dst_port)),
            protocol::UDP => self.udp_class.get(usize::from(dst_port)),
            other => self.protocol_class.get(usize::from(other)),
        };
        ServiceClass(class.map_or(0, Cell8::load))
    }

    /// Puts a TCP port into a class.
    pub fn set_tcp_class(&self, port: u16, class: ServiceClass) {
        if let Some(slot) = self.tcp_class.get(usize::from(port)) {
            slot.store(class.0);
        }
    }

    /// Puts a UDP port into a class.
    pub fn set_udp_class(&self, port: u16, class: ServiceClass) {
        if let Some(slot) = self.udp_class.get(usize::from(port)) {
            slot.store(class.0);
        }
    }

    /// Puts an IP protocol other than TCP and UDP into a class.
    pub fn set_protocol_class(&self, protocol: u8, class: ServiceClass) {
        if let Some(slot) = self.protocol_class.get(usize::from(protocol)) {
            slot.store(class.0);
        }
    }

    /// Gives a pair of segments its row. Fails where `row` is not below [`ROWS`].
    pub fn set_pair(&self, from: Option<SegmentId>, to: Option<SegmentId>, row: u16) -> Result<(), Full> {
        if usize::from(row) >= ROWS {
            return Err(Full::Rows);
        }
        self.pair_row.get(pair_index(from, to)).ok_or(Full::Rows)?.store(row);
        Ok(())
    }

    /// Sets one cell of a row. Fails where `row` is not below [`ROWS`].
    pub fn set_cell(&self, row: u16, class: ServiceClass, cell: Cell) -> Result<(), Full> {
        let at = usize::from(row) * CLASSES + usize::from(class.0);
        self.cells.get(at).ok_or(Full::Rows)?.store(PackedCell::new(cell).0);
        Ok(())
    }

    /// Takes over another policy's tables in place.
    pub fn copy_from(&self, other: &Tables) {
        copy(&self.tcp_class, &other.tcp_class);
        copy(&self.udp_class, &other.udp_class);
        copy(&self.protocol_class, &other.protocol_class);
        self.standings.copy_from(&other.standings);
        self.guards.copy_from(&other.guards);
        self.limits.copy_from(&other.limits);
        for (own, other) in self.pair_row.iter().zip(&other.pair_row) {
            own.store(other.load());
        }
        for (own, other) in self.cells.iter().zip(&other.cells) {
            own.store(other.load());
        }
    }
}

fn copy(own: &[Cell8], other: &[Cell8]) {
    for (own, other) in own.iter().zip(other) {
        own.store(other.load());
    }
}
