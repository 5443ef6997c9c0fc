//! The tables against a naive reading of random policies: written as text, compiled, and asked every different access.

use abi::table::{Access, Action, Cell, Mode, RuleId, SegmentId};
use proptest::prelude::*;

use crate::{Code, Source, compile};

/// A policy as one thinks of it.
#[derive(Clone, Debug)]
struct Sketch {
    between: Action,
    within: Action,
    unassigned: usize,
    mode: Mode,
    /// What each segment says of `within`.
    segments: Vec<Option<Action>>,
    services: Vec<Vec<Range>>,
    rules: Vec<SketchRule>,
}

#[derive(Clone, Debug)]
struct SketchRule {
    action: Action,
    mode: Option<Mode>,
    from: Side,
    to: Side,
    except: Option<usize>,
    ports: SketchPorts,
}

#[derive(Clone, Debug)]
enum Side {
    Every,
    /// Numbers of segments; that of `internet` is the one after the last declared.
    Some(Vec<usize>),
}

#[derive(Clone, Debug)]
enum SketchPorts {
    Any,
    Some { services: Vec<usize>, inline: Vec<Range> },
}

/// A protocol (TCP, UDP, ICMP or GRE) and ports; protocols without ports ignore them.
type Range = (u8, u16, u16);

/// Few edges, so that ranges meet, overlap and nest.
const EDGES: [u16; 9] = [1, 2, 53, 80, 81, 443, 1000, 65_534, 65_535];
const UNASSIGNED: [&str; 3] = ["observe", "alert", "deny"];

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Alert => "alert",
        Mode::Enforce => "enforce",
    }
}

fn action_word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    }
}

