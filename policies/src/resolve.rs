//! Names become what they name; what contradicts itself is reported. What comes out has no name left to look up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use abi::address::Mac;
use abi::device::DeviceType;
use abi::table::{Action, Failure, Limit, Mode, RuleId, SEGMENTS, SegmentId, Server};

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::draft::{Criticality, Draft, DraftPair, DraftRule, DraftSegment, Side, Unassigned};
use crate::expectation::{self, Expectation};
use crate::ports::{KNOWN, PortSet, has_bit, set_bit};
use crate::prefix::{self, Prefix};
use crate::rate;
use crate::routers::Routers;
use crate::standing;
use crate::suggest::did_you_mean;
use crate::text::{Span, Token};

/// The name of the segment that needs no declaration: every address that is not of the site.
pub(crate) const INTERNET: &str = "internet";

/// Segments that can be declared: one number is "unassigned", one is `internet`.
const DECLARED: usize = SEGMENTS - 2;

/// A segment of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number in the tables.
    pub id: SegmentId,
    /// Its name.
    pub name: String,
    /// The addresses that belong to it, unless a longer prefix of another segment holds them.
    pub prefixes: Vec<Prefix>,
    /// The devices that belong to it by MAC address.
    pub macs: Vec<Mac>,
    /// The VLANs whose devices belong to it.
    pub vlans: Vec<u16>,
    /// The classes whose devices belong to it once their class is stable.
    pub classes: Vec<DeviceType>,
    /// What holds between two of its devices where no rule does.
    pub within: Action,
    /// Whether patients depend on it.
    pub criticality: Criticality,
    /// What becomes of it when nobody attends to the sensor.
    pub failure: Failure,
    /// The servers that its devices may be.
    pub trusted: Vec<Server>,
}

/// What holds where no rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) between: Action,
    pub(crate) within: Action,
    pub(crate) unassigned: Unassigned,
    pub(crate) mode: Mode,
    /// What becomes of a segment that does not say it, and of what is in none, when nobody attends to the sensor.
    pub(crate) failure: Failure,
}

/// Segments as bits; bit 0 is "unassigned", which no rule names.
pub(crate) type SegmentSet = [u64; SEGMENTS / 64];

/// The ports of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Every port and protocol.
    Any,
    /// A place in [`Policy::sets`].
    Set(usize),
}

/// A rule whose names are found.
pub(crate) struct ResolvedRule {
    pub(crate) id: RuleId,
    pub(crate) name: Token<String>,
    pub(crate) action: Action,
    /// What the rule says itself.
    pub(crate) mode: Option<Mode>,
    pub(crate) from: SegmentSet,
    pub(crate) to: SegmentSet,
    pub(crate) ports: Ports,
    /// How often a device may use it.
    pub(crate) limit: Option<Limit>,
}

/// The mode of some pairs of segments.
pub(crate) struct ResolvedPair {
    pub(crate) from: SegmentSet,
    pub(crate) to: SegmentSet,
    pub(crate) mode: Mode,
}

/// A policy without contradiction.
pub(crate) struct Policy {
    pub(crate) defaults: Defaults,
    /// By number: the declared ones in the order of the files, then `internet`.
    pub(crate) segments: Vec<Segment>,
    /// Where each declared segment is declared.
    pub(crate) declared: Vec<Span>,
    /// Declared services with canonical ports.
    pub(crate) services: Vec<(String, PortSet)>,
    /// The different port sets of the rules, canonical.
    pub(crate) sets: Vec<PortSet>,
    /// In the order of the files.
    pub(crate) rules: Vec<ResolvedRule>,
    /// The modes of pairs, in the order of the files; the first one that holds a pair is its.
    pub(crate) pairs: Vec<ResolvedPair>,
    /// The segments that devices in quarantine may reach.
    pub(crate) refuges: SegmentSet,
    /// What the policy says of itself.
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) routers: Routers,
    /// Where routers are declared.
    pub(crate) routers_at: Span,
}

