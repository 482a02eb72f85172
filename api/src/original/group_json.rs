//! Groups as the original showed them.

use super::frame_json::FrameJson;
use super::timeval::{Clock, Timeval};
use bytehound_index::{BacktraceSummary, Group};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalGroup")]
pub(crate) struct GroupJson<'a> {
    pub(super) all: SumsJson,
    pub(super) only_matched: SumsJson,
    pub(super) backtrace_id: u32,
    pub(super) backtrace: Vec<FrameJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct SumsJson {
    size: u64,
    min_size: u64,
    max_size: u64,
    min_timestamp: Timeval,
    min_timestamp_relative: Timeval,
    #[schemars(with = "Option<f32>")]
    min_timestamp_relative_p: f32,
    max_timestamp: Timeval,
    max_timestamp_relative: Timeval,
    #[schemars(with = "Option<f32>")]
    max_timestamp_relative_p: f32,
    interval: Timeval,
    leaked_count: u64,
    allocated_count: u64,
    graph_preview_url: Option<String>,
    graph_url: Option<String>,
    max_total_usage_first_seen_at: Option<Timeval>,
    max_total_usage_first_seen_at_relative: Option<Timeval>,
    max_total_usage_first_seen_at_relative_p: Option<f32>,
}

/// The numbers of [`SumsJson`], before they are written as it wants them. Times are µs since 1970.
pub(crate) struct Sums {
    pub(super) size: u64,
    pub(super) min_size: u64,
    pub(super) max_size: u64,
    pub(super) first_us: u64,
    pub(super) last_us: u64,
    pub(super) leaked_count: u64,
    pub(super) allocated_count: u64,
    pub(super) peak_at_us: Option<u64>,
}

impl Sums {
    /// All that the capture knows of a backtrace. Sizes are usable ones.
    pub(super) fn of_all(summary: &BacktraceSummary) -> Self {
        Self {
            size: summary.usable_bytes,
            min_size: summary.min_usable,
            max_size: summary.max_usable,
            first_us: summary.first_us,
            last_us: summary.last_us,
            leaked_count: summary.allocated_count.saturating_sub(summary.freed_count),
            allocated_count: summary.allocated_count,
            peak_at_us: Some(summary.own_peak_at_us),
        }
    }

    /// The allocations that match. Sizes are requested ones.
    pub(super) fn of_matched(group: &Group) -> Self {
        Self {
            size: group.bytes,
            min_size: group.min_size,
            max_size: group.max_size,
            first_us: group.first_us,
            last_us: group.last_us,
            leaked_count: group.leaked_count,
            allocated_count: group.count,
            peak_at_us: None,
        }
    }

    pub(super) fn interval_us(&self) -> u64 {
        self.last_us.saturating_sub(self.first_us)
    }

    /// Pictures of the group are at these addresses, the preview first.
    pub(super) fn json(&self, clock: Clock, [graph_preview_url, graph_url]: [Option<String>; 2]) -> SumsJson {
        let (first, last) = (clock.at(self.first_us), clock.at(self.last_us));
        let peak = self.peak_at_us.map(|at| clock.at(at));
        SumsJson {
            size: self.size,
            min_size: self.min_size,
            max_size: self.max_size,
            min_timestamp: first.absolute,
            min_timestamp_relative: first.relative,
            min_timestamp_relative_p: first.share,
            max_timestamp: last.absolute,
            max_timestamp_relative: last.relative,
            max_timestamp_relative_p: last.share,
            interval: Timeval::of_us(self.interval_us()),
            leaked_count: self.leaked_count,
            allocated_count: self.allocated_count,
            graph_preview_url,
            graph_url,
            max_total_usage_first_seen_at: peak.map(|peak| peak.absolute),
            max_total_usage_first_seen_at_relative: peak.map(|peak| peak.relative),
            max_total_usage_first_seen_at_relative_p: peak.map(|peak| peak.share),
        }
    }
}
