//! Integers that all CPUs and userspace share: the fields of [`crate::state::State`].
//!
//! Loads and stores are single, relaxed, and never torn. In userspace they are the standard library's atomics. On the
//! kernel's machine, for which LLVM selects no relaxed atomics, they are volatile: one instruction each, in the order
//! of the program, which is what the entries of the flow table need of a compiler.

macro_rules! cell {
    ($(#[$doc:meta])* $name:ident, $int:ty, $atomic:ident) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub struct $name(inner::$atomic);

        impl $name {
            /// The value.
            #[inline(always)]
            pub fn load(&self) -> $int {
                self.0.load()
            }

            /// Sets the value.
            #[inline(always)]
            pub fn store(&self, value: $int) {
                self.0.store(value);
            }
        }
    };
}

cell!(/// Eight shared bits.
    Cell8, u8, Inner8);
cell!(/// Sixteen shared bits.
    Cell16, u16, Inner16);
cell!(/// Thirty-two shared bits.
    Cell32, u32, Inner32);
cell!(/// Sixty-four shared bits: a counter, or a word that is taken by comparing.
    Cell64, u64, Inner64);

impl Cell64 {
    /// Counts one more.
    #[inline(always)]
    pub fn count(&self) {
        self.add(1);
    }

    /// Adds, wrapping. On the kernel's machine no other CPU's addition is lost. In userspace one thread judges, and
    /// an addition there is a load and a store.
    #[inline(always)]
    pub(crate) fn add(&self, value: u64) {
        self.0.add(value);
    }

    /// Sets the value and tells the one before, as one step everywhere.
    #[inline]
    pub(crate) fn swap(&self, value: u64) -> u64 {
        self.0.swap(value)
    }

    /// Sets the value if it is still `old`, as one step everywhere; tells whether it was.
    #[inline]
    pub(crate) fn replace(&self, old: u64, value: u64) -> bool {
        self.0.replace(old, value)
    }

    /// Adds as one step in userspace too, where the kernel program counts at the same time.
    #[cfg(not(target_arch = "bpf"))]
    pub(crate) fn add_shared(&self, value: u64) {
        self.0.add_shared(value);
    }
}

#[cfg(not(target_arch = "bpf"))]
mod inner {
    use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

    macro_rules! inner {
        ($name:ident, $int:ty, $atomic:ty) => {
            #[derive(Debug, Default)]
            #[repr(transparent)]
            pub(super) struct $name($atomic);

            impl $name {
                // Acquire and release are plain moves on x86; they order the parts of an entry on arm64.
                #[inline(always)]
                pub(super) fn load(&self) -> $int {
                    self.0.load(Ordering::Acquire)
                }

                #[inline(always)]
                pub(super) fn store(&self, value: $int) {
                    self.0.store(value, Ordering::Release);
                }
            }
        };
    }

    inner!(Inner8, u8, AtomicU8);
    inner!(Inner16, u16, AtomicU16);
    inner!(Inner32, u32, AtomicU32);
    inner!(Inner64, u64, AtomicU64);

    impl Inner64 {
        #[inline(always)]
        pub(super) fn add(&self, value: u64) {
            self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
        }

        pub(super) fn add_shared(&self, value: u64) {
            self.0.fetch_add(value, Ordering::Relaxed);
        }

        #[inline]
        pub(super) fn swap(&self, value: u64) -> u64 {
            self.0.swap(value, Ordering::AcqRel)
        }

        #[inline]
        pub(super) fn replace(&self, old: u64, value: u64) -> bool {
            self.0.compare_exchange(old, value, Ordering::AcqRel, Ordering::Acquire).is_ok()
        }
    }
}

#[cfg(target_arch = "bpf")]
#[expect(
    unsafe_code,
    reason = "the precompiled core has no read-modify-write for this machine, only intrinsics"
)]
mod inner {
    use core::cell::UnsafeCell;
    use core::intrinsics::{self, AtomicOrdering};
    use core::ptr;

    macro_rules! inner {
        ($name:ident, $int:ty) => {
            #[derive(Debug, Default)]
            #[repr(transparent)]
            pub(super) struct $name(UnsafeCell<$int>);

            // SAFETY: every access is one aligned machine access; there is no other way to the value.
            unsafe impl Sync for $name {}

            impl $name {
                #[inline(always)]
                pub(super) fn load(&self) -> $int {
                    // SAFETY: the pointer is that of a live, aligned cell; the machine does not tear aligned accesses.
                    unsafe { ptr::read_volatile(self.0.get()) }
                }

                #[inline(always)]
                pub(super) fn store(&self, value: $int) {
                    // SAFETY: as for `load`.
                    unsafe { ptr::write_volatile(self.0.get(), value) }
                }
            }
        };
    }

    inner!(Inner8, u8);
    inner!(Inner16, u16);
    inner!(Inner32, u32);
    inner!(Inner64, u64);

    impl Inner64 {
        #[inline(always)]
        pub(super) fn add(&self, value: u64) {
            // SAFETY: the pointer is that of a live, aligned cell.
            unsafe {
                intrinsics::atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(self.0.get(), value);
            }
        }

        #[inline(always)]
        pub(super) fn swap(&self, value: u64) -> u64 {
            // SAFETY: as for `add`.
            unsafe { intrinsics::atomic_xchg::<u64, { AtomicOrdering::SeqCst }>(self.0.get(), value) }
        }

        #[inline(always)]
        pub(super) fn replace(&self, old: u64, value: u64) -> bool {
            // SAFETY: as for `add`.
            let (before, _) = unsafe {
                intrinsics::atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(
                    self.0.get(),
                    old,
                    value,
                )
            };
            before == old
        }
    }
}
