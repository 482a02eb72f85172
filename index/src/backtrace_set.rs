//! Sets of backtraces as plain data, for predicates.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::BacktraceId;

/// Backtraces of one profile, each once, in order. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<BacktraceId>")]
pub struct BacktraceSet(Arc<[BacktraceId]>);

impl BacktraceSet {
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
    pub fn contains(&self, id: BacktraceId) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Its backtraces, ascending.
    pub fn iter(&self) -> impl Iterator<Item = BacktraceId> + '_ {
        self.0.iter().copied()
    }
}

impl From<Vec<BacktraceId>> for BacktraceSet {
    fn from(mut ids: Vec<BacktraceId>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self(ids.into())
    }
}

impl FromIterator<BacktraceId> for BacktraceSet {
    fn from_iter<I: IntoIterator<Item = BacktraceId>>(ids: I) -> Self {
        ids.into_iter().collect::<Vec<_>>().into()
    }
}

impl From<BacktraceId> for BacktraceSet {
    fn from(id: BacktraceId) -> Self {
        Self([id].into())
    }
}
