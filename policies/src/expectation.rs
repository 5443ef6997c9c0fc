//! What a policy says of itself: the section `tests`. A policy whose tests fail is not compiled, so that a rule which
//! somebody relies on cannot be lost by an edit elsewhere.

use abi::address::{Ip, Mac};
use abi::state::Identities;
use abi::table::{Access, Action, Cell, Mode, RuleId, SegmentId};

use crate::Segment;
use crate::compile::Program;
use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::draft::{ACTIONS, MODES, unknown_key};
use crate::ports::{PortSet, ServiceNames, TCP, UDP, protocol_word};
use crate::resolve::{Names, Policy, ResolvedRule, asked_ports, sorted, unknown_segment};
use crate::scalar;
use crate::spans::{Port, Spans};
use crate::suggest::did_you_mean;
use crate::text::{Span, Token};
use crate::yaml::{Entry, Kind, Node};

pub(crate) const KEYS: &[&str] =
    &["from", "to", "service", "tcp", "udp", "protocol", "expect", "mode", "rule", "description"];

/// How a test is written.
const FORM: &str = "write `- { from: guest, to: pacs, service: dicom, expect: deny }`";

/// One entry of `tests`, as it is written.
pub(crate) struct DraftExpectation {
    from: Vec<Token<String>>,
    to: Vec<Token<String>>,
    services: Vec<Token<String>>,
    inline: PortSet,
    action: Token<Action>,
    mode: Option<Mode>,
    rule: Option<Token<String>>,
}

/// One entry of `tests`, whose names are found.
pub(crate) struct Expectation {
    from: Vec<Whom>,
    to: Vec<Whom>,
    /// `None` is every port.
    ports: Option<PortSet>,
    action: Token<Action>,
    mode: Option<Mode>,
    rule: Option<Token<RuleId>>,
}

/// Who begins or answers in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Whom {
    word: String,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Segment(Option<SegmentId>),
    Address(Ip),
}

/// Reads one entry; `None` where something is missing or wrong, which is reported.
pub(crate) fn read(node: Node, mistakes: &mut Mistakes<'_>) -> Option<DraftExpectation> {
    let span = node.span;
    let Kind::Map(entries) = node.kind else {
        if !matches!(node.kind, Kind::Broken) {
            mistakes.add(Mistake::new(Code::WrongType, span, "a test is a mapping").help(FORM.to_owned()));
        }
        return None;
    };
    let (mut from, mut to, mut services, mut inline) =
        (Vec::new(), Vec::new(), Vec::new(), PortSet::default());
    let (mut action, mut mode, mut rule) = (None, None, None);
    let errors = mistakes.errors();
    let first = entries.first().map_or(span, |entry| entry.key.span);
    for entry in entries {
        match entry.key.value.as_str() {
            "from" => from = scalar::each(&entry, scalar::name, mistakes),
            "to" => to = scalar::each(&entry, scalar::name, mistakes),
            "service" => services = scalar::each(&entry, scalar::name, mistakes),
            "tcp" => scalar::ports(&entry, &mut inline.tcp, mistakes),
            "udp" => scalar::ports(&entry, &mut inline.udp, mistakes),
            "protocol" => scalar::protocols(&entry, &mut inline.protocols, mistakes),
            "expect" => action = expected(&entry, mistakes),
            "mode" => mode = scalar::word(&entry, MODES, mistakes),
            "rule" => {
                let word = scalar::one_word(&entry, mistakes);
                rule = word.map(|value| Token { value, span: entry.value.span });
            }
            "description" => scalar::prose(&entry, mistakes),
            _ => unknown_key(&entry, KEYS, "a test", mistakes),
        }
    }
    let asks = !services.is_empty() || !inline.is_empty();
    if let (Some(action), false, false, true) = (action, from.is_empty(), to.is_empty(), asks) {
        return Some(DraftExpectation { from, to, services, inline, action, mode, rule });
    }
    if mistakes.errors() == errors {
        mistakes.add(
            Mistake::new(Code::MissingKey, first, "a test has `from`, `to`, a service and `expect`")
                .help(FORM.to_owned()),
        );
    }
    None
}

