//! Grace periods: waiting until no frame is judged any more by what was in force before.

use rustix::thread::{CpuSet, MembarrierCommand, membarrier, sched_getaffinity, sched_setaffinity};
use std::io;

/// Returns when every frame whose judgement had begun before has ended.
///
/// The kernel runs XDP programs in sections that RCU waits for, and `MEMBARRIER_CMD_GLOBAL` is RCU's waiting
/// (`synchronize_rcu`, kernel/sched/membarrier.c). With CPUs that have no timer tick (`nohz_full`) it does not offer that;
/// then this thread goes once to every CPU, where it cannot run before the section there has ended.
///
/// # Errors
/// Neither is permitted.
pub(super) fn wait() -> io::Result<()> {
    match membarrier(MembarrierCommand::Global) {
        Ok(()) => Ok(()),
        Err(_) => visit_every_cpu(),
    }
}

fn visit_every_cpu() -> io::Result<()> {
    let home = sched_getaffinity(None)?;
    let visited = (0..CpuSet::MAX_CPU).try_for_each(|cpu| {
        let mut one = CpuSet::new();
        one.set(cpu);
        match sched_setaffinity(None, &one) {
            // A CPU that is not there, or off, judges nothing.
            Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
            Err(error) => Err(io::Error::from(error)),
        }
    });
    sched_setaffinity(None, &home)?;
    visited
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_ways_of_waiting_end_and_leave_the_thread_where_it_was() {
        let home = rustix::thread::sched_getaffinity(None).unwrap();
        super::wait().unwrap();
        super::visit_every_cpu().unwrap();
        assert_eq!(rustix::thread::sched_getaffinity(None).unwrap(), home);
    }
}
