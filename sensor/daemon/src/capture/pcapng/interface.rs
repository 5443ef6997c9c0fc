//! A section's interfaces: link type, snaplen, and the unit of their times.

use crate::capture::order::Order;
use abi::address::{SECOND, Timestamp};
use std::num::NonZeroU32;
use wire::frame::LinkType;

/// The unit of an interface's times (section 4.2, option `if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// The power of ten of units in a second.
    Ten(u8),
    /// The power of two of units in a second.
    Two(u8),
}

/// An interface of a section (section 4.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    /// The `LINKTYPE_` number.
    pub(super) link: u16,
    /// Most bytes kept of a frame; none for no limit, written 0.
    pub(super) snaplen: Option<NonZeroU32>,
    unit: Unit,
    /// Seconds to add to each time.
    offset: i64,
}

impl Interface {
    /// Reads an interface description block without its closing length. What is missing has its default.
    pub(super) fn read(block: &[u8], order: Order) -> Interface {
        // Without a link type it is `LINKTYPE_USER0`, which is never supported.
        let mut interface = Interface { link: 147, snaplen: None, unit: Unit::Ten(6), offset: 0 };
        let Some((fixed, mut options)) = block.split_at_checked(16) else { return interface };
        if let [_, _, _, _, _, _, _, _, l0, l1, _, _, s0, s1, s2, s3] = *fixed {
            interface.link = order.u16([l0, l1]);
            interface.snaplen = NonZeroU32::new(order.u32([s0, s1, s2, s3]));
        }
        // Section 3.5: code, length, value padded to four bytes; code 0 ends the list.
        while let Some((&[c0, c1, l0, l1], rest)) = options.split_first_chunk::<4>() {
            let (code, len) = (order.u16([c0, c1]), usize::from(order.u16([l0, l1])));
            let Some(value) = rest.get(..len) else { break };
            interface.option(code, value, order);
            match rest.get(len.next_multiple_of(4)..) {
                Some(after) if code != 0 => options = after,
                Some(_) | None => break,
            }
        }
        interface
    }

    fn option(&mut self, code: u16, value: &[u8], order: Order) {
        match (code, value) {
            (9, [exponent]) if exponent & 0x80 == 0 => self.unit = Unit::Ten(*exponent),
            (9, [exponent]) => self.unit = Unit::Two(exponent & 0x7f),
            (14, value) => {
                if let Ok(bytes) = <[u8; 8]>::try_from(value) {
                    self.offset = order.i64(bytes);
                }
            }
            _ => {}
        }
    }

    /// The link type, if it is one that the sensor reads.
    #[inline]
    pub(super) fn supported(&self) -> Option<LinkType> {
        LinkType::of_dlt(i32::from(self.link))
    }

    /// The time of `ticks`; the ends of the range stand for what lies beyond it.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        let nanoseconds = match self.unit {
            Unit::Ten(6) => u128::from(ticks).wrapping_mul(1000),
            Unit::Ten(exponent) if exponent <= 9 => {
                u128::from(ticks).wrapping_mul(10_u128.pow(9_u32.saturating_sub(u32::from(exponent))))
            }
            Unit::Ten(exponent) => 10_u64
                .checked_pow(u32::from(exponent).saturating_sub(9))
                .map_or(0, |divisor| u128::from(ticks.checked_div(divisor).unwrap_or(0))),
            Unit::Two(exponent) => u128::from(ticks).wrapping_mul(u128::from(SECOND)) >> exponent,
        };
        if self.offset == 0 {
            return Timestamp(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        }
        let offset = i128::from(self.offset).saturating_mul(i128::from(SECOND));
        let shifted = i128::try_from(nanoseconds).unwrap_or(i128::MAX).saturating_add(offset);
        Timestamp(u64::try_from(shifted.max(0)).unwrap_or(u64::MAX))
    }
}
