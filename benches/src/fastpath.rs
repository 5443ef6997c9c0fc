//! The fast path measured: beside an empty program, beside xdp-filter, and beside the kernel's own forwarding.

pub mod frames;
pub mod measure;
pub mod object;
pub mod programs;
pub mod rows;
pub mod steps;
pub mod subject;
pub mod world;

/// Why a figure could not be had.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
