//! Damage that readers of a build met: noted where it is met, so that it has consequences whoever asked, and whatever
//! became of the error on its way up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BuildKey, StoreError};

/// What is damaged of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The build.
    pub build: BuildKey,
    /// What was found.
    pub what: String,
}

/// The damage that was met and that nobody has seen to yet; one note a build.
#[derive(Debug, Default)]
pub struct DamageLog {
    notes: Mutex<Vec<Damage>>,
}

impl DamageLog {
    /// Notes damage, unless the build has a note already.
    pub fn note(&self, build: &BuildKey, what: &str) {
        let mut notes = self.notes();
        if notes.iter().all(|note| note.build != *build) {
            notes.push(Damage { build: build.clone(), what: what.to_owned() });
        }
    }

    /// Takes all notes out: whoever has them sees to them.
    pub fn take(&self) -> Vec<Damage> {
        std::mem::take(&mut *self.notes())
    }

    /// The readers of a build note here.
    pub(crate) fn watch(self: &Arc<Self>, build: &BuildKey) -> Watch {
        Watch { build: build.clone(), log: Arc::clone(self) }
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Damage>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader of one build holds.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    build: BuildKey,
    log: Arc<DamageLog>,
}

impl Watch {
    /// Notes an error that is damage, and gives it back.
    pub(crate) fn note(&self, error: StoreError) -> StoreError {
        if error.is_damaged_build() {
            self.log.note(&self.build, &error.to_string());
        }
        error
    }
}
