//! Flows as columns: what was recorded, asked as a whole. The only door to polars.
//!
//! ```text
//! Flow (daemon: captures or rows) ─▶ Recorder ─▶ Record: one row an access, counted ─▶ impact, draft
//! ```
//!
//! An *access* is who (device, addresses), whom, and over what port: all that a policy decides on. A record keeps one row for each, so that
//! its size is that of what was ever talked, not of how often.

mod columns;
pub mod draft;
pub mod flow;
pub mod impact;
pub mod record;

use thiserror::Error;

/// What was recorded could not be worked on.
#[derive(Debug, Error)]
pub enum Error {
    /// The column engine refused; this is a defect of ours.
    #[error("columns: {0}")]
    Columns(#[from] polars::error::PolarsError),
    /// More different accesses than are kept.
    #[error(
        "more than {0} different accesses (who, whom, which port): a scan of the network may be in the record; \
         leave it out with --from and --to"
    )]
    TooMany(usize),
}
