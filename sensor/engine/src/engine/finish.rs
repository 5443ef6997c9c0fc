//! The end of a run: what is still open is closed, and the inventory and the figures are handed over.

use super::Engine;
use crate::inventory::Device;
use crate::output::{Claim, DeviceRow, Finished, Incident, Outputs, SessionRow, Summary};
use abi::address::{DeviceKey, SECOND, Timestamp};
use abi::device::DeviceType;
use detectors::finding::Severity;
use detectors::record::FlowEnd;
use rustc_hash::FxHashSet;

/// Flows that are closed between two times that the caller may drain the rows.
const BATCH: usize = 256;

impl Engine {
    /// Closes the flows that are still open, and hands the rows over a batch at a time, so that they never pile up.
    ///
    /// # Errors
    /// Whatever `drain` fails with; flows that are still open are then lost.
    pub fn wind_up<E>(
        &mut self,
        out: &mut Outputs,
        mut drain: impl FnMut(&mut Outputs, Option<&policies::Compiled>) -> Result<(), E>,
    ) -> Result<(), E> {
        for place in self.table.places() {
            let Some(flow) = self.table.remove(place) else { continue };
            let end = if flow.is_over() { FlowEnd::Closed } else { FlowEnd::InputEnd };
            self.close(flow, end, out);
            if out.flows.len() >= BATCH {
                drain(out, self.policy())?;
            }
        }
        drain(out, self.policy())
    }

    /// Ends the run. Call [`Engine::wind_up`] before.
    pub fn finish(mut self) -> (Finished, Option<policies::Compiled>, crate::watch::Watch) {
        // Findings that are held back for a better explanation come out once their time has passed.
        let later = Timestamp(self.now.0.saturating_add(3600 * SECOND));
        self.watch.tick(later, &mut self.findings);
        self.group();
        let mut summary = std::mem::take(&mut self.summary);
        summary.flow_keys = self.keys.count();
        self.overflows(&mut summary);
        let incidents = std::mem::take(&mut self.incidents).finish();
        self.list(&incidents);
        let devices = self.device_rows();
        summary.devices = devices.len() as u64;
        for incident in &incidents {
            *summary.incidents.entry(severity(incident.severity)).or_default() += 1;
        }
        let policy = self.guard.map(crate::verdict::Guard::into_policy);
        (Finished { devices, incidents, summary }, policy, self.watch)
    }

    /// Every device that is accused has a row, by the name that its incident uses.
    fn list(&mut self, incidents: &[Incident]) {
        let names = self.listed().flat_map(|device| device.aliases.iter().copied().chain([device.key]));
        let listed: FxHashSet<DeviceKey> = names.collect();
        for incident in incidents.iter().filter(|incident| !listed.contains(&incident.source.device)) {
            self.inventory.accused(incident.source.device, incident.first, incident.last);
        }
    }

    fn overflows(&self, summary: &mut Summary) {
        let all = [
            ("flow_evictions", self.table.evictions),
            ("mirror_window", self.mirror.overflows),
            ("flow_keys", self.keys.overflows),
            ("fragments", self.fragments.overflows),
            ("fragment_orphans", self.fragments.orphans),
            ("reassembly", self.reader.budget.overflows),
            ("conversations", self.reader.reading.overflows),
            ("inventory", self.inventory.overflows),
            ("incidents", self.incidents.overflows),
            ("policy_places", self.guard.as_ref().map_or(0, |guard| guard.overflows)),
        ];
        summary.overflows.extend(all.into_iter().filter(|&(_, count)| count > 0));
        summary.overflows.extend(self.watch.overflows());
    }

    pub(super) fn device_rows(&self) -> Vec<DeviceRow> {
        let mut rows: Vec<DeviceRow> = self.listed().map(|device| self.device_row(device)).collect();
        rows.sort_by_key(|row| row.device);
        rows
    }

    /// A device that was merged into another one has no address left.
    fn listed(&self) -> impl Iterator<Item = &Device> {
        self.inventory.devices().iter().filter(|device| !device.macs.is_empty() || !device.ips.is_empty())
    }

    fn device_row(&self, device: &Device) -> DeviceRow {
        let identity = &device.identity;
        let surest = |attribute: &str| identity.values(attribute).into_iter().next();
        let class = identity.kind();
        let segment = self.guard.as_ref().and_then(|guard| guard.segment_of(device));
        let gateway = device.gateway.map(|mac| {
            let known = self.inventory.by_mac(mac).and_then(|number| self.inventory.device(number));
            known.map_or(DeviceKey::Mac(mac), |device| device.key)
        });
        let mut aliases = device.aliases.clone();
        aliases.sort_unstable();
        let mut vlan = device.vlans.clone();
        vlan.sort_unstable();
        DeviceRow {
            device: device.key,
            aliases,
            mac: device.macs.clone(),
            ip: device.ips.clone(),
            vlan,
            first_seen: device.first,
            last_seen: device.last,
            name: surest("name").map(|claim| claim.value),
            vendor: surest("vendor"),
            unknown_reason: unknown(&class, device),
            class,
            model: surest("model"),
            software: identity.values("software"),
            serial_hash: surest("serial").map(|claim| claim.value),
            role: identity.roles(),
            segment,
            behind_gateway: gateway,
            evidence: identity.evidence(),
            conflicts: identity.conflicts(),
        }
    }
}

/// Why a type is not known.
fn unknown(class: &Claim<DeviceType>, device: &Device) -> Option<&'static str> {
    if class.value != DeviceType::Unknown {
        return None;
    }
    Some(match device.key {
        DeviceKey::Mac(mac) if mac.is_local() => {
            "its MAC address is locally administered and it named itself in no protocol"
        }
        DeviceKey::Mac(_) if device.identity.evidence().is_empty() => {
            "its MAC prefix is in no table and it named itself in no protocol"
        }
        DeviceKey::Mac(_) => "the evidence names no type",
        DeviceKey::Ip(_) if device.identity.evidence().is_empty() => {
            "it is behind a router, so its MAC address is hidden, and it named itself in no protocol"
        }
        DeviceKey::Ip(_) => "it is behind a router, and the evidence names no type",
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

impl Summary {
    /// Counts a session row.
    pub(super) fn count_session(&mut self, row: &SessionRow) {
        *self.sessions.entry(row.exchange.said.app().word()).or_default() += 1;
    }
}
