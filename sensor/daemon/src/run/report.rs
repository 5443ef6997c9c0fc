//! What a run tells at its end, and in one line meanwhile.

use super::Told;
use super::live::Figures;
use super::tally::Count;
use crate::command::Form;
use crate::exit::Failure;
use crate::fastpath::pins::Way;
use crate::harmless;
use abi::cell::Cell64;
use abi::judge::Builtin;
use abi::state::State;
use abi::table::{Action, Mode};
use policies::Compiled;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// A rule's counts.
struct Row {
    /// None for what no rule decided.
    rule: Option<String>,
    /// Where it stands, and what it does, while the policy has it.
    place: String,
    count: Count,
}

/// Counters at one moment.
pub(super) struct Report {
    ports: Vec<(String, Way)>,
    policy: String,
    generation: u64,
    rules: Vec<Row>,
    builtins: Vec<(&'static str, abi::state::Tally)>,
    allowed: u64,
    would_drop: u64,
    dropped: u64,
    told: Told,
    /// What became of what is denied in mode enforce.
    denied_word: &'static str,
    lost: u64,
    others: Vec<(&'static str, u64)>,
    /// Where frames are looked at.
    figures: Option<Figures>,
}

impl Report {
    /// What the state has counted by now.
    pub(super) fn of(
        state: &State,
        policy: &Compiled,
        rules: BTreeMap<Option<String>, Count>,
        ports: Vec<(String, Way)>,
        (told, denied_word): (Told, &'static str),
    ) -> Report {
        let counters = &state.counters;
        let sum =
            |of: fn(abi::state::PairTally) -> u64| counters.all_pairs().map(of).fold(0, u64::saturating_add);
        let others = [
            ("judged again", &counters.rejudged),
            ("flows evicted", &counters.evicted),
            ("denials without room", &counters.refused),
            ("source MAC address moved", &counters.mac_moved),
            ("fragments without their first", &counters.orphans),
            ("unreadable", &counters.unreadable),
            ("passed while nobody attended", &counters.opened),
            ("dropped while nobody attended", &counters.closed),
        ];
        let cut = [
            ("in quarantine", counters.quarantined().packets),
            ("from servers that may not be", counters.rogue_servers().packets),
        ];
        Report {
            ports,
            policy: policy_line(policy),
            generation: state.generation(),
            rules: rules.into_iter().map(|(rule, count)| row(policy, rule, count)).collect(),
            builtins: Builtin::ALL.map(|builtin| (builtin.word(), counters.builtin(builtin))).to_vec(),
            allowed: sum(|pair| pair.allowed),
            would_drop: sum(|pair| pair.would_drop()),
            dropped: sum(|pair| pair.dropped),
            told,
            denied_word,
            lost: counters.untold.load(),
            others: others
                .map(|(name, counter)| (name, Cell64::load(counter)))
                .into_iter()
                .chain(cut)
                .collect(),
            figures: None,
        }
    }

    /// With what the engine has seen, where there is one.
    pub(super) fn with(self, figures: Option<Figures>) -> Report {
        Report { figures, ..self }
    }

    fn needed(&self) -> u64 {
        self.builtins.iter().map(|(_, count)| count.packets).fold(0, u64::saturating_add)
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let Told { new_flows, denied, moved, .. } = self.told;
        let engine = self.figures.map_or_else(String::new, |figures| {
            format!(
                "; engine: {} frames, {} lost, {} incidents",
                figures.seen,
                figures.lost(),
                figures.incidents
            )
        });
        format!(
            "{} allowed, {} denied and passed, {} {}, {} built in; events: {new_flows} new flows, {denied} denials, {moved} moved, {} lost; generation {}{engine}",
            self.allowed,
            self.would_drop,
            self.dropped,
            self.denied_word,
            self.needed(),
            self.lost,
            self.generation
        )
    }

    /// To standard output.
    pub(super) fn print(&self, form: Form) -> Result<(), Failure> {
        let text = match form {
            Form::Json => format!("{}\n", self.json()),
            Form::Text => harmless::page(&self.text()).into_owned(),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).map_err(|error| Failure::writing("standard output", error))
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, way) in &self.ports {
            line(&mut text, &format!("port {name}: {}", word(*way)));
        }
        line(&mut text, &format!("policy {}", self.policy));
        line(&mut text, "frames by what the policy says");
        line(&mut text, &format!("  {:>14}  allowed", self.allowed));
        line(
            &mut text,
            &format!("  {:>14}  denied, and passed because that is not enforced", self.would_drop),
        );
        line(&mut text, &format!("  {:>14}  {}", self.dropped, self.denied_word));
        line(&mut text, "frames by rule");
        for Row { rule, place, count } in &self.rules {
            let name = rule.as_deref().unwrap_or("no rule");
            line(&mut text, &format!("  {:>14}  {:>16} B  {name}{place}", count.packets, count.bytes));
        }
        line(&mut text, "frames that every network needs");
        for (name, count) in self.builtins.iter().filter(|(_, count)| count.packets > 0) {
            line(&mut text, &format!("  {:>14}  {:>16} B  {name}", count.packets, count.bytes));
        }
        let Told { new_flows, denied, moved, .. } = self.told;
        line(
            &mut text,
            &format!("events: {new_flows} new flows, {denied} denials, {moved} moved, {} lost", self.lost),
        );
        for (name, count) in self.others.iter().filter(|(_, count)| *count > 0) {
            line(&mut text, &format!("{name}: {count}"));
        }
        if let Some(Figures { seen, ring, capture, queue, incidents }) = self.figures {
            line(&mut text, &format!("frames that the engine saw: {seen}; incidents: {incidents}"));
            let lost = format!(
                "no room for: {ring} in the ring, {capture} in the kernel or card, {queue} in the queue"
            );
            line(&mut text, &lost);
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let count = |count: &abi::state::Tally| json!({ "packets": count.packets, "bytes": count.bytes });
        let rules = self.rules.iter().map(|Row { rule, count, .. }| {
            let Count { packets, bytes, denied, dropped } = count;
            json!({ "rule": rule, "packets": packets, "bytes": bytes, "denied": denied, "dropped": dropped })
        });
        let ports = self.ports.iter().map(|(name, way)| json!({ "interface": name, "way": word(*way) }));
        let builtins = self.builtins.iter().map(|(name, of)| ((*name).to_owned(), count(of)));
        let others = self.others.iter().map(|(name, count)| (name.replace(' ', "_"), json!(count)));
        let engine = self.figures.map(|Figures { seen, ring, capture, queue, incidents }| {
            json!({ "seen": seen, "lost": { "ring": ring, "capture": capture, "queue": queue }, "incidents": incidents })
        });
        json!({
            "engine": engine,
            "ports": ports.collect::<Vec<Value>>(),
            "policy": self.policy,
            "generation": self.generation,
            "fates": { "allowed": self.allowed, "denied_and_passed": self.would_drop, (self.denied_word): self.dropped },
            "rules": rules.collect::<Vec<Value>>(),
            "builtins": builtins.collect::<serde_json::Map<String, Value>>(),
            "events": {
                "new_flows": self.told.new_flows,
                "denied": self.told.denied,
                "moved": self.told.moved,
                "lost": self.lost,
            },
            "others": others.collect::<serde_json::Map<String, Value>>(),
        })
    }
}

/// A policy in a few words.
pub(super) fn policy_line(policy: &Compiled) -> String {
    let hash = policy.hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first) >> 16);
    format!("{hash:012x}: {} segments, {} rules", policy.segments.len(), policy.rules.len())
}

fn row(policy: &Compiled, rule: Option<String>, count: Count) -> Row {
    let found = policy.rules.iter().find(|known| Some(&known.name) == rule.as_ref());
    let place = found.map_or_else(String::new, |rule| {
        let what = match (rule.action, rule.mode) {
            (Action::Allow, Mode::Observe) => "allow, on trial",
            (Action::Allow, Mode::Alert | Mode::Enforce) => "allow",
            (Action::Deny, Mode::Observe) => "deny, observed",
            (Action::Deny, Mode::Alert) => "deny, told",
            (Action::Deny, Mode::Enforce) => "deny",
        };
        format!(" ({what}; {}:{})", rule.file, rule.line)
    });
    Row { rule, place, count }
}

const fn word(way: Way) -> &'static str {
    match way {
        Way::Native => "native",
        Way::Generic => "generic",
    }
}

/// Adds a line.
pub(super) fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
