//! The policy that is measured under.

use super::Failure;
use super::frames::{ALLOWED, DENIED};
use abi::address::Ip;
use abi::state::State;
use abi::table::{Action, Cell, Mode, RuleId, SegmentId, ServiceClass};

/// The rule that allows.
pub const ALLOWING: u16 = 1;
/// The rule that denies.
pub const DENYING: u16 = 2;

/// Pairs of segments and classes of services by which the largest policy is made.
const MANY_PAIRS: u16 = 257;

/// How large a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Ten rules.
    Ten,
    /// As many as there are numbers for rules.
    Most,
}

/// Puts the policy into force: clients are segment 1, servers segment 2; one port is allowed, another one denied.
pub fn install(state: &State, rules: Rules) -> Result<(), Failure> {
    let policy = state.idle();
    let [one, two] = [segment(1)?, segment(2)?];
    policy.identities.place_prefix(Ip::v4([10, 0, 0, 0]), 8, one)?;
    policy.identities.place_prefix(Ip::v4([172, 16, 0, 0]), 12, two)?;
    for (third, of) in [(1, one), (2, two)] {
        let network = Ip([0xfd, 0, 0, third, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        policy.identities.place_prefix(network, 32, of)?;
    }
    let tables = &policy.tables;
    let cell = |rule, action| Cell { rule: RuleId::new(rule), action, mode: Mode::Enforce };
    let deny = cell(0, Action::Deny);
    for class in 0..=u8::MAX {
        tables.set_cell(0, ServiceClass(class), deny)?;
        tables.set_cell(1, ServiceClass(class), deny)?;
    }
    tables.set_udp_class(ALLOWED, ServiceClass(1));
    tables.set_udp_class(DENIED, ServiceClass(2));
    tables.set_pair(Some(one), Some(two), 1)?;
    tables.set_cell(1, ServiceClass(1), cell(ALLOWING, Action::Allow))?;
    tables.set_cell(1, ServiceClass(2), cell(DENYING, Action::Deny))?;
    let (pairs, classes) = match rules {
        Rules::Ten => (3, 3..=6_u8),
        Rules::Most => (MANY_PAIRS, 1..=u8::MAX),
    };
    let mut rule = DENYING;
    for pair in 2..pairs {
        let [.., from] = (pair % 250 + 3).to_be_bytes();
        let [.., to] = (pair / 250 + 3).to_be_bytes();
        tables.set_pair(SegmentId::new(from), SegmentId::new(to), pair)?;
        for class in classes.clone() {
            tables.set_udp_class(1000 + u16::from(class), ServiceClass(class));
            rule = rule.saturating_add(1);
            tables.set_cell(pair, ServiceClass(class), cell(rule, Action::Allow))?;
        }
    }
    state.swap();
    Ok(())
}

fn segment(number: u8) -> Result<SegmentId, Failure> {
    SegmentId::new(number).ok_or_else(|| "segment 0".into())
}
