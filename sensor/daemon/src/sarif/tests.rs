//! What a policy says cannot break out of its place in the log.

use super::*;

#[test]
fn braces_are_doubled_and_a_link_stays_text() {
    assert_eq!(message("write `match: { ip: [...] }`"), "write `match: {{ ip: [...] }}`");
    assert_eq!(message("{0} [here](http://192.0.2.1)"), "{{0}} [here\\](http://192.0.2.1)");
}

#[test]
fn paths_become_uri_references() {
    assert_eq!(uri("policies/a b.yaml"), "policies/a%20b.yaml");
    assert_eq!(uri("./ward#1.yaml"), "ward%231.yaml");
    assert_eq!(uri("http:x"), "http%3Ax");
    assert_eq!(uri("/etc/wardline/Größe.yaml"), "file:///etc/wardline/Gr%C3%B6%C3%9Fe.yaml");
}

#[test]
fn what_is_not_listed_is_told() {
    let rules = (0..300).map(|n| format!("  - {{ id: r{n}, from: a, to: b, service: dns }}\n"));
    let text = format!("version: 1\nallow:\n{}", rules.collect::<String>());
    let source = policies::Source { name: "p.yaml".to_owned(), text };
    let diagnostics = policies::compile(&[source]).unwrap_err();
    let log = log(&diagnostics);
    let run = &log["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), diagnostics.len());
    let notice = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    assert_eq!(notice, "400 more mistakes were found and are not listed");
}
