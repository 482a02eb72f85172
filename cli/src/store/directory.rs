//! The data directory, open in this process.

use super::keeper::Keeper;
use crate::ingest_bar::IngestBar;
use anyhow::{Context, Result};
use bytehound_index::build;
use bytehound_store::{Freed, ProfileId, Stat, Store, Verified};

pub(super) struct Directory {
    store: Store,
}

impl Directory {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Keeper for Directory {
    fn stat(&self) -> Result<Stat> {
        Ok(self.store.stat()?)
    }

    fn profiles(&self) -> Result<Vec<ProfileId>> {
        Ok(self.store.catalog().list()?.into_iter().map(|record| record.id).collect())
    }

    fn verify(&self, id: &ProfileId) -> Result<Verified> {
        Ok(self.store.verify(id)?)
    }

    fn gc(&self) -> Result<Freed> {
        // Much went when the directory was opened.
        Ok(self.store.swept() + self.store.gc()?)
    }

    fn reindex(&self, id: &ProfileId) -> Result<()> {
        let record = self.store.catalog().get(id)?.with_context(|| format!("there is no profile `{id}`"))?;
        build::ingest(&self.store, id, &IngestBar::new(&record.name))?;
        Ok(())
    }

    fn advice(&self) -> &'static str {
        "a damaged index is built again by `bytehound store reindex`, or by the next server; a damaged capture has to be \
         uploaded again"
    }
}
