//! `GET /v1/profiles/{id}/maps` and `/maps/{map_id}`: mapped memory.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER_OF_MAPS, conditions};
use crate::errors::MAP_NOT_FOUND;
use crate::page::{CURSOR, LIMIT_OF_PAGE, ORDER, Page};
use crate::parameter::{Parameter, words};
use crate::parameters::Parameters;
use crate::problem::{Kind, Problem};
use crate::question::{Numbered, Question};
use bytehound_actors::ServiceError;
use bytehound_index::layout::UsageRecord;
use bytehound_index::{Access, Cancel, Manifest, Map, MapCall, MapId, MapPredicate, Profile, Region};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;

/// A page of maps, and how many there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MapsJson<'a> {
    maps: Vec<MapJson<'a>>,
    total: usize,
    next: Option<String>,
}

/// A map with all that is known of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WholeMapJson<'a> {
    #[serde(flatten)]
    map: MapJson<'a>,
    regions: Vec<RegionJson<'a>>,
    usage: Vec<UsageJson>,
}

/// One map. Times are µs after the start of the profile.
#[derive(Serialize, JsonSchema)]
struct MapJson<'a> {
    map_id: u32,
    name: &'a str,
    address: u64,
    size_bytes: u64,
    peak_rss_bytes: u64,
    access: String,
    mapped_us: u64,
    /// Where it was mapped, if a call was seen.
    mapped_by: Option<CallJson<'a>>,
    unmapped_us: Option<u64>,
    unmapped_by: Option<CallJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct CallJson<'a> {
    thread: u32,
    thread_name: Option<&'a str>,
    backtrace_id: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
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
#[derive(Serialize, JsonSchema)]
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

/// The maps that a filter leaves.
pub(crate) struct Maps {
    conditions: Vec<MapPredicate>,
    sort: Key,
    page: Page,
}

impl Question for Maps {
    const NAME: &'static str = "maps";
    const ABOUT: &'static str = "mapped memory";
    const PARAMETERS: &'static [Parameter] = &[
        FILTER_OF_MAPS,
        Parameter::word("sort", &words(&SORTS), "what to order by: `peak_rss_bytes` unless told otherwise"),
        ORDER,
        LIMIT_OF_PAGE,
        CURSOR,
    ];
    type Data = MapsJson<'static>;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            conditions: conditions(parameters)?,
            sort: parameters.word("sort", &SORTS)?.unwrap_or(SORTS[0].1),
            page: Page::read(parameters)?,
        })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
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
        let total = maps.len();
        let maps = maps[part].iter().map(|map| MapJson::of(map, profile)).collect();
        Ok(Answer::json(&MapsJson { maps, total, next }, Source::Tables))
    }
}

impl Numbered for Maps {
    const NAME: &'static str = "map";
    const ABOUT: &'static str = "one map, with its regions and what it needed over time";
    const MISSING: &'static Kind = &MAP_NOT_FOUND;
    type Data = WholeMapJson<'static>;

    fn find(profile: &Profile, number: u32) -> Result<Option<Answer>, ServiceError> {
        let map = profile.map(MapId(number));
        Ok(map.map(|map| Answer::json(&WholeMapJson::of(&map, profile), Source::Tables)))
    }
}

impl<'a> WholeMapJson<'a> {
    fn of(map: &Map<'a>, profile: &'a Profile) -> Self {
        let manifest = profile.manifest();
        Self {
            map: MapJson::of(map, profile),
            regions: map.regions().map(|region| RegionJson::of(&region, manifest)).collect(),
            usage: map.usage().iter().map(|usage| UsageJson::of(usage, manifest)).collect(),
        }
    }
}

impl<'a> MapJson<'a> {
    fn of(map: &Map<'a>, profile: &'a Profile) -> Self {
        let start_us = profile.manifest().start_us;
        Self {
            map_id: map.id.0,
            name: map.name,
            address: map.address,
            size_bytes: map.size,
            peak_rss_bytes: map.peak_rss,
            access: letters(map.access),
            mapped_us: map.mapped_us.saturating_sub(start_us),
            mapped_by: map.call.map(|call| CallJson::of(call, map.mapped_us, profile)),
            unmapped_us: map.unmapped_us.map(|at| at.saturating_sub(start_us)),
            unmapped_by: map
                .unmapped_by
                .zip(map.unmapped_us)
                .map(|(call, at_us)| CallJson::of(call, at_us, profile)),
        }
    }
}

impl<'a> CallJson<'a> {
    fn of(call: MapCall, at_us: u64, profile: &'a Profile) -> Self {
        Self {
            thread: call.thread,
            thread_name: profile.thread_name(call.thread, at_us),
            backtrace_id: call.backtrace.map(|id| id.0),
        }
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
