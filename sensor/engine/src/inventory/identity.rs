//! What is known of one device: evidence, and the claims that follow from it.
//!
//! Each attribute is fused for itself. Evidence of one group (OUI and DHCP say the same thing about the stack) counts by its
//! strongest member; groups are independent, so their odds multiply. Without a self-declaration, one group alone never
//! gives more than 0.9. Two values that both have strong evidence are a conflict and are said, not averaged.

use crate::output::{Claim, Evidence};
use abi::address::{Ip, Mac};
use abi::device::DeviceType;
use std::collections::BTreeMap;

/// Evidence that is kept of one device.
const EVIDENCE: usize = 64;
/// Roles that are kept, at each address anew.
const ROLES: usize = 32;
/// A type at least this sure, and not by the MAC prefix alone, is stable: a policy may place the device by it.
const STABLE: f32 = 0.75;
/// One group alone, without a self-declaration, is never surer.
const ALONE: f32 = 0.9;

/// What is known of one device.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// With the IP address at which it was seen; none for what belongs to the MAC address.
    evidence: Vec<(Evidence, Ip)>,
    roles: Vec<(&'static str, Ip)>,
    stable: DeviceType,
    /// Evidence that found no room.
    pub(crate) overflows: u64,
}

impl Identity {
    /// Takes over what was known under another key.
    pub(crate) fn absorb(&mut self, other: Identity) {
        for (evidence, ip) in other.evidence {
            self.add(evidence, ip);
        }
        for (role, ip) in other.roles {
            self.plays(role, ip);
        }
    }

    /// Takes out what was seen at an IP address that turns out to be another device's.
    pub(crate) fn part(&mut self, ip: Ip) -> Identity {
        let evidence = self.evidence.extract_if(.., |&mut (_, at)| at == ip).collect();
        let roles = self.roles.extract_if(.., |&mut (_, at)| at == ip).collect();
        self.stable = DeviceType::Unknown;
        self.settle();
        Identity { evidence, roles, ..Identity::default() }
    }

    /// Adds a piece of evidence, seen at an IP address; the same claim by the same rule counts once.
    pub(crate) fn add(&mut self, evidence: Evidence, ip: Ip) {
        let known = self.evidence.iter_mut().map(|(other, _)| other).find(|other| {
            other.attribute == evidence.attribute
                && other.rule == evidence.rule
                && other.value == evidence.value
        });
        if let Some(known) = known {
            known.weight = known.weight.max(evidence.weight);
            return;
        }
        if self.evidence.len() >= EVIDENCE {
            self.overflows += 1;
            return;
        }
        let about_type = evidence.attribute == "type";
        self.evidence.push((evidence, ip));
        if about_type {
            self.settle();
        }
    }

    /// Notes a role that the device plays at an IP address.
    pub(crate) fn plays(&mut self, role: &'static str, ip: Ip) {
        if self.roles.len() < ROLES && !self.roles.contains(&(role, ip)) {
            self.roles.push((role, ip));
        }
    }

