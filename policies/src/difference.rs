//! What a change of policy changes: which devices move, which pairs open, close or change their mode. Told from what both
//! policies mean, not from their texts.
//!
//! A device may be in another segment after the change, so pairs are those of *moves*: the segment before and the
//! one after. Only moves that some device can make count; they are found from the selectors of both policies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use abi::address::{Ip, Mac};
use abi::state::Identities;
use abi::table::{Access, Action, Cell, Mode, RuleId, SegmentId, ServiceClass};

use crate::ports::PortSet;
use crate::spans::Spans;
use crate::{Compiled, Prefix};

/// Moves that are compared at most; two policies that have less in common than that are not one after the other.
const MOVES: usize = 2048;

/// A segment before and after; `None` is unassigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move {
    /// The segment by the number that the old policy gives it.
    pub before: Option<SegmentId>,
    /// The segment by the number that the new policy gives it.
    pub after: Option<SegmentId>,
}

/// In which way a pair changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What was denied may pass.
    Opened,
    /// What could pass is denied.
    Closed,
    /// It is denied before and after, in another mode.
    Mode,
}

/// Services of some pairs that change in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// In which way.
    pub kind: Kind,
    /// Who begins.
    pub from: Move,
    /// Who answers.
    pub to: Move,
    /// What the old policy says.
    pub before: Cell,
    /// What the new policy says.
    pub after: Cell,
    /// The services in words of the new policy.
    pub services: Vec<String>,
    ports: PortSet,
}

impl Change {
    /// Whether a port is part of the change.
    pub fn contains(&self, protocol: u8, port: u16) -> bool {
        self.ports.contains(protocol, port)
    }
}

/// A selector whose devices are in another segment after the change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// The selector as policies write it: `10.0.0.0/24`, `vlan 30`.
    pub selector: String,
    /// From where to where.
    pub step: Move,
}

/// What a change of policy changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Devices that move.
    pub moved: Vec<Moved>,
    /// Pairs that change, in the order of kind and pair.
    pub changes: Vec<Change>,
}

impl Difference {
    /// Whether the two policies decide alike on every frame, and carry out denials alike.
    pub fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.changes.is_empty()
    }
}

/// The policies have too little in common to be told apart pair by pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooDifferent {
    /// How many moves there are.
    pub moves: usize,
}

impl fmt::Display for TooDifferent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moves = self.moves;
        write!(f, "devices move between segments in {moves} ways, and {MOVES} are compared at most")
    }
}

impl std::error::Error for TooDifferent {}

/// Compares two policies.
///
/// # Errors
/// They have too little in common.
pub fn difference(old: &Compiled, new: &Compiled) -> Result<Difference, TooDifferent> {
    let selectors = Selectors::of(old, new);
    let moves = selectors.moves();
    if moves.len() > MOVES {
        return Err(TooDifferent { moves: moves.len() });
    }
    let classes = Spans::of(&old.tables).beside(&Spans::of(&new.tables));
    let mut seen: BTreeMap<(u16, u16), Vec<Found>> = BTreeMap::new();
    let mut changes = Vec::new();
    for &from in &moves {
        for &to in &moves {
            let rows = (old.tables.row(from.before, to.before), new.tables.row(from.after, to.after));
            let found = seen.entry(rows).or_insert_with(|| {
                found((old, from.before, to.before), (new, from.after, to.after), &classes)
            });
            changes.extend(found.iter().map(|found| Change {
                kind: found.kind,
                from,
                to,
                before: found.before,
                after: found.after,
                services: found.services.clone(),
                ports: found.ports.clone(),
            }));
        }
    }
    changes.sort_by_key(|change| (change.kind, change.from, change.to));
    let is_other = |step: Move| old.segment_name(step.before) != new.segment_name(step.after);
    Ok(Difference { moved: selectors.moved(is_other), changes })
}

/// What changes between two rows.
struct Found {
    kind: Kind,
    before: Cell,
    after: Cell,
    services: Vec<String>,
    ports: PortSet,
}

type Side<'p> = (&'p Compiled, Option<SegmentId>, Option<SegmentId>);

fn found(
    (old, old_from, old_to): Side<'_>,
    (new, new_from, new_to): Side<'_>,
    classes: &[((ServiceClass, ServiceClass), PortSet)],
) -> Vec<Found> {
    let mut kinds: BTreeMap<(Kind, Key, Key), (Cell, Cell, PortSet)> = BTreeMap::new();
    for ((before, after), piece) in classes {
        let before = old.tables.decide(Access { from: old_from, to: old_to, service: *before });
        let after = new.tables.decide(Access { from: new_from, to: new_to, service: *after });
        let kind = match (before.action, after.action) {
            (Action::Deny, Action::Allow) => Kind::Opened,
            (Action::Allow, Action::Deny) => Kind::Closed,
            (Action::Deny, Action::Deny) if before.mode != after.mode => Kind::Mode,
            // How an allowance is carried out makes no difference to a frame.
            (Action::Deny, Action::Deny) | (Action::Allow, Action::Allow) => continue,
        };
        let part =
            kinds.entry((kind, key(before), key(after))).or_insert((before, after, PortSet::default()));
        part.2.join(piece);
    }
    let of = |((kind, ..), (before, after, ports)): ((Kind, Key, Key), (Cell, Cell, PortSet))| {
        let ports = ports.canonical();
        Found { kind, before, after, services: new.services.words(&ports), ports }
    };
    kinds.into_iter().map(of).collect()
}

