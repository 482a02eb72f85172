//! `MapList`: some maps of one data file. There are few, so that filters look at once.

use std::sync::Arc;

use bytehound_index::{BacktraceId, MapPredicate, MapSet, Profile};

use crate::failure::{Answer, Failure};
use crate::library::Library;
use crate::map::Map;
use crate::session::Session;

#[derive(Clone)]
pub(crate) struct MapList {
    session: Arc<Session>,
    profile: Arc<Profile>,
    maps: MapSet,
}

impl MapList {
    pub(crate) fn all(session: &Arc<Session>, profile: Arc<Profile>) -> Self {
        Self { session: Arc::clone(session), maps: profile.all_maps(), profile }
    }

    pub(crate) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    pub(crate) fn maps(&self) -> &MapSet {
        &self.maps
    }

    pub(crate) fn filtered(&self, predicate: &MapPredicate) -> Result<Self, Failure> {
        let maps = self.profile.select_maps(&self.maps, predicate, &self.session.cancel)?;
        Ok(Self { maps, ..self.clone() })
    }

    /// Where its maps were mapped, as far as that is known.
    pub(crate) fn backtraces(&self) -> impl Iterator<Item = BacktraceId> {
        let maps = self.maps.iter().filter_map(|id| self.profile.map(id));
        maps.filter_map(|map| map.call.and_then(|call| call.backtrace))
    }

    fn get(&self, index: i64) -> Result<Map, Failure> {
        let map = usize::try_from(index).ok().and_then(|index| self.maps.nth(index));
        let map = map.and_then(|id| Map::new(&self.profile, id));
        map.ok_or(Failure::OutOfRange { index, len: self.maps.len() as u64 })
    }

    fn combined(&self, other: &Self, combine: fn(&MapSet, &MapSet) -> MapSet) -> Result<Self, Failure> {
        if self.profile.id() != other.profile.id() {
            return Err(Failure::ForeignList);
        }
        Ok(Self { maps: combine(&self.maps, &other.maps), ..self.clone() })
    }
}

/// Iterates over the maps of a list.
pub(crate) struct Maps {
    list: MapList,
    next: usize,
}

impl Iterator for Maps {
    type Item = Map;

    fn next(&mut self) -> Option<Map> {
        let id = self.list.maps.nth(self.next)?;
        self.next += 1;
        Map::new(&self.list.profile, id)
    }
}

impl IntoIterator for MapList {
    type Item = Map;
    type IntoIter = Maps;

    fn into_iter(self) -> Maps {
        Maps { list: self, next: 0 }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<MapList>("MapList");
    library.define("len() -> Integer", "How many maps are in the list.", |list: &mut MapList| {
        list.maps.len() as i64
    });
    library.describe("[]", "MapList[index: Integer] -> Map", "One map, in the order of the data file.");
    library
        .engine()
        .register_indexer_get(|list: &mut MapList, index: i64| -> Answer<Map> { Ok(list.get(index)?) });
    library.describe("for", "for map in MapList", "A loop over all maps, in the order of the data file.");
    library.engine().register_iterator::<MapList>();
    library.operator(
        "+",
        "MapList + MapList -> MapList",
        "The maps that are in either list.",
        |a: MapList, b: MapList| -> Answer<MapList> { Ok(a.combined(&b, MapSet::union)?) },
    );
    library.operator(
        "-",
        "MapList - MapList -> MapList",
        "The maps that are in the first list but not in the second.",
        |a: MapList, b: MapList| -> Answer<MapList> { Ok(a.combined(&b, MapSet::difference)?) },
    );
    library.operator(
        "&",
        "MapList & MapList -> MapList",
        "The maps that are in both lists.",
        |a: MapList, b: MapList| -> Answer<MapList> { Ok(a.combined(&b, MapSet::intersection)?) },
    );
}
