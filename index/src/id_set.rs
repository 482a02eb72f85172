//! Sets of backtraces or maps as plain data, for predicates.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{BacktraceId, MapId};

/// Backtraces of one profile.
pub type BacktraceSet = IdSet<BacktraceId>;
/// Maps of one profile.
pub type MapSet = IdSet<MapId>;

/// Ids of one profile, each once, in order. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Vec<T>", bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de> + Ord"))]
pub struct IdSet<T>(Arc<[T]>);

impl<T: Copy + Ord> IdSet<T> {
    /// How many it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has `id`.
    #[must_use]
    pub fn contains(&self, id: T) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Its ids, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        self.0.iter().copied()
    }

    /// The id that has `index` others before it.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<T> {
        self.0.get(index).copied()
    }

    /// Ids in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// Ids in this one but not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.iter().filter(|id| !other.contains(*id)).collect()
    }

    /// Ids in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.iter().filter(|id| other.contains(*id)).collect()
    }
}

impl<T> Default for IdSet<T> {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl<T: Ord> From<Vec<T>> for IdSet<T> {
    fn from(mut ids: Vec<T>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(ids.into())
    }
}

impl<T: Ord> FromIterator<T> for IdSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        ids.into_iter().collect::<Vec<_>>().into()
    }
}

impl<T> From<T> for IdSet<T> {
    fn from(id: T) -> Self {
        Self([id].into())
    }
}
