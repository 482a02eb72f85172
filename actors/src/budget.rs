//! What all ingests together may take, and how they share it.
//!
//! Captures go in two lanes, each with as many jobs at a time and with a memory of its own: a huge one never makes a small
//! one wait. Within a lane, whoever came first is first.

use bytehound_index::build::LiveBudget;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Captures up to this size go in the lane for small ones: they are indexed within seconds.
const SMALL_BYTES_MAX: u64 = 64 << 20;
/// Every ingest takes about this much, however small its capture.
const FLOOR_BYTES: u64 = 32 << 20;
/// And, in the measure of what real programs keep alive, this part of its capture.
const PART: u64 = 4;
/// The part of the memory that is for small captures.
const SMALL_PART: u64 = 4;

/// The two lanes.
#[derive(Clone)]
pub(crate) struct Budget {
    small: Lane,
    large: Lane,
    jobs_max: usize,
}

#[derive(Clone)]
struct Lane {
    jobs: Arc<Semaphore>,
    mebibytes: Arc<Semaphore>,
    mebibytes_max: u32,
}

/// The right of one ingest to take its part; given back when dropped.
pub(crate) struct Share {
    /// The part of it that is for live blocks.
    pub(crate) live: LiveBudget,
    #[expect(dead_code, reason = "held, and given back when dropped")]
    job: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held, and given back when dropped")]
    memory: OwnedSemaphorePermit,
}

impl Budget {
    /// So many jobs at a time in each lane, and so much memory for both.
    pub(crate) fn new(jobs: usize, memory_bytes: u64) -> Self {
        let small = memory_bytes / SMALL_PART;
        Self {
            small: Lane::new(jobs, small),
            large: Lane::new(jobs, memory_bytes - small),
            jobs_max: 2 * jobs,
        }
    }

    /// The jobs that can be under way at a time.
    pub(crate) fn jobs_max(&self) -> usize {
        self.jobs_max
    }

    /// Waits for the share of a capture of this size; nothing if the service stops meanwhile.
    pub(crate) async fn share(&self, capture_bytes: u64) -> Option<Share> {
        let lane = if capture_bytes <= SMALL_BYTES_MAX { &self.small } else { &self.large };
        let job = Arc::clone(&lane.jobs).acquire_owned().await.ok()?;
        // What needs more than there is has all of it: it is taken in alone.
        let needed = mebibytes(FLOOR_BYTES + capture_bytes / PART).min(lane.mebibytes_max);
        let memory = Arc::clone(&lane.mebibytes).acquire_many_owned(needed).await.ok()?;
        Some(Share { live: LiveBudget::of_bytes(live_bytes(needed)), job, memory })
    }
}

impl Lane {
    fn new(jobs: usize, memory_bytes: u64) -> Self {
        let mebibytes_max = mebibytes(memory_bytes).max(1);
        Self {
            jobs: Arc::new(Semaphore::new(jobs.max(1))),
            mebibytes: Arc::new(Semaphore::new(mebibytes_max as usize)),
            mebibytes_max,
        }
    }
}

/// What of so many mebibytes is for live blocks.
fn live_bytes(mebibytes: u32) -> u64 {
    let bytes = u64::from(mebibytes) << 20;
    bytes.saturating_sub(FLOOR_BYTES).clamp(FLOOR_BYTES, LiveBudget::BYTES_MAX)
}

fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX >> 3).min(u32::MAX >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_now::is_pending;

    const HUGE: u64 = 100 << 30;

    /// Whether a future does not complete at once.
    mod futures_now {
        use std::future::Future;
        use std::pin::pin;
        use std::task::{Context, Poll, Waker};

        pub(super) fn is_pending<T>(future: impl Future<Output = T>) -> bool {
            matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
        }
    }

    #[actix_rt::test]
    async fn huge_captures_do_not_make_small_ones_wait() {
        let budget = Budget::new(2, 1 << 30);
        let huge = budget.share(HUGE).await.unwrap();
        assert!(is_pending(budget.share(HUGE)), "the first has all the memory of its lane");
        let small = (budget.share(1000).await.unwrap(), budget.share(1000).await.unwrap());
        assert!(is_pending(budget.share(1000)), "so many jobs at a time");
        drop(small.0);
        assert!(budget.share(1000).await.is_some());
        drop(huge);
        assert!(budget.share(HUGE).await.is_some());
    }

    #[actix_rt::test]
    async fn captures_that_fit_together_are_taken_in_together() {
        let budget = Budget::new(2, 1 << 30);
        let _both = (budget.share(1 << 30).await.unwrap(), budget.share(1 << 30).await.unwrap());
        assert!(is_pending(budget.share(1 << 30)));
    }

    #[test]
    fn live_blocks_get_what_an_ingest_has_beyond_the_floor() {
        let floor = mebibytes(FLOOR_BYTES);
        assert_eq!(live_bytes(floor + 100), 100 << 20);
        assert_eq!(live_bytes(floor), FLOOR_BYTES);
        assert_eq!(live_bytes(u32::MAX), LiveBudget::BYTES_MAX);
    }

    #[actix_rt::test]
    async fn there_is_a_way_in_however_little_memory_there_is() {
        let budget = Budget::new(1, 0);
        assert!(budget.share(HUGE).await.is_some());
        assert!(budget.share(1).await.is_some());
    }
}
