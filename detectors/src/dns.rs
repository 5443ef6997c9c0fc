//! N1, N2: data carried in host names. A tunnel asks one zone for many names that are used once; no host does that for itself.

use crate::finding::{Severity, Technique};
use crate::record::{Activity, Endpoint};
use crate::say::{Case, name, ruled};
use abi::address::{SECOND, Timestamp};
use rustc_hash::FxHashMap;

/// Clients and zones that are followed at a time.
const FOLLOWED: usize = 32_768;
/// Zones that are learned.
const ZONES: usize = 16_384;
const SPAN: u64 = 60 * SECOND;
const PATIENT: u64 = 1800 * SECOND;
/// A tunnel that goes on is told again after this.
const AGAIN: u64 = 10 * SECOND;

const TUNNEL: &[Technique] =
    &[Technique("T1071.004"), Technique("T1572"), Technique("T1048.003"), Technique("T1132")];

/// Distinct names by a bitmap: a name sets one bit (linear counting, Whang et al. 1990).
#[derive(Clone, Copy, Debug)]
struct Distinct<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Distinct<WORDS> {
    fn add(&mut self, hash: u64) {
        let place = (hash >> 6) % (WORDS as u64);
        if let Some(word) = usize::try_from(place).ok().and_then(|place| self.0.get_mut(place)) {
            *word |= 1 << (hash & 63);
        }
    }

    /// Estimated count; a full bitmap gives the most it can tell.
    fn count(&self) -> u32 {
        let bits: u32 = self.0.iter().map(|_| u64::BITS).sum();
        let set: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        let free = f64::from((bits - set).max(1)) / f64::from(bits);
        round(-f64::from(bits) * free.ln())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a few thousand")]
fn round(estimate: f64) -> u32 {
    estimate.round() as u32
}

#[derive(Clone, Copy, Debug)]
struct Window {
    start: Timestamp,
    names: Distinct<4>,
    queries: u32,
    /// Bytes of the names left of the zone.
    bytes: u64,
    /// Queries of types that only tunnels ask for, and of types that carry much.
    odd: u32,
    roomy: u32,
    long_start: Timestamp,
    long_names: Distinct<16>,
    long_queries: u32,
    long_bytes: u64,
    told: Timestamp,
}

/// What one window of a client and zone held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    distinct: u32,
    mean_length: u64,
    odd: u32,
    roomy: u32,
}

/// The zones that clients ask for.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    windows: FxHashMap<(u32, u64), Window>,
    /// Most distinct names that one client asked of a zone within a window.
    pub(crate) learned: FxHashMap<u64, u32>,
    pub(crate) lost: u64,
}

/// Whether the query should be learned from or judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Learn,
    Judge,
}

impl Zones {
    /// Notes a query; a case when its zone is used as a tunnel.
    pub(crate) fn query(&mut self, client: u32, activity: &Activity<'_>, purpose: Purpose) -> Option<Case> {
        let (left, zone) = split(activity.server_name)?;
        let key = (client, fnv(zone.bytes()));
        if self.windows.len() >= FOLLOWED && !self.windows.contains_key(&key) {
            self.lost += 1;
            return None;
        }
        let at = activity.at;
        let window = self.windows.entry(key).or_insert_with(|| Window::new(at));
        window.add(at, left, activity);
        match purpose {
            Purpose::Learn => {
                let distinct = window.names.count();
                if self.learned.len() < ZONES || self.learned.contains_key(&key.1) {
                    let most = self.learned.entry(key.1).or_default();
                    *most = (*most).max(distinct);
                } else {
                    self.lost += 1;
                }
                None
            }
            Purpose::Judge => {
                let usual = self.learned.get(&key.1).copied().unwrap_or(0);
                let (since, held, id) = window.judge(usual)?;
                if window.told.0 != 0 && at.since(window.told) < AGAIN {
                    return None;
                }
                window.told = at;
                Some(case(activity, zone, (since, held, id), usual))
            }
        }
    }

    /// Forgets quiet clients when room is wanted.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if self.windows.len() > FOLLOWED / 4 * 3 {
            self.windows.retain(|_, window| now.since(window.start) < 2 * SPAN);
        }
    }
}

impl Window {
    fn new(at: Timestamp) -> Window {
        Window {
            start: at,
            names: Distinct([0; 4]),
            queries: 0,
            bytes: 0,
            odd: 0,
            roomy: 0,
            long_start: at,
            long_names: Distinct([0; 16]),
            long_queries: 0,
            long_bytes: 0,
            told: Timestamp(0),
        }
    }

