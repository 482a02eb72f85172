//! Two sides of a comparison, stack by stack.
//!
//! Stacks of different runs are the same when their [`StackKeys`] of the chosen [`StackLevel`] are. What is compared
//! are sums, so that the rows of a comparison add up to the difference of the whole, exactly.

mod metrics;
mod side;

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use metrics::{Metric, Metrics};

use crate::layout::StackKeys;
use crate::{BacktraceId, Cancel, IndexError, Profile, Selection};
use side::SideSums;

/// One run, and what of it is compared.
pub type Run = (Arc<Profile>, Arc<Selection>);

/// How runs are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CompareOptions {
    /// When two stacks are the same.
    pub level: StackLevel,
}

/// What two stacks must have in common, frame by frame, to be the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StackLevel {
    /// Binary and address in it.
    Exact,
    /// Module, function, file and line.
    Line,
    /// Module, function and file.
    File,
    /// Module and function.
    #[default]
    Function,
}

/// A side of a comparison: it goes from base to new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What was before.
    Base,
    /// What is now.
    New,
}

/// The result of a comparison. Differences are new − base: positive is more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// One row a stack that either side has; in an order that depends on nothing but the stacks.
    pub rows: Vec<ComparisonRow>,
    /// All of the base side.
    pub base: Metrics,
    /// All of the new side.
    pub new: Metrics,
    /// Their difference, which is also the sum of the rows' differences.
    pub delta: Metrics<i64>,
}

/// What one stack did on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparisonRow {
    /// The stack's key at the level of the comparison.
    pub key: [u64; 2],
    /// On the base side, if it has this stack.
    pub base: Option<Metrics>,
    /// On the new side, if it has this stack.
    pub new: Option<Metrics>,
    /// The difference; a side without this stack counts as zero.
    pub delta: Metrics<i64>,
    /// Where the stack can be looked at.
    pub representative: Representative,
}

/// A backtrace that has the stack of a row: of the new side if that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Representative {
    /// The side it is on.
    pub side: Side,
    /// Which profile of that side, as given.
    pub profile: usize,
    /// Its id in that profile.
    pub backtrace: BacktraceId,
}

/// Compares whole profiles: answered from their summaries.
///
/// # Errors
/// [`IndexError::UnevenSides`] when the sides have not the same number of profiles; else as [`Profile::summaries`].
pub fn compare(
    base: &[Arc<Profile>],
    new: &[Arc<Profile>],
    options: &CompareOptions,
) -> Result<Comparison, IndexError> {
    let whole = |profiles: &[Arc<Profile>]| -> Vec<Run> {
        profiles.iter().map(|profile| (Arc::clone(profile), Selection::all())).collect()
    };
    compare_selections(&whole(base), &whole(new), options, &Cancel::new())
}

/// Compares selections of profiles. `peak_bytes` is what a selection had alive at its profile's peak.
///
/// # Errors
/// As [`compare`] and [`Profile::rows`].
pub fn compare_selections(
    base: &[Run],
    new: &[Run],
    options: &CompareOptions,
    cancel: &Cancel,
) -> Result<Comparison, IndexError> {
    if base.len() != new.len() || base.is_empty() {
        return Err(IndexError::UnevenSides { base: base.len(), new: new.len() });
    }
    let base = SideSums::of(Side::Base, base, options.level, cancel)?;
    let new = SideSums::of(Side::New, new, options.level, cancel)?;
    Ok(Comparison {
        base: base.total,
        new: new.total,
        delta: new.total.minus(base.total),
        rows: join(base.stacks, new.stacks),
    })
}

impl Comparison {
    /// Puts the rows with the largest differences first, whatever their sign. Ties stay as they are.
    pub fn sort_by(&mut self, metric: Metric) {
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.delta.get(metric).unsigned_abs()));
    }

    /// What stacks that both sides have account for, on the base and on the new side: how much was matched.
    #[must_use]
    pub fn matched(&self) -> (Metrics, Metrics) {
        let pairs = self.rows.iter().filter_map(|row| row.base.zip(row.new));
        pairs.fold(Default::default(), |(base, new): (Metrics, Metrics), (more_base, more_new)| {
            (base.plus(more_base), new.plus(more_new))
        })
    }
}

impl StackLevel {
    fn key(self, keys: &StackKeys) -> [u64; 2] {
        match self {
            Self::Exact => keys.exact,
            Self::Line => keys.line,
            Self::File => keys.file,
            Self::Function => keys.function,
        }
    }
}

type Stacks = FxHashMap<[u64; 2], (Metrics, Representative)>;

fn join(base: Stacks, new: Stacks) -> Vec<ComparisonRow> {
    let row = |key, base, new, representative| ComparisonRow {
        key,
        base,
        new,
        delta: new.unwrap_or_default().minus(base.unwrap_or_default()),
        representative,
    };
    let mut rows: FxHashMap<[u64; 2], ComparisonRow> =
        new.into_iter().map(|(key, (sums, at))| (key, row(key, None, Some(sums), at))).collect();
    for (key, (sums, at)) in base {
        match rows.entry(key) {
            Entry::Occupied(mut both) => {
                let new = *both.get();
                both.insert(row(key, Some(sums), new.new, new.representative));
            }
            Entry::Vacant(only_base) => {
                only_base.insert(row(key, Some(sums), None, at));
            }
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_unstable_by_key(|row| row.key);
    rows
}
