//! What a live network needs beside its frames: time that passes without them, the frames that nobody shows any more,
//! another policy, and incidents as soon as they are found.

use super::{Engine, Sweep};
use crate::flow::table::Place;
use crate::flow::{End, Key};
use crate::inventory::{Device, Number};
use crate::output::{DeviceRow, Incident, Interest, Outputs, Wish};
use crate::talk::Talk;
use abi::address::{DeviceKey, Ip, Mac, Timestamp};
use abi::headers::Headers;
use detectors::record::Visibility;

/// Frames of one direction of a flow that were only counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Frames.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// All TCP flags of them.
    pub tcp_flags: u8,
    /// When the last one came.
    pub last: Timestamp,
}

impl Engine {
    /// It is `at` now, and no frame that is older is to come: what waits for its time goes on.
    pub fn advance(&mut self, at: Timestamp, out: &mut Outputs) {
        self.now = self.clock.tell(at);
        if self.now < self.next_tick {
            return;
        }
        self.tick();
        // Each turn closes a flow or ends it.
        while self.sweep == Sweep::Due {
            self.expire(out);
        }
    }

    /// Takes what was counted of a flow whose frames are not shown. Says whether the flow is known.
    pub fn counted(&mut self, headers: &Headers, counted: &Counted, out: &mut Outputs) -> bool {
        let (key, from) = Key::of(headers);
        let Some(place) = self.table.find(&key) else { return false };
        let Some(flow) = self.table.flow_mut(place) else { return false };
        let sent = flow.sent.of_mut(from);
        sent.packets = sent.packets.saturating_add(counted.packets);
        sent.bytes = sent.bytes.saturating_add(counted.bytes);
        // What is not payload is as long in every frame, but for options of TCP.
        let heads = u64::from(headers.payload_offset).saturating_mul(counted.packets);
        sent.payload = sent.payload.saturating_add(counted.bytes.saturating_sub(heads));
        sent.last = sent.last.max(counted.last);
        sent.flags |= counted.tcp_flags;
        flow.last = flow.last.max(counted.last);
        self.summary.packets = self.summary.packets.saturating_add(counted.packets);
        self.summary.bytes = self.summary.bytes.saturating_add(counted.bytes);
        self.announce(place);
        self.split_active(place, out);
        self.table.touch(place);
        true
    }

    /// Every so many frames says whether more of a direction are wanted: all that is read, of the rest only the counts.
    pub(super) fn wish(
        &mut self,
        (place, from): (Place, End),
        headers: &Headers,
        glimpse: u64,
        out: &mut Outputs,
    ) {
        let Some(flow) = self.table.flow_mut(place) else { return };
        if !flow.sent.of(from).packets.is_multiple_of(glimpse.max(1)) {
            return;
        }
        let interest = match flow.talk {
            Talk::Deaf => Interest::Counts,
            Talk::Fresh | Talk::Stream(_) | Talk::Datagrams(_) | Talk::Untold(_) => Interest::All,
        };
        if interest == Interest::Counts && flow.visibility == Visibility::Full {
            flow.visibility = Visibility::Gap;
        }
        out.wishes.push(Wish { headers: *headers, interest });
    }

    /// Judges by another policy from now on. Devices are placed by their class anew.
    pub fn replace_policy(&mut self, policy: policies::Compiled) {
        match &mut self.guard {
            Some(guard) => guard.replace(policy),
            None => self.guard = Some(crate::verdict::Guard::new(policy)),
        }
    }

    /// Shows the incidents that are new, or of which much more was found since they were shown. Once this was called they
    /// keep their numbers, in the order in which they were found.
    ///
    /// # Errors
    /// Whatever `show` fails with; that incident counts as not shown.
    pub fn incident_news<E>(
        &mut self,
        mut show: impl FnMut(&Incident, Option<&policies::Compiled>) -> Result<(), E>,
    ) -> Result<(), E> {
        let policy = self.guard.as_ref().map(crate::verdict::Guard::policy);
        self.incidents.news(|incident| show(incident, policy))
    }

    /// The devices as they are known by now, in the order of their keys.
    pub fn devices(&self) -> Vec<DeviceRow> {
        self.device_rows()
    }

    /// The addresses by which frames name the device that has this one, itself first; a router's MAC address stands for
    /// itself alone, and an address that is not known too.
    pub fn addresses_of(&self, address: DeviceKey) -> Vec<DeviceKey> {
        let mut addresses = vec![address];
        let number = match address {
            DeviceKey::Mac(mac) => self.inventory.by_mac(mac),
            DeviceKey::Ip(ip) => self.inventory.by_ip(ip).map(|number| self.inventory.current(number, ip)),
        };
        let Some(device) = number.and_then(|number: Number| self.inventory.device(number)) else {
            return addresses;
        };
        if device.macs.iter().any(|&mac| self.inventory.is_router(mac)) {
            return addresses;
        }
        for key in keys(device) {
            if !addresses.contains(&key) {
                addresses.push(key);
            }
        }
        addresses
    }

    /// Cuts devices off in the judge of this machine too.
    pub fn quarantine(&mut self, addresses: &[DeviceKey]) {
        if let Some(guard) = &mut self.guard {
            guard.quarantine(addresses);
        }
    }

    /// Ends that.
    pub fn release(&mut self, addresses: &[DeviceKey]) {
        if let Some(guard) = &mut self.guard {
            guard.release(addresses);
        }
    }
}

fn keys(device: &Device) -> impl Iterator<Item = DeviceKey> {
    let macs = device.macs.iter().copied().map(|mac: Mac| DeviceKey::Mac(mac));
    macs.chain(device.ips.iter().copied().map(|ip: Ip| DeviceKey::Ip(ip)))
}
