//! A verdict in six bytes in which zero is valid.

use crate::judge::{Builtin, Reason, Verdict};
use crate::table::{RuleId, SegmentId, ServiceClass, action_bit, action_from, mode_bits, mode_from};

/// A [`Verdict`] as it lies in the tables. Every bit pattern is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct PackedVerdict {
    rule: u16,
    from: u8,
    to: u8,
    service: u8,
    /// Bit 0 the action, bits 1 and 2 the mode, from bit 3 the reason.
    code: u8,
}

/// Reasons below this number are themselves, from it on built-in allowances.
const FIRST_BUILTIN: u8 = 8;

impl PackedVerdict {
    pub(crate) const fn new(verdict: Verdict) -> PackedVerdict {
        let reason = match verdict.reason {
            Reason::Default => 0,
            Reason::Rule => 1,
            Reason::Unassigned => 2,
            Reason::Reply => 3,
            Reason::Midstream => 4,
            Reason::Fragment => 5,
            Reason::Orphan => 6,
            Reason::Unreadable => 7,
            Reason::Builtin(builtin) => FIRST_BUILTIN + builtin as u8,
        };
        PackedVerdict {
            rule: RuleId::number(verdict.rule),
            from: SegmentId::number(verdict.from),
            to: SegmentId::number(verdict.to),
            service: verdict.service.0,
            code: (reason << 3) | (mode_bits(verdict.mode) << 1) | action_bit(verdict.action),
        }
    }

    pub(crate) const fn verdict(self) -> Verdict {
        Verdict {
            action: action_from(self.code),
            mode: mode_from(self.code >> 1),
            reason: reason_from(self.code >> 3),
            rule: RuleId::new(self.rule),
            from: SegmentId::new(self.from),
            to: SegmentId::new(self.to),
            service: ServiceClass(self.service),
        }
    }
}

const fn reason_from(number: u8) -> Reason {
    match number {
        1 => Reason::Rule,
        2 => Reason::Unassigned,
        3 => Reason::Reply,
        4 => Reason::Midstream,
        5 => Reason::Fragment,
        6 => Reason::Orphan,
        7 => Reason::Unreadable,
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
        _ => Reason::Default,
    }
}
