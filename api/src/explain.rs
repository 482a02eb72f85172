//! `GET /v1/profiles/{id}/explain`: how a filter is answered, and what that looks into.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, selection};
use crate::parameter::Parameter;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::Question;
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Explanation, Profile, Selection};
use std::sync::Arc;

/// The steps of the plan, the last one first.
pub(crate) struct Explain {
    selection: Arc<Selection>,
}

impl Question for Explain {
    const NAME: &'static str = "explain";
    const ABOUT: &'static str = "how a filter is answered";
    const PARAMETERS: &'static [Parameter] = &[FILTER];
    type Data = Explanation;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self { selection: selection(parameters)? })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        Ok(Answer::json(&profile.explain(&self.selection, cancel)?, Source::Allocations))
    }
}
