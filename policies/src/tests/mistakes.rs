//! What a person reads who made a mistake.

use insta::assert_snapshot;

use super::{one, right, told};
use crate::{Code, Colour, Severity, Source, compile};

/// One mistake in almost every line.
const EIGHT: &str = "
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
";

#[test]
fn eight_different_mistakes_of_one_file_are_told_in_one_run() {
    let mistakes = one(EIGHT).unwrap_err();
    let codes: std::collections::BTreeSet<Code> = mistakes.iter().map(|mistake| mistake.code).collect();
    assert!(codes.len() >= 8, "{codes:?}");
    assert_snapshot!(mistakes.to_string(), @r#"
error[POL010]: `on` is no word of `mode`, and some readers of YAML take it for a boolean
 --> p.yaml:3:19
  |
3 | defaults: { mode: on }
  |                   ^^
  |
  = help: write `observe`, `alert` or `enforce`

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
   = help: the keys of a rule are: id, from, to, except, service, tcp, udp, protocol, mode, rate, description
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
fn codes_are_stable_unique_and_ordered() {
    let texts: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    let mut sorted = texts.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(texts, sorted);
    assert!(texts.iter().all(|text| text.len() == 6 && text.starts_with("POL")));
}
