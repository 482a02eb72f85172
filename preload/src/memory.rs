//! The library's own memory: mapped privately, never from the program's allocator.
//!
//! [`Arena`] serves what Rust code of this library allocates (the writer, mostly). [`bootstrap`] serves the
//! program while the functions behind the hooks are still being looked up.
#![expect(unsafe_code, reason = "an allocator")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::sys;

/// Allocations of at least this many bytes get mappings of their own.
const LARGE: usize = 64 * 1024;
/// Small allocations are cut from mappings of this many bytes.
const CHUNK: usize = 256 * 1024;
const PAGE: usize = 4096;
/// Small blocks have a power of two of bytes, from this one on.
const SMALLEST: usize = 16;
const CLASSES: usize = (LARGE / SMALLEST).ilog2() as usize;

/// The allocator behind `Vec` and `Box` in this library: lists of free blocks, one for each size.
///
/// Hooks never come here: it serves the start, then the writer and the server beside it.
pub(crate) struct Arena {
    taken: AtomicBool,
    blocks: UnsafeCell<Blocks>,
}

struct Blocks {
    /// The rest of the newest chunk.
    next: usize,
    end: usize,
    /// The first free block of each size; in each stands the address of the one after it.
    free: [usize; CLASSES],
}

// SAFETY: `blocks` is only reached by the one thread that has `taken`.
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Self {
        let blocks = Blocks { next: 0, end: 0, free: [0; CLASSES] };
        Self { taken: AtomicBool::new(false), blocks: UnsafeCell::new(blocks) }
    }

    fn with_blocks<T>(&self, work: impl FnOnce(&mut Blocks) -> T) -> T {
        while self.taken.swap(true, Ordering::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: nobody else is between these two lines.
        let result = work(unsafe { &mut *self.blocks.get() });
        self.taken.store(false, Ordering::Release);
        result
    }
}

impl Blocks {
    /// A block of a size, and whether it was used before.
    fn take(&mut self, class: usize) -> Option<(*mut u8, bool)> {
        let first = self.free.get_mut(class)?;
        if *first != 0 {
            let block = core::ptr::with_exposed_provenance_mut::<usize>(*first);
            // SAFETY: a free block holds the address of the one after it.
            *first = unsafe { block.read() };
            return Some((block.cast(), true));
        }
        let len = SMALLEST << class;
        let start = self.cut(len).or_else(|| self.grow().and_then(|()| self.cut(len)))?;
        Some((core::ptr::with_exposed_provenance_mut(start), false))
    }

    fn give_back(&mut self, block: *mut u8, class: usize) {
        let Some(first) = self.free.get_mut(class) else { return };
        // SAFETY: the block is free, aligned to its size, and has room for an address.
        unsafe { block.cast::<usize>().write(*first) };
        *first = block.expose_provenance();
    }

    fn cut(&mut self, len: usize) -> Option<usize> {
        let start = self.next.checked_next_multiple_of(len).filter(|&start| start != 0)?;
        let stop = start.checked_add(len).filter(|&stop| stop <= self.end)?;
        self.next = stop;
        Some(start)
    }

    fn grow(&mut self) -> Option<()> {
        self.next = sys::map(CHUNK).ok()?.as_mut_ptr().expose_provenance();
        self.end = self.next + CHUNK;
        Some(())
    }
}

/// Which size of small blocks a layout needs; none if it needs a mapping of its own.
fn class(layout: Layout) -> Option<usize> {
    let len = layout.size().max(layout.align()).max(SMALLEST).checked_next_power_of_two()?;
    (len < LARGE).then(|| (len / SMALLEST).ilog2() as usize)
}

// SAFETY: blocks are cut from fresh mappings or were given back, and are as large and aligned as their class, which both
// `alloc` and `dealloc` find from the layout. Large ones are mappings.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class(layout) {
            Some(class) => {
                self.with_blocks(|blocks| blocks.take(class)).map_or(null_mut(), |(block, _)| block)
            }
            None => map(layout),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else { return map(layout) };
        let Some((block, used)) = self.with_blocks(|blocks| blocks.take(class)) else { return null_mut() };
        if used {
            // SAFETY: the block has at least so many bytes. A new one the kernel has zeroed.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class(layout) {
            Some(class) => self.with_blocks(|blocks| blocks.give_back(block, class)),
            // SAFETY: a block of this size was mapped on its own, and its owner gives it up.
            None => unsafe { sys::unmap(block.addr(), layout.size()) },
        }
    }
}

/// A mapping for one block.
fn map(layout: Layout) -> *mut u8 {
    if layout.align() > PAGE {
        return null_mut();
    }
    sys::map(layout.size()).map_or(null_mut(), <[u8]>::as_mut_ptr)
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
    use super::{Arena, bootstrap};
    use core::alloc::{GlobalAlloc, Layout};

    #[test]
    fn small_blocks_are_used_again_aligned_and_zeroed() {
        let arena = Arena::new();
        let layout = Layout::from_size_align(100, 64).unwrap();
        // SAFETY: each block is written within its layout, and given back once with it.
        unsafe {
            let one = arena.alloc(layout);
            assert_eq!(one.addr() % 64, 0);
            one.write_bytes(7, 100);
            let other = arena.alloc(layout);
            assert_ne!(one, other);
            arena.dealloc(one, layout);
            let again = arena.alloc_zeroed(layout);
            assert_eq!(again, one);
            assert!(core::slice::from_raw_parts(again, 100).iter().all(|&byte| byte == 0));
            arena.dealloc(again, layout);
            arena.dealloc(other, layout);
        }
    }

    #[test]
    fn large_blocks_are_mappings() {
        let arena = Arena::new();
        let layout = Layout::from_size_align(100_000, 8).unwrap();
        // SAFETY: as above.
        unsafe {
            let block = arena.alloc_zeroed(layout);
            assert_eq!(block.addr() % 4096, 0);
            assert_eq!(block.add(99_999).read(), 0);
            arena.dealloc(block, layout);
        }
    }

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
