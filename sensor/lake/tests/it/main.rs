//! Records, and what policies and drafts make of them.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod draft;
mod impact;
mod record;
mod talk;
