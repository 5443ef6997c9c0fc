//! What the texts say, key by key: words become values with places, names stay names. Nothing is looked up yet.

use abi::address::Mac;
use abi::device::DeviceType;
use abi::table::{Action, Failure, Mode, Server};

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::expectation::{self, DraftExpectation};
use crate::ports::PortSet;
use crate::prefix::Prefix;
use crate::rate::{self, DraftRate};
use crate::routers::DraftRouters;
use crate::scalar;
use crate::standing::{self, FAILURES};
use crate::suggest::{closest, did_you_mean};
use crate::text::{Span, Token};
use crate::yaml::{Entry, Kind, Node, Reading, Root};

pub(crate) mod format;

/// The version of the format that this program reads.
const VERSION: &str = "1";

const TOP_KEYS: &[&str] = &[
    "version",
    "site",
    "description",
    "defaults",
    "services",
    "segments",
    "pairs",
    "allow",
    "deny",
    "quarantine",
    "tests",
    "routers",
];
const DEFAULT_KEYS: &[&str] = &["between", "within", "unassigned", "mode", "fail"];
const SEGMENT_KEYS: &[&str] = &["match", "within", "life_critical", "fail", "trust", "description"];
const PAIR_KEYS: &[&str] = &["from", "to", "mode", "description"];
const QUARANTINE_KEYS: &[&str] = &["allow"];
const MATCH_KEYS: &[&str] = &["ip", "mac", "vlan", "class"];
const SERVICE_KEYS: &[&str] = &["tcp", "udp", "protocol", "description"];
const RULE_KEYS: &[&str] =
    &["id", "from", "to", "except", "service", "tcp", "udp", "protocol", "mode", "rate", "description"];

/// The words of `mode`.
pub(crate) const MODES: &[(&str, Mode)] =
    &[("observe", Mode::Observe), ("alert", Mode::Alert), ("enforce", Mode::Enforce)];
/// The words of `between` and `within`.
pub(crate) const ACTIONS: &[(&str, Action)] = &[("allow", Action::Allow), ("deny", Action::Deny)];

/// What happens to an access whose initiator or responder is in no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unassigned {
    /// What holds between segments, only counted.
    Observe,
    /// What holds between segments, counted and told.
    Alert,
    /// Denied, in the mode of the policy.
    Deny,
}

const UNASSIGNED: &[(&str, Unassigned)] =
    &[("observe", Unassigned::Observe), ("alert", Unassigned::Alert), ("deny", Unassigned::Deny)];

/// Whether a patient's life depends on the devices of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criticality {
    /// No `life_critical: true`.
    Ordinary,
    /// `life_critical: true`.
    LifeCritical,
}

const CRITICALITIES: &[(&str, Criticality)] =
    &[("true", Criticality::LifeCritical), ("false", Criticality::Ordinary)];

/// All files of a policy, as they are written.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) defaults: Option<DraftDefaults>,
    pub(crate) segments: Vec<DraftSegment>,
    pub(crate) services: Vec<DraftService>,
    pub(crate) rules: Vec<DraftRule>,
    pub(crate) pairs: Vec<DraftPair>,
    /// Segments that devices in quarantine may reach.
    pub(crate) refuges: Vec<Token<String>>,
    pub(crate) expectations: Vec<DraftExpectation>,
    pub(crate) routers: DraftRouters,
}

/// The section `defaults`; what is not written is `None`.
pub(crate) struct DraftDefaults {
    pub(crate) span: Span,
    pub(crate) between: Option<Action>,
    pub(crate) within: Option<Action>,
    pub(crate) unassigned: Option<Unassigned>,
    pub(crate) mode: Option<Mode>,
    pub(crate) failure: Option<Failure>,
}

/// One entry of `segments`.
pub(crate) struct DraftSegment {
    pub(crate) name: Token<String>,
    pub(crate) selectors: Selectors,
    pub(crate) within: Option<Action>,
    pub(crate) criticality: Criticality,
    pub(crate) failure: Option<Failure>,
    pub(crate) trusted: Vec<Token<Server>>,
}

/// What a segment selects.
#[derive(Default)]
pub(crate) struct Selectors {
    pub(crate) prefixes: Vec<Token<Prefix>>,
    pub(crate) macs: Vec<Token<Mac>>,
    pub(crate) vlans: Vec<Token<u16>>,
    pub(crate) classes: Vec<Token<DeviceType>>,
}