/// Looks up every name. What is reported makes the result one that must not be used.
pub(crate) fn resolve(draft: Draft, mistakes: &mut Mistakes<'_>) -> Policy {
    let written = draft.defaults.as_ref();
    let defaults = Defaults {
        // Deny is what a policy is for; observing never drops, and is what a new policy begins with.
        between: written.and_then(|defaults| defaults.between).unwrap_or(Action::Deny),
        within: written.and_then(|defaults| defaults.within).unwrap_or(Action::Deny),
        unassigned: written.and_then(|defaults| defaults.unassigned).unwrap_or(Unassigned::Observe),
        mode: written.and_then(|defaults| defaults.mode).unwrap_or(Mode::Observe),
        failure: written.and_then(|defaults| defaults.failure).unwrap_or(Failure::Static),
    };
    let mut names = Names::default();
    for service in draft.services {
        let ports = service.ports.canonical();
        declare(&mut names.services, service.name, ports, "service", mistakes);
    }
    for segment in &draft.segments {
        let number = names.segments.len().saturating_add(1);
        declare(&mut names.segments, segment.name.clone(), number, "segment", mistakes);
        if number == DECLARED.saturating_add(1) {
            let message = format!("a policy holds at most {DECLARED} segments, and this is one more");
            mistakes.add(Mistake::new(Code::TooManySegments, segment.name.span, message));
        }
    }
    claims(&draft.segments, mistakes);
    let first = |segment: &&DraftSegment| {
        names.segments.get(&segment.name.value).is_some_and(|&(_, span)| span == segment.name.span)
    };
    // A second declaration of a name was reported; it has no number of its own.
    let drafts: Vec<&DraftSegment> = draft.segments.iter().filter(first).collect();
    let declared = drafts.iter().map(|segment| segment.name.span).collect();
    let segments = segments(&drafts, defaults);
    let internet = segments.len();
    names.segments.insert(INTERNET.to_owned(), (internet, Span::default()));
    let (rules, sets) = rules(draft.rules, &names, internet, mistakes);
    let pairs = pairs(&draft.pairs, &names, internet, mistakes);
    let refuges = named(&draft.refuges, &names, mistakes);
    let expectations = expectation::resolve(draft.expectations, &names, &rules, mistakes);
    let mut services: Vec<(String, PortSet)> =
        names.services.into_iter().map(|(name, (ports, _))| (name, ports)).collect();
    services.sort_unstable();
    let (routers, routers_at) = (draft.routers.resolve(mistakes), draft.routers.span());
    Policy {
        defaults,
        segments,
        declared,
        services,
        sets,
        rules,
        pairs,
        refuges,
        expectations,
        routers,
        routers_at,
    }
}

/// What is declared, by name, with the place.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) segments: HashMap<String, (usize, Span)>,
    pub(crate) services: HashMap<String, (PortSet, Span)>,
}

fn declare<T>(
    names: &mut HashMap<String, (T, Span)>,
    name: Token<String>,
    value: T,
    kind: &str,
    mistakes: &mut Mistakes<'_>,
) {
    match names.entry(name.value) {
        Entry::Vacant(place) => {
            place.insert((value, name.span));
        }
        Entry::Occupied(place) => {
            let message = format!("{kind} `{}` is declared twice", place.key());
            mistakes.add(
                Mistake::new(Code::Duplicate, name.span, message)
                    .also(place.get().1, "first here")
                    .help("rename one, or make them one".to_owned()),
            );
        }
    }
}

/// The segments with their numbers, and `internet` as the last.
fn segments(drafts: &[&DraftSegment], defaults: Defaults) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::with_capacity(drafts.len().saturating_add(1));
    for draft in drafts {
        let Some(id) = number(segments.len()) else { break };
        let selectors = &draft.selectors;
        segments.push(Segment {
            id,
            name: draft.name.value.clone(),
            prefixes: values(&selectors.prefixes),
            macs: values(&selectors.macs),
            vlans: values(&selectors.vlans),
            classes: values(&selectors.classes),
            within: draft.within.unwrap_or(defaults.within),
            criticality: draft.criticality,
            failure: draft.failure.unwrap_or_else(|| standing::implied(draft.criticality, defaults.failure)),
            trusted: draft.trusted.iter().map(|token| token.value).collect(),
        });
    }
    let declared: Vec<Prefix> =
        segments.iter().flat_map(|segment| segment.prefixes.iter().copied()).collect();
    if let Some(id) = number(segments.len()) {
        segments.push(Segment {
            id,
            name: INTERNET.to_owned(),
            prefixes: prefix::internet(&declared),
            macs: Vec::new(),
            vlans: Vec::new(),
            classes: Vec::new(),
            within: defaults.between,
            criticality: Criticality::Ordinary,
            failure: defaults.failure,
            trusted: Vec::new(),
        });
    }
    segments
}

/// The number of the segment that follows so many others.
fn number(before: usize) -> Option<SegmentId> {
    u8::try_from(before.saturating_add(1)).ok().and_then(SegmentId::new)
}

