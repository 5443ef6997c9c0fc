//! The memory of a kernel map, seen from here. The only place of this crate that is not safe Rust.

use abi::state::State;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};

/// The [`State`] that a kernel program works with, mapped. It lasts as long as this value, even where the program is
/// unloaded before.
#[derive(Debug)]
pub struct Memory {
    state: NonNull<State>,
    len: usize,
}

// SAFETY: the memory belongs to nobody's thread, and all of its parts are atomics.
#[expect(unsafe_code, reason = "a pointer to shared memory")]
unsafe impl Send for Memory {}
// SAFETY: as for `Send`.
#[expect(unsafe_code, reason = "a pointer to shared memory")]
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps the first value of an array map that was made mappable and holds one [`State`].
    ///
    /// # Errors
    /// What `mmap` (2) says; a map that is too small is `EINVAL` or `EPERM` there.
    #[expect(unsafe_code, reason = "mapping is a system call with pointers")]
    pub fn map(map: &impl AsFd) -> io::Result<Memory> {
        let len = size_of::<State>().next_multiple_of(page_size());
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // The kernel compares the length with that of the map, so every byte of the range is the map's.
        // SAFETY: a new mapping at an address that the kernel chooses; no memory of ours is touched.
        let at = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, map.as_fd().as_raw_fd(), 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let state =
            NonNull::new(at.cast::<State>()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Memory { state, len })
    }
}

impl Deref for Memory {
    type Target = State;

    #[expect(unsafe_code, reason = "a pointer to shared memory")]
    fn deref(&self) -> &State {
        // SAFETY: the mapping is as large as a `State`, lives as long as `self`, and begins at a page, which is aligned
        // for it. Every bit pattern is a `State`. Whoever else writes there does so by atomic accesses, as we do.
        unsafe { self.state.as_ref() }
    }
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "unmapping is a system call with pointers")]
    fn drop(&mut self) {
        // SAFETY: this very range was mapped by `Memory::map`, and no reference to it outlives `self`.
        let result = unsafe { libc::munmap(self.state.as_ptr().cast(), self.len) };
        debug_assert_eq!(result, 0);
    }
}

fn page_size() -> usize {
    // SAFETY: a question without pointers.
    #[expect(unsafe_code, reason = "there is no safe wrapper in the standard library")]
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}
