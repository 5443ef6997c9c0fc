//! A verdict in one word in which zero is valid.

use crate::judge::{Builtin, Direction, Fate, Reason, Verdict};
use crate::table::{
    Access, Action, Mode, PackedCell, RuleId, SegmentId, ServiceClass, action_bit, action_from, mode_bits,
    mode_from,
};

/// A [`Verdict`] as it lies in the tables: from the top 16 bits of the generation that it belongs to (0 is none), 16 of
/// rule, 8 each of segments, service, and a code: five bits of reason, two of mode, one of action. Every pattern is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct PackedVerdict(pub(crate) u64);

/// Reasons by their numbers.
pub(crate) mod reason {
    pub(crate) const DEFAULT: u64 = 0;
    pub(crate) const RULE: u64 = 1;
    pub(crate) const UNASSIGNED: u64 = 2;
    pub(crate) const REPLY: u64 = 3;
    pub(crate) const MIDSTREAM: u64 = 4;
    pub(crate) const FRAGMENT: u64 = 5;
    pub(crate) const ORPHAN: u64 = 6;
    pub(crate) const UNREADABLE: u64 = 7;
    /// The first of the built-in allowances, in the order of their numbers.
    pub(crate) const BUILTIN: u64 = 8;
    /// Midstream, but seen from the responder; the first number after the built-in allowances.
    pub(crate) const BACKWARD_MIDSTREAM: u64 = 18;
    pub(crate) const QUARANTINE: u64 = 19;
    pub(crate) const ROGUE_SERVER: u64 = 20;
    pub(crate) const FAIL_OPEN: u64 = 21;
    pub(crate) const FAIL_CLOSED: u64 = 22;
    pub(crate) const RATE_LIMIT: u64 = 23;
}

const REASON_AT: u32 = 3;
const REASON: u64 = 0x1f << REASON_AT;
/// Mode `enforce`, as it lies in the code.
const ENFORCE: u64 = 2 << 1;

impl PackedVerdict {
    /// No verdict.
    pub(crate) const NONE: PackedVerdict = PackedVerdict(u64::MAX);

    pub(crate) const fn is_none(self) -> bool {
        self.0 == u64::MAX
    }

    /// What the tables say of an access. Bits are moved, not looked at: the kernel, which proves the program by following
    /// its branches, would follow each of them for every verdict that there is.
    #[inline(always)]
    pub(crate) const fn decided(access: Access, cell: PackedCell) -> PackedVerdict {
        let (rule, code) = (cell.rule_bits(), cell.code_bits());
        let (from, to) = (SegmentId::number(access.from) as u64, SegmentId::number(access.to) as u64);
        let reason = if rule != 0 {
            reason::RULE
        } else if from == 0 || to == 0 {
            reason::UNASSIGNED
        } else {
            reason::DEFAULT
        };
        let service = access.service.0 as u64;
        PackedVerdict(
            (rule << 32) | (from << 24) | (to << 16) | (service << 8) | (reason << REASON_AT) | code,
        )
    }

    /// What a built-in allowance says.
    pub(crate) const fn allowed(
        builtin: Builtin,
        from: Option<SegmentId>,
        to: Option<SegmentId>,
    ) -> PackedVerdict {
        let (from, to) = (SegmentId::number(from) as u64, SegmentId::number(to) as u64);
        let reason = reason::BUILTIN + builtin as u64;
        PackedVerdict((from << 24) | (to << 16) | (reason << REASON_AT) | ENFORCE)
    }

    /// A denial for a reason beside the tables.
    pub(crate) const fn denied(
        reason: u64,
        mode: Mode,
        from: Option<SegmentId>,
        to: Option<SegmentId>,
    ) -> PackedVerdict {
        let (from, to) = (SegmentId::number(from) as u64, SegmentId::number(to) as u64);
        let code = (mode_bits(mode) as u64) << 1 | action_bit(Action::Deny) as u64;
        PackedVerdict((from << 24) | (to << 16) | (reason << REASON_AT) | code)
    }

    /// The denial of a frame that is beyond the limit of the rule that allows it, in a mode.
    pub(crate) const fn limited(self, mode: Mode) -> PackedVerdict {
        let code = (mode_bits(mode) as u64) << 1 | action_bit(Action::Deny) as u64;
        PackedVerdict(self.with_reason(reason::RATE_LIMIT).0 & !7 | code)
    }

    /// How far it is carried out.
    pub(crate) const fn mode(self) -> Mode {
        mode_from((self.0 >> 1 & 3) as u8)
    }

