//! The binary `wardline`.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::run(std::env::args_os()).into()
}
