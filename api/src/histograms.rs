//! `GET /v1/profiles/{id}/histograms`: how sizes and lifetimes are distributed.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, selection};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::Question;
use bytehound_actors::ServiceError;
use bytehound_index::{Bin, Cancel, Histogram, Profile, Selection, Tally};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Bins by powers of two, ascending; those with nothing in them are left out.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HistogramsJson {
    /// By requested size in bytes.
    sizes: Vec<BinJson>,
    /// By lifetime in µs, of those that were freed.
    lifetimes: Vec<BinJson>,
    never_freed: TallyJson,
}

#[derive(Serialize, JsonSchema)]
struct BinJson {
    at_least: u64,
    at_most: u64,
    #[serde(flatten)]
    tally: TallyJson,
}

#[derive(Serialize, JsonSchema)]
struct TallyJson {
    count: u64,
    bytes: u64,
}

/// The distributions of what a filter leaves.
pub(crate) struct Distribution {
    selection: Arc<Selection>,
}

impl Question for Distribution {
    const NAME: &'static str = "histograms";
    const ABOUT: &'static str = "how sizes and lifetimes are distributed";
    const PARAMETERS: &'static [Parameter] = &[FILTER];
    type Data = HistogramsJson;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self { selection: selection(parameters)? })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let histograms = profile.histograms(&self.selection, cancel)?;
        let json = HistogramsJson {
            sizes: bins(&histograms.sizes),
            lifetimes: bins(&histograms.lifetimes),
            never_freed: TallyJson::of(histograms.never_freed),
        };
        Ok(Answer::json(&json, Source::Allocations))
    }
}

fn bins(histogram: &Histogram) -> Vec<BinJson> {
    histogram.bins().map(BinJson::of).collect()
}

impl BinJson {
    fn of(bin: Bin) -> Self {
        Self { at_least: bin.at_least, at_most: bin.at_most, tally: TallyJson::of(bin.tally) }
    }
}

impl TallyJson {
    fn of(tally: Tally) -> Self {
        Self { count: tally.count, bytes: tally.bytes }
    }
}