/// One entry of `services`.
pub(crate) struct DraftService {
    pub(crate) name: Token<String>,
    pub(crate) ports: PortSet,
}

/// One side of a rule.
pub(crate) enum Side {
    /// `"*"`.
    Every,
    /// Names of segments; empty where they could not be read.
    Named(Vec<Token<String>>),
}

/// One entry of `pairs`.
pub(crate) struct DraftPair {
    pub(crate) from: Side,
    pub(crate) to: Side,
    pub(crate) mode: Mode,
}

/// One entry of `allow` or `deny`.
pub(crate) struct DraftRule {
    pub(crate) id: Token<String>,
    pub(crate) action: Action,
    pub(crate) from: Side,
    pub(crate) to: Side,
    pub(crate) except: Vec<Token<String>>,
    pub(crate) services: Vec<Token<String>>,
    pub(crate) inline: PortSet,
    pub(crate) mode: Option<Mode>,
    pub(crate) rate: Option<DraftRate>,
}

impl Draft {
    /// Adds what one text says.
    pub(crate) fn add(&mut self, root: Root, whole: Span, mistakes: &mut Mistakes<'_>) {
        if root.entries.is_empty() && root.reading == Reading::Whole {
            mistakes.add(
                Mistake::new(Code::Empty, whole, "this file holds no policy")
                    .help("begin with `version: 1` and `segments:`".to_owned()),
            );
            return;
        }
        let versioned = root.entries.iter().any(|entry| meant(&entry.key.value, TOP_KEYS) == "version");
        if !versioned && root.reading == Reading::Whole {
            let at = root.entries.first().map_or(whole, |entry| entry.key.span);
            mistakes.add(
                Mistake::new(Code::Version, at, "the policy does not say its version")
                    .help("write `version: 1` as the first line".to_owned()),
            );
        }
        for entry in root.entries {
            self.section(entry, mistakes);
        }
    }

    fn section(&mut self, entry: Entry, mistakes: &mut Mistakes<'_>) {
        match entry.key.value.as_str() {
            "version" => version(&entry, mistakes),
            "site" | "description" => scalar::prose(&entry, mistakes),
            "defaults" => self.defaults(entry, mistakes),
            "services" => {
                for entry in scalar::entries(entry, "services by name", mistakes) {
                    self.services.extend(service(entry, mistakes));
                }
            }
            "segments" => {
                for entry in scalar::entries(entry, "segments by name", mistakes) {
                    self.segments.extend(segment(entry, mistakes));
                }
            }
            "allow" => self.rules(entry, Action::Allow, mistakes),
            "deny" => self.rules(entry, Action::Deny, mistakes),
            "pairs" => {
                for node in items(entry, "pairs", mistakes) {
                    self.pairs.extend(pair(node, mistakes));
                }
            }
            "tests" => {
                for node in items(entry, "tests", mistakes) {
                    self.expectations.extend(expectation::read(node, mistakes));
                }
            }
            "routers" => self.routers.add(entry, mistakes),
            "quarantine" => {
                for entry in scalar::entries(entry, "what holds in quarantine", mistakes) {
                    match entry.key.value.as_str() {
                        "allow" => self.refuges.extend(scalar::each(&entry, scalar::name, mistakes)),
                        _ => unknown_key(&entry, QUARANTINE_KEYS, "`quarantine`", mistakes),
                    }
                }
            }
            _ => unknown_key(&entry, TOP_KEYS, "a policy", mistakes),
        }
    }

    fn defaults(&mut self, entry: Entry, mistakes: &mut Mistakes<'_>) {
        let span = entry.key.span;
        if let Some(before) = &self.defaults {
            mistakes.add(
                Mistake::new(Code::Duplicate, span, "the defaults are declared twice")
                    .also(before.span, "first here")
                    .help("keep them in one file".to_owned()),
            );
            return;
        }
        let mut defaults =
            DraftDefaults { span, between: None, within: None, unassigned: None, mode: None, failure: None };
        for entry in scalar::entries(entry, "defaults", mistakes) {
            match entry.key.value.as_str() {
                "between" => defaults.between = scalar::word(&entry, ACTIONS, mistakes),
                "within" => defaults.within = scalar::word(&entry, ACTIONS, mistakes),
                "unassigned" => defaults.unassigned = scalar::word(&entry, UNASSIGNED, mistakes),
                "mode" => defaults.mode = scalar::word(&entry, MODES, mistakes),
                "fail" => defaults.failure = scalar::word(&entry, FAILURES, mistakes),
                _ => unknown_key(&entry, DEFAULT_KEYS, "`defaults`", mistakes),
            }
        }
        self.defaults = Some(defaults);
    }

