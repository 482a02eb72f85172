//! `GET /data/{id}/maps`

use super::filter::Filter;
use super::graphs::GraphUrls;
use super::map_json::MapView;
use super::page::{Page, write_list};
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use crate::stream::ChunkWriter;
use actix_web::HttpRequest;
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Map, MapId, MapPredicate, Profile};
use std::cmp::Reverse;
use std::sync::Arc;

pub(super) type Key = fn(&Map<'_>) -> u64;

pub(super) const SORTS: [(&str, Key); 4] = [
    ("timestamp", |map| map.mapped_us),
    ("address", |map| map.address),
    ("size", |map| map.size),
    ("peak_rss", |map| map.peak_rss),
];

struct Question {
    filter: Filter<MapPredicate>,
    /// This map and no other, whatever else is asked.
    only: Option<u64>,
    sort: Key,
    page: Page,
    view: MapView,
    graphs: Option<GraphUrls>,
}

/// The maps that match.
pub(crate) async fn maps(api: Api, request: HttpRequest) -> Answer {
    let question = Question::read(&request)?;
    streamed(&api, &request, JSON, move |profile, writer, cancel| question.answer(profile, writer, cancel))
        .await
}

impl Question {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let parameters = Parameters::of(request);
        let is_set = |name| Ok::<bool, Problem>(parameters.read(name)?.unwrap_or(false));
        Ok(Self {
            filter: Filter::of_maps(&parameters)?,
            only: parameters.read("id")?,
            sort: parameters.word("sort_by", &SORTS)?.unwrap_or(SORTS[0].1),
            page: Page::read(&parameters)?,
            view: MapView {
                with_regions: is_set("with_regions")?,
                with_usage: is_set("with_usage_history")?,
                strips_template_arguments: is_set("strip_template_args")?,
            },
            graphs: is_set("generate_graphs")?.then(|| GraphUrls::of(request)),
        })
    }

    fn answer(
        &self,
        profile: &Arc<Profile>,
        writer: &mut ChunkWriter,
        cancel: &Cancel,
    ) -> Result<(), ServiceError> {
        let mut maps: Vec<Map<'_>> = match self.only {
            Some(id) => u32::try_from(id).ok().and_then(|id| profile.map(MapId(id))).into_iter().collect(),
            None => self.filter.maps(profile, cancel)?.iter().filter_map(|id| profile.map(id)).collect(),
        };
        let total_count = maps.len();
        match self.page.is_descending {
            false => maps.sort_by_key(self.sort),
            true => maps.sort_by_key(|map| Reverse((self.sort)(map))),
        }
        let shown = maps[self.page.range(total_count)].iter().map(|map| {
            let graphs = self.graphs.as_ref().map(|urls| urls.of_map(map.id));
            self.view.map(profile, map, graphs.map(|urls| urls.map(Some)).unwrap_or_default())
        });
        write_list(writer, "maps", shown, total_count as u64)
    }
}
