//! Memory that the first thread in need of it maps, and that all share from then on.
#![expect(unsafe_code, reason = "memory behind an atomic pointer")]

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::sys;

/// Zeroed words that are made at most once and stay for good. They begin with a cache line; the one before has their number.
pub(crate) struct PublishedWords(AtomicPtr<AtomicU64>);

/// Words of a cache line.
const LINE: usize = 8;

impl PublishedWords {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// The words, if they were made.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&'static [AtomicU64]> {
        // Acquire: the number of words was stored before the address was published.
        let start = self.0.load(Ordering::Acquire);
        if start.is_null() {
            return None;
        }
        // SAFETY: only mappings that are never unmapped are published, and their first word is how many follow its line.
        unsafe {
            let len = (*start).load(Ordering::Relaxed) as usize;
            Some(core::slice::from_raw_parts(start.add(LINE), len))
        }
    }

    /// The words; made now, `len` of them, if nobody did. None if there is no memory.
    pub(crate) fn get_or_map(&self, len: usize) -> Option<&'static [AtomicU64]> {
        self.get().or_else(|| self.map(len))
    }

    #[cold]
    fn map(&self, len: usize) -> Option<&'static [AtomicU64]> {
        let words = sys::map_words(LINE + len).ok()?;
        words.first()?.store(len as u64, Ordering::Relaxed);
        let start = words.as_ptr().cast_mut();
        if self.0.compare_exchange(null_mut(), start, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: another thread was faster, and nobody knows this mapping.
            unsafe { sys::unmap(start.addr(), size_of_val(words)) };
        }
        self.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_made_once_and_are_the_same_for_all() {
        let words = PublishedWords::new();
        assert!(words.get().is_none());
        words.get_or_map(10).unwrap()[9].store(7, Ordering::Relaxed);
        let again = words.get_or_map(99).unwrap();
        assert_eq!(again.len(), 10);
        assert_eq!(again[9].load(Ordering::Relaxed), 7);
    }
}
