//! `bytehound compare`: what changed between two runs, or two sets of runs.

use crate::arguments::CompareArguments;
use crate::library::Library;
use crate::table;
use anyhow::{Context, Result};
use bytehound_index::{CompareOptions, Comparison, Metric, Profile, compare as compare_profiles};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Exit code when nothing changed.
const SAME: u8 = 0;
/// Exit code when something did.
const DIFFERENT: u8 = 1;
/// Changed stacks shown, unless told otherwise.
const SHOWN: usize = 10;

/// Compares, prints, and says by the exit code whether anything changed.
pub(crate) fn compare(arguments: &CompareArguments) -> Result<u8> {
    let metric = metric(&arguments.by)?;
    let library = Library::open(&arguments.data_dir)?;
    let base = open(&library, arguments.base.iter().chain(&arguments.bases))?;
    let new = open(&library, arguments.new.iter().chain(&arguments.news))?;
    let mut comparison = compare_profiles(&base, &new, &CompareOptions::default())?;
    comparison.sort_by(metric);
    let mut output = std::io::stdout().lock();
    if arguments.json {
        writeln!(output, "{}", bytehound_api::comparison_json(&comparison, &base, &new, arguments.limit))?;
    } else {
        let limit = arguments.limit.unwrap_or(SHOWN);
        write!(output, "{}", table::render(&comparison, &base, &new, metric, limit))?;
    }
    Ok(if is_same(&comparison) { SAME } else { DIFFERENT })
}

fn metric(name: &str) -> Result<Metric> {
    let names = || Metric::ALL.map(Metric::name).join(", ");
    Metric::named(name).with_context(|| format!("`{name}` is no metric; there are {}", names()))
}

fn open<'a>(library: &Library, paths: impl Iterator<Item = &'a PathBuf>) -> Result<Vec<Arc<Profile>>> {
    paths.map(|path| library.profile(path)).collect()
}

fn is_same(comparison: &Comparison) -> bool {
    let unchanged = |metric| comparison.rows.iter().all(|row| row.delta.get(metric) == 0);
    Metric::ALL.into_iter().all(unchanged)
}
