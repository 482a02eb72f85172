//! A program whose allocator is jemalloc, and which also calls its functions directly.
#![expect(unsafe_code, reason = "calls functions of C")]

use allocators::{Counting, Site, ordinary_work};
use std::ffi::c_void;
use std::hint::black_box;
use tikv_jemalloc_sys as je;

#[global_allocator]
static ALLOCATOR: Counting<tikv_jemallocator::Jemalloc> = Counting(tikv_jemallocator::Jemalloc);

static STANDARD: Site = Site::new("standard_functions");
static EXTENDED: Site = Site::new("extended_functions");
static INVISIBLE: Site = Site::new("of_the_c_library");

pub(crate) fn main() {
    let before = allocated();
    ordinary_work();
    standard_functions();
    extended_functions();
    let of_c = of_the_c_library();
    // The allocator's own counters are what they are without a capture; of this thread alone they are exact.
    println!("jemalloc_allocated={}", allocated() - before);
    [&STANDARD, &EXTENDED, &INVISIBLE].into_iter().for_each(Site::say);
    println!("of_c_has_room={of_c}");
}

/// What jemalloc has given to this thread.
fn allocated() -> u64 {
    let mut value = 0_u64;
    let mut len = size_of::<u64>();
    let name = c"thread.allocated".as_ptr();
    // SAFETY: the pointers are valid, and the value is of this type.
    let error = unsafe { je::mallctl(name, (&raw mut value).cast(), &raw mut len, std::ptr::null_mut(), 0) };
    assert_eq!(error, 0);
    value
}

fn born(site: &Site, block: *mut c_void, size: usize) -> *mut c_void {
    assert!(!block.is_null());
    site.born(size);
    black_box(block)
}

#[inline(never)]
fn standard_functions() {
    let site = &STANDARD;
    // SAFETY: every block is used as its function allows, and given back once or never.
    unsafe {
        let mut room = 0;
        for size in [1, 8, 100, 5000, 100_000, 5_000_000] {
            let block = born(site, je::malloc(size), size);
            room += je::malloc_usable_size(block);
            je::free(block);
            site.died(size);

            let zeroed = born(site, je::calloc(3, size), 3 * size);
            assert!(std::slice::from_raw_parts(zeroed.cast::<u8>(), 3 * size).iter().all(|&byte| byte == 0));
            let smaller = born(site, je::realloc(zeroed, size), size);
            site.died(3 * size);
            let larger = born(site, je::realloc(smaller, 10 * size), 10 * size);
            site.died(size);
            room += je::malloc_usable_size(larger);
            je::free(larger);
            site.died(10 * size);

            let aligned =
                born(site, je::aligned_alloc(4096, size.next_multiple_of(4096)), size.next_multiple_of(4096));
            assert_eq!(aligned.addr() % 4096, 0);
            je::free(aligned);
            site.died(size.next_multiple_of(4096));

            let mut stored = std::ptr::null_mut();
            assert_eq!(je::posix_memalign(&raw mut stored, 256, size), 0);
            assert_eq!(born(site, stored, size).addr() % 256, 0);
            assert_eq!(je::posix_memalign(&raw mut stored, 3, size), libc::EINVAL);
        }
        let too_much = black_box(usize::MAX / 2);
        assert!(black_box(je::malloc(too_much)).is_null());
        assert!(black_box(je::calloc(too_much, 3)).is_null());
        je::free(std::ptr::null_mut());
        println!("standard_room={room}");
    }
}

#[inline(never)]
fn extended_functions() {
    let site = &EXTENDED;
    let mut room = 0;
    // SAFETY: as above.
    unsafe {
        for size in [16, 1000, 40_000, 3_000_000] {
            for flags in
                [0, je::MALLOCX_ALIGN(1024), je::MALLOCX_ZERO, je::MALLOCX_ALIGN(64) | je::MALLOCX_ZERO]
            {
                let block = born(site, je::mallocx(size, flags), size);
                assert_eq!(je::nallocx(size, flags), je::sallocx(block, flags));
                room += je::sallocx(block, flags);
                let fits = je::xallocx(block, size - 8, 0, flags);
                assert!(fits >= size - 8);
                site.died(size);
                site.born(size - 8);
                // It does not grow that far where it lies.
                assert!(je::xallocx(block, 1 << 40, 0, flags) < 1 << 40);
                let moved = born(site, je::rallocx(block, 7 * size, flags), 7 * size);
                site.died(size - 8);
                room += je::sallocx(moved, flags);
                je::sdallocx(moved, 7 * size, flags);
                site.died(7 * size);
                let leaked = born(site, je::mallocx(size, flags), size);
                black_box(leaked);
                let other = born(site, je::mallocx(size, flags), size);
                je::dallocx(other, flags);
                site.died(size);
            }
        }
    }
    println!("extended_room={room}");
}

/// Blocks of the C library's allocator, or of jemalloc if that took its place: both are recorded.
#[inline(never)]
fn of_the_c_library() -> bool {
    let site = &INVISIBLE;
    // SAFETY: as above.
    unsafe {
        let block = born(site, libc::malloc(333), 333);
        let text = born(site, libc::strdup(c"a text".as_ptr()).cast(), 7);
        libc::free(block);
        site.died(333);
        !text.is_null()
    }
}
