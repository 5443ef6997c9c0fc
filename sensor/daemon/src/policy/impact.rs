//! `wardline policy impact --over PATH POLICY`: what a policy would cut of what was talked.

use super::{line, outcome, print, print_json};
use crate::check::load;
use crate::command::{Form, PolicyImpact};
use crate::exit::{Exit, Failure};
use crate::recorded::{self, Accused, Recorded};
use crate::sink::words;
use crate::time;
use abi::address::{SECOND, Timestamp};
use abi::table::{Action, Cell, Mode, RuleId};
use anyhow::anyhow;
use lake::impact::{Cut, Impact, Party, impact};
use policies::Compiled;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// Pairs of devices shown on the page; `--json` has all.
const SHOWN: usize = 60;
/// Names shown of one kind of fact.
const NAMES: usize = 12;
/// Less than this was observed: weekly work may not be in it.
const WEEK: u64 = 7 * 86_400 * SECOND;

/// Judges what was recorded. Exit code 1 where something would be cut.
///
/// # Errors
/// The policy or what was recorded cannot be read.
pub(crate) fn run(request: &PolicyImpact) -> Result<Exit, Failure> {
    let policy = load(&request.policy)?;
    let before = request.before.as_deref().map(load).transpose()?;
    let recorded = recorded::read(&request.over, request.span, Accused::Kept, request.quiet)?;
    if recorded.record.flows == 0 {
        let text = "no flow of IP was recorded in this time: there is nothing to judge (look at --over, --from and --to)";
        return Err(Failure::usage(anyhow!(text)));
    }
    let impact = impact(&recorded.record, before.as_ref(), &policy).map_err(Failure::usage)?;
    match request.form {
        Form::Json => print_json(&as_json(&policy, &recorded, &impact))?,
        Form::Text => print(&page(&policy, &recorded, &impact))?,
    }
    Ok(if impact.cuts.is_empty() { Exit::Ok } else { Exit::Findings })
}

fn page(policy: &Compiled, recorded: &Recorded, impact: &Impact) -> String {
    let mut text = String::new();
    line(&mut text, &observed(impact));
    text.push('\n');
    if impact.cuts.is_empty() {
        line(&mut text, "Nothing of it would be cut.");
    } else {
        cuts(&mut text, policy, impact);
    }
    let silent = never_fired(policy, impact);
    if !silent.is_empty() {
        text.push('\n');
        line(&mut text, "Rules that decided nothing");
        for id in &silent {
            if let Some(rule) = policy.rule(*id) {
                line(&mut text, &format!("  {} ({}:{})", rule.name, rule.file, rule.line));
            }
        }
    }
    text.push('\n');
    line(&mut text, "Limits");
    for limit in limits(policy, recorded, impact) {
        line(&mut text, &format!("  {limit}"));
    }
    text
}

fn observed(impact: &Impact) -> String {
    let Some((first, last)) = impact.span else { return "No flow of IP was recorded.".to_owned() };
    let seconds = last.since(first) / SECOND;
    let length = match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    let (flows, pairs) = (impact.flows, impact.pairs);
    format!("Over {length} ({} to {}): {flows} flows of {pairs} pairs of devices.", short(first), short(last))
}

/// A time to the second.
fn short(at: Timestamp) -> String {
    let text = time::text(at);
    text.get(..19).map_or(text.clone(), |head| format!("{head}Z"))
}

fn cuts(text: &mut String, policy: &Compiled, impact: &Impact) {
    let flows = impact.cuts.iter().fold(0_u64, |sum, cut| sum.saturating_add(cut.flows));
    let pairs: BTreeSet<_> =
        impact.cuts.iter().map(|cut| (cut.client.side.device, cut.server.side.device)).collect();
    let dropped = impact.cuts.iter().filter(|cut| cut.mode == Mode::Enforce).count();
    let all = impact.cuts.len();
    line(
        text,
        &format!(
            "Would be cut: {all} services of {} pairs, {flows} flows. Dropped as the policy stands: {dropped}; the others once it enforces.",
            pairs.len()
        ),
    );
    let groups = groups(&impact.cuts);
    let mut critical = None;
    for group in groups.iter().take(SHOWN) {
        if critical.replace(group.first.is_life_critical()) != Some(group.first.is_life_critical()) {
            line(text, if group.first.is_life_critical() { "\nPatients depend on it" } else { "\nOthers" });
        }
        line(text, &group.words(policy));
    }
    if groups.len() > SHOWN {
        line(text, &format!("  and {} pairs more (--json has them all)", groups.len().saturating_sub(SHOWN)));
    }
}

/// The cuts of a pair of devices that have one cause.
struct Group<'i> {
    first: &'i Cut,
    services: Vec<String>,
    flows: u64,
    answered: u64,
    last: Timestamp,
}

/// In the order of the cuts.
fn groups(cuts: &[Cut]) -> Vec<Group<'_>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for cut in cuts {
        let key = (cut.client.side.device, cut.server.side.device, cut.rule, cut.mode as u8);
        let next = groups.len();
        let place = *places.entry(key).or_insert(next);
        if place == next {
            groups.push(Group { first: cut, services: Vec::new(), flows: 0, answered: 0, last: cut.last });
        }
        if let Some(group) = groups.get_mut(place) {
            group.services.push(service(cut));
            group.flows = group.flows.saturating_add(cut.flows);
            group.answered = group.answered.saturating_add(cut.answered);
            group.last = group.last.max(cut.last);
        }
    }
    groups
}

