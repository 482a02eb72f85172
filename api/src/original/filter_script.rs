//! `GET /data/{id}/allocation_filter_to_script` and `/map_filter_to_script`

use super::filter::{Filter, FilterScript};
use super::{Answer, JSON_UTF8, no_data, profile};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_index::Manifest;

/// The script that picks the allocations that a query string asks for.
pub(crate) async fn allocation_filter_to_script(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    answer(api, request, move |manifest| filter.to_script("allocations()", manifest)).await
}

/// The same for maps.
pub(crate) async fn map_filter_to_script(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_maps(&Parameters::of(&request))?;
    answer(api, request, move |manifest| filter.to_script("maps()", manifest)).await
}

/// The scripts that pick what a query string of Bytehound 0.11 asks for: of allocations, and of maps.
///
/// # Errors
/// What is wrong with the query, in words.
pub fn scripts_of_query(query: &str, manifest: &Manifest) -> Result<[String; 2], String> {
    let parameters = Parameters::parse(query);
    let told = |problem: Problem| problem.to_string();
    let allocations = Filter::of_allocations(&parameters).map_err(told)?;
    let maps = Filter::of_maps(&parameters).map_err(told)?;
    Ok([allocations.to_script("allocations()", manifest), maps.to_script("maps()", manifest)]
        .map(String::from))
}

async fn answer(
    api: Api,
    request: HttpRequest,
    script: impl FnOnce(&Manifest) -> FilterScript + Send + 'static,
) -> Answer {
    let id = profile(&api, &request)?;
    let script = api.service.ask(vec![id], move |profiles, _| Ok(script(profiles[0].manifest())));
    let script = script.await.map_err(no_data)?;
    Ok(HttpResponse::Ok().content_type(JSON_UTF8).json(script))
}
