//! `MapList`: some maps of one data file. There are few, so that filters look at once.

use std::sync::Arc;

use bytehound_index::{BacktraceId, MapPredicate, MapSet, Profile};

use crate::failure::{Answer, Failure};
use crate::library::Library;
use crate::list::{self, List, SetOperation};
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

    pub(crate) fn maps(&self) -> &MapSet {
        &self.maps
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
}

impl List for MapList {
    type Predicate = MapPredicate;
    const NAME: &'static str = "MapList";
    const ELEMENTS: &'static str = "maps";
    const SOURCE: &'static str = "maps()";

    fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    fn filtered(&self, predicate: MapPredicate) -> Result<Self, Failure> {
        let maps = self.profile.select_maps(&self.maps, &predicate, &self.session.cancel())?;
        Ok(Self { maps, ..self.clone() })
    }

    fn combined(&self, other: &Self, operation: SetOperation) -> Self {
        let maps = match operation {
            SetOperation::Union => self.maps.union(&other.maps),
            SetOperation::Difference => self.maps.difference(&other.maps),
            SetOperation::Intersection => self.maps.intersection(&other.maps),
        };
        Self { maps, ..self.clone() }
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
    library.object::<MapList>(MapList::NAME);
    library.define(
        "len() -> Integer",
        "How many maps are in the list.",
        "println(maps().len())",
        |list: &mut MapList| list.maps.len() as i64,
    );
    library.describe(
        "[]",
        "MapList[index: Integer] -> Map",
        "One map, in the order of the data file.",
        "println(maps()[0])",
    );
    library
        .engine()
        .register_indexer_get(|list: &mut MapList, index: i64| -> Answer<Map> { Ok(list.get(index)?) });
    library.describe(
        "for",
        "for map in MapList",
        "A loop over all maps, in the order of the data file.",
        "for map in maps() { println(map.name()) }",
    );
    library.engine().register_iterator::<MapList>();
    list::register_operators::<MapList>(library);
}
