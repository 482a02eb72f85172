//! The profiles that are open, so that a question need not open them again.

use crate::error::ServiceError;
use bytehound_index::{Hits, Profile};
use bytehound_store::{Damage, Generation, ProfileId, ProfileState, Store};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Profiles kept open. Each holds a mapping, a small database and its caches.
const OPEN_MAX: usize = 64;

pub(crate) struct OpenProfiles {
    store: Store,
    open: DashMap<ProfileId, OpenProfile>,
    clock: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct OpenProfile {
    generation: Generation,
    profile: Arc<Profile>,
    used: u64,
}

impl OpenProfiles {
    pub(crate) fn new(store: Store) -> Self {
        let [clock, hits, misses] = Default::default();
        Self { store, open: DashMap::new(), clock, hits, misses }
    }

    /// The ready profile of this id.
    pub(crate) fn get(&self, id: &ProfileId) -> Result<Arc<Profile>, ServiceError> {
        let record = self.store.catalog().get(id)?.ok_or_else(|| ServiceError::NotFound(id.to_string()))?;
        let generation = match (record.state.answering(), record.state) {
            (Some(generation), _) => generation,
            (None, ProfileState::Failed { reason }) => {
                return Err(ServiceError::Failed { id: id.to_string(), reason });
            }
            (None, _) => return Err(ServiceError::NotReady(id.to_string())),
        };
        // Relaxed: which of two profiles used at the same moment counts as older doesn't matter.
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        if let Some(mut entry) = self.open.get_mut(id)
            && entry.generation == generation
        {
            entry.used = now;
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Arc::clone(&entry.profile));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let profile = Profile::open(&self.store, id)?;
        self.open.insert(id.clone(), OpenProfile { generation, profile: Arc::clone(&profile), used: now });
        self.shrink();
        Ok(profile)
    }

    /// How often a profile was open already.
    pub(crate) fn counts(&self) -> Hits {
        Hits { hits: self.hits.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }

    /// Gives up the builds that readers found damaged: their profiles are to be indexed again, and named here.
    pub(crate) fn give_up_damaged(&self) -> Vec<ProfileId> {
        let mut given_up = Vec::new();
        for Damage { build, what } in self.store.damage().take() {
            match self.store.catalog().lose_build(&build, &what) {
                Ok(true) => {
                    tracing::error!(profile = %build.profile, what, "damaged: it is indexed again");
                    self.close(&build.profile);
                    given_up.push(build.profile);
                }
                // Superseded meanwhile: nobody needs it.
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(profile = %build.profile, %error, what, "cannot mark what is damaged");
                    self.store.damage().note(&build, &what);
                }
            }
        }
        given_up
    }

    /// Notes damage that no checksum shows: what a profile holds contradicts itself.
    pub(crate) fn note_contradiction(&self, id: &ProfileId, what: &str) {
        if let Ok(Some(build)) = self.store.catalog().get(id).map(|record| record?.ready_build()) {
            self.store.damage().note(&build, what);
        }
    }

    /// Closes a profile, for those who ask from now on.
    pub(crate) fn close(&self, id: &ProfileId) {
        self.open.remove(id);
    }

    fn shrink(&self) {
        while self.open.len() > OPEN_MAX {
            let oldest = self.open.iter().min_by_key(|entry| entry.used).map(|entry| entry.key().clone());
            let Some(oldest) = oldest else { return };
            self.open.remove(&oldest);
        }
    }
}
