//! How often a device may use a rule, by counting.

use std::collections::HashMap;

use abi::address::{Ip, Mac, Timestamp};
use abi::table::{Action, Limit, Mode, RuleId};
use policies::{Criticality, Resolved};

use crate::{Cause, Ruling};

/// Who is counted: by MAC address on the link, by IP address beyond a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Consumer {
    Link(Mac),
    Beyond(Ip),
}

/// Tokens that are left, in parts of `1 / period`, and when.
#[derive(Clone, Copy, Debug)]
struct Purse {
    parts: u128,
    at: u64,
    told: Option<u64>,
}

/// What everybody has left under the policy in force.
#[derive(Default)]
pub(crate) struct Purses(HashMap<(RuleId, Consumer), Purse>);

impl Purses {
    /// Everybody has everything again.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// The ruling on one frame more, if it is beyond the limit of its rule, and whether that is told.
    pub(crate) fn beyond(
        &mut self,
        policy: &Resolved,
        ruling: &Ruling,
        consumer: Consumer,
        now: Timestamp,
    ) -> Option<(Ruling, bool)> {
        let id = ruling.rule?;
        let limit = policy.rules.iter().find(|rule| rule.id == id)?.limit?;
        if ruling.action == Action::Deny {
            return None;
        }
        let [count, period, burst] = [limit.count, limit.period, limit.burst].map(u128::from);
        let full = burst.saturating_mul(period);
        let purse = self.0.entry((id, consumer)).or_insert(Purse { parts: full, at: now.0, told: None });
        let passed = now.0.saturating_sub(purse.at);
        purse.parts = u128::from(passed).saturating_mul(count).saturating_add(purse.parts).min(full);
        purse.at = purse.at.max(now.0);
        if let Some(rest) = purse.parts.checked_sub(period) {
            purse.parts = rest;
            return None;
        }
        let tells = purse.told.is_none_or(|told| purse.at.saturating_sub(told) >= 1_000_000_000);
        if tells {
            purse.told = Some(purse.at);
        }
        let mode = mode(policy, ruling, limit);
        Some((Ruling { action: Action::Deny, mode, cause: Cause::RateLimit, ..*ruling }, tells))
    }
}

/// The limit's own mode, else that of the rule, which drops nothing where patients depend on a side.
fn mode(policy: &Resolved, ruling: &Ruling, limit: Limit) -> Mode {
    let critical = policy.segments.iter().any(|segment| {
        segment.criticality == Criticality::LifeCritical
            && [ruling.from, ruling.to].contains(&Some(segment.id))
    });
    match limit.mode {
        Some(mode) => mode,
        None if critical => ruling.mode.min(Mode::Alert),
        None => ruling.mode,
    }
}
