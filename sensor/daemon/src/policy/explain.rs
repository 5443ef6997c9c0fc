//! `wardline policy explain FROM TO SERVICE`: which rule decides, and why the others do not.

use super::{line, outcome, print, print_json, sources};
use crate::command::{ExplainAccess, Form};
use crate::exit::{Exit, Failure};
use crate::sink::words;
use abi::table::RuleId;
use anyhow::anyhow;
use policies::{Asked, Compiled, Decider, Explanation, Reason, Who};
use serde_json::{Value, json};

/// Rules shown that speak of other segments or services, unless all are asked for.
const NEAR: usize = 8;

/// Explains.
///
/// # Errors
/// The policy cannot be read or is invalid, or a word means nothing in it.
pub(crate) fn run(request: &ExplainAccess) -> Result<Exit, Failure> {
    let sources = sources(std::slice::from_ref(&request.policy))?;
    let policy = policies::compile(&sources).map_err(Failure::invalid)?;
    let resolved = policies::resolved(&sources).map_err(Failure::invalid)?;
    let who = |word: &str| policy.who(word).map_err(|unknown| Failure::usage(anyhow!("{unknown}")));
    let from = who(&request.from)?;
    // What goes to a group belongs to the sender's own segment.
    let to = match who(&request.to)? {
        Who::Address(ip, _) if ip.is_group() => Who::Address(ip, from.segment()),
        to @ (Who::Segment(_) | Who::Address(..) | Who::Mac(..)) => to,
    };
    let ports = policy.ports(&request.service).map_err(|unknown| Failure::usage(anyhow!("{unknown}")))?;
    let explained: Vec<(Asked, Explanation)> = ports
        .into_iter()
        .map(|(protocol, port)| Asked { from: from.segment(), to: to.segment(), protocol, port })
        .map(|asked| (asked, resolved.explain(asked)))
        .collect();
    match request.form {
        Form::Json => {
            let rows: Vec<Value> = explained.iter().map(|one| as_json(&policy, one)).collect();
            print_json(
                &json!({ "from": request.from, "to": request.to, "service": request.service, "explained": rows }),
            )?;
        }
        Form::Text => print(&page(&policy, (from, to), request, &explained))?,
    }
    Ok(Exit::Ok)
}

fn page(
    policy: &Compiled,
    (from, to): (Who, Who),
    request: &ExplainAccess,
    explained: &[(Asked, Explanation)],
) -> String {
    let side = |word: &str, who: Who| match who {
        Who::Segment(_) => word.to_owned(),
        Who::Address(..) | Who::Mac(..) => format!("{word} ({})", policy.segment_name(who.segment())),
    };
    let (from, to) = (side(&request.from, from), side(&request.to, to));
    let mut text = String::new();
    for (asked, explanation) in explained {
        line(&mut text, &format!("{from} -> {to}, {}", port(policy, *asked)));
        line(&mut text, &format!("  {}", outcome(explanation.cell)));
        line(&mut text, &format!("  {}", decider(policy, explanation)));
        let rules = &explanation.others;
        let is_near = |reason: Reason| !matches!(reason, Reason::Other);
        let near = rules.iter().take_while(|(reason, _)| is_near(*reason)).count();
        let shown = if request.all { rules.len() } else { near.min(NEAR) };
        if shown > 0 {
            line(&mut text, "  not decided by");
        }
        for &(reason, id) in rules.iter().take(shown) {
            line(&mut text, &format!("    {}: {}", place(policy, id), why(policy, reason)));
        }
        let rest = rules.len().saturating_sub(shown);
        if rest > 0 {
            line(
                &mut text,
                &format!(
                    "    and {rest} more rules that speak of other segments or services (--all shows them)"
                ),
            );
        }
        text.push('\n');
    }
    text
}

fn port(policy: &Compiled, asked: Asked) -> String {
    let plain = match asked.protocol {
        6 => format!("tcp {}", asked.port),
        17 => format!("udp {}", asked.port),
        other => format!("protocol {other}"),
    };
    match policy.service_name(asked.protocol, asked.port) {
        Some(name) => format!("{plain} ({name})"),
        None => plain,
    }
}

/// A rule with its place.
fn place(policy: &Compiled, id: RuleId) -> String {
    policy.rule(id).map_or_else(String::new, |rule| format!("{} ({}:{})", rule.name, rule.file, rule.line))
}

fn decider(policy: &Compiled, explanation: &Explanation) -> String {
    match explanation.decider {
        Decider::Rule(id) => {
            format!("by the {} rule {}", words::action(explanation.cell.action), place(policy, id))
        }
        Decider::Between => "by the default between segments: no rule matches".to_owned(),
        Decider::Within => "by the default within the segment: no rule matches".to_owned(),
        Decider::Unassigned => "by `defaults: { unassigned: ... }`: one side is in no segment".to_owned(),
    }
}

fn why(policy: &Compiled, reason: Reason) -> String {
    match reason {
        Reason::After(id) => {
            let first = policy.rule(id).map_or("another rule", |rule| rule.name.as_str());
            format!("matches, and {first} is asked before it")
        }
        Reason::OnTrial => "matches, and is on trial (an allow rule in mode observe)".to_owned(),
        Reason::OtherService => "speaks of these segments, not of this service".to_owned(),
        Reason::OtherResponder => "speaks of this initiator and service, to other responders".to_owned(),
        Reason::OtherInitiator => "speaks of this responder and service, from other initiators".to_owned(),
        Reason::OtherWay => {
            "speaks of the other direction; replies need no rule, new connections do".to_owned()
        }
        Reason::Other => "speaks of other segments or services".to_owned(),
    }
}

fn as_json(policy: &Compiled, (asked, explanation): &(Asked, Explanation)) -> Value {
    let name = |id: RuleId| policy.rule(id).map(|rule| rule.name.clone());
    let others: Vec<Value> = explanation
        .others
        .iter()
        .map(|&(reason, id)| json!({ "rule": name(id), "why": why(policy, reason) }))
        .collect();
    let rule = explanation.cell.rule.and_then(|id| policy.rule(id));
    json!({
        "from_segment": policy.segment_name(asked.from),
        "to_segment": policy.segment_name(asked.to),
        "protocol": asked.protocol,
        "port": asked.port,
        "action": words::action(explanation.cell.action),
        "mode": words::mode(explanation.cell.mode),
        "dropped": explanation.cell.action == abi::table::Action::Deny && explanation.cell.mode == abi::table::Mode::Enforce,
        "rule": rule.map(|rule| rule.name.clone()),
        "file": rule.map(|rule| rule.file.clone()),
        "line": rule.map(|rule| rule.line),
        "reason": decider(policy, explanation),
        "others": others,
    })
}
