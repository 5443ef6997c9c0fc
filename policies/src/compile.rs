//! The policy without names into the tables that the judge reads.
//!
//! For each pair of segments the rules are asked once, in their order, and each takes the classes that are still
//! undecided; equal rows are stored once. What a row costs the judge does not depend on how many rules made it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use abi::table::{
    Access, Action, CLASSES, Cell, LIMITS, Limit, Mode, PackedCell, ROWS, RuleId, SEGMENTS, SegmentId,
    ServiceClass, Tables,
};

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::draft::Unassigned;
use crate::ports::{ClassSet, Classes, has_bit, set_bit};
use crate::resolve::{Policy, Ports, ResolvedRule};
use crate::standing;
use crate::text::Span;

/// The tables, and what they have no room for.
pub(crate) struct Program {
    pub(crate) tables: Box<Tables>,
    pub(crate) trials: Trials,
}

/// For a row and a class: the allow rule in mode observe that would decide, were it in force.
#[derive(Default)]
pub(crate) struct Trials(BTreeMap<(u16, u8), RuleId>);

impl Trials {
    /// The rule that would decide on an access.
    pub(crate) fn find(&self, tables: &Tables, access: Access) -> Option<RuleId> {
        self.0.get(&(tables.row(access.from, access.to), access.service.0)).copied()
    }
}

/// One entry of a row: the cell, and the number of the rule on trial.
type Slot = (PackedCell, u16);

/// Compiles; `None` where the tables are too small, which is reported.
pub(crate) fn compile(policy: &Policy, mistakes: &mut Mistakes<'_>) -> Option<Program> {
    let classes = match Classes::divide(&policy.sets) {
        Ok(classes) => classes,
        Err(too_many) => {
            let uses = |rule: &&ResolvedRule| rule.ports == Ports::Set(too_many.set);
            let span = policy.rules.iter().find(uses).map_or(Span::default(), |rule| rule.name.span);
            mistakes.add(
                Mistake::new(Code::TooManyClasses, span, format!("the services divide the ports into more than {CLASSES} classes, and this rule asks for one more"))
                    .help("ports that always appear together make one class: use the same services and ranges in more rules".to_owned()),
            );
            return None;
        }
    };
    let tables = Tables::boxed();
    (0..=u16::MAX).zip(&classes.tcp).for_each(|(port, class)| tables.set_tcp_class(port, *class));
    (0..=u16::MAX).zip(&classes.udp).for_each(|(port, class)| tables.set_udp_class(port, *class));
    (0..=u8::MAX)
        .zip(&classes.protocols)
        .for_each(|(number, class)| tables.set_protocol_class(number, *class));
    standing::write(policy, &tables);
    limits(policy, &tables, mistakes)?;
    let orders = [Mode::Observe, Mode::Alert, Mode::Enforce].map(|mode| Order::new(policy, &classes, mode));
    let mut rows: HashMap<Vec<Slot>, u16> = HashMap::new();
    let mut trials = Trials::default();
    let mut decides = vec![false; policy.rules.len()];
    for from in 0..=policy.segments.len() {
        let asked = orders.each_ref().map(|order| order.from(from));
        for to in 0..=policy.segments.len() {
            let [observing, alerting, enforcing] = &asked;
            let asked = match policy.mode(from, to) {
                Mode::Observe => observing,
                Mode::Alert => alerting,
                Mode::Enforce => enforcing,
            };
            let slots = row(asked, to, default_cell(policy, from, to), classes.count, &mut decides);
            let next = rows.len();
            let number = match rows.get(&slots) {
                Some(&number) => number,
                None if next >= ROWS => {
                    too_many_rows(policy, from, to, mistakes);
                    return None;
                }
                None => {
                    let number = u16::try_from(next).unwrap_or(u16::MAX);
                    write_row(&tables, number, &slots, &mut trials);
                    rows.insert(slots, number);
                    number
                }
            };
            // Both numbers are below their bounds: the segments were counted when they were named.
            if tables.set_pair(segment(from), segment(to), number).is_err() {
                return None;
            }
        }
    }
    let program = Program { tables, trials };
    let [order, ..] = &orders;
    never_matching(policy, order, &decides, &program, mistakes);
    Some(program)
}

