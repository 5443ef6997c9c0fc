//! Workloads for the measurements.

pub mod mix;
pub mod run;
pub mod score;
