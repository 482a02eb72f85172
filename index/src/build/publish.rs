//! The step that makes a build visible.

use std::collections::BTreeMap;

use bytehound_store::{BuildKey, Published, Store};

use super::manifest::encode_manifest;
use crate::IndexError;
use crate::model::Manifest;

/// Publishes what [`super::write()`] wrote. The capture's own labels join those of the profile; a label that was given
/// with an upload holds against the capture's. A build that a newer one has overtaken is deleted instead.
pub fn publish(store: &Store, key: &BuildKey, manifest: &Manifest) -> Result<(), IndexError> {
    add_labels(store, key, manifest)?;
    let data_id = Some(manifest.data_id.clone());
    match store.catalog().publish(key, data_id, encode_manifest(manifest))? {
        Published::Current => Ok(()),
        Published::Superseded => Ok(store.delete_build(key)?),
    }
}

fn add_labels(store: &Store, key: &BuildKey, manifest: &Manifest) -> Result<(), IndexError> {
    let Some(record) = store.catalog().get(&key.profile)? else { return Ok(()) };
    let own = manifest.labels.iter().filter(|(label, _)| !record.labels.contains_key(label));
    let own: BTreeMap<String, String> = own.cloned().collect();
    if !own.is_empty() {
        store.catalog().set_labels(&key.profile, &own)?;
    }
    Ok(())
}
