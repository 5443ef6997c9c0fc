//! Questions that novelty asks of a baseline: who else does this, how many do, and how often does this client do something new.

use crate::act::{ActKey, is_controlled, is_personal, is_server, nature};
use crate::baseline::KnownPair;
use crate::memory::{Device, Memory, Triple};
use abi::address::{Ip, Mac};
use abi::device::DeviceType;
use rustc_hash::{FxHashMap, FxHashSet};

/// Devices of unknown type that are compared with each other by what they do.
const COMPARED: usize = 4096;
/// Groups of alike devices among those of unknown type.
const GROUPS: usize = 256;
/// First number of a group by behaviour; below it are device types.
const FIRST_GROUP: u16 = 256;

/// A device's kind: its type, or a group of devices that behave alike where the type is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kin(pub(crate) u16);

impl Kin {
    /// No type, and no group either.
    pub(crate) const NONE: Kin = Kin(0);

    pub(crate) fn of(class: DeviceType) -> Kin {
        Kin(class as u16)
    }
}

/// What was learned of a client or server over all that it does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Custom {
    /// Active minutes over all its triples as client.
    pub(crate) events: u64,
    /// Triples as client that were active in one minute only.
    pub(crate) singles: u64,
    /// Distinct clients that it serves.
    pub(crate) served: u32,
    /// Triples with hosts outside.
    pub(crate) outside: u32,
}

/// What was learned of the operations between a client and a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habit {
    /// Active minutes over all operations.
    pub(crate) events: u64,
    /// Operations that were active in one minute only.
    pub(crate) singles: u64,
    /// Kinds of what they mean; few.
    pub(crate) natures: Vec<&'static str>,
}

/// Counts over a baseline.
#[derive(Debug, Default)]
pub(crate) struct Index {
    kins: Vec<Kin>,
    customs: Vec<Custom>,
    kin_size: FxHashMap<Kin, u32>,
    kin_outside: FxHashMap<Kin, u32>,
    clients: FxHashMap<(u32, u32), u32>,
    servers: FxHashMap<(u32, u32), u32>,
    act_clients: FxHashMap<u32, u32>,
    act_servers: FxHashMap<u32, u32>,
    kin_triple: FxHashMap<(Kin, u32, u32), u32>,
    kin_kin_act: FxHashMap<(Kin, Kin, u32), u32>,
    kin_most: FxHashMap<(Kin, u32, u32), [u64; 5]>,
    /// Services of a (client, server), and those of one minute only.
    linked: FxHashMap<(u32, u32), (u32, u32)>,
    habits: FxHashMap<(u32, u32), Habit>,
    /// Networks and vendors (first half of the MAC address) of those who do this at this server.
    net_triple: FxHashSet<(u64, u32, u32)>,
    vendor_triple: FxHashSet<([u8; 3], u32, u32)>,
    outside_nets: FxHashSet<[u8; 6]>,
    outside_ports: FxHashSet<ActKey>,
    /// Devices of the site.
    pub(crate) inside: u32,
}

impl Index {
    /// Counts over what a baseline says of pairs; the memory has its devices.
    pub(crate) fn new(memory: &Memory, pairs: &[KnownPair]) -> Index {
        let mut triples: Vec<(Triple, u32)> = pairs
            .iter()
            .filter(|pair| pair.norm.windows > 0)
            .map(|pair| {
                let KnownPair { client, server, act, .. } = *pair;
                (Triple { client, server, act }, pair.norm.windows)
            })
            .collect();
        // A baseline that was learned lists them in this order.
        triples.sort_unstable();
        let mut index = Index {
            kins: kins(memory, &triples),
            customs: vec![Custom::default(); memory.devices.len()],
            ..Index::default()
        };
        index.count_devices(memory, &triples);
        for (triple, windows) in &triples {
            index.count(memory, *triple, *windows);
        }
        index
    }

    fn count_devices(&mut self, memory: &Memory, triples: &[(Triple, u32)]) {
        for (device, kin) in memory.devices.iter().zip(&self.kins).filter(|(device, _)| device.known) {
            if !device.is_outside() {
                self.inside += 1;
                *self.kin_size.entry(*kin).or_default() += 1;
            }
        }
        let mut serving = FxHashSet::default();
        for (triple, _) in triples {
            if serving.insert((triple.server, triple.client))
                && let Some(custom) = self.customs.get_mut(triple.server as usize)
            {
                custom.served += 1;
            }
        }
    }

