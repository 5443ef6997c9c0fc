//! The judge against the evaluator that shares nothing with it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands, also in what its tests share"
)]

mod captures;
mod differential;
mod mutations;
mod standards;
mod twins;
