//! What is typed becomes what is meant.

use super::*;

fn typed(line: &str, terminal: Terminal) -> Result<Request, clap::Error> {
    let matches = Typed::command().try_get_matches_from(line.split(' '))?;
    meant(Typed::from_arg_matches(&matches)?, terminal)
}

fn replay(line: &str) -> Replay {
    match typed(line, Terminal::Plain) {
        Ok(Request::Replay(replay)) => replay,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_definitions_are_consistent() {
    Typed::command().debug_assert();
}

#[test]
fn a_dash_is_standard_input_and_all_else_is_a_file() {
    let inputs = replay("wardline replay a.pcap - ./-").inputs;
    assert_eq!(inputs, [Input::File("a.pcap".into()), Input::Stdin, Input::File("./-".into())]);
}

#[test]
fn standard_input_twice_is_a_mistake() {
    let error = typed("wardline replay - -", Terminal::Plain).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    assert!(error.use_stderr());
}

#[test]
fn a_span_holds_its_first_instant_and_not_its_last() {
    let span = replay("wardline replay --from 10 --to 1970-01-01T00:00:20Z a").span;
    let second = |second: u64| Timestamp(second * 1_000_000_000);
    assert!(!span.contains(Timestamp(second(10).0 - 1)) && span.contains(second(10)));
    assert!(span.contains(Timestamp(second(20).0 - 1)) && !span.contains(second(20)));
    assert!(replay("wardline replay a").span.contains(Timestamp(u64::MAX)));
}

#[test]
fn an_empty_span_is_a_mistake() {
    for line in ["wardline replay --from 20 --to 20 a", "wardline learn --from 20 --to 10 --out b a"] {
        assert_eq!(typed(line, Terminal::Plain).unwrap_err().kind(), ErrorKind::ValueValidation, "{line}");
    }
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let color = |line, terminal| match typed(line, terminal) {
        Ok(Request::Replay(replay)) => replay.color,
        other => panic!("{other:?}"),
    };
    assert_eq!(color("wardline replay a", Terminal::Colorful), Color::On);
    assert_eq!(color("wardline replay a", Terminal::Plain), Color::Off);
    assert_eq!(color("wardline --color always replay a", Terminal::Plain), Color::On);
    assert_eq!(color("wardline replay a --color never", Terminal::Colorful), Color::Off);
}

#[test]
fn commands_need_their_arguments() {
    for line in
        ["wardline", "wardline replay", "wardline learn a", "wardline policy", "wardline policy check"]
    {
        assert!(typed(line, Terminal::Plain).unwrap_err().use_stderr(), "{line}");
    }
}
