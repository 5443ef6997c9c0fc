//! Workloads for the measurements.

pub mod fastpath;
pub mod mix;
pub mod run;
pub mod score;
