//! All phases in a row.

use bytehound_store::{BuildKey, FailureCause, ProfileId, Store, StoreError};

use super::live::LiveBudget;
use super::load::{Loaded, load};
use super::observer::Observer;
use super::publish::publish;
use super::symbolize::symbolize;
use super::write::write_beside;
use crate::IndexError;
use crate::model::Manifest;

/// Builds and publishes the index of a stored capture. When that fails, the profile's record says why; a cancelled
/// build leaves the record as it is, to be built again.
pub fn ingest(store: &Store, id: &ProfileId, observer: &dyn Observer) -> Result<Manifest, IndexError> {
    let generation = store.catalog().begin_build(id)?;
    let key = BuildKey { profile: id.clone(), generation };
    let outcome = build(store, &key, observer);
    if let Err(error) = &outcome {
        give_up(store, &key, error)?;
    }
    outcome
}

/// Reads the stored capture of a profile, and makes sure that its bytes are those that came in.
pub fn load_stored(
    store: &Store,
    id: &ProfileId,
    budget: LiveBudget,
    observer: &dyn Observer,
) -> Result<Loaded, IndexError> {
    let capture = store.captures().read(id)?;
    let size = capture.size_bytes();
    let loaded = load(capture.clone(), size, store, budget, observer);
    // Damage is the reason for whatever else there is to complain about.
    if !matches!(loaded, Err(IndexError::Cancelled)) {
        capture.finish()?;
    }
    loaded
}

/// Ends a build that came to nothing: its files go, and the profile's record says why. A cancelled build leaves the
/// record as it is.
pub fn give_up(store: &Store, key: &BuildKey, error: &IndexError) -> Result<(), IndexError> {
    let catalog = store.catalog();
    let noted = match error {
        IndexError::Store(error @ StoreError::DamagedCapture(id)) => {
            catalog.note_damage(id, &error.to_string())
        }
        _ => Ok(()),
    };
    let failed = match error {
        IndexError::Cancelled => Ok(()),
        IndexError::Store(error) if error.is_full_disk() => {
            let reason = format!("{error}; free some space on the disk, and a server indexes it by itself");
            catalog.fail(key, FailureCause::NoRoom, &reason)
        }
        error => catalog.fail(key, FailureCause::Error, &error.to_string()),
    };
    let deleted = store.delete_build(key);
    Ok(noted.and(failed).and(deleted)?)
}

fn build(store: &Store, key: &BuildKey, observer: &dyn Observer) -> Result<Manifest, IndexError> {
    let loaded = load_stored(store, &key.profile, LiveBudget::default(), observer)?;
    let name = |loaded: &Loaded| symbolize(loaded, store, observer);
    let manifest = write_beside(loaded, name, store, key, observer)?;
    publish(store, key, &manifest)?;
    Ok(manifest)
}
