//! When rows of each block died, coarsely. Zones tell it of blocks whose rows all died soon; one row that never did makes
//! a zone reach to the end of time.

use rayon::prelude::*;

use crate::columns::Columns;
use crate::layout::NEVER;
use crate::row_set::{block_len, first_row};
use crate::span::Span;
use crate::{Cancel, IndexError};

/// One bit a span and block: a run has about 63 spans. What comes after the 64th is in its bit too.
pub(super) struct Deaths {
    first_span: u64,
    span_us: u64,
    blocks: Vec<u64>,
}

impl Deaths {
    pub(super) fn of(
        columns: &Columns<'_>,
        start_us: u64,
        span_us: u64,
        cancel: &Cancel,
    ) -> Result<Self, IndexError> {
        let mut deaths = Self { first_span: start_us / span_us, span_us, blocks: Vec::new() };
        let look = |index: usize| {
            cancel.check()?;
            Ok::<_, IndexError>(deaths.block(columns, index))
        };
        let blocks: Result<_, IndexError> = (0..columns.zones.len()).into_par_iter().map(look).collect();
        deaths.blocks = blocks?;
        Ok(deaths)
    }

    /// Whether any row of a block died in the span that has these instants.
    pub(super) fn can_be_in(&self, block: usize, instants: Span) -> bool {
        self.blocks[block] & self.bit(instants.from / self.span_us) != 0
    }

    /// Rows that were born together mostly die together: the span is looked for only when it changes.
    fn block(&self, columns: &Columns<'_>, index: usize) -> u64 {
        let first = first_row(index) as usize;
        let rows = first..first + block_len(columns.row_count(), index) as usize;
        let mut bits = 0;
        let mut latest = Span::NONE;
        for death in columns.death.iter(rows) {
            if latest.contains(death) || death == NEVER {
                continue;
            }
            let span = death / self.span_us;
            latest = Span {
                from: span * self.span_us,
                to: (span * self.span_us).saturating_add(self.span_us - 1),
            };
            bits |= self.bit(span);
        }
        bits
    }

    fn bit(&self, span: u64) -> u64 {
        1 << span.saturating_sub(self.first_span).min(63)
    }
}
