//! `score LABELS.jsonl INCIDENTS.jsonl [--at-least N]`: what a replay found of the labelled attacks. Exit code 1 when it is fewer than N,
//! all by default.

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: score LABELS.jsonl INCIDENTS.jsonl [--at-least N]";

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let (labels, incidents, at_least) = match arguments {
        [labels, incidents] => (labels, incidents, None),
        [labels, incidents, flag, count] if flag == "--at-least" => {
            let count = count.parse::<usize>().map_err(|error| format!("--at-least {count}: {error}"))?;
            (labels, incidents, Some(count))
        }
        _ => return Err(USAGE.to_owned()),
    };
    let read = |file: &str| std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
    let events = benches::score::events(&read(labels)?).map_err(|error| format!("{labels}: {error}"))?;
    let found =
        benches::score::incidents(&read(incidents)?).map_err(|error| format!("{incidents}: {error}"))?;
    let score = benches::score::score(&events, &found);
    writeln!(std::io::stdout().lock(), "{score}").map_err(|error| format!("stdout: {error}"))?;
    let wanted = at_least.unwrap_or(score.attacks.len());
    Ok(if score.found() < wanted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
