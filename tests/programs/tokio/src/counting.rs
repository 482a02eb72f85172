//! The program's allocator: the system's, and a count of what it was asked for.
//!
//! Each function is a call site of its own name, so that a capture can be held against the count.
#![expect(unsafe_code, reason = "an allocator deals in raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What was allocated at one call site, and what became of it.
struct Site {
    name: &'static str,
    blocks: AtomicU64,
    bytes: AtomicU64,
}

impl Site {
    const fn new(name: &'static str) -> Self {
        Self { name, blocks: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// The address goes through here, so that the call before is not the function's last.
    #[inline(never)]
    fn born(&self, block: *mut u8, size: usize) -> *mut u8 {
        self.blocks.fetch_add(u64::from(!block.is_null()), Relaxed);
        self.bytes.fetch_add(if block.is_null() { 0 } else { size as u64 }, Relaxed);
        block
    }
}

static ALLOCATED: Site = Site::new("counted_alloc");
static ZEROED: Site = Site::new("counted_alloc_zeroed");
static MOVED: Site = Site::new("counted_realloc");

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted_alloc(layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        counted_alloc_zeroed(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller vouches for block and layout.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for block and layout.
        unsafe { counted_realloc(block, layout, size) }
    }
}

#[inline(never)]
fn counted_alloc(layout: Layout) -> *mut u8 {
    // SAFETY: the layout comes from a caller of the allocator, who vouches for its size.
    ALLOCATED.born(unsafe { System.alloc(layout) }, layout.size())
}

#[inline(never)]
fn counted_alloc_zeroed(layout: Layout) -> *mut u8 {
    // SAFETY: as above.
    ZEROED.born(unsafe { System.alloc_zeroed(layout) }, layout.size())
}

#[inline(never)]
unsafe fn counted_realloc(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller vouches for block and layout.
    MOVED.born(unsafe { System.realloc(block, layout, size) }, size)
}

/// Says a line, and what was counted until then; nothing is allocated in between, nor afterwards.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut output = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut room = [0; 1024];
    let mut free = &mut room[..];
    writeln!(free, "{line}")?;
    for site in [&ALLOCATED, &ZEROED, &MOVED] {
        let (blocks, bytes) = (site.blocks.load(Relaxed), site.bytes.load(Relaxed));
        writeln!(free, "site={} allocated={blocks} bytes={bytes} leaked=0 leaked_bytes=0", site.name)?;
    }
    let left = free.len();
    output.write_all(&room[..1024 - left])
}
