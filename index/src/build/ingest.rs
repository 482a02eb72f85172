//! All phases in a row.

use bytehound_store::{BuildKey, ProfileId, Store};

use super::load::load;
use super::observer::Observer;
use super::publish::publish;
use super::symbolize::symbolize;
use super::write::write;
use crate::IndexError;
use crate::model::Manifest;

/// Builds and publishes the index of a stored capture. When that fails, the profile's record says why; a cancelled
/// build leaves the record as it is, to be built again.
pub fn ingest(store: &Store, id: &ProfileId, observer: &dyn Observer) -> Result<Manifest, IndexError> {
    let generation = store.catalog().begin_build(id)?;
    let key = BuildKey { profile: id.clone(), generation };
    let outcome = build(store, &key, observer);
    if let Err(error) = &outcome {
        if !matches!(error, IndexError::Cancelled) {
            store.catalog().fail(&key, &error.to_string())?;
        }
        store.delete_build(&key)?;
    }
    outcome
}

fn build(store: &Store, key: &BuildKey, observer: &dyn Observer) -> Result<Manifest, IndexError> {
    let file = store.captures().open(&key.profile)?;
    let size = file.metadata()?.len();
    let loaded = load(file, size, store, observer)?;
    let symbols = symbolize(&loaded, store, observer)?;
    let manifest = write(loaded, symbols, store, key, observer)?;
    publish(store, key, &manifest)?;
    Ok(manifest)
}
