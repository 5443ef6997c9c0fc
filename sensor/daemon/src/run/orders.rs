//! What other commands ask of a running sensor: who is cut off, who is let out, and how it goes.

use super::control::Answer;
use super::quarantine::{Entry, device};
use super::report::line;
use super::{Sensor, monotonic};
use crate::command::{Quiet, Run, Stand};
use crate::exit::{Exit, Failure};
use crate::fastpath::interface::Interface;
use crate::time;
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use abi::table::SegmentId;
use policies::Criticality;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::time::Duration;

/// Bytes of a reason.
const LONGEST: usize = 500;

/// What the wall clock says: quarantines outlast the process, whose monotonic clock does not.
fn wall() -> Timestamp {
    let now = Duration::try_from(clock_gettime(ClockId::Realtime)).unwrap_or_default();
    Timestamp(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

impl Sensor {
    /// Answers those who ask.
    pub(super) fn answer(&mut self, request: &Run) {
        let Some(control) = self.control.take() else { return };
        control.answer(|question, user| self.obey(question, user, request));
        self.control = Some(control);
    }

    fn obey(&mut self, question: &Value, user: u32, request: &Run) -> Answer {
        let text = |name: &str| question.get(name).and_then(Value::as_str);
        let named = text("device").map(|text| (text, device(text)));
        match (text("ask"), named) {
            (Some("status"), _) => self.status(request),
            (Some("quarantine" | "release"), Some((text, None))) => {
                let what =
                    "name an IP address, a MAC address, or a device as rows name it (mac-0009fb000007)";
                Answer::refusal(Exit::Usage, format!("{text}: is no device ({what})"))
            }
            (Some("release"), Some((_, Some(device)))) => self.let_out(device, user),
            (Some("quarantine"), Some((_, Some(device)))) => {
                let seconds = question.get("ttl_s").and_then(Value::as_u64);
                let (Some(seconds), Some(reason)) = (seconds, text("reason")) else {
                    return Answer::refusal(Exit::Usage, "a time and a reason are needed");
                };
                let force = question.get("force").and_then(Value::as_bool) == Some(true);
                let objection = if force { None } else { self.objection(device) };
                match objection {
                    Some(objection) => Answer::refusal(Exit::NotPermitted, objection),
                    None => self.cut_off(device, seconds, (reason, user), &request.stand),
                }
            }
            _ => Answer::refusal(Exit::Usage, "this question is not understood"),
        }
    }

    /// Why a device should not be cut off without another word.
    fn objection(&self, device: DeviceKey) -> Option<String> {
        let group = match device {
            DeviceKey::Mac(mac) => mac.is_none() || mac.is_group(),
            DeviceKey::Ip(ip) => ip.is_none() || ip.is_group(),
        };
        if group {
            return Some(format!("{device}: is the address of a group, and no device's"));
        }
        let identities = self.fastpath.state().identities();
        for address in self.addresses(device) {
            if let DeviceKey::Mac(mac) = address
                && identities.is_router(mac)
            {
                return Some(format!(
                    "{device}: is a router's address, which stands for everybody behind it; use --force to cut them all off"
                ));
            }
            let segment = self.segment(address);
            let declared = self.policy.segments.iter().find(|declared| Some(declared.id) == segment);
            if let Some(declared) = declared.filter(|one| one.criticality == Criticality::LifeCritical) {
                return Some(format!(
                    "{device}: belongs to `{}`, which is life_critical: lives may depend on it; use --force to cut it off nevertheless",
                    declared.name
                ));
            }
        }
        None
    }

    fn segment(&self, address: DeviceKey) -> Option<SegmentId> {
        let (mac, ip) = match address {
            DeviceKey::Mac(mac) => (mac, Ip::NONE),
            DeviceKey::Ip(ip) => (Mac::NONE, ip),
        };
        self.fastpath.state().identities().segment_of(mac, ip, [0, 0])
    }

    /// All addresses of a device, as far as the inventory knows them.
    fn addresses(&self, device: DeviceKey) -> Vec<DeviceKey> {
        self.live.as_ref().map_or_else(|| vec![device], |live| live.addresses_of(device))
    }

    fn cut_off(
        &mut self,
        device: DeviceKey,
        seconds: u64,
        (reason, user): (&str, u32),
        stand: &Stand,
    ) -> Answer {
        let since = wall();
        let until = Timestamp(since.0.saturating_add(seconds.saturating_mul(SECOND)));
        let reason = reason.chars().take(LONGEST).collect();
        let entry = Entry { device, addresses: self.addresses(device), reason, since, until };
        // Of an earlier quarantine of the same device other addresses may have been known.
        let before = self.quarantines.take(|other| other.device == device);
        if let Err(why) = self.quarantines.add(entry.clone()) {
            // They were in a moment ago.
            for entry in before {
                self.quarantines.add(entry).unwrap_or_default();
            }
            return Answer::refusal(Exit::Usage, why);
        }
        // Written down first: of a sensor that dies now the next one goes on with it.
        let kept = self.keep();
        let state = self.fastpath.state();
        state.release(&self.quarantines.free(&before));
        if let Err(full) = state.quarantine(&entry.addresses) {
            self.quarantines.take(|other| other.device == device);
            self.fastpath.state().release(&self.quarantines.free(std::slice::from_ref(&entry)));
            self.keep();
            return Answer::refusal(Exit::Usage, full.to_string());
        }
        self.tell_engine(&before, &entry.addresses);
        // Frames that began before have ended: none passes after the answer.
        if let Err(error) = self.fastpath.idle().map(drop) {
            crate::say("warning", &format!("frames that are under way may still pass: {error}"));
        }
        let mut text = format!("quarantine: {}", entry.line());
        crate::say("note", &format!("{text} (by user {user})"));
        if matches!(stand, Stand::Span(_)) {
            text.push_str("\nnote: span: nothing is dropped on mirror ports; verdicts alone say so");
        }
        text.push_str(&kept);
        Answer { exit: Exit::Ok, text, rows: entry.row() }
    }

    fn let_out(&mut self, device: DeviceKey, user: u32) -> Answer {
        let taken =
            self.quarantines.take(|entry| entry.device == device || entry.addresses.contains(&device));
        if taken.is_empty() {
            return Answer::refusal(Exit::Usage, format!("{device}: is not in quarantine"));
        }
        let mut text = self.open(&taken, &format!("released by user {user}"));
        text.push_str(&self.keep());
        Answer { exit: Exit::Ok, text, rows: taken.iter().map(Entry::row).collect() }
    }

    /// Lets those out whose time is over.
    pub(super) fn end_quarantines(&mut self) {
        let now = wall();
        let taken = self.quarantines.take(|entry| entry.until <= now);
        if !taken.is_empty() {
            self.open(&taken, "released, its time is over");
            self.keep();
        }
    }

    /// Puts in force what an earlier process left, and lets those out whose time is over since.
    pub(super) fn take_quarantines_over(&mut self, request: &Run) {
        self.end_quarantines();
        let entries = self.quarantines.entries().to_vec();
        for entry in entries {
            if let Err(full) = self.fastpath.state().quarantine(&entry.addresses) {
                crate::say("warning", &format!("quarantine: {}: {full}", entry.line()));
            } else if request.quiet == Quiet::No {
                crate::say("note", &format!("quarantine: {}", entry.line()));
            }
            self.tell_engine(&[], &entry.addresses);
        }
    }

    fn open(&mut self, taken: &[Entry], how: &str) -> String {
        let free = self.quarantines.free(taken);
        self.fastpath.state().release(&free);
        self.tell_engine(taken, &[]);
        let mut text = String::new();
        for entry in taken {
            let line = format!("quarantine ends: {} ({how})", entry.device);
            crate::say("note", &line);
            text.push_str(&line);
            text.push('\n');
        }
        text.trim_end().to_owned()
    }

    fn tell_engine(&self, out: &[Entry], into: &[DeviceKey]) {
        if let Some(live) = &self.live {
            live.quarantine(self.quarantines.free(out), into.to_vec());
        }
    }

    /// Writes the list down; where that fails it is in force all the same, which is told.
    fn keep(&self) -> String {
        match self.quarantines.write() {
            Ok(()) => String::new(),
            Err(Failure { cause, .. }) => {
                let text =
                    format!("the quarantines are in force, but will not outlast this process: {cause:#}");
                crate::say("warning", &text);
                format!("\nwarning: {text}")
            }
        }
    }

    fn status(&mut self, request: &Run) -> Answer {
        let report = self.report();
        let (mut text, mut rows) = (report.text(), report.json());
        let mode = match request.stand {
            Stand::Span(_) => "span",
            Stand::Inline(_) => "inline",
            Stand::Routed(_) => "routed",
        };
        let uptime = monotonic().saturating_sub(self.begun).as_secs();
        text.insert_str(0, &format!("mode {mode}, at work for {uptime} s\n"));
        let dropped = self.interface_drops();
        for (name, frames) in &dropped {
            line(&mut text, &format!("dropped at {name} by its own count: {frames}"));
        }
        text.push_str("in quarantine\n");
        for entry in self.quarantines.entries() {
            line(&mut text, &format!("  {}", entry.line()));
        }
        if self.quarantines.entries().is_empty() {
            text.push_str("  nobody\n");
        }
        if let Some(rows) = rows.as_object_mut() {
            let dropped: serde_json::Map<String, Value> =
                dropped.into_iter().map(|(name, frames)| (name, frames.into())).collect();
            let quarantine: Vec<Value> = self.quarantines.entries().iter().map(Entry::row).collect();
            let hash: String =
                self.policy.hash.iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
            rows.insert("mode".to_owned(), mode.into());
            rows.insert("uptime_s".to_owned(), uptime.into());
            rows.insert("policy_hash".to_owned(), hash.into());
            rows.insert("interface_drops".to_owned(), dropped.into());
            rows.insert("quarantine".to_owned(), quarantine.into());
            rows.insert("now".to_owned(), json!(time::text(wall())));
        }
        Answer { exit: Exit::Ok, text, rows }
    }

    fn interface_drops(&self) -> Vec<(String, u64)> {
        let found = self.ports.iter().filter_map(|port| Interface::numbered(port.note.index).ok().flatten());
        found.map(|interface| (interface.name, interface.dropped)).collect()
    }
}
