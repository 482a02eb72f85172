//! `compare(base, new)`: two sides of runs against each other, stack by stack.

use std::fmt;
use std::sync::Arc;

use bytehound_index::{
    CompareOptions, Comparison, Metric, Metrics, Profile, Selection, Side, compare_selections,
};
use rhai::{Array, Dynamic, Map};

use crate::allocation_list::AllocationList;
use crate::backtrace::Backtrace;
use crate::data::Data;
use crate::failure::{Answer, Failure};
use crate::library::Library;
use crate::list::List as _;
use crate::session::Session;
use crate::text::type_name;

type Run = (Arc<Profile>, Arc<Selection>);

/// Rows of a comparison, picked and ordered.
#[derive(Clone)]
pub(crate) struct ComparisonList {
    comparison: Arc<Compared>,
    /// Indexes of rows.
    rows: Arc<[usize]>,
}

struct Compared {
    base: Vec<Run>,
    new: Vec<Run>,
    comparison: Comparison,
}

/// What one stack did on both sides.
#[derive(Clone)]
pub(crate) struct ComparisonRow {
    comparison: Arc<Compared>,
    row: usize,
}

impl ComparisonList {
    fn compare(session: &Session, base: &Dynamic, new: &Dynamic) -> Result<Self, Failure> {
        let (base, new) = (side(base)?, side(new)?);
        let comparison = compare_selections(&base, &new, &CompareOptions::default(), &session.cancel())?;
        let rows = (0..comparison.rows.len()).collect();
        Ok(Self { comparison: Arc::new(Compared { base, new, comparison }), rows })
    }

    fn get(&self, index: i64) -> Result<ComparisonRow, Failure> {
        let row = usize::try_from(index).ok().and_then(|index| self.rows.get(index).copied());
        let row = row.ok_or(Failure::OutOfRange { index, len: self.rows.len() as u64 })?;
        Ok(ComparisonRow { comparison: Arc::clone(&self.comparison), row })
    }

    /// The largest differences first, whatever their sign.
    fn sort_by_delta(&self, metric: Metric) -> Self {
        let mut rows = self.rows.to_vec();
        rows.sort_by_key(|&row| {
            std::cmp::Reverse(self.comparison.comparison.rows[row].delta.get(metric).unsigned_abs())
        });
        Self { rows: rows.into(), ..self.clone() }
    }

    fn take(&self, count: i64) -> Self {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.rows.len());
        Self { rows: self.rows[..count].into(), ..self.clone() }
    }

    fn total(&self) -> Map {
        differences(&self.comparison.comparison.delta)
    }
}

impl ComparisonRow {
    fn row(&self) -> &bytehound_index::ComparisonRow {
        &self.comparison.comparison.rows[self.row]
    }

    fn base(&self) -> Dynamic {
        self.row().base.as_ref().map_or(Dynamic::UNIT, |metrics| sums(metrics).into())
    }

    fn new_side(&self) -> Dynamic {
        self.row().new.as_ref().map_or(Dynamic::UNIT, |metrics| sums(metrics).into())
    }

    fn delta(&self) -> Map {
        differences(&self.row().delta)
    }

    fn backtrace(&self) -> Backtrace {
        let at = self.row().representative;
        let runs = match at.side {
            Side::Base => &self.comparison.base,
            Side::New => &self.comparison.new,
        };
        Backtrace::new(&runs[at.profile].0, at.backtrace)
    }
}

/// `argument` as one side of a comparison.
fn side(argument: &Dynamic) -> Result<Vec<Run>, Failure> {
    if let Some(array) = argument.read_lock::<Array>() {
        return array.iter().map(run).collect();
    }
    Ok(vec![run(argument)?])
}

fn run(argument: &Dynamic) -> Result<Run, Failure> {
    if let Some(data) = argument.read_lock::<Data>() {
        Ok((Arc::clone(data.profile()), Selection::all()))
    } else if let Some(list) = argument.read_lock::<AllocationList>() {
        Ok((Arc::clone(list.profile()), Arc::clone(list.selection())))
    } else {
        Err(Failure::NotComparable(type_name(argument)))
    }
}

fn sums(metrics: &Metrics) -> Map {
    let value = |metric| Dynamic::from(i64::try_from(metrics.get(metric)).unwrap_or(i64::MAX));
    Metric::ALL.into_iter().map(|metric| (metric.name().into(), value(metric))).collect()
}

fn differences(metrics: &Metrics<i64>) -> Map {
    Metric::ALL.into_iter().map(|metric| (metric.name().into(), Dynamic::from(metrics.get(metric)))).collect()
}

fn metric(name: &str) -> Result<Metric, Failure> {
    Metric::named(name).ok_or_else(|| {
        let names: Vec<String> = Metric::ALL.iter().map(|metric| format!("`{}`", metric.name())).collect();
        Failure::Metric { got: name.to_owned(), expected: names.join(", ") }
    })
}

