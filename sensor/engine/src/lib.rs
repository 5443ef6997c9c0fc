//! The pure machine: frames in; flows, sessions, devices, verdicts and incidents out. No clock, no input or output.
//!
//! [`engine::Engine::step`] takes one frame; what it has to say is collected in [`output::Outputs`], which the caller
//! drains. [`engine::Engine::finish`] ends the run and gives the devices, the incidents and the summary.

mod activity;
pub mod community;
pub mod engine;
mod flow;
mod fragment;
mod incident;
mod inventory;
mod keys;
mod mirror;
pub mod output;
mod talk;
mod verdict;
pub mod watch;
