//! What happened in the span of the moment, up to it.

use std::ops::Range;

use rayon::prelude::*;

use super::balance::Balance;
use crate::chronicle::Chronicle;
use crate::columns::Columns;
use crate::span::Span;
use crate::{Cancel, IndexError};

/// Births less deaths at `instants`, or `None` if there were none.
pub(super) fn balance_of(
    columns: &Columns<'_>,
    instants: Span,
    cancel: &Cancel,
) -> Result<Option<Balance>, IndexError> {
    let chronicle = Chronicle::of(columns);
    let start = chronicle.first_since(instants.from, 0..chronicle.len());
    let end = chronicle.first_since(instants.to.saturating_add(1), start..chronicle.len());
    let share = (end - start).div_ceil(rayon::current_num_threads()).max(1);
    let count = |operations: Range<usize>| {
        cancel.check()?;
        let mut balance = Balance::nothing(columns.backtrace_count());
        chronicle.stretch(operations.clone()).walk(operations, |row, births| {
            let (backtrace, size) = (columns.backtrace.at(row as usize), columns.size.at(row as usize));
            match births {
                1 => balance.birth(backtrace, size),
                _ => balance.death(backtrace, size),
            }
        });
        Ok(balance)
    };
    let sum = |mut all: Balance, other: Balance| {
        all.add(&other);
        Ok(all)
    };
    chronicle.parts(start..end, share).into_par_iter().map(count).try_reduce_with(sum).transpose()
}
