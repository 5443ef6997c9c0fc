//! A packet as the bytes that `abi` reads.

use abi::headers::Bytes;
use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::generated::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::programs::XdpContext;
use core::arch::asm;
use core::ffi::c_void;
use core::ptr;

/// Offsets up to here are read where they lie; what lies further is copied out.
const NEAR: usize = 1024;

/// The pointer at an offset of the context. The compiler would take it for 32 bits, and spill half a pointer.
macro_rules! pointer {
    ($ctx:expr, $field:literal) => {{
        let pointer: usize;
        // SAFETY: reads a field of the context, which the kernel makes a pointer of.
        unsafe {
            asm!(
                concat!("{0} = *(u32 *)({1} + ", $field, ")"),
                out(reg) pointer,
                in(reg) $ctx.as_ptr(),
                options(pure, readonly, nostack),
            );
        }
        pointer
    }};
}

/// A word of a packet in one load. The compiler would take it byte by byte, because a packet has no alignment; the
/// kernel's machine reads packets at any.
macro_rules! load {
    ($head:expr, $at:expr, $len:literal, $kind:literal) => {{
        let bytes: *const u8 = $head.get($at..$at + $len)?.as_ptr();
        let word: u64;
        // SAFETY: as many bytes are there.
        unsafe {
            asm!(
                concat!("{0} = *(", $kind, " *)({1} + 0)"),
                out(reg) word,
                in(reg) bytes,
                options(pure, readonly, nostack),
            );
        }
        word
    }};
}

/// A packet. Its first part is linear; of a long one, the rest lies elsewhere.
pub struct Frame<'c> {
    ctx: &'c XdpContext,
    len: u32,
}

impl<'c> Frame<'c> {
    /// The linear part alone.
    #[inline(always)]
    pub fn linear(ctx: &'c XdpContext) -> Frame<'c> {
        Frame { ctx, len: (pointer!(ctx, 4) - pointer!(ctx, 0)) as u32 }
    }

    /// All of it.
    #[inline(always)]
    pub fn whole(ctx: &'c XdpContext) -> Frame<'c> {
        Frame { ctx, len: len(ctx) }
    }

    pub fn len(&self) -> u32 {
        self.len
    }

    pub fn context(&self) -> &XdpContext {
        self.ctx
    }

    /// Copies `len` bytes from `at` on.
    #[inline(always)]
    pub fn copy(&self, at: u32, to: *mut c_void, len: u32) -> bool {
        // SAFETY: callers own `len` bytes at `to`; the helper checks the packet's bounds.
        unsafe { bpf_xdp_load_bytes(self.ctx.as_ptr().cast(), at, to, len) == 0 }
    }
}

#[inline(always)]
fn len(ctx: &XdpContext) -> u32 {
    // SAFETY: the context is this program's own.
    unsafe { bpf_xdp_get_buff_len(ctx.as_ptr().cast()) as u32 }
}

impl Bytes for Frame<'_> {
    #[inline(always)]
    fn captured(&self) -> usize {
        self.len as usize
    }

    #[inline(always)]
    fn chunk<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if at <= NEAR {
            let start = pointer!(self.ctx, 0) + at;
            if start + N <= pointer!(self.ctx, 4) {
                // SAFETY: the bytes lie before the end of the packet, as was just compared.
                return Some(unsafe { ptr::read_unaligned(start as *const [u8; N]) });
            }
        }
        let mut bytes = [0; N];
        self.copy(at as u32, bytes.as_mut_ptr().cast(), N as u32).then_some(bytes)
    }

    #[inline(always)]
    fn until(&self, end: u32) -> u32 {
        // The rest of a long packet is not counted by the pointers, and asking for it is a call.
        if end <= self.len { end } else { len(self.ctx).min(end) }
    }

    #[inline(always)]
    fn be16(head: &[u8], at: usize) -> Option<u64> {
        Some(u64::from(u16::from_be(load!(head, at, 2, "u16") as u16)))
    }

    #[inline(always)]
    fn be32(head: &[u8], at: usize) -> Option<u64> {
        Some(u64::from(u32::from_be(load!(head, at, 4, "u32") as u32)))
    }

    #[inline(always)]
    fn be64(head: &[u8], at: usize) -> Option<u64> {
        Some(u64::from_be(load!(head, at, 8, "u64")))
    }

    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        let start = pointer!(self.ctx, 0);
        if start + N > pointer!(self.ctx, 4) {
            return None;
        }
        // SAFETY: the bytes lie before the end of the packet, as was just compared, and stay there while the program runs.
        Some(unsafe { &*(start as *const [u8; N]) })
    }
}
