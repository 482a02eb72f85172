//! Allocations summed up by backtrace.

mod stretches;
mod tally;

use rayon::prelude::*;

use crate::columns::Columns;
use crate::model::{BacktraceId, BacktraceSummary, Row};
use crate::{Cancel, IndexError, RowSet};
pub(crate) use stretches::Stretches;
use tally::{Tally, tally_blocks};

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

/// The groups of all rows of the backtraces for which `is_asked` holds.
pub(crate) fn of_summaries(summaries: &[BacktraceSummary], is_asked: impl Fn(usize) -> bool) -> Vec<Group> {
    let numbered = summaries.iter().enumerate();
    let asked = numbered.filter(|(backtrace, summary)| summary.rows > 0 && is_asked(*backtrace));
    let group = |(backtrace, summary): (usize, &BacktraceSummary)| Group {
        backtrace: BacktraceId(backtrace as u32),
        count: summary.rows,
        bytes: summary.allocated_bytes,
        leaked_count: summary.leaked_count,
        leaked_bytes: summary.leaked_bytes,
        min_size: summary.min_size,
        max_size: summary.max_size,
        first_us: summary.first_row_us,
        last_us: summary.last_row_us,
    };
    asked.map(group).collect()
}

/// The groups of `rows`.
pub(crate) fn of_rows(
    columns: &Columns<'_>,
    stretches: &Stretches,
    rows: &RowSet,
    cancel: &Cancel,
) -> Result<Vec<Group>, IndexError> {
    if rows.len() < u64::from(columns.backtrace_count()) {
        few(columns, rows, cancel)
    } else {
        many(columns, stretches, rows, cancel)
    }
}

/// Fewer rows than backtraces: sorted by backtrace.
fn few(columns: &Columns<'_>, rows: &RowSet, cancel: &Cancel) -> Result<Vec<Group>, IndexError> {
    let mut sorted: Vec<(u32, Tally)> = rows.iter().map(|row| one(columns, row)).collect();
    cancel.check()?;
    sorted.par_sort_unstable_by_key(|(backtrace, _)| *backtrace);
    sorted.dedup_by(|(next, tally), (backtrace, all)| {
        let same = next == backtrace;
        if same {
            all.merge(tally);
        }
        same
    });
    Ok(sorted.par_iter().map(|(backtrace, tally)| Group::of(columns, *backtrace, tally)).collect())
}

fn one(columns: &Columns<'_>, row: Row) -> (u32, Tally) {
    let at = row.0 as usize;
    let mut tally = Tally::NOTHING;
    tally.add(row.0, columns.size.at(at), columns.death.at(at));
    (columns.backtrace.at(at), tally)
}

/// At least as many: one tally a backtrace. Of whole stretches they are known; the other blocks are counted.
fn many(
    columns: &Columns<'_>,
    stretches: &Stretches,
    rows: &RowSet,
    cancel: &Cancel,
) -> Result<Vec<Group>, IndexError> {
    let (whole, blocks) = stretches.covering(rows);
    let counted = tally_blocks(columns, rows, &blocks, cancel)?;
    let known = whole.into_iter().map(|stretch| stretches.tallies(columns, stretch, cancel));
    let known = known.collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&[Tally]> = known.into_iter().chain(counted.iter().map(Vec::as_slice)).collect();
    let group = |backtrace: u32| {
        let mut all = Tally::NOTHING;
        parts.iter().for_each(|part| all.merge(&part[backtrace as usize]));
        (all.count > 0).then(|| Group::of(columns, backtrace, &all))
    };
    Ok((0..columns.backtrace_count())
        .into_par_iter()
        .with_min_len(GROUPS_PER_TASK)
        .filter_map(group)
        .collect())
}

/// Groups that one thread puts together at a time.
const GROUPS_PER_TASK: usize = 1 << 10;

impl Group {
    /// Rows are in order of birth: the first one is the first that was born.
    fn of(columns: &Columns<'_>, backtrace: u32, tally: &Tally) -> Self {
        Self {
            backtrace: BacktraceId(backtrace),
            count: tally.count.into(),
            bytes: tally.bytes,
            leaked_count: tally.leaked_count.into(),
            leaked_bytes: tally.leaked_bytes,
            min_size: tally.min_size,
            max_size: tally.max_size,
            first_us: columns.birth.at(tally.first as usize),
            last_us: columns.birth.at(tally.last as usize),
        }
    }
}
