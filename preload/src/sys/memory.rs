//! Mappings, and what of them is in memory.
#![expect(unsafe_code, reason = "system calls")]

use core::ops::Range;
use core::sync::atomic::AtomicU64;

use super::{Descriptor, Errno, Result, checked, retry};
use crate::calls::{self, What};
use crate::sandbox::syscall;

/// Private zeroed memory, never given back.
pub(crate) fn map(len: usize) -> Result<&'static mut [u8]> {
    let _flight = calls::take_off();
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as usize;
    // SAFETY: a new anonymous mapping touches nothing that exists.
    let address = checked(unsafe { syscall(libc::SYS_mmap, [0, len, protection, flags, usize::MAX, 0]) })?;
    calls::report_own(What::OwnMap { address: address as u64, len: len as u64 });
    // SAFETY: the kernel just gave us `len` zeroed bytes, and nobody else knows them.
    Ok(unsafe { core::slice::from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(address), len) })
}

/// As [`map`], in words that threads may share.
pub(crate) fn map_words(count: usize) -> Result<&'static [AtomicU64]> {
    let bytes = map(count.checked_mul(size_of::<u64>()).ok_or(Errno(libc::ENOMEM))?)?;
    // SAFETY: the mapping is page-aligned, zeroed, as long as asked for, and nobody else knows it.
    Ok(unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), count) })
}

/// Executable memory that can't be written, at this place if nothing is there.
pub(crate) fn map_code(place: usize, len: usize) -> Result<()> {
    let protection = (libc::PROT_READ | libc::PROT_EXEC) as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as usize;
    // SAFETY: with this flag a new mapping replaces nothing that exists.
    let found = checked(unsafe { syscall(libc::SYS_mmap, [place, len, protection, flags, usize::MAX, 0]) })?;
    if found == place {
        calls::report_own(What::OwnMap { address: place as u64, len: len as u64 });
        return Ok(());
    }
    // Kernels before 4.17 take the place for a hint.
    // SAFETY: the mapping is new, and nobody knows it.
    unsafe { unmap(found, len) };
    Err(Errno(libc::EEXIST))
}

/// A file's bytes, which [`unmap`] gives back.
pub(crate) fn map_file(descriptor: Descriptor, len: usize) -> Result<&'static [u8]> {
    let (protection, flags) = (libc::PROT_READ as usize, libc::MAP_PRIVATE as usize);
    let arguments = [0, len, protection, flags, descriptor.0 as usize, 0];
    // SAFETY: a new mapping touches nothing that exists.
    let address = checked(unsafe { syscall(libc::SYS_mmap, arguments) })?;
    // SAFETY: the kernel just mapped `len` bytes there.
    Ok(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address), len) })
}

/// Gives memory of [`map`] back.
///
/// # Safety
/// Nothing refers to it any more.
pub(crate) unsafe fn unmap(address: usize, len: usize) {
    let _flight = calls::take_off();
    calls::report_own(What::OwnUnmap { address: address as u64, len: len as u64 });
    // SAFETY: the caller gives the range up.
    let _ = checked(unsafe { syscall(libc::SYS_munmap, [address, len, 0, 0, 0, 0]) });
}

/// A file's memory, shared with whoever else maps it; its address.
pub(crate) fn map_shared(file: Descriptor, len: usize) -> Result<usize> {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = (libc::MAP_SHARED | libc::MAP_NORESERVE) as usize;
    // SAFETY: a new mapping touches nothing that exists.
    checked(unsafe { syscall(libc::SYS_mmap, [0, len, protection, flags, file.0 as usize, 0]) })
}

/// Leaves these pages out of the children of forks, and out of cores.
pub(crate) fn keep_from_children(start: usize, len: usize) {
    for advice in [libc::MADV_DONTFORK, libc::MADV_DONTDUMP, libc::MADV_NOHUGEPAGE] {
        // SAFETY: the advice does not change what this process sees.
        unsafe { syscall(libc::SYS_madvise, [start, len, advice as usize, 0, 0, 0]) };
    }
}

/// Maps private zeroed memory where [`keep_from_children`] has left a hole.
pub(crate) fn map_empty_at(start: usize, len: usize) {
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: it replaces nothing that is there.
    unsafe { syscall(libc::SYS_mmap, [start, len, protection, flags as usize, usize::MAX, 0]) };
}

