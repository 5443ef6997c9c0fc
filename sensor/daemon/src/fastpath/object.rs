//! The compiled kernel program, where `build.rs` could make it.

/// The object file, or nothing.
#[cfg(fastpath)]
pub(super) const OBJECT: Option<&[u8]> =
    Some(aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/wardline.bpf.o")));

/// The object file, or nothing.
#[cfg(not(fastpath))]
pub(super) const OBJECT: Option<&[u8]> = None;
