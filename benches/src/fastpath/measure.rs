//! Measuring: short bursts that alternate between what is compared, at a priority that nothing interrupts.

use super::Failure;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What rounds measured, in the unit that was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figure {
    /// The least.
    pub least: f64,
    /// The mean of the middle half of all rounds: a median that does not round.
    pub middle: f64,
}

impl Figure {
    /// Of these rounds.
    pub fn of(mut rounds: Vec<f64>) -> Figure {
        rounds.sort_by(f64::total_cmp);
        let quarter = rounds.len() / 4;
        let middle = rounds.get(quarter..rounds.len() - quarter).unwrap_or_default();
        let mean =
            middle.iter().sum::<f64>() / f64::from(u32::try_from(middle.len()).unwrap_or(u32::MAX).max(1));
        Figure { least: rounds.first().copied().unwrap_or(0.0), middle: mean }
    }

    /// Over what an empty program takes.
    #[must_use]
    pub fn over(&self, floor: &Figure) -> Figure {
        Figure { least: self.least - floor.least, middle: self.middle - floor.middle }
    }
}

/// Something that can be measured once.
pub type Burst<'b> = &'b mut dyn FnMut() -> Result<f64, Failure>;

/// Measures so many rounds, in each of which every burst has its turn.
pub fn alternate(rounds: usize, bursts: &mut [Burst<'_>]) -> Result<Vec<Figure>, Failure> {
    let mut all = vec![Vec::new(); bursts.len()];
    uninterrupted(|| {
        for _ in 0..rounds {
            for (figures, burst) in all.iter_mut().zip(bursts.iter_mut()) {
                std::thread::sleep(Duration::from_millis(1));
                figures.push(burst()?);
            }
        }
        Ok(())
    })?;
    Ok(all.into_iter().map(Figure::of).collect())
}

/// Does something with a priority above all that does not need it, on the processor that this thread is bound to.
pub fn uninterrupted<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let me = rustix::thread::gettid().as_raw_nonzero().to_string();
    scheduling(&["-f", "-p", "50", &me]);
    let result = work();
    scheduling(&["-o", "-p", "0", &me]);
    result
}

/// Where it cannot be had the figures are only less steady.
fn scheduling(arguments: &[&str]) {
    let mut command = Command::new("chrt");
    drop(command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status());
}

/// Binds this thread to a processor.
pub fn bind(cpu: usize) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// What a thread returned; its panic goes on here.
pub fn joined<T>(result: std::thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Refuses where there is only one processor.
pub fn two_processors() -> Result<(), Failure> {
    let told = std::fs::read_to_string("/proc/cpuinfo")?;
    let processors = told.lines().filter(|line| line.starts_with("processor")).count();
    if processors < 2 { Err("it takes two processors".into()) } else { Ok(()) }
}
