//! The profiles that are open, so that a question need not open them again.

use crate::error::ServiceError;
use bytehound_index::{Hits, Profile};
use bytehound_store::{Damage, Generation, ProfileId, ProfileState, Store};
use dashmap::DashMap;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Profiles kept open. Each holds a mapping, a small database and its tables.
const OPEN_MAX: usize = 64;
/// What the tables of all together may take; a larger one is open alone.
const TABLES_BYTES_MAX: usize = 256 << 20;

pub(crate) struct OpenProfiles {
    store: Store,
    tables_bytes_max: usize,
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
        Self::within(store, TABLES_BYTES_MAX)
    }

    fn within(store: Store, tables_bytes_max: usize) -> Self {
        let [clock, hits, misses] = Default::default();
        Self { store, tables_bytes_max, open: DashMap::new(), clock, hits, misses }
    }

    /// The ready profile of this id.
    pub(crate) fn get(&self, id: &ProfileId) -> Result<Arc<Profile>, ServiceError> {
        let record = self.store.catalog().get(id)?.ok_or_else(|| ServiceError::NotFound(id.to_string()))?;
        let generation = match (record.state.answering(), record.state) {
            (Some(generation), _) => generation,
            (None, ProfileState::Failed { reason, .. }) => {
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
            let profile = Arc::clone(&entry.profile);
            drop(entry);
            self.shrink();
            return Ok(profile);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let profile = Profile::open(&self.store, id)?;
        self.open.insert(id.clone(), OpenProfile { generation, profile: Arc::clone(&profile), used: now });
        self.shrink();
        Ok(profile)
    }

    /// Opens a profile, and reads what most questions to it begin with, before anybody waits for that.
    pub(crate) fn prepare(&self, id: &ProfileId) {
        let prepared = self.get(id).and_then(|profile| {
            profile.summaries()?;
            profile.buckets()?;
            Ok(())
        });
        if let Err(error) = prepared {
            tracing::warn!(profile = %id, %error, "cannot be opened; the next question tries again");
        }
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

    /// Closes those that were not used for longest, until the rest are within what they may take.
    fn shrink(&self) {
        let bytes: usize = self.open.iter().map(|entry| entry.profile.tables_bytes()).sum();
        if self.open.len() <= OPEN_MAX && bytes <= self.tables_bytes_max {
            return;
        }
        let mut by_use: Vec<_> = self
            .open
            .iter()
            .map(|entry| (entry.used, entry.profile.tables_bytes(), entry.key().clone()))
            .collect();
        by_use.sort_unstable_by_key(|(used, ..)| Reverse(*used));
        let mut bytes = 0;
        let kept = by_use.iter().take(OPEN_MAX).take_while(|(_, tables, _)| {
            bytes += tables;
            bytes <= self.tables_bytes_max
        });
        let kept = kept.count().max(1);
        by_use.drain(kept..).for_each(|(.., id)| drop(self.open.remove(&id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytehound_index::build;
    use bytehound_store::NewProfile;
    use std::path::Path;

    /// Some profiles that are ready, none of them open.
    fn ready(tables_bytes_max: usize) -> (OpenProfiles, Vec<ProfileId>) {
        let store = Store::temporary().unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/golden");
        let ingest = |name: &str| {
            let received = store.captures().reference(&golden.join(name), NewProfile::default()).unwrap();
            build::ingest(&store, &received.record.id, &()).unwrap();
            received.record.id
        };
        let ids = ["threads.raw.dat", "cull.raw.dat", "realloc.raw.dat"].map(ingest).to_vec();
        (OpenProfiles::within(store, tables_bytes_max), ids)
    }

    fn is_open(profiles: &OpenProfiles, id: &ProfileId) -> bool {
        profiles.open.contains_key(id)
    }

    #[test]
    fn a_prepared_profile_is_open_and_asking_it_opens_nothing() {
        let (profiles, ids) = ready(TABLES_BYTES_MAX);
        ids.iter().for_each(|id| profiles.prepare(id));
        let misses = profiles.counts().misses;
        ids.iter().for_each(|id| drop(profiles.get(id).unwrap()));
        assert_eq!((misses, profiles.counts().misses, profiles.counts().hits), (3, 3, 3));
    }

    #[test]
    fn the_tables_of_open_profiles_stay_within_their_memory() {
        let (profiles, ids) = ready(0);
        ids.iter().for_each(|id| profiles.prepare(id));
        assert!(profiles.get(&ids[2]).is_ok());
        assert_eq!(ids.iter().map(|id| is_open(&profiles, id)).collect::<Vec<_>>(), [false, false, true]);

        let (profiles, ids) = ready(TABLES_BYTES_MAX);
        ids.iter().for_each(|id| profiles.prepare(id));
        let all: usize = profiles.open.iter().map(|entry| entry.profile.tables_bytes()).sum();
        let (profiles, ids) = ready(all - 1);
        [0, 1, 0, 2].iter().for_each(|number| profiles.prepare(&ids[*number]));
        assert!(profiles.get(&ids[2]).is_ok());
        assert_eq!(
            ids.iter().map(|id| is_open(&profiles, id)).collect::<Vec<_>>(),
            [true, false, true],
            "the one that was not used for longest is closed"
        );
    }
}
