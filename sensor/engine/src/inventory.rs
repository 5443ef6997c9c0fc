//! Who is on the network: devices by MAC address where the frame is local, by IP address where it is routed, and what is
//! known of each.

pub(crate) mod identity;
pub(crate) mod knowledge;
pub(crate) mod observe;

use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use identity::Identity;
use rustc_hash::FxHashMap;

/// A device's place in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number(u32);

/// Devices that are kept. What comes after is counted, and named by its address only.
pub(crate) const DEVICES: usize = 65_536;
/// Addresses that are kept of one device.
const ADDRESSES: usize = 16;
/// IPv4 addresses without ARP that make a MAC address a router's: one host seldom has more.
const ROUTER_ADDRESSES: usize = 4;
/// How long a pair of addresses that was proved stands against frames that show another one.
const PROVED: u64 = 60 * SECOND;

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    /// What names it.
    pub(crate) key: DeviceKey,
    /// What named it before.
    pub(crate) aliases: Vec<DeviceKey>,
    /// Its MAC addresses.
    pub(crate) macs: Vec<Mac>,
    /// Its IP addresses, the latest last.
    pub(crate) ips: Vec<Ip>,
    /// VLANs that it was seen in.
    pub(crate) vlans: Vec<u16>,
    /// First sign.
    pub(crate) first: Timestamp,
    /// Last sign.
    pub(crate) last: Timestamp,
    /// The MAC address that forwards for it.
    pub(crate) gateway: Option<Mac>,
    /// What is known of it.
    pub(crate) identity: Identity,
    /// The role of the station whose address names it: looked up with every record, so kept here too.
    role: Role,
    /// The device that it turned out to be; this one is an empty shell then.
    moved: Option<Number>,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    device: Number,
    /// The MAC address that the IP address was last seen with, on its own segment.
    mac: Option<Mac>,
    proof: Proof,
}

/// How well an IP address is known to belong to a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    /// By frames.
    Frames,
    /// By ARP, neighbour discovery or a DHCP lease.
    Claimed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Station {
    device: Option<Number>,
    /// IPv4 addresses that frames alone bind to it, and since when.
    carried: [Option<(Ip, Timestamp)>; ROUTER_ADDRESSES],
    role: Role,
}

impl Station {
    /// Notes an address that a frame binds to it. `None` when it has more of them than one host.
    fn carry(&mut self, ip: Ip, at: Timestamp) -> Option<()> {
        let is_it = |place: &&mut Option<(Ip, Timestamp)>| place.is_none_or(|(other, _)| other == ip);
        self.carried.iter_mut().find(is_it)?.get_or_insert((ip, at));
        Some(())
    }

    /// The address is bound to another MAC address now, or it is proved to be this one's.
    fn let_go(&mut self, ip: Ip) {
        self.carried.sort_unstable_by_key(|place| place.is_none_or(|(other, _)| other == ip));
        for place in &mut self.carried {
            *place = place.filter(|&(other, _)| other != ip);
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Host,
    /// It forwards for others: addresses behind it are theirs.
    Router,
}

/// Who sent a frame, as its headers tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    /// Source MAC address.
    pub(crate) mac: Mac,
    /// Source IP address.
    pub(crate) ip: Ip,
    /// Time to live.
    pub(crate) ttl: u8,
    /// Outer VLAN.
    pub(crate) vlan: u16,
    /// When.
    pub(crate) at: Timestamp,
    /// Whether it is known to be there.
    pub(crate) standing: Standing,
}

/// What speaks for an address being in use by its sender. Behind a router anybody can write any source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was answered, or it has gone on sending.
    Shown,
    /// Nothing yet.
    Alleged,
}

/// A sender that was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Met {
    /// The device.
    pub(crate) device: Number,
    /// Whether its addresses were seen together for the first time.
    pub(crate) pair: Pair,
}

/// How well a pair of MAC and IP address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// Seen before.
    Known,
    /// New.
    New,
    /// Not a pair of one device: the frame came through a router.
    Routed,
}

/// The devices.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    devices: Vec<Device>,
    stations: FxHashMap<Mac, Station>,
    bindings: FxHashMap<Ip, Binding>,
    /// Devices and addresses that found no room.
    pub(crate) overflows: u64,
}

impl Inventory {
    /// The device of a number.
    pub(crate) fn device(&self, number: Number) -> Option<&Device> {
        self.devices.get(number.0 as usize)
    }

