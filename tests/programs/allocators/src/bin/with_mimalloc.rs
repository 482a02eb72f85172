//! A program whose allocator is mimalloc, and which also calls its functions directly.
#![expect(unsafe_code, reason = "calls functions of C")]

use allocators::{Counting, Site, ordinary_work};
use libmimalloc_sys as mi;
use std::ffi::{CStr, c_void};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Counting<mimalloc::MiMalloc> = Counting(mimalloc::MiMalloc);

unsafe extern "C" {
    fn mi_new(size: usize) -> *mut c_void;
    fn mi_new_n(count: usize, size: usize) -> *mut c_void;
    fn mi_new_aligned(size: usize, alignment: usize) -> *mut c_void;
}

static PLAIN: Site = Site::new("plain_functions");
static ALIGNED: Site = Site::new("aligned_functions");
static HEAPS: Site = Site::new("functions_of_heaps");
static NEWS: Site = Site::new("functions_for_cpp");
static OF_C: Site = Site::new("of_the_c_library");

fn main() {
    ordinary_work();
    // SAFETY: makes a heap, which stays.
    let heap = unsafe { mi::mi_heap_new() };
    let room = [plain_functions(), aligned_functions(), functions_of_heaps(heap), functions_for_cpp()];
    of_the_c_library();
    println!("room={}", room.iter().sum::<usize>());
    [&PLAIN, &ALIGNED, &HEAPS, &NEWS, &OF_C].into_iter().for_each(Site::say);
}

fn born(site: &Site, block: *mut c_void, size: usize) -> *mut c_void {
    assert!(!block.is_null());
    site.born(size);
    black_box(block)
}

/// Frees a block, and says how much of it could be used.
fn free(site: &Site, block: *mut c_void, size: usize) -> usize {
    // SAFETY: only live blocks come here, once.
    let room = unsafe {
        let room = mi::mi_usable_size(block);
        mi::mi_free(block);
        room
    };
    site.died(size);
    room
}

const SIZES: [usize; 5] = [8, 100, 5000, 100_000, 5_000_000];

#[inline(never)]
fn plain_functions() -> usize {
    let site = &PLAIN;
    let mut room = 0;
    // SAFETY: every block is used as its function allows, and given back once or never.
    unsafe {
        for size in SIZES {
            let block = born(site, mi::mi_malloc(size), size);
            let block = born(site, mi::mi_realloc(block, 2 * size), 2 * size);
            site.died(size);
            assert!(!mi::mi_expand(block, size).is_null());
            site.died(2 * size);
            site.born(size);
            room += free(site, block, size);
            room += free(site, born(site, mi::mi_zalloc(size), size), size);
            room += free(site, born(site, mi::mi_calloc(3, size), 3 * size), 3 * size);
            let many = born(site, mi::mi_mallocn(5, size), 5 * size);
            let more = born(site, mi::mi_reallocn(many, 6, size), 6 * size);
            site.died(5 * size);
            room += free(site, more, 6 * size);
            black_box(born(site, mi::mi_malloc(size), size));
            let failing = born(site, mi::mi_malloc(size), size);
            assert!(mi::mi_reallocf(failing, usize::MAX / 2).is_null());
            site.died(size);
        }
        let text = mi::mi_strdup(c"a text of mine".as_ptr());
        born(site, text.cast(), 15);
        assert_eq!(CStr::from_ptr(text).to_bytes().len(), 14);
        room += free(site, text.cast(), 15);
        assert!(mi::mi_malloc(usize::MAX / 2).is_null());
        mi::mi_free(std::ptr::null_mut());
    }
    room
}

#[inline(never)]
fn aligned_functions() -> usize {
    let site = &ALIGNED;
    let mut room = 0;
    // SAFETY: as above.
    unsafe {
        for size in SIZES {
            let block = born(site, mi::mi_malloc_aligned(size, 256), size);
            assert_eq!(block.addr() % 256, 0);
            let block = born(site, mi::mi_realloc_aligned(block, 3 * size, 256), 3 * size);
            site.died(size);
            room += free(site, block, 3 * size);
            room += free(site, born(site, mi::mi_zalloc_aligned(size, 64), size), size);
            room += free(site, born(site, mi::mi_calloc_aligned(2, size, 64), 2 * size), 2 * size);
            let mut stored = std::ptr::null_mut();
            assert_eq!(mi::mi_posix_memalign(&raw mut stored, 512, size), 0);
            room += free(site, born(site, stored, size), size);
        }
    }
    room
}

#[inline(never)]
fn functions_of_heaps(heap: *mut mi::mi_heap_t) -> usize {
    let site = &HEAPS;
    let mut room = 0;
    // SAFETY: as above.
    unsafe {
        for size in SIZES {
            let block = born(site, mi::mi_heap_malloc(heap, size), size);
            let block = born(site, mi::mi_heap_realloc(heap, block, 2 * size), 2 * size);
            site.died(size);
            room += free(site, block, 2 * size);
            room += free(site, born(site, mi::mi_heap_zalloc(heap, size), size), size);
            room += free(site, born(site, mi::mi_heap_malloc_aligned(heap, size, 128), size), size);
        }
    }
    room
}

#[inline(never)]
fn functions_for_cpp() -> usize {
    let site = &NEWS;
    let mut room = 0;
    // SAFETY: as above.
    unsafe {
        for size in SIZES {
            room += free(site, born(site, mi_new(size), size), size);
            room += free(site, born(site, mi_new_n(3, size), 3 * size), 3 * size);
            room += free(site, born(site, mi_new_aligned(size, 64), size), size);
        }
    }
    room
}

/// Blocks of the C library's allocator beside mimalloc's: both are recorded.
#[inline(never)]
fn of_the_c_library() {
    let site = &OF_C;
    // SAFETY: as above.
    unsafe {
        let block = born(site, libc::malloc(333), 333);
        black_box(born(site, libc::strdup(c"a text".as_ptr()).cast(), 7));
        libc::free(block);
        site.died(333);
    }
}
