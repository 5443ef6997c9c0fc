//! An output must not be one of the inputs: writing would destroy what is being read.

use crate::capture::Input;
use crate::exit::Failure;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a target that is the same file as one of the inputs, under whatever name.
///
/// # Errors
/// The target is an input.
pub(crate) fn refuse(target: &Path, inputs: &[Input]) -> Result<(), Failure> {
    // A target that is not there yet, or that cannot be looked at, is no input that could be opened.
    let Ok(there) = std::fs::metadata(target) else { return Ok(()) };
    let is_input = |input: &Input| match input {
        Input::Stdin => false,
        Input::File(path) => {
            std::fs::metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == (there.dev(), there.ino()))
        }
    };
    if there.is_file() && inputs.iter().any(is_input) {
        let cause =
            anyhow::anyhow!("{}: is one of the inputs; name another place for the output", target.display());
        return Err(Failure::usage(cause));
    }
    Ok(())
}
