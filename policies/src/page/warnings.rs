//! What compiles and probably was not meant.

use super::{Page, Wrong};

pub(super) const NEVER_MATCHES: Page = Page {
    cause: "\
Deny rules are asked before allow rules, and of several allow rules the first one decides. Where those that are asked before
decide everything that this rule would match, it never gives a verdict: it is left over, or stands in the wrong place. Its
counters stay at zero.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  workstations: { match: { vlan: 60 } }
  records:      { match: { ip: 10.40.0.5 } }
allow:
  - { id: web,    from: workstations, to: records, tcp: [80, 443] }
  - { id: secure, from: workstations, to: records, service: https }
",
    ),
    mended: "\
version: 1
segments:
  workstations: { match: { vlan: 60 } }
  records:      { match: { ip: 10.40.0.5 } }
allow:
  - { id: web, from: workstations, to: records, tcp: [80, 443] }
",
};

pub(super) const MIXED_SELECTOR: Page = Page {
    cause: "\
Selectors add up: a device that meets any one of them belongs to the segment. A class beside a VLAN therefore does not mean
\"workstations of this VLAN\" but \"whatever is in this VLAN, and workstations anywhere\".",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  nurse-ws: { match: { vlan: 30, class: workstation } }
",
    ),
    mended: "\
version: 1
segments:
  nurse-ws: { match: { vlan: 30 } }
",
};

pub(super) const REPEATED: Page = Page {
    cause: "\
A segment lists the same address, prefix, VLAN or class twice. It changes nothing, but the second one was probably meant to
be another.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  wards: { match: { vlan: [31, 32, 32] } }
",
    ),
    mended: "\
version: 1
segments:
  wards: { match: { vlan: [31, 32, 33] } }
",
};
