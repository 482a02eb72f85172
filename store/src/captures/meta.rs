//! The `.meta` beside each blob: what was said when the capture was acknowledged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::{Origin, ProfileId, ProfileRecord, ProfileState, Result, StoreError, durable};

const VERSION: u32 = 1;

/// The facts of a profile that can't be derived from its bytes, as JSON on the disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct Meta {
    version: u32,
    name: String,
    labels: BTreeMap<String, String>,
    origin: Origin,
    size_bytes: u64,
    created_at_ms: u64,
}

impl Meta {
    /// Writes the `.meta` of a record; durable when it returns. One writer at a time.
    pub(crate) fn write(record: &ProfileRecord, layout: &Layout) -> Result<()> {
        let meta = Self {
            version: VERSION,
            name: record.name.clone(),
            labels: record.labels.clone(),
            origin: record.origin.clone(),
            size_bytes: record.size_bytes,
            created_at_ms: record.created_at_ms,
        };
        let path = layout.meta(&record.id);
        let json = serde_json::to_vec_pretty(&meta)
            .map_err(|error| StoreError::Refused(format!("`{}`: {error}", path.display())))?;
        durable::replace(&path, &layout.tmp().join("meta"), &json)
    }

    /// The record that a `.meta` stands for: a profile that is stored and not built.
    pub(crate) fn read(id: &ProfileId, path: &Path) -> Result<ProfileRecord> {
        let json = fs::read(path).map_err(StoreError::io("read", path))?;
        let damaged = |error| StoreError::corrupt(format!("`{}` ({error})", path.display()));
        let meta: Self = serde_json::from_slice(&json).map_err(damaged)?;
        if meta.version != VERSION {
            let what = format!("`{}`", path.display());
            return Err(StoreError::Version { what, found: meta.version, expected: VERSION });
        }
        Ok(ProfileRecord {
            id: id.clone(),
            name: meta.name,
            labels: meta.labels,
            origin: meta.origin,
            size_bytes: meta.size_bytes,
            created_at_ms: meta.created_at_ms,
            data_id: None,
            state: ProfileState::Stored,
            summary: None,
            damage: None,
        })
    }

    /// The ids that have a `.meta`.
    pub(crate) fn list(layout: &Layout) -> Result<Vec<ProfileId>> {
        let id = |path: &Path| ProfileId::parse(path.file_name()?.to_str()?.strip_suffix(".meta")?).ok();
        Ok(durable::entries(&layout.blobs())?.iter().filter_map(|path| id(path)).collect())
    }
}
