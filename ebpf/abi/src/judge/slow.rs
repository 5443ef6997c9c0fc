//! The slow path: frames without a cached verdict that still holds.

use super::{Direction, Fate, Look, PackedEvent, decide};
use crate::address::{Mac, Timestamp};
use crate::headers::{Headers, protocol};
use crate::state::{
    Books, Consumer, Draw, Endpoint, Found, Held, Inserted, Key, Moment, Pace, PackedVerdict, Ruled, Seen,
    Share, State, Tap, reason,
};
use crate::table::{Access, Action, Mode, SegmentId};

/// A frame whose flow has no verdict that holds, and what was found out about it.
pub(super) struct Miss {
    pub(super) moment: Moment,
    pub(super) share: Share,
    pub(super) key: Key,
    /// The key of what it may answer.
    back: Key,
    /// The entry of its key, live or idle.
    known: Option<Seen>,
    /// The entry that it may answer.
    asking: Option<Seen>,
    /// What is found of both addresses.
    found: [Found; 2],
    /// The segment of the sender.
    pub(super) from: Option<SegmentId>,
    /// The segment of the receiver.
    pub(super) to: Option<SegmentId>,
    /// The segment of whoever sent what the frame may answer.
    asker: Option<SegmentId>,
    /// Who is in quarantine.
    held: Held,
    /// Whether that cuts the frame off.
    pub(super) custody: Custody,
    /// The verdict.
    pub(super) packed: PackedVerdict,
    /// What is to be told.
    pub(super) event: PackedEvent,
    /// Whether the frame is copied.
    pub(super) tap: Tap,
    /// What is kept of the verdict.
    kept: Kept,
}

/// What is kept of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kept {
    /// It becomes the flow's.
    Verdict = 0,
    /// It is the flow's already.
    Known = 1,
    /// It is of this frame alone, which is beyond a limit.
    Nothing = 2,
}

/// Whether a quarantine cuts a frame off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Custody {
    Free = 0,
    Held = 1,
}

impl Miss {
    pub(super) const EMPTY: Miss = Miss {
        moment: Moment { now: Timestamp(0), seed: 0, unused: 0, generation: 0 },
        share: Share { bytes: 0, tcp_flags: 0, at: Timestamp(0) },
        key: Key::NONE,
        back: Key::NONE,
        known: None,
        asking: None,
        found: [Found::NOTHING; 2],
        from: None,
        to: None,
        asker: None,
        held: Held::NOBODY,
        custody: Custody::Free,
        packed: PackedVerdict(0),
        event: PackedEvent::NONE,
        tap: Tap::Off,
        kept: Kept::Verdict,
    };

    /// Forgets what was found out about the frame before.
    pub(super) const fn forget(&mut self) {
        (self.known, self.asking) = (None, None);
        (self.from, self.to, self.asker) = (None, None, None);
        (self.held, self.custody) = (Held::NOBODY, Custody::Free);
        self.event = PackedEvent::NONE;
        self.tap = Tap::Off;
        self.kept = Kept::Verdict;
    }

    /// The entry of its key, if it is live.
    fn own(&self) -> Option<&Seen> {
        self.known.as_ref().filter(|seen| seen.is_live(self.moment.now))
    }

    /// The same, if its verdict says which way the flow goes. Where one was cut off by a quarantine it begins anew.
    fn claim(&self) -> Option<&Seen> {
        self.own().filter(|seen| seen.packed.reason() != reason::QUARANTINE)
    }
}

/// Finds the entries of a frame's flow and of what it may answer. The flow may have a verdict that holds in a place that
/// [`hit`](crate::state::FlowTable::hit) does not look at.
#[cfg_attr(target_arch = "bpf", inline(never))]
pub(super) fn look(state: &State, headers: &Headers, miss: &mut Miss) -> Look {
    state.flows.find(&miss.key, &miss.moment, &mut miss.known);
    if let Some(own) = miss.own()
        && own.packed.generation() == miss.moment.generation
        && own.mac == headers.src_mac
        && own.pace == Pace::Free
    {
        let packed = own.packed;
        miss.tap = state.flows.touch(own, miss.share, state.tap_frames());
        miss.packed = packed;
        return Look::Hit;
    }
    miss.back = miss.key.reversed(miss.moment.seed);
    if !headers.opens_tcp() {
        state.flows.find_forward(&miss.back, &miss.moment, &mut miss.asking);
    }
    Look::Miss
}