    fn rules(&mut self, entry: Entry, action: Action, mistakes: &mut Mistakes<'_>) {
        for item in items(entry, "rules", mistakes) {
            self.rules.extend(rule(item, action, mistakes));
        }
    }
}

/// The elements of a section that is a list of mappings.
fn items(entry: Entry, what: &str, mistakes: &mut Mistakes<'_>) -> Vec<Node> {
    let section = entry.key;
    match entry.value.kind {
        Kind::List(items) => items,
        Kind::Nothing | Kind::Broken => Vec::new(),
        Kind::Scalar(_) | Kind::Map(_) => {
            let message = format!("`{}` is a list of {what}", section.value);
            let help = match what {
                "rules" => "begin each rule with `- `, as `- { id: ..., from: ..., to: ..., service: ... }`",
                "tests" => {
                    "begin each test with `- `, as `- { from: ..., to: ..., service: ..., expect: ... }`"
                }
                _ => "begin each pair with `- `, as `- { from: ..., to: ..., mode: ... }`",
            };
            mistakes.add(Mistake::new(Code::WrongType, entry.value.span, message).help(help.to_owned()));
            Vec::new()
        }
    }
}

fn pair(node: Node, mistakes: &mut Mistakes<'_>) -> Option<DraftPair> {
    let span = node.span;
    let Kind::Map(entries) = node.kind else {
        if !matches!(node.kind, Kind::Broken) {
            mistakes.add(
                Mistake::new(Code::WrongType, span, "a pair is a mapping")
                    .help("write `- { from: ..., to: ..., mode: ... }`".to_owned()),
            );
        }
        return None;
    };
    let (mut from, mut to, mut mode) = (None, None, None);
    let errors = mistakes.errors();
    for entry in entries {
        match entry.key.value.as_str() {
            "from" => from = Some(side(&entry, mistakes)),
            "to" => to = Some(side(&entry, mistakes)),
            "mode" => mode = scalar::word(&entry, MODES, mistakes),
            "description" => scalar::prose(&entry, mistakes),
            _ => unknown_key(&entry, PAIR_KEYS, "a pair", mistakes),
        }
    }
    if let (Some(from), Some(to), Some(mode)) = (from, to, mode) {
        return Some(DraftPair { from, to, mode });
    }
    if mistakes.errors() == errors {
        mistakes.add(
            Mistake::new(Code::MissingKey, span, "a pair has `from`, `to` and `mode`")
                .help("write `- { from: ..., to: ..., mode: ... }`".to_owned()),
        );
    }
    None
}

fn version(entry: &Entry, mistakes: &mut Mistakes<'_>) {
    match &entry.value.kind {
        Kind::Scalar(text) if text == VERSION => {}
        Kind::Broken => {}
        Kind::Nothing | Kind::Scalar(_) | Kind::List(_) | Kind::Map(_) => {
            let span =
                if matches!(entry.value.kind, Kind::Nothing) { entry.key.span } else { entry.value.span };
            mistakes.add(
                Mistake::new(Code::Version, span, "this is not a version that can be read")
                    .help(format!("write `version: {VERSION}`")),
            );
        }
    }
}

