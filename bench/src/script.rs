//! Scripts, as a person writes them.

use crate::indexed::Indexed;
use crate::memory::{Watch, anonymous_bytes};
use crate::table::Table;
use anyhow::{Context, Result, bail};
use bytehound_dsl::{Environment, Limits};
use bytehound_index::{Cancel, Profile};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TIMES: u64 = 10;
/// Milliseconds that each kind may take.
const FILTER: f64 = 40.0;
const OF_STACKS: f64 = 5.0;
const GROUPING: f64 = 60.0;
const CASE_STUDY: f64 = 500.0;
/// By how much the process may grow, in MB.
const GROWTH: f64 = 200.0;

/// An argument that can't be another one each time.
const ALL_MAPS: &str = "maps()";

/// Measures every filter, grouping, and the scripts of the case study.
pub(crate) fn measure(capture: &Path, case_study: &[PathBuf], as_json: bool) -> Result<()> {
    let indexed = Indexed::open(capture)?;
    let mut table = Table::default();
    let profile = indexed.afresh()?;
    run(&profile, "println(allocations().len())")?;
    let (before, memory) = (anonymous_bytes(), Watch::start());
    let filters: Vec<_> = bytehound_dsl::reference()
        .into_iter()
        .filter(|entry| entry.receiver == "AllocationList" && entry.name.starts_with("only_"))
        .collect();
    for filter in &filters {
        let target = if is_of_stacks(filter.name) { OF_STACKS } else { FILTER };
        table.record(filter.name, Some(target), TIMES + 1, |number| {
            let argument = argument(&filter.signature, filter.name, number)?;
            let script = format!("println(allocations().{}({argument}).len())", filter.name);
            let has_choice = !matches!(argument.as_str(), "" | ALL_MAPS);
            let profile = if has_choice { Arc::clone(&profile) } else { indexed.afresh()? };
            run(&profile, &script)
        })?;
    }
    table.record("group_by_backtrace and sort_by_size", Some(GROUPING), TIMES + 1, |number| {
        let list = format!("allocations().only_larger({})", 20 + number);
        run(&profile, &format!("println({list}.group_by_backtrace().sort_by_size()[0].len())"))
    })?;
    for path in case_study {
        let script =
            std::fs::read_to_string(path).with_context(|| format!("cannot open `{}`", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        table.record(name, Some(CASE_STUDY), 4, |_| run(&indexed.afresh()?, &script))?;
    }
    table.bound("MB by which the process grew", (memory.most_bytes() - before) as f64 / 1e6, GROWTH);
    table.finish(as_json)
}

/// Whether a filter names nothing but backtraces, functions, sources or groups.
fn is_of_stacks(filter: &str) -> bool {
    let of_stacks = ["_passing_through_", "only_group_", "only_backtrace_length_"];
    let of_allocation = ["only_matching_backtraces", "only_not_matching_backtraces"];
    of_stacks.iter().any(|part| filter.contains(part)) || of_allocation.contains(&filter)
}

/// An argument in the middle of what there is, another one for each number.
fn argument(signature: &str, filter: &str, number: u64) -> Result<String> {
    let parameter = signature.split_once(": ").map(|(_, rest)| rest.split([')', '|']).next().unwrap_or(rest));
    Ok(match parameter {
        None if signature.starts_with("()") => String::new(),
        Some("Integer") if filter.contains("address") => format!("{}", 0x5600_0400_0000 + number * 4096),
        Some("Integer") if filter.contains("chain") => (2 + number).to_string(),
        Some("Integer") if filter.contains("backtrace_length") => (15 + number).to_string(),
        Some("Integer") => (200 + number).to_string(),
        Some("Duration") if filter.contains("alive_for") => format!("us({})", 700 + number),
        Some("Duration") => format!("data().runtime() * 0.{}", 41 + number),
        Some("[Duration]") => format!("[data().runtime() * 0.{}]", 41 + number),
        Some("String") => format!("\"cache|nobody{number}\""),
        Some("Backtrace") => format!("[{}, {}]", number, 1000 + number * 7),
        Some("Map") => ALL_MAPS.to_owned(),
        _ => bail!("no argument is known for `{filter}{signature}`"),
    })
}

/// Runs one script; gives how long it took.
fn run(profile: &Arc<Profile>, script: &str) -> Result<Duration> {
    let start = Instant::now();
    let profiles = [Arc::clone(profile)];
    let outcome =
        bytehound_dsl::run(script, &profiles, Environment::closed(), &Limits::relaxed(), &Cancel::new());
    let took = start.elapsed();
    outcome.result.with_context(|| format!("the script failed:\n{script}"))?;
    Ok(took)
}
