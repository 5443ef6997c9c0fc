//! The progress bar of long reading: on stderr, only on a terminal.

use crate::capture::Captures;
use crate::command::Quiet;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Frames between two looks at the bar: looking needs a clock and, while unpacking, the other thread's counter.
const EVERY: u64 = 4096;
/// Redraws in a second, at most.
const RATE: u8 = 10;

/// How far reading has come.
pub struct Progress {
    bar: ProgressBar,
    frames: u64,
}

impl Progress {
    /// Shows the bar, if there is somebody to see it.
    pub fn start(captures: &Captures, quiet: Quiet) -> Progress {
        let seen = quiet == Quiet::No && std::io::stderr().is_terminal();
        let target =
            if seen { ProgressDrawTarget::stderr_with_hz(RATE) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(captures.bytes_total(), target);
        let template = match captures.bytes_total() {
            Some(_) => "{bar:30} {binary_bytes} of {binary_total_bytes} · {msg} · {eta} left",
            None => "{spinner} {binary_bytes} · {msg} · {elapsed}",
        };
        // The template is a constant that the tests draw; were it wrong, indicatif's own would do.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress { bar, frames: 0 }
    }

    /// Counts one more frame.
    #[inline]
    pub fn frame(&mut self, captures: &Captures) {
        self.frames = self.frames.wrapping_add(1);
        if self.frames.is_multiple_of(EVERY) {
            self.draw(captures.bytes_read());
        }
    }

    /// Frames counted.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Wall time since the start.
    pub fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    #[cold]
    fn draw(&self, bytes: u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(rate(self.frames, self.bar.elapsed()));
        self.bar.set_position(bytes);
    }
}

/// Frames in a second, as text.
pub fn rate(frames: u64, elapsed: Duration) -> String {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = frames.saturating_mul(1000) / milliseconds;
    match per_second {
        0..10_000 => format!("{per_second} packets/s"),
        10_000..10_000_000 => format!("{} k packets/s", per_second / 1000),
        _ => format!("{} M packets/s", per_second / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_rounded_down_to_its_unit() {
        assert_eq!(rate(999, Duration::from_secs(1)), "999 packets/s");
        assert_eq!(rate(1_500_000, Duration::from_secs(2)), "750 k packets/s");
        assert_eq!(rate(30_000_000, Duration::from_secs(3)), "10 M packets/s");
        assert_eq!(rate(5, Duration::ZERO), "5000 packets/s");
    }
}