/// Finds who of a frame is in quarantine.
#[cfg_attr(target_arch = "bpf", inline(never))]
pub(super) fn hold(state: &State, headers: &Headers, miss: &mut Miss) {
    let asker = miss.asking.as_ref().map_or(Mac::NONE, |asking| asking.mac);
    miss.held = state.held(headers, asker);
}

/// Finds the segments of the sides of a frame, and of the sender of what it may answer, and whether it is cut off.
#[cfg_attr(target_arch = "bpf", inline(never))]
pub(super) fn place(state: &State, headers: &Headers, miss: &mut Miss) {
    if headers.is_ip() || super::builtin(headers).is_none() {
        find_places(state, headers, miss);
    }
    miss.custody = custody(state, headers, miss);
}

#[inline(always)]
fn find_places(state: &State, headers: &Headers, miss: &mut Miss) {
    let identities = &state.policy(&miss.moment).identities;
    // Kept where the kernel does not follow what is known of a value: it would follow each kind of them through all else.
    miss.found = [identities.found(headers.src), identities.found(headers.dst)];
    (miss.from, miss.to) = identities.sides(headers, miss.found);
    if let Some(asking) = &miss.asking
        && asking.packed.generation() != miss.moment.generation
    {
        let [_, dst] = miss.found;
        let asker = Endpoint { mac: asking.mac, ip: headers.dst, vlan: asking.vlan };
        miss.asker = identities.segment(&asker, dst);
    }
}

/// Whether a frame is cut off by who of it is in quarantine.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn custody(state: &State, headers: &Headers, miss: &mut Miss) -> Custody {
    let held = miss.held;
    if held == Held::NOBODY {
        return Custody::Free;
    }
    let tables = &state.policy(&miss.moment).tables;
    let (to_refuge, from_refuge) = (tables.is_refuge(miss.to), tables.is_refuge(miss.from));
    if held.has(Held::ASKER) && !from_refuge {
        // What a device in quarantine asked has no answer, not even one that takes another way back.
        miss.asking = None;
    }
    let is_needed = super::builtin(headers).is_some_and(|builtin| state.allows_held(builtin));
    let serves = held.has(Held::SENDER) && super::server(headers).is_some();
    let is_excused = match (held.has(Held::SENDER), held.has(Held::RECEIVER)) {
        (false, false) => true,
        (true, false) => is_needed || to_refuge,
        (false, true) => is_needed || from_refuge,
        (true, true) => is_needed,
    };
    if is_excused && !serves { Custody::Free } else { Custody::Held }
}

/// The verdict that a known flow has, where only its limit is to be asked, or where it comes from another MAC address
/// without having moved: routers place nobody. A quarantine could be that of one of them, so then there is none.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn unmoved(state: &State, headers: &Headers, miss: &Miss) -> PackedVerdict {
    let [sender, _] = miss.found;
    let identities = &state.policy(&miss.moment).identities;
    match miss.own() {
        Some(own)
            if own.packed.generation() == miss.moment.generation
                && (own.mac == headers.src_mac
                    || (!state.has_quarantine()
                        && identities.is_turn(sender, [own.mac, headers.src_mac]))) =>
        {
            own.packed
        }
        Some(_) | None => PackedVerdict::NONE,
    }
}

