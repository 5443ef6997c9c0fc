//! Workloads for the measurements.

pub mod mix;
pub mod score;