    /// The device of a number, to change.
    pub(crate) fn device_mut(&mut self, number: Number) -> Option<&mut Device> {
        self.devices.get_mut(number.0 as usize)
    }

    /// A device was seen again.
    pub(crate) fn seen(&mut self, number: Number, at: Timestamp) {
        let number = self.device(number).and_then(|device| device.moved).unwrap_or(number);
        if let Some(device) = self.device_mut(number) {
            device.last = device.last.max(at);
        }
    }

    /// Every device.
    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The number of a place in [`Inventory::devices`].
    pub(crate) fn number(place: usize) -> Number {
        Number(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The device that an IP address belongs to, as far as it is known.
    pub(crate) fn by_ip(&self, ip: Ip) -> Option<Number> {
        self.bindings.get(&ip).map(|binding| binding.device)
    }

    /// The MAC address that an IP address is bound to on its own segment.
    pub(crate) fn bound_mac(&self, ip: Ip) -> Option<Mac> {
        self.bindings.get(&ip).and_then(|binding| binding.mac)
    }

    /// The device of a MAC address.
    pub(crate) fn by_mac(&self, mac: Mac) -> Option<Number> {
        self.stations.get(&mac).and_then(|station| station.device)
    }

    /// Whether a MAC address forwards for others.
    pub(crate) fn is_router(&self, mac: Mac) -> bool {
        self.stations.get(&mac).is_some_and(|station| station.role == Role::Router)
    }

    /// Notes that a MAC address forwards for others.
    pub(crate) fn routes(&mut self, mac: Mac) {
        if !mac.is_none()
            && let Some(station) = self.station_mut(mac)
        {
            station.role = Role::Router;
            if let Some(device) = station.device.and_then(|number| self.device_mut(number)) {
                device.role = Role::Router;
            }
        }
    }

    fn station_mut(&mut self, mac: Mac) -> Option<&mut Station> {
        if self.stations.len() >= DEVICES && !self.stations.contains_key(&mac) {
            self.overflows += 1;
            return None;
        }
        Some(self.stations.entry(mac).or_default())
    }

    /// The device that an end of a flow is by now: devices are joined and split as more becomes known of them.
    pub(crate) fn current(&self, number: Number, ip: Ip) -> Number {
        let Some(device) = self.device(number) else { return number };
        match (device.moved, device.role) {
            (Some(moved), _) => moved,
            (None, Role::Router) if !device.ips.contains(&ip) => {
                let split =
                    self.by_ip(ip).filter(|&split| self.device(split).is_some_and(|it| it.macs.is_empty()));
                split.unwrap_or(number)
            }
            (None, Role::Router | Role::Host) => number,
        }
    }

    /// Looks up the sender of a frame, and makes a device of it if it is new. `None` when it cannot be one (a group
    /// address as source, no address at all) or when the inventory is full.
    pub(crate) fn sender(&mut self, sender: &Sender) -> Option<Met> {
        let Sender { mac, at, .. } = *sender;
        if mac.is_group() || sender.ip.is_group() {
            return None;
        }
        // A client without an address yet sends from 0.0.0.0 (RFC 2131) or `::` (RFC 4861).
        let ip = if sender.ip == Ip::v4([0; 4]) { Ip::NONE } else { sender.ip };
        let met = if mac.is_none() {
            if ip.is_none() {
                return None;
            }
            Met { device: self.behind(ip, None, sender)?, pair: Pair::Routed }
        } else if ip.is_none() {
            Met { device: self.station(mac, at)?, pair: Pair::Known }
        } else {
            self.placed(sender)?
        };
        if let Some(device) = self.device_mut(met.device) {
            device.last = device.last.max(at);
            device.first = device.first.min(at);
            if sender.vlan != 0 && device.vlans.len() < ADDRESSES && !device.vlans.contains(&sender.vlan) {
                device.vlans.push(sender.vlan);
            }
        }
        Some(met)
    }

    fn placed(&mut self, sender: &Sender) -> Option<Met> {
        let Sender { mac, ip, ttl, at, .. } = *sender;
        if let Some(binding) = self.bindings.get(&ip)
            && binding.mac == Some(mac)
        {
            return Some(Met { device: binding.device, pair: Pair::Known });
        }
        // What is local to the link is never forwarded (RFC 3927 section 2.7, RFC 4291 section 2.5.6).
        if (self.is_router(mac) || !is_initial(ttl)) && !ip.is_link_local() {
            // A time to live that was counted down came through a router; the MAC address is that router's.
            if !is_initial(ttl) {
                self.routes(mac);
            }
            return Some(Met { device: self.behind(ip, Some(mac), sender)?, pair: Pair::Routed });
        }
        let device = self.station(mac, at)?;
        if self.is_proved_otherwise(ip, mac, at) {
            return Some(Met { device, pair: Pair::New });
        }
        if ip.as_v4().is_some() && self.station_mut(mac)?.carry(ip, at).is_none() {
            self.routes(mac);
            self.split(mac);
            return Some(Met { device: self.behind(ip, Some(mac), sender)?, pair: Pair::Routed });
        }
        self.bind(ip, mac, device, Proof::Frames);
        Some(Met { device, pair: Pair::New })
    }

    /// Whether an address is known to be another device's, which was there a moment ago: a frame alone takes nothing from it.
    fn is_proved_otherwise(&self, ip: Ip, mac: Mac, at: Timestamp) -> bool {
        self.bindings.get(&ip).is_some_and(|binding| {
            let is_there = self.device(binding.device).is_some_and(|device| at.since(device.last) < PROVED);
            binding.proof == Proof::Claimed && binding.mac != Some(mac) && is_there
        })
    }

    /// Whether a MAC address that claims an IP address may do so for another one: routers answer for those behind them
    /// (proxy ARP, RFC 1027).
    pub(crate) fn is_proxy(&self, mac: Mac, ip: Ip) -> bool {
        let is_routed = self.bindings.get(&ip).is_some_and(|binding| binding.mac.is_none());
        is_routed && self.is_router(mac)
    }

    /// A claim by ARP, neighbour discovery or DHCP: the IP address belongs to the MAC address. Whether that is new.
    pub(crate) fn claim(&mut self, mac: Mac, ip: Ip, at: Timestamp) -> Option<Met> {
        if mac.is_none() || mac.is_group() || ip.is_none() || ip.is_group() {
            return None;
        }
        let device = self.station(mac, at)?;
        let known = self.bindings.get(&ip).is_some_and(|binding| binding.mac == Some(mac));
        if known {
            if let Some(binding) = self.bindings.get_mut(&ip)
                && binding.proof < Proof::Claimed
            {
                binding.proof = Proof::Claimed;
                if let Some(station) = self.stations.get_mut(&mac) {
                    station.let_go(ip);
                }
            }
        } else {
            self.bind(ip, mac, device, Proof::Claimed);
        }
        if let Some(device) = self.device_mut(device) {
            device.last = device.last.max(at);
        }
        Some(Met { device, pair: if known { Pair::Known } else { Pair::New } })
    }

    fn bind(&mut self, ip: Ip, mac: Mac, device: Number, proof: Proof) {
        if self.bindings.len() >= 4 * DEVICES && !self.bindings.contains_key(&ip) {
            self.overflows += 1;
            return;
        }
        let before = self.bindings.insert(ip, Binding { device, mac: Some(mac), proof });
        let owner = before.and_then(|before| before.mac).filter(|&owner| owner != mac);
        if let Some(station) = owner.and_then(|owner| self.stations.get_mut(&owner)) {
            station.let_go(ip);
        }
        // A device that was known by its address alone, and now shows its MAC address, is the same one.
        if let Some(before) = before
            && before.device != device
            && let Some(old) = self.device(before.device)
            && old.key == DeviceKey::Ip(ip)
        {
            self.merge(before.device, device);
        }
        if let Some(device) = self.device_mut(device) {
            push_latest(&mut device.ips, ip);
        }
    }

    /// Joins what was known of `from`, which has no address but its key, to `into`; `from` stays as an empty shell that rows no longer name.
    fn merge(&mut self, from: Number, into: Number) {
        let Some(old) = self.devices.get_mut(from.0 as usize) else { return };
        let key = old.key;
        let (first, last) = (old.first, old.last);
        let identity = std::mem::take(&mut old.identity);
        let mut aliases = std::mem::take(&mut old.aliases);
        let ips = std::mem::take(&mut old.ips);
        old.macs.clear();
        old.moved = Some(into);
        aliases.push(key);
        if let Some(new) = self.devices.get_mut(into.0 as usize) {
            new.first = new.first.min(first);
            new.last = new.last.max(last);
            new.identity.absorb(identity);
            for alias in aliases {
                if new.aliases.len() < ADDRESSES && !new.aliases.contains(&alias) {
                    new.aliases.push(alias);
                }
            }
            for ip in ips {
                push_latest(&mut new.ips, ip);
            }
        }
    }

    /// A MAC address turns out to be a router's: the addresses that only frames bound to it are other devices', and so is
    /// what was learned at them.
    fn split(&mut self, mac: Mac) {
        let Some(station) = self.stations.get_mut(&mac) else { return };
        let carried = std::mem::take(&mut station.carried);
        let router = station.device;
        for (ip, first) in carried.into_iter().flatten() {
            self.bindings.remove(&ip);
            let mut told = Identity::default();
            let mut last = first;
            if let Some(router) = router.and_then(|router| self.device_mut(router)) {
                router.ips.retain(|&other| other != ip);
                told = router.identity.part(ip);
                last = router.last;
            }
            let split = self.routed(ip, Some(mac), first);
            if let Some(device) = split.and_then(|split| self.device_mut(split)) {
                device.last = device.last.max(last);
                device.identity.absorb(told);
                if device.aliases.len() < ADDRESSES && !device.aliases.contains(&DeviceKey::Mac(mac)) {
                    device.aliases.push(DeviceKey::Mac(mac));
                }
            }
        }
    }

    fn station(&mut self, mac: Mac, at: Timestamp) -> Option<Number> {
        if let Some(device) = self.by_mac(mac) {
            return Some(device);
        }
        let device = self.add(DeviceKey::Mac(mac), at)?;
        if let Some(entry) = self.device_mut(device) {
            entry.macs.push(mac);
            entry.identity.add_mac(mac);
        }
        let station = self.stations.entry(mac).or_default();
        station.device = Some(device);
        let role = station.role;
        if let Some(entry) = self.device_mut(device) {
            entry.role = role;
        }
        Some(device)
    }

    /// The device of a routed address; a new one only if it is known to be there, so that a flood of made-up sources
    /// does not fill the inventory.
    fn behind(&mut self, ip: Ip, gateway: Option<Mac>, sender: &Sender) -> Option<Number> {
        match (self.by_ip(ip), sender.standing) {
            (Some(known), _) => Some(known),
            (None, Standing::Shown) => self.routed(ip, gateway, sender.at),
            (None, Standing::Alleged) => None,
        }
    }

    /// A device that an incident accuses is listed, also where nothing else shows that it is there: people will look for it.
    pub(crate) fn accused(&mut self, key: DeviceKey, first: Timestamp, last: Timestamp) {
        let number = match key {
            DeviceKey::Mac(mac) => self.station(mac, first),
            DeviceKey::Ip(ip) => self.routed(ip, None, first),
        };
        if let Some(device) = number.and_then(|number| self.device_mut(number)) {
            device.last = device.last.max(last);
            if device.key != key && device.aliases.len() < ADDRESSES && !device.aliases.contains(&key) {
                device.aliases.push(key);
            }
        }
    }

    fn routed(&mut self, ip: Ip, gateway: Option<Mac>, at: Timestamp) -> Option<Number> {
        if let Some(binding) = self.bindings.get(&ip) {
            return Some(binding.device);
        }
        let device = self.add(DeviceKey::Ip(ip), at)?;
        if let Some(entry) = self.device_mut(device) {
            entry.ips.push(ip);
            entry.gateway = gateway;
        }
        self.bindings.insert(ip, Binding { device, mac: None, proof: Proof::Frames });
        Some(device)
    }

    fn add(&mut self, key: DeviceKey, at: Timestamp) -> Option<Number> {
        if self.devices.len() >= DEVICES {
            self.overflows += 1;
            return None;
        }
        self.devices.push(Device {
            key,
            aliases: Vec::new(),
            macs: Vec::new(),
            ips: Vec::new(),
            vlans: Vec::new(),
            first: at,
            last: at,
            gateway: None,
            identity: Identity::default(),
            role: Role::Host,
            moved: None,
        });
        Some(Self::number(self.devices.len() - 1))
    }
}

/// Initial values of the time to live in use (RFC 1700's 64, and 255, 128, 32); multicast on the link starts at 1.
pub(crate) const fn is_initial(ttl: u8) -> bool {
    matches!(ttl, 0 | 1 | 32 | 64 | 128 | 255)
}

fn push_latest(ips: &mut Vec<Ip>, ip: Ip) {
    if let Some(place) = ips.iter().position(|&other| other == ip) {
        let same = ips.remove(place);
        ips.push(same);
    } else {
        if ips.len() >= ADDRESSES {
            ips.remove(0);
        }
        ips.push(ip);
    }
}

#[cfg(test)]
mod tests;
