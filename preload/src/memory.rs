//! The library's own memory: mapped privately, never from the program's allocator.
//!
//! [`Arena`] serves what Rust code of this library allocates (the writer, mostly). [`bootstrap`] serves the
//! program while the functions behind the hooks are still being looked up.
#![expect(unsafe_code, reason = "an allocator")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::sys;

/// Allocations of at least this many bytes get mappings of their own, which are given back.
const LARGE: usize = 64 * 1024;
/// Small allocations are cut from mappings of this many bytes.
const CHUNK: usize = 256 * 1024;
const PAGE: usize = 4096;

/// The allocator behind `Vec` and `Box` in this library.
///
/// Small blocks are never given back: the library makes few of them, all at its start.
pub(crate) struct Arena {
    next: AtomicUsize,
    end: AtomicUsize,
}

impl Arena {
    #[cfg_attr(test, expect(dead_code, reason = "unit tests run on the system's allocator"))]
    pub(crate) const fn new() -> Self {
        Self { next: AtomicUsize::new(0), end: AtomicUsize::new(0) }
    }

    /// Cuts `layout` from the current chunk.
    fn cut(&self, layout: Layout) -> Option<usize> {
        let mut next = self.next.load(Ordering::Acquire);
        loop {
            let start = next.checked_next_multiple_of(layout.align())?;
            let stop = start.checked_add(layout.size())?;
            if next == 0 || stop > self.end.load(Ordering::Acquire) {
                return None;
            }
            match self.next.compare_exchange(next, stop, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(start),
                Err(current) => next = current,
            }
        }
    }

    fn grow(&self) -> Option<()> {
        let start = sys::map(CHUNK).ok()?.as_mut_ptr().expose_provenance();
        // In this order a thread that sees the old start with the new end cuts nothing beyond its chunk:
        // `next` is 0 meanwhile.
        self.next.store(0, Ordering::Release);
        self.end.store(start + CHUNK, Ordering::Release);
        self.next.store(start, Ordering::Release);
        Some(())
    }
}

// SAFETY: blocks come from fresh mappings, are cut once (by compare and exchange), and only large ones are
// given back. Chunks are replaced by one thread at a time: only initialisation and then the writer allocate.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE && layout.align() <= PAGE {
            return sys::map(layout.size()).map_or(null_mut(), <[u8]>::as_mut_ptr);
        }
        let cut = self.cut(layout).or_else(|| self.grow().and_then(|()| self.cut(layout)));
        cut.map_or(null_mut(), core::ptr::with_exposed_provenance_mut)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller vouches. Memory is never cut twice, and the kernel has zeroed it.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() >= LARGE && layout.align() <= PAGE {
            // SAFETY: a block of this size was mapped on its own, and its owner gives it up.
            unsafe { sys::unmap(block.addr(), layout.size()) };
        }
    }
}

/// Zeroed bytes, or nothing if there is no memory for them. Pages that nobody writes to are never there.
pub(crate) fn zeroed(len: usize) -> Option<Vec<u8>> {
    let layout = Layout::array::<u8>(len).ok().filter(|layout| layout.size() != 0)?;
    // SAFETY: the layout is not empty.
    let bytes = unsafe { std::alloc::alloc_zeroed(layout) };
    // SAFETY: the global allocator made these zeroed bytes, with the layout that a `Vec` of them has.
    (!bytes.is_null()).then(|| unsafe { Vec::from_raw_parts(bytes, len, len) })
}

/// Memory for the program before the real allocator is known: `dlsym` may allocate while it looks for it.
///
/// Blocks are never reused, and the hooks know their addresses for ever.
pub(crate) mod bootstrap {
    use super::{AtomicUsize, Ordering, UnsafeCell, c_void, null_mut};

    const LEN: usize = 64 * 1024;
    /// Before each block stands its size.
    const PREFIX: usize = 16;

    #[repr(align(4096))]
    struct Memory(UnsafeCell<[u8; LEN]>);

    // SAFETY: every byte is handed out once.
    unsafe impl Sync for Memory {}

    static MEMORY: Memory = Memory(UnsafeCell::new([0; LEN]));
    static USED: AtomicUsize = AtomicUsize::new(0);

    /// A zeroed block, or null.
    pub(crate) fn allocate(alignment: usize, size: usize) -> *mut c_void {
        let alignment = alignment.max(PREFIX);
        let Some(room) = size.checked_add(PREFIX + alignment).filter(|&room| room <= LEN) else {
            return null_mut();
        };
        let room = room.next_multiple_of(PREFIX);
        let start = USED.fetch_add(room, Ordering::Relaxed);
        if start > LEN - room {
            USED.fetch_sub(room, Ordering::Relaxed);
            return null_mut();
        }
        let base = MEMORY.0.get().cast::<u8>();
        let block = (base.addr() + start + PREFIX).next_multiple_of(alignment);
        let block = base.with_addr(block);
        // SAFETY: `room` bytes from `start` are ours alone; prefix and block lie inside them.
        unsafe { block.sub(PREFIX).cast::<usize>().write(size) };
        block.cast()
    }

    /// Whether `block` came from [`allocate`].
    #[inline(always)]
    pub(crate) fn owns(block: *const c_void) -> bool {
        block.addr().wrapping_sub(MEMORY.0.get().addr()) < LEN
    }

    /// Size of a block that this module [owns](owns).
    pub(crate) fn size(block: *const c_void) -> usize {
        // SAFETY: every block has its size before it.
        unsafe { block.byte_sub(PREFIX).cast::<usize>().read() }
    }
}

#[cfg(test)]
mod tests {
    use super::bootstrap;

    #[test]
    fn a_bootstrap_block_is_aligned_zeroed_and_recognised() {
        let block = bootstrap::allocate(64, 100);
        assert_eq!(block.addr() % 64, 0);
        assert_eq!(bootstrap::size(block), 100);
        assert!(bootstrap::owns(block));
        assert!(!bootstrap::owns(core::ptr::from_ref(&block).cast()));
    }

    #[test]
    fn a_request_beyond_the_bootstrap_memory_fails() {
        assert!(bootstrap::allocate(16, 1 << 20).is_null());
        assert!(bootstrap::allocate(16, usize::MAX - 8).is_null());
    }
}
