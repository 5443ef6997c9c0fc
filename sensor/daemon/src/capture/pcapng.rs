//! Pcapng (draft-ietf-opsawg-pcapng), read block by block.
//!
//! libpcap refuses a file whose interfaces differ in link type or snaplen, as every capture on "all interfaces" does;
//! therefore this reader is our own. The bytes can be anything: lengths are checked against what the file holds before a
//! byte is used, blocks that are not needed are skipped without being kept, and tables have caps.

use super::note::{Damage, Fact};
use super::order::Order;
use super::window::{MOST, Window};
use super::{Head, Refusal};
use abi::address::Timestamp;
use interface::Interface;
use std::io::Read;

mod interface;

/// Type of the section header block, the same in both byte orders (section 4.1).
pub(super) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Interfaces of a section that are kept; frames of later ones count as contradictory.
const INTERFACES: usize = 4096;
/// Bytes of the smallest block: type, length, closing length (section 3.1).
const SMALLEST: u32 = 12;

/// A block type that is read.
#[derive(Clone, Copy)]
enum Kind {
    Section,
    Interface,
    Enhanced,
    Simple,
    Packet,
    Other,
}

/// A frame's place in the window.
struct Found {
    head: Head,
    at: usize,
    len: usize,
}

/// A pcapng capture.
pub(super) struct Pcapng<R> {
    window: Window<R>,
    order: Order,
    interfaces: Vec<Interface>,
    /// Bytes of the block in view, which the next step leaves behind.
    used: u64,
    /// The first frame, found on opening.
    first: Option<Found>,
    last: Timestamp,
    frames: u64,
    ended: bool,
    damage: Option<(u64, Damage)>,
    foreign: Option<(u16, u64)>,
    contradictory: Option<(u64, u64)>,
    untimed: u64,
}

impl<R: Read> Pcapng<R> {
    /// Reads up to the first frame.
    ///
    /// # Errors
    /// The capture has frames, but none of them has a link type that is supported.
    pub(super) fn open(from: R) -> Result<Pcapng<R>, Refusal> {
        let mut capture = Pcapng {
            window: Window::new(from),
            order: Order::Little,
            interfaces: Vec::new(),
            used: 0,
            first: None,
            last: Timestamp(0),
            frames: 0,
            ended: false,
            damage: None,
            foreign: None,
            contradictory: None,
            untimed: 0,
        };
        capture.first = capture.advance();
        match (&capture.first, capture.foreign) {
            (None, Some((link, _))) => Err(Refusal::LinkType(i32::from(link))),
            (Some(_), _) | (None, None) => Ok(capture),
        }
    }

    /// The next frame, in the window.
    #[inline]
    pub(super) fn next_frame(&mut self) -> Option<(Head, &[u8])> {
        let found = match self.first.take() {
            Some(found) => found,
            None => self.advance()?,
        };
        self.frames = self.frames.wrapping_add(1);
        let bytes = self.window.bytes().get(found.at..)?.get(..found.len)?;
        Some((found.head, bytes))
    }

    /// Offset of the block in view, in bytes of the unpacked capture.
    pub(super) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Frames delivered.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// What was wrong.
    pub(super) fn facts(self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some((link, frames)) = self.foreign {
            facts.push(Fact::Foreign { link, frames });
        }
        if let Some((at, blocks)) = self.contradictory {
            facts.push(Fact::Contradictory { at, blocks });
        }
        if self.untimed > 0 {
            facts.push(Fact::Untimed { frames: self.untimed });
        }
        match self.damage {
            Some((at, damage)) => facts.push(Fact::Stopped { frames: self.frames, at: Some(at), damage }),
            None if self.ended && self.frames == 0 => facts.push(Fact::NoFrames),
            None => {}
        }
        facts
    }

