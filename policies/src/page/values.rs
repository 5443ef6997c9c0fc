//! Mistakes of single values.

use super::{Page, Wrong};

pub(super) const WORD: Page = Page {
    cause: "\
The key takes one of a few words, and this is none of them. `on`, `off`, `yes` and `no` never stand for true and false: other
readers of YAML disagree about them, and so would two people who read the policy.",
    wrong: Wrong::Policy(
        "\
version: 1
defaults: { mode: on }
",
    ),
    mended: "\
version: 1
defaults: { mode: enforce }
",
};

pub(super) const NAME: Page = Page {
    cause: "\
Names of segments and services and ids of rules have letters, digits, `-`, `_` and `.`, begin with a letter or digit, and have
at most 64 characters, so that they stand unquoted in rules, alerts and reports. `internet`, `unassigned` and `any` have
a meaning of their own and cannot be declared.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  CT room 1: { match: { ip: 10.10.0.0/28 } }
",
    ),
    mended: "\
version: 1
segments:
  ct-room-1: { match: { ip: 10.10.0.0/28 } }
",
};

pub(super) const ADDRESS: Page = Page {
    cause: "\
The value is not an IP address or prefix, or a prefix with bits set after its length: `10.10.0.5/24` may be meant as the one
address or as the network, and the reader does not guess. Names of hosts are not looked up.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.5/24 } }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
",
};

pub(super) const MAC: Page = Page {
    cause: "\
A MAC address has twelve hexadecimal digits, written as `00:1a:2b:3c:4d:5e`, `00-1a-2b-3c-4d-5e` or `001a.2b3c.4d5e`. Addresses
of groups (the first octet is odd) and all zeros belong to no device.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  ventilators: { match: { mac: 00:1a:2b:3c:4d } }
",
    ),
    mended: "\
version: 1
segments:
  ventilators: { match: { mac: 00:1a:2b:3c:4d:5e } }
",
};

pub(super) const VLAN: Page = Page {
    cause: "\
VLAN numbers are 1 to 4094, in plain decimal digits. 0 is a tag with a priority alone, 4095 is reserved (IEEE 802.1Q). Names of
VLANs are known to the switch alone.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  guest: { match: { vlan: 4095 } }
",
    ),
    mended: "\
version: 1
segments:
  guest: { match: { vlan: 900 } }
",
};

pub(super) const CLASS: Page = Page {
    cause: "\
The class is not one that devices are sorted into; the manual lists them. `unknown` is the class of what has none and cannot
be selected: devices in no segment follow `defaults: { unassigned: ... }`.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  pumps: { match: { class: infusion-pumps } }
",
    ),
    mended: "\
version: 1
segments:
  pumps: { match: { class: infusion-pump } }
",
};

pub(super) const PORT: Page = Page {
    cause: "\
A port is a number from 1 to 65535 in plain decimal digits, a range is two of them with the smaller one first, and `any` is
every port. A service goes under `service`, not under `tcp`.",
    wrong: Wrong::Policy(
        "\
version: 1
services:
  export: { udp: [24105, \"6000-5000\"] }
",
    ),
    mended: "\
version: 1
services:
  export: { udp: [24105, \"5000-6000\"] }
",
};

pub(super) const PROTOCOL: Page = Page {
    cause: "\
`protocol` takes IP protocols that have no ports, by name or by number from 0 to 255. TCP and UDP have ports: they are asked for
by `tcp` and `udp`, all of one by `tcp: any`.",
    wrong: Wrong::Policy(
        "\
version: 1
services:
  tunnel: { protocol: [gre, tcp] }
",
    ),
    mended: "\
version: 1
services:
  tunnel: { protocol: gre, tcp: any }
",
};

pub(super) const EMPTY_LIST: Page = Page {
    cause: "\
A list that must name something is empty. It is not read as \"everything\" nor as \"nothing\", since people expect either. For
every segment write `\"*\"`, for every service `any`.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: [] } }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: [10.10.0.0/24] } }
",
};

pub(super) const EMPTY_SELECTOR: Page = Page {
    cause: "\
The segment selects no device. Elsewhere an empty selector means every device, which has opened networks by mistake; here it
is refused. A segment whose devices are not there yet selects their VLAN or prefix.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  guest: { match: {} }
",
    ),
    mended: "\
version: 1
segments:
  guest: { match: { vlan: 900 } }
",
};

pub(super) const RATE: Page = Page {
    cause: "\
A rate says how many packets a device may send in a second, a minute or an hour, as `100/s`, `30/min` or `5/h`. Only a rule
that allows and decides can have one: what is denied needs none, and a rule on trial limits nothing.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  guest: { match: { vlan: 900 } }
  infra: { match: { ip: 10.1.0.0/24 } }
allow:
  - { id: names, from: guest, to: infra, service: dns, rate: { packets: 100/sec } }
",
    ),
    mended: "\
version: 1
segments:
  guest: { match: { vlan: 900 } }
  infra: { match: { ip: 10.1.0.0/24 } }
allow:
  - { id: names, from: guest, to: infra, service: dns, rate: { packets: 100/s } }
",
};
