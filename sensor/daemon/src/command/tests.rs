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

fn run(line: &str) -> Run {
    match typed(line, Terminal::Plain) {
        Ok(Request::Run(run)) => run,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn pins_are_named_after_the_interfaces_without_dots() {
    let run = run("wardline run --mode inline -i eth0.20 -i eth1 --policy p");
    assert_eq!(run.pin, PathBuf::from("/sys/fs/bpf/wardline/eth0_20-eth1"));
    assert_eq!(run.stand, Stand::Inline(["eth0.20".to_owned(), "eth1".to_owned()]));
    let detach = typed("wardline run --detach -i eth0.20 -i eth1", Terminal::Plain).unwrap();
    assert_eq!(detach, Request::Detach(run.pin));
}

#[test]
fn a_run_detaches_when_it_ends_unless_it_is_told_to_stay() {
    assert_eq!(run("wardline run --mode span -i a --policy p").ending, Ending::Detach);
    assert_eq!(run("wardline run --mode span -i a --policy p --stay").ending, Ending::Stay);
}

#[test]
fn interfaces_that_do_not_fit_the_mode_are_mistakes() {
    for line in [
        "wardline run --mode inline -i a --policy p",
        "wardline run --mode inline -i a -i b -i c --policy p",
        "wardline run --mode routed -i a -i a --policy p",
        "wardline run --mode span --policy p",
        "wardline run --mode span --policy p --pin /d",
        "wardline run --detach",
    ] {
        assert_eq!(
            typed(line, Terminal::Plain).unwrap_err().kind(),
            ErrorKind::WrongNumberOfValues,
            "{line}"
        );
    }
    assert!(typed("wardline run -i a --policy p", Terminal::Plain).is_err(), "without a mode");
    assert!(typed("wardline run --mode span -i a", Terminal::Plain).is_err(), "without a policy");
}

#[test]
fn a_check_is_told_in_one_form() {
    let form = |line: &str| match typed(line, Terminal::Plain) {
        Ok(Request::PolicyCheck(check)) => check.form,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(form("wardline policy check p"), Report::Text);
    assert_eq!(form("wardline policy check --json p"), Report::Json);
    assert_eq!(form("wardline policy check --format json p"), Report::Json);
    assert_eq!(form("wardline policy check --format sarif p"), Report::Sarif);
    let both = typed("wardline policy check --json --format text p", Terminal::Plain).unwrap_err();
    assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
}
