//! `GET /v1/profiles/{id}/backtraces` and `/backtraces/{backtrace_id}`

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, conditions};
use crate::errors::BACKTRACE_NOT_FOUND;
use crate::frame_json::StackJson;
use crate::groups::{GroupJson, one};
use crate::page::{CURSOR, LIMIT_OF_PAGE, Page};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::{Kind, Problem};
use crate::question::{Numbered, Question};
use bytehound_actors::ServiceError;
use bytehound_index::{BacktraceId, Cancel, Predicate, Profile};
use schemars::JsonSchema;
use serde::Serialize;

/// A page of backtraces, and how many there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct BacktracesJson<'a> {
    backtraces: Vec<BacktraceJson<'a>>,
    total: usize,
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct BacktraceJson<'a> {
    backtrace_id: u32,
    #[serde(flatten)]
    stack: StackJson<'a>,
}

/// All backtraces that the conditions on backtraces leave, by their numbers; also those at which something was only freed.
pub(crate) struct Backtraces {
    conditions: Vec<Predicate>,
    page: Page,
}

impl Question for Backtraces {
    const NAME: &'static str = "backtraces";
    const ABOUT: &'static str = "backtraces, by their numbers";
    const PARAMETERS: &'static [Parameter] = &[FILTER, LIMIT_OF_PAGE, CURSOR];
    type Data = BacktracesJson<'static>;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self { conditions: conditions(parameters)?, page: Page::read(parameters)? })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let found = profile.backtraces(&self.conditions, cancel)?;
        let (part, next) = self.page.part(found.len());
        let shown = part.filter_map(|index| found.nth(index));
        let backtraces = shown
            .map(|id| BacktraceJson { backtrace_id: id.0, stack: StackJson::of(profile.backtrace(id)) })
            .collect();
        Ok(Answer::json(&BacktracesJson { backtraces, total: found.len(), next }, Source::Tables))
    }
}

impl Numbered for Backtraces {
    const NAME: &'static str = "backtrace";
    const ABOUT: &'static str = "one backtrace, with the sums over what was allocated there";
    const MISSING: &'static Kind = &BACKTRACE_NOT_FOUND;
    type Data = GroupJson<'static>;

    fn find(profile: &Profile, number: u32) -> Result<Option<Answer>, ServiceError> {
        Ok(one(profile, BacktraceId(number))?.map(|group| Answer::json(&group, Source::Summaries)))
    }
}