fn expected(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<Token<Action>> {
    let value = scalar::word(entry, ACTIONS, mistakes)?;
    Some(Token { value, span: entry.value.span })
}

/// Finds the names of all tests.
pub(crate) fn resolve(
    drafts: Vec<DraftExpectation>,
    names: &Names,
    rules: &[ResolvedRule],
    mistakes: &mut Mistakes<'_>,
) -> Vec<Expectation> {
    let mut found = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let errors = mistakes.errors();
        let mut side = |tokens: &[Token<String>]| {
            tokens.iter().flat_map(|token| whom(token, names, mistakes)).collect::<Vec<Whom>>()
        };
        let (from, to) = (side(&draft.from), side(&draft.to));
        let ports = asked_ports(&draft.services, &draft.inline, names, mistakes);
        let rule = draft.rule.and_then(|token| named_rule(&token, rules, mistakes));
        if mistakes.errors() == errors {
            found.push(Expectation { from, to, ports, action: draft.action, mode: draft.mode, rule });
        }
    }
    found
}

/// The segments or the address that a word names; `"*"` is every declared segment.
fn whom(token: &Token<String>, names: &Names, mistakes: &mut Mistakes<'_>) -> Vec<Whom> {
    let word = token.value.as_str();
    let segment = |word: &str, number: usize| Whom {
        word: word.to_owned(),
        place: Place::Segment(u8::try_from(number).ok().and_then(SegmentId::new)),
    };
    if word == "*" {
        let all = names.segments.iter().filter(|(name, _)| *name != crate::resolve::INTERNET);
        let mut all: Vec<(usize, &str)> = all.map(|(name, &(number, _))| (number, name.as_str())).collect();
        all.sort_unstable();
        return all.into_iter().map(|(number, name)| segment(name, number)).collect();
    }
    if word == "unassigned" {
        return vec![segment(word, 0)];
    }
    if let Some(&(number, _)) = names.segments.get(word) {
        return vec![segment(word, number)];
    }
    if let Ok(address) = word.parse::<std::net::IpAddr>() {
        return vec![Whom { word: word.to_owned(), place: Place::Address(Ip::from(address)) }];
    }
    mistakes.add(unknown_segment(token, names));
    Vec::new()
}

fn named_rule(
    token: &Token<String>,
    rules: &[ResolvedRule],
    mistakes: &mut Mistakes<'_>,
) -> Option<Token<RuleId>> {
    if let Some(rule) = rules.iter().find(|rule| rule.name.value == token.value) {
        return Some(Token { value: rule.id, span: token.span });
    }
    let names = sorted(rules.iter().map(|rule| rule.name.value.as_str()).collect());
    mistakes.add(
        Mistake::new(Code::UnknownRule, token.span, format!("there is no rule `{}`", token.value))
            .help(did_you_mean(&token.value, names)),
    );
    None
}

/// What tests are asked of.
pub(crate) struct Bench<'p> {
    policy: &'p Policy,
    program: &'p Program,
    identities: &'p Identities,
    spans: Spans,
    names: ServiceNames,
}

