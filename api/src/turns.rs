//! Scripts take turns: a few run at a time, some wait in line, the next is turned away.
//!
//! A script may keep a thread busy for its whole time; without this, scripts alone could take every permit of the query
//! actor, and simple questions would wait behind them.

use crate::errors::OVERLOADED;
use crate::problem::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Scripts that may wait for each that runs.
const WAITING_PER_TURN: usize = 16;
/// When to come back who was turned away.
const COME_BACK: Duration = Duration::from_secs(2);

/// The line.
pub(crate) struct Turns {
    permits: Arc<Semaphore>,
    at_a_time: usize,
    waiting: AtomicUsize,
    refused: AtomicUsize,
}

/// The right to run one script.
#[derive(Debug)]
pub(crate) struct Turn(
    #[expect(dead_code, reason = "held, and given back when dropped")] OwnedSemaphorePermit,
);

impl Turns {
    /// So many at a time.
    pub(crate) fn new(at_a_time: usize) -> Self {
        let at_a_time = at_a_time.max(1);
        Self {
            permits: Arc::new(Semaphore::new(at_a_time)),
            at_a_time,
            waiting: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// Waits for a turn, unless too many wait already.
    pub(crate) async fn turn(&self) -> Result<Turn, Problem> {
        let place = Place::take(&self.waiting);
        if place.number >= self.at_a_time * WAITING_PER_TURN {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let detail = format!("{} scripts run, and {} wait", self.running(), place.number);
            return Err(Problem::new(&OVERLOADED, detail).retry_after(COME_BACK));
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        // The semaphore is never closed.
        permit.map(Turn).map_err(|_| Problem::new(&OVERLOADED, "no scripts are run any more"))
    }

    pub(crate) fn running(&self) -> usize {
        self.at_a_time - self.permits.available_permits()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A place in the line, given up by whoever goes.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    number: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        // Relaxed: that a moment's wrong order lets in one more or less is no matter.
        Self { waiting, number: waiting.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[actix_web::test]
    async fn a_script_waits_for_its_turn_and_a_crowd_is_turned_away() {
        let turns = Turns::new(1);
        let running = turns.turn().await.unwrap();
        let mut line: Vec<_> = (0..WAITING_PER_TURN).map(|_| Box::pin(turns.turn())).collect();
        assert!(line.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert_eq!((turns.running(), turns.waiting()), (1, WAITING_PER_TURN));
        assert_eq!(turns.turn().await.unwrap_err().kind, &OVERLOADED);
        assert_eq!(turns.refused(), 1);
        drop(running);
        assert!(line[0].as_mut().now_or_never().is_some_and(|turn| turn.is_ok()));
        drop(line);
        assert_eq!((turns.running(), turns.waiting()), (0, 0));
    }
}
