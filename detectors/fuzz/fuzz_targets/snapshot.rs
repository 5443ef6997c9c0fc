//! Any bytes as a baseline: refused, or read and written again to the same bytes.
#![no_main]

use detectors::baseline::Baseline;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(baseline) = Baseline::from_bytes(bytes) {
        assert_eq!(baseline.to_bytes(), bytes);
    }
});
