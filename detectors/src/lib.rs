//! Turns flow records, application operations and address sightings into findings; owns every baseline and statistic.
//!
//! The engine shows a [`detector::Detector`] what happened, in time order; findings come back, each accusing one device.
//! A [`learn::Learner`] is shown benign time in the same way and leaves a [`baseline::Baseline`].

mod act;
pub mod baseline;
mod beacon;
mod binding;
mod crowd;
pub mod detector;
mod dns;
mod fanout;
pub mod finding;
mod flood;
mod held;
mod index;
pub mod learn;
mod memory;
mod names;
mod norm;
mod novelty;
mod outside;
pub mod record;
mod say;
#[cfg(test)]
mod scene;
pub mod settings;
pub mod snapshot;
mod told;
mod volume;
