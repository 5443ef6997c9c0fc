//! `wardline learn`: benign captures in, a baseline out.

use crate::capture::Captures;
use crate::command::{Learn, Quiet};
use crate::exit::{Exit, Failure};
use crate::replay::{feed, settings};
use detectors::learn::Learner;
use engine::engine::Engine;
use engine::watch::Watch;
use std::io::Write;
use std::path::Path;

/// Learns from the captures.
///
/// # Errors
/// An input cannot be read as a capture, there is nothing to learn from, or the baseline cannot be written.
pub fn run(request: &Learn) -> Result<Exit, Failure> {
    crate::overwrite::refuse(&request.out, &request.inputs)?;
    let captures = Captures::open(&request.inputs)?;
    let watch = Watch::Learn(Box::new(Learner::new()));
    let mut engine = Engine::new(&settings(), None, watch);
    feed(captures, request.span, request.quiet, &mut engine, &mut |outputs, _| {
        outputs.clear();
        Ok(())
    })?;
    let (finished, _, watch) = engine.finish();
    let Watch::Learn(learner) = watch else {
        return Err(Failure::usage(anyhow::anyhow!("the engine lost its learner")));
    };
    if finished.summary.packets == 0 {
        let cause =
            anyhow::anyhow!("no frame lies in the span: nothing to learn from; look at --from and --to");
        return Err(Failure::usage(cause));
    }
    let baseline = learner.finish();
    write(&request.out, &baseline.to_bytes())?;
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

/// Writes beside the target and renames, so that a baseline is never half written.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Failure::writing(&path.display().to_string(), error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
