//! What the kernel half and the user half agree on: addresses, header views, the application and device words,
//! the compiled tables, and the judge. `no_std`, no allocation, no dependency.
//!
//! Replay and kernel call the same [`judge::judge`] around the same pure [`table::Tables::decide`]; they cannot drift.
#![cfg_attr(not(test), no_std)]
#![expect(
    clippy::inline_always,
    reason = "a call costs the kernel's machine half of what a known flow costs in all"
)]
#![cfg_attr(target_arch = "bpf", feature(core_intrinsics), expect(internal_features, reason = "see `cell`"))]

#[cfg(any(test, feature = "user"))]
extern crate alloc;

pub mod address;
pub mod app;
pub mod cell;
pub mod device;
pub mod event;
pub mod headers;
#[cfg(any(test, feature = "user"))]
mod heap;
pub mod judge;
mod mix;
pub mod state;
pub mod table;
