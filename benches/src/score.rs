//! Scores the incidents of a replay against the labels of a recording.
//!
//! Incidents of low severity are notices and do not count. Every other one accuses the device in its `source`, and explains at most one
//! attack: of those by that device that it fits in time, the one that it overlaps longest. An attack is found when an incident that
//! explains it also names a technique of the attack's family. A harmless novelty is accused when an incident that
//! explains no attack overlaps it and names its device. What remains are other incidents: false alarms, until somebody shows otherwise.

use std::collections::BTreeSet;

mod report;
mod rows;

pub use rows::{Event, Incident, RowError, events, incidents};

/// An incident may begin this many seconds before its attack, because clocks of labels are read by hand.
const EARLY: f64 = 5.0;
/// An incident may begin this many seconds after its attack ends.
const LATE: f64 = 120.0;
/// An incident may be this many seconds longer than its attack.
const LONGER: f64 = 180.0;

/// ATT&CK techniques that describe the same attack from different sides, by what the attacker is after. An analyst who is told
/// any of a family looks in the right place.
const FAMILIES: [&[&str]; 13] = [
    // Discovery.
    &["T1046", "T1018", "T1595", "T0846", "T0840", "T0888"],
    // In the middle, rogue infrastructure, spoofing.
    &["T1557", "T1556", "T1040", "T0830", "T1036", "T1200", "T0864", "T1599", "T1565"],
    // Denial of service, floods.
    &["T1498", "T1499", "T0814", "T0813", "T1200"],
    // Credentials.
    &["T1110", "T1078", "T0812", "T0859", "T1602"],
    // Command and control.
    &["T1071", "T1571", "T1572", "T1573", "T1095", "T1090", "T1132", "T1059", "T0869", "T0885", "T1219"],
    // Exfiltration, first contact outside.
    &["T1041", "T1048", "T1567", "T1030", "T1020", "T1071", "T1571", "T1572", "T0882"],
    // Collection, mass reading.
    &["T1213", "T0802", "T0861", "T1602", "T1119", "T1005", "T1039", "T1530", "T1087", "T1083", "T1020"],
    // Manipulation of data or devices.
    &["T1565", "T0855", "T0836", "T0831", "T0832", "T0856", "T1485", "T1491", "T1499", "T0806", "T0813"],
    // Lateral movement, remote access.
    &["T1021", "T1570", "T1210", "T1080", "T0867", "T0886", "T0866", "T1133", "T1199"],
    // Encryption, destruction.
    &["T1486", "T1485", "T1490", "T1080", "T1565", "T0826"],
    // Camera and screen.
    &["T1125", "T1123", "T1113", "T1021", "T1119"],
    // Bridged boundaries, VLANs.
    &["T1599", "T1601", "T0830", "T1557", "T1205", "T1021"],
    // Malformed input.
    &["T1190", "T1203", "T1499"],
];

/// How an attack fared.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An incident explains it and names its family.
    Found {
        /// Seconds from its start to the first such incident; negative when that began early.
        after: f64,
    },
    /// Incidents explain it, and none names its family.
    Unnamed,
    /// Nothing explains it.
    Missed,
}

/// An attack of the labels, and what explains it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attack {
    /// Its name in the labels.
    pub name: String,
    /// Its technique in the labels.
    pub technique: String,
    /// How it fared.
    pub outcome: Outcome,
    /// Kinds of the incidents that explain it.
    pub kinds: BTreeSet<String>,
    /// Techniques that they name, without their sub-technique.
    pub techniques: BTreeSet<String>,
}

/// A harmless novelty of the labels, and what accuses it.
#[derive(Clone, Debug, PartialEq)]
pub struct Novelty {
    /// Its name in the labels.
    pub name: String,
    /// Kinds of the incidents that accuse it; none is right.
    pub accused_of: BTreeSet<String>,
}

/// The whole score; its `Display` is a table for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Every attack in the order of the labels.
    pub attacks: Vec<Attack>,
    /// Every harmless novelty in the order of the labels.
    pub novelties: Vec<Novelty>,
    /// Incidents that neither explain an attack nor accuse a novelty.
    pub others: Vec<Incident>,
    /// How many incidents of low severity there were.
    pub low: usize,
}

