//! The tables of the reader in one place, for the schema that is made of them.

use abi::table::Action;

use super::{
    ACTIONS, CRITICALITIES, Criticality, DEFAULT_KEYS, MATCH_KEYS, PAIR_KEYS, QUARANTINE_KEYS, RULE_KEYS,
    RULE_NEEDS, SEGMENT_KEYS, SERVICE_KEYS, TOP_KEYS, UNASSIGNED, Unassigned, VERSION,
};

/// The keys and words of the format, as the reader knows them.
pub(crate) struct Format {
    pub(crate) version: &'static str,
    pub(crate) top: &'static [&'static str],
    pub(crate) defaults: &'static [&'static str],
    pub(crate) segment: &'static [&'static str],
    pub(crate) pair: &'static [&'static str],
    pub(crate) quarantine: &'static [&'static str],
    pub(crate) selectors: &'static [&'static str],
    pub(crate) service: &'static [&'static str],
    pub(crate) rule: &'static [&'static str],
    pub(crate) rate: &'static [&'static str],
    pub(crate) routers: &'static [&'static str],
    pub(crate) test: &'static [&'static str],
    pub(crate) rule_needs: &'static [(&'static [&'static str], &'static str, &'static str)],
    pub(crate) actions: &'static [(&'static str, Action)],
    pub(crate) unassigned: &'static [(&'static str, Unassigned)],
    pub(crate) criticalities: &'static [(&'static str, Criticality)],
}

/// For the schema, which is made of the same tables.
pub(crate) const FORMAT: Format = Format {
    version: VERSION,
    top: TOP_KEYS,
    defaults: DEFAULT_KEYS,
    segment: SEGMENT_KEYS,
    pair: PAIR_KEYS,
    quarantine: QUARANTINE_KEYS,
    selectors: MATCH_KEYS,
    service: SERVICE_KEYS,
    rule: RULE_KEYS,
    rate: crate::rate::KEYS,
    routers: crate::routers::KEYS,
    test: crate::expectation::KEYS,
    rule_needs: RULE_NEEDS,
    actions: ACTIONS,
    unassigned: UNASSIGNED,
    criticalities: CRITICALITIES,
};