    fn count(&mut self, memory: &Memory, triple: Triple, windows: u32) {
        let Triple { client, server, act } = triple;
        let (kin, server_kin) = (self.kin(client), self.kin(server));
        let outside = memory.devices.get(server as usize).is_some_and(Device::is_outside);
        if let Some(custom) = self.customs.get_mut(client as usize) {
            custom.events += u64::from(windows);
            custom.singles += u64::from(windows == 1);
            custom.outside += u32::from(outside);
            if outside && custom.outside == 1 {
                *self.kin_outside.entry(kin).or_default() += 1;
            }
        }
        *self.clients.entry((server, act)).or_default() += 1;
        // Visiting many hosts outside makes none inside more likely.
        if !outside {
            let with = self.servers.entry((client, act)).or_default();
            *with += 1;
            if *with == 1 {
                *self.act_clients.entry(act).or_default() += 1;
            }
            if self.clients.get(&(server, act)) == Some(&1) {
                *self.act_servers.entry(act).or_default() += 1;
            }
        }
        *self.kin_triple.entry((kin, server, act)).or_default() += 1;
        *self.kin_kin_act.entry((kin, server_kin, act)).or_default() += 1;
        if let Some(device) = memory.devices.get(client as usize) {
            self.net_triple.insert((home(device.ip), server, act));
            if let Some(vendor) = vendor(device.mac) {
                self.vendor_triple.insert((vendor, server, act));
            }
        }
        self.link(memory, triple, windows);
        if let Some(pair) = memory.pairs.get(&triple) {
            let most = self.kin_most.entry((kin, server, act)).or_default();
            for (most, figure) in most.iter_mut().zip(crate::norm::Figure::ALL) {
                *most = (*most).max(pair.norm.of(figure).max);
            }
        }
        if outside && let Some(device) = memory.devices.get(server as usize) {
            self.outside_nets.insert(net(device.ip));
            if let Some(act) = memory.acts.get(act as usize) {
                self.outside_ports.insert(act.key);
            }
        }
    }

    fn link(&mut self, memory: &Memory, triple: Triple, windows: u32) {
        let Triple { client, server, act } = triple;
        let (Some(act), Some(server_device)) =
            (memory.acts.get(act as usize), memory.devices.get(server as usize))
        else {
            return;
        };
        if act.key.is_operation() {
            let habit = self.habits.entry((client, server)).or_default();
            habit.events += u64::from(windows);
            habit.singles += u64::from(windows == 1);
            let kind = nature(act, server_device.class).kind;
            if !habit.natures.contains(&kind) {
                habit.natures.push(kind);
            }
        } else {
            let link = self.linked.entry((client, server)).or_default();
            link.0 += 1;
            link.1 += u32::from(windows == 1);
        }
    }

    /// What was learned of the operations between two.
    pub(crate) fn habit(&self, client: u32, server: u32) -> Habit {
        self.habits.get(&(client, server)).cloned().unwrap_or_default()
    }

    /// The kind of a device of the baseline; `Kin::NONE` for one that came later.
    pub(crate) fn kin(&self, device: u32) -> Kin {
        self.kins.get(device as usize).copied().unwrap_or(Kin::NONE)
    }

    pub(crate) fn custom(&self, device: u32) -> Custom {
        self.customs.get(device as usize).copied().unwrap_or_default()
    }

    /// Devices of a kind in the baseline.
    pub(crate) fn size(&self, kin: Kin) -> u32 {
        if kin == Kin::NONE { 0 } else { self.kin_size.get(&kin).copied().unwrap_or(0) }
    }

    /// Devices of a kind that have contacts outside.
    pub(crate) fn with_outside(&self, kin: Kin) -> u32 {
        self.kin_outside.get(&kin).copied().unwrap_or(0)
    }

    /// Clients of a service or operation at one server.
    pub(crate) fn clients(&self, server: u32, act: u32) -> u32 {
        self.clients.get(&(server, act)).copied().unwrap_or(0)
    }

    /// Servers at which a client does this.
    pub(crate) fn servers(&self, client: u32, act: u32) -> u32 {
        self.servers.get(&(client, act)).copied().unwrap_or(0)
    }

    /// Clients that do this anywhere.
    pub(crate) fn act_clients(&self, act: u32) -> u32 {
        self.act_clients.get(&act).copied().unwrap_or(0)
    }

    /// Servers at which anybody does this.
    pub(crate) fn act_servers(&self, act: u32) -> u32 {
        self.act_servers.get(&act).copied().unwrap_or(0)
    }

    /// One client and several servers: a controller and what it controls.
    pub(crate) fn is_control_channel(&self, act: u32) -> bool {
        self.act_clients(act) == 1 && self.act_servers(act) >= 3
    }

    /// Devices of the kind that do this at this server.
    pub(crate) fn members(&self, kin: Kin, server: u32, act: u32) -> u32 {
        self.kin_triple.get(&(kin, server, act)).copied().unwrap_or(0)
    }

    /// Whether anybody in the client's network does this at this server.
    pub(crate) fn is_known_from(&self, client: &Device, server: u32, act: u32) -> bool {
        self.net_triple.contains(&(home(client.ip), server, act))
    }

