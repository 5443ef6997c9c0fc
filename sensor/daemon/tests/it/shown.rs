//! What is shown on a terminal: nothing from a file name, a capture or a policy steers it or turns the reading direction.

use crate::build::{Endian, Folder, NANO, Pcap};
use crate::read::wardline;
use crate::run::text;
use serde_json::Value;

/// Shown as `pumpcap.exe` where it is not written out (UAX #9).
const TURNED: &str = "pump\u{202e}exe.pac";

fn assert_shown_harmless(what: &str) {
    assert!(what.contains("pump\\u{202e}exe.pac"), "{what}");
    assert!(!what.contains('\u{202e}') && !what.contains('\u{1b}'), "{what:?}");
}

#[test]
fn a_file_name_that_turns_the_reading_direction_is_written_out() {
    let folder = Folder::new();
    let name = format!("\u{1b}[2J{TURNED}");
    let whole = Pcap::new(Endian::Little, NANO, 1).frame(1, b"frame").bytes;
    let cut = folder.file(&name, &whole[..whole.len() - 1]);
    let ran = wardline(&["replay", text(&cut)], b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_shown_harmless(&ran.stderr);
    assert_shown_harmless(&ran.stdout);
    let ran = wardline(&["replay", "--json", text(&cut)], b"");
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(
        summary["notes"][0].as_str().unwrap().contains(&name),
        "programs get the name as it is: {summary}"
    );

    let refused = folder.file(&name, b"dear diary");
    let ran = wardline(&["replay", text(&refused)], b"");
    assert_eq!(ran.code, 2);
    assert_shown_harmless(&ran.stderr);
}

#[test]
fn a_policy_that_turns_the_reading_direction_is_quoted_without_that() {
    let folder = Folder::new();
    let policy = folder.file(
        "turned.yaml",
        "version: 1\nsegments:\n  \"a\u{202e}b\": { match: { ip: 10.0.0.0/99 } } # \u{2067}\nallow:\n  - { id: x, from: \"n\u{2066}o\", to: a, service: any }\n"
            .as_bytes(),
    );
    let capture = folder.file("a.pcap", &Pcap::new(Endian::Little, NANO, 1).frame(1, b"frame").bytes);
    let check = wardline(&["policy", "check", text(&policy)], b"");
    let coloured = wardline(&["policy", "check", "--color", "always", text(&policy)], b"");
    let replay = wardline(&["replay", "--policy", text(&policy), text(&capture)], b"");
    assert!(coloured.stdout.contains('\u{1b}'), "colours are ours: {}", coloured.stdout);
    for shown in [check.stdout, coloured.stdout, replay.stderr] {
        assert!(shown.contains("10.0.0.0/99"), "{shown}");
        let turns = |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!shown.contains(turns), "{shown:?}");
    }
}
