//! `filter`: conditions as data, an array of the same predicates that the filters of scripts make.

use crate::errors::BAD_FILTER;
use crate::parameters::Parameters;
use crate::problem::Problem;
use bytehound_index::{Predicate, Selection};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Conditions of one filter: each is looked at for every allocation that the others leave.
const CONDITIONS_MAX: usize = 100;

/// The conditions of a question; none where it has no `filter`.
pub(crate) fn conditions<P: DeserializeOwned>(parameters: &Parameters) -> Result<Vec<P>, Problem> {
    let Some(text) = parameters.one("filter")? else { return Ok(Vec::new()) };
    let conditions: Vec<P> = serde_json::from_str(text)
        .map_err(|error| Problem::new(&BAD_FILTER, format!("`filter`: {error}")))?;
    if conditions.len() > CONDITIONS_MAX {
        let detail = format!("`filter`: {} conditions; at most {CONDITIONS_MAX} are taken", conditions.len());
        return Err(Problem::new(&BAD_FILTER, detail));
    }
    Ok(conditions)
}

/// The allocations that a question is about.
pub(crate) fn selection(parameters: &Parameters) -> Result<Arc<Selection>, Problem> {
    let conditions: Vec<Predicate> = conditions(parameters)?;
    Ok(conditions.into_iter().fold(Selection::all(), |selection, condition| selection.filtered(condition)))
}
