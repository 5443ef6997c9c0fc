//! What is laid out says the same, and is at rest.

use proptest::prelude::*;

use super::*;
use crate::{Source, compile};

fn laid_out(text: &str) -> String {
    match format(text) {
        Formatted::Text(text) => text,
        Formatted::Left => panic!("it is left as it is:\n{text}"),
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let source = Source { name: "p.yaml".to_owned(), text: text.to_owned() };
    compile(&[source]).ok().map(|policy| policy.hash)
}

#[test]
fn rules_stand_in_columns_as_far_as_their_keys_are_the_same() {
    let text = "allow:\n- {id: a, from: imaging , to: pacs, service: dicom}\n# between\n-   { id: longer, from: x, to: [a,b], tcp: 80, mode: observe }\n";
    insta::assert_snapshot!(laid_out(text), @r"
    allow:
      - { id: a,      from: imaging, to: pacs,   service: dicom }
      # between
      - { id: longer, from: x,       to: [a, b], tcp: 80, mode: observe }
    ");
}

#[test]
fn a_blank_line_and_another_block_begin_new_columns() {
    let text = "a:\n  x: {b: 1}\n\n\n  long-name: {b: 1}\nc: {}\n";
    assert_eq!(laid_out(text), "a:\n  x: { b: 1 }\n\n  long-name: { b: 1 }\nc: {}\n");
}

#[test]
fn a_cell_that_is_very_wide_does_not_push_the_others() {
    let wide = "[aaaaaaaaaaaaaa, bbbbbbbbbbbbbbbb, cccccccccccccccc]";
    let text = format!("- {{ from: {wide}, to: x }}\n- {{ from: a, to: y }}\n- {{ from: abc, to: z }}\n");
    let wanted = format!("- {{ from: {wide}, to: x }}\n- {{ from: a,   to: y }}\n- {{ from: abc, to: z }}\n");
    assert_eq!(laid_out(&text), wanted);
}

#[test]
fn comments_stand_before_what_follows_or_end_what_was() {
    let text = "# top\na:\n      # of b\n      b: 1   #  one\n      cc: '#'\t# two\n      # end of a\nd: 2\n   # end\n";
    insta::assert_snapshot!(laid_out(text), @r"
    # top
    a:
      # of b
      b: 1     #  one
      cc: '#'  # two
      # end of a
    d: 2
    # end
    ");
}

#[test]
fn values_of_several_lines_keep_their_lines() {
    let text = "a:\n    - {id: x,\n       from: y}\n    - id:   z\n      more: \"a\n        b\"\n";
    assert_eq!(laid_out(text), "a:\n  - {id: x,\n     from: y}\n  - id: z\n    more: \"a\n      b\"\n");
}

#[test]
fn a_text_with_a_block_scalar_is_left() {
    // It could be laid out around the scalar, which is not done yet.
    assert_eq!(format("a:\n    b: |\n      kept   \n\n\n        as it is\n"), Formatted::Left);
}

#[test]
fn lists_at_the_column_of_their_key_are_indented() {
    assert_eq!(laid_out("a:\n- b\n-  - c\n   - d\ne: f\n"), "a:\n  - b\n  - - c\n    - d\ne: f\n");
}

#[test]
fn quotation_marks_and_what_is_between_them_stay() {
    let text = "a: [\"x,  y\", 'it''s # {', \"\\\" ]\", 00:1a:2b:3c:4d:5e, a  b]\n";
    assert_eq!(laid_out(text), "a: [\"x,  y\", 'it''s # {', \"\\\" ]\", 00:1a:2b:3c:4d:5e, a  b]\n");
}

#[test]
fn what_is_not_understood_is_left() {
    for text in ["a: [", "? a\n: b\n", "a: !!int 1\n", "a: 1\n---\nb: 2\n", "{ a: 1,\n b: 2 }\n", "\u{0}"] {
        assert_eq!(format(text), Formatted::Left, "{text}");
    }
}

/// Spaces between the parts of a line.
fn gap() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", " ", "  ", "    "]).prop_map(str::to_owned)
}

/// What may stand between two lines: blank lines and comments, at any column.
fn between() -> impl Strategy<Value = String> {
    let line =
        prop::sample::select(vec!["\n", "   \n", "# one\n", "      #two: {x}\n", "  # three   \n", ""]);
    prop::collection::vec(line, 0..3).prop_map(|lines| lines.concat())
}

/// A comment at the end of a line, and the line's end.
fn ending() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["\n", "   \n", " # why\n", "\t#  because, { of: this }\n", "\r\n"]);
    text.prop_map(str::to_owned)
}

