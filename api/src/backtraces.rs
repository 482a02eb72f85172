//! `GET /v1/profiles/{id}/backtraces` and `/backtraces/{backtrace_id}`

use crate::conditions::conditions;
use crate::data_json::{Source, data_json};
use crate::errors::{BACKTRACE_NOT_FOUND, BAD_PARAMETER};
use crate::frame_json::StackJson;
use crate::groups;
use crate::page::Page;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_index::{BacktraceId, Predicate};
use serde::Serialize;
use serde_json::json;
use std::time::Instant;

#[derive(Serialize)]
struct BacktraceJson<'a> {
    backtrace_id: u32,
    #[serde(flatten)]
    stack: StackJson<'a>,
}

/// All backtraces that the conditions on backtraces leave, by their numbers; also those at which something was only freed.
pub(crate) async fn list(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, parameters) = api.question(&request, &mut payload, &["filter", "limit", "cursor"]).await?;
    let conditions: Vec<Predicate> = conditions(&parameters)?;
    let page = Page::read(&parameters)?;
    let answer = api.service.ask(vec![id], move |profiles, cancel| {
        let found = profiles[0].backtraces(&conditions, cancel)?;
        let (part, next) = page.part(found.len());
        let shown: Vec<_> = part.filter_map(|index| found.nth(index)).collect();
        let shown = shown
            .iter()
            .map(|id| BacktraceJson { backtrace_id: id.0, stack: StackJson::of(profiles[0].backtrace(*id)) });
        Ok(json!({ "backtraces": shown.collect::<Vec<_>>(), "total": found.len(), "next": next }))
    });
    Ok(data_json(answer.await?, Source::Tables, since))
}

/// One backtrace, and the sums over what was allocated there.
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, _) = api.profile(&request, &[])?;
    let wanted = request.match_info().query("backtrace_id").parse();
    let wanted = BacktraceId(wanted.map_err(|error: std::num::ParseIntError| {
        Problem::new(&BAD_PARAMETER, format!("the number of the backtrace: {error}"))
    })?);
    let answer = api.service.ask(vec![id], move |profiles, _| groups::one(&profiles[0], wanted));
    let missing = || Problem::new(&BACKTRACE_NOT_FOUND, format!("the profile has no backtrace {}", wanted.0));
    Ok(data_json(answer.await?.ok_or_else(missing)?, Source::Summaries, since))
}
