//! The compiled kernel program, where `build.rs` could make it.

/// The object file, or nothing.
#[cfg(fastpath)]
pub(super) const OBJECT: Option<&[u8]> =
    Some(aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/wardline.bpf.o")));

/// The object file, or nothing.
#[cfg(not(fastpath))]
pub(super) const OBJECT: Option<&[u8]> = None;

/// Distinguishes layouts of the memory that program and userspace share: a digest of the sources that define it.
pub(super) const LAYOUT: u64 = match option_env!("WARDLINE_LAYOUT") {
    Some(digits) => match u64::from_str_radix(digits, 16) {
        Ok(layout) => layout,
        Err(_) => 0,
    },
    None => 0,
};