fn rule() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "bb", "[a, bb]", "[ a,bb , ccc ]", "\"*\"", "'ccc'"]);
    let ports = prop::sample::select(vec![
        "service: dns",
        "tcp: [80,  443]",
        "udp: \"5000-5010\"",
        "service: [ dns ], tcp: 1",
        "service: any , mode: alert",
        "description: \"{ # }\", protocol: icmp",
    ]);
    (gap(), name.clone(), gap(), name, gap(), ports).prop_map(|(one, from, two, to, three, ports)| {
        format!("{{{one}id: @,{two} from: {from}{one}, to: {three}{to},{three}{ports}{two}}}")
    })
}

/// A whole policy with random rules, comments and layout; rules in brackets on one line or two.
fn policy() -> impl Strategy<Value = String> {
    let rules = prop::collection::vec((rule(), 0..3_u8, between(), ending()), 0..8);
    (rules, 0..5_usize, 1..5_usize, between(), ending(), gap()).prop_map(
        |(rules, list, deep, between, ending, gap)| {
            let (dash, deep) = (" ".repeat(list), " ".repeat(deep));
            let mut text = format!(
                "{between}version: {gap}1{ending}{between}segments:{ending}{between}{deep}a:{gap} {{match: {{vlan: 1}}}}{ending}{deep}bb :  {{ match: {{vlan: [2,3]}},within: allow }}{ending}{between}{deep}ccc:\n{deep}{deep}match:{ending}{deep}{deep} ip:\n{deep}{deep} - 10.0.0.0/24\n{between}allow:{ending}"
            );
            for (number, (rule, form, between, ending)) in rules.into_iter().enumerate() {
                let rule = rule.replace('@', &format!("r{number}"));
                let broken = || rule.replacen(" from", &format!("\n{dash}      from"), 1);
                let body = if form == 0 { broken() } else { rule };
                text += &[between.as_str(), &dash, "- ", &gap, &body, &ending].concat();
            }
            text
        },
    )
}

fn comments(text: &str) -> Vec<String> {
    // Independent of the parser: in these policies a `#` in quotation marks is always followed by ` }`.
    let of = |line: &str| {
        let at = line.match_indices('#').map(|(at, _)| at).find(|&at| !line[at..].starts_with("# }\""))?;
        Some(line[at..].trim_end().to_owned())
    };
    text.lines().filter_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_policy_keeps_its_meaning_and_its_comments_and_comes_to_rest(text in policy()) {
        let before = hash(&text);
        prop_assert!(before.is_some(), "{text}");
        let once = laid_out(&text);
        prop_assert_eq!(hash(&once), before, "{}\n{}", &text, &once);
        prop_assert_eq!(comments(&once), comments(&text), "{}\n{}", &text, &once);
        prop_assert_eq!(laid_out(&once), once.clone(), "{}", &text);
        prop_assert!(once.ends_with('\n') && !once.contains("\n\n\n") && !once.contains('\r'), "{once}");
    }

    #[test]
    fn a_mutated_example_says_the_same_or_is_left(
        at in 0..6000_usize, cut in 0..20_usize, put in "[\\[\\]{}:,\"'*&!#|\\-\\t\\n a0é]{0,6}",
    ) {
        let text = include_str!("../../examples/hospital-pillars.yaml");
        let at = text.floor_char_boundary(at);
        let end = text.floor_char_boundary(at + cut);
        let text = format!("{}{put}{}", &text[..at], &text[end..]);
        if let Formatted::Text(once) = format(&text) {
            prop_assert_eq!(hash(&once), hash(&text));
            prop_assert_eq!(format(&once), Formatted::Text(once.clone()));
        }
    }
}
