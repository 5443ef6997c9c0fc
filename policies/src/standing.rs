//! What a policy says of its segments beside the rules: what becomes of them when nobody attends to the sensor, which
//! servers they may have, and which of them devices in quarantine may still reach.

use abi::table::{Failure, SEGMENTS, SegmentId, Server, Tables};

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::draft::Criticality;
use crate::ports::has_bit;
use crate::resolve::Policy;
use crate::suggest::did_you_mean;
use crate::text::Span;

/// The words of `fail`.
pub(crate) const FAILURES: &[(&str, Failure)] =
    &[("static", Failure::Static), ("open", Failure::Open), ("closed", Failure::Closed)];

/// The words of `trust`.
pub(crate) const SERVERS: &[(&str, Server)] = &[("dhcp", Server::Dhcp), ("router", Server::Router)];

/// One word of `trust`.
pub(crate) fn server(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Server> {
    let found = SERVERS.iter().find(|(word, _)| *word == text).map(|&(_, server)| server);
    if found.is_none() {
        let help = did_you_mean(text, SERVERS.iter().map(|&(word, _)| word))
            .unwrap_or_else(|| "write `dhcp` or `router`".to_owned());
        let message = format!("`{text}` is no word of `trust`");
        mistakes.add(Mistake::new(Code::Word, span, message).help(help));
    }
    found
}

/// The word of a failure.
pub(crate) fn failure_word(failure: Failure) -> &'static str {
    match failure {
        Failure::Static => "static",
        Failure::Open => "open",
        Failure::Closed => "closed",
    }
}

/// The word of a server.
pub(crate) fn server_word(server: Server) -> &'static str {
    match server {
        Server::Dhcp => "dhcp",
        Server::Router => "router",
    }
}

/// What becomes of a segment that does not say it itself: what a patient depends on is not cut off by a fault of ours.
pub(crate) fn implied(criticality: Criticality, default: Failure) -> Failure {
    match criticality {
        Criticality::LifeCritical => Failure::Open,
        Criticality::Ordinary => default,
    }
}

/// Writes it all into the tables.
pub(crate) fn write(policy: &Policy, tables: &Tables) {
    tables.set_failure(None, policy.defaults.failure);
    for segment in &policy.segments {
        tables.set_failure(Some(segment.id), segment.failure);
        if segment.criticality == Criticality::LifeCritical {
            tables.set_life_critical(segment.id);
        }
        for &server in &segment.trusted {
            tables.trust(segment.id, server);
            // A policy that names no server cannot mean that there shall be none.
            tables.guard(server, policy.defaults.mode);
        }
    }
    let refuges = (0..SEGMENTS).filter(|&number| has_bit(&policy.refuges, number));
    for segment in refuges.filter_map(|number| u8::try_from(number).ok().and_then(SegmentId::new)) {
        tables.set_refuge(segment);
    }
}
