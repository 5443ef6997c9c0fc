//! Policies that are larger than the tables of the kernel.

use super::{Page, Wrong};

pub(super) const SEGMENTS: Page = Page {
    cause: "\
The tables of the kernel number segments with one byte: 254 can be declared. Segments are groups of devices with the same
rules, not devices: a segment for each machine or room reaches the limit and makes the rules hard to read.",
    wrong: Wrong::Outline(
        "\
version: 1
segments:
  bed-001: { match: { ip: 10.30.0.1 } }
  bed-002: { match: { ip: 10.30.0.2 } }
  # ... and so on, to
  bed-255: { match: { ip: 10.30.0.255 } }
",
    ),
    mended: "\
version: 1
segments:
  beds: { match: { ip: 10.30.0.0/24 } }
",
};

pub(super) const RULES: Page = Page {
    cause: "\
A policy holds at most 65,535 rules. So many are nearly always one rule that was written for each pair of machines: give the
machines a segment, list several segments and services in one rule, or use `\"*\"` with `except`.",
    wrong: Wrong::Outline(
        "\
version: 1
segments:
  ward-1: { match: { vlan: 101 } }
  # ...
allow:
  - { id: r00001, from: ward-1, to: ward-2, service: https }
  # ... and so on, to
  - { id: r65536, from: ward-9, to: ward-8, service: https }
",
    ),
    mended: "\
version: 1
segments:
  ward-1: { match: { vlan: 101 } }
  ward-2: { match: { vlan: 102 } }
  ward-3: { match: { vlan: 103 } }
allow:
  - { id: wards, from: [ward-1, ward-2, ward-3], to: [ward-1, ward-2, ward-3], service: https }
",
};

pub(super) const CLASSES: Page = Page {
    cause: "\
Two ports are in one class if the same rules speak of both, and the tables hold 256 classes. Ports that always appear together
cost one class, so declare services for what belongs together and use ranges.",
    wrong: Wrong::Outline(
        "\
version: 1
segments:
  lab: { match: { vlan: 40 } }
  lis: { match: { ip: 10.40.0.5 } }
allow:
  - { id: analyser-001, from: lab, to: lis, tcp: 15001 }
  - { id: analyser-002, from: lab, to: lis, tcp: 15002 }
  # ... and so on, to
  - { id: analyser-256, from: lab, to: lis, tcp: 15256 }
",
    ),
    mended: "\
version: 1
services:
  analysers: { tcp: \"15001-15256\" }
segments:
  lab: { match: { vlan: 40 } }
  lis: { match: { ip: 10.40.0.5 } }
allow:
  - { id: analysers, from: lab, to: lis, service: analysers }
",
};

pub(super) const ROWS: Page = Page {
    cause: "\
Each pair of segments has a row of verdicts, pairs that are treated alike share one, and the tables hold 1,024 different rows.
Rules that name one pair each make a row each, since verdicts quote the rule; rules with lists make one for all their pairs.",
    wrong: Wrong::Outline(
        "\
version: 1
segments:
  ward-01: { match: { vlan: 101 } }
  # ... and so on, to
  ward-40: { match: { vlan: 140 } }
allow:
  - { id: r0101, from: ward-01, to: ward-01, tcp: 443 }
  - { id: r0102, from: ward-01, to: ward-02, tcp: 443 }
  # ... and so on, one rule for each of 1,600 pairs
",
    ),
    mended: "\
version: 1
segments:
  ward-01: { match: { vlan: 101 } }
  ward-02: { match: { vlan: 102 } }
  ward-40: { match: { vlan: 140 } }
allow:
  - { id: wards, from: \"*\", to: \"*\", tcp: 443 }
",
};

pub(super) const SELECTORS: Page = Page {
    cause: "\
The tables hold a limited number of prefixes and of MAC addresses. Select by prefix or VLAN in place of many single addresses;
where the devices of a segment are spread over the network, select them by class.",
    wrong: Wrong::Outline(
        "\
version: 1
segments:
  pumps: { match: { ip: [10.0.0.1, 10.0.1.1, 10.0.2.1] } }  # ... and so on, 3,000 addresses
",
    ),
    mended: "\
version: 1
segments:
  pumps: { match: { class: infusion-pump } }
",
};

pub(super) const LIMITS: Page = Page {
    cause: "\
The tables hold 255 different rates. So many are nearly always one rate that was written with small differences: rules with
the same packets, burst and mode share one.",
    wrong: Wrong::Outline(
        "\
version: 1
segments:
  ward: { match: { vlan: 101 } }
allow:
  - { id: r001, from: ward, to: ward, udp: 1, rate: { packets: 1/s } }
  - { id: r002, from: ward, to: ward, udp: 2, rate: { packets: 2/s } }
  # ... and so on, to
  - { id: r256, from: ward, to: ward, udp: 256, rate: { packets: 256/s } }
",
    ),
    mended: "\
version: 1
segments:
  ward: { match: { vlan: 101 } }
allow:
  - { id: reports, from: ward, to: ward, udp: \"1-256\", rate: { packets: 256/s } }
",
};
