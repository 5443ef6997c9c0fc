//! The binary from outside: what it reads, refuses and notes, and that what it writes is what the schemas promise.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands, also in what its tests share"
)]

mod bad_input;
mod build;
mod check;
mod conform;
mod damage;
mod demo;
mod explain;
mod fastpath;
mod fmt;
mod formats;
mod golden;
mod help;
mod interrupted;
mod live;
mod phi;
mod policy;
mod read;
mod recorded;
mod refusals;
mod run;
mod sarif;
mod shown;
mod truth;
mod unwritten;