impl Group<'_> {
    fn words(&self, policy: &Compiled) -> String {
        let cut = self.first;
        let (client, server) = (party(policy, cut.client), party(policy, cut.server));
        let names: Vec<&str> = self.services.iter().map(String::as_str).collect();
        let answered = if self.answered == 0 { ", never answered" } else { "" };
        let flows = if self.flows == 1 { "seen once".to_owned() } else { format!("{} flows", self.flows) };
        let verdict = Cell { rule: cut.rule, action: Action::Deny, mode: cut.mode };
        format!(
            "  {client} -> {server}: {}\n      {flows}{answered}, last {}; {} by {}",
            listed(&names),
            short(self.last),
            outcome(verdict),
            by(policy, cut)
        )
    }
}

fn party(policy: &Compiled, party: Party) -> String {
    format!("{} ({})", party.side.ip, policy.segment_name(party.segment))
}

fn service(cut: &Cut) -> String {
    match (&cut.service, words::proto(cut.protocol)) {
        (Some(name), _) => name.clone(),
        (None, Some(word)) if words::has_ports(cut.protocol) => format!("{word}/{}", cut.port),
        (None, Some(word)) => word.to_owned(),
        (None, None) => format!("protocol {}", cut.protocol),
    }
}

fn by(policy: &Compiled, cut: &Cut) -> String {
    match cut.rule.and_then(|id| policy.rule(id)) {
        Some(rule) => format!("{} ({}:{})", rule.name, rule.file, rule.line),
        None => format!("no rule ({})", cut.reason.word()),
    }
}

fn never_fired(policy: &Compiled, impact: &Impact) -> Vec<RuleId> {
    policy.rules.iter().map(|rule| rule.id).filter(|id| !impact.fired.contains_key(id)).collect()
}

/// What the record cannot tell.
fn limits(policy: &Compiled, recorded: &Recorded, impact: &Impact) -> Vec<String> {
    let mut limits = Vec::new();
    if impact.span.is_some_and(|(first, last)| last.since(first) < WEEK) {
        limits.push(
            "less than a week was observed: work of certain days, and of emergencies, may not be in it"
                .to_owned(),
        );
    }
    if impact.once > 0 {
        limits.push(format!(
            "{} of {} pairs talked in one flow only: as many others may talk as seldom and were not seen",
            impact.once, impact.pairs
        ));
    }
    let names: Vec<&str> = impact.unseen.iter().map(|id| policy.segment_name(Some(*id))).collect();
    if !names.is_empty() {
        limits.push(format!("no device was seen of: {}", listed(&names)));
    }
    let silent: Vec<String> = recorded.silent.iter().map(ToString::to_string).collect();
    if !silent.is_empty() {
        let names: Vec<&str> = silent.iter().map(String::as_str).collect();
        limits.push(format!(
            "{} devices of the inventory talked to nobody: {}",
            silent.len(),
            listed(&names)
        ));
    }
    limits.push(
        "each access is judged by its first frame, with device types as they are known at the end: rates, replies, what only later \
         frames do, and the time before a type was known are not in it"
            .to_owned(),
    );
    limits
}

fn listed(names: &[&str]) -> String {
    let rest = names.len().saturating_sub(NAMES);
    let shown = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
    if rest == 0 { shown } else { format!("{shown} and {rest} more") }
}

fn as_json(policy: &Compiled, recorded: &Recorded, impact: &Impact) -> Value {
    let party = |party: Party| {
        json!({
            "device": party.side.device.to_string(),
            "ip": party.side.ip.to_string(),
            "mac": party.side.mac.to_string(),
            "segment": policy.segment_name(party.segment),
            "life_critical": party.criticality == policies::Criticality::LifeCritical,
        })
    };
    let cuts: Vec<Value> = impact
        .cuts
        .iter()
        .map(|cut| {
            json!({
                "client": party(cut.client),
                "server": party(cut.server),
                "service": service(cut),
                "ports": cut.ports,
                "mode": words::mode(cut.mode),
                "dropped": cut.mode == Mode::Enforce,
                "rule": cut.rule.and_then(|id| policy.rule(id)).map(|rule| rule.name.clone()),
                "reason": cut.reason.word(),
                "life_critical": cut.is_life_critical(),
                "flows": cut.flows,
                "answered": cut.answered,
                "bytes": cut.bytes,
                "ts_first": time::text(cut.first),
                "ts_last": time::text(cut.last),
            })
        })
        .collect();
    let fired =
        impact.fired.iter().filter_map(|(id, flows)| Some((policy.rule(*id)?.name.clone(), json!(flows))));
    let name = |id: RuleId| policy.rule(id).map(|rule| rule.name.clone());
    json!({
        "flows": impact.flows,
        "pairs": impact.pairs,
        "pairs_seen_once": impact.once,
        "ts_first": impact.span.map(|(first, _)| time::text(first)),
        "ts_last": impact.span.map(|(_, last)| time::text(last)),
        "cuts": cuts,
        "rules": fired.collect::<serde_json::Map<String, Value>>(),
        "rules_without_flows": never_fired(policy, impact).into_iter().filter_map(name).collect::<Vec<_>>(),
        "segments_not_seen": impact.unseen.iter().map(|id| policy.segment_name(Some(*id))).collect::<Vec<_>>(),
        "devices_not_seen": recorded.silent.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
