//! The engine from frames to rows, over seeded traffic.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what several tests share may fail like a test"
)]

mod bounds;
mod bytes;
mod conversations;
mod devices;
mod flows;
mod forged;
mod live;
mod mends;
mod run;
mod time;
mod verdicts;
