//! The section `routers`: which MAC addresses are routers', and which prefixes lie behind routers.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;

use abi::address::Mac;
use abi::state::Identities;
use abi::table::Full;

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::draft::unknown_key;
use crate::prefix::Prefix;
use crate::scalar;
use crate::text::{Span, Token};
use crate::yaml::Entry;

pub(crate) const KEYS: &[&str] = &["mac", "routed"];

/// What comes through routers: there a MAC address is not the sender's, and places nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routers {
    /// The MAC addresses of routers.
    pub macs: Vec<Mac>,
    /// The prefixes whose addresses lie behind routers, whichever forwards a frame.
    pub prefixes: Vec<Prefix>,
}

/// The section as it is written, in all files together.
#[derive(Default)]
pub(crate) struct DraftRouters {
    /// Where the first one stands.
    span: Option<Span>,
    macs: Vec<Token<Mac>>,
    prefixes: Vec<Token<Prefix>>,
}

impl DraftRouters {
    /// Adds what one file says.
    pub(crate) fn add(&mut self, section: Entry, mistakes: &mut Mistakes<'_>) {
        let at = section.key.span;
        self.span.get_or_insert(at);
        let errors = mistakes.errors();
        let (macs, prefixes) = (self.macs.len(), self.prefixes.len());
        for entry in scalar::entries(section, "`mac` and `routed`", mistakes) {
            match entry.key.value.as_str() {
                "mac" => self.macs.extend(scalar::each(&entry, scalar::mac, mistakes)),
                "routed" => self.prefixes.extend(scalar::each(&entry, Prefix::read, mistakes)),
                _ => unknown_key(&entry, KEYS, "`routers`", mistakes),
            }
        }
        if (macs, prefixes) == (self.macs.len(), self.prefixes.len()) && mistakes.errors() == errors {
            mistakes.add(
                Mistake::new(Code::MissingKey, at, "`routers` names none").help(
                    "write `mac: [...]` for their addresses, `routed: [...]` for what lies behind them"
                        .to_owned(),
                ),
            );
        }
    }

    /// Where the section stands.
    pub(crate) fn span(&self) -> Span {
        self.span.unwrap_or_default()
    }

    /// The values without their places; what is listed twice is told.
    pub(crate) fn resolve(&self, mistakes: &mut Mistakes<'_>) -> Routers {
        Routers {
            macs: distinct(&self.macs, "MAC address", mistakes),
            prefixes: distinct(&self.prefixes, "prefix", mistakes),
        }
    }
}

fn distinct<T: Copy + Display + Eq + Hash + Ord>(
    tokens: &[Token<T>],
    what: &str,
    mistakes: &mut Mistakes<'_>,
) -> Vec<T> {
    let mut first = HashMap::new();
    for token in tokens {
        if let Some(at) = first.insert(token.value, token.span) {
            let message = format!("{what} {} is listed twice", token.value);
            mistakes.add(Mistake::new(Code::Repeated, token.span, message).also(at, "first here"));
        }
    }
    let mut values: Vec<T> = first.into_keys().collect();
    values.sort_unstable();
    values
}

impl Routers {
    /// Writes it into identities.
    pub(crate) fn place(&self, identities: &Identities) -> Result<(), Full> {
        self.macs.iter().try_for_each(|&mac| identities.declare_router(mac))?;
        self.prefixes.iter().try_for_each(|prefix| identities.route_prefix(prefix.ip(), prefix.length()))
    }
}
