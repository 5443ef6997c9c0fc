//! The slow path: frames without a cached verdict that still holds.

use super::{Direction, Event, Judgement, Reason, Verdict, decide, denied};
use crate::address::Mac;
use crate::headers::{Headers, protocol};
use crate::state::Endpoint;
use crate::state::{Fresh, Inserted, Key, Now, Slot, State};
use crate::table::{Access, Action, SegmentId};

/// A frame whose flow has no verdict that holds.
pub(super) struct Miss {
    pub(super) key: Key,
    /// Where its flow lies, if it is in the table.
    pub(super) slot: Option<Slot>,
    pub(super) now: Now,
}

/// What the table still knows of the frame's own direction.
#[derive(Clone, Copy)]
struct Own {
    slot: Slot,
    verdict: Verdict,
    direction: Direction,
    mac: Mac,
    current: bool,
}

pub(super) fn flow(state: &mut State, headers: &Headers, miss: &Miss) -> Judgement {
    let own = own(state, miss);
    let (verdict, direction) = verdict(state, headers, miss, own.as_ref());
    if let (Action::Allow, Direction::Forward) = (verdict.action, direction) {
        // Frames that came too early to be replies were denied (captures put frames out of order); now they are replies.
        state.flows.reconsider(&miss.key.reversed(), miss.now.seed);
    }
    let Some(own) = own else {
        return Judgement { verdict, event: begin(state, headers, miss, (verdict, direction)) };
    };
    if let Some(entry) = state.flows.entry_mut(own.slot) {
        entry.set_verdict(verdict, direction, miss.now.generation);
        entry.bind(headers.src_mac);
        entry.touch(miss.now.tick);
    }
    if !own.current {
        state.counters.rejudged = state.counters.rejudged.wrapping_add(1);
    }
    if own.mac != headers.src_mac {
        state.counters.mac_moved = state.counters.mac_moved.wrapping_add(1);
        // Two routers that take turns (VRRP, HSRP) are no move of the device behind them.
        if !(state.identities.is_router(own.mac) && state.identities.is_router(headers.src_mac)) {
            return Judgement { verdict, event: Some(Event::MacMoved { from: own.mac }) };
        }
    }
    let event = match own.verdict.action {
        Action::Allow => denied(verdict),
        Action::Deny => None,
    };
    Judgement { verdict, event }
}

fn own(state: &State, miss: &Miss) -> Option<Own> {
    let slot = miss.slot?;
    let entry = state.flows.entry(slot)?;
    entry.is_live(miss.now.tick).then(|| Own {
        slot,
        verdict: entry.verdict(),
        direction: entry.direction(),
        mac: entry.mac(),
        current: entry.generation == miss.now.generation,
    })
}

/// Stores a flow that is new, or was idle for too long to count, and says what is to be told.
fn begin(state: &mut State, headers: &Headers, miss: &Miss, judged: (Verdict, Direction)) -> Option<Event> {
    let (verdict, direction) = judged;
    let fresh = Fresh {
        verdict,
        direction,
        generation: miss.now.generation,
        mac: headers.src_mac,
        now: miss.now.tick,
    };
    match miss.slot {
        Some(slot) => state.flows.renew(slot, &miss.key, &fresh),
        None => match state.flows.insert(&miss.key, &fresh, miss.now.seed) {
            Inserted::Free => {}
            Inserted::Evicted => state.counters.evicted = state.counters.evicted.wrapping_add(1),
            Inserted::Refused => state.counters.refused = state.counters.refused.wrapping_add(1),
        },
    }
    match (verdict.action, verdict.reason) {
        (Action::Allow, _) => Some(Event::NewFlow),
        // The denial was told when the flow began that this frame answers.
        (Action::Deny, Reason::Reply) => None,
        (Action::Deny, _) => Some(Event::Denied),
    }
}

/// Both ways to look at a frame: as asking, and as answering.
struct Accesses {
    forward: Access,
    backward: Access,
}

impl Accesses {
    fn of(state: &State, headers: &Headers, key: &Key) -> Accesses {
        let (from, to) = state.identities.sides(headers);
        Accesses { forward: access(state, key, from, to), backward: access(state, &key.reversed(), to, from) }
    }
}