    fn add(&mut self, at: Timestamp, left: &str, activity: &Activity<'_>) {
        if at.since(self.long_start) >= PATIENT {
            *self = Window { told: self.told, ..Window::new(at) };
        }
        if at.since(self.start) >= SPAN {
            let Window { long_start, long_names, long_queries, long_bytes, told, .. } = *self;
            *self = Window { long_start, long_names, long_queries, long_bytes, told, ..Window::new(at) };
        }
        let hash = fnv(left.bytes());
        let length = left.len() as u64;
        self.names.add(hash);
        self.long_names.add(hash);
        self.queries = self.queries.saturating_add(1);
        self.long_queries = self.long_queries.saturating_add(1);
        self.bytes = self.bytes.saturating_add(length);
        self.long_bytes = self.long_bytes.saturating_add(length);
        // Names with an underscore are of services, keys and policies (RFC 8552): hosts ask for them by TXT every day.
        let is_scoped = left.split('.').any(|label| label.starts_with('_'));
        match room(activity.subject) {
            Room::Roomy if is_scoped => {}
            Room::Odd => self.odd = self.odd.saturating_add(1),
            Room::Roomy => self.roomy = self.roomy.saturating_add(1),
            Room::Usual => {}
        }
    }

    fn judge(&self, usual: u32) -> Option<(Timestamp, Held, &'static str)> {
        let held = Held {
            distinct: self.names.count(),
            mean_length: self.bytes / u64::from(self.queries.max(1)),
            odd: self.odd,
            roomy: self.roomy,
        };
        let is_more = held.distinct > usual.saturating_mul(3);
        // Numbers from iodine, dnscat2, dns2tcp and DNSExfiltrator: names of 30 to 200 bytes, nearly all distinct, types NULL,
        // PRIVATE, TXT, CNAME and MX before A. Content networks and telemetry ask for tens of names of up to 32 bytes a minute.
        let is_tunnel = (held.odd >= 5 && held.distinct >= 5)
            || (held.roomy >= 12 && held.distinct >= 12 && held.mean_length >= 16)
            || (held.distinct >= 40 && held.mean_length >= 24)
            || (held.distinct >= 100 && held.mean_length >= 14);
        if is_more && is_tunnel {
            return Some((self.start, held, "N1"));
        }
        let long = Held {
            distinct: self.long_names.count(),
            mean_length: self.long_bytes / u64::from(self.long_queries.max(1)),
            ..held
        };
        let is_patient =
            long.distinct >= 80 && long.mean_length >= 24 && long.distinct > usual.saturating_mul(30);
        is_patient.then_some((self.long_start, long, "N2"))
    }
}

fn case(
    activity: &Activity<'_>,
    zone: &str,
    (since, held, id): (Timestamp, Held, &'static str),
    usual: u32,
) -> Case {
    let source = Endpoint { port: 0, ..activity.client };
    let text = format!(
        "{} asked the zone {zone} for about {} distinct names of {} bytes on average within {} s, {} of them by rare record types; \
         the most that a client asked of it in benign time is {usual}",
        name(&source),
        held.distinct,
        held.mean_length,
        activity.at.since(since) / SECOND + 1,
        held.odd + held.roomy,
    );
    Case {
        first: since,
        last: activity.at,
        kind: "dns-tunnel",
        severity: Severity::High,
        techniques: TUNNEL,
        source,
        targets: vec![activity.server],
        text,
        evidence: vec![ruled(id, f64::from(held.distinct), f64::from(usual))],
        flows: vec![activity.flow],
    }
}

/// How much data a record type carries, and whether hosts ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Types that hosts ask for every day.
    Usual,
    /// Types that hosts ask for at times, with room for data in the answer.
    Roomy,
    /// NULL (RFC 1035 section 3.3.10) and private-use types (RFC 6895 section 3.1): no host asks for them.
    Odd,
}

fn room(kind: &str) -> Room {
    let number = kind.strip_prefix("TYPE").or_else(|| kind.strip_prefix("type")).unwrap_or(kind);
    match kind {
        "NULL" | "null" | "10" | "PRIVATE" => Room::Odd,
        "TXT" | "txt" | "16" | "MX" | "mx" | "15" | "CNAME" | "cname" | "5" | "KEY" | "25" => Room::Roomy,
        _ if number.parse::<u16>().is_ok_and(|number| number >= 65_280) => Room::Odd,
        _ => Room::Usual,
    }
}

/// Splits a name into what stands left of the zone and the zone: its last two labels, or three below a short second-level label
/// under a country (`co.uk`).
fn split(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (top, second) = (dots.next()?, dots.next()?);
    let is_short = top - second <= 4 && name.len() - top <= 3;
    let at = if is_short { dots.next().unwrap_or(second) } else { second };
    Some((name.get(..at)?, name.get(at + 1..)?))
}

/// FNV-1a without regard to case.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV mixes short names badly, and the bitmap counts by its low bits; the finisher of MurmurHash3 mends that.
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
