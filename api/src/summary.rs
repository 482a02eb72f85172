//! `GET /v1/profiles/{id}/summary`: what is most worth knowing, in one answer.

use crate::answer::{Answer, Source};
use crate::groups::{GroupJson, largest};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::profile_json::InfoJson;
use crate::question::Question;
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Metric, Profile};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Groups of each kind, unless told otherwise; and at most.
const LIMIT: usize = 5;
const LIMIT_MAX: usize = 100;

/// The profile as a whole; for each metric the groups that have most of it; and how many maps there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SummaryJson<'a> {
    info: InfoJson<'a>,
    top: BTreeMap<&'static str, Vec<GroupJson<'a>>>,
    maps: MapCountsJson,
}

#[derive(Serialize, JsonSchema)]
struct MapCountsJson {
    total: usize,
    mapped_at_end: usize,
}

pub(crate) struct Summary {
    limit: usize,
}

impl Question for Summary {
    const NAME: &'static str = "summary";
    const ABOUT: &'static str = "what is most worth knowing";
    const PARAMETERS: &'static [Parameter] =
        &[Parameter::integer("limit", "groups of each kind: 5 unless told otherwise, at most 100")];
    type Data = SummaryJson<'static>;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self { limit: parameters.read_named("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX) })
    }

    fn answer(&self, profile: &Profile, _: &Cancel) -> Result<Answer, ServiceError> {
        let top = Metric::ALL.map(|metric| Ok((metric.name(), largest(profile, metric, self.limit)?)));
        let maps = profile.maps();
        let (total, mapped_at_end) = (maps.len(), maps.filter(|map| map.unmapped_us.is_none()).count());
        let summary = SummaryJson {
            info: InfoJson::of(profile.manifest()),
            top: top.into_iter().collect::<Result<_, ServiceError>>()?,
            maps: MapCountsJson { total, mapped_at_end },
        };
        Ok(Answer::json(&summary, Source::Summaries))
    }
}
