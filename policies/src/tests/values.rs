//! What is said about single values and names.

use insta::assert_snapshot;

use super::brief;

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
    assert_snapshot!(brief(text), @r#"
1:10 POL009 this is not a version that can be read -> write `version: 1`
2:7 POL008 `site` holds a text, and here is a mapping
3:11 POL008 `segments` holds segments by name, and here is a list
5:6 POL008 `a` holds ports, and here is a single value
6:13 POL008 `tcp` holds one value or a list, and here is a mapping
8:3 POL008 `allow` is a list of rules -> begin each rule with `- `, as `- { id: ..., from: ..., to: ..., service: ... }`
9:8 POL008 a rule is a mapping -> write `- { id: ..., from: ..., to: ..., service: ... }`
"#);
}

#[test]
fn words_that_are_booleans_elsewhere_are_refused() {
    let text = "version: 1
defaults: { between: no, mode: off, within: Deny }
segments:
  a: { match: { vlan: 1 }, life_critical: yes }
";
    assert_snapshot!(brief(text), @r#"
2:22 POL010 `no` is no word of `between`, and some readers of YAML take it for a boolean -> write `allow` or `deny`
2:32 POL010 `off` is no word of `mode`, and some readers of YAML take it for a boolean -> write `observe`, `alert` or `enforce`
2:45 POL010 `Deny` is no word of `within` -> did you mean `deny`?
4:43 POL010 `yes` is no word of `life_critical`, and some readers of YAML take it for a boolean -> write `true` or `false`
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
    assert_snapshot!(brief(text), @r#"
3:22 POL012 `10.0.0.300` is not an IP address or prefix -> write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`
3:34 POL012 `/33` is not a prefix length from 0 to 32 -> write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`
3:47 POL012 `fd00::1/64` has bits set after its length -> write `fd00::/64` for the network, or `fd00::1` for the one address
3:59 POL012 `::ffff:10.0.0.1` is an IPv4 address in IPv6 form -> write it as IPv4
3:78 POL012 `010.0.0.1` is not an IP address or prefix -> write it as `10.30.0.0/24`, `10.30.1.10` or `fd00:30::/64`
3:96 POL013 `00:11:22:33:44` is not a MAC address -> write it as `00:1a:2b:3c:4d:5e`
3:112 POL013 `ff:ff:ff:ff:ff:ff` is a group address: no device sends from it -> write it as `00:1a:2b:3c:4d:5e`
3:133 POL013 `0011223344556` is not a MAC address -> write it as `00:1a:2b:3c:4d:5e`
4:24 POL014 `0` is not a VLAN number -> VLAN numbers are 1 to 4094
4:27 POL014 `4095` is not a VLAN number -> VLAN numbers are 1 to 4094
4:33 POL014 `0x10` is not a VLAN number -> VLAN numbers are 1 to 4094
4:39 POL014 `-1` is not a VLAN number -> VLAN numbers are 1 to 4094
4:44 POL051 devices of this class join the segment wherever they are -> selectors add up: any one of them suffices. Select by class alone or by place alone [this selector does not narrow the class 4:17]
4:52 POL015 `ct-scanner` is not a device class -> the classes are: ct, mr, xray, ultrasound, mammography, pacs, ris, ehr, interface-engine, worklist, viewer, infusion-pump, pump-server, patient-monitor, central-station, ventilator, anaesthesia, analyser, glucose-meter, lab-system, gateway, workstation, server, printer, phone, ip-camera, video-recorder, access-controller, building-controller, network-device, mobile, wearable
4:64 POL015 `unknown` cannot be selected: it is the class of what has none -> devices in no segment follow `defaults: { unassigned: ... }`
5:21 POL018 `ip` is an empty list -> name at least one, or remove the key
6:3 POL019 segment `d` selects nothing -> write `match: { ip: [...] }`, or select by `mac`, `vlan` or `class`
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
    assert_snapshot!(brief(text), @r#"
3:14 POL016 `0` is not a port -> write a number from 1 to 65535, a range as `5000-5010`, or `any`
3:17 POL016 `65536` is not a port -> write a number from 1 to 65535, a range as `5000-5010`, or `any`
3:24 POL016 `80-` is not a port -> write a number from 1 to 65535, a range as `5000-5010`, or `any`
3:29 POL016 `90-80` is a range that ends before it begins -> write `80-90`
3:36 POL016 `1e3` is not a port -> write a number from 1 to 65535, a range as `5000-5010`, or `any`
3:41 POL016 `http` is not a port -> write a number from 1 to 65535, a range as `5000-5010`, or `any`
4:19 POL017 TCP has ports -> write `tcp: [...]`, or `tcp: any`
4:24 POL017 `icpm` is not an IP protocol -> did you mean `icmp`?
4:30 POL017 `256` is not an IP protocol -> write a number from 0 to 255 or one of: icmp, igmp, ipip, gre, esp, ah, icmpv6, ospf, pim, vrrp, sctp
5:3 POL007 service `c` has no port -> write `tcp: [...]`, `udp: [...]` or `protocol: [...]`
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
    assert_snapshot!(brief(text), @r#"
3:3 POL011 `internet` has a meaning of its own and cannot be declared -> choose another name
4:3 POL011 this is not a name -> names have letters, digits, `-`, `_` and `.`, begin with a letter or digit, and are at most 64 long
6:3 POL011 `any` has a meaning of its own and cannot be declared -> choose another name
8:11 POL011 this is not a name -> names have letters, digits, `-`, `_` and `.`, begin with a letter or digit, and are at most 64 long
"#);
}

#[test]
fn what_two_segments_claim_is_told_with_both_places() {
    let text = "version: 1
segments:
  a: { match: { ip: 10.0.0.0/24, mac: 00:11:22:33:44:55, vlan: 7, class: ct } }
  b: { match: { ip: [10.0.0.0/25, 10.0.0.0/24], mac: 00-11-22-33-44-55, vlan: 7, class: ct } }
";
    assert_snapshot!(brief(text), @r#"
3:67 POL051 devices of this class join the segment wherever they are -> selectors add up: any one of them suffices. Select by class alone or by place alone [this selector does not narrow the class 3:58]
4:35 POL021 prefix 10.0.0.0/24 belongs to segment `a` already -> a device is in one segment: leave it to `a` or to `b` [claimed here 3:21]
4:54 POL021 MAC address 00:11:22:33:44:55 belongs to segment `a` already -> a device is in one segment: leave it to `a` or to `b` [claimed here 3:39]
4:79 POL021 VLAN 7 belongs to segment `a` already -> a device is in one segment: leave it to `a` or to `b` [claimed here 3:64]
4:82 POL051 devices of this class join the segment wherever they are -> selectors add up: any one of them suffices. Select by class alone or by place alone [this selector does not narrow the class 4:73]
4:89 POL021 class `ct` belongs to segment `a` already -> a device is in one segment: leave it to `a` or to `b` [claimed here 3:74]
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
    assert_snapshot!(brief(text), @r#"
4:20 POL022 segment `imagin` is not declared -> did you mean `imaging`?
4:32 POL022 segment `unassigned` is not declared -> devices in no segment follow `defaults: { unassigned: ... }`
4:53 POL023 service `443` is not declared -> write `tcp: [443]` in place of `service`
5:20 POL022 segment `all` is not declared -> every segment is written `"*"`
5:29 POL022 segment `10.0.0.1` is not declared -> rules name segments: declare one with `match: { ip: ... }`
5:48 POL023 service `udp/53` is not declared -> write `udp: [53]` in place of `service`
6:43 POL024 `"*"` already stands for every segment -> write it alone, and what it shall not cover under `except`
6:59 POL023 service `dcom` is not declared -> did you mean `dicom`?
6:65 POL023 service `all` is not declared -> every service is written `any`
6:70 POL023 service `vitals` is not declared -> declare it: `services: { vitals: { tcp: [...] } }`
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
    assert_snapshot!(brief(text), @r#"
4:21 POL024 `"*"` already stands for every segment -> write it alone, and what it shall not cover under `except`
5:38 POL024 `except` takes away from `"*"`, and this rule has none -> remove `except`, or write `from: "*"` or `to: "*"`
6:11 POL025 rule `t` leaves no segment of `"*"`
"#);
}
