//! `GET /v1/profiles/{id}/maps` and `/maps/{map_id}`: mapped memory.

use crate::conditions::conditions;
use crate::data_json::{Source, data_json};
use crate::errors::{BAD_PARAMETER, MAP_NOT_FOUND};
use crate::page::{PAGE, Page};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::layout::UsageRecord;
use bytehound_index::{Access, Cancel, Manifest, Map, MapCall, MapId, MapPredicate, Profile, Region};
use serde::Serialize;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::time::Instant;

/// One map. Times are µs after the start of the profile.
#[derive(Serialize)]
struct MapJson<'a> {
    map_id: u32,
    name: &'a str,
    address: u64,
    size_bytes: u64,
    peak_rss_bytes: u64,
    access: String,
    mapped_us: u64,
    /// Where it was mapped, if a call was seen.
    mapped_by: Option<CallJson>,
    unmapped_us: Option<u64>,
    unmapped_by: Option<CallJson>,
}

#[derive(Serialize)]
struct CallJson {
    thread: u32,
    backtrace_id: Option<u32>,
}

#[derive(Serialize)]
struct RegionJson<'a> {
    address: u64,
    size_bytes: u64,
    access: String,
    added_us: u64,
    removed_us: Option<u64>,
    name: &'a str,
    file_offset: u64,
    inode: u64,
}

/// What a map needed from a moment on.
#[derive(Serialize)]
struct UsageJson {
    t_us: u64,
    address_space_bytes: u64,
    rss_bytes: u64,
    anonymous_bytes: u64,
    dirty_bytes: u64,
    clean_bytes: u64,
    swap_bytes: u64,
}

type Key = fn(&Map<'_>) -> u64;

const SORTS: [(&str, Key); 4] = [
    ("peak_rss_bytes", |map| map.peak_rss),
    ("size_bytes", |map| map.size),
    ("mapped_us", |map| map.mapped_us),
    ("address", |map| map.address),
];

struct Question {
    conditions: Vec<MapPredicate>,
    sort: Key,
    page: Page,
}

/// The maps that a filter leaves.
pub(crate) async fn list(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let known = [&["filter", "sort"][..], &PAGE].concat();
    let (id, parameters) = api.question(&request, &mut payload, &known).await?;
    let question = Question::read(&parameters)?;
    let answer = api.service.ask(vec![id], move |profiles, cancel| question.answer(&profiles[0], cancel));
    Ok(data_json(answer.await?, Source::Tables, since))
}

/// One map, with its regions and what it needed over time.
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, _) = api.profile(&request, &[])?;
    let map = request.match_info().query("map_id").parse();
    let map = MapId(map.map_err(|error: std::num::ParseIntError| {
        Problem::new(&BAD_PARAMETER, format!("the number of the map: {error}"))
    })?);
    let answer = api.service.ask(vec![id], move |profiles, _| {
        let manifest = profiles[0].manifest();
        Ok(profiles[0].map(map).map(|map| whole(&map, manifest)))
    });
    let missing = || Problem::new(&MAP_NOT_FOUND, format!("the profile has no map {}", map.0));
    Ok(data_json(answer.await?.ok_or_else(missing)?, Source::Tables, since))
}

fn whole(map: &Map<'_>, manifest: &Manifest) -> Value {
    let mut json = json!(MapJson::of(map, manifest));
    json["regions"] = map.regions().map(|region| json!(RegionJson::of(&region, manifest))).collect();
    json["usage"] = map.usage().iter().map(|usage| json!(UsageJson::of(usage, manifest))).collect();
    json
}

impl Question {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            conditions: conditions(parameters)?,
            sort: parameters.word("sort", &SORTS)?.unwrap_or(SORTS[0].1),
            page: Page::read(parameters)?,
        })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Value, ServiceError> {
        let mut found = profile.all_maps();
        for condition in &self.conditions {
            found = profile.select_maps(&found, condition, cancel)?;
        }
        let mut maps: Vec<Map<'_>> = found.iter().filter_map(|id| profile.map(id)).collect();
        match self.page.is_ascending {
            true => maps.sort_by_key(self.sort),
            false => maps.sort_by_key(|map| Reverse((self.sort)(map))),
        }
        let (part, next) = self.page.part(maps.len());
        let shown: Vec<_> = maps[part].iter().map(|map| MapJson::of(map, profile.manifest())).collect();
        Ok(json!({ "maps": shown, "total": maps.len(), "next": next }))
    }
}

impl<'a> MapJson<'a> {
    fn of(map: &Map<'a>, manifest: &Manifest) -> Self {
        Self {
            map_id: map.id.0,
            name: map.name,
            address: map.address,
            size_bytes: map.size,
            peak_rss_bytes: map.peak_rss,
            access: letters(map.access),
            mapped_us: map.mapped_us.saturating_sub(manifest.start_us),
            mapped_by: map.call.map(CallJson::of),
            unmapped_us: map.unmapped_us.map(|at| at.saturating_sub(manifest.start_us)),
            unmapped_by: map.unmapped_by.map(CallJson::of),
        }
    }
}

impl CallJson {
    fn of(call: MapCall) -> Self {
        Self { thread: call.thread, backtrace_id: call.backtrace.map(|id| id.0) }
    }
}

impl<'a> RegionJson<'a> {
    fn of(region: &Region<'a>, manifest: &Manifest) -> Self {
        Self {
            address: region.address,
            size_bytes: region.size,
            access: letters(region.access),
            added_us: region.added_us.saturating_sub(manifest.start_us),
            removed_us: region.removed_us.map(|at| at.saturating_sub(manifest.start_us)),
            name: region.name,
            file_offset: region.file_offset,
            inode: region.inode,
        }
    }
}

impl UsageJson {
    fn of(usage: &UsageRecord, manifest: &Manifest) -> Self {
        Self {
            t_us: usage.time.saturating_sub(manifest.start_us),
            address_space_bytes: usage.address_space,
            rss_bytes: usage.rss(),
            anonymous_bytes: usage.anonymous,
            dirty_bytes: usage.dirty(),
            clean_bytes: usage.clean(),
            swap_bytes: usage.swap,
        }
    }
}

/// As the kernel writes it: `rwxp`.
fn letters(access: Access) -> String {
    let letter = |is_set, letter| if is_set { letter } else { '-' };
    let shared = if access.shared { 's' } else { 'p' };
    [letter(access.readable, 'r'), letter(access.writable, 'w'), letter(access.executable, 'x'), shared]
        .iter()
        .collect()
}
