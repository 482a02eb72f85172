//! `GET /data/{id}/allocation_graph/…` and `/map_graph/…`: pictures of single groups and maps.
//!
//! The original drew them while it listed the groups. Here a list has addresses, and what is looked at is drawn.

use super::exports::drawn;
use super::filter::Filter;
use super::{Answer, SVG, no_data, profile, streamed};
use crate::artifacts::PICTURE_POLICY;
use crate::errors::{BAD_PARAMETER, MAP_NOT_FOUND};
use crate::parameters::Parameters;
use crate::problem::{Plain, Problem};
use crate::state::Api;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_dsl::Detail;
use bytehound_index::{BacktraceId, MapId, Predicate, Selection};
use std::fmt::Display;
use std::io::Write;
use std::str::FromStr;

/// The names of pictures, in the order of the fields that have their addresses.
const NAMES: [(&str, Detail); 2] = [("preview.svg", Detail::Preview), ("full.svg", Detail::Full)];

/// Parameters that say how a list looks, and not what is in it.
const OF_LISTS: [&str; 6] = ["skip", "count", "sort_by", "order", "generate_graphs", "strip_template_args"];

/// Where the pictures of the groups or maps of one answer are.
pub(super) struct GraphUrls {
    /// Up to the profile.
    folder: String,
    /// The filters of the list.
    query: String,
}

impl GraphUrls {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let is_filter = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            !name.is_empty() && !OF_LISTS.contains(&name)
        };
        let filters: Vec<&str> = request.query_string().split('&').filter(is_filter).collect();
        let folder = request.path().rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let query = if filters.is_empty() { String::new() } else { format!("?{}", filters.join("&")) };
        Self { folder, query }
    }

    /// Preview and full picture of a group.
    pub(super) fn of_group(&self, id: BacktraceId) -> [String; 2] {
        NAMES.map(|(name, _)| format!("{}/allocation_graph/{}/{name}{}", self.folder, id.0, self.query))
    }

    /// Preview and full picture of a map.
    pub(super) fn of_map(&self, id: MapId) -> [String; 2] {
        NAMES.map(|(name, _)| format!("{}/map_graph/{}/{name}", self.folder, id.0))
    }
}

/// What matched allocations of one backtrace used over time, and above it what all others of it did.
pub(crate) async fn allocation_graph(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    let of_backtrace = Predicate::Backtraces(BacktraceId(wanted(&request, "backtrace_id")?).into());
    let detail = detail(&request)?;
    streamed(&api, &request, SVG, move |profile, writer, cancel| {
        let matched = filter.selection(profile, cancel)?.filtered(of_backtrace.clone());
        let matched = profile.rows(&matched, cancel)?;
        let global = profile.rows(&Selection::all().filtered(of_backtrace), cancel)?;
        let series = [("Matched", matched), ("Global", global)];
        let picture = drawn(bytehound_dsl::allocation_graph(profile, &series, detail, cancel), cancel)?;
        writer.write_all(picture.as_bytes()).map_err(super::page::unread)
    })
    .await
}

/// The resident memory of one map over time.
pub(crate) async fn map_graph(api: Api, request: HttpRequest) -> Answer {
    let id = profile(&api, &request)?;
    let map = MapId(wanted(&request, "map_id")?);
    let detail = detail(&request)?;
    let picture = api.service.ask(vec![id], move |profiles, cancel| {
        let profile = &profiles[0];
        let draw = |_| drawn(bytehound_dsl::map_graph(profile, &map.into(), detail, cancel), cancel);
        profile.map(map).map(draw).transpose()
    });
    let missing = || Plain(Problem::new(&MAP_NOT_FOUND, "map not found"));
    let picture = picture.await.map_err(no_data)?.ok_or_else(missing)?;
    let mut response = HttpResponse::Ok();
    response.content_type(SVG).insert_header((CONTENT_SECURITY_POLICY, PICTURE_POLICY));
    Ok(response.body(picture))
}

fn wanted<T: FromStr<Err: Display>>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let value = request.match_info().query(name).parse();
    value.map_err(|error: T::Err| Problem::new(&BAD_PARAMETER, error.to_string()))
}

fn detail(request: &HttpRequest) -> Result<Detail, Problem> {
    let asked = request.match_info().query("name");
    let found = NAMES.iter().find(|(name, _)| *name == asked).map(|(_, detail)| *detail);
    found.ok_or_else(|| Problem::new(&BAD_PARAMETER, "expected `full.svg` or `preview.svg`"))
}
