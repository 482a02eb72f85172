//! `GET /data/{id}/timeline`, `/timeline_leaked` and `/timeline_maps`

use super::{Answer, no_data, profile};
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
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

/// What maps needed over time.
pub(crate) async fn timeline_maps(api: Api, request: HttpRequest) -> Answer {
    let id = profile(&api, &request)?;
    let answer =
        api.service.ask(vec![id], |profiles, cancel| Ok(profiles[0].compatible_map_timeline(cancel)?));
    Ok(HttpResponse::Ok().json(answer.await.map_err(no_data)?))
}

async fn answer(api: Api, request: HttpRequest, selection: Arc<Selection>) -> Answer {
    let id = profile(&api, &request)?;
    let answer = api
        .service
        .ask(vec![id], move |profiles, cancel| Ok(profiles[0].compatible_timeline(&selection, cancel)?));
    Ok(HttpResponse::Ok().json(answer.await.map_err(no_data)?))
}
