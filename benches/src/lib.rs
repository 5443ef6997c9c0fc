//! Workloads for the measurements.

pub mod score;
