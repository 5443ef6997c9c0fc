//! What a person reads who made a mistake.

use insta::assert_snapshot;

use super::{one, right, told};
use crate::{Code, Colour, Severity, Source, compile};

#[test]
fn eight_different_mistakes_of_one_file_are_told_in_one_run() {
    let text = r#"
version: 1
defaults: { mode: on }
segments:
  imaging: { match: { ip: 10.10.0.5/24 } }
  pumps:   { match: { class: infusion-pumps } }
  guest:   { match: {} }
services:
  export: { udp: [24105, 70000] }
allow:
  - { id: store, from: imging, to: pumps, service: dicomm }
  - { from: pumps, to: guest, tcp: 443, colour: red }
"#;
    let mistakes = one(text).unwrap_err();
    let codes: std::collections::BTreeSet<Code> = mistakes.iter().map(|mistake| mistake.code).collect();
    assert!(codes.len() >= 8, "{codes:?}");
    assert_snapshot!(mistakes.to_string(), @r#"
error[POL010]: `on` is no word of `mode`, and some readers of YAML take it for a boolean
 --> p.yaml:3:19
  |
3 | defaults: { mode: on }
  |                   ^^
  |
  = help: write `observe` or `alert` or `enforce`

error[POL012]: `10.10.0.5/24` has bits set after its length
 --> p.yaml:5:27
  |
5 |   imaging: { match: { ip: 10.10.0.5/24 } }
  |                           ^^^^^^^^^^^^
  |
  = help: write `10.10.0.0/24` for the network, or `10.10.0.5` for the one address

error[POL015]: `infusion-pumps` is not a device class
 --> p.yaml:6:30
  |
6 |   pumps:   { match: { class: infusion-pumps } }
  |                              ^^^^^^^^^^^^^^
  |
  = help: did you mean `infusion-pump`?

error[POL019]: this selects nothing
 --> p.yaml:7:14
  |
7 |   guest:   { match: {} }
  |              ^^^^^
  |
  = help: select by `ip`, `mac`, `vlan` or `class`

error[POL016]: `70000` is not a port
 --> p.yaml:9:26
  |
9 |   export: { udp: [24105, 70000] }
  |                          ^^^^^
  |
  = help: write a number from 1 to 65535, a range as `5000-5010`, or `any`

error[POL022]: segment `imging` is not declared
  --> p.yaml:11:24
   |
11 |   - { id: store, from: imging, to: pumps, service: dicomm }
   |                        ^^^^^^
   |
   = help: did you mean `imaging`?

error[POL023]: service `dicomm` is not declared
  --> p.yaml:11:52
   |
11 |   - { id: store, from: imging, to: pumps, service: dicomm }
   |                                                    ^^^^^^
   |
   = help: did you mean `dicom`?

error[POL007]: this rule has no `id`
  --> p.yaml:12:7
   |
12 |   - { from: pumps, to: guest, tcp: 443, colour: red }
   |       ^^^^
   |
   = help: give it one, as `id: ct-to-pacs`: verdicts and alerts quote it

error[POL006]: a rule has no key `colour`
  --> p.yaml:12:41
   |
12 |   - { from: pumps, to: guest, tcp: 443, colour: red }
   |                                         ^^^^^^
   |
   = help: the keys of a rule are: id, from, to, except, service, tcp, udp, protocol, mode, description
"#);
}

#[test]
fn an_open_bracket_a_tab_and_an_unquoted_star_are_three_syntax_errors_of_one_run() {
    let text = "version: 1
segments:
  imaging: { match: { ip: 10.10.0.0/24 }
  pumps: { match: { vlan: 7 } }
services:
\tbad: { tcp: 1 }
allow:
  - { id: a, from: *, to: pumps, service: dicom }
deny:
  - { id: x, from: imaging, to: pumps, servce: dicom }
";
    assert_snapshot!(told(text), @r#"
error[POL001]: YAML: while parsing a flow mapping, did not find expected ',' or '}'
 --> p.yaml:4:3
  |
4 |   pumps: { match: { vlan: 7 } }
  |   ^
  |
  = help: entries between brackets are separated by commas; is a bracket open above?

error[POL001]: YAML: tabs disallowed within this context (block indentation)
 --> p.yaml:6:1
  |
6 |     bad: { tcp: 1 }
  | ^^^^
  |
  = help: YAML indents with spaces: replace the tab

error[POL001]: YAML: while scanning an anchor or alias, did not find expected alphabetic or numeric character
 --> p.yaml:8:20
  |
8 |   - { id: a, from: *, to: pumps, service: dicom }
  |                    ^
  |
  = help: an unquoted `*` begins an alias; for every segment write `"*"`

error[POL006]: a rule has no key `servce`
  --> p.yaml:10:40
   |
10 |   - { id: x, from: imaging, to: pumps, servce: dicom }
   |                                        ^^^^^^
   |
   = help: did you mean `service`?
"#);
}

#[test]
fn an_open_quotation_mark_is_told_where_it_begins() {
    assert_snapshot!(told("version: 1\nsite: \"st marys\nsegments: {}\n"), @r#"
error[POL001]: YAML: unclosed quote
 --> p.yaml:2:7
  |
2 | site: "st marys
  |       ^
  |
  = help: close the quotation mark

error[POL001]: YAML: unclosed quote
 --> p.yaml:2:7
  |
2 | site: "st marys
  |       ^
  |
  = help: close the quotation mark
"#);
}

#[test]
fn an_empty_file_is_no_policy() {
    assert_snapshot!(told("# only a comment\n"), @r#"
error[POL003]: this file holds no policy
 --> p.yaml:1:1
  |
1 | # only a comment
  | ^
  |
  = help: begin with `version: 1` and `segments:`
"#);
}

#[test]
fn no_file_is_no_policy() {
    assert_snapshot!(compile(&[]).unwrap_err().to_string(), @r#"
error[POL003]: there is no policy file
 --> policy:1:1
  |
1 |
  | ^
  |
  = help: name a file, or a directory with files that end in `.yaml`
"#);
}

#[test]
fn a_list_is_no_policy() {
    assert_snapshot!(told("- version: 1\n"), @r#"
error[POL003]: this file holds no policy
 --> p.yaml:1:1
  |
1 | - version: 1
  | ^
  |
  = help: begin with `version: 1` and `segments:`

error[POL008]: a policy is a mapping of sections
 --> p.yaml:1:1
  |
1 | - version: 1
  | ^
  |
  = help: begin with `version: 1`
"#);
}

#[test]
fn a_version_that_is_missing_or_unknown_is_told() {
    assert_snapshot!(told("segments: { a: { match: { vlan: 1 } } }\n"), @r#"
error[POL009]: the policy does not say its version
 --> p.yaml:1:1
  |
1 | segments: { a: { match: { vlan: 1 } } }
  | ^^^^^^^^
  |
  = help: write `version: 1` as the first line
"#);
    assert_snapshot!(told("version: 2\n"), @r#"
error[POL009]: this is not a version that can be read
 --> p.yaml:1:10
  |
1 | version: 2
  |          ^
  |
  = help: write `version: 1`
"#);
}

#[test]
fn a_key_that_stands_twice_is_told_with_both_places() {
    assert_snapshot!(told("version: 1\nsegments:\n  a: { match: { vlan: 1 } }\n  a: { match: { vlan: 2 } }\n"), @r#"
error[POL005]: key `a` stands twice in this mapping
 --> p.yaml:4:3
  |
4 |   a: { match: { vlan: 2 } }
  |   ^
  |
 ::: p.yaml:3:3
  |
3 |   a: { match: { vlan: 1 } }
  |   - first here
  |
  = help: remove one, or write both values as one
"#);
}

#[test]
fn a_misspelt_key_is_not_missing_as_well() {
    let text = "version: 1
segments: { a: { macth: { vlan: 1 } }, b: { ip: 10.0.0.1 } }
allow:
  - { id: x, form: a, to: a, sevice: dns }
";
    assert_snapshot!(told(text), @r#"
error[POL006]: a segment has no key `macth`
 --> p.yaml:2:18
  |
2 | segments: { a: { macth: { vlan: 1 } }, b: { ip: 10.0.0.1 } }
  |                  ^^^^^
  |
  = help: did you mean `match`?

error[POL006]: a segment has no key `ip`
 --> p.yaml:2:45
  |
2 | segments: { a: { macth: { vlan: 1 } }, b: { ip: 10.0.0.1 } }
  |                                             ^^
  |
  = help: write `match: { ip: ... }`

error[POL006]: a rule has no key `form`
 --> p.yaml:4:14
  |
4 |   - { id: x, form: a, to: a, sevice: dns }
  |              ^^^^
  |
  = help: did you mean `from`?

error[POL006]: a rule has no key `sevice`
 --> p.yaml:4:30
  |
4 |   - { id: x, form: a, to: a, sevice: dns }
  |                              ^^^^^^
  |
  = help: did you mean `service`?
"#);
}

#[test]
fn values_of_the_wrong_kind_are_told() {
    let text = "version: [1]
site: { a: b }
segments: [imaging]
services:
  a: 104
  b: { tcp: { from: 1 } }
allow:
  id: x
deny: [ping]
";
    assert_snapshot!(told(text), @r#"
error[POL009]: this is not a version that can be read
 --> p.yaml:1:10
  |
1 | version: [1]
  |          ^^^
  |
  = help: write `version: 1`

error[POL008]: `site` holds a text, and here is a mapping
 --> p.yaml:2:7
  |
2 | site: { a: b }
  |       ^^^^^^^^

error[POL008]: `segments` holds segments by name, and here is a list
 --> p.yaml:3:11
  |
3 | segments: [imaging]
  |           ^^^^^^^^^

error[POL008]: `a` holds ports, and here is a single value
 --> p.yaml:5:6
  |
5 |   a: 104
  |      ^^^

error[POL008]: `tcp` holds one value or a list, and here is a mapping
 --> p.yaml:6:13
  |
6 |   b: { tcp: { from: 1 } }
  |             ^^^^^^^^^^^

error[POL008]: `allow` is a list of rules
 --> p.yaml:8:3
  |
8 |   id: x
  |   ^
  |
  = help: begin each rule with `- `, as `- { id: ..., from: ..., to: ..., service: ... }`

error[POL008]: a rule is a mapping
 --> p.yaml:9:8
  |
9 | deny: [ping]
  |        ^^^^
  |
  = help: write `- { id: ..., from: ..., to: ..., service: ... }`
"#);
}

#[test]
fn words_that_are_booleans_elsewhere_are_refused() {
    let text = "version: 1
defaults: { between: no, mode: off, within: Deny }
segments:
  a: { match: { vlan: 1 }, life_critical: yes }
";
    assert_snapshot!(told(text), @r#"
error[POL010]: `no` is no word of `between`, and some readers of YAML take it for a boolean
 --> p.yaml:2:22
  |
2 | defaults: { between: no, mode: off, within: Deny }
  |                      ^^
  |
  = help: write `allow` or `deny`

error[POL010]: `off` is no word of `mode`, and some readers of YAML take it for a boolean
 --> p.yaml:2:32
  |
2 | defaults: { between: no, mode: off, within: Deny }
  |                                ^^^
  |
  = help: write `observe` or `alert` or `enforce`

error[POL010]: `Deny` is no word of `within`
 --> p.yaml:2:45
  |
2 | defaults: { between: no, mode: off, within: Deny }
  |                                             ^^^^
  |
  = help: did you mean `deny`?

error[POL010]: `yes` is no word of `life_critical`, and some readers of YAML take it for a boolean
 --> p.yaml:4:43
  |
4 |   a: { match: { vlan: 1 }, life_critical: yes }
  |                                           ^^^
  |
  = help: write `true` or `false`
"#);
}

#[test]
fn every_kind_of_bad_selector_is_told() {
    let text = "version: 1
segments:
  a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0011223344556] } }
  b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  c: { match: { ip: [] } }
  d: { description: nothing }
";
    assert_snapshot!(told(text), @r#"
error[POL012]: `10.0.0.300` is not an IP address or prefix
 --> p.yaml:3:22
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                      ^^^^^^^^^^
  |
  = help: write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`

error[POL012]: `/33` is not a prefix length from 0 to 32
 --> p.yaml:3:34
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                                  ^^^^^^^^^^^
  |
  = help: write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`

error[POL012]: `fd00::1/64` has bits set after its length
 --> p.yaml:3:47
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                                               ^^^^^^^^^^
  |
  = help: write `fd00::/64` for the network, or `fd00::1` for the one address

error[POL012]: `::ffff:10.0.0.1` is an IPv4 address in IPv6 form
 --> p.yaml:3:59
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                                                           ^^^^^^^^^^^^^^^^^
  |
  = help: write it as IPv4

error[POL012]: `010.0.0.1` is not an IP address or prefix
 --> p.yaml:3:78
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                                                                              ^^^^^^^^^
  |
  = help: write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`

error[POL013]: `00:11:22:33:44` is not a MAC address
 --> p.yaml:3:96
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                                                                                                ^^^^^^^^^^^^^^
  |
  = help: write it as `00:1a:2b:3c:4d:5e`

error[POL013]: `ff:ff:ff:ff:ff:ff` is a group address: no device sends from it
 --> p.yaml:3:112
  |
3 |   a: { match: { ip: [10.0.0.300, 10.0.0.0/33, fd00::1/64, '::ffff:10.0.0.1', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0...
  |                                                                                                                ^^^^^^^^^^^^^^^^^^^
  |
  = help: write it as `00:1a:2b:3c:4d:5e`

error[POL013]: `0011223344556` is not a MAC address
 --> p.yaml:3:133
  |
3 | ...', 010.0.0.1], mac: [00:11:22:33:44, 'ff:ff:ff:ff:ff:ff', 0011223344556] } }
  |                                                              ^^^^^^^^^^^^^
  |
  = help: write it as `00:1a:2b:3c:4d:5e`

error[POL014]: `0` is not a VLAN number
 --> p.yaml:4:24
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                        ^
  |
  = help: VLAN numbers are 1 to 4094

error[POL014]: `4095` is not a VLAN number
 --> p.yaml:4:27
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                           ^^^^
  |
  = help: VLAN numbers are 1 to 4094

error[POL014]: `0x10` is not a VLAN number
 --> p.yaml:4:33
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                                 ^^^^
  |
  = help: VLAN numbers are 1 to 4094

error[POL014]: `-1` is not a VLAN number
 --> p.yaml:4:39
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                                       ^^
  |
  = help: VLAN numbers are 1 to 4094

warning[POL051]: devices of this class join the segment wherever they are
 --> p.yaml:4:44
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                                            ^^^^^
  |
 ::: p.yaml:4:17
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                 ---- this selector does not narrow the class
  |
  = help: selectors add up: any one of them suffices. Select by class alone or by place alone

error[POL015]: `ct-scanner` is not a device class
 --> p.yaml:4:52
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                                                    ^^^^^^^^^^
  |
  = help: the classes are: ct, mr, xray, ultrasound, mammography, pacs, ris, ehr, interface-engine, worklist, viewer, infusion-pump, pump-server, patient-monitor, central-station, ventilator, anaesthesia, analyser, glucose-meter, lab-system, gateway, workstation, server, printer, phone, ip-camera, video-recorder, access-controller, building-controller, network-device, mobile, wearable

error[POL015]: `unknown` cannot be selected: it is the class of what has none
 --> p.yaml:4:64
  |
4 |   b: { match: { vlan: [0, 4095, 0x10, -1], class: [ct-scanner, unknown] } }
  |                                                                ^^^^^^^
  |
  = help: devices in no segment follow `defaults: { unassigned: ... }`

error[POL018]: `ip` is an empty list
 --> p.yaml:5:21
  |
5 |   c: { match: { ip: [] } }
  |                     ^^
  |
  = help: name at least one, or remove the key

error[POL019]: segment `d` selects nothing
 --> p.yaml:6:3
  |
6 |   d: { description: nothing }
  |   ^
  |
  = help: write `match: { ip: [...] }`, or select by `mac`, `vlan` or `class`
"#);
}

#[test]
fn every_kind_of_bad_port_is_told() {
    let text = "version: 1
services:
  a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  b: { protocol: [tcp, icpm, 256] }
  c: {}
";
    assert_snapshot!(told(text), @r#"
error[POL016]: `0` is not a port
 --> p.yaml:3:14
  |
3 |   a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  |              ^
  |
  = help: write a number from 1 to 65535, a range as `5000-5010`, or `any`

error[POL016]: `65536` is not a port
 --> p.yaml:3:17
  |
3 |   a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  |                 ^^^^^
  |
  = help: write a number from 1 to 65535, a range as `5000-5010`, or `any`

error[POL016]: `80-` is not a port
 --> p.yaml:3:24
  |
3 |   a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  |                        ^^^
  |
  = help: write a number from 1 to 65535, a range as `5000-5010`, or `any`

error[POL016]: `90-80` is a range that ends before it begins
 --> p.yaml:3:29
  |
3 |   a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  |                             ^^^^^
  |
  = help: write `80-90`

error[POL016]: `1e3` is not a port
 --> p.yaml:3:36
  |
3 |   a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  |                                    ^^^
  |
  = help: write a number from 1 to 65535, a range as `5000-5010`, or `any`

error[POL016]: `http` is not a port
 --> p.yaml:3:41
  |
3 |   a: { tcp: [0, 65536, 80-, 90-80, 1e3, http] }
  |                                         ^^^^
  |
  = help: write a number from 1 to 65535, a range as `5000-5010`, or `any`

error[POL017]: `tcp` is not an IP protocol
 --> p.yaml:4:19
  |
4 |   b: { protocol: [tcp, icpm, 256] }
  |                   ^^^
  |
  = help: write a number from 0 to 255 or one of: icmp, igmp, ipip, gre, esp, ah, icmpv6, ospf, pim, vrrp, sctp

error[POL017]: `icpm` is not an IP protocol
 --> p.yaml:4:24
  |
4 |   b: { protocol: [tcp, icpm, 256] }
  |                        ^^^^
  |
  = help: did you mean `icmp`?

error[POL017]: `256` is not an IP protocol
 --> p.yaml:4:30
  |
4 |   b: { protocol: [tcp, icpm, 256] }
  |                              ^^^
  |
  = help: write a number from 0 to 255 or one of: icmp, igmp, ipip, gre, esp, ah, icmpv6, ospf, pim, vrrp, sctp

error[POL007]: service `c` has no port
 --> p.yaml:5:3
  |
5 |   c: {}
  |   ^
  |
  = help: write `tcp: [...]`, `udp: [...]` or `protocol: [...]`
"#);
}

#[test]
fn bad_and_reserved_names_are_told() {
    let text = "version: 1
segments:
  internet: { match: { vlan: 1 } }
  CT und MR: { match: { vlan: 2 } }
services:
  any: { tcp: 1 }
allow:
  - { id: -x, from: 'CT und MR', to: internet, service: dns }
";
    assert_snapshot!(told(text), @r#"
error[POL011]: `internet` has a meaning of its own and cannot be declared
 --> p.yaml:3:3
  |
3 |   internet: { match: { vlan: 1 } }
  |   ^^^^^^^^
  |
  = help: choose another name

error[POL011]: this is not a name
 --> p.yaml:4:3
  |
4 |   CT und MR: { match: { vlan: 2 } }
  |   ^^^^^^^^^
  |
  = help: names have letters, digits, `-`, `_` and `.`, begin with a letter or digit, and are at most 64 long

error[POL011]: `any` has a meaning of its own and cannot be declared
 --> p.yaml:6:3
  |
6 |   any: { tcp: 1 }
  |   ^^^
  |
  = help: choose another name

error[POL011]: this is not a name
 --> p.yaml:8:11
  |
8 |   - { id: -x, from: 'CT und MR', to: internet, service: dns }
  |           ^^
  |
  = help: names have letters, digits, `-`, `_` and `.`, begin with a letter or digit, and are at most 64 long
"#);
}

#[test]
fn what_two_segments_claim_is_told_with_both_places() {
    let text = "version: 1
segments:
  a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
";
    assert_snapshot!(told(text), @r#"
warning[POL051]: devices of this class join the segment wherever they are
 --> p.yaml:3:67
  |
3 |   a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  |                                                                   ^^^^^
  |
 ::: p.yaml:3:58
  |
3 |   a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  |                                                          ---- this selector does not narrow the class
  |
  = help: selectors add up: any one of them suffices. Select by class alone or by place alone

error[POL021]: prefix 10.0.0.0/24 belongs to segment `a` already
 --> p.yaml:4:35
  |
4 |   b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
  |                                   ^^^^^^^^^^^
  |
 ::: p.yaml:3:21
  |
3 |   a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  |                     ----------- claimed here
  |
  = help: a device is in one segment: leave it to `a` or to `b`

error[POL021]: MAC address 00:11:22:33:44:55 belongs to segment `a` already
 --> p.yaml:4:54
  |
4 |   b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
  |                                                      ^^^^^^^^^^^^^^^^^
  |
 ::: p.yaml:3:39
  |
3 |   a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  |                                       ----------------- claimed here
  |
  = help: a device is in one segment: leave it to `a` or to `b`

error[POL021]: VLAN 7 belongs to segment `a` already
 --> p.yaml:4:79
  |
4 |   b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
  |                                                                               ^
  |
 ::: p.yaml:3:64
  |
3 |   a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  |                                                                - claimed here
  |
  = help: a device is in one segment: leave it to `a` or to `b`

warning[POL051]: devices of this class join the segment wherever they are
 --> p.yaml:4:82
  |
4 |   b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
  |                                                                                  ^^^^^
  |
 ::: p.yaml:4:73
  |
4 |   b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
  |                                                                         ---- this selector does not narrow the class
  |
  = help: selectors add up: any one of them suffices. Select by class alone or by place alone

error[POL021]: class `ct` belongs to segment `a` already
 --> p.yaml:4:89
  |
4 |   b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
  |                                                                                         ^^
  |
 ::: p.yaml:3:74
  |
3 |   a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  |                                                                          -- claimed here
  |
  = help: a device is in one segment: leave it to `a` or to `b`
"#);
}

#[test]
fn names_that_are_not_declared_are_told_with_what_may_be_meant() {
    let text = "version: 1
segments: { imaging: { match: { vlan: 1 } } }
allow:
  - { id: a, from: imagin, to: unassigned, service: 443 }
  - { id: b, from: all, to: 10.0.0.1, service: udp/53 }
  - { id: c, from: imaging, to: [imaging, '*'], service: [dcom, all, vitals] }
";
    assert_snapshot!(told(text), @r#"
error[POL022]: segment `imagin` is not declared
 --> p.yaml:4:20
  |
4 |   - { id: a, from: imagin, to: unassigned, service: 443 }
  |                    ^^^^^^
  |
  = help: did you mean `imaging`?

error[POL022]: segment `unassigned` is not declared
 --> p.yaml:4:32
  |
4 |   - { id: a, from: imagin, to: unassigned, service: 443 }
  |                                ^^^^^^^^^^
  |
  = help: devices in no segment follow `defaults: { unassigned: ... }`

error[POL023]: service `443` is not declared
 --> p.yaml:4:53
  |
4 |   - { id: a, from: imagin, to: unassigned, service: 443 }
  |                                                     ^^^
  |
  = help: write `tcp: [443]` in place of `service`

error[POL022]: segment `all` is not declared
 --> p.yaml:5:20
  |
5 |   - { id: b, from: all, to: 10.0.0.1, service: udp/53 }
  |                    ^^^
  |
  = help: every segment is written `"*"`

error[POL022]: segment `10.0.0.1` is not declared
 --> p.yaml:5:29
  |
5 |   - { id: b, from: all, to: 10.0.0.1, service: udp/53 }
  |                             ^^^^^^^^
  |
  = help: rules name segments: declare one with `match: { ip: ... }`

error[POL023]: service `udp/53` is not declared
 --> p.yaml:5:48
  |
5 |   - { id: b, from: all, to: 10.0.0.1, service: udp/53 }
  |                                                ^^^^^^
  |
  = help: write `udp: [53]` in place of `service`

error[POL024]: `"*"` already stands for every segment
 --> p.yaml:6:43
  |
6 |   - { id: c, from: imaging, to: [imaging, '*'], service: [dcom, all, vitals] }
  |                                           ^^^
  |
  = help: write it alone, and what it shall not cover under `except`

error[POL023]: service `dcom` is not declared
 --> p.yaml:6:59
  |
6 |   - { id: c, from: imaging, to: [imaging, '*'], service: [dcom, all, vitals] }
  |                                                           ^^^^
  |
  = help: did you mean `dicom`?

error[POL023]: service `all` is not declared
 --> p.yaml:6:65
  |
6 |   - { id: c, from: imaging, to: [imaging, '*'], service: [dcom, all, vitals] }
  |                                                                 ^^^
  |
  = help: every service is written `any`

error[POL023]: service `vitals` is not declared
 --> p.yaml:6:70
  |
6 |   - { id: c, from: imaging, to: [imaging, '*'], service: [dcom, all, vitals] }
  |                                                                      ^^^^^^
  |
  = help: declare it: `services: { vitals: { tcp: [...] } }`
"#);
}

#[test]
fn ids_declared_twice_are_told_across_files() {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let a = "version: 1
defaults: { mode: observe }
segments: { a: { match: { vlan: 1 } } }
services: { x: { tcp: 1 } }
allow: [{ id: r, from: a, to: a, service: x }]
";
    let b = "version: 1
defaults: { mode: alert }
segments: { a: { match: { vlan: 2 } } }
services: { x: { tcp: 2 } }
deny: [{ id: r, from: a, to: a, service: x }]
";
    let mistakes = compile(&[source("b.yaml", b), source("a.yaml", a)]).unwrap_err();
    assert_snapshot!(mistakes.to_string(), @r#"
error[POL020]: the defaults are declared twice
 --> b.yaml:2:1
  |
2 | defaults: { mode: alert }
  | ^^^^^^^^
  |
 ::: a.yaml:2:1
  |
2 | defaults: { mode: observe }
  | -------- first here
  |
  = help: keep them in one file

error[POL020]: segment `a` is declared twice
 --> b.yaml:3:13
  |
3 | segments: { a: { match: { vlan: 2 } } }
  |             ^
  |
 ::: a.yaml:3:13
  |
3 | segments: { a: { match: { vlan: 1 } } }
  |             - first here
  |
  = help: rename one, or make them one

error[POL020]: service `x` is declared twice
 --> b.yaml:4:13
  |
4 | services: { x: { tcp: 2 } }
  |             ^
  |
 ::: a.yaml:4:13
  |
4 | services: { x: { tcp: 1 } }
  |             - first here
  |
  = help: rename one, or make them one

error[POL020]: rule `r` is declared twice
 --> b.yaml:5:14
  |
5 | deny: [{ id: r, from: a, to: a, service: x }]
  |              ^
  |
 ::: a.yaml:5:15
  |
5 | allow: [{ id: r, from: a, to: a, service: x }]
  |               - first here
  |
  = help: rename one, or make them one
"#);
}

#[test]
fn a_star_or_except_without_meaning_is_told() {
    let text = "version: 1
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
allow:
  - { id: r, from: ['*', a], to: b, service: any }
  - { id: s, from: a, to: b, except: b, service: any }
  - { id: t, from: '*', except: [a, b], to: b, service: any }
";
    assert_snapshot!(told(text), @r#"
error[POL024]: `"*"` already stands for every segment
 --> p.yaml:4:21
  |
4 |   - { id: r, from: ['*', a], to: b, service: any }
  |                     ^^^
  |
  = help: write it alone, and what it shall not cover under `except`

error[POL024]: `except` takes away from `"*"`, and this rule has none
 --> p.yaml:5:38
  |
5 |   - { id: s, from: a, to: b, except: b, service: any }
  |                                      ^
  |
  = help: remove `except`, or write `from: "*"` or `to: "*"`

error[POL025]: rule `t` leaves no segment of `"*"`
 --> p.yaml:6:11
  |
6 |   - { id: t, from: '*', except: [a, b], to: b, service: any }
  |           ^
"#);
}

#[test]
fn yaml_that_policies_do_not_use_is_refused() {
    let text = "version: !!int 1
segments:
  a: &a { match: { vlan: 1 } }
  b: { <<: *a }
  c: *nobody
  ? [x]
  : y
---
version: 1
";
    assert_snapshot!(told(text), @r#"
error[POL004]: policies have no YAML tags
 --> p.yaml:1:10
  |
1 | version: !!int 1
  |          ^^^^^
  |
  = help: remove the tag; the format knows which kind of value belongs here

error[POL019]: segment `b` selects nothing
 --> p.yaml:4:3
  |
4 |   b: { <<: *a }
  |   ^
  |
  = help: write `match: { ip: [...] }`, or select by `mac`, `vlan` or `class`

error[POL004]: policies have no merge keys
 --> p.yaml:4:8
  |
4 |   b: { <<: *a }
  |        ^^
  |
  = help: write the entries out

error[POL019]: segment `c` selects nothing
 --> p.yaml:5:3
  |
5 |   c: *nobody
  |   ^
  |
  = help: write `match: { ip: [...] }`, or select by `mac`, `vlan` or `class`

error[POL004]: nothing is anchored as `&nobody` before this alias
 --> p.yaml:5:6
  |
5 |   c: *nobody
  |      ^^^^^^^
  |
  = help: an unquoted `*` begins an alias; for every segment write `"*"`

error[POL008]: a key is a word
 --> p.yaml:6:5
  |
6 |   ? [x]
  |     ^^^

error[POL004]: a policy file holds one document, and here a second one begins
 --> p.yaml:8:1
  |
8 | ---
  | ^^^
  |
  = help: put it into a file of its own, or remove the `---`
"#);
}

#[test]
fn a_rule_that_never_matches_is_a_warning_with_the_rule_that_stands_before_it() {
    let policy = right(
        "version: 1
segments: { a: { match: { vlan: 1 } }, b: { match: { vlan: 2 } } }
allow:
  - { id: web, from: a, to: b, tcp: [80, 443] }
  - { id: https, from: a, to: b, service: https }
  - { id: ssh, from: a, to: b, service: ssh }
deny:
  - { id: no-ssh, from: a, to: '*', service: ssh }
",
    );
    assert!(policy.warnings.iter().all(|warning| warning.severity == Severity::Warning));
    assert_snapshot!(policy.warnings.to_string(), @r#"
warning[POL050]: rule `https` never matches: `web` decides everything in it
 --> p.yaml:5:11
  |
5 |   - { id: https, from: a, to: b, service: https }
  |           ^^^^^
  |
 ::: p.yaml:4:11
  |
4 |   - { id: web, from: a, to: b, tcp: [80, 443] }
  |           --- this one is asked first
  |
  = help: remove it, narrow what stands before it, or move it up

warning[POL050]: rule `ssh` never matches: `no-ssh` decides everything in it
 --> p.yaml:6:11
  |
6 |   - { id: ssh, from: a, to: b, service: ssh }
  |           ^^^
  |
 ::: p.yaml:8:11
  |
8 |   - { id: no-ssh, from: a, to: '*', service: ssh }
  |           ------ this one is asked first
  |
  = help: remove it, narrow what stands before it, or move it up
"#);
}

#[test]
fn a_class_beside_a_place_is_a_warning() {
    let policy = right("version: 1\nsegments: { ws: { match: { vlan: [30, 30], class: workstation } } }\n");
    assert_snapshot!(policy.warnings.to_string(), @r#"
warning[POL052]: VLAN 30 is listed twice
 --> p.yaml:2:39
  |
2 | segments: { ws: { match: { vlan: [30, 30], class: workstation } } }
  |                                       ^^
  |
 ::: p.yaml:2:35
  |
2 | segments: { ws: { match: { vlan: [30, 30], class: workstation } } }
  |                                   -- first here

warning[POL051]: devices of this class join the segment wherever they are
 --> p.yaml:2:44
  |
2 | segments: { ws: { match: { vlan: [30, 30], class: workstation } } }
  |                                            ^^^^^
  |
 ::: p.yaml:2:28
  |
2 | segments: { ws: { match: { vlan: [30, 30], class: workstation } } }
  |                            ---- this selector does not narrow the class
  |
  = help: selectors add up: any one of them suffices. Select by class alone or by place alone
"#);
}

#[test]
fn columns_count_characters_and_carets_stand_under_their_place() {
    let text = "version: 1\nsegments:\n  b: { description: \"Größe 日本\",\tmatch: { ip: 10.0.0.300 } }\n";
    let mistakes = one(text).unwrap_err();
    let line = text.lines().nth(2).unwrap();
    let wanted = line.chars().position(|c| c == '3').unwrap() - "10.0.0.".len() + 1;
    let mistake = mistakes.iter().next().unwrap();
    assert_eq!((mistake.line, mistake.column), (3, u32::try_from(wanted).unwrap()));
    assert_snapshot!(mistakes.to_string(), @r#"
error[POL012]: `10.0.0.300` is not an IP address or prefix
 --> p.yaml:3:46
  |
3 |   b: { description: "Größe 日本",    match: { ip: 10.0.0.300 } }
  |                                                   ^^^^^^^^^^
  |
  = help: write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`
"#);
}

#[test]
fn lines_are_counted_alike_whatever_ends_them() {
    let text = "version: 1\nsegments:\n  a: { match: { vlan: x } }\n";
    for end in ["\n", "\r\n", "\r"] {
        let mistakes = one(&text.replace('\n', end)).unwrap_err();
        let places: Vec<_> = mistakes.iter().map(|mistake| (mistake.line, mistake.column)).collect();
        assert_eq!(places, [(3, 23)], "{end:?}");
    }
    let mistakes = one(&format!("\u{feff}{}", text.replace("version", "versoin"))).unwrap_err();
    assert_eq!(mistakes.iter().next().map(|mistake| (mistake.line, mistake.column)), Some((1, 1)));
}

#[test]
fn a_long_line_is_cut_around_the_place_and_the_column_stays_true() {
    let segments: Vec<String> =
        (1..300).map(|n| format!("\"s{n}\": {{\"match\": {{\"vlan\": {n}}}}}")).collect();
    let text = format!(
        "{{\"version\": 1, \"segments\": {{{}, \"x\": {{\"match\": {{\"vlan\": 70000}}}}}}}}",
        segments.join(", ")
    );
    let mistakes = one(&text).unwrap_err();
    let mistake = mistakes.iter().find(|mistake| mistake.code == Code::Vlan).unwrap();
    assert_eq!(mistake.column as usize, text.find("70000").unwrap() + 1);
    let rendered = mistake.render(Colour::Plain);
    assert!(rendered.lines().all(|line| line.len() < 200), "{rendered}");
    assert!(rendered.contains(&format!("p.yaml:1:{}", mistake.column)), "{rendered}");
}

#[test]
fn colour_is_given_only_where_it_is_asked_for() {
    let mistakes = one("version: 3\n").unwrap_err();
    assert!(!mistakes.render(Colour::Plain).contains('\u{1b}'));
    assert!(mistakes.render(Colour::Ansi).contains('\u{1b}'));
}

#[test]
fn control_characters_of_a_policy_never_reach_the_terminal() {
    let mistakes = one("version: 1\nsegments: { \"a\\e[31m\": { match: { vlan: \"\\a\" } } }\n").unwrap_err();
    let rendered = mistakes.to_string();
    assert!(rendered.chars().all(|c| c == '\n' || !c.is_control()), "{rendered:?}");
}

#[test]
fn a_billion_laughs_is_refused() {
    let mut text = "version: 1\nsite: x\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let many = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{many}]\n"));
    }
    let mistakes = one(&text).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.code == Code::Budget), "{mistakes}");
}

#[test]
fn a_deep_policy_is_refused() {
    let mistakes = one(&format!("version: 1\nsegments: {}", "[".repeat(5000))).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.code == Code::Budget), "{mistakes}");
    let chain: String =
        (1..2000).fold("a0: &a0 x\n".to_owned(), |text, n| text + &format!("a{n}: &a{n} [*a{}]\n", n - 1));
    assert!(one(&chain).unwrap_err().iter().any(|mistake| mistake.code == Code::Budget));
}

#[test]
fn a_policy_of_more_than_four_mebibytes_is_refused() {
    let text = format!("version: 1\n# {}\n", "x".repeat(4 << 20));
    assert_eq!(
        one(&text).unwrap_err().iter().map(|mistake| mistake.code).collect::<Vec<_>>(),
        [Code::Budget]
    );
}

#[test]
fn more_mistakes_than_are_kept_are_counted() {
    let lines: String = (0..500).map(|n| format!("  s{n}: {{ match: {{ vlan: bad }} }}\n")).collect();
    let mistakes = one(&format!("version: 1\nsegments:\n{lines}")).unwrap_err();
    assert_eq!(mistakes.len(), 200);
    assert!(mistakes.left_out() >= 300, "{}", mistakes.left_out());
    assert!(mistakes.to_string().ends_with(&format!("... and {} more\n", mistakes.left_out())));
}

#[test]
fn the_bounds_of_the_tables_are_told_before_they_are_passed() {
    let codes = |text: &str| one(text).unwrap_err().iter().map(|mistake| mistake.code).collect::<Vec<_>>();
    let segments = |count: u32| -> String {
        (0..count)
            .map(|n| format!("  s{n}: {{ match: {{ ip: 10.{}.{}.0/24 }} }}\n", n / 250, n % 250))
            .collect()
    };
    right(&format!("version: 1\nsegments:\n{}", segments(254)));
    assert_eq!(codes(&format!("version: 1\nsegments:\n{}", segments(255))), [Code::TooManySegments]);

    let base = format!("version: 1\nsegments:\n{}allow:\n", segments(40));
    let ports = |count: u32| -> String {
        (1..=count).map(|n| format!("  - {{ id: r{n}, from: s1, to: s2, tcp: {n} }}\n")).collect()
    };
    right(&format!("{base}{}", ports(255)));
    assert_eq!(codes(&format!("{base}{}", ports(256))), [Code::TooManyClasses]);

    let pairs: String = (0..1100)
        .map(|n| format!("  - {{ id: r{n}, from: s{}, to: s{}, tcp: 80 }}\n", n / 40, n % 40))
        .collect();
    assert_eq!(codes(&format!("{base}{pairs}")), [Code::TooManyRows]);

    let rules: String =
        (0..65_536).map(|n| format!("  - {{ id: r{n}, from: s1, to: s2, tcp: 80 }}\n")).collect();
    assert_eq!(codes(&format!("{base}{rules}")), [Code::TooManyRules]);

    let hosts: Vec<String> = (0..3000).map(|n| format!("10.{}.{}.1", n / 250, n % 250)).collect();
    let hosts = format!("version: 1\nsegments: {{ a: {{ match: {{ ip: [{}] }} }} }}\n", hosts.join(", "));
    assert_eq!(codes(&hosts), [Code::TooManySelectors]);
}

#[test]
fn codes_are_stable_unique_and_ordered() {
    let texts: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    let mut sorted = texts.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(texts, sorted);
    assert!(texts.iter().all(|text| text.len() == 6 && text.starts_with("POL")));
}