    /// The other action for the same frames, for another reason.
    pub(crate) const fn turned(self, reason: u64) -> PackedVerdict {
        PackedVerdict(self.with_reason(reason).0 ^ 1)
    }

    /// Whether it comes from the policy's tables (or a guard of the policy), so that it changes where nobody attends.
    pub(crate) const fn is_policy(self) -> bool {
        let reason = self.reason();
        reason < reason::BUILTIN || (reason >= reason::BACKWARD_MIDSTREAM && reason != reason::QUARANTINE)
    }

    /// Whether the mode is `enforce`.
    pub(crate) const fn is_enforced(self) -> bool {
        self.0 & 6 == ENFORCE
    }

    /// The segments of both sides.
    pub(crate) const fn segments(self) -> (Option<SegmentId>, Option<SegmentId>) {
        (SegmentId::new((self.0 >> 24 & 0xff) as u8), SegmentId::new((self.0 >> 16 & 0xff) as u8))
    }

    pub(crate) const fn reason(self) -> u64 {
        (self.0 & REASON) >> REASON_AT
    }

    pub(crate) const fn with_reason(self, reason: u64) -> PackedVerdict {
        PackedVerdict((self.0 & !REASON) | (reason << REASON_AT))
    }

    pub(crate) const fn with_generation(self, generation: u16) -> PackedVerdict {
        PackedVerdict(self.outdated().0 | ((generation as u64) << 48))
    }

    /// The number of the rule, 0 for none.
    pub(crate) const fn rule(self) -> usize {
        (self.0 >> 32 & 0xffff) as usize
    }

    /// The place of the pair of segments in tables of all pairs.
    pub(crate) const fn pair(self) -> usize {
        (self.0 >> 16 & 0xffff) as usize
    }

    pub(crate) const fn verdict(self) -> Verdict {
        let [_, _, r0, r1, from, to, service, code] = self.0.to_be_bytes();
        Verdict {
            action: action_from(code),
            mode: mode_from(code >> 1),
            reason: reason_from(self.reason()),
            rule: RuleId::new(u16::from_be_bytes([r0, r1])),
            from: SegmentId::new(from),
            to: SegmentId::new(to),
            service: ServiceClass(service),
        }
    }

    pub(crate) const fn action(self) -> Action {
        action_from((self.0 & 1) as u8)
    }

    pub(crate) const fn generation(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// The same verdict, to be given again at the next frame.
    pub(crate) const fn outdated(self) -> PackedVerdict {
        PackedVerdict(self.0 & 0x0000_ffff_ffff_ffff)
    }

    /// Only what answers is backward: replies, and streams met midway that were taken for answers.
    pub(crate) const fn direction(self) -> Direction {
        match self.reason() {
            reason::REPLY | reason::BACKWARD_MIDSTREAM => Direction::Backward,
            _ => Direction::Forward,
        }
    }

    /// Action and mode alone, for the path on which nothing else is asked.
    #[inline(always)]
    pub(crate) const fn fate(self) -> Fate {
        // Deny (1), enforced (2 in the next two bits).
        if self.0 & 7 == 5 { Fate::Drop } else { Fate::Pass }
    }
}

const fn reason_from(number: u64) -> Reason {
    match number {
        reason::RULE => Reason::Rule,
        reason::UNASSIGNED => Reason::Unassigned,
        reason::REPLY => Reason::Reply,
        reason::MIDSTREAM | reason::BACKWARD_MIDSTREAM => Reason::Midstream,
        reason::FRAGMENT => Reason::Fragment,
        reason::ORPHAN => Reason::Orphan,
        reason::UNREADABLE => Reason::Unreadable,
        8 => Reason::Builtin(Builtin::Arp),
        9 => Reason::Builtin(Builtin::Eapol),
        10 => Reason::Builtin(Builtin::Lldp),
        11 => Reason::Builtin(Builtin::Bridge),
        12 => Reason::Builtin(Builtin::NonIp),
        13 => Reason::Builtin(Builtin::NeighborDiscovery),
        14 => Reason::Builtin(Builtin::Mld),
        15 => Reason::Builtin(Builtin::Igmp),
        16 => Reason::Builtin(Builtin::Dhcp),
        17 => Reason::Builtin(Builtin::Dhcpv6),
        reason::QUARANTINE => Reason::Quarantine,
        reason::ROGUE_SERVER => Reason::RogueServer,
        reason::FAIL_OPEN => Reason::FailOpen,
        reason::FAIL_CLOSED => Reason::FailClosed,
        reason::RATE_LIMIT => Reason::RateLimit,
        _ => Reason::Default,
    }
}