/// Makes the kernel zero these pages in the child of a fork.
pub(crate) fn wipe_on_fork<T>(memory: &[T]) {
    advise(memory, libc::MADV_WIPEONFORK);
}

/// Keeps large pages out of memory that is used here and there.
pub(crate) fn keep_pages_small<T>(memory: &[T]) {
    advise(memory, libc::MADV_NOHUGEPAGE);
}

/// Has the kernel back memory with large pages: what is read here and there in much of it is found faster.
pub(crate) fn use_large_pages<T>(memory: &[T]) {
    advise(memory, libc::MADV_HUGEPAGE);
}

/// Has the kernel make the pages of these addresses now, rather than when they are written to. Old kernels don't.
pub(crate) fn make_pages(addresses: Range<usize>) {
    let start = addresses.start / PAGE * PAGE;
    let len = addresses.end.saturating_sub(start).next_multiple_of(PAGE);
    // SAFETY: no contents change.
    unsafe { syscall(libc::SYS_madvise, [start, len, libc::MADV_POPULATE_WRITE as usize, 0, 0, 0]) };
}

fn advise<T>(memory: &[T], advice: i32) {
    // SAFETY: these pieces of advice change neither contents nor protection in this process.
    unsafe {
        let (start, len) = (memory.as_ptr().addr(), size_of_val(memory));
        syscall(libc::SYS_madvise, [start, len, advice as usize, 0, 0, 0])
    };
}

/// How much address space the process may use at most; none for any amount.
pub(crate) fn address_space_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    let resource = libc::RLIMIT_AS as usize;
    // SAFETY: the kernel writes into `limit` only.
    unsafe { syscall(libc::SYS_prlimit64, [0, resource, 0, (&raw mut limit).addr(), 0, 0]) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

pub(crate) const PAGE: usize = 4096;

/// How many pages of a range are in memory; 0 if not all of the range is mapped.
pub(crate) fn resident_pages(address: u64, len: u64) -> u32 {
    const PAGES: usize = 512;
    let mut found = [0_u8; PAGES];
    let mut pages = 0;
    for from in (0..len as usize).step_by(PAGES * PAGE) {
        let part = (len as usize - from).min(PAGES * PAGE);
        // SAFETY: the kernel writes a byte a page into `found`.
        let asked = checked(unsafe {
            let found = found.as_mut_ptr().addr();
            syscall(libc::SYS_mincore, [address as usize + from, part, found, 0, 0, 0])
        });
        if asked.is_err() {
            return 0;
        }
        let asked = found.get(..part.div_ceil(PAGE)).unwrap_or_default();
        pages += asked.iter().filter(|&page| page & 1 != 0).count() as u32;
    }
    pages
}

/// `struct page_region` of the kernel.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct PageRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) categories: u64,
}

/// `struct pm_scan_arg` of the kernel.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct ScanRequest {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    /// Where the scan stopped.
    pub(crate) walked_to: u64,
    ranges: u64,
    ranges_len: u64,
    pages_max: u64,
    inverted: u64,
    all_of: u64,
    /// Pages with one of these categories are told.
    any_of: u64,
    /// Categories that are told of them.
    wanted: u64,
}

impl ScanRequest {
    /// Asks for the pages of a range that are of one of some categories, and which of `wanted` they are of.
    pub(crate) fn new(start: u64, end: u64, any_of: u64, wanted: u64) -> Self {
        Self { start, end, any_of, wanted, ..Self::default() }
    }
}

/// Finds pages by category (`PAGEMAP_SCAN`).
pub(crate) fn scan_pages<'a>(
    pagemap: Descriptor,
    request: &mut ScanRequest,
    found: &'a mut [PageRange],
) -> Result<&'a [PageRange]> {
    const PAGEMAP_SCAN: usize = 0xc060_6610;
    request.size = size_of::<ScanRequest>() as u64;
    request.ranges = found.as_mut_ptr().addr() as u64;
    request.ranges_len = found.len() as u64;
    let count = retry(|| {
        // SAFETY: the kernel writes into the request and, as it says, into `found`.
        unsafe {
            let request = (&raw mut *request).addr();
            syscall(libc::SYS_ioctl, [pagemap.0 as usize, PAGEMAP_SCAN, request, 0, 0, 0])
        }
    })?;
    Ok(found.get(..count).unwrap_or_default())
}
