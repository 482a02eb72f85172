//! What was alive at a moment, by backtrace.
//!
//! The cells of the summary index say what every backtrace did in each span of time. What was alive when the span of
//! the moment began is their sum so far, from the nearest of the [`Checkpoints`]; what happened in that span up to the
//! moment, its edge, is read in the chronicle.

mod balance;
mod checkpoints;
mod edge;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytehound_store::SummaryReader;
use rayon::prelude::*;

use self::balance::Balance;
use self::checkpoints::Checkpoints;
use crate::layout::NEVER;
use crate::model::{BacktraceId, Cell};
use crate::span::Span;
use crate::summary_tables::{SPAN_BUCKETS, read_cells};
use crate::{Cancel, IndexError, Profile};

/// What a backtrace had alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    /// The backtrace.
    pub backtrace: BacktraceId,
    /// How many allocations.
    pub count: u64,
    /// Σ size.
    pub bytes: u64,
}

/// What a profile keeps for these answers.
#[derive(Default)]
pub(crate) struct AliveCache {
    /// Made when the first question comes.
    checkpoints: OnceLock<Checkpoints>,
    /// The pages of one moment are asked for one after the other.
    latest: Mutex<Option<(u64, Arc<[Alive]>)>>,
}

impl AliveCache {
    /// What it takes.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.checkpoints.get().map_or(0, Checkpoints::kept_bytes)
    }
}

impl Profile {
    /// What was alive at `at_us` µs since 1970: born until then, and not dead until after it. Only backtraces that had
    /// something, ascending.
    ///
    /// All rows count, as in timelines: also those that were born before T0, which no selection with a predicate has.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`] through `cancel`; else as [`Profile::summaries`].
    pub fn alive_at(&self, at_us: u64, cancel: &Cancel) -> Result<Arc<[Alive]>, IndexError> {
        let at = at_us.min(NEVER - 1);
        let latest = || self.alive().latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = latest().as_ref().filter(|(moment, _)| *moment == at) {
            return Ok(Arc::clone(answer));
        }
        let span = at / self.span_us();
        let mut balance = self.balance_before(span, self.checkpoints(cancel)?, cancel)?;
        let instants = Span { from: span * self.span_us(), to: at };
        if let Some(since) = edge::balance_of(self.columns(), instants, cancel)? {
            balance.add(&since);
        }
        let answer: Arc<[Alive]> = balance.alive().collect();
        *latest() = Some((at, Arc::clone(&answer)));
        Ok(answer)
    }

    /// What was alive when `span` began.
    fn balance_before(
        &self,
        span: u64,
        checkpoints: &Checkpoints,
        cancel: &Cancel,
    ) -> Result<Balance, IndexError> {
        let (mut balance, spans) = checkpoints.before(span);
        let reader = self.summary_reader()?;
        for span in spans {
            cancel.check()?;
            balance.apply(&cells(reader.as_ref(), *span)?);
        }
        Ok(balance)
    }

    fn checkpoints(&self, cancel: &Cancel) -> Result<&Checkpoints, IndexError> {
        if let Some(checkpoints) = self.alive().checkpoints.get() {
            return Ok(checkpoints);
        }
        let checkpoints = self.pass_all_spans(cancel)?;
        Ok(self.alive().checkpoints.get_or_init(|| checkpoints))
    }

    /// Cells of some spans are read side by side, and then added up one after the other.
    fn pass_all_spans(&self, cancel: &Cancel) -> Result<Checkpoints, IndexError> {
        let mut spans: Vec<u64> = self.buckets()?.iter().map(|bucket| bucket.index / SPAN_BUCKETS).collect();
        spans.dedup();
        let reader = self.summary_reader()?;
        let mut checkpoints = Checkpoints::new(self.backtrace_count());
        for spans in spans.chunks(2 * rayon::current_num_threads()) {
            cancel.check()?;
            let read: Vec<_> =
                spans.par_iter().map(|span| cells(reader.as_ref(), *span)).collect::<Result<_, _>>()?;
            spans.iter().zip(read).for_each(|(span, cells)| checkpoints.pass(*span, &cells));
        }
        Ok(checkpoints)
    }

    /// Width of the spans that cells are about.
    fn span_us(&self) -> u64 {
        self.manifest().bucket_width_us.max(1).saturating_mul(SPAN_BUCKETS)
    }
}

/// What every backtrace did in one span.
fn cells(reader: &dyn SummaryReader, span: u64) -> Result<Vec<Cell>, IndexError> {
    let numbered = read_cells(reader, span..span.saturating_add(1))?;
    Ok(numbered.into_iter().map(|(_, cell)| cell).collect())
}
