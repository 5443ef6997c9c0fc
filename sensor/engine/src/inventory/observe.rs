//! Evidence from what devices say: each rule names what it saw and how sure it is.

use super::knowledge::{self, Names, Role};
use super::{Inventory, Number};
use crate::output::{Evidence, SessionRow};
use abi::address::{DeviceKey, Ip, Mac};
use abi::device::DeviceType;
use wire::Said;
use wire::dhcp::{Dhcp, Kind};
use wire::dicom::{Dicom, Operation};
use wire::hl7::Hl7;

/// A device that is being told about.
struct Teller<'a> {
    inventory: &'a mut Inventory,
    row: &'a SessionRow,
    source: &'static str,
}

/// Where a rule stands: how direct its evidence is.
#[derive(Clone, Copy)]
struct Rule {
    id: &'static str,
    tier: u8,
    weight: f32,
}

const fn rule(id: &'static str, tier: u8, weight: f32) -> Rule {
    Rule { id, tier, weight }
}

impl Teller<'_> {
    fn number(&self, key: DeviceKey) -> Option<Number> {
        match key {
            DeviceKey::Mac(mac) => self.inventory.by_mac(mac),
            DeviceKey::Ip(ip) => self.inventory.by_ip(ip),
        }
    }

    /// The address at which a device took part in the exchange.
    fn seen_at(&self, key: DeviceKey) -> Ip {
        let ends = [self.row.client, self.row.server];
        ends.into_iter().find(|end| end.device == key).map_or(Ip::NONE, |end| end.ip)
    }

    fn claim(&mut self, key: DeviceKey, attribute: &'static str, value: &str, rule: Rule) {
        if value.trim().is_empty() {
            return;
        }
        let evidence = Evidence {
            attribute,
            value: value.trim().to_owned(),
            source: self.source,
            tier: rule.tier,
            weight: rule.weight,
            flow: Some(self.row.flow),
            rule: rule.id,
        };
        let ip = self.seen_at(key);
        if let Some(device) = self.number(key).and_then(|number| self.inventory.device_mut(number)) {
            device.identity.add(evidence, ip);
        }
    }

    fn is(&mut self, key: DeviceKey, class: DeviceType, rule: Rule) {
        self.claim(key, "type", class.word(), rule);
    }

    fn plays(&mut self, key: DeviceKey, role: &'static str) {
        let ip = self.seen_at(key);
        if let Some(device) = self.number(key).and_then(|number| self.inventory.device_mut(number)) {
            device.identity.plays(role, ip);
        }
    }
}

/// Takes the evidence of a session row.
pub(crate) fn exchange(inventory: &mut Inventory, row: &SessionRow) {
    let source = match &row.exchange.said {
        Said::Dicom(_) => "dicom",
        Said::Hl7(_) => "hl7",
        Said::Dns(_) => "dns",
        Said::Dhcp(_) => "dhcp",
        Said::Tls(_) => "tls",
        Said::Http(_) => "http",
    };
    let mut teller = Teller { inventory, row, source };
    let (client, server) = (row.client.device, row.server.device);
    match &row.exchange.said {
        Said::Dicom(said) => dicom(&mut teller, said),
        Said::Hl7(said) => hl7(&mut teller, said),
        Said::Dhcp(said) => dhcp(&mut teller, said),
        Said::Dns(said) if said.app == abi::app::App::Dns => {
            if said.rcode.is_some() {
                teller.plays(server, "dns-server");
            }
        }
        Said::Dns(_) => {}
        Said::Tls(said) => {
            teller.plays(client, "tls-client");
            if said.version.is_some() {
                teller.plays(server, "tls-server");
            }
        }
        Said::Http(said) => {
            teller.plays(server, "http-server");
            if let Some(software) = &said.server {
                teller.claim(server, "software", software, rule("http-server", 2, 0.9));
            }
            if let Some(agent) = &said.user_agent {
                teller.claim(client, "software", agent, rule("http-user-agent", 4, 0.6));
                if agent.contains("Windows NT") || agent.contains("X11; Linux") || agent.contains("Macintosh")
                {
                    teller.is(client, DeviceType::Workstation, rule("http-browser", 4, 0.6));
                } else if agent.contains("Android") || agent.contains("iPhone") {
                    teller.is(client, DeviceType::Mobile, rule("http-browser", 4, 0.7));
                }
            }
        }
    }
}

fn dicom(teller: &mut Teller<'_>, said: &Dicom) {
    let (client, server) = (teller.row.client.device, teller.row.server.device);
    match said {
        Dicom::Associate(associate) => {
            teller.plays(client, "dicom-scu");
            teller.claim(
                client,
                "ae_title",
                associate.parties.calling.as_str(),
                rule("dicom-calling-aet", 1, 0.95),
            );
            if associate.answer == wire::dicom::Answer::Accepted {
                teller.plays(server, "dicom-scp");
                teller.claim(
                    server,
                    "ae_title",
                    associate.parties.called.as_str(),
                    rule("dicom-called-aet", 2, 0.8),
                );
            }
            let names = [
                (client, &associate.implementation_class_uid, &associate.implementation_version_name),
                (
                    server,
                    &associate.responder_implementation_class_uid,
                    &associate.responder_implementation_version_name,
                ),
            ];
            for (key, uid, version) in names {
                implementation(teller, key, uid.as_deref(), version.as_deref());
            }
        }
        Dicom::Command(command) => {
            let role = command.sop_class.as_deref().and_then(knowledge::role);
            roles(teller, command.operation, role);
            // The first data set names the device that acquired the image; that is the sender only if it is a modality.
            if let (Some(equipment), Some(Role::Modality(class))) = (&command.equipment, role) {
                let modality = teller
                    .number(client)
                    .and_then(|number| teller.inventory.device(number))
                    .is_some_and(|device| !device.identity.has("dicom-store-scp"));
                if modality && command.operation == Operation::Store {
                    teller.is(client, class, rule("dicom-first-object", 2, 0.8));
                    let told = [
                        ("vendor", &equipment.manufacturer),
                        ("model", &equipment.model),
                        ("software", &equipment.software),
                        ("serial", &equipment.serial_hash),
                        ("name", &equipment.station),
                    ];
                    for (attribute, value) in told {
                        teller.claim(
                            client,
                            attribute,
                            value.as_deref().unwrap_or_default(),
                            rule("dicom-equipment", 2, 0.7),
                        );
                    }
                }
            }
        }
        Dicom::Release(_) | Dicom::Abort { .. } => {}
    }
}

