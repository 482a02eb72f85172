//! Both directions of the index, as plain synchronous code: *building* (events → matched rows → columns, summaries keyed
//! by backtrace, time buckets, stack keys) and *asking* (selections as data, the planner over buckets, summaries and
//! columns; the comparison of runs).
//!
//! A [`Profile`] is asked: a [`Selection`] says which allocations are meant, and the profile answers with the rows
//! themselves ([`RowSet`]), with sums per backtrace ([`Group`]) or over time ([`Timeline`]). Mapped memory is few enough to be
//! looked at one [`Map`] after the other: [`Profile::select_maps`] picks by [`MapPredicate`]. Selections are data and do
//! nothing until a profile is asked; every planned answer is the answer of a scan over all rows. Whatever may take long
//! takes a [`Cancel`].

mod alive;
mod allocation;
mod bit_set;
mod cache;
mod cancel;
mod chronicle;
mod columns;
mod compare;
mod error;
mod evaluate;
mod explain;
mod extents;
mod frame;
mod groups;
mod histograms;
mod id_set;
pub mod layout;
mod map;
mod model;
mod operations;
mod pattern;
mod plan;
mod predicate;
mod profile;
mod row_set;
mod selection;
mod span;
mod split;
mod thread_names;
mod timeline;
mod work;

pub mod build;
mod keys;
pub mod summary_tables;

pub use alive::Alive;
pub use allocation::{Allocation, Chain};
pub use cache::{Hits, answers_at_hand};
pub use cancel::Cancel;
pub use compare::{
    CompareOptions, Comparison, ComparisonRow, Metric, Metrics, Representative, Run, Side, StackLevel,
    compare, compare_selections,
};
pub use error::IndexError;
pub use explain::{Blocks, Explanation, Step};
pub use frame::{Backtrace, Frame};
pub use groups::Group;
pub use histograms::{Bin, Histogram, Histograms, Tally};
pub use id_set::{BacktraceSet, IdSet, MapSet};
pub use map::{
    Access, CompatibleMapTimeline, Mallopt, Map, MapBucket, MapCall, MapLevels, MapPredicate, MapTimeline,
    Region, Removal,
};
pub use model::{BacktraceId, BacktraceSummary, Cell, FrameId, Manifest, MapId, Row, TimeBucket};
pub use operations::Operation;
pub use pattern::Pattern;
pub use predicate::{Bound, Predicate, Share};
pub use profile::Profile;
pub use row_set::RowSet;
pub use selection::Selection;
pub use timeline::{CompatibleTimeline, Grid, Timeline};
pub use work::Work;
