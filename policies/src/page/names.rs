//! Mistakes about names, and about what two places say together.

use super::{Page, Wrong};

pub(super) const DUPLICATE: Page = Page {
    cause: "\
A name is declared once in all files of a policy: verdicts and alerts quote it, and whoever reads them must find the one
line. The same holds for the ids of rules, whether they allow or deny, and for `defaults`.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: images, from: imaging, to: pacs,    service: dicom }
  - { id: images, from: pacs,    to: imaging, service: dicom }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store,    from: imaging, to: pacs,    service: dicom }
  - { id: img-retrieve, from: pacs,    to: imaging, service: dicom }
",
};

pub(super) const CLAIMED: Page = Page {
    cause: "\
A device is in one segment, so two segments cannot claim the same address, prefix, VLAN or class. A prefix inside another
segment's prefix is no mistake: the longer one wins, and so do a MAC address over a prefix and a prefix over a VLAN.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  archive: { match: { ip: 10.10.0.0/24 } }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  archive: { match: { ip: 10.10.0.16/28 } }
",
};

pub(super) const UNKNOWN_SEGMENT: Page = Page {
    cause: "\
The rule names a segment that no file declares: it is misspelt, or its file was not given. Rules name segments, never addresses:
for one machine declare a segment with its address. Every segment is written `\"*\"`.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store, from: imging, to: pacs, service: dicom }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store, from: imaging, to: pacs, service: dicom }
",
};

pub(super) const UNKNOWN_SERVICE: Page = Page {
    cause: "\
The rule names a service that no file declares and that is not known without declaration. Declare it under `services`, or
write its ports into the rule: `tcp: [...]`, `udp: [...]`.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  pumps:       { match: { vlan: 20 } }
  pump-server: { match: { ip: 10.30.1.10 } }
allow:
  - { id: pump-data, from: pumps, to: pump-server, service: pump-export }
",
    ),
    mended: "\
version: 1
services:
  pump-export: { tcp: [8100] }
segments:
  pumps:       { match: { vlan: 20 } }
  pump-server: { match: { ip: 10.30.1.10 } }
allow:
  - { id: pump-data, from: pumps, to: pump-server, service: pump-export }
",
};

pub(super) const STAR: Page = Page {
    cause: "\
`\"*\"` stands alone and is every declared segment. `except` takes away from it, on whichever side it stands; in a rule that
names its segments there is nothing to take away from.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { vlan: 10 } }
  guest:   { match: { vlan: 900 } }
  infra:   { match: { ip: 10.1.0.0/24 } }
allow:
  - { id: names, from: imaging, except: guest, to: infra, service: dns }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { vlan: 10 } }
  guest:   { match: { vlan: 900 } }
  infra:   { match: { ip: 10.1.0.0/24 } }
allow:
  - { id: names, from: \"*\", except: guest, to: infra, service: dns }
",
};

pub(super) const NO_SEGMENT: Page = Page {
    cause: "\
`except` names every declared segment, so that nothing is left of `\"*\"` and the rule could never match. Mind that `\"*\"` holds
neither `internet` nor devices in no segment.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  guest: { match: { vlan: 900 } }
allow:
  - { id: web, from: \"*\", except: guest, to: internet, service: https }
",
    ),
    mended: "\
version: 1
segments:
  guest: { match: { vlan: 900 } }
allow:
  - { id: web, from: \"*\", to: internet, service: https }
",
};

pub(super) const UNKNOWN_RULE: Page = Page {
    cause: "\
A test may say which rule has to give its verdict, and names one that no file declares: it is misspelt, or the rule was
removed or renamed since the test was written.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store, from: imaging, to: pacs, service: dicom }
tests:
  - { from: imaging, to: pacs, service: dicom, expect: allow, rule: image-store }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store, from: imaging, to: pacs, service: dicom }
tests:
  - { from: imaging, to: pacs, service: dicom, expect: allow, rule: img-store }
",
};

pub(super) const FAILING_TEST: Page = Page {
    cause: "\
The tests of a policy say what must hold whoever edits it, and one of them does not: the message names the first pair and port
whose verdict is another, and what decides there. Either the edit took away something that somebody relies on, or the
test is out of date. `wardline policy explain FROM TO SERVICE` tells more.",
    wrong: Wrong::Policy(
        "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store, from: imaging, to: pacs, tcp: 104 }
tests:
  - { from: imaging, to: pacs, tcp: [104, 11112], expect: allow }
",
    ),
    mended: "\
version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 } }
  pacs:    { match: { ip: 10.20.0.11 } }
allow:
  - { id: img-store, from: imaging, to: pacs, tcp: [104, 11112] }
tests:
  - { from: imaging, to: pacs, tcp: [104, 11112], expect: allow }
",
};