    /// Whether it plays a role.
    pub(crate) fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|&(known, _)| known == role)
    }

    /// The roles, sorted.
    pub(crate) fn roles(&self) -> Vec<&'static str> {
        let mut roles: Vec<_> = self.roles.iter().map(|&(role, _)| role).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// What the device is, as far as that is stable.
    pub(crate) fn class(&self) -> DeviceType {
        self.stable
    }

    /// The evidence, most telling first.
    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let mut all: Vec<Evidence> = self.known().cloned().collect();
        all.sort_by(|a, b| {
            a.tier
                .cmp(&b.tier)
                .then(b.weight.total_cmp(&a.weight))
                .then_with(|| (a.attribute, &a.value, a.rule).cmp(&(b.attribute, &b.value, b.rule)))
        });
        all
    }

    fn known(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.iter().map(|(evidence, _)| evidence)
    }

    /// Adds what a MAC address says by itself.
    pub(crate) fn add_mac(&mut self, mac: Mac) {
        let Some(maker) = super::knowledge::maker(mac) else { return };
        let evidence = |attribute, value: String, weight| Evidence {
            attribute,
            value,
            source: "oui",
            tier: 4,
            weight,
            flow: None,
            rule: "oui-prefix",
        };
        match maker.says {
            super::knowledge::Says::Module => {
                self.add(evidence("module", maker.vendor.to_owned(), 0.5), Ip::NONE);
            }
            super::knowledge::Says::Vendor => {
                self.add(evidence("vendor", maker.vendor.to_owned(), maker.weight), Ip::NONE);
            }
            super::knowledge::Says::Type(class) => {
                // The vendor is surer than what the vendor mostly makes.
                self.add(evidence("vendor", maker.vendor.to_owned(), maker.weight.max(0.8)), Ip::NONE);
                self.add(evidence("type", class.word().to_owned(), maker.weight), Ip::NONE);
            }
        }
    }

    /// Values of an attribute with the confidence in each, the surest first.
    pub(crate) fn values(&self, attribute: &str) -> Vec<Claim<String>> {
        let mut groups: BTreeMap<&str, BTreeMap<&str, &Evidence>> = BTreeMap::new();
        for evidence in self.known().filter(|evidence| evidence.attribute == attribute) {
            let strongest =
                groups.entry(&evidence.value).or_default().entry(group(evidence)).or_insert(evidence);
            if evidence.weight > strongest.weight {
                *strongest = evidence;
            }
        }
        let odds: Vec<(&str, f32, bool)> = groups
            .into_iter()
            .map(|(value, groups)| {
                let odds = groups.values().map(|evidence| odds(evidence.weight)).product();
                let alone = groups.len() < 2 && groups.values().all(|evidence| evidence.tier > 1);
                (value, odds, alone)
            })
            .collect();
        let total: f32 = odds.iter().map(|&(_, odds, _)| odds).sum();
        let mut claims: Vec<Claim<String>> = odds
            .into_iter()
            .map(|(value, odds, alone)| {
                let confidence = odds / (1.0 + total);
                let confidence = if alone { confidence.min(ALONE) } else { confidence };
                Claim { value: value.to_owned(), confidence }
            })
            .collect();
        claims.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.value.cmp(&b.value)));
        claims
    }

    /// The type, with the confidence in it.
    pub(crate) fn kind(&self) -> Claim<DeviceType> {
        let unknown = Claim { value: DeviceType::Unknown, confidence: 0.0 };
        self.values("type")
            .into_iter()
            .next()
            .and_then(|claim| {
                let value = DeviceType::parse(&claim.value)?;
                (claim.confidence >= 0.3).then_some(Claim { value, confidence: claim.confidence })
            })
            .unwrap_or(unknown)
    }

    /// Contradictions between strong evidence.
    pub(crate) fn conflicts(&self) -> Vec<String> {
        let mut all = Vec::new();
        for attribute in ["vendor", "type", "model", "name"] {
            let strong: Vec<_> = self
                .known()
                .filter(|evidence| {
                    evidence.attribute == attribute && evidence.tier <= 2 && evidence.weight >= 0.8
                })
                .collect();
            let Some(first) = strong.first() else { continue };
            if let Some(other) = strong.iter().find(|other| !other.value.eq_ignore_ascii_case(&first.value)) {
                all.push(format!(
                    "{attribute}: {} says {}, {} says {}",
                    first.source, first.value, other.source, other.value
                ));
            }
        }
        all
    }

    /// Takes a type over once it is sure enough; it is not lost again by weaker evidence.
    fn settle(&mut self) {
        let kind = self.kind();
        let beyond_prefix = self.known().any(|evidence| {
            evidence.attribute == "type" && evidence.source != "oui" && evidence.value == kind.value.word()
        });
        if kind.confidence >= STABLE && beyond_prefix {
            self.stable = kind.value;
        }
    }
}

/// Evidence of one group tells the same thing twice.
fn group(evidence: &Evidence) -> &'static str {
    match evidence.source {
        "oui" | "dhcp" => "stack",
        "tls" | "http" => "web",
        source => source,
    }
}

fn odds(weight: f32) -> f32 {
    let weight = weight.clamp(0.01, 0.99);
    weight / (1.0 - weight)
}

#[cfg(test)]
mod tests;