/// The key itself, or the one that a misspelt key probably is: what is misspelt is not missing as well.
fn meant<'k>(key: &'k str, keys: &[&'k str]) -> &'k str {
    if keys.contains(&key) { key } else { closest(key, keys.iter().copied()).unwrap_or(key) }
}

/// Reports a key that does not belong here.
pub(crate) fn unknown_key(entry: &Entry, keys: &[&str], place: &str, mistakes: &mut Mistakes<'_>) {
    let key = entry.key.value.as_str();
    let help = if MATCH_KEYS.contains(&key) && keys == SEGMENT_KEYS {
        format!("write `match: {{ {key}: ... }}`")
    } else {
        did_you_mean(key, keys.iter().copied())
            .unwrap_or_else(|| format!("the keys of {place} are: {}", keys.join(", ")))
    };
    let message = format!("{place} has no key `{key}`");
    mistakes.add(Mistake::new(Code::UnknownKey, entry.key.span, message).help(help));
}

fn service(entry: Entry, mistakes: &mut Mistakes<'_>) -> Option<DraftService> {
    let name = scalar::declared_name(&entry.key, &["any"], mistakes)?;
    let at = entry.key.span;
    let errors = mistakes.errors();
    let mut ports = PortSet::default();
    for entry in scalar::entries(entry, "ports", mistakes) {
        match entry.key.value.as_str() {
            "tcp" => scalar::ports(&entry, &mut ports.tcp, mistakes),
            "udp" => scalar::ports(&entry, &mut ports.udp, mistakes),
            "protocol" => scalar::protocols(&entry, &mut ports.protocols, mistakes),
            "description" => scalar::prose(&entry, mistakes),
            _ => unknown_key(&entry, SERVICE_KEYS, "a service", mistakes),
        }
    }
    if ports.is_empty() && mistakes.errors() == errors {
        mistakes.add(
            Mistake::new(Code::MissingKey, at, format!("service `{}` has no port", name.value))
                .help("write `tcp: [...]`, `udp: [...]` or `protocol: [...]`".to_owned()),
        );
    }
    Some(DraftService { name, ports })
}

fn segment(entry: Entry, mistakes: &mut Mistakes<'_>) -> Option<DraftSegment> {
    let name = scalar::declared_name(&entry.key, &["internet", "unassigned"], mistakes)?;
    let at = entry.key.span;
    let mut segment = DraftSegment {
        name,
        selectors: Selectors::default(),
        within: None,
        criticality: Criticality::Ordinary,
        failure: None,
        trusted: Vec::new(),
    };
    let errors = mistakes.errors();
    let mut matched = false;
    for entry in scalar::entries(entry, "the keys of a segment", mistakes) {
        match entry.key.value.as_str() {
            "match" => {
                matched = true;
                selectors(entry, &mut segment.selectors, mistakes);
            }
            "within" => segment.within = scalar::word(&entry, ACTIONS, mistakes),
            "life_critical" => {
                segment.criticality =
                    scalar::word(&entry, CRITICALITIES, mistakes).unwrap_or(Criticality::Ordinary);
            }
            "fail" => segment.failure = scalar::word(&entry, FAILURES, mistakes),
            "trust" => segment.trusted.extend(scalar::each(&entry, standing::server, mistakes)),
            "description" => scalar::prose(&entry, mistakes),
            _ => unknown_key(&entry, SEGMENT_KEYS, "a segment", mistakes),
        }
    }
    if !matched && mistakes.errors() == errors {
        empty_selector(at, &segment.name.value, mistakes);
    }
    Some(segment)
}

fn empty_selector(at: Span, name: &str, mistakes: &mut Mistakes<'_>) {
    mistakes.add(
        Mistake::new(Code::EmptySelector, at, format!("segment `{name}` selects nothing"))
            .help("write `match: { ip: [...] }`, or select by `mac`, `vlan` or `class`".to_owned()),
    );
}

fn selectors(entry: Entry, selectors: &mut Selectors, mistakes: &mut Mistakes<'_>) {
    let at = entry.key.span;
    let errors = mistakes.errors();
    let mut class = None;
    let mut other = None;
    for entry in scalar::entries(entry, "selectors", mistakes) {
        match entry.key.value.as_str() {
            "ip" => selectors.prefixes.extend(scalar::each(&entry, Prefix::read, mistakes)),
            "mac" => selectors.macs.extend(scalar::each(&entry, scalar::mac, mistakes)),
            "vlan" => selectors.vlans.extend(scalar::each(&entry, scalar::vlan, mistakes)),
            "class" => selectors.classes.extend(scalar::each(&entry, scalar::class, mistakes)),
            _ => {
                unknown_key(&entry, MATCH_KEYS, "`match`", mistakes);
                continue;
            }
        }
        let kind = if entry.key.value == "class" { &mut class } else { &mut other };
        *kind = Some(entry.key.span);
    }
    if class.is_none() && other.is_none() && mistakes.errors() == errors {
        mistakes.add(
            Mistake::new(Code::EmptySelector, at, "this selects nothing")
                .help("select by `ip`, `mac`, `vlan` or `class`".to_owned()),
        );
    }
    if let (Some(class), Some(other)) = (class, other) {
        let message = "devices of this class join the segment wherever they are";
        mistakes.add(
            Mistake::new(Code::MixedSelector, class, message)
                .also(other, "this selector does not narrow the class")
                .help(
                    "selectors add up: any one of them suffices. Select by class alone or by place alone"
                        .to_owned(),
                ),
        );
    }
}

fn rule(node: Node, action: Action, mistakes: &mut Mistakes<'_>) -> Option<DraftRule> {
    let span = node.span;
    let Kind::Map(entries) = node.kind else {
        if !matches!(node.kind, Kind::Broken) {
            mistakes.add(
                Mistake::new(Code::WrongType, span, "a rule is a mapping")
                    .help("write `- { id: ..., from: ..., to: ..., service: ... }`".to_owned()),
            );
        }
        return None;
    };
    let mut rule = DraftRule {
        id: Token { value: String::new(), span },
        action,
        from: Side::Named(Vec::new()),
        to: Side::Named(Vec::new()),
        except: Vec::new(),
        services: Vec::new(),
        inline: PortSet::default(),
        mode: None,
        rate: None,
    };
    let seen: Vec<String> =
        entries.iter().map(|entry| meant(&entry.key.value, RULE_KEYS).to_owned()).collect();
    let first = entries.first().map_or(span, |entry| entry.key.span);
    for entry in entries {
        rule_key(&entry, &mut rule, mistakes);
    }
    for (keys, what, help) in RULE_NEEDS {
        if !keys.iter().any(|key| seen.iter().any(|seen| seen == key)) {
            let name = if rule.id.value.is_empty() {
                "this rule".to_owned()
            } else {
                format!("rule `{}`", rule.id.value)
            };
            let at = if rule.id.value.is_empty() { first } else { rule.id.span };
            mistakes.add(
                Mistake::new(Code::MissingKey, at, format!("{name} has no {what}")).help((*help).to_owned()),
            );
        }
    }
    Some(rule)
}

/// What a rule must have: one of the keys, what it is called, and how to write it.
const RULE_NEEDS: &[(&[&str], &str, &str)] = &[
    (&["id"], "`id`", "give it one, as `id: ct-to-pacs`: verdicts and alerts quote it"),
    (&["from"], "`from`", "write the segments that may begin, as `from: imaging`, or `from: \"*\"`"),
    (&["to"], "`to`", "write the segments that answer, as `to: pacs`, or `to: \"*\"`"),
    (
        &["service", "tcp", "udp", "protocol"],
        "service",
        "write `service: dicom`, ports as `tcp: [443]`, or `service: any`",
    ),
];

fn rule_key(entry: &Entry, rule: &mut DraftRule, mistakes: &mut Mistakes<'_>) {
    match entry.key.value.as_str() {
        "id" => {
            if let Some(text) = scalar::one_word(entry, mistakes) {
                let token = Token { value: text, span: entry.value.span };
                if let Some(id) = scalar::declared_name(&token, &[], mistakes) {
                    rule.id = id;
                }
            }
        }
        "from" => rule.from = side(entry, mistakes),
        "to" => rule.to = side(entry, mistakes),
        "except" => rule.except = scalar::each(entry, scalar::name, mistakes),
        "service" => rule.services = scalar::each(entry, scalar::name, mistakes),
        "tcp" => scalar::ports(entry, &mut rule.inline.tcp, mistakes),
        "udp" => scalar::ports(entry, &mut rule.inline.udp, mistakes),
        "protocol" => scalar::protocols(entry, &mut rule.inline.protocols, mistakes),
        "mode" => rule.mode = scalar::word(entry, MODES, mistakes),
        "rate" => rule.rate = rate::read(entry, mistakes),
        "description" => scalar::prose(entry, mistakes),
        _ => unknown_key(entry, RULE_KEYS, "a rule", mistakes),
    }
}

fn side(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Side {
    let names: Vec<Token<String>> = scalar::each(entry, scalar::name, mistakes);
    match names.iter().find(|name| name.value == "*") {
        None => Side::Named(names),
        Some(_) if names.len() == 1 => Side::Every,
        Some(star) => {
            mistakes.add(
                Mistake::new(Code::Star, star.span, "`\"*\"` already stands for every segment")
                    .help("write it alone, and what it shall not cover under `except`".to_owned()),
            );
            Side::Every
        }
    }
}
