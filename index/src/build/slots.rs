//! From the digests of names to places: open addressing by buckets of one cache line each.
//!
//! A bucket that is full sends further names on to the next one and counts them, so that who looks for a name knows when to
//! stop, and what is removed moves nothing else. All of a bucket is compared at once, without a branch that has to be guessed.
//! Buckets that memory has no room for lie in files.

use bytehound_store::Scratch;
use bytemuck::{Pod, Zeroable};

use super::prefetch::prefetch;
use super::spilling::SpillingVec;
use crate::IndexError;

/// Places of a bucket.
const LANES: usize = 7;
/// Behind the digests of a bucket: how many names went on to the next one.
const PASSED: usize = LANES;
/// In the place of a digest.
const FREE: u32 = 0;
/// Parts that grow by themselves, so that what is copied when one does is little of the whole.
const SHARDS: usize = 16;

/// Places by digests. Different names may have the same digest: whoever asks says whether a place is the one that is meant.
pub(super) struct Slots {
    shards: [Shard; SHARDS],
    len: usize,
}

/// What a name is found by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digest(u32);

struct Shard {
    buckets: SpillingVec<Bucket>,
    len: usize,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Bucket {
    digests: [u32; LANES + 1],
    places: [u32; LANES + 1],
}

impl Digest {
    /// Of a name's hash.
    #[inline]
    pub(super) fn new(hash: u32) -> Self {
        Self(hash | 1)
    }

    #[inline]
    fn shard(self) -> usize {
        self.0 as usize >> 1 & (SHARDS - 1)
    }
}

impl Slots {
    /// None yet. What is more than so many buckets lies in files.
    pub(super) fn new(scratch: &Scratch, buckets_max: usize) -> Self {
        let buckets = || SpillingVec::new(vec![Bucket::zeroed()], buckets_max / SHARDS, scratch);
        Self { shards: std::array::from_fn(|_| Shard { buckets: buckets(), len: 0 }), len: 0 }
    }

    /// How many places there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Brings near what the next look needs.
    #[inline]
    pub(super) fn prefetch(&self, digest: Digest) {
        let shard = &self.shards[digest.shard()];
        prefetch(&shard.buckets[shard.home(digest)]);
    }

    /// The place that probably is the one that is meant, if there is any.
    #[inline]
    pub(super) fn glance(&self, digest: Digest) -> Option<u32> {
        let shard = &self.shards[digest.shard()];
        let bucket = &shard.buckets[shard.home(digest)];
        let lanes = bucket.lanes_with(digest.0);
        (lanes != 0).then(|| bucket.places[lanes.trailing_zeros() as usize])
    }

    /// The place that is meant.
    #[inline]
    pub(super) fn find(&self, digest: Digest, is_meant: impl Fn(u32) -> bool) -> Option<u32> {
        let shard = &self.shards[digest.shard()];
        shard.find(digest, is_meant).map(|(at, lane)| shard.buckets[at].places[lane])
    }

    /// Adds a place. It is there even if the disk has no room for more.
    #[inline]
    pub(super) fn insert(&mut self, digest: Digest, place: u32) -> Result<(), IndexError> {
        let shard = &mut self.shards[digest.shard()];
        shard.put(digest, place);
        shard.len += 1;
        self.len += 1;
        // Three quarters full.
        if shard.len * 4 > shard.buckets.len() * LANES * 3 { shard.grow() } else { Ok(()) }
    }

