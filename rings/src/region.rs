//! Memory that is handed out piece by piece and addressed by offset, so that two processes can map it at two places.
#![expect(unsafe_code, reason = "hands out memory")]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::commit::Commits;
use crate::stacks::Stacks;

/// Tells a region from other memory. Another layout needs another number.
const MAGIC: u64 = u64::from_le_bytes(*b"bhring02");
/// Pieces start at a multiple of this.
const ALIGNMENT: u64 = 128;

/// A type that can lie in a region: all of it is plain numbers behind atomics or behind cells with one owner, zeros
/// are a valid value, and it holds no addresses.
///
/// # Safety
/// The type is as this says.
pub(crate) unsafe trait Plain {}

// SAFETY: a number behind an atomic.
unsafe impl Plain for AtomicU64 {}

/// The start of a region; the rest of it lies behind.
#[repr(C, align(128))]
pub struct Region {
    magic: AtomicU64,
    /// Bytes of the whole.
    len: AtomicU64,
    /// Bytes that were handed out.
    used: AtomicU64,
    /// Offset of the newest thread record; 0 for none.
    pub(crate) newest: AtomicU64,
    /// Events that found no record to be kept in.
    lost: AtomicU64,
    pub(crate) commits: Commits,
    stacks: Stacks,
}

impl Region {
    /// Lays a region out in memory that is zeroed. None if it is too small.
    ///
    /// # Safety
    /// `len` bytes at `start` are zeroed, readable and writable, aligned to a page, stay so for good, and are used
    /// by nobody but through regions. The provenance of `start` was exposed.
    pub unsafe fn create(start: usize, len: usize) -> Option<&'static Self> {
        // SAFETY: the caller vouches for the memory; zeros are valid.
        let region = unsafe { Self::at_start(start, len)? };
        region.len.store(len as u64, Ordering::Relaxed);
        region.used.store(size_of::<Self>().next_multiple_of(ALIGNMENT as usize) as u64, Ordering::Relaxed);
        region.magic.store(MAGIC, Ordering::Release);
        Some(region)
    }

    /// A region that [`Region::create`] has laid out, perhaps in another process. None if it is none, or not whole.
    ///
    /// # Safety
    /// As [`Region::create`], but for the zeros.
    pub unsafe fn open(start: usize, len: usize) -> Option<&'static Self> {
        // SAFETY: the caller vouches for the memory; any numbers are valid.
        let region = unsafe { Self::at_start(start, len)? };
        let is_one = region.magic.load(Ordering::Acquire) == MAGIC;
        (is_one && region.len.load(Ordering::Relaxed) == len as u64).then_some(region)
    }

    unsafe fn at_start(start: usize, len: usize) -> Option<&'static Self> {
        if len < size_of::<Self>() || !start.is_multiple_of(ALIGNMENT as usize) {
            return None;
        }
        // SAFETY: the caller vouches for `len` bytes, which are enough and aligned.
        Some(unsafe { &*core::ptr::with_exposed_provenance::<Self>(start) })
    }

    /// The tree of stacks.
    #[inline(always)]
    pub fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    /// Notes that an event found no record to be kept in.
    pub fn lose_event(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many events found no record to be kept in.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Bytes that were handed out.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The offset of a new piece with `count` zeroed values; none if the region is used up.
    pub(crate) fn allocate<T: Plain>(&self, count: usize) -> Option<u64> {
        let len = (size_of::<T>() as u64).checked_mul(count as u64)?.checked_next_multiple_of(ALIGNMENT)?;
        let fits = |used: u64| {
            let end = used.checked_add(len)?;
            (end <= self.len.load(Ordering::Relaxed)).then_some(end)
        };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()
    }

    /// The values at an offset that [`Region::allocate`] gave.
    #[inline]
    pub(crate) fn slice<T: Plain>(&self, offset: u64, count: usize) -> Option<&[T]> {
        let bytes = (size_of::<T>() as u64).checked_mul(count as u64)?;
        let inside = offset >= size_of::<Self>() as u64
            && offset.is_multiple_of(ALIGNMENT)
            && align_of::<T>() as u64 <= ALIGNMENT
            && offset.checked_add(bytes)? <= self.len.load(Ordering::Relaxed);
        if !inside {
            return None;
        }
        let start = core::ptr::from_ref(self).addr() + offset as usize;
        // SAFETY: whoever made the region has vouched for its memory up to `len`, and any bytes are valid.
        Some(unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(start), count) })
    }

    /// The value at an offset that [`Region::allocate`] gave.
    #[inline]
    pub(crate) fn get<T: Plain>(&self, offset: u64) -> Option<&T> {
        self.slice(offset, 1)?.first()
    }

    /// The values of a piece that is made when it is needed first: `place` holds its offset.
    #[inline]
    pub(crate) fn slice_or_make<T: Plain>(&self, place: &AtomicU64, count: usize) -> Option<&[T]> {
        let offset = match place.load(Ordering::Acquire) {
            0 => self.make::<T>(place, count)?,
            offset => offset,
        };
        self.slice(offset, count)
    }

    /// If another thread is faster, its piece counts, and ours stays unused.
    #[cold]
    fn make<T: Plain>(&self, place: &AtomicU64, count: usize) -> Option<u64> {
        let ours = self.allocate::<T>(count)?;
        let result = place.compare_exchange(0, ours, Ordering::AcqRel, Ordering::Acquire);
        Some(result.map_or_else(|theirs| theirs, |_| ours))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A region in memory that is never given back.
    pub(crate) fn region(len: usize) -> &'static Region {
        let layout = core::alloc::Layout::from_size_align(len, 4096).unwrap();
        // SAFETY: the layout is not empty.
        let start = unsafe { std::alloc::alloc_zeroed(layout) }.expose_provenance();
        // SAFETY: the memory is zeroed, aligned, ours, and never freed.
        unsafe { Region::create(start, len) }.unwrap()
    }

    #[test]
    fn pieces_do_not_overlap_and_end_with_the_region() {
        let region = region(1 << 16);
        let pieces: Vec<u64> = core::iter::from_fn(|| region.allocate::<AtomicU64>(100)).collect();
        assert!(pieces.windows(2).all(|pair| pair[1] - pair[0] >= 800));
        let last = *pieces.last().unwrap();
        assert_eq!(region.slice::<AtomicU64>(last, 100).unwrap().len(), 100);
        assert!(region.allocate::<AtomicU64>(usize::MAX / 4).is_none());
    }

    #[test]
    fn offsets_that_were_never_given_lead_nowhere() {
        let region = region(1 << 16);
        for offset in [0, 1, 8, (1 << 16) + 128, 1 << 63, u64::MAX] {
            assert!(region.slice::<AtomicU64>(offset, 2).is_none(), "{offset}");
        }
        assert!(region.slice::<AtomicU64>((1 << 16) - 128, 17).is_none());
    }

    #[test]
    fn only_a_region_is_opened() {
        let region = region(1 << 16);
        let start = core::ptr::from_ref(region).expose_provenance();
        // SAFETY: the memory of the region is as it has to be.
        unsafe {
            assert!(Region::open(start, 1 << 16).is_some());
            assert!(Region::open(start, 1 << 15).is_none());
            assert!(Region::open(start + 8, 1 << 15).is_none());
            assert!(Region::open(start + 4096, 1 << 15).is_none());
        }
    }
}
