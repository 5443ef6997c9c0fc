//! What a policy means, in 32 bytes: equal for texts that differ in comments, layout, file names, service names or
//! the order of segments; different as soon as one verdict, rule id or placement can differ.

use std::fmt::{self, Write};

use abi::table::{Action, Failure, Limit, Mode, SEGMENTS};
use sha2::{Digest, Sha256};

use crate::draft::{Criticality, Unassigned};
use crate::ports::{PortRange, PortSet, has_bit};
use crate::resolve::{Defaults, Policy, Ports, ResolvedRule, Segment, SegmentSet};
use crate::standing::{failure_word, implied, server_word};

/// A hasher as a writer of text.
struct Meaning(Sha256);

impl Write for Meaning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// SHA-256 over the canonical text of a policy.
pub(crate) fn hash(policy: &Policy) -> [u8; 32] {
    let mut meaning = Meaning(Sha256::new());
    // Writing into a hasher has no way to fail.
    match write(policy, &mut meaning) {
        Ok(()) | Err(fmt::Error) => meaning.0.finalize().into(),
    }
}

fn write(policy: &Policy, to: &mut Meaning) -> fmt::Result {
    let defaults = policy.defaults;
    let unassigned = match defaults.unassigned {
        Unassigned::Observe => "observe",
        Unassigned::Alert => "alert",
        Unassigned::Deny => "deny",
    };
    writeln!(to, "wardline policy 1")?;
    writeln!(to, "defaults {} {} {}", action(defaults.between), unassigned, mode(defaults.mode))?;
    let mut segments: Vec<&Segment> = policy.segments.iter().collect();
    segments.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    for segment in segments {
        write_segment(defaults, segment, to)?;
    }
    // What is as it would be without a word has none, so that a policy keeps its name where a new key is not used.
    if defaults.failure != Failure::Static {
        writeln!(to, "fail {}", failure_word(defaults.failure))?;
    }
    // The order of the pairs decides which one gives its mode.
    for pair in &policy.pairs {
        writeln!(to, "pair {}", mode(pair.mode))?;
        write_side(policy, "from", &pair.from, to)?;
        write_side(policy, "to", &pair.to, to)?;
    }
    if policy.refuges != SegmentSet::default() {
        write_side(policy, "quarantine", &policy.refuges, to)?;
    }
    policy.routers.macs.iter().try_for_each(|mac| writeln!(to, "router {mac}"))?;
    policy.routers.prefixes.iter().try_for_each(|prefix| writeln!(to, "routed {prefix}"))?;
    // Among deny rules and among allow rules the order decides which one gives its id.
    for wanted in [Action::Deny, Action::Allow] {
        for rule in policy.rules.iter().filter(|rule| rule.action == wanted) {
            write_rule(policy, rule, to)?;
        }
    }
    Ok(())
}

fn write_segment(defaults: Defaults, segment: &Segment, to: &mut Meaning) -> fmt::Result {
    let critical = match segment.criticality {
        Criticality::Ordinary => "ordinary",
        Criticality::LifeCritical => "life_critical",
    };
    writeln!(to, "segment {} {} {critical}", segment.name, action(segment.within))?;
    if segment.failure != implied(segment.criticality, defaults.failure) {
        writeln!(to, " fail {}", failure_word(segment.failure))?;
    }
    let mut trusted: Vec<&str> = segment.trusted.iter().map(|&server| server_word(server)).collect();
    trusted.sort_unstable();
    trusted.dedup();
    trusted.iter().try_for_each(|word| writeln!(to, " trust {word}"))?;
    segment.prefixes.iter().try_for_each(|prefix| writeln!(to, " ip {prefix}"))?;
    segment.macs.iter().try_for_each(|mac| writeln!(to, " mac {mac}"))?;
    segment.vlans.iter().try_for_each(|vlan| writeln!(to, " vlan {vlan}"))?;
    segment.classes.iter().try_for_each(|class| writeln!(to, " class {class}"))
}

fn write_rule(policy: &Policy, rule: &ResolvedRule, to: &mut Meaning) -> fmt::Result {
    let force = match (rule.action, rule.mode) {
        (Action::Allow, Some(Mode::Observe)) => "trial",
        (Action::Allow | Action::Deny, own) => mode(own.unwrap_or(policy.defaults.mode)),
    };
    writeln!(to, "{} {} {force}", action(rule.action), rule.name.value)?;
    if let Some(Limit { count, period, burst, mode: own }) = rule.limit {
        writeln!(to, " rate {count}/{period} {burst} {}", own.map_or("of the rule", mode))?;
    }
    write_side(policy, "from", &rule.from, to)?;
    write_side(policy, "to", &rule.to, to)?;
    match rule.ports {
        Ports::Any => writeln!(to, " any"),
        Ports::Set(set) => policy.sets.get(set).map_or(Ok(()), |ports| write_ports(ports, to)),
    }
}

fn write_side(policy: &Policy, word: &str, set: &SegmentSet, to: &mut Meaning) -> fmt::Result {
    let members = (1..SEGMENTS).filter(|&number| has_bit(set, number));
    let mut names: Vec<&str> = members
        .filter_map(|number| policy.segments.get(number.wrapping_sub(1)).map(|segment| segment.name.as_str()))
        .collect();
    names.sort_unstable();
    writeln!(to, " {word} {}", names.join(" "))
}

fn write_ports(ports: &PortSet, to: &mut Meaning) -> fmt::Result {
    let mut range = |word: &str, range: &PortRange| writeln!(to, " {word} {}-{}", range.first, range.last);
    ports.tcp.iter().try_for_each(|ports| range("tcp", ports))?;
    ports.udp.iter().try_for_each(|ports| range("udp", ports))?;
    ports.protocols.iter().try_for_each(|protocol| writeln!(to, " protocol {protocol}"))
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Alert => "alert",
        Mode::Enforce => "enforce",
    }
}