/// Judges a frame of a flow.
#[cfg_attr(target_arch = "bpf", inline(never))]
pub(super) fn decide_flow(state: &State, headers: &Headers, miss: &mut Miss) {
    let known = unmoved(state, headers, miss);
    if !known.is_none() {
        if miss.known.as_ref().is_some_and(|own| own.mac == headers.src_mac) {
            miss.kept = Kept::Known;
        }
        miss.packed = known;
        return;
    }
    let packed = match miss.custody {
        Custody::Free => verdict(state, headers, miss),
        Custody::Held => PackedVerdict::denied(reason::QUARANTINE, Mode::Enforce, miss.from, miss.to),
    };
    if let (Action::Allow, Direction::Forward) = (packed.action(), packed.direction()) {
        // Frames that came too early to be replies were denied (captures put frames out of order); now they are replies.
        state.flows.reconsider(&miss.back, &miss.moment);
    }
    miss.packed = packed.with_generation(miss.moment.generation);
}

/// Whether what a verdict allows has a limit. What answers has none.
#[inline(always)]
fn pace(state: &State, miss: &Miss, packed: PackedVerdict) -> Pace {
    let bound = state.policy(&miss.moment).tables.bound(packed.rule());
    match (bound, packed.action(), packed.direction()) {
        (Some(_), Action::Allow, Direction::Forward) => Pace::Limited,
        _ => Pace::Free,
    }
}

/// Asks the limit of the rule that allows a frame. Whoever is beyond it is denied this frame.
#[cfg_attr(target_arch = "bpf", inline(never))]
pub(super) fn limit(state: &State, headers: &Headers, miss: &mut Miss) {
    let (packed, policy) = (miss.packed, state.policy(&miss.moment));
    let Some(bound) = policy.tables.bound(packed.rule()) else { return };
    if pace(state, miss, packed) == Pace::Free {
        return;
    }
    let [sender, _] = miss.found;
    // A router's MAC address is everybody's behind it.
    let is_local =
        !sender.is_routed() && !headers.src_mac.is_none() && !policy.identities.is_router(headers.src_mac);
    let mac = if is_local { Some(headers.src_mac) } else { None };
    let consumer = Consumer::new(mac, headers.src, (packed.rule(), policy.tables.edition()));
    let draw = state.draw(&consumer, bound, &miss.moment);
    match draw {
        Draw::Within => return,
        Draw::Unknown => return state.counters.unlimited.add(1),
        Draw::Beyond | Draw::Told => {}
    }
    let critical = policy.tables.is_life_critical(miss.from) || policy.tables.is_life_critical(miss.to);
    let mode = match (bound.mode(), packed.mode()) {
        // A device that a patient depends on is not cut off because it talks much, unless the limit says so itself.
        (None, Mode::Enforce) if critical => Mode::Alert,
        (Some(mode), _) | (None, mode) => mode,
    };
    miss.packed = packed.limited(mode);
    miss.kept = Kept::Nothing;
    if draw == Draw::Told {
        miss.event = PackedEvent::DENIED;
    }
}

/// Remembers the verdict of a frame of a flow, and says what is to be told.
#[cfg_attr(target_arch = "bpf", inline(never))]
pub(super) fn keep(state: &State, headers: &Headers, miss: &mut Miss) -> PackedEvent {
    let packed = miss.packed;
    match (miss.kept, miss.own()) {
        (Kept::Known, Some(own)) => {
            miss.tap = state.flows.touch(own, miss.share, state.tap_frames());
            return PackedEvent::NONE;
        }
        (Kept::Nothing, own) => {
            // Of a flow that userspace follows it sees what passes; the first frames are those within the limit.
            miss.tap = match own.map(|own| state.flows.tap(own)) {
                Some(Tap::Kept) => Tap::Kept,
                Some(Tap::Off | Tap::Beginning) | None => Tap::Off,
            };
            state.counters.add(packed, 1, u64::from(miss.share.bytes));
            return miss.event;
        }
        (Kept::Verdict, _) | (Kept::Known, None) => {}
    }
    let event = match miss.own() {
        Some(own) => change(state, headers, miss, (own, packed)),
        None => beginning(packed),
    };
    miss.tap = match (packed.fate(), miss.own()) {
        (Fate::Drop, _) => Tap::Off,
        (Fate::Pass, Some(own)) => state.flows.tap(own),
        (Fate::Pass, None) if state.tap_frames() == 0 => Tap::Off,
        (Fate::Pass, None) => Tap::Beginning,
    };
    let pace = pace(state, miss, packed);
    let ruled = Ruled { packed, mac: headers.src_mac, share: miss.share, tap: miss.tap, pace };
    if !store(state, miss, &ruled) {
        state.counters.add(packed, 1, u64::from(miss.share.bytes));
    }
    event
}

