use super::super::super::{Names, samples};
use super::super::Report;
use super::{Look, page};
use crate::command::Color;
use engine::output::Finished;
use std::path::Path;

fn shown(finished: &Finished, look: Look<'_>) -> String {
    let policy = samples::policy();
    let notes = ["late.pcap: ends within a frame at byte 4,711".to_owned()];
    page(&Report { finished, names: &Names::of(Some(&policy)), baseline: None, notes: &notes }, look)
}

#[test]
fn the_page_of_a_run() {
    let look = Look { colour: Color::Off, columns: 100, folder: Some(Path::new("demo-out")) };
    insta::assert_snapshot!(shown(&samples::finished(), look));
}

#[test]
fn a_narrow_page_lists_the_pairs_of_segments() {
    let look = Look { colour: Color::Off, columns: 40, folder: None };
    let mut finished = samples::finished();
    finished.summary.matrix.insert((samples::segment(2), samples::segment(3)), (1_000, 1));
    let text = shown(&finished, look);
    assert!(text.contains("  archive -> imaging  40/5\n"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn an_empty_run_says_that_there_was_nothing() {
    let look = Look { colour: Color::Off, columns: 80, folder: None };
    let report =
        Report { finished: &Finished::default(), names: &Names::of(None), baseline: None, notes: &[] };
    insta::assert_snapshot!(page(&report, look), @r"
    0 packets, 0 B
      0 flows (0 TCP and 0 UDP keys), 0 devices
    No incidents
    ");
}

#[test]
fn colours_change_nothing_but_colours() {
    let plain = Look { colour: Color::Off, columns: 100, folder: None };
    let painted = shown(&samples::finished(), Look { colour: Color::On, ..plain });
    let mut bare = painted.clone();
    for code in ["1", "1;31", "31", "33", "2", "0"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_ne!(painted, bare);
    assert_eq!(bare, shown(&samples::finished(), plain));
}

#[test]
fn nothing_from_the_network_steers_the_terminal() {
    let look = Look { colour: Color::Off, columns: 100, folder: None };
    let mut finished = samples::finished();
    finished.devices[0].vendor.as_mut().unwrap().value = samples::AWKWARD.to_owned();
    finished.incidents[0].text = "fdp.\u{202e}exe".to_owned();
    let text = shown(&finished, look);
    assert!(text.contains("pump \"7\"") && text.contains("fdp.\\u{202e}exe"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
}
