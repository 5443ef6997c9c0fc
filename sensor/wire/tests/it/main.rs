//! The dissectors against captures whose content an independent program has counted. The captures are no part of the
//! repository: `WARDLINE_DATA` names their folder, and without it each test says that it was skipped.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what is not as the test expects shall end the test, in its auxiliary functions too"
)]

mod capture;
mod dicom;
mod hl7;
mod network;