/// Writes the limits of the rules, equal ones once; `None` where there are too many, which is reported.
fn limits(policy: &Policy, tables: &Tables, mistakes: &mut Mistakes<'_>) -> Option<()> {
    let mut known: Vec<Limit> = Vec::new();
    for rule in &policy.rules {
        let Some(limit) = rule.limit else { continue };
        let place = known.iter().position(|other| *other == limit).unwrap_or_else(|| {
            known.push(limit);
            known.len().saturating_sub(1)
        });
        let Some(number) = u8::try_from(place.saturating_add(1)).ok() else {
            let message = format!("the rules have more than {LIMITS} different rates, and this is one more");
            mistakes.add(
                Mistake::new(Code::TooManyLimits, rule.name.span, message)
                    .help("equal rates count once: give several rules the same".to_owned()),
            );
            return None;
        };
        tables.set_limit(number, limit);
        tables.limit_rule(rule.id, number);
    }
    Some(())
}

fn segment(number: usize) -> Option<SegmentId> {
    u8::try_from(number).ok().and_then(SegmentId::new)
}

/// What holds between a pair of segments (0 is unassigned) where no rule does.
pub(crate) fn default_cell(policy: &Policy, from: usize, to: usize) -> Cell {
    let (defaults, mode) = (policy.defaults, policy.mode(from, to));
    let (action, mode) = if from == 0 || to == 0 {
        match defaults.unassigned {
            Unassigned::Observe => (defaults.between, Mode::Observe),
            Unassigned::Alert => (defaults.between, Mode::Alert),
            Unassigned::Deny => (Action::Deny, mode),
        }
    } else if from == to {
        let within =
            policy.segments.get(from.saturating_sub(1)).map_or(defaults.within, |segment| segment.within);
        (within, mode)
    } else {
        (defaults.between, mode)
    };
    Cell { rule: None, action, mode }
}

/// What becomes of a match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Force {
    /// The rule decides.
    Decides(Cell),
    /// The rule is an allow rule in mode observe: it is only remembered.
    OnTrial(RuleId),
}

/// A rule as the rows ask it.
struct Asked<'p> {
    rule: &'p ResolvedRule,
    index: usize,
    classes: ClassSet,
    force: Force,
}

/// The rules in the order in which they are asked: deny before allow; among deny rules the stricter mode first, so
/// that a rule on trial never weakens one in force; then the order of the files.
struct Order<'p> {
    rules: Vec<Asked<'p>>,
}

impl<'p> Order<'p> {
    /// `mode` is that of rules that say none.
    fn new(policy: &'p Policy, classes: &Classes, mode: Mode) -> Order<'p> {
        let mut every = ClassSet::default();
        (0..classes.count).for_each(|class| set_bit(&mut every, class));
        let mut rules: Vec<Asked<'p>> = policy
            .rules
            .iter()
            .enumerate()
            .map(|(index, rule)| {
                let classes = match rule.ports {
                    Ports::Any => every,
                    Ports::Set(set) => classes.of_set.get(set).copied().unwrap_or_default(),
                };
                let mode = rule.mode.unwrap_or(mode);
                let force = match (rule.action, rule.mode) {
                    (Action::Allow, Some(Mode::Observe)) => Force::OnTrial(rule.id),
                    (Action::Allow | Action::Deny, _) => {
                        Force::Decides(Cell { rule: Some(rule.id), action: rule.action, mode })
                    }
                };
                Asked { rule, index, classes, force }
            })
            .collect();
        rules.sort_by_key(|asked| match asked.force {
            Force::Decides(Cell { action: Action::Deny, mode, .. }) => (0, std::cmp::Reverse(Some(mode))),
            Force::Decides(Cell { action: Action::Allow, .. }) | Force::OnTrial(_) => {
                (1, std::cmp::Reverse(None))
            }
        });
        Order { rules }
    }

    /// The rules whose `from` holds a segment.
    fn from(&self, from: usize) -> Vec<&Asked<'p>> {
        self.rules.iter().filter(|asked| has_bit(&asked.rule.from, from)).collect()
    }
}