    /// Takes the place out that is meant.
    #[inline]
    pub(super) fn remove(&mut self, digest: Digest, is_meant: impl Fn(u32) -> bool) -> Option<u32> {
        let shard = &mut self.shards[digest.shard()];
        let (at, lane) = shard.find(digest, is_meant)?;
        shard.buckets[at].digests[lane] = FREE;
        shard.len -= 1;
        self.len -= 1;
        let mut passed = shard.home(digest);
        while passed != at {
            shard.buckets[passed].digests[PASSED] -= 1;
            passed = shard.next(passed);
        }
        Some(shard.buckets[at].places[lane])
    }
}

impl Shard {
    #[inline]
    fn find(&self, digest: Digest, is_meant: impl Fn(u32) -> bool) -> Option<(usize, usize)> {
        let home = self.home(digest);
        let mut at = home;
        loop {
            let bucket = &self.buckets[at];
            let mut lanes = bucket.lanes_with(digest.0);
            while lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                if is_meant(bucket.places[lane]) {
                    return Some((at, lane));
                }
                lanes &= lanes - 1;
            }
            if bucket.digests[PASSED] == 0 {
                return None;
            }
            at = self.next(at);
            // Names that stayed may have passed every bucket, each at another time.
            if at == home {
                return None;
            }
        }
    }

    #[inline]
    fn put(&mut self, digest: Digest, place: u32) {
        let mut at = self.home(digest);
        loop {
            let bucket = &mut self.buckets[at];
            let lanes = bucket.lanes_with(FREE);
            if lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                (bucket.digests[lane], bucket.places[lane]) = (digest.0, place);
                return;
            }
            bucket.digests[PASSED] += 1;
            at = self.next(at);
        }
    }

    /// The bucket that a name belongs to: in the order of digests, so that a shard is copied from first to last.
    #[inline]
    fn home(&self, digest: Digest) -> usize {
        ((u64::from(digest.0) * self.buckets.len() as u64) >> u32::BITS) as usize
    }

    #[inline]
    fn next(&self, at: usize) -> usize {
        if at + 1 < self.buckets.len() { at + 1 } else { 0 }
    }

    /// By a quarter: room that is not needed is memory too.
    #[cold]
    fn grow(&mut self) -> Result<(), IndexError> {
        let grown = self.buckets.zeroed(self.buckets.len() + self.buckets.len().div_ceil(4))?;
        let buckets = std::mem::replace(&mut self.buckets, grown);
        for (digest, place) in buckets.iter().flat_map(Bucket::taken) {
            self.put(digest, place);
        }
        Ok(())
    }
}

impl Bucket {
    /// A bit for each lane that has this digest.
    #[inline(always)]
    fn lanes_with(&self, digest: u32) -> u32 {
        let equal = (0..).zip(self.digests).map(|(lane, other)| u32::from(other == digest) << lane);
        equal.fold(0, |lanes, lane| lanes | lane) & !(1 << PASSED)
    }

    fn taken(&self) -> impl Iterator<Item = (Digest, u32)> {
        let lanes = self.digests.iter().zip(&self.places).take(LANES);
        lanes.filter(|(digest, _)| **digest != FREE).map(|(digest, place)| (Digest(*digest), *place))
    }
}

#[cfg(test)]
mod tests {
    use bytehound_store::Store;

    use super::*;

    /// Digests of one shard that differ, and belong into the first or the second half of it.
    fn digests(half: u32) -> impl Iterator<Item = Digest> {
        (0..).map(move |number| Digest::new(half << 31 | number << 8))
    }

    #[test]
    fn what_is_not_there_is_not_searched_for_ever() {
        let store = Store::temporary().expect("a temporary directory");
        let mut slots = Slots::new(&store.scratch().expect("a scratch directory"), usize::MAX);
        let insert = |slots: &mut Slots, digest| slots.insert(digest, 0).expect("room in memory");
        let first: Vec<Digest> = digests(0).take(LANES + 1).collect();
        first.iter().for_each(|digest| insert(&mut slots, *digest));
        // The last of them went on to the second bucket, and stays there.
        first[..LANES].iter().for_each(|digest| assert!(slots.remove(*digest, |_| true).is_some()));
        // And one of these to the first.
        digests(1).take(LANES).for_each(|digest| insert(&mut slots, digest));
        let passed: Vec<u32> = slots.shards[0].buckets.iter().map(|bucket| bucket.digests[PASSED]).collect();
        assert_eq!(passed, [1, 1]);
        assert_eq!(slots.find(first[0], |_| true), None);
        assert_eq!(slots.find(first[LANES], |_| true), Some(0));
    }
}