/// Keeps a verdict in the flow table, where the frame is counted then; `false` where that has no room for it.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn store(state: &State, miss: &mut Miss, ruled: &Ruled) -> bool {
    let live = miss.own().is_some();
    if miss.back == miss.key {
        // A flow that is its own answer (equal addresses and ports) may have just been changed.
        miss.known = None;
        state.flows.find(&miss.key, &miss.moment, &mut miss.known);
    }
    let books = Books { moment: &miss.moment, counters: &state.counters };
    let inserted = match &miss.known {
        Some(seen) if live => {
            if state.flows.rule(seen, &miss.key, ruled, &books) {
                Inserted::Free
            } else {
                Inserted::Contended
            }
        }
        // Idle for too long to count: it begins anew at its place.
        Some(seen) => {
            if state.flows.renew(seen, &miss.key, ruled, &books) {
                Inserted::Free
            } else {
                Inserted::Contended
            }
        }
        None => state.flows.insert(&miss.key, ruled, &books),
    };
    match inserted {
        Inserted::Free => return true,
        Inserted::Evicted => {
            state.counters.evicted.add(1);
            return true;
        }
        Inserted::Refused => state.counters.refused.add(1),
        Inserted::Contended => state.counters.contended.add(1),
    }
    false
}

/// What is to be told of a known flow that was judged again.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn change(
    state: &State,
    headers: &Headers,
    miss: &Miss,
    (own, packed): (&Seen, PackedVerdict),
) -> PackedEvent {
    let [sender, _] = miss.found;
    let identities = &state.policy(&miss.moment).identities;
    if own.packed.generation() != miss.moment.generation {
        state.counters.rejudged.add(1);
    }
    // Routers that take turns are no move of the device behind them.
    if own.mac != headers.src_mac && !identities.is_turn(sender, [own.mac, headers.src_mac]) {
        state.counters.mac_moved.add(1);
        return PackedEvent::mac_moved(own.mac);
    }
    match (own.packed.action(), packed.action()) {
        (Action::Allow, Action::Deny) => PackedEvent::DENIED,
        (Action::Deny, _) | (_, Action::Allow) => PackedEvent::NONE,
    }
}

/// What is to be told of a flow that begins.
const fn beginning(packed: PackedVerdict) -> PackedEvent {
    match (packed.action(), packed.reason()) {
        (Action::Allow, _) => PackedEvent::NEW_FLOW,
        // The denial was told when the flow began that this frame answers.
        (Action::Deny, reason::REPLY) => PackedEvent::NONE,
        (Action::Deny, _) => PackedEvent::DENIED,
    }
}

/// Both ways to look at a frame: as asking, and as answering.
struct Accesses {
    forward: Access,
    backward: Access,
}

impl Accesses {
    fn of(state: &State, miss: &Miss) -> Accesses {
        let Miss { key, from, to, .. } = miss;
        let class = |port| state.policy(&miss.moment).tables.class(key.protocol(), port);
        Accesses {
            forward: Access { from: *from, to: *to, service: class(key.dst_port()) },
            backward: Access { from: *to, to: *from, service: class(key.src_port()) },
        }
    }
}