/// The values without their places, sorted, each once.
fn values<T: Copy + Ord>(tokens: &[Token<T>]) -> Vec<T> {
    sorted(tokens.iter().map(|token| token.value).collect())
}

pub(crate) fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

/// Reports what two segments claim, and what one lists twice.
fn claims(segments: &[DraftSegment], mistakes: &mut Mistakes<'_>) {
    let (mut prefixes, mut macs, mut vlans, mut classes) =
        (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    for segment in segments {
        let name = segment.name.value.as_str();
        let selectors = &segment.selectors;
        for token in &selectors.prefixes {
            claim(&mut prefixes, name, token, &format!("prefix {}", token.value), mistakes);
        }
        for token in &selectors.macs {
            claim(&mut macs, name, token, &format!("MAC address {}", token.value), mistakes);
        }
        for token in &selectors.vlans {
            claim(&mut vlans, name, token, &format!("VLAN {}", token.value), mistakes);
        }
        for token in &selectors.classes {
            claim(&mut classes, name, token, &format!("class `{}`", token.value), mistakes);
        }
    }
}

fn claim<'d, T: Copy + Eq + Hash>(
    claimed: &mut HashMap<T, (&'d str, Span)>,
    segment: &'d str,
    token: &Token<T>,
    what: &str,
    mistakes: &mut Mistakes<'_>,
) {
    match claimed.entry(token.value) {
        Entry::Vacant(place) => {
            place.insert((segment, token.span));
        }
        Entry::Occupied(place) => {
            let &(first, at) = place.get();
            if first == segment {
                mistakes.add(
                    Mistake::new(Code::Repeated, token.span, format!("{what} is listed twice"))
                        .also(at, "first here"),
                );
            } else {
                mistakes.add(
                    Mistake::new(
                        Code::Claimed,
                        token.span,
                        format!("{what} belongs to segment `{first}` already"),
                    )
                    .also(at, "claimed here")
                    .help(format!("a device is in one segment: leave it to `{first}` or to `{segment}`")),
                );
            }
        }
    }
}

fn rules(
    drafts: Vec<DraftRule>,
    names: &Names,
    internet: usize,
    mistakes: &mut Mistakes<'_>,
) -> (Vec<ResolvedRule>, Vec<PortSet>) {
    let mut ids: HashMap<String, ((), Span)> = HashMap::new();
    let mut known: HashMap<PortSet, usize> = HashMap::new();
    let mut rules = Vec::with_capacity(drafts.len());
    for draft in drafts {
        if !draft.id.value.is_empty() {
            declare(&mut ids, draft.id.clone(), (), "rule", mistakes);
        }
        let (from, to) = sides(&draft, names, internet, mistakes);
        let ports = asked_ports(&draft.services, &draft.inline, names, mistakes);
        let limit = rate::resolve(&draft, mistakes);
        let next = known.len();
        let ports = ports.map_or(Ports::Any, |set| Ports::Set(*known.entry(set).or_insert(next)));
        let Some(id) = u16::try_from(rules.len().saturating_add(1)).ok().and_then(RuleId::new) else {
            let message = format!("a policy holds at most {} rules, and this is one more", u16::MAX);
            mistakes.add(Mistake::new(Code::TooManyRules, draft.id.span, message));
            break;
        };
        rules.push(ResolvedRule {
            id,
            name: draft.id,
            action: draft.action,
            mode: draft.mode,
            from,
            to,
            ports,
            limit,
        });
    }
    let mut sets = vec![PortSet::default(); known.len()];
    for (set, at) in known {
        if let Some(place) = sets.get_mut(at) {
            *place = set;
        }
    }
    (rules, sets)
}

fn pairs(
    drafts: &[DraftPair],
    names: &Names,
    internet: usize,
    mistakes: &mut Mistakes<'_>,
) -> Vec<ResolvedPair> {
    let mut set = |side: &Side| match side {
        Side::Named(tokens) => named(tokens, names, mistakes),
        Side::Every => every(internet),
    };
    drafts
        .iter()
        .map(|draft| ResolvedPair { from: set(&draft.from), to: set(&draft.to), mode: draft.mode })
        .collect()
}

/// Every declared segment; the Internet is asked for by name.
fn every(internet: usize) -> SegmentSet {
    let mut set = SegmentSet::default();
    (1..internet).for_each(|number| set_bit(&mut set, number));
    set
}

impl Policy {
    /// The mode between a pair of segments (0 is unassigned) of what says none itself.
    pub(crate) fn mode(&self, from: usize, to: usize) -> Mode {
        let holds = |pair: &&ResolvedPair| has_bit(&pair.from, from) && has_bit(&pair.to, to);
        self.pairs.iter().find(holds).map_or(self.defaults.mode, |pair| pair.mode)
    }
}

/// Both sides of a rule as sets. `"*"` is every declared segment; the Internet is asked for by name.
fn sides(
    rule: &DraftRule,
    names: &Names,
    internet: usize,
    mistakes: &mut Mistakes<'_>,
) -> (SegmentSet, SegmentSet) {
    let except = named(&rule.except, names, mistakes);
    let starred = matches!((&rule.from, &rule.to), (Side::Every, _) | (_, Side::Every));
    if let (Some(first), false) = (rule.except.first(), starred) {
        mistakes.add(
            Mistake::new(Code::Star, first.span, "`except` takes away from `\"*\"`, and this rule has none")
                .help("remove `except`, or write `from: \"*\"` or `to: \"*\"`".to_owned()),
        );
    }
    let mut set = |side: &Side| match side {
        Side::Named(tokens) => named(tokens, names, mistakes),
        Side::Every => {
            let mut set = every(internet);
            set.iter_mut().zip(except).for_each(|(word, except)| *word &= !except);
            set
        }
    };
    let (from, to) = (set(&rule.from), set(&rule.to));
    let empty = |side: &Side, set: SegmentSet| matches!(side, Side::Every) && set == SegmentSet::default();
    if internet > 1 && (empty(&rule.from, from) || empty(&rule.to, to)) {
        let message = format!("rule `{}` leaves no segment of `\"*\"`", rule.id.value);
        mistakes.add(Mistake::new(Code::NoSegment, rule.id.span, message));
    }
    (from, to)
}

fn named(tokens: &[Token<String>], names: &Names, mistakes: &mut Mistakes<'_>) -> SegmentSet {
    let mut set = SegmentSet::default();
    for token in tokens {
        match names.segments.get(&token.value) {
            Some(&(number, _)) => set_bit(&mut set, number),
            None => mistakes.add(unknown_segment(token, names)),
        }
    }
    set
}

pub(crate) fn unknown_segment(token: &Token<String>, names: &Names) -> Mistake {
    let name = token.value.as_str();
    let help = match name {
        "unassigned" => Some("devices in no segment follow `defaults: { unassigned: ... }`".to_owned()),
        "*" => Some("`\"*\"` stands alone as `from` or `to`".to_owned()),
        "any" | "all" => Some("every segment is written `\"*\"`".to_owned()),
        _ => did_you_mean(name, sorted(names.segments.keys().map(String::as_str).collect())).or_else(|| {
            let address = name.parse::<std::net::IpAddr>().is_ok() || name.contains('/');
            address.then(|| "rules name segments: declare one with `match: { ip: ... }`".to_owned())
        }),
    };
    let message = format!("segment `{name}` is not declared");
    Mistake::new(Code::UnknownSegment, token.span, message).help(help)
}

/// The ports of all services that are asked for together; `None` is every port.
pub(crate) fn asked_ports(
    services: &[Token<String>],
    inline: &PortSet,
    names: &Names,
    mistakes: &mut Mistakes<'_>,
) -> Option<PortSet> {
    let mut ports = inline.clone();
    let mut any = false;
    for token in services {
        let declared = names.services.get(&token.value).map(|(ports, _)| ports.clone());
        let known = || KNOWN.iter().find(|known| known.0 == token.value).map(PortSet::known);
        match declared.or_else(known) {
            _ if token.value == "any" => any = true,
            Some(service) => ports.join(&service),
            None => mistakes.add(unknown_service(token, names)),
        }
    }
    if any { None } else { Some(ports.canonical()) }
}

fn unknown_service(token: &Token<String>, names: &Names) -> Mistake {
    let name = token.value.as_str();
    let (transport, port) = name.split_once(['/', ':']).unwrap_or(("tcp", name));
    let help = if crate::scalar::decimal(port).is_some() && matches!(transport, "tcp" | "udp") {
        Some(format!("write `{transport}: [{port}]` in place of `service`"))
    } else if matches!(name, "*" | "all") {
        Some("every service is written `any`".to_owned())
    } else {
        let declared = names.services.keys().map(String::as_str);
        did_you_mean(name, sorted(declared.chain(KNOWN.iter().map(|known| known.0)).collect()))
            .or_else(|| Some(format!("declare it: `services: {{ {name}: {{ tcp: [...] }} }}`")))
    };
    let message = format!("service `{name}` is not declared");
    Mistake::new(Code::UnknownService, token.span, message).help(help)
}
