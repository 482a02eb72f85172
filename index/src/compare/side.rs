//! The sums of one side of a comparison.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Metrics, Representative, Run, Side, StackLevel, Stacks};
use crate::{
    BacktraceId, BacktraceSummary, Cancel, Group, IndexError, Manifest, Predicate, Profile, Selection,
};

/// What the runs of one side did, stack by stack and in all.
pub(super) struct SideSums {
    pub(super) stacks: Stacks,
    pub(super) total: Metrics,
}

impl SideSums {
    pub(super) fn of(
        side: Side,
        runs: &[Run],
        level: StackLevel,
        cancel: &Cancel,
    ) -> Result<Self, IndexError> {
        let mut sums = Self { stacks: FxHashMap::default(), total: Metrics::default() };
        for (index, (profile, selection)) in runs.iter().enumerate() {
            cancel.check()?;
            let (backtraces, total) = match selection.as_ref() {
                Selection::All => (whole(profile)?, Metrics::of_manifest(profile.manifest())),
                _ => selected(profile, selection, cancel)?,
            };
            sums.total = sums.total.plus(total);
            for (backtrace, metrics) in backtraces {
                let Some(keys) = profile.stack_keys(backtrace) else { continue };
                let at = Representative { side, profile: index, backtrace };
                let (sum, _) = sums.stacks.entry(level.key(keys)).or_insert((Metrics::default(), at));
                *sum = sum.plus(metrics);
            }
        }
        Ok(sums)
    }
}

type Backtraces = Vec<(BacktraceId, Metrics)>;

fn whole(profile: &Profile) -> Result<Backtraces, IndexError> {
    let numbered = (0..).map(BacktraceId).zip(profile.summaries()?).filter(|(_, summary)| summary.rows > 0);
    Ok(numbered.map(|(backtrace, summary)| (backtrace, Metrics::of_summary(summary))).collect())
}

fn selected(
    profile: &Profile,
    selection: &Arc<Selection>,
    cancel: &Cancel,
) -> Result<(Backtraces, Metrics), IndexError> {
    let manifest = profile.manifest();
    let peak = Predicate::AliveAt(vec![manifest.peak_at_us.saturating_sub(manifest.start_us)]);
    let at_peak = profile.groups(&selection.filtered(peak), cancel)?;
    let groups = profile.groups(selection, cancel)?;
    let with_peak = |group: &Group| {
        let peak = at_peak.binary_search_by_key(&group.backtrace, |alive| alive.backtrace);
        (group.backtrace, Metrics::of_group(group, peak.map_or(0, |at| at_peak[at].bytes)))
    };
    let backtraces: Backtraces = groups.iter().map(with_peak).collect();
    let total = backtraces.iter().fold(Metrics::default(), |total, (_, metrics)| total.plus(*metrics));
    Ok((backtraces, total))
}

impl Metrics {
    fn of_manifest(manifest: &Manifest) -> Self {
        Self {
            leaked_bytes: manifest.leaked_bytes,
            leaked_count: manifest.leaked_count,
            allocated_bytes: manifest.allocated_bytes,
            allocated_count: manifest.allocations,
            peak_bytes: manifest.peak_bytes,
        }
    }

    fn of_summary(summary: &BacktraceSummary) -> Self {
        Self {
            leaked_bytes: summary.leaked_bytes,
            leaked_count: summary.leaked_count,
            allocated_bytes: summary.allocated_bytes,
            allocated_count: summary.rows,
            peak_bytes: summary.peak_bytes,
        }
    }

    fn of_group(group: &Group, peak_bytes: u64) -> Self {
        Self {
            leaked_bytes: group.leaked_bytes,
            leaked_count: group.leaked_count,
            allocated_bytes: group.bytes,
            allocated_count: group.count,
            peak_bytes,
        }
    }
}
