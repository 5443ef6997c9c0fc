//! The devices that are cut off by order, whatever the policy says: an overlay on both policies.
//!
//! It is no part of a policy, so that a swap keeps it. Who changes it publishes a generation, so that every cached verdict
//! is given anew. That it is in force on the next frame costs the frames of known flows nothing.

use crate::address::{DeviceKey, Ip, Mac};
use crate::cell::Cell64;
use crate::headers::Headers;
use crate::judge::Builtin;
use crate::mix::{mix, two_buckets};
use crate::table::Full;

use super::key::{mac_word, words};

/// Addresses that can be in quarantine. Half of them can be counted on; beyond that a bucket may be full before.
pub const QUARANTINE_SLOTS: usize = 2048;
const WAYS: usize = 4;
const BUCKETS: usize = QUARANTINE_SLOTS / WAYS;

/// What an address is, as entries keep it; 0 is an empty entry.
const MAC: u64 = 1;
const IP: u64 = 2;

/// What a device needs to keep its address and its place at the switch, and to be found when it is released. Nothing of it
/// goes beyond its link, and none of it carries anybody's data.
const NEEDED: u64 = 1 << Builtin::Arp as u64
    | 1 << Builtin::Eapol as u64
    | 1 << Builtin::NeighborDiscovery as u64
    | 1 << Builtin::Dhcp as u64
    | 1 << Builtin::Dhcpv6 as u64;

/// One address. The kind is written last and cleared first.
#[repr(C)]
struct Entry {
    high: Cell64,
    low: Cell64,
    kind: Cell64,
}

/// An address as entries keep it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Address {
    high: u64,
    low: u64,
    kind: u64,
}

impl Address {
    const fn mac(mac: Mac) -> Address {
        Address { high: mac_word(mac), low: 0, kind: MAC }
    }

    const fn ip(ip: Ip) -> Address {
        let [high, low] = words(ip);
        Address { high, low, kind: IP }
    }

    /// The address of a device; `None` for a group and for the absent address, which are no device's.
    const fn of(device: DeviceKey) -> Option<Address> {
        match device {
            DeviceKey::Mac(mac) if mac.is_none() || mac.is_group() => None,
            DeviceKey::Ip(ip) if ip.is_none() || ip.is_group() => None,
            DeviceKey::Mac(mac) => Some(Address::mac(mac)),
            DeviceKey::Ip(ip) => Some(Address::ip(ip)),
        }
    }

    fn buckets(self) -> [usize; 2] {
        two_buckets(mix([self.high, self.low, self.kind], 0), BUCKETS)
    }
}

impl Entry {
    fn is(&self, address: Address) -> bool {
        self.high.load() == address.high && self.low.load() == address.low && self.kind.load() == address.kind
    }
}

/// Who of a frame is in quarantine, in bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Held(u8);

impl Held {
    pub(crate) const NOBODY: Held = Held(0);
    pub(crate) const SENDER: Held = Held(1);
    pub(crate) const RECEIVER: Held = Held(2);
    /// The sender of what the frame may answer.
    pub(crate) const ASKER: Held = Held(4);

    pub(crate) const fn has(self, other: Held) -> bool {
        self.0 & other.0 != 0
    }
}

/// The addresses of all devices in quarantine.
#[repr(C)]
pub(super) struct Quarantine {
    /// Addresses in the table. Where it is 0 nothing is looked up.
    count: Cell64,
    /// The built-in allowances that hold in quarantine, by their numbers, those of [`NEEDED`] inverted.
    allowances: Cell64,
    entries: [Entry; QUARANTINE_SLOTS],
}

impl Quarantine {
    /// Whether there is any address in it.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count.load() == 0
    }

    /// Who of a frame is in quarantine, by any of their addresses; `asker` sent what the frame may answer.
    #[cfg_attr(target_arch = "bpf", inline(never))]
    pub(super) fn held(&self, headers: &Headers, asker: Mac) -> Held {
        let bit = |address, bit: Held| if self.holds(address) { bit.0 } else { 0 };
        Held(
            bit(Address::mac(headers.src_mac), Held::SENDER)
                | bit(Address::ip(headers.src), Held::SENDER)
                | bit(Address::mac(headers.dst_mac), Held::RECEIVER)
                | bit(Address::ip(headers.dst), Held::RECEIVER)
                | bit(Address::mac(asker), Held::ASKER),
        )
    }

    /// Whether a device's address is in quarantine.
    pub(super) fn holds_device(&self, device: DeviceKey) -> bool {
        Address::of(device).is_some_and(|address| self.holds(address))
    }

    #[cfg_attr(target_arch = "bpf", inline(never))]
    fn holds(&self, address: Address) -> bool {
        let [first, second] = address.buckets();
        self.holds_in(first, address) || self.holds_in(second, address)
    }

    #[inline]
    fn holds_in(&self, bucket: usize, address: Address) -> bool {
        for way in 0..WAYS {
            if let Some(entry) = self.entries.get(bucket * WAYS + way)
                && entry.is(address)
            {
                return true;
            }
        }
        false
    }

    /// Whether a built-in allowance holds for a device in quarantine.
    pub(super) fn allows(&self, builtin: Builtin) -> bool {
        (self.allowances.load() ^ NEEDED) >> (builtin as u64) & 1 == 1
    }

    /// Says which built-in allowances hold for devices in quarantine.
    pub(super) fn set_allowances(&self, builtins: &[Builtin]) {
        let wanted = builtins.iter().fold(0, |bits, builtin| bits | 1 << *builtin as u64);
        self.allowances.store(wanted ^ NEEDED);
    }

    fn bucket(&self, bucket: usize) -> &[Entry] {
        let start = bucket * WAYS;
        self.entries.get(start..start + WAYS).unwrap_or_default()
    }

    pub(super) fn add(&self, device: DeviceKey) -> Result<(), Full> {
        let Some(address) = Address::of(device) else { return Ok(()) };
        if self.holds(address) {
            return Ok(());
        }
        let [first, second] = address.buckets().map(|bucket| self.bucket(bucket));
        let used = |bucket: &[Entry]| bucket.iter().filter(|entry| entry.kind.load() != 0).count();
        let emptier = if used(second) < used(first) { second } else { first };
        let entry = emptier.iter().find(|entry| entry.kind.load() == 0).ok_or(Full::Quarantine)?;
        entry.high.store(address.high);
        entry.low.store(address.low);
        entry.kind.store(address.kind);
        self.count.store(self.count.load() + 1);
        Ok(())
    }

    pub(super) fn remove(&self, device: DeviceKey) {
        let Some(address) = Address::of(device) else { return };
        for bucket in address.buckets() {
            for entry in self.bucket(bucket).iter().filter(|entry| entry.is(address)) {
                entry.kind.store(0);
                self.count.store(self.count.load().saturating_sub(1));
            }
        }
    }
}