    /// Whether a device of the same vendor does this at this server.
    pub(crate) fn is_known_of_vendor(&self, client: &Device, server: u32, act: u32) -> bool {
        vendor(client.mac).is_some_and(|vendor| self.vendor_triple.contains(&(vendor, server, act)))
    }

    /// Triples between two kinds with this act.
    pub(crate) fn between(&self, kin: Kin, server: Kin, act: u32) -> u32 {
        self.kin_kin_act.get(&(kin, server, act)).copied().unwrap_or(0)
    }

    /// The largest learned windows of the client's kind at this server.
    pub(crate) fn most(&self, kin: Kin, server: u32, act: u32) -> [u64; 5] {
        self.kin_most.get(&(kin, server, act)).copied().unwrap_or_default()
    }

    /// Services of a (client, server), and how many of them were active in one minute only.
    pub(crate) fn linked(&self, client: u32, server: u32) -> (u32, u32) {
        self.linked.get(&(client, server)).copied().unwrap_or_default()
    }

    /// Whether the site had contacts with a neighbour (/24 or /48) of this address.
    pub(crate) fn knows_net(&self, ip: Ip) -> bool {
        self.outside_nets.contains(&net(ip))
    }

    /// Whether somebody at the site uses this service of hosts outside.
    pub(crate) fn knows_outside(&self, act: ActKey) -> bool {
        self.outside_ports.contains(&act)
    }

    /// Whether a device serves others: by its type, or because others were its clients. Printers, cameras and devices at the
    /// patient have clients too, and no business of their own with servers.
    pub(crate) fn serves(&self, device: u32, class: DeviceType) -> bool {
        let is_end = is_controlled(class) || matches!(class, DeviceType::Printer | DeviceType::IpCamera);
        let least = if is_personal(class) { 5 } else { 3 };
        is_server(class) || (!is_end && self.custom(device).served >= least)
    }
}

/// The network of a host of the site: /24, or /64 of IPv6.
fn home(ip: Ip) -> u64 {
    let [high, low] =
        [ip.0.first_chunk::<8>(), ip.0.last_chunk::<8>()].map(|half| half.copied().unwrap_or_default());
    match ip.as_v4() {
        Some([a, b, c, _]) => u64::from(u32::from_be_bytes([0, a, b, c])),
        None if low == [0; 8] && high == [0; 8] => 0,
        None => u64::from_be_bytes(high),
    }
}

/// The vendor's half of a MAC address; none where the address is made up.
fn vendor(mac: Mac) -> Option<[u8; 3]> {
    let [a, b, c, ..] = mac.0;
    (!mac.is_none() && !mac.is_local()).then_some([a, b, c])
}

fn net(ip: Ip) -> [u8; 6] {
    match ip.as_v4() {
        Some([a, b, c, _]) => [0, 0, 0, a, b, c],
        None => ip.0.first_chunk::<6>().copied().unwrap_or_default(),
    }
}

/// Types where they are known, groups of alike devices where not.
fn kins(memory: &Memory, triples: &[(Triple, u32)]) -> Vec<Kin> {
    let mut kins: Vec<Kin> = memory.devices.iter().map(|device| Kin::of(device.class)).collect();
    let mut habits: FxHashMap<u32, Vec<(u32, u32)>> = FxHashMap::default();
    for (Triple { client, server, act }, _) in triples {
        let unknown = memory.devices.get(*client as usize).is_some_and(|device| {
            device.known && device.class == DeviceType::Unknown && !device.is_outside()
        });
        let service = memory.acts.get(*act as usize).is_some_and(|act| !act.key.is_operation());
        if unknown && service && (habits.len() < COMPARED || habits.contains_key(client)) {
            habits.entry(*client).or_default().push((*server, *act));
        }
    }
    let mut clients: Vec<u32> = habits.keys().copied().collect();
    clients.sort_unstable();
    let mut groups: Vec<&Vec<(u32, u32)>> = Vec::new();
    for client in clients {
        let Some(habit) = habits.get(&client) else { continue };
        let found = groups.iter().position(|group| are_alike(group, habit));
        let place = match found {
            Some(place) => place,
            None if groups.len() < GROUPS => {
                groups.push(habit);
                groups.len() - 1
            }
            None => continue,
        };
        if let (Some(kin), Ok(place)) = (kins.get_mut(client as usize), u16::try_from(place)) {
            *kin = Kin(FIRST_GROUP + place);
        }
    }
    kins
}

/// Jaccard similarity of two sorted lists of at least 0.6.
fn are_alike(a: &[(u32, u32)], b: &[(u32, u32)]) -> bool {
    let shared = a.iter().filter(|item| b.binary_search(item).is_ok()).count();
    let all = a.len() + b.len() - shared;
    shared * 10 >= all * 6
}
