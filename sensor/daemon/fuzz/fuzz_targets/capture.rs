//! Any bytes as a capture file: refused, or read to its end or its damage.
#![no_main]

use daemon::capture::{Captures, Input};
use libfuzzer_sys::fuzz_target;
use std::io::Write;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_err() {
        return;
    }
    if let Ok(mut captures) = Captures::open(&[Input::File(file.path().to_owned())]) {
        while captures.next_frame().is_some() {}
        captures.finish();
    }
});
