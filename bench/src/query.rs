//! Questions to the index.

use crate::indexed::Indexed;
use crate::table::Table;
use anyhow::Result;
use bytehound_index::{Bound, Cancel, Grid, Pattern, Predicate, Selection};
use fastrand::Rng;
use std::path::Path;
use std::sync::Arc;

const TIMES: u64 = 40;
/// Milliseconds that each kind may take.
const TIMELINE: f64 = 5.0;
const GROUPS: f64 = 15.0;
const FILTERED: f64 = 60.0;
const ALIVE: f64 = 15.0;
/// What the original takes for them.
const REGIONS: f64 = 1500.0;

/// Measures questions that the profile was never asked before: no answer is a kept one.
pub(crate) fn measure(capture: &Path, as_json: bool) -> Result<()> {
    let Indexed { profile, .. } = &Indexed::open(capture)?;
    let (manifest, cancel) = (profile.manifest(), Cancel::new());
    let (grid, runtime) = (Grid::of(manifest), manifest.runtime_us());
    let mut random = Rng::with_seed(1);
    let mut table = Table::default();
    table.measure("timeline", Some(TIMELINE), TIMES, |_| {
        profile.timeline(&Selection::all(), grid, &cancel)?;
        Ok(())
    })?;
    table.measure("groups by backtrace in a span of time", Some(GROUPS), TIMES, |_| {
        let (from, to) = (random.u64(..runtime / 2), random.u64(runtime / 2..runtime));
        profile.groups(&allocated_between(from, to), &cancel)?;
        Ok(())
    })?;
    for (share, pattern) in [("most", "::cache::"), ("some", r"_1\d\d$"), ("few", r"_123$")] {
        let name = format!("timeline of what a function regex finds, {share} stacks");
        table.measure(name, Some(FILTERED), TIMES, |number| {
            // What no function is called makes the question another one, and the answer the same.
            let pattern = Pattern::new(&format!("{pattern}|nobody{number}"))?;
            let found = Selection::all().filtered(Predicate::PassingThroughFunction(pattern));
            profile.timeline(&found, grid, &cancel)?;
            Ok(())
        })?;
    }
    table.measure("what was alive at an instant, by backtrace", Some(ALIVE), TIMES, |_| {
        profile.alive_at(manifest.start_us + random.u64(..runtime), &cancel)?;
        Ok(())
    })?;
    table.measure("ranges of addresses that allocations took", Some(REGIONS), 10, |number| {
        let found = Selection::all().filtered(Predicate::Size(Bound::AtLeast(number)));
        profile.extents(profile.rows(&found, &cancel)?.as_ref(), &cancel)?;
        Ok(())
    })?;
    table.measure("timeline of a span of time", None, TIMES, |_| {
        let (from, to) = (random.u64(..runtime / 2), random.u64(runtime / 2..runtime));
        let width_us = (to - from).div_ceil(1000);
        let span = Grid { start_us: manifest.start_us + from, end_us: manifest.start_us + to, width_us };
        profile.timeline(&Selection::all(), span, &cancel)?;
        Ok(())
    })?;
    table.finish(as_json)
}

fn allocated_between(from: u64, to: u64) -> Arc<Selection> {
    let from = Predicate::Allocated(Bound::AtLeast(from));
    Selection::all().filtered(from).filtered(Predicate::Allocated(Bound::AtMost(to)))
}
