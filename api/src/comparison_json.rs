//! A comparison as JSON: the same for `/v1/comparisons` and for the command line.

use crate::frame_json::StackJson;
use bytehound_index::{Comparison, ComparisonRow, Metrics, Profile, Side};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Serialize, JsonSchema)]
pub(crate) struct ComparisonJson<'a> {
    base: SideJson,
    new: SideJson,
    delta: Metrics<i64>,
    matched: MatchedJson,
    rows: Vec<RowJson<'a>>,
    total: usize,
}

#[derive(Serialize, JsonSchema)]
struct SideJson {
    label: String,
    runs: Vec<String>,
    totals: Metrics,
}

/// What stacks that both sides have account for.
#[derive(Serialize, JsonSchema)]
struct MatchedJson {
    base: Metrics,
    new: Metrics,
}

#[derive(Serialize, JsonSchema)]
struct RowJson<'a> {
    status: &'static str,
    #[serde(flatten)]
    stack: StackJson<'a>,
    base: Option<Metrics>,
    new: Option<Metrics>,
    delta: Metrics<i64>,
}

/// `{base, new, delta, matched, rows, total}`: the first `limit` rows of `total`, in the order in which they are.
///
/// `base` and `new` are the profiles that were compared, as they were given.
#[must_use]
pub fn comparison_json(
    comparison: &Comparison,
    base: &[Arc<Profile>],
    new: &[Arc<Profile>],
    limit: Option<usize>,
) -> Value {
    let (matched_base, matched_new) = comparison.matched();
    let shown = comparison.rows.iter().take(limit.unwrap_or(usize::MAX));
    let json = ComparisonJson {
        base: SideJson::of(base, comparison.base),
        new: SideJson::of(new, comparison.new),
        delta: comparison.delta,
        matched: MatchedJson { base: matched_base, new: matched_new },
        rows: shown.filter_map(|row| RowJson::of(row, base, new)).collect(),
        total: comparison.rows.len(),
    };
    // Plain values with text keys: there is nothing that JSON cannot hold.
    serde_json::to_value(json).unwrap_or_default()
}

impl SideJson {
    fn of(profiles: &[Arc<Profile>], totals: Metrics) -> Self {
        Self {
            label: label(profiles),
            runs: profiles.iter().map(|profile| profile.id().to_string()).collect(),
            totals,
        }
    }
}

/// The program, and how often it ran.
fn label(profiles: &[Arc<Profile>]) -> String {
    let program = profiles.first().map_or("", |profile| profile.manifest().executable.as_str());
    let program = program.rsplit('/').next().unwrap_or(program);
    match profiles.len() {
        1 => program.to_owned(),
        runs => format!("{program}, {runs} runs"),
    }
}

impl<'a> RowJson<'a> {
    fn of(row: &ComparisonRow, base: &'a [Arc<Profile>], new: &'a [Arc<Profile>]) -> Option<Self> {
        let at = row.representative;
        let side = match at.side {
            Side::Base => base,
            Side::New => new,
        };
        let status = match (row.base, row.new) {
            (Some(_), Some(_)) => "matched",
            (Some(_), None) => "only_base",
            _ => "only_new",
        };
        let stack = StackJson::of(side.get(at.profile)?.backtrace(at.backtrace));
        Some(Self { status, stack, base: row.base, new: row.new, delta: row.delta })
    }
}