impl Score {
    /// How many attacks were found.
    pub fn found(&self) -> usize {
        self.attacks.iter().filter(|attack| matches!(attack.outcome, Outcome::Found { .. })).count()
    }

    /// How many harmless novelties were accused.
    pub fn accused(&self) -> usize {
        self.novelties.iter().filter(|novelty| !novelty.accused_of.is_empty()).count()
    }
}

/// Scores incidents against labelled events.
pub fn score(events: &[Event], incidents: &[Incident]) -> Score {
    let loud: Vec<&Incident> = incidents.iter().filter(|incident| incident.severity != "low").collect();
    let attacks: Vec<&Event> = events.iter().filter(|event| event.malicious).collect();
    let mut explained: Vec<Option<usize>> = loud.iter().map(|incident| best(&attacks, incident)).collect();
    let judged = attacks.iter().enumerate().map(|(place, event)| {
        let mine =
            loud.iter().zip(&explained).filter(|(_, of)| **of == Some(place)).map(|(incident, _)| *incident);
        judge(event, &mine.collect::<Vec<_>>())
    });
    let judged = judged.collect();
    let mut novelties = Vec::new();
    for event in events.iter().filter(|event| !event.malicious) {
        let mut accused_of = BTreeSet::new();
        for (incident, of) in loud.iter().zip(&mut explained) {
            let overlaps = incident.first <= event.end + LATE && incident.last >= event.start - EARLY;
            if of.is_none() && overlaps && is_source(event, incident) {
                // Spent: an incident accuses one novelty, and is then no other incident.
                *of = Some(usize::MAX);
                accused_of.insert(incident.kind.clone());
            }
        }
        novelties.push(Novelty { name: event.name.clone(), accused_of });
    }
    let others =
        loud.iter().zip(&explained).filter(|(_, of)| of.is_none()).map(|(incident, _)| (*incident).clone());
    Score { attacks: judged, novelties, others: others.collect(), low: incidents.len() - loud.len() }
}

/// The attack that the incident explains: of several, the first of those that it overlaps longest.
fn best(attacks: &[&Event], incident: &Incident) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (place, event) in attacks.iter().enumerate().filter(|(_, event)| explains(event, incident)) {
        let overlap = incident.last.min(event.end) - incident.first.max(event.start);
        if best.is_none_or(|(_, longest)| overlap > longest) {
            best = Some((place, overlap));
        }
    }
    best.map(|(place, _)| place)
}

fn explains(event: &Event, incident: &Incident) -> bool {
    let begins = incident.first >= event.start - EARLY && incident.first <= event.end + LATE;
    let is_no_longer = incident.last - incident.first <= event.end - event.start + LONGER;
    begins && is_no_longer && is_source(event, incident)
}

/// Whether the incident accuses the device of the event. Flooded hardware addresses name nobody, so such a flood is known by its family.
fn is_source(event: &Event, incident: &Incident) -> bool {
    if event.name == "mac_flood" {
        return names_family(event, incident);
    }
    !incident.source.is_disjoint(&event.actor)
}

fn names_family(event: &Event, incident: &Incident) -> bool {
    incident.techniques.iter().any(|named| {
        *named == event.technique
            || FAMILIES
                .iter()
                .any(|family| family.contains(&named.as_str()) && family.contains(&event.technique.as_str()))
    })
}

fn judge(event: &Event, mine: &[&Incident]) -> Attack {
    let right = mine.iter().filter(|incident| names_family(event, incident));
    let first = right.map(|incident| incident.first).min_by(f64::total_cmp);
    let outcome = match first {
        Some(first) => Outcome::Found { after: first - event.start },
        None if mine.is_empty() => Outcome::Missed,
        None => Outcome::Unnamed,
    };
    Attack {
        name: event.name.clone(),
        technique: event.label.clone(),
        outcome,
        kinds: mine.iter().map(|incident| incident.kind.clone()).collect(),
        techniques: mine.iter().flat_map(|incident| incident.techniques.iter().cloned()).collect(),
    }
}

#[cfg(test)]
mod tests;
