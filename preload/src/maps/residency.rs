//! Which pages of a range are in memory: asked of the kernel page by page, a stretch at a time, so that the
//! program's own calls never wait for long.

use super::apportion::Residency;
use crate::sys::{self, Descriptor, Open, PageRange, Result, ScanRequest};

const PAGE: u64 = 4096;
/// Of this many bytes at most the kernel counts the pages while the program's calls wait: a millisecond or less.
const STRETCH: u64 = 512 << 20;
const RANGES: usize = 256;
/// Entries of the older interface that are read at once.
const ENTRIES: usize = 1024;

/// `PAGE_IS_…` of the kernel's `fs.h`.
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_ZERO: u64 = 1 << 5;

/// The kernel's account of this process's pages.
pub(super) struct Pagemap {
    /// Opened when it is needed first.
    file: Option<Result<Descriptor>>,
    /// Whether the kernel has the scan (since 6.7).
    scans: bool,
}

impl Pagemap {
    pub(super) fn new() -> Self {
        Self { file: None, scans: true }
    }

    /// What of a range is in memory; none if the kernel does not say.
    pub(super) fn measure(&mut self, start: u64, end: u64) -> Option<Residency> {
        let open = || sys::open(c"/proc/thread-self/pagemap", Open::Read);
        let file = (*self.file.get_or_insert_with(open)).ok()?;
        let mut found = Residency::default();
        for from in (start..end).step_by(STRETCH as usize) {
            let to = end.min(from + STRETCH);
            if self.scans && scan(file, from, to, &mut found).is_err() {
                self.scans = false;
            }
            if !self.scans {
                found = Residency::default();
                read(file, start, end, &mut found).ok()?;
                break;
            }
        }
        Some(found)
    }
}

fn scan(file: Descriptor, start: u64, end: u64, found: &mut Residency) -> Result<()> {
    let mut ranges = [PageRange::default(); RANGES];
    let mut at = start;
    while at < end {
        let wanted = IS_FILE | IS_PRESENT | IS_SWAPPED | IS_ZERO;
        let mut request = ScanRequest::new(at, end, IS_PRESENT | IS_SWAPPED, wanted);
        for range in sys::scan_pages(file, &mut request, &mut ranges)? {
            add(found, range.categories, (range.end - range.start) / 1024);
        }
        // The scan goes on where it stopped; one that does not move would not end.
        at = request.walked_to.max(at + PAGE);
    }
    Ok(())
}

/// The zero page, which all share, counts as nothing, as it does in the kernel's own sums.
fn add(found: &mut Residency, categories: u64, kib: u64) {
    let is = |category| categories & category != 0;
    if is(IS_SWAPPED) {
        found.swapped += kib;
    } else if is(IS_PRESENT) && !is(IS_ZERO) {
        found.resident += kib;
        found.anonymous += if is(IS_FILE) { 0 } else { kib };
    }
}

/// For older kernels: eight bytes a page.
fn read(file: Descriptor, start: u64, end: u64, found: &mut Residency) -> Result<()> {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const FILE: u64 = 1 << 61;
    let mut buffer = [0; ENTRIES * 8];
    let (mut page, last) = (start / PAGE, end / PAGE);
    while page < last {
        let want = (last - page).min(ENTRIES as u64) as usize * 8;
        let got = sys::read_at(file, page * 8, buffer.get_mut(..want).unwrap_or_default())?;
        let entries = buffer.get(..got).unwrap_or_default().as_chunks::<8>().0;
        for entry in entries.iter().map(|entry| u64::from_ne_bytes(*entry)) {
            let category = |bit, is| if entry & bit != 0 { is } else { 0 };
            let categories =
                category(PRESENT, IS_PRESENT) | category(SWAPPED, IS_SWAPPED) | category(FILE, IS_FILE);
            add(found, categories, PAGE / 1024);
        }
        if entries.is_empty() {
            break;
        }
        page += entries.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixteen pages of which some were written to, and one was only read.
    fn pages() -> &'static mut [u8] {
        let memory = sys::map(16 * PAGE as usize).unwrap();
        for page in [0, 1, 9] {
            memory[page * PAGE as usize] = 1;
        }
        assert_eq!(std::hint::black_box(memory[5 * PAGE as usize]), 0);
        memory
    }

    #[test]
    fn pages_that_were_written_to_are_in_memory() {
        let memory = pages();
        let start = memory.as_ptr().addr() as u64;
        let found = Pagemap::new().measure(start, start + 16 * PAGE).unwrap();
        assert_eq!(found, Residency { resident: 12, anonymous: 12, swapped: 0 });
    }

    #[test]
    fn the_older_interface_counts_the_same_but_for_the_zero_page() {
        let memory = pages();
        let start = memory.as_ptr().addr() as u64;
        let mut older = Pagemap { scans: false, ..Pagemap::new() };
        let found = older.measure(start, start + 16 * PAGE).unwrap();
        assert_eq!(found, Residency { resident: 16, anonymous: 16, swapped: 0 });
    }
}
