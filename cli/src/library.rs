//! The captures at hand: each indexed when it is first asked for, and never again.

use crate::ingest_bar::IngestBar;
use anyhow::{Context, Result};
use bytehound_dsl::{ProfileSource, Shelf};
use bytehound_format::Reader;
use bytehound_index::{Profile, build};
use bytehound_store::{NewProfile, ProfileId, ProfileState, Store};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Opens captures by path, and profiles by id.
pub(crate) struct Library {
    store: Store,
}

impl Library {
    /// Over a data directory.
    pub(crate) fn open(data_dir: &crate::arguments::DataDir) -> Result<Self> {
        Ok(Self { store: data_dir.open_or_borrow()? })
    }

    /// The profile of a capture, indexed if it was not yet; or of the id of one that was.
    pub(crate) fn profile(&self, path: &Path) -> Result<Arc<Profile>> {
        let id = path.to_str().and_then(|text| ProfileId::parse(text).ok()).filter(|_| !path.exists());
        let profile = match id {
            Some(id) => Profile::open(&self.store, &id)?,
            None => self.capture(path).with_context(|| format!("cannot load `{}`", path.display()))?,
        };
        for defect in &profile.manifest().defects {
            eprintln!("warning: `{}`: {defect}", path.display());
        }
        Ok(profile)
    }

    fn capture(&self, path: &Path) -> Result<Arc<Profile>> {
        // Before it is hashed from end to end: is it one at all?
        Reader::new(File::open(path)?)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let new = NewProfile { name: name.clone(), labels: Default::default() };
        let record = self.store.captures().reference(path, new)?.record;
        if matches!(record.state, ProfileState::Ready { .. })
            && let Ok(profile) = Profile::open(&self.store, &record.id)
        {
            return Ok(profile);
        }
        build::ingest(&self.store, &record.id, &IngestBar::new(&name))?;
        Ok(Profile::open(&self.store, &record.id)?)
    }
}

impl ProfileSource for Library {
    fn load(&self, path: &str) -> Result<Arc<Profile>, String> {
        self.profile(Path::new(path)).map_err(|error| format!("{error:#}"))
    }
}

impl Shelf for Library {
    fn profile(&self, name: &str) -> Result<Arc<Profile>, String> {
        let id = self.store.named(name).map_err(|error| error.to_string())?;
        let id = id.ok_or("the data directory has no such profile")?;
        Profile::open(&self.store, &id).map_err(|error| error.to_string())
    }

    fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
        let found = self.store.labelled(labels).map_err(|error| error.to_string())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }
}
