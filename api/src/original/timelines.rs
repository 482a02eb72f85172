//! `GET /data/{id}/timeline` and `/timeline_leaked`

use super::{Answer, ask, profile, written};
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_index::{Predicate, Selection};
use std::sync::Arc;

/// Everything over time.
pub(crate) async fn timeline(api: Api, request: HttpRequest) -> Answer {
    answer(api, request, Selection::all()).await
}

/// What leaked, over time.
pub(crate) async fn timeline_leaked(api: Api, request: HttpRequest) -> Answer {
    answer(api, request, Selection::all().filtered(Predicate::Leaked)).await
}

async fn answer(api: Api, request: HttpRequest, selection: Arc<Selection>) -> Answer {
    let id = profile(&api, &request)?;
    ask(&api, id, move |profile, cancel| written(&profile.compatible_timeline(&selection, cancel)?)).await
}
