//! What the loader, the symbolizer, the indexer and the query actor have in common: a few permits, and blocking work
//! off the arbiter whose panic is an error like any other.

use crate::observe::{Counters, Ending, StageCounters};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The permits and the counters of one actor.
#[derive(Clone)]
pub(crate) struct Stage {
    permits: Arc<Semaphore>,
    counters: Arc<Counters>,
    threads: Threads,
}

/// A tenth of what a thread of ordinary niceness gets beside it.
const NICENESS: i32 = 10;

/// The right to run one job.
pub(crate) struct Permit(
    #[expect(dead_code, reason = "held, and given back when dropped")] OwnedSemaphorePermit,
);

/// Why a job came to nothing.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// The work said so.
    Error(E),
    /// The work panicked, saying this.
    Panicked(String),
}

impl Stage {
    /// A stage that works on `permits` jobs at a time.
    pub(crate) fn new(permits: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)), counters: Arc::default(), threads: Threads::Ready }
    }

    /// As [`Self::new`], for work that nobody sits and waits for.
    pub(crate) fn in_background(permits: usize) -> Self {
        Self { threads: Threads::Background, ..Self::new(permits) }
    }

    pub(crate) fn counters(&self) -> StageCounters {
        self.counters.snapshot()
    }

    /// Waits to be let in; nothing if the service stops meanwhile.
    pub(crate) async fn admit(&self) -> Option<Permit> {
        self.wait(Arc::clone(&self.permits).acquire_owned()).await.ok().map(Permit)
    }

    /// Waits for something, and is counted as waiting.
    pub(crate) async fn wait<T>(&self, what: impl Future<Output = T>) -> T {
        let _waiting = Waiting::new(&self.counters);
        what.await
    }

    /// As [`Self::admit`], unless `limit` others wait already.
    pub(crate) async fn admit_unless_crowded(&self, limit: u64) -> Result<Option<Permit>, Crowded> {
        if self.counters.waiting() >= limit {
            self.counters.refuse();
            return Err(Crowded);
        }
        Ok(self.admit().await)
    }

    /// Runs `work` on a thread that may block.
    pub(crate) async fn run<T, E>(
        &self,
        permit: Permit,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, Failure<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.counters.start();
        let counters = Arc::clone(&self.counters);
        let (answer, answered) = oneshot::channel();
        // The permit goes along: the work holds it until it ends, even if nobody waits for it any more.
        self.threads.run(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            counters.finish(match &outcome {
                Ok(Ok(_)) => Ending::Done,
                Ok(Err(_)) => Ending::Failed,
                Err(_) => Ending::Panicked,
            });
            drop(permit);
            drop(answer.send(outcome));
        });
        match answered.await {
            Ok(Ok(outcome)) => outcome.map_err(Failure::Error),
            Ok(Err(panic)) => Err(Failure::Panicked(panic_text(&*panic))),
            Err(_) => Err(Failure::Panicked("its thread could not be started".to_owned())),
        }
    }
}

/// Where the work of a stage is done.
#[derive(Clone, Copy)]
enum Threads {
    /// On threads that wait for such work.
    Ready,
    /// Each on threads of its own, and on those that they start: they get little of a core that others want, and no
    /// question waits in line behind them, so that questions are answered while captures are taken in.
    Background,
}

impl Threads {
    fn run(self, work: impl FnOnce() + Send + 'static) {
        match self {
            Self::Ready => drop(tokio::task::spawn_blocking(work)),
            Self::Background => {
                let yielding = move || {
                    // Of the thread alone, on Linux. If it is refused, the work is only less polite.
                    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
                    // Its threads are as polite as the one that starts them.
                    match rayon::ThreadPoolBuilder::new().build() {
                        Ok(pool) => pool.install(work),
                        Err(error) => {
                            tracing::warn!(%error, "an ingest goes on in threads that questions wait for");
                            work();
                        }
                    }
                };
                let started = std::thread::Builder::new().name("ingest".to_owned()).spawn(yielding);
                if let Err(error) = started {
                    tracing::error!(%error, "cannot start a thread");
                }
            }
        }
    }
}

/// Too many wait already.
pub(crate) struct Crowded;

/// Counts a waiting job, also when it gives up waiting.
struct Waiting<'a>(&'a Counters);

impl<'a> Waiting<'a> {
    fn new(counters: &'a Counters) -> Self {
        counters.wait();
        Self(counters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.stop_waiting();
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_panic_is_a_failure_and_gives_its_permit_back() {
        let stage = Stage::new(1);
        let permit = stage.admit().await.unwrap();
        let outcome = stage.run(permit, || -> Result<(), ()> { panic!("broken") }).await;
        assert!(matches!(outcome, Err(Failure::Panicked(text)) if text == "broken"));

        let permit = stage.admit().await.unwrap();
        assert!(matches!(stage.run(permit, || Ok::<_, ()>(7)).await, Ok(7)));
        let counters = stage.counters();
        assert_eq!((counters.done, counters.failed, counters.panicked, counters.running), (1, 1, 1, 0));
    }

    #[actix_rt::test]
    async fn work_in_the_background_leaves_others_the_threads_that_they_share() {
        let stage = Stage::in_background(1);
        let permit = stage.admit().await.unwrap();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (busy, are_busy) = std::sync::mpsc::channel();
        let ended = std::sync::Mutex::new(ended);
        let work = actix_rt::spawn(async move {
            let wait = move |_: rayon::BroadcastContext<'_>| {
                let _ = busy.send(());
                let _ = ended.lock().map(|ended| ended.recv());
            };
            let work = move || {
                rayon::broadcast(wait);
                Ok::<_, ()>(())
            };
            stage.run(permit, work).await.is_ok()
        });
        let answer = tokio::task::spawn_blocking(move || {
            let is_busy = |_: &usize| are_busy.recv().is_ok();
            let (send, receive) = std::sync::mpsc::channel();
            let all = (0..rayon::current_num_threads()).filter(is_busy).count();
            rayon::spawn(move || send.send(all).unwrap_or_default());
            receive.recv_timeout(std::time::Duration::from_secs(60))
        });
        assert_eq!(answer.await.unwrap().ok(), Some(rayon::current_num_threads()));
        drop(end);
        assert!(work.await.unwrap());
    }

    #[actix_rt::test]
    async fn a_crowded_stage_turns_the_next_away() {
        let stage = Stage::new(1);
        let _working = stage.admit().await.unwrap();
        let waiting = actix_rt::spawn({
            let stage = stage.clone();
            async move { stage.admit_unless_crowded(1).await.is_ok() }
        });
        while stage.counters().waiting == 0 {
            tokio::task::yield_now().await;
        }
        assert!(stage.admit_unless_crowded(1).await.is_err());
        assert_eq!(stage.counters().refused, 1);
        waiting.abort();
    }
}
