//! Answers kept for whoever asks the same again, bounded by what they occupy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::selection::Digest;

/// Of the caches of all profiles. Relaxed throughout: they are told apart, never combined.
static HITS: AtomicU64 = AtomicU64::new(0);
static MISSES: AtomicU64 = AtomicU64::new(0);

/// How often what was asked for was at hand, and how often it had to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "told above")]
pub struct Hits {
    pub hits: u64,
    pub misses: u64,
}

/// How often this process found an answer that a profile had kept.
pub fn answers_at_hand() -> Hits {
    Hits { hits: HITS.load(Ordering::Relaxed), misses: MISSES.load(Ordering::Relaxed) }
}

/// Answers by what was asked; the ones not used for longest go first.
pub(crate) struct Cache<T: ?Sized> {
    entries: DashMap<Digest, Entry<T>>,
    bytes: AtomicUsize,
    bytes_max: usize,
    clock: AtomicU64,
}

struct Entry<T: ?Sized> {
    answer: Arc<T>,
    bytes: usize,
    used: u64,
}

impl<T: ?Sized> Cache<T> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { entries: DashMap::new(), bytes: AtomicUsize::new(0), bytes_max, clock: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self, asked: &Digest) -> Option<Arc<T>> {
        let Some(mut entry) = self.entries.get_mut(asked) else {
            MISSES.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        HITS.fetch_add(1, Ordering::Relaxed);
        entry.used = self.now();
        Some(Arc::clone(&entry.answer))
    }

    /// Keeps `answer`, unless it would push out everything else.
    pub(crate) fn put(&self, asked: Digest, answer: Arc<T>, bytes: usize) {
        if bytes > self.bytes_max / 2 {
            return;
        }
        let entry = Entry { answer, bytes, used: self.now() };
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(before) = self.entries.insert(asked, entry) {
            self.bytes.fetch_sub(before.bytes, Ordering::Relaxed);
        }
        if self.bytes.load(Ordering::Relaxed) > self.bytes_max {
            self.make_room();
        }
    }

    /// Leaves a quarter free, so that the next answers need not sort again.
    fn make_room(&self) {
        let mut by_use: Vec<_> = self.entries.iter().map(|entry| (entry.used, *entry.key())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, asked) in by_use {
            if self.bytes.load(Ordering::Relaxed) <= self.bytes_max / 4 * 3 {
                return;
            }
            if let Some((_, entry)) = self.entries.remove(&asked) {
                self.bytes.fetch_sub(entry.bytes, Ordering::Relaxed);
            }
        }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Cache;
    use crate::selection::Digest;
    use crate::{Predicate, Selection};

    fn digest(marker: u32) -> Digest {
        let selection = Selection::all().filtered(Predicate::Marker(marker));
        selection.digests().of(&selection)
    }

    #[test]
    fn what_was_used_last_stays_and_the_rest_makes_room() {
        let cache = Cache::new(100);
        for marker in 0..50 {
            cache.put(digest(marker), Arc::new(marker), 10);
            assert!(cache.get(&digest(0)).is_some(), "the first was always just used");
        }
        let kept = (0..50).filter(|marker| cache.get(&digest(*marker)).is_some()).count();
        assert!((7..=10).contains(&kept), "{kept} answers of 10 bytes in 100");
        assert!(cache.get(&digest(49)).is_some());
    }

    #[test]
    fn what_would_push_out_everything_else_is_not_kept() {
        let cache = Cache::new(100);
        cache.put(digest(1), Arc::new(1), 51);
        assert!(cache.get(&digest(1)).is_none());
    }

    #[test]
    fn the_same_answer_again_takes_no_more_room() {
        let cache = Cache::new(100);
        cache.put(digest(1), Arc::new(1), 10);
        (0..1000).for_each(|_| cache.put(digest(2), Arc::new(2), 10));
        assert!(cache.get(&digest(1)).is_some());
    }
}