impl fmt::Display for ComparisonList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stack(s) compared", self.rows.len())
    }
}

impl fmt::Display for ComparisonRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delta = self.row().delta;
        for (index, metric) in Metric::ALL.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{} {:+}", metric.name(), delta.get(metric))?;
        }
        Ok(())
    }
}

/// Iterates over the rows of a comparison.
pub(crate) struct Rows {
    list: ComparisonList,
    next: usize,
}

impl Iterator for Rows {
    type Item = ComparisonRow;

    fn next(&mut self) -> Option<ComparisonRow> {
        let row = self.list.rows.get(self.next).copied()?;
        self.next += 1;
        Some(ComparisonRow { comparison: Arc::clone(&self.list.comparison), row })
    }
}

impl IntoIterator for ComparisonList {
    type Item = ComparisonRow;
    type IntoIter = Rows;

    fn into_iter(self) -> Rows {
        Rows { list: self, next: 0 }
    }
}

pub(crate) fn register_compare(library: &mut Library<'_>, session: &Arc<Session>) {
    library.section("");
    let session = Arc::clone(session);
    library.define(
        "compare(base: Data|AllocationList|[…], new: Data|AllocationList|[…]) -> ComparisonList",
        "What is different in `new`, one row for every stack; both sides need the same number of runs.",
        "println(compare(profiles()[0], profiles()[1]))",
        move |base: Dynamic, new: Dynamic| -> Answer<ComparisonList> {
            Ok(ComparisonList::compare(&session, &base, &new)?)
        },
    );
}

pub(crate) fn register(library: &mut Library<'_>) {
    register_list(library);
    register_row(library);
}

fn register_list(library: &mut Library<'_>) {
    library.object::<ComparisonList>("ComparisonList");
    library.define(
        "len() -> Integer",
        "How many stacks there are.",
        "println(compare(data(), data()).len())",
        |list: &mut ComparisonList| list.rows.len() as i64,
    );
    library.describe(
        "[]",
        "ComparisonList[index: Integer] -> ComparisonRow",
        "What one stack did on both sides.",
        "println(compare(data(), data())[0])",
    );
    library.engine().register_indexer_get(|list: &mut ComparisonList, index: i64| -> Answer<ComparisonRow> {
        Ok(list.get(index)?)
    });
    library.describe(
        "for",
        "for row in ComparisonList",
        "A loop over all stacks.",
        "for row in compare(data(), data()) { println(row.delta) }",
    );
    library.engine().register_iterator::<ComparisonList>();
    library.define(
        "sort_by_delta([metric: String]) -> ComparisonList",
        "The largest differences first, whatever their sign; of `leaked_bytes` unless told otherwise.",
        "compare(data(), data()).sort_by_delta(\"peak_bytes\")",
        |list: &mut ComparisonList| list.sort_by_delta(Metric::LeakedBytes),
    );
    library.overload("sort_by_delta", |list: &mut ComparisonList, name: &str| -> Answer<ComparisonList> {
        Ok(list.sort_by_delta(metric(name)?))
    });
    library.define(
        "take(count: Integer) -> ComparisonList",
        "The first `count` rows; all of them when it is negative.",
        "compare(data(), data()).take(5)",
        |list: &mut ComparisonList, count: i64| list.take(count),
    );
    library.define(
        "total() -> ObjectMap",
        "The difference of the whole sides, whichever rows are left.",
        "println(compare(data(), data()).total().leaked_bytes)",
        |list: &mut ComparisonList| list.total(),
    );
}

fn register_row(library: &mut Library<'_>) {
    library.object::<ComparisonRow>("ComparisonRow");
    let engine = library.engine();
    engine.register_get("base", |row: &mut ComparisonRow| row.base());
    engine.register_get("new", |row: &mut ComparisonRow| row.new_side());
    engine.register_get("delta", |row: &mut ComparisonRow| row.delta());
    engine.register_get("backtrace", |row: &mut ComparisonRow| row.backtrace());
    library.describe(
        "base",
        "ComparisonRow.base -> ObjectMap|()",
        "The metrics of the base side, if it has this stack.",
        "println(compare(data(), data())[0].base)",
    );
    library.describe(
        "new",
        "ComparisonRow.new -> ObjectMap|()",
        "The metrics of the new side, if it has this stack.",
        "println(compare(data(), data())[0].new)",
    );
    library.describe(
        "delta",
        "ComparisonRow.delta -> ObjectMap",
        "New − base; a side without this stack counts as zero.",
        "println(compare(data(), data())[0].delta.leaked_bytes)",
    );
    library.describe(
        "backtrace",
        "ComparisonRow.backtrace -> Backtrace",
        "The stack, of the new side if that has it.",
        "println(compare(data(), data())[0].backtrace.strip())",
    );
}