/// The row of one pair; notes which rules decide something.
fn row(asked: &[&Asked<'_>], to: usize, default: Cell, count: usize, decides: &mut [bool]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = vec![(PackedCell::new(default), 0); count];
    let mut undecided = [u64::MAX; CLASSES / 64];
    let mut untried = undecided;
    for asked in asked.iter().filter(|asked| has_bit(&asked.rule.to, to)) {
        let pool = match asked.force {
            Force::Decides(_) => &mut undecided,
            Force::OnTrial(_) => &mut untried,
        };
        let mut taken = ClassSet::default();
        let words = taken.iter_mut().zip(pool.iter_mut()).zip(asked.classes);
        words.for_each(|((taken, pool), classes)| {
            *taken = *pool & classes;
            *pool &= !classes;
        });
        if taken == ClassSet::default() {
            continue;
        }
        if let Some(decides) = decides.get_mut(asked.index) {
            *decides = true;
        }
        for (_, slot) in slots.iter_mut().enumerate().filter(|(class, _)| has_bit(&taken, *class)) {
            match asked.force {
                Force::Decides(cell) => slot.0 = PackedCell::new(cell),
                Force::OnTrial(rule) => slot.1 = RuleId::number(Some(rule)),
            }
        }
        if let Force::Decides(_) = asked.force {
            // What an earlier rule in force decides, a later one on trial would not have changed.
            untried.iter_mut().zip(taken).for_each(|(untried, taken)| *untried &= !taken);
        }
    }
    slots
}

fn write_row(tables: &Tables, row: u16, slots: &[Slot], trials: &mut Trials) {
    // Classes beyond the last are met by no port; they say the same as class 0, which no service holds.
    let rest = std::iter::repeat(slots.first().copied().unwrap_or_default());
    for (class, (packed, trial)) in (0..=u8::MAX).zip(slots.iter().copied().chain(rest)) {
        // The row is below its bound: it was counted when it was numbered.
        if tables.set_cell(row, ServiceClass(class), packed.cell()).is_err() {
            return;
        }
        if let (Some(rule), true) = (RuleId::new(trial), usize::from(class) < slots.len()) {
            trials.0.insert((row, class), rule);
        }
    }
}

fn too_many_rows(policy: &Policy, from: usize, to: usize, mistakes: &mut Mistakes<'_>) {
    let name = |number: usize| {
        policy.segments.get(number.wrapping_sub(1)).map_or("unassigned", |segment| segment.name.as_str())
    };
    let of_pair = |rule: &&ResolvedRule| has_bit(&rule.from, from) && has_bit(&rule.to, to);
    let span = policy.rules.iter().find(of_pair).map_or(Span::default(), |rule| rule.name.span);
    let message = format!(
        "pairs of segments differ in more than {ROWS} ways; `{}` to `{}` is one more",
        name(from),
        name(to)
    );
    mistakes.add(
        Mistake::new(Code::TooManyRows, span, message)
            .help("pairs with the same rules share a row: let one rule name several segments".to_owned()),
    );
}

/// Cells looked at to tell which rules stand before one that never matches.
const LOOKED_AT: usize = 4096;
/// Rules named as standing before another.
const NAMED: usize = 3;

fn never_matching(
    policy: &Policy,
    order: &Order<'_>,
    decides: &[bool],
    program: &Program,
    mistakes: &mut Mistakes<'_>,
) {
    let silent = |asked: &&Asked<'_>| decides.get(asked.index) == Some(&false);
    for asked in order.rules.iter().filter(silent) {
        let before = deciders(asked, program);
        let rules = before.iter().filter_map(|id| policy.rules.get(usize::from(id.0.get()).wrapping_sub(1)));
        let rules: Vec<&ResolvedRule> = rules.collect();
        let names: Vec<String> = rules.iter().map(|rule| format!("`{}`", rule.name.value)).collect();
        let message = format!(
            "rule `{}` never matches: {} decide{} everything in it",
            asked.rule.name.value,
            names.join(", "),
            if names.len() == 1 { "s" } else { "" }
        );
        let mut mistake = Mistake::new(Code::NeverMatches, asked.rule.name.span, message)
            .help("remove it, narrow what stands before it, or move it up".to_owned());
        if let Some(first) = rules.first() {
            mistake = mistake.also(first.name.span, "this one is asked first");
        }
        mistakes.add(mistake);
    }
}

/// The rules that decide what a rule would match.
fn deciders(asked: &Asked<'_>, program: &Program) -> BTreeSet<RuleId> {
    let mut found = BTreeSet::new();
    let numbers = |set: [u64; SEGMENTS / 64]| (0..SEGMENTS).filter(move |&number| has_bit(&set, number));
    let pairs = numbers(asked.rule.from).flat_map(|from| numbers(asked.rule.to).map(move |to| (from, to)));
    let classes = || (0..=u8::MAX).filter(|&class| has_bit(&asked.classes, usize::from(class)));
    let accesses = pairs.flat_map(|pair| classes().map(move |class| (pair, class)));
    for ((from, to), class) in accesses.take(LOOKED_AT) {
        let access = Access { from: segment(from), to: segment(to), service: ServiceClass(class) };
        found.extend(
            program.tables.decide(access).rule.or_else(|| program.trials.find(&program.tables, access)),
        );
        if found.len() >= NAMED {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests;