fn implementation(teller: &mut Teller<'_>, key: DeviceKey, uid: Option<&str>, version: Option<&str>) {
    if let Some(version) = version {
        teller.claim(key, "software", version, rule("dicom-implementation-version", 2, 0.95));
    }
    let Some(known) = uid.and_then(knowledge::implementation) else { return };
    match known.names {
        Names::Device => {
            teller.claim(key, "vendor", known.vendor, rule("dicom-implementation-class", 2, known.weight));
        }
        Names::Toolkit => {
            teller.claim(key, "software", known.product, rule("dicom-toolkit", 2, known.weight));
        }
    }
}

/// Role grammar: what a device asks for, and what it is asked for, tells what it is.
fn roles(teller: &mut Teller<'_>, operation: Operation, role: Option<Role>) {
    let (client, server) = (teller.row.client.device, teller.row.server.device);
    match (operation, role) {
        (Operation::Store, Some(Role::Modality(class))) => {
            let forwards =
                teller.number(client).and_then(|number| teller.inventory.device(number)).is_some_and(
                    |device| device.identity.has("dicom-store-scp") || device.identity.has("dicom-query-scp"),
                );
            if !forwards {
                teller.is(client, class, rule("dicom-stores", 3, 0.7));
            }
            teller.plays(client, "dicom-store-scu");
            teller.plays(server, "dicom-store-scp");
        }
        (Operation::Store, _) => {
            teller.plays(client, "dicom-store-scu");
            teller.plays(server, "dicom-store-scp");
        }
        (Operation::Find, Some(Role::Worklist)) => {
            teller.plays(client, "dicom-worklist-scu");
            teller.plays(server, "dicom-worklist-scp");
            teller.is(server, DeviceType::Ris, rule("dicom-worklist-scp", 3, 0.8));
        }
        (Operation::NCreate | Operation::NSet, Some(Role::Mpps)) => {
            teller.plays(client, "dicom-mpps-scu");
            teller.plays(server, "dicom-mpps-scp");
            teller.is(server, DeviceType::Ris, rule("dicom-mpps-scp", 3, 0.7));
        }
        (Operation::Find | Operation::Move | Operation::Get, _) => {
            teller.plays(client, "dicom-query-scu");
            teller.plays(server, "dicom-query-scp");
            teller.is(server, DeviceType::Pacs, rule("dicom-query-scp", 3, 0.85));
        }
        _ => {}
    }
}

fn hl7(teller: &mut Teller<'_>, said: &Hl7) {
    let (client, server) = (teller.row.client.device, teller.row.server.device);
    match said {
        Hl7::Message(message) => {
            teller.plays(client, "hl7-sender");
            teller.plays(server, "hl7-receiver");
            let heading = &message.heading;
            teller.claim(
                client,
                "application",
                &heading.sending_application,
                rule("hl7-sending-application", 1, 0.9),
            );
            if let Some(mac) = eui64(&heading.sender_eui64)
                && let Some(maker) = knowledge::maker(mac)
            {
                teller.claim(client, "vendor", maker.vendor, rule("hl7-sender-eui64", 1, 0.95));
            }
            if heading.message_type.starts_with("ADT") {
                teller.is(client, DeviceType::Ehr, rule("hl7-sends-adt", 3, 0.5));
            }
        }
        Hl7::Ack(_) => {}
    }
}

/// The MAC address in an EUI-64 (IEEE: the company's 24 bits, `FFFE` in the middle or an extension).
fn eui64(text: &str) -> Option<Mac> {
    let hex = text.as_bytes().get(..6)?;
    let number = u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
    let [_, a, b, c] = number.to_be_bytes();
    Some(Mac([a, b, c, 0, 0, 0]))
}

fn dhcp(teller: &mut Teller<'_>, said: &Dhcp) {
    let key = DeviceKey::Mac(said.client_mac);
    if matches!(said.kind, Kind::Discover | Kind::Request | Kind::Decline | Kind::Release | Kind::Inform) {
        teller.plays(key, "dhcp-client");
        teller.claim(
            key,
            "name",
            said.hostname.as_deref().unwrap_or_default(),
            rule("dhcp-hostname", 4, 0.7),
        );
        let class = said.vendor_class.as_deref().unwrap_or_default();
        teller.claim(key, "dhcp_class", class, rule("dhcp-vendor-class", 4, 0.7));
        if class.starts_with("MSFT ") {
            teller.is(key, DeviceType::Workstation, rule("dhcp-windows", 4, 0.55));
        } else if class.starts_with("android-dhcp") {
            teller.is(key, DeviceType::Mobile, rule("dhcp-android", 4, 0.8));
        }
    } else {
        // A relay agent (RFC 2131 section 4.1) hands on what another one said.
        let server = teller.row.server;
        if said.server_id.is_none_or(|id| id == server.ip) {
            teller.plays(server.device, "dhcp-server");
        }
    }
}
