//! The sensor on live links: two hosts, and it between them, in network namespaces of their own.
//!
//! ```text
//!   left: host ─────── one: sensor: two ─────── host :right
//! ```

mod engine;
mod generic;
mod ground;
mod inline;
mod others;
mod quarantine;
mod sensor;
mod unattended;

pub(crate) use sensor::Sensor;

/// What the hosts may do: DICOM from left to right, also in VLAN 20, and pings; everything else is denied and dropped.
pub(crate) const POLICY: &str = "version: 1
defaults: { between: deny, within: deny, unassigned: deny, mode: enforce }
services: { dicom: { tcp: [104], udp: [104] } }
segments:
  ct:   { match: { ip: 10.0.0.1 } }
  pacs: { match: { ip: 10.0.0.2 } }
allow:
  - { id: store, from: ct, to: pacs, service: dicom }
";
