//! Answers kept for whoever asks the same again, bounded by what those of all profiles together occupy.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

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

/// What the answers of all profiles together may take.
const ANSWERS_BYTES_MAX: usize = 128 << 20;

/// Where the answers of all profiles lie.
static SHELF: LazyLock<Arc<Shelf>> = LazyLock::new(|| Arc::new(Shelf::new(ANSWERS_BYTES_MAX)));

/// The answers of one kind that a profile has given. They lie on a shelf with those of all others and share its room: the
/// ones not used for longest go first, whosoever they are.
pub(crate) struct Cache<T: ?Sized> {
    owner: u64,
    shelf: Arc<Shelf>,
    answers: PhantomData<Arc<T>>,
}

struct Shelf {
    entries: DashMap<(u64, Digest), Entry>,
    bytes: AtomicUsize,
    bytes_max: usize,
    clock: AtomicU64,
    owners: AtomicU64,
}

struct Entry {
    /// An `Arc` of what its owner answers with.
    answer: Box<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

impl<T: ?Sized + Send + Sync + 'static> Cache<T> {
    pub(crate) fn new() -> Self {
        Self::on(&SHELF)
    }

    fn on(shelf: &Arc<Shelf>) -> Self {
        let owner = shelf.owners.fetch_add(1, Ordering::Relaxed);
        Self { owner, shelf: Arc::clone(shelf), answers: PhantomData }
    }

    pub(crate) fn get(&self, asked: &Digest) -> Option<Arc<T>> {
        let Some(mut entry) = self.shelf.entries.get_mut(&(self.owner, *asked)) else {
            MISSES.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        HITS.fetch_add(1, Ordering::Relaxed);
        entry.used = self.shelf.now();
        entry.answer.downcast_ref().cloned()
    }

    /// Keeps `answer`, unless it would push out everything else.
    pub(crate) fn put(&self, asked: Digest, answer: Arc<T>, bytes: usize) {
        let used = self.shelf.now();
        self.shelf.put((self.owner, asked), Entry { answer: Box::new(answer), bytes, used });
    }
}

impl<T: ?Sized> Drop for Cache<T> {
    /// Nobody else can ask for these.
    fn drop(&mut self) {
        self.shelf.remove_where(|(owner, _)| *owner == self.owner);
    }
}

impl Shelf {
    fn new(bytes_max: usize) -> Self {
        let [clock, owners] = Default::default();
        Self { entries: DashMap::new(), bytes: AtomicUsize::new(0), bytes_max, clock, owners }
    }

    fn put(&self, key: (u64, Digest), entry: Entry) {
        if entry.bytes > self.bytes_max / 2 {
            return;
        }
        self.bytes.fetch_add(entry.bytes, Ordering::Relaxed);
        if let Some(before) = self.entries.insert(key, entry) {
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
        for (_, key) in by_use {
            if self.bytes.load(Ordering::Relaxed) <= self.bytes_max / 4 * 3 {
                return;
            }
            if let Some((_, entry)) = self.entries.remove(&key) {
                self.bytes.fetch_sub(entry.bytes, Ordering::Relaxed);
            }
        }
    }

    fn remove_where(&self, is_unwanted: impl Fn(&(u64, Digest)) -> bool) {
        self.entries.retain(|key, entry| {
            let stays = !is_unwanted(key);
            if !stays {
                self.bytes.fetch_sub(entry.bytes, Ordering::Relaxed);
            }
            stays
        });
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::{Cache, Shelf};
    use crate::selection::Digest;
    use crate::{Predicate, Selection};

    fn digest(marker: u32) -> Digest {
        let selection = Selection::all().filtered(Predicate::Marker(marker));
        selection.digests().of(&selection)
    }

    fn shelf() -> Arc<Shelf> {
        Arc::new(Shelf::new(100))
    }

    #[test]
    fn what_was_used_last_stays_and_the_rest_makes_room() {
        let cache = Cache::on(&shelf());
        for marker in 0..50 {
            cache.put(digest(marker), Arc::new(marker), 10);
            assert!(cache.get(&digest(0)).is_some(), "the first was always just used");
        }
        let kept = (0..50).filter(|marker| cache.get(&digest(*marker)).is_some()).count();
        assert!((7..=10).contains(&kept), "{kept} answers of 10 bytes in 100");
        assert!(cache.get(&digest(49)).is_some());
    }

    #[test]
    fn all_profiles_share_one_room_and_none_sees_the_answers_of_another() {
        let shelf = shelf();
        let (numbers, texts): (Cache<u32>, Cache<str>) = (Cache::on(&shelf), Cache::on(&shelf));
        numbers.put(digest(1), Arc::new(7), 40);
        assert_eq!(texts.get(&digest(1)), None);
        texts.put(digest(1), Arc::from("one"), 40);
        assert_eq!(
            (numbers.get(&digest(1)).as_deref(), texts.get(&digest(1)).as_deref()),
            (Some(&7), Some("one"))
        );
        texts.put(digest(2), Arc::from("two"), 40);
        assert_eq!(numbers.get(&digest(1)), None, "it was used before the others");
        assert_eq!(texts.get(&digest(2)).as_deref(), Some("two"));
    }

    #[test]
    fn the_answers_of_a_profile_go_with_it() {
        let shelf = shelf();
        let (goes, stays) = (Cache::on(&shelf), Cache::on(&shelf));
        goes.put(digest(1), Arc::new(1), 40);
        stays.put(digest(1), Arc::new(2), 30);
        drop(goes);
        assert_eq!(stays.get(&digest(1)).as_deref(), Some(&2));
        assert_eq!((shelf.entries.len(), shelf.bytes.load(Ordering::Relaxed)), (1, 30));
    }

    #[test]
    fn what_would_push_out_everything_else_is_not_kept() {
        let cache = Cache::on(&shelf());
        cache.put(digest(1), Arc::new(1), 51);
        assert!(cache.get(&digest(1)).is_none());
    }

    #[test]
    fn the_same_answer_again_takes_no_more_room() {
        let cache = Cache::on(&shelf());
        cache.put(digest(1), Arc::new(1), 10);
        (0..1000).for_each(|_| cache.put(digest(2), Arc::new(2), 10));
        assert!(cache.get(&digest(1)).is_some());
    }
}
