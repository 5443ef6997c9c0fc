//! What rules counted, by their names: the numbers of rules change with the policy, their counts stay.

use abi::state::State;
use abi::table::RuleId;
use policies::Compiled;
use std::collections::BTreeMap;

/// Frames by what became of them.
pub(super) type Count = abi::state::RuleTally;

/// The counts of all rules. The kernel's counters only grow; what a policy counted is what they grew by while it was in
/// force.
pub(super) struct Tally {
    /// By the rule's `id`; without one, what no rule decided.
    totals: BTreeMap<Option<String>, Count>,
    /// The counters when the policy in force was installed.
    base: Vec<Count>,
}

impl Tally {
    /// Counts from now on.
    pub(super) fn begin(state: &State) -> Tally {
        Tally { totals: BTreeMap::new(), base: counters(state) }
    }

    /// This policy was replaced just now: what it counted is booked by name. Called after the swap, because what flows
    /// counted under it has to be settled too; what the next one counted until then is booked here, and nothing is lost.
    pub(super) fn turn(&mut self, state: &State, policy: &Compiled) {
        let now = counters(state);
        self.totals = self.with(&now, policy);
        self.base = now;
    }

    /// The counts by now.
    pub(super) fn so_far(&self, state: &State, policy: &Compiled) -> BTreeMap<Option<String>, Count> {
        self.with(&counters(state), policy)
    }

    fn with(&self, now: &[Count], policy: &Compiled) -> BTreeMap<Option<String>, Count> {
        let mut totals = self.totals.clone();
        for (number, (now, base)) in (0..=u16::MAX).zip(now.iter().zip(&self.base)) {
            let grown = with(*now, *base, u64::saturating_sub);
            let rule = RuleId::new(number).and_then(|id| policy.rule(id)).map(|rule| rule.name.clone());
            if grown == Count::default() && totals.contains_key(&rule) {
                continue;
            }
            let total = totals.entry(rule).or_default();
            *total = with(*total, grown, u64::saturating_add);
        }
        totals
    }
}

fn with(one: Count, other: Count, by: fn(u64, u64) -> u64) -> Count {
    Count {
        packets: by(one.packets, other.packets),
        bytes: by(one.bytes, other.bytes),
        denied: by(one.denied, other.denied),
        dropped: by(one.dropped, other.dropped),
    }
}

fn counters(state: &State) -> Vec<Count> {
    state.settle();
    (0..=u16::MAX).map(|number| state.counters.rule(RuleId::new(number))).collect()
}
