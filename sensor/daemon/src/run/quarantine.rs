//! Devices in quarantine: an overlay on every policy, kept in a small file, so that it outlasts the process.

use crate::exit::Failure;
use crate::{time, whole};
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use abi::state::QUARANTINE_SLOTS;
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Addresses at a time, over all devices: as many as the judge can be sure to have room for.
const MOST: usize = QUARANTINE_SLOTS / 2;
/// Bytes of the file that are read.
const LONGEST: u64 = 4 << 20;

/// A device that is cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// What was asked for, as it was asked for.
    pub(super) device: DeviceKey,
    /// All addresses of the device that were known then.
    pub(super) addresses: Vec<DeviceKey>,
    /// Why, in the words of who asked.
    pub(super) reason: String,
    /// Since when, by the wall clock.
    pub(super) since: Timestamp,
    /// Until when.
    pub(super) until: Timestamp,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Quarantines {
    file: PathBuf,
    entries: Vec<Entry>,
}

impl Quarantines {
    /// What an earlier process left in the file; nothing where there is none.
    ///
    /// # Errors
    /// In words, where the file cannot be read or is none of ours: then there is nobody in it, and the next change replaces it.
    pub(super) fn read(file: &Path) -> (Quarantines, Option<String>) {
        let of = |entries| Quarantines { file: file.to_owned(), entries };
        let is_long = fs::metadata(file).is_ok_and(|meta| meta.len() > LONGEST);
        let text = if is_long { Err(ErrorKind::FileTooLarge.into()) } else { fs::read_to_string(file) };
        let text = match text {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return (of(Vec::new()), None),
            Err(error) => return (of(Vec::new()), Some(error.to_string())),
        };
        let rows = serde_json::from_str::<Value>(&text).ok();
        let rows = rows.as_ref().and_then(|whole| whole.get("quarantine")?.as_array());
        match rows.and_then(|rows| rows.iter().map(Entry::read).collect::<Option<Vec<Entry>>>()) {
            Some(entries) => (of(entries), None),
            None => (of(Vec::new()), Some("it is no list of quarantines".to_owned())),
        }
    }

    /// Those who are in.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds one, in place of an earlier one of the same device.
    ///
    /// # Errors
    /// In words, where there is no room.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), &'static str> {
        self.entries.retain(|other| other.device != entry.device);
        let addresses = self.entries.iter().map(|other| other.addresses.len()).sum::<usize>();
        if addresses.saturating_add(entry.addresses.len()) > MOST {
            return Err("too many addresses are in quarantine (1,024)");
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Takes out those that this pleases.
    pub(super) fn take(&mut self, mut pleases: impl FnMut(&Entry) -> bool) -> Vec<Entry> {
        let (taken, kept) = std::mem::take(&mut self.entries).into_iter().partition(|entry| pleases(entry));
        self.entries = kept;
        taken
    }

    /// Of addresses that were taken out, those that nobody else in quarantine has.
    pub(super) fn free(&self, taken: &[Entry]) -> Vec<DeviceKey> {
        let is_held =
            |address: &DeviceKey| self.entries.iter().any(|entry| entry.addresses.contains(address));
        taken
            .iter()
            .flat_map(|entry| entry.addresses.iter().copied())
            .filter(|address| !is_held(address))
            .collect()
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// It could not be written; the file before stays.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let rows: Vec<Value> = self.entries.iter().map(Entry::row).collect();
        whole::write(&self.file, format!("{:#}\n", json!({ "quarantine": rows })).as_bytes())
    }
}

impl Entry {
    /// As it is shown and kept.
    pub(super) fn row(&self) -> Value {
        json!({
            "device": self.device.to_string(),
            "addresses": self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "reason": self.reason,
            "since": time::text(self.since),
            "until": time::text(self.until),
        })
    }

    fn read(row: &Value) -> Option<Entry> {
        let text = |name: &str| row.get(name)?.as_str();
        let at = |name: &str| time::parse(text(name)?).ok();
        let addresses = row.get("addresses")?.as_array()?;
        Some(Entry {
            device: device(text("device")?)?,
            addresses: addresses.iter().map(|address| device(address.as_str()?)).collect::<Option<_>>()?,
            reason: text("reason")?.to_owned(),
            since: at("since")?,
            until: at("until")?,
        })
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let others: Vec<String> = self
            .addresses
            .iter()
            .filter(|address| **address != self.device)
            .map(ToString::to_string)
            .collect();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        let until = Timestamp(self.until.0 / SECOND * SECOND);
        format!("{}{others} until {}: {}", self.device, time::text(until), self.reason)
    }
}

/// A device as people write it: an IP address, a MAC address, or the name that rows give it (`mac-0009fb000007`, `ip-10.2.0.9`).
pub(crate) fn device(text: &str) -> Option<DeviceKey> {
    let ip = |text: &str| {
        Some(DeviceKey::Ip(match text.parse().ok()? {
            std::net::IpAddr::V4(ip) => Ip::v4(ip.octets()),
            std::net::IpAddr::V6(ip) => Ip(ip.octets()),
        }))
    };
    let mac = |digits: &str| {
        let is_one = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let [_, _, bytes @ ..] = u64::from_str_radix(digits, 16).ok().filter(|_| is_one)?.to_be_bytes();
        Some(DeviceKey::Mac(Mac(bytes)))
    };
    let parted = |mark: char| {
        let parts: Vec<&str> = text.split(mark).collect();
        (parts.len() == 6 && parts.iter().all(|part| part.len() == 2)).then(|| parts.concat())
    };
    match (text.strip_prefix("mac-"), text.strip_prefix("ip-")) {
        (Some(digits), _) if digits.len() == 12 => mac(digits),
        (_, Some(address)) => ip(address),
        _ => match parted(':').or_else(|| parted('-')) {
            Some(digits) => mac(&digits),
            None => ip(text),
        },
    }
}

#[cfg(test)]
mod tests;