    /// Moves to the next block with a frame.
    fn advance(&mut self) -> Option<Found> {
        while !self.ended {
            // The block was in view as a whole, or is skipped now; a file that ends inside a skipped one is cut.
            let (at, used) = (self.window.offset(), std::mem::take(&mut self.used));
            if !self.window.skip(used) {
                self.stop(at, Damage::Cut);
                break;
            }
            let Some((kind, len)) = self.block() else { break };
            self.used = u64::from(len);
            match kind {
                Kind::Section => self.interfaces.clear(),
                Kind::Other => {}
                Kind::Interface | Kind::Enhanced | Kind::Simple | Kind::Packet => {
                    let Some(len) = self.whole(len) else { break };
                    if let Some(found) = self.body(kind, len) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// Reads a block's type and length.
    fn block(&mut self) -> Option<(Kind, u32)> {
        let at = self.window.offset();
        self.window.holds(SMALLEST as usize);
        let bytes = self.window.bytes();
        let Some(start) = bytes.first_chunk::<12>().copied() else {
            let damage =
                if bytes.is_empty() && self.window.failure.is_none() { None } else { Some(Damage::Cut) };
            self.ended = true;
            if let Some(damage) = damage {
                self.stop(at, damage);
            }
            return None;
        };
        let [t0, t1, t2, t3, l0, l1, l2, l3, m0, m1, m2, m3] = start;
        let kind = if [t0, t1, t2, t3] == SECTION {
            let Some(order) = order_of([m0, m1, m2, m3]) else {
                self.stop(at, Damage::ByteOrder);
                return None;
            };
            self.order = order;
            Kind::Section
        } else {
            // Sections 4.2 to 4.4, and the obsolete packet block of appendix A.
            match self.order.u32([t0, t1, t2, t3]) {
                1 => Kind::Interface,
                2 => Kind::Packet,
                3 => Kind::Simple,
                6 => Kind::Enhanced,
                _ => Kind::Other,
            }
        };
        let len = self.order.u32([l0, l1, l2, l3]);
        if len < SMALLEST || !len.is_multiple_of(4) {
            self.stop(at, Damage::Length(len));
            return None;
        }
        Some((kind, len))
    }

    /// Brings the block into view as a whole; returns the end of its body.
    fn whole(&mut self, len: u32) -> Option<usize> {
        let at = self.window.offset();
        let wanted = len as usize;
        if wanted > MOST {
            self.stop(at, Damage::Claims(u64::from(len)));
            return None;
        }
        if !self.window.holds(wanted) {
            // A length far beyond the end of the file is a lie rather than a cut; both end here.
            self.stop(at, Damage::Cut);
            return None;
        }
        let body = wanted.saturating_sub(4);
        let closing = self.window.bytes().get(body..)?.first_chunk::<4>()?;
        let closing = self.order.u32(*closing);
        if closing != len {
            self.stop(at, Damage::Closing(closing));
            return None;
        }
        Some(body)
    }

    /// Reads a block that is in view and whose body ends at `end`; a frame is found in it, or something is noted.
    fn body(&mut self, kind: Kind, end: usize) -> Option<Found> {
        let block = self.window.bytes().get(..end)?;
        let packet = match kind {
            Kind::Enhanced => Packet::enhanced(block, self.order),
            Kind::Packet => Packet::obsolete(block, self.order),
            Kind::Simple => Packet::simple(block, self.order, self.interfaces.first()),
            Kind::Interface => {
                if self.interfaces.len() < INTERFACES {
                    self.interfaces.push(Interface::read(block, self.order));
                }
                return None;
            }
            Kind::Section | Kind::Other => return None,
        };
        let known = packet.and_then(|packet| Some((packet, *self.interfaces.get(packet.interface)?)));
        let Some((packet, interface)) = known else {
            let (_, blocks) = self.contradictory.get_or_insert((self.window.offset(), 0));
            *blocks = blocks.wrapping_add(1);
            return None;
        };
        let Some(link) = interface.supported() else {
            let (_, frames) = self.foreign.get_or_insert((interface.link, 0));
            *frames = frames.wrapping_add(1);
            return None;
        };
        let at = packet.ticks.map_or(self.last, |ticks| interface.time(ticks));
        self.untimed = self.untimed.wrapping_add(u64::from(packet.ticks.is_none()));
        self.last = at;
        let head = Head { at, link, wire_len: packet.wire_len };
        Some(Found { head, at: packet.at, len: packet.captured })
    }

    fn stop(&mut self, at: u64, damage: Damage) {
        self.ended = true;
        let damage = match self.window.failure.take() {
            Some(error) => Damage::Read(error.to_string()),
            None => damage,
        };
        self.damage = Some((at, damage));
    }
}

/// The order that the byte-order magic `1a2b3c4d` shows (section 4.1).
fn order_of(magic: [u8; 4]) -> Option<Order> {
    match magic {
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order::Little),
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order::Big),
        _ => None,
    }
}

/// What a packet block says; its bytes lie whole inside the block.
#[derive(Clone, Copy)]
struct Packet {
    interface: usize,
    /// In the interface's units of time; simple packet blocks have none.
    ticks: Option<u64>,
    wire_len: u32,
    /// Offset in the block, in bytes.
    at: usize,
    /// Captured bytes.
    captured: usize,
}

impl Packet {
    /// Section 4.3: interface, time (high, low), captured and original length, data.
    #[inline]
    fn enhanced(block: &[u8], order: Order) -> Option<Packet> {
        let [i0, i1, i2, i3, rest @ ..] = *block.get(8..)?.first_chunk::<20>()?;
        Packet::timed(block, order, order.u32([i0, i1, i2, i3]), rest)
    }

    /// Appendix A: as above, with a 16-bit interface followed by a drop count.
    fn obsolete(block: &[u8], order: Order) -> Option<Packet> {
        let [i0, i1, _, _, rest @ ..] = *block.get(8..)?.first_chunk::<20>()?;
        Packet::timed(block, order, u32::from(order.u16([i0, i1])), rest)
    }

    #[inline]
    fn timed(block: &[u8], order: Order, interface: u32, rest: [u8; 16]) -> Option<Packet> {
        let [h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, w0, w1, w2, w3] = rest;
        let (high, low) = (order.u32([h0, h1, h2, h3]), order.u32([l0, l1, l2, l3]));
        let captured = order.u32([c0, c1, c2, c3]) as usize;
        block.get(28..)?.get(..captured)?;
        Some(Packet {
            interface: interface as usize,
            ticks: Some(u64::from(high) << 32 | u64::from(low)),
            wire_len: order.u32([w0, w1, w2, w3]),
            at: 28,
            captured,
        })
    }

    /// Section 4.4: the original length and the data, cut to the first interface's snaplen.
    fn simple(block: &[u8], order: Order, interface: Option<&Interface>) -> Option<Packet> {
        let data = block.get(12..)?;
        let wire_len = order.u32(*block.get(8..)?.first_chunk::<4>()?);
        let limit = interface?.snaplen.map_or(u32::MAX, std::num::NonZeroU32::get);
        let captured = wire_len.min(limit) as usize;
        data.get(..captured)?;
        Some(Packet { interface: 0, ticks: None, wire_len, at: 12, captured })
    }
}
