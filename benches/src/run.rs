//! Other programs and ours, run alike: on one core, timed, with their peak memory.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// From start to end, in wall time.
    pub wall: Duration,
    /// Peak resident memory in bytes, where it could be read.
    pub peak: u64,
}

/// Longer than this no run takes.
const LONGEST: Duration = Duration::from_secs(30);

/// Runs a command pinned to core 0 and waits for it.
///
/// # Errors
/// It cannot be started, or it does not end with success.
pub fn pinned(program: &str, arguments: &[&str]) -> io::Result<Run> {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[expect(clippy::disallowed_methods, reason = "a measurement looks at the clock")]
    let start = Instant::now();
    let mut child = command.spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(end) = child.try_wait()? {
            let wall = start.elapsed();
            return if end.success() {
                Ok(Run { wall, peak })
            } else {
                Err(io::Error::other(format!("{program}: {end}")))
            };
        }
        peak = peak.max(high_water(Path::new(&status)));
        if start.elapsed() > LONGEST {
            // softflowd, for one, waits for ever when it has a control socket.
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("{program}: not done after {} s", LONGEST.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The largest resident size so far, from `/proc/PID/status`.
fn high_water(status: &Path) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The median of some durations.
#[must_use]
pub fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
