//! Allocations summed up by backtrace.

use rayon::prelude::*;

use crate::columns::Columns;
use crate::layout::NEVER;
use crate::model::{BacktraceId, BacktraceSummary, Row};
use crate::row_set::{block_len, first_row};
use crate::{Cancel, IndexError, RowSet};

/// What some allocations of one backtrace have in common. Sizes are as requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their backtrace.
    pub backtrace: BacktraceId,
    /// How many they are.
    pub count: u64,
    /// Σ size.
    pub bytes: u64,
    /// How many were never freed.
    pub leaked_count: u64,
    /// Σ size of those.
    pub leaked_bytes: u64,
    /// Smallest size.
    pub min_size: u64,
    /// Largest size.
    pub max_size: u64,
    /// First birth, µs since 1970.
    pub first_us: u64,
    /// Last birth.
    pub last_us: u64,
}

/// The groups of all rows.
pub(crate) fn of_summaries(summaries: &[BacktraceSummary]) -> Vec<Group> {
    let numbered = (0..).map(BacktraceId).zip(summaries).filter(|(_, summary)| summary.rows > 0);
    let group = |(backtrace, summary): (BacktraceId, &BacktraceSummary)| Group {
        backtrace,
        count: summary.rows,
        bytes: summary.allocated_bytes,
        leaked_count: summary.leaked_count,
        leaked_bytes: summary.leaked_bytes,
        min_size: summary.min_size,
        max_size: summary.max_size,
        first_us: summary.first_row_us,
        last_us: summary.last_row_us,
    };
    numbered.map(group).collect()
}

/// The groups of `rows`.
pub(crate) fn of_rows(
    columns: &Columns<'_>,
    rows: &RowSet,
    cancel: &Cancel,
) -> Result<Vec<Group>, IndexError> {
    if rows.len() < u64::from(columns.backtrace_count()) {
        few(columns, rows, cancel)
    } else {
        many(columns, rows, cancel)
    }
}

/// Fewer rows than backtraces: sorted by backtrace.
fn few(columns: &Columns<'_>, rows: &RowSet, cancel: &Cancel) -> Result<Vec<Group>, IndexError> {
    let mut sorted: Vec<Group> = rows.iter().map(|row| Group::of_row(columns, row)).collect();
    cancel.check()?;
    sorted.par_sort_unstable_by_key(|group| group.backtrace);
    sorted.dedup_by(|next, group| {
        let same = next.backtrace == group.backtrace;
        if same {
            group.merge(next);
        }
        same
    });
    Ok(sorted)
}

/// At least as many: one slot a backtrace, for each thread.
fn many(columns: &Columns<'_>, rows: &RowSet, cancel: &Cancel) -> Result<Vec<Group>, IndexError> {
    let slots = || (0..columns.backtrace_count()).map(Group::nothing).collect::<Vec<_>>();
    let count_block = |mut groups: Vec<Group>, index: usize| {
        cancel.check()?;
        rows.block(index).visit(block_len(rows.universe(), index), |offset| {
            let row = Group::of_row(columns, Row(first_row(index) + offset));
            if let Some(group) = groups.get_mut(row.backtrace.0 as usize) {
                group.merge(&row);
            }
        });
        Ok(groups)
    };
    let merge = |mut all: Vec<Group>, others: Vec<Group>| {
        all.iter_mut().zip(&others).for_each(|(group, other)| group.merge(other));
        Ok::<_, IndexError>(all)
    };
    let counted =
        (0..rows.block_count()).into_par_iter().try_fold(slots, count_block).try_reduce(slots, merge)?;
    Ok(counted.into_iter().filter(|group| group.count > 0).collect())
}

impl Group {
    fn nothing(backtrace: u32) -> Self {
        Self {
            backtrace: BacktraceId(backtrace),
            count: 0,
            bytes: 0,
            leaked_count: 0,
            leaked_bytes: 0,
            min_size: u64::MAX,
            max_size: 0,
            first_us: u64::MAX,
            last_us: 0,
        }
    }

    fn of_row(columns: &Columns<'_>, row: Row) -> Self {
        let at = row.0 as usize;
        let (size, birth) = (columns.size.at(at), columns.birth.at(at));
        let leaked = u64::from(columns.death.at(at) == NEVER);
        Self {
            backtrace: BacktraceId(columns.backtrace.at(at)),
            count: 1,
            bytes: size,
            leaked_count: leaked,
            leaked_bytes: size * leaked,
            min_size: size,
            max_size: size,
            first_us: birth,
            last_us: birth,
        }
    }

    /// Sums wrap: a damaged capture can claim sizes whose sum is beyond 2⁶⁴, and differences stay right.
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.leaked_count += other.leaked_count;
        self.leaked_bytes = self.leaked_bytes.wrapping_add(other.leaked_bytes);
        self.min_size = self.min_size.min(other.min_size);
        self.max_size = self.max_size.max(other.max_size);
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
    }
}
