//! B6: a name that one device calls itself by (DICOM AE title, HL7 sending application) comes from another.

use crate::baseline::KnownName;
use crate::finding::{Severity, Technique};
use crate::record::{Activity, Endpoint};
use crate::say::{Case, measured, name, ruled};
use abi::address::{DeviceKey, SECOND, Timestamp};
use abi::app::App;
use rustc_hash::FxHashMap;

/// Names that are remembered.
const NAMES: usize = 16_384;
/// Users of a name that are told apart; a name of more is nobody's own.
const USERS: usize = 3;
/// Longest name, in bytes; AE titles have 16, HL7 applications with facility rarely more than 40.
const LENGTH: usize = 64;
/// Uses after which a name is its user's.
const USES: u64 = 3;
const AGAIN: u64 = 60 * SECOND;

const MASQUERADE: &[Technique] = &[Technique("T1036"), Technique("T1078"), Technique("T1565.002")];

#[derive(Clone, Debug)]
struct Name {
    users: Vec<DeviceKey>,
    uses: u64,
    known: bool,
    told: Timestamp,
}

/// The names in use.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_app: FxHashMap<App, FxHashMap<String, Name>>,
    count: usize,
    pub(crate) lost: u64,
}

impl Names {
    pub(crate) fn from_baseline(known: &[KnownName]) -> Names {
        let mut names = Names::default();
        for KnownName { app, name, users, uses } in known.iter().take(NAMES) {
            if let Some(app) = App::ALL.into_iter().find(|candidate| *candidate as u8 == *app) {
                let entry = Name { users: users.clone(), uses: *uses, known: true, told: Timestamp(0) };
                names.count += 1;
                names.by_app.entry(app).or_default().insert(name.clone(), entry);
            }
        }
        names
    }

    pub(crate) fn to_baseline(&self) -> Vec<KnownName> {
        let mut known: Vec<KnownName> = self
            .by_app
            .iter()
            .flat_map(|(app, names)| {
                names.iter().map(|(name, entry)| KnownName {
                    app: *app as u8,
                    name: name.clone(),
                    users: entry.users.clone(),
                    uses: entry.uses,
                })
            })
            .collect();
        known.sort();
        known
    }

    /// Notes the name of an operation's client; a case when the name is another's.
    pub(crate) fn used(&mut self, activity: &Activity<'_>) -> Option<Case> {
        let is_named = matches!(activity.app, App::Dicom | App::Hl7);
        if !is_named || activity.client_name.is_empty() || activity.client_name.len() > LENGTH {
            return None;
        }
        let names = self.by_app.entry(activity.app).or_default();
        let device = activity.client.device;
        let Some(entry) = names.get_mut(activity.client_name) else {
            if self.count >= NAMES {
                self.lost += 1;
                return None;
            }
            self.count += 1;
            let entry = Name { users: vec![device], uses: 1, known: false, told: Timestamp(0) };
            names.insert(activity.client_name.to_owned(), entry);
            return None;
        };
        if entry.users.contains(&device) {
            entry.uses = entry.uses.saturating_add(1);
            return None;
        }
        let is_owned = entry.users.len() == 1 && entry.uses >= USES;
        if !is_owned {
            if entry.users.len() < USERS {
                entry.users.push(device);
                entry.users.sort_unstable();
            }
            return None;
        }
        if entry.told.0 != 0 && activity.at.since(entry.told) < AGAIN {
            return None;
        }
        entry.told = activity.at;
        Some(entry.case(activity))
    }

    /// Adds a user without judging, as in benign time.
    pub(crate) fn learn(&mut self, activity: &Activity<'_>) {
        if self.used(activity).is_some()
            && let Some(entry) =
                self.by_app.get_mut(&activity.app).and_then(|names| names.get_mut(activity.client_name))
            && entry.users.len() < USERS
        {
            entry.told = Timestamp(0);
            entry.users.push(activity.client.device);
            entry.users.sort_unstable();
        }
    }
}

impl Name {
    fn case(&self, activity: &Activity<'_>) -> Case {
        let source = Endpoint { port: 0, ..activity.client };
        let owner = self.users.first().map(ToString::to_string).unwrap_or_default();
        let text = format!(
            "{} calls itself {} in {}, the name of {owner} alone in {} uses before",
            name(&source),
            activity.client_name,
            activity.app,
            self.uses,
        );
        // What was learned in benign time is a surprise; what was seen in this run alone is worth knowing.
        let severity = if self.known { Severity::Medium } else { Severity::Low };
        let p = measured("B6", 2.0, 1.0, self.uses, 1e-3);
        let evidence = if self.known { vec![p] } else { vec![ruled("B6", 2.0, 1.0)] };
        Case {
            first: activity.at,
            last: activity.at,
            kind: "name-clash",
            severity,
            techniques: MASQUERADE,
            source,
            targets: vec![activity.server],
            text,
            evidence,
            flows: vec![activity.flow],
        }
    }
}

#[cfg(test)]
mod tests;
