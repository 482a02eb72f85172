//! The series of a graph, and what of its list belongs to each.

use std::collections::HashMap;
use std::sync::Arc;

use bytehound_index::{MapSet, Profile, RowSet};

use crate::allocation_list::AllocationList;
use crate::failure::Failure;
use crate::list::List as _;
use crate::map_list::MapList;

/// What was added to a graph.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) label: Option<String>,
    pub(crate) list: AnyList,
}

#[derive(Clone)]
pub(crate) enum AnyList {
    Allocations(AllocationList),
    Maps(MapList),
}

/// What a series is drawn from. What two parts of one profile have in common is drawn as part of the first.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) label: Option<String>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) held: Held,
}

#[derive(Clone)]
pub(crate) enum Held {
    Allocations(Arc<RowSet>),
    Maps(MapSet),
}

impl Series {
    pub(crate) fn is_of_maps(&self) -> bool {
        matches!(self.list, AnyList::Maps(_))
    }

    fn profile(&self) -> &Arc<Profile> {
        match &self.list {
            AnyList::Allocations(list) => list.profile(),
            AnyList::Maps(list) => list.profile(),
        }
    }

    fn allocations(&self) -> Option<&AllocationList> {
        match &self.list {
            AnyList::Allocations(list) => Some(list),
            AnyList::Maps(_) => None,
        }
    }
}

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Allocations(rows) => rows.is_empty(),
            Self::Maps(maps) => maps.is_empty(),
        }
    }

    pub(crate) fn rows(&self) -> Option<Arc<RowSet>> {
        match self {
            Self::Allocations(rows) => Some(Arc::clone(rows)),
            Self::Maps(_) => None,
        }
    }

    pub(crate) fn maps(&self) -> Option<MapSet> {
        match self {
            Self::Allocations(_) => None,
            Self::Maps(maps) => Some(maps.clone()),
        }
    }

    fn without(&self, earlier: &Self) -> Self {
        match (self, earlier) {
            (Self::Allocations(rows), Self::Allocations(earlier)) => {
                Self::Allocations(Arc::new(rows.difference(earlier)))
            }
            (Self::Maps(maps), Self::Maps(earlier)) => Self::Maps(maps.difference(earlier)),
            _ => self.clone(),
        }
    }

    fn with(&self, later: &Self) -> Self {
        match (self, later) {
            (Self::Allocations(rows), Self::Allocations(later)) => {
                Self::Allocations(Arc::new(rows.union(later)))
            }
            (Self::Maps(maps), Self::Maps(later)) => Self::Maps(maps.union(later)),
            _ => later.clone(),
        }
    }
}

/// What the lists of some series hold; they may have something in common.
pub(crate) fn parts(series: &[Series]) -> Result<Vec<Part>, Failure> {
    let lists: Vec<&AllocationList> = series.iter().filter_map(Series::allocations).collect();
    let mut rows = AllocationList::rows_of_each(&lists)?.into_iter();
    let part = |series: &Series| {
        let held = match &series.list {
            AnyList::Allocations(_) => Held::Allocations(rows.next()?),
            AnyList::Maps(list) => Held::Maps(list.maps().clone()),
        };
        Some(Part { label: series.label.clone(), profile: Arc::clone(series.profile()), held })
    };
    Ok(series.iter().filter_map(part).collect())
}

/// These parts, each without what those before it have.
pub(super) fn disjoint(parts: Vec<Part>) -> Vec<Part> {
    let mut taken: HashMap<_, Held> = HashMap::new();
    let own = |part: Part| {
        let (held, all) = match taken.get(part.profile.id()) {
            None => (part.held.clone(), part.held.clone()),
            Some(earlier) => (part.held.without(earlier), earlier.with(&part.held)),
        };
        taken.insert(part.profile.id().clone(), all);
        Part { held, ..part }
    };
    parts.into_iter().map(own).collect()
}
