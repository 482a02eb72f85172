//! What the programs share: call sites with their counters, and what any Rust program does with its allocator.
//!
//! A site is a function of its own that allocates; a capture has to say the same of it as the program does.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of a call site.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    allocated: AtomicU64,
    bytes: AtomicU64,
    freed: AtomicU64,
    freed_bytes: AtomicU64,
}

impl Site {
    /// A site of this name, which is its function's.
    pub const fn new(name: &'static str) -> Self {
        let [allocated, bytes, freed, freed_bytes] = [const { AtomicU64::new(0) }; 4];
        Self { name, allocated, bytes, freed, freed_bytes }
    }

    /// A block was made here, by an allocation or a reallocation.
    pub fn born(&self, size: usize) {
        self.allocated.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// A block of here is gone, freed or reallocated.
    pub fn died(&self, size: usize) {
        self.freed.fetch_add(1, Ordering::Relaxed);
        self.freed_bytes.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// What the global allocator does in `work` is counted here; what it makes there, it also frees there or never.
    pub fn count<T>(&'static self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self));
        let result = work();
        CURRENT.set(before);
        result
    }

    /// Says what was counted.
    pub fn say(&self) {
        let [allocated, bytes, freed, freed_bytes] =
            [&self.allocated, &self.bytes, &self.freed, &self.freed_bytes]
                .map(|counter| counter.load(Ordering::Relaxed));
        println!(
            "site={} allocated={allocated} bytes={bytes} leaked={} leaked_bytes={}",
            self.name,
            allocated - freed,
            bytes - freed_bytes
        );
    }
}

thread_local! {
    static CURRENT: Cell<Option<&'static Site>> = const { Cell::new(None) };
}

/// An allocator with the counters of [`Site::count`].
#[derive(Debug)]
pub struct Counting<A>(pub A);

// SAFETY: everything is the inner allocator's doing.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CURRENT.get().inspect(|site| site.born(layout.size()));
        // SAFETY: as the caller vouches.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        CURRENT.get().inspect(|site| site.born(layout.size()));
        // SAFETY: as the caller vouches.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CURRENT.get().inspect(|site| {
            site.died(layout.size());
            site.born(size);
        });
        // SAFETY: as the caller vouches.
        unsafe { self.0.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        CURRENT.get().inspect(|site| site.died(layout.size()));
        // SAFETY: as the caller vouches.
        unsafe { self.0.dealloc(block, layout) }
    }
}

static COLLECTIONS: Site = Site::new("collections");
static ALIGNED: Site = Site::new("aligned");
static LEAKS: Site = Site::new("leaks");
static THREADS: Site = Site::new("in_threads");

/// What any program does: collections that grow, large alignments, leaks, threads.
pub fn ordinary_work() {
    collections();
    aligned();
    leaks();
    let threads: Vec<_> = (0..4).map(|number| std::thread::spawn(move || in_threads(number))).collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    [&COLLECTIONS, &ALIGNED, &LEAKS, &THREADS].into_iter().for_each(Site::say);
}

#[inline(never)]
fn collections() {
    COLLECTIONS.count(|| {
        let mut list = Vec::new();
        let mut map = HashMap::new();
        let mut tree = BTreeMap::new();
        for number in 0..20_000_u32 {
            list.push(number);
            map.insert(number, format!("number {number}"));
            tree.insert(u64::from(number) << 20, vec![0_u8; number as usize % 97]);
        }
        list.shrink_to(20_001);
        black_box((list, map, tree));
    });
}

#[inline(never)]
fn aligned() {
    #[repr(align(4096))]
    struct Page([u8; 5000]);
    #[repr(align(64))]
    struct Line([u8; 64]);
    ALIGNED.count(|| {
        for number in 0..100_u8 {
            let page = black_box(Box::new(Page([number; 5000])));
            let mut lines = vec![Line([number; 64])];
            lines.extend((0..number).map(|more| Line([more; 64])));
            black_box((&page.0, lines.last().map(|line| line.0)));
        }
    });
}

#[inline(never)]
fn leaks() {
    LEAKS.count(|| {
        for number in 0..1000_usize {
            let bytes = black_box(vec![1_u8; 10 + number]);
            if number % 10 == 0 {
                std::mem::forget(bytes);
            }
        }
    });
}

#[inline(never)]
fn in_threads(number: usize) {
    THREADS.count(|| {
        let lists: Vec<Vec<u64>> = (0..5000).map(|len| vec![7; (len + number) % 50]).collect();
        if number == 2 {
            std::mem::forget(black_box(lists));
        } else {
            black_box(lists);
        }
    });
}
