//! The binary `wardline`.

use std::process::ExitCode;

// Rows and sessions are many small allocations: a sixth of a replay's time goes with glibc's allocator, see benches/README.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    daemon::run(std::env::args_os()).into()
}