impl Sketch {
    fn name(&self, segment: usize) -> String {
        if segment > self.segments.len() { "internet".to_owned() } else { format!("s{segment}") }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "version: 1\ndefaults: {{ between: {}, within: {}, unassigned: {}, mode: {} }}\nsegments:\n",
            action_word(self.between),
            action_word(self.within),
            UNASSIGNED[self.unassigned],
            word(self.mode),
        );
        for (at, within) in self.segments.iter().enumerate() {
            let within = within.map_or(String::new(), |action| format!(", within: {}", action_word(action)));
            text += &*format!("  s{}: {{ match: {{ vlan: {} }}{within} }}\n", at + 1, at + 1);
        }
        text += "services:\n";
        for (at, ranges) in self.services.iter().enumerate() {
            text += &*format!("  v{at}: {{ {} }}\n", ports_text(ranges));
        }
        // The rules of both sections keep their order, and with it their numbers: one section for each run.
        let mut files = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            files.push(format!(
                "{}: [{{ id: r{at}, {} }}]\n",
                action_word(rule.action),
                self.rule_text(rule)
            ));
        }
        text + "---\n" + &files.join("---\n")
    }

    fn rule_text(&self, rule: &SketchRule) -> String {
        let side = |side: &Side| match side {
            Side::Every => "\"*\"".to_owned(),
            Side::Some(all) => {
                format!("[{}]", all.iter().map(|&s| self.name(s)).collect::<Vec<_>>().join(", "))
            }
        };
        let mut text = format!("from: {}, to: {}", side(&rule.from), side(&rule.to));
        if let Some(except) = rule.except {
            text += &*format!(", except: {}", self.name(except));
        }
        match &rule.ports {
            SketchPorts::Any => text += ", service: any",
            SketchPorts::Some { services, inline } => {
                if !services.is_empty() {
                    let names: Vec<String> = services.iter().map(|at| format!("v{at}")).collect();
                    text += &*format!(", service: [{}]", names.join(", "));
                }
                if !inline.is_empty() {
                    text += &*format!(", {}", ports_text(inline));
                }
            }
        }
        if let Some(mode) = rule.mode {
            text += &*format!(", mode: {}", word(mode));
        }
        text
    }

    /// The policy as files, one for each rule, in order.
    fn sources(&self) -> Vec<Source> {
        let text = self.text();
        let part = |(at, part): (usize, &str)| {
            let text = if at == 0 { part.to_owned() } else { format!("version: 1\n{part}") };
            Source { name: format!("{at:03}.yaml"), text }
        };
        text.split("---\n").enumerate().map(part).collect()
    }

    /// The naive reading: verdict, and the rule on trial.
    fn reads(&self, from: usize, to: usize, protocol: u8, port: u16) -> (Cell, Option<RuleId>) {
        let id = |at: usize| RuleId::new(u16::try_from(at + 1).unwrap());
        let matching: Vec<(usize, &SketchRule)> = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| self.matches(rule, (from, to), protocol, port))
            .collect();
        let mode = |rule: &SketchRule| rule.mode.unwrap_or(self.mode);
        for strict in [Mode::Enforce, Mode::Alert, Mode::Observe] {
            for &(at, rule) in &matching {
                if rule.action == Action::Deny && mode(rule) == strict {
                    return (Cell { rule: id(at), action: Action::Deny, mode: strict }, None);
                }
            }
        }
        let mut trial = None;
        for &(at, rule) in &matching {
            if rule.mode == Some(Mode::Observe) {
                trial = trial.or(id(at));
            } else {
                return (Cell { rule: id(at), action: Action::Allow, mode: mode(rule) }, trial);
            }
        }
        let (action, mode) = if from == 0 || to == 0 {
            match UNASSIGNED[self.unassigned] {
                "observe" => (self.between, Mode::Observe),
                "alert" => (self.between, Mode::Alert),
                _ => (Action::Deny, self.mode),
            }
        } else if from == to && from <= self.segments.len() {
            (self.segments[from - 1].unwrap_or(self.within), self.mode)
        } else {
            (self.between, self.mode)
        };
        (Cell { rule: None, action, mode }, trial)
    }

    fn matches(&self, rule: &SketchRule, (from, to): (usize, usize), protocol: u8, port: u16) -> bool {
        let side = |side: &Side, segment: usize| match side {
            Side::Every => (1..=self.segments.len()).contains(&segment) && rule.except != Some(segment),
            Side::Some(all) => all.contains(&segment),
        };
        let within = |range: &Range| {
            range.0 == protocol && (!matches!(protocol, 6 | 17) || (range.1..=range.2).contains(&port))
        };
        let ports = match &rule.ports {
            SketchPorts::Any => true,
            SketchPorts::Some { services, inline } => {
                inline.iter().any(within) || services.iter().any(|&at| self.services[at].iter().any(within))
            }
        };
        side(&rule.from, from) && side(&rule.to, to) && ports
    }
}

fn ports_text(ranges: &[Range]) -> String {
    let of = |wanted: u8| {
        let all = ranges.iter().filter(|range| range.0 == wanted);
        all.map(
            |&(_, first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") },
        )
        .collect::<Vec<_>>()
    };
    let mut parts = Vec::new();
    for (name, number) in [("tcp", 6), ("udp", 17)] {
        let ranges = of(number);
        if !ranges.is_empty() {
            parts.push(format!("{name}: [{}]", ranges.join(", ")));
        }
    }
    let protocols: Vec<&str> = [("icmp", 1), ("47", 47)]
        .iter()
        .filter(|(_, number)| ranges.iter().any(|range| range.0 == *number))
        .map(|&(name, _)| name)
        .collect();
    if !protocols.is_empty() {
        parts.push(format!("protocol: [{}]", protocols.join(", ")));
    }
    parts.join(", ")
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Allow), Just(Action::Deny)]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Observe), Just(Mode::Alert), Just(Mode::Enforce)]
}

fn range() -> impl Strategy<Value = Range> {
    let edge = || prop::sample::select(EDGES.to_vec());
    (prop::sample::select(vec![6_u8, 6, 6, 17, 17, 1, 47]), edge(), edge())
        .prop_map(|(protocol, a, b)| (protocol, a.min(b), a.max(b)))
}

