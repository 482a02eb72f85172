//! Writing the rows of one build.

use std::path::PathBuf;

use super::row;
use super::{MAX_KEY, MAX_VALUE, SummaryWriter};
use crate::database::{Database, DatabaseError};
use crate::{BuildKey, Result, StoreError, durable};

/// Writes into the build's own database; without `finish` it is removed.
pub(super) struct LocalWriter {
    build: BuildKey,
    path: PathBuf,
    /// `None` once it is closed.
    database: Option<Database>,
    last_key: Option<Vec<u8>>,
    count: u32,
    finished: bool,
}

impl LocalWriter {
    pub(super) fn create(build: &BuildKey, path: PathBuf) -> Result<Self> {
        durable::remove_dir(&path)?;
        let database = Database::open_or_repair(&path).map_err(|error| failed(build, error))?;
        Ok(Self {
            build: build.clone(),
            path,
            database: Some(database),
            last_key: None,
            count: 0,
            finished: false,
        })
    }

    fn database(&self) -> Result<&Database> {
        self.database
            .as_ref()
            .ok_or_else(|| StoreError::Refused("the summaries are already finished".to_owned()))
    }

    fn commit(&mut self) -> Result<(), DatabaseError> {
        let database = self.database()?;
        database.sync()?;
        database.insert(row::COMMIT_KEY, &row::encode_commit(self.count))?;
        database.sync()?;
        self.database = None;
        // The first opening writes a snapshot of the log. Done now, readers open quickly, and on a full disk too.
        drop(Database::open_or_repair(&self.path)?);
        durable::sync_dir(&self.path)?;
        if let Some(parent) = self.path.parent() {
            durable::sync_dir(parent)?;
        }
        Ok(())
    }
}

impl SummaryWriter for LocalWriter {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if key.len() > MAX_KEY || value.len() > MAX_VALUE {
            let (key, value) = (key.len(), value.len());
            return Err(StoreError::Refused(format!(
                "a row of {key} + {value} bytes is too long; give {MAX_KEY} + {MAX_VALUE} at most"
            )));
        }
        if self.last_key.as_deref().is_some_and(|last| last >= key) {
            return Err(StoreError::Refused("the keys of summaries have to ascend; sort them".to_owned()));
        }
        let stored = row::encode(key, self.count, value);
        self.database()?.insert(&row::key(key), &stored).map_err(|error| failed(&self.build, error))?;
        self.count =
            self.count.checked_add(1).ok_or_else(|| StoreError::Refused("too many summaries".to_owned()))?;
        let last = self.last_key.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.commit().map_err(|error| failed(&self.build, error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        // Closed first: a reader who opens it next must get the lock.
        self.database = None;
        if !self.finished
            && let Err(error) = durable::remove_dir(&self.path)
        {
            tracing::warn!("{error}; the next start removes it");
        }
    }
}

pub(super) fn failed(build: &BuildKey, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Damaged(reason) => StoreError::SummaryLost { build: build.clone(), reason },
        DatabaseError::Store(error) => error,
    }
}