/// What makes a part its own: action, mode and rule.
type Key = (bool, Mode, Option<RuleId>);

fn key(cell: Cell) -> Key {
    (cell.action == Action::Deny, cell.mode, cell.rule)
}

/// Where each selector of the two policies leads, in the order in which they are asked; what leads nowhere is `None`.
struct Selectors {
    macs: BTreeSet<(String, Step)>,
    prefixes: BTreeSet<(String, Step)>,
    vlans: BTreeSet<(String, Step)>,
    classes: BTreeSet<(String, Step)>,
}

/// The segments that a selector leads to, before and after; `None` where it leads nowhere and the next one is asked.
type Step = (Option<SegmentId>, Option<SegmentId>);

impl Selectors {
    fn of(old: &Compiled, new: &Compiled) -> Selectors {
        Selectors {
            macs: steps(old, new, |policy| {
                let each = policy.segments.iter();
                each.flat_map(|segment| segment.macs.iter().map(|mac| (mac.to_string(), segment.id)))
                    .collect()
            }),
            vlans: steps(old, new, |policy| {
                let each = policy.segments.iter();
                each.flat_map(|s| s.vlans.iter().map(|vlan| (format!("vlan {vlan}"), s.id))).collect()
            }),
            classes: steps(old, new, |policy| {
                let each = policy.segments.iter();
                each.flat_map(|s| s.classes.iter().map(|class| (format!("class {class}"), s.id))).collect()
            }),
            prefixes: prefix_steps(old, new),
        }
    }

    /// The moves that a device can make: by its MAC address, else by its prefix, else by its VLAN, else by its class.
    fn moves(&self) -> Vec<Move> {
        let mut all: BTreeSet<Step> = BTreeSet::from([(None, None)]);
        for selectors in [&self.classes, &self.vlans, &self.prefixes, &self.macs] {
            let mut next = all.clone();
            for (_, (before, after)) in selectors {
                next.extend(all.iter().map(|(b, a)| (before.or(*b), after.or(*a))));
            }
            all = next;
        }
        all.into_iter().map(|(before, after)| Move { before, after }).collect()
    }

    fn moved(&self, is_move: impl Fn(Move) -> bool) -> Vec<Moved> {
        let all = [&self.macs, &self.prefixes, &self.vlans, &self.classes].into_iter().flatten();
        all.map(|(selector, (before, after))| Moved {
            selector: selector.clone(),
            step: Move { before: *before, after: *after },
        })
        .filter(|moved| is_move(moved.step))
        .collect()
    }
}

/// Where each exact selector leads in both policies.
fn steps(
    old: &Compiled,
    new: &Compiled,
    all: impl Fn(&Compiled) -> BTreeMap<String, SegmentId>,
) -> BTreeSet<(String, Step)> {
    let (before, after) = (all(old), all(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .map(|name| (name.clone(), (before.get(name).copied(), after.get(name).copied())))
        .collect()
}

/// Where addresses lead: at the first address of each prefix of both policies, and just after its last one, which is every
/// place at which the longest prefix can change.
fn prefix_steps(old: &Compiled, new: &Compiled) -> BTreeSet<(String, Step)> {
    let (before, after) = (old.identities(), new.identities());
    let segment = |identities: &Identities, ip: Ip| identities.segment_of(Mac::NONE, ip, [0, 0]);
    let segments = old.segments.iter().chain(&new.segments);
    let prefixes: Vec<Prefix> = segments.flat_map(|segment| segment.prefixes.iter().copied()).collect();
    let begins: BTreeSet<Ip> = prefixes.iter().map(|prefix| prefix.ip()).collect();
    let mut steps = BTreeSet::new();
    for prefix in prefixes {
        // What follows is of interest where no other prefix begins.
        let next = prefix.next().filter(|ip| !begins.contains(ip));
        let next = next.map(|ip| (format!("from {ip} on"), ip));
        for (name, ip) in std::iter::once((prefix.to_string(), prefix.ip())).chain(next) {
            steps.insert((name, (segment(&before, ip), segment(&after, ip))));
        }
    }
    steps
}

#[cfg(test)]
mod tests;
