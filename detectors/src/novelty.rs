//! E1 to E3 and E21: how surprising it is that this client does this at this server, though it never did in benign time.
//!
//! The probability is the largest that any comparison allows: how often the client does something new (Good-Turing), how
//! many of its kind do this already, how many of the service's hosts it visits already, how popular the service is with newcomers.

use crate::act::{Act, ActKey, Nature, nature};
use crate::finding::{Evidence, Severity};
use crate::index::{Index, Kin};
use crate::memory::{Device, Memory, Triple};
use crate::say::measured;
use abi::app::App;
use abi::device::DeviceType;

/// Events of prior weight (K of the evidence model).
const PRIOR: f64 = 10.0;
/// Share of trust given to a comparison with others.
const TRUST: f64 = 0.3;
/// Probability that a newcomer does something of its own that nobody else does.
const NEWCOMER: f64 = 0.002;

/// How surprising, and by which comparison.
#[derive(Clone, Debug)]
pub(crate) struct Surprise {
    /// Probability on benign time.
    pub(crate) p: f64,
    pub(crate) evidence: Evidence,
    clients: u32,
    members: u32,
    others: u32,
}

impl Surprise {
    /// In -log10.
    pub(crate) fn bits(&self) -> f64 {
        -self.p.max(1e-12).log10()
    }

    /// Half a sentence: what would have made it usual.
    pub(crate) fn why(&self) -> String {
        format!(
            "{} known clients, {} of {} others of its kind; {} learned minutes of its own",
            self.clients, self.members, self.others, self.evidence.n
        )
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { (TRUST * f64::from(part) / f64::from(whole)).min(TRUST) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of minutes, far below 2^52")]
fn good_turing(singles: u64, events: u64, prior: f64) -> f64 {
    ((singles as f64 + 0.5) / (events as f64 + prior)).min(1.0)
}

/// The kind of a device, in the baseline or by what is known of it now.
pub(crate) fn kin_of(index: &Index, number: u32, device: &Device) -> Kin {
    if device.known { index.kin(number) } else { Kin::of(device.class) }
}

/// Judges a triple that the baseline does not hold.
pub(crate) fn judge(index: &Index, memory: &Memory, triple: Triple) -> Option<Surprise> {
    let client = memory.devices.get(triple.client as usize)?;
    let server = memory.devices.get(triple.server as usize)?;
    let act = memory.acts.get(triple.act as usize)?;
    if act.key.is_operation() && index.linked(triple.client, triple.server).0 > 0 {
        return Some(new_operation(index, act, server, triple));
    }
    let custom = index.custom(triple.client);
    let kin = kin_of(index, triple.client, client);
    let others = index.size(kin).saturating_sub(u32::from(client.known));
    let members = index.members(kin, triple.server, triple.act);
    let clients = index.clients(triple.server, triple.act);
    let own = if client.known {
        good_turing(custom.singles, custom.events, PRIOR) * typical(index, clients, members, others)
    } else {
        NEWCOMER
    };
    let sensitive = nature(act, server.class).severity >= Severity::High;
    let at_home = !client.known || index.is_known_from(client, triple.server, triple.act);
    let of_vendor = !client.known && index.is_known_of_vendor(client, triple.server, triple.act);
    let p = [
        own,
        if of_vendor { 0.05 } else { 0.0 },
        // Its kind does this, but in other networks: a guest's laptop is no ward's.
        share(members, others) * if at_home { 1.0 } else { 0.02 },
        spread(index, triple, server.known),
        match (client.known, sensitive && client.class == DeviceType::Unknown) {
            (true, _) => 0.0,
            (false, false) => popularity(clients, index.inside),
            // Nothing says what it is, and what it does can harm: that many do it is no excuse.
            (false, true) => popularity(clients, index.inside) / 10.0,
        },
        if server.known { 0.0 } else { alike(index, kin, server, triple.act) },
        agreed_ports(index, triple, act),
    ]
    .into_iter()
    .fold(0.0, f64::max);
    let id = match (act.key.is_operation(), index.linked(triple.client, triple.server).0) {
        (true, _) => "E21",
        (false, 0) => "E1",
        (false, _) => "E2",
    };
    let evidence = measured(id, 1.0, f64::from(clients), custom.events, p);
    Some(Surprise { p, evidence, clients, members, others })
}

/// How typical a target is of what is new for clients in general, or for the client's kind: at most 1.
fn typical(index: &Index, clients: u32, members: u32, others: u32) -> f64 {
    let general = 3.0 * (f64::from(clients) + 0.5) / f64::from(index.inside.max(1));
    let of_kin = if others >= 2 { 2.0 * (f64::from(members) + 0.5) / f64::from(others + 1) } else { 1.0 };
    general.min(of_kin).min(1.0)
}

/// The client visits several hosts of this service already: one more is in its line of work.
fn spread(index: &Index, triple: Triple, server_known: bool) -> f64 {
    let visited = index.servers(triple.client, triple.act);
    match visited {
        0 => 0.0,
        1 if server_known => 0.0,
        1 => 0.03,
        _ => share(visited, index.act_servers(triple.act).max(visited)),
    }
}

/// A newcomer does what many do: names, time, the server of its trade.
fn popularity(clients: u32, inside: u32) -> f64 {
    let floor = match clients {
        0 => 0.0,
        1 => return 0.005,
        2 => 0.02,
        _ => 0.05,
    };
    share(clients, inside).max(floor)
}

/// The client's kind talks to hosts of the newcomer's kind in this way.
fn alike(index: &Index, kin: Kin, server: &Device, act: u32) -> f64 {
    let server_kin = Kin::of(server.class);
    if server.class == DeviceType::Unknown || kin == Kin::NONE {
        return 0.0;
    }
    share(index.between(kin, server_kin, act), index.size(kin).max(1) * index.size(server_kin).max(1))
}

/// The two agree on ports anew for every session (media, passive FTP, RPC), so a new port is no news.
fn agreed_ports(index: &Index, triple: Triple, act: &Act) -> f64 {
    let (acts, _) = index.linked(triple.client, triple.server);
    let is_plain = act.key.service().is_some_and(|(_, port)| port >= 1024) && act.app == App::Unknown;
    if acts >= 4 && is_plain { TRUST } else { 0.0 }
}

/// An operation that is new between two that know each other: rarely harmful where it is of the same nature as their others.
fn new_operation(index: &Index, act: &Act, server: &Device, triple: Triple) -> Surprise {
    let habit = index.habit(triple.client, triple.server);
    let pair = good_turing(habit.singles, habit.events, 3.0);
    let Nature { kind, .. } = nature(act, server.class);
    let clients = index.act_clients(triple.act);
    let p = if habit.natures.contains(&kind) {
        pair.max(0.02)
    } else {
        // Another nature than ever before between them: also weighed by how few do this at all.
        pair * (3.0 * (f64::from(clients) + 0.5) / f64::from(index.inside.max(1))).min(1.0)
    };
    let evidence = measured("E21", 1.0, f64::from(clients), habit.events, p);
    Surprise { p, evidence, clients, members: 0, others: 0 }
}

/// The reverse of a flow: the same two with the service at the other end, which happens when a flow is met midway.
pub(crate) fn reverse(memory: &Memory, triple: Triple, key: ActKey) -> Option<Triple> {
    let act = memory.act_number(key)?;
    Some(Triple { client: triple.server, server: triple.client, act })
}
