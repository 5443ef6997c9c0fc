//! `wardline learn`: benign captures in, a baseline out.

use crate::capture::Captures;
use crate::command::{Learn, Quiet};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupted;
use crate::replay::{Reading, feed, settings, watch_signals};
use crate::whole;
use detectors::learn::Learner;
use engine::engine::Engine;
use engine::watch::Watch;

/// Learns from the captures.
///
/// # Errors
/// An input cannot be read as a capture, there is nothing to learn from, the baseline cannot be written, or a signal came
/// before it was: a baseline of half of the traffic would look like a whole one.
pub fn run(request: &Learn) -> Result<Exit, Failure> {
    crate::overwrite::refuse(&request.out, &request.inputs)?;
    let captures = Captures::open(&request.inputs)?;
    whole::try_out(&request.out)?;
    let interrupt = watch_signals()?;
    let watch = Watch::Learn(Box::new(Learner::new()));
    let mut engine = Engine::new(&settings(), None, watch);
    let reading = Reading { captures, span: request.span, quiet: request.quiet, interrupt: &interrupt };
    let read = feed(reading, &mut engine, &mut |outputs, _| {
        outputs.clear();
        Ok(())
    })?;
    if let Some(interrupted) = read.interrupted {
        return Err(unlearned(interrupted));
    }
    let (finished, _, watch) = engine.finish();
    let Watch::Learn(learner) = watch else {
        return Err(Failure::usage(anyhow::anyhow!("the engine lost its learner")));
    };
    if finished.summary.packets == 0 {
        let cause =
            anyhow::anyhow!("no frame lies in the span: nothing to learn from; look at --from and --to");
        return Err(Failure::usage(cause));
    }
    let baseline = learner.finish().to_bytes();
    // It may have come while the baseline was made.
    if let Some(signal) = interrupt.signal() {
        return Err(unlearned(Interrupted { signal, frames: read.frames }));
    }
    whole::write(&request.out, &baseline)?;
    if request.quiet == Quiet::No {
        let summary = &finished.summary;
        crate::say(
            "note",
            &format!(
                "learned from {} frames, {} flows, {} devices; written to {}",
                summary.packets,
                summary.flows,
                summary.devices,
                request.out.display()
            ),
        );
    }
    Ok(Exit::Ok)
}

fn unlearned(interrupted: Interrupted) -> Failure {
    let cause = anyhow::anyhow!("{interrupted}; no baseline was written");
    Failure { exit: Exit::Interrupted(interrupted.signal), cause }
}