/// The verdict of a frame.
fn verdict(state: &State, headers: &Headers, miss: &Miss) -> PackedVerdict {
    let accesses = Accesses::of(state, miss);
    let known = known(state, &accesses, miss);
    if !known.is_none() {
        return known;
    }
    let answer = if headers.opens_tcp() { PackedVerdict::NONE } else { answered(state, miss) };
    if !answer.is_none() && answer.action() == Action::Allow {
        return answer;
    }
    let midstream = midstream(state, headers, miss, &accesses);
    if !midstream.is_none() {
        return midstream;
    }
    let forward = decide(state, accesses.forward, &miss.moment);
    // If it answers what was denied, and nothing allows it for itself, the cause is that denial.
    if !answer.is_none() && forward.action() == Action::Deny { answer } else { forward }
}

/// TCP whose opening was not seen, if either side may open it.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn midstream(state: &State, headers: &Headers, miss: &Miss, accesses: &Accesses) -> PackedVerdict {
    // A flow that was seen to open has a direction; only where none was seen either side may be the initiator.
    let open = miss
        .claim()
        .is_none_or(|own| matches!(own.packed.reason(), reason::MIDSTREAM | reason::BACKWARD_MIDSTREAM));
    if headers.protocol != protocol::TCP || headers.opens_tcp() || !open {
        return PackedVerdict::NONE;
    }
    let forward = decide(state, accesses.forward, &miss.moment).with_reason(reason::MIDSTREAM);
    let backward = decide(state, accesses.backward, &miss.moment).with_reason(reason::BACKWARD_MIDSTREAM);
    // SYN and ACK together come from the responder (RFC 9293 section 3.5), so that way is looked at first.
    let (first, second) = if headers.answers_tcp() { (backward, forward) } else { (forward, backward) };
    match (first.action(), second.action()) {
        (Action::Allow, _) => first,
        (Action::Deny, Action::Allow) => second,
        (Action::Deny, Action::Deny) => PackedVerdict::NONE,
    }
}

/// A flow whose direction is known, decided again by the policy in force; none where that does not allow it.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn known(state: &State, accesses: &Accesses, miss: &Miss) -> PackedVerdict {
    let Some(own) = miss.claim() else { return PackedVerdict::NONE };
    let access = match (own.packed.direction(), own.packed.action()) {
        (Direction::Forward, _) => accesses.forward,
        (Direction::Backward, Action::Allow) => accesses.backward,
        // To have answered what was denied gives no claim.
        (Direction::Backward, Action::Deny) => return PackedVerdict::NONE,
    };
    let judged = decide(state, access, &miss.moment);
    match judged.action() {
        Action::Allow => kept(own.packed, judged),
        Action::Deny => PackedVerdict::NONE,
    }
}

/// A reply stays one, and so does a guess; everything else is what the tables now say.
const fn kept(before: PackedVerdict, now: PackedVerdict) -> PackedVerdict {
    match before.reason() {
        reason::REPLY | reason::MIDSTREAM | reason::BACKWARD_MIDSTREAM => now.with_reason(before.reason()),
        _ => now,
    }
}

/// The verdict of the flow that a frame answers, judged again first if it is of an older generation.
#[cfg_attr(target_arch = "bpf", inline(never))]
fn answered(state: &State, miss: &Miss) -> PackedVerdict {
    let Some(seen) = &miss.asking else { return PackedVerdict::NONE };
    if seen.packed.generation() == miss.moment.generation {
        return seen.packed.with_reason(reason::REPLY);
    }
    let service = state.policy(&miss.moment).tables.class(miss.back.protocol(), miss.back.dst_port());
    let judged = decide(state, Access { from: miss.asker, to: miss.from, service }, &miss.moment);
    let verdict = match judged.action() {
        Action::Allow => kept(seen.packed, judged),
        Action::Deny => judged,
    };
    let books = Books { moment: &miss.moment, counters: &state.counters };
    // Where another CPU is faster, it judges by the same policy or a newer one.
    let ruled = (verdict.with_generation(miss.moment.generation), pace(state, miss, verdict));
    if state.flows.refresh(seen, &miss.back, &ruled, &books) {
        state.counters.rejudged.add(1);
    }
    verdict.with_reason(reason::REPLY)
}