impl<'p> Bench<'p> {
    /// `identities` hold what the segments of the policy select.
    pub(crate) fn new(policy: &'p Policy, program: &'p Program, identities: &'p Identities) -> Bench<'p> {
        Bench {
            policy,
            program,
            identities,
            spans: Spans::of(&program.tables),
            names: ServiceNames::new(policy.services.clone()),
        }
    }

    /// The first access of a test that is not as it expects.
    pub(crate) fn ask(&self, test: &Expectation) -> Result<(), Mistake> {
        let every = PortSet::full();
        let ports = test.ports.as_ref().unwrap_or(&every);
        let met = self.spans.met(ports);
        for from in &test.from {
            for to in &test.to {
                for &(service, port) in &met {
                    let sender = self.segment(from);
                    // What goes to a group belongs to the sender's own segment.
                    let is_group = matches!(to.place, Place::Address(ip) if ip.is_group());
                    let receiver = if is_group { sender } else { self.segment(to) };
                    let access = Access { from: sender, to: receiver, service };
                    let cell = self.program.tables.decide(access);
                    if !test.is_met_by(cell) {
                        return Err(self.miss(test, (from, to, port), cell));
                    }
                }
            }
        }
        Ok(())
    }

    fn segment(&self, whom: &Whom) -> Option<SegmentId> {
        match whom.place {
            Place::Segment(segment) => segment,
            Place::Address(ip) => self.identities.segment_of(Mac::NONE, ip, [0, 0]),
        }
    }

    fn miss(&self, test: &Expectation, (from, to, port): (&Whom, &Whom, Port), cell: Cell) -> Mistake {
        let name = |whom: &Whom| match whom.place {
            Place::Segment(_) => format!("`{}`", whom.word),
            Place::Address(_) => {
                format!("{} (`{}`)", whom.word, segment_name(self.policy, self.segment(whom)))
            }
        };
        let may = match cell.action {
            Action::Allow => "may reach",
            Action::Deny => "may not reach",
        };
        let by = rule(self.policy, cell.rule);
        let decided = match by {
            Some(rule) => format!("rule `{}` decides", rule.name.value),
            None => "no rule matches, so the default decides".to_owned(),
        };
        let mode = test.mode.map(|_| format!(", in mode {}", word(MODES, cell.mode))).unwrap_or_default();
        let message = format!(
            "this test fails: {} {may} {} over {}{mode}: {decided}",
            name(from),
            name(to),
            port_words(port, &self.names),
        );
        let mut mistake = Mistake::new(Code::FailingTest, test.action.span, message);
        if let Some(rule) = by {
            mistake = mistake.also(rule.name.span, "this rule decides");
        }
        mistake.help("mend the rules, or the test where it is the one that is wrong".to_owned())
    }

    /// A test in a line, as a person says it.
    pub(crate) fn title(&self, test: &Expectation) -> String {
        let side = |all: &[Whom]| match all {
            [one] => one.word.clone(),
            many => many.iter().map(|whom| whom.word.as_str()).collect::<Vec<_>>().join(", "),
        };
        let ports = test.ports.as_ref().map_or("any".to_owned(), |ports| self.names.words(ports).join(", "));
        let mode = test.mode.map(|mode| format!(", {}", word(MODES, mode)));
        let rule = test.rule.as_ref().and_then(|token| rule(self.policy, Some(token.value)));
        let rule = rule.map(|rule| format!(", by `{}`", rule.name.value));
        format!(
            "{} -> {}: {ports}: {}{}{}",
            side(&test.from),
            side(&test.to),
            word(ACTIONS, test.action.value),
            mode.unwrap_or_default(),
            rule.unwrap_or_default()
        )
    }
}

impl Expectation {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        self.action.span
    }

    fn is_met_by(&self, cell: Cell) -> bool {
        cell.action == self.action.value
            && self.mode.is_none_or(|mode| mode == cell.mode)
            && self.rule.as_ref().is_none_or(|rule| Some(rule.value) == cell.rule)
    }
}

fn rule(policy: &Policy, id: Option<RuleId>) -> Option<&ResolvedRule> {
    policy.rules.get(usize::from(id?.0.get()).wrapping_sub(1))
}

fn segment_name(policy: &Policy, segment: Option<SegmentId>) -> &str {
    let found: Option<&Segment> =
        segment.and_then(|id| policy.segments.get(usize::from(id.0.get()).wrapping_sub(1)));
    found.map_or("unassigned", |segment| segment.name.as_str())
}

fn port_words(port: Port, names: &ServiceNames) -> String {
    let plain = match port.protocol {
        TCP | UDP => format!("{} {}", protocol_word(port.protocol), port.number),
        other => protocol_word(other),
    };
    match names.find(port.protocol, port.number) {
        Some(name) => format!("{plain} ({name})"),
        None => plain,
    }
}

/// The word of a value, as policies write it.
fn word<T: Copy + PartialEq>(words: &'static [(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |&(word, _)| word)
}
