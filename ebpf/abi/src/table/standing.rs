//! What holds of a segment beside the rules: what becomes of it when nobody attends to the sensor, which servers it may
//! have, and whether devices in quarantine may still reach it.

use crate::cell::Cell8;

use super::{Mode, SEGMENTS, SegmentId, Tables, mode_bits, mode_from};

/// What becomes of a segment's frames when the heartbeat of userspace stays away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The last policy holds on (fail-static).
    #[default]
    Static = 0,
    /// Nothing is dropped (fail-open).
    Open = 1,
    /// What the policy could drop is dropped (fail-closed).
    Closed = 2,
}

/// Who speaks for the network to everybody on a link: one that nobody trusts can take over all its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Server {
    /// DHCP and `DHCPv6` servers: offers, acknowledgements, replies (RFC 2131, RFC 9915).
    Dhcp = 0,
    /// Routers: router advertisements (RFC 4861 section 4.2; guarded as in RFC 6105).
    Router = 1,
}

impl Server {
    /// Every value, in the order of the numbers.
    pub const ALL: [Server; 2] = [Server::Dhcp, Server::Router];
}

/// Bits of a standing: two of [`Failure`], one for each [`Server`], one of refuge, one of criticality. Zero:
/// static, trusted with nothing, ordinary.
const FAILURE: u8 = 3;
const TRUSTED_AT: u8 = 2;
const REFUGE: u8 = 1 << 4;
const LIFE_CRITICAL: u8 = 1 << 5;

/// By the number of the segment, 0 being unassigned.
#[repr(transparent)]
pub(super) struct Standings([Cell8; SEGMENTS]);

impl Standings {
    fn cell(&self, segment: Option<SegmentId>) -> Option<&Cell8> {
        self.0.get(usize::from(SegmentId::number(segment)))
    }

    fn bits(&self, segment: Option<SegmentId>) -> u8 {
        self.cell(segment).map_or(0, Cell8::load)
    }

    fn add(&self, segment: Option<SegmentId>, bits: u8) {
        if let Some(cell) = self.cell(segment) {
            cell.store(cell.load() | bits);
        }
    }

    pub(super) fn copy_from(&self, other: &Standings) {
        super::copy(&self.0, &other.0);
    }
}

/// By server: 0 where each may speak, else 1 and the bits of the mode in which others are denied.
#[repr(transparent)]
pub(super) struct Guards([Cell8; 4]);

impl Guards {
    pub(super) fn copy_from(&self, other: &Guards) {
        super::copy(&self.0, &other.0);
    }
}

impl Tables {
    /// Says what becomes of a segment (or of what is in none) when nobody attends to the sensor.
    pub fn set_failure(&self, segment: Option<SegmentId>, failure: Failure) {
        if let Some(cell) = self.standings.cell(segment) {
            cell.store(cell.load() & !FAILURE | failure as u8);
        }
    }

    /// What becomes of a segment when nobody attends to the sensor.
    pub fn failure(&self, segment: Option<SegmentId>) -> Failure {
        match self.standings.bits(segment) & FAILURE {
            1 => Failure::Open,
            2 => Failure::Closed,
            _ => Failure::Static,
        }
    }

    /// Lets the devices of a segment be such servers. That changes something where [`Tables::guard`] was called.
    pub fn trust(&self, segment: SegmentId, server: Server) {
        self.standings.add(Some(segment), 1 << (TRUSTED_AT + server as u8));
    }

    /// Whether the devices of a segment may be such servers.
    pub fn trusts(&self, segment: Option<SegmentId>, server: Server) -> bool {
        self.standings.bits(segment) >> (TRUSTED_AT + server as u8) & 1 == 1
    }

    /// Denies what such servers send to their clients, in a mode, wherever they are not trusted.
    pub fn guard(&self, server: Server, mode: Mode) {
        if let Some(cell) = self.guards.0.get(server as usize) {
            cell.store(1 + mode_bits(mode));
        }
    }

    /// The mode in which servers are denied that are not trusted; `None` where each may speak.
    pub fn guarded(&self, server: Server) -> Option<Mode> {
        let bits = self.guards.0.get(server as usize).map_or(0, Cell8::load);
        bits.checked_sub(1).map(mode_from)
    }

    /// Says that patients depend on a segment: a limit drops nothing from it or to it, unless it says so itself.
    pub fn set_life_critical(&self, segment: SegmentId) {
        self.standings.add(Some(segment), LIFE_CRITICAL);
    }

    /// Whether patients depend on a segment.
    pub fn is_life_critical(&self, segment: Option<SegmentId>) -> bool {
        self.standings.bits(segment) & LIFE_CRITICAL != 0
    }

    /// Lets devices in quarantine and this segment talk, as far as the rules allow it.
    pub fn set_refuge(&self, segment: SegmentId) {
        self.standings.add(Some(segment), REFUGE);
    }

    /// Whether devices in quarantine may talk with this segment, as far as the rules allow it.
    pub fn is_refuge(&self, segment: Option<SegmentId>) -> bool {
        self.standings.bits(segment) & REFUGE != 0
    }
}
