//! `filter`: conditions as data, an array of the same predicates that the filters of scripts make.

use crate::errors::BAD_FILTER;
use crate::parameter::{Parameter, Values};
use crate::parameters::Parameters;
use crate::problem::Problem;
use bytehound_index::{MapPredicate, Predicate, Selection};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::sync::Arc;

/// Conditions of one filter: each is looked at for every allocation that the others leave.
const CONDITIONS_MAX: usize = 100;

/// `filter`, where a question is about allocations or backtraces; and where it is about maps.
pub(crate) const FILTER: Parameter = filter(schema::<Predicate>);
pub(crate) const FILTER_OF_MAPS: Parameter = filter(schema::<MapPredicate>);

const fn filter(schema: fn(&mut SchemaGenerator) -> Schema) -> Parameter {
    let about = Cow::Borrowed("conditions that must all hold");
    Parameter { name: "filter", about, values: Values::Json(schema), is_required: false }
}

fn schema<P: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": generator.subschema_for::<P>(),
        "maxItems": CONDITIONS_MAX,
    })
}

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