fn access(state: &State, key: &Key, from: Option<SegmentId>, to: Option<SegmentId>) -> Access {
    Access { from, to, service: state.tables.class(key.protocol(), key.dst_port()) }
}

fn verdict(state: &mut State, headers: &Headers, miss: &Miss, own: Option<&Own>) -> (Verdict, Direction) {
    let accesses = Accesses::of(state, headers, &miss.key);
    if let Some(judged) = own.and_then(|own| known(state, &accesses, own)) {
        return judged;
    }
    let answered = if headers.opens_tcp() { None } else { answered(state, headers, miss) };
    if let Some(answered) = answered
        && answered.action == Action::Allow
    {
        return (answered, Direction::Backward);
    }
    // A flow that was seen to open has a direction; only where none was seen either side may be the initiator.
    let midstream = headers.protocol == protocol::TCP
        && !headers.opens_tcp()
        && own.is_none_or(|own| own.verdict.reason == Reason::Midstream);
    let forward = decide(state, accesses.forward);
    if midstream {
        let backward = decide(state, accesses.backward);
        // SYN and ACK together come from the responder (RFC 9293 section 3.5), so that way is looked at first.
        let candidates = if headers.answers_tcp() {
            [(backward, Direction::Backward), (forward, Direction::Forward)]
        } else {
            [(forward, Direction::Forward), (backward, Direction::Backward)]
        };
        if let Some((verdict, direction)) = candidates.into_iter().find(|(v, _)| v.action == Action::Allow) {
            return (Verdict { reason: Reason::Midstream, ..verdict }, direction);
        }
    }
    match (forward.action, answered) {
        // It answers what was denied, and nothing allows it for itself: the cause is that denial.
        (Action::Deny, Some(answered)) => (answered, Direction::Backward),
        (Action::Deny, None) | (Action::Allow, _) => (forward, Direction::Forward),
    }
}

/// A flow whose direction is known, decided again by the policy in force; `None` where that does not allow it.
fn known(state: &State, accesses: &Accesses, own: &Own) -> Option<(Verdict, Direction)> {
    let judged = match (own.direction, own.verdict.action) {
        (Direction::Forward, _) => decide(state, accesses.forward),
        (Direction::Backward, Action::Allow) => decide(state, accesses.backward),
        // To have answered what was denied gives no claim.
        (Direction::Backward, Action::Deny) => return None,
    };
    match judged.action {
        Action::Allow => {
            Some((Verdict { reason: kept(own.verdict.reason, judged.reason), ..judged }, own.direction))
        }
        Action::Deny => None,
    }
}

/// A reply stays one, and so does a guess; everything else is what the tables now say.
const fn kept(before: Reason, now: Reason) -> Reason {
    match before {
        Reason::Reply | Reason::Midstream => before,
        Reason::Rule
        | Reason::Default
        | Reason::Unassigned
        | Reason::Fragment
        | Reason::Orphan
        | Reason::Unreadable
        | Reason::Builtin(_) => now,
    }
}

/// The verdict of the flow that a frame answers, judged again first if it is of an older generation.
fn answered(state: &mut State, headers: &Headers, miss: &Miss) -> Option<Verdict> {
    let key = miss.key.reversed();
    let slot = state.flows.find_forward(&key, miss.now.seed, miss.now.tick)?;
    let entry = state.flows.entry(slot)?;
    let mut verdict = entry.verdict();
    if entry.generation != miss.now.generation {
        let asking = Endpoint { mac: entry.mac(), ip: headers.dst, vlan: entry.vlan() };
        let answering = Endpoint { mac: headers.src_mac, ip: headers.src, vlan: headers.vlan };
        let from = state.identities.segment(&asking);
        let to = state.identities.segment(&answering);
        let judged = decide(state, access(state, &key, from, to));
        let reason = match judged.action {
            Action::Allow => kept(verdict.reason, judged.reason),
            Action::Deny => judged.reason,
        };
        verdict = Verdict { reason, ..judged };
        state.flows.entry_mut(slot)?.set_verdict(verdict, Direction::Forward, miss.now.generation);
        state.counters.rejudged = state.counters.rejudged.wrapping_add(1);
    }
    Some(Verdict { reason: Reason::Reply, ..verdict })
}