fn rule(segments: usize, services: usize) -> impl Strategy<Value = SketchRule> {
    let side = move || {
        prop_oneof![
            1 => Just(Side::Every),
            3 => prop::collection::vec(1..=segments + 1, 1..4).prop_map(Side::Some),
        ]
    };
    let ports = prop_oneof![
        1 => Just(SketchPorts::Any),
        5 => (prop::collection::vec(0..services, 0..3), prop::collection::vec(range(), 0..3)).prop_map(
            |(services, inline)| {
                if services.is_empty() && inline.is_empty() {
                    SketchPorts::Any
                } else {
                    SketchPorts::Some { services, inline }
                }
            }
        ),
    ];
    (action(), prop::option::of(mode()), side(), side(), prop::option::of(1..=segments), ports).prop_map(
        move |(action, mode, from, to, except, ports)| {
            let starred = matches!((&from, &to), (Side::Every, _) | (_, Side::Every));
            // With one segment, `except` would leave none.
            let except = except.filter(|_| starred && segments > 1);
            SketchRule { action, mode, from, to, except, ports }
        },
    )
}

fn sketch() -> impl Strategy<Value = Sketch> {
    (1..5_usize, 1..4_usize).prop_flat_map(|(segments, services)| {
        (
            (action(), action(), 0..3_usize, mode()),
            prop::collection::vec(prop::option::of(action()), segments),
            prop::collection::vec(prop::collection::vec(range(), 1..4), services),
            prop::collection::vec(rule(segments, services), 0..8),
        )
            .prop_map(|((between, within, unassigned, mode), segments, services, rules)| Sketch {
                between,
                within,
                unassigned,
                mode,
                segments,
                services,
                rules,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_tables_and_explanations_say_what_the_policy_says_and_exactly_the_silent_rules_are_warned_of(sketch in sketch()) {
        let policy = match compile(&sketch.sources()) {
            Ok(policy) => policy,
            Err(mistakes) => return Err(TestCaseError::fail(format!("{mistakes}\n{}", sketch.text()))),
        };
        let resolved = crate::resolved(&sketch.sources()).map_err(|mistakes| TestCaseError::fail(mistakes.to_string()))?;
        let number = |segment: usize| SegmentId::new(u8::try_from(segment).unwrap());
        // One port on each side of every edge: no range of the sketch can tell more apart.
        let ports: Vec<u16> = EDGES.iter().flat_map(|&edge| [edge - 1, edge, edge.saturating_add(1)]).collect();
        let mut heard = std::collections::BTreeSet::new();
        for from in 0..=sketch.segments.len() + 1 {
            for to in 0..=sketch.segments.len() + 1 {
                for (protocol, &port) in [6, 17, 1, 47, 50].iter().flat_map(|&p| ports.iter().map(move |port| (p, port))) {
                    let access = Access {
                        from: number(from),
                        to: number(to),
                        service: policy.tables.class(protocol, port),
                    };
                    let (cell, trial) = sketch.reads(from, to, protocol, port);
                    let asked = crate::Asked { from: number(from), to: number(to), protocol, port };
                    let explained = resolved.explain(asked);
                    let decider = match explained.decider {
                        crate::Decider::Rule(rule) => Some(rule),
                        crate::Decider::Between | crate::Decider::Within | crate::Decider::Unassigned => None,
                    };
                    prop_assert_eq!((explained.cell, decider), (cell, cell.rule), "{:?}\n{}", asked, sketch.text());
                    let told = explained.others.len() + usize::from(decider.is_some());
                    prop_assert_eq!(told, sketch.rules.len());
                    heard.extend(cell.rule);
                    heard.extend(trial);
                    let says = (policy.tables.decide(access), policy.rule_on_trial(access));
                    prop_assert_eq!(says, (cell, trial), "{} to {}, {}/{}\n{}", from, to, protocol, port, sketch.text());
                }
            }
        }
        let silent: Vec<String> = policy
            .rules
            .iter()
            .filter(|rule| !heard.contains(&rule.id))
            .map(|rule| rule.file.clone())
            .collect();
        let warned: Vec<String> = policy
            .warnings
            .iter()
            .filter(|warning| warning.code == Code::NeverMatches)
            .map(|warning| warning.file.clone())
            .collect();
        prop_assert_eq!(warned, silent, "{}", sketch.text());
    }
}
