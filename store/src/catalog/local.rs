//! The catalogue of one machine: answered from memory, kept over restarts by sled, and where sled loses something, by
//! the `.meta` files.
//!
//! Memory holds what is durable: a change is first written to sled and synced, then seen by readers. When a write fails
//! (a full disk, mostly) sled refuses everything from then on, reading too. Then the database is closed, readers
//! go on, and the next change opens it again and first brings it to what memory holds.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::row::Row;
use super::{Catalog, Origin, ProfileRecord, ProfileState, Published, SUMMARY_LEN_MAX};
use crate::captures::Meta;
use crate::database::{Database, DatabaseError};
use crate::layout::Layout;
use crate::{BuildKey, Generation, ProfileId, Result, StoreError, durable};

pub(crate) struct LocalCatalog {
    layout: Layout,
    rows: RwLock<Rows>,
    /// Held by the one writer; `None` after a failure.
    database: Mutex<Option<Database>>,
}

type Rows = BTreeMap<ProfileId, Row>;
/// The right to change the catalogue.
type Writer<'a> = MutexGuard<'a, Option<Database>>;

impl LocalCatalog {
    /// Opens the catalogue. What sled lost is taken from the `.meta` files; a build that was running when the last
    /// process ended is none any more.
    pub(crate) fn open(layout: &Layout) -> Result<Self> {
        let (database, mut rows) = open_database(layout)?;
        for id in Meta::list(layout)? {
            if !rows.contains_key(&id) {
                rows.extend(restore(layout, &id)?.map(|row| (id, row)));
            }
        }
        for row in rows.values_mut().filter(|row| row.record.state == ProfileState::Indexing) {
            row.record.state = ProfileState::Stored;
        }
        bring_to(&database, &rows).map_err(failed)?;
        Ok(Self { layout: layout.clone(), rows: RwLock::new(rows), database: Mutex::new(Some(database)) })
    }

    /// Forgets the builds of a profile: it is stored, and wants a new one.
    pub(crate) fn reset(&self, id: &ProfileId) -> Result<()> {
        self.change(id, |row| row.record.state = ProfileState::Stored).map(drop)
    }

    fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn row(&self, id: &ProfileId) -> Result<Row> {
        self.rows().get(id).cloned().ok_or_else(|| StoreError::NoSuchProfile(id.clone()))
    }

    fn writer(&self) -> Writer<'_> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change to an existing row.
    fn change(&self, id: &ProfileId, change: impl FnOnce(&mut Row)) -> Result<Row> {
        let writer = self.writer();
        let mut row = self.row(id)?;
        change(&mut row);
        self.store(writer, row)
    }

    /// Applies a change if the build is the newest one and still running; says whether it was.
    fn change_build(&self, build: &BuildKey, change: impl FnOnce(&mut ProfileRecord)) -> Result<bool> {
        let writer = self.writer();
        match self.row(&build.profile) {
            Ok(mut row) if row.newest == build.generation && row.record.state == ProfileState::Indexing => {
                change(&mut row.record);
                self.store(writer, row).map(|_| true)
            }
            _ => Ok(false),
        }
    }

    fn store(&self, mut writer: Writer<'_>, row: Row) -> Result<Row> {
        let bytes = row.encode()?;
        self.write(&mut writer, |database| database.insert(key(&row.record.id), &bytes))?;
        self.rows.write().unwrap_or_else(PoisonError::into_inner).insert(row.record.id.clone(), row.clone());
        Ok(row)
    }

    /// Makes one change durable.
    fn write(
        &self,
        writer: &mut Writer<'_>,
        write: impl Fn(&Database) -> Result<(), DatabaseError>,
    ) -> Result<()> {
        let database = match writer.take() {
            Some(database) => database,
            None => self.reopen()?,
        };
        write(&database).and_then(|()| database.sync()).map_err(failed)?;
        **writer = Some(database);
        Ok(())
    }

    fn reopen(&self) -> Result<Database> {
        let (database, _) = open_database(&self.layout)?;
        bring_to(&database, &self.rows()).map_err(failed)?;
        Ok(database)
    }
}

impl Catalog for LocalCatalog {
    fn insert(&self, record: ProfileRecord) -> Result<ProfileRecord> {
        let writer = self.writer();
        let row = match self.row(&record.id) {
            Ok(row) => Row { record: merge(row.record, record), ..row },
            Err(_) => Row { record, newest: Generation(0) },
        };
        Meta::write(&row.record, &self.layout)?;
        Ok(self.store(writer, row)?.record)
    }

    fn get(&self, id: &ProfileId) -> Result<Option<ProfileRecord>> {
        Ok(self.rows().get(id).map(|row| row.record.clone()))
    }

    fn list(&self) -> Result<Vec<ProfileRecord>> {
        let mut records: Vec<_> = self.rows().values().map(|row| row.record.clone()).collect();
        records.sort_by(|a, b| b.created_at_ms.cmp(&a.created_at_ms).then_with(|| a.id.cmp(&b.id)));
        Ok(records)
    }

    fn set_labels(&self, id: &ProfileId, labels: &BTreeMap<String, String>) -> Result<ProfileRecord> {
        let writer = self.writer();
        let mut row = self.row(id)?;
        row.record.labels.extend(labels.clone());
        Meta::write(&row.record, &self.layout)?;
        Ok(self.store(writer, row)?.record)
    }

    fn begin_build(&self, id: &ProfileId) -> Result<Generation> {
        let row = self.change(id, |row| {
            row.newest.0 += 1;
            row.record.state = ProfileState::Indexing;
        })?;
        Ok(row.newest)
    }

    fn publish(&self, build: &BuildKey, data_id: Option<String>, summary: Vec<u8>) -> Result<Published> {
        if summary.len() > SUMMARY_LEN_MAX {
            let len = summary.len();
            let message = format!("a summary of {len} bytes is too long; give {SUMMARY_LEN_MAX} at most");
            return Err(StoreError::Refused(message));
        }
        let published = self.change_build(build, |record| {
            record.data_id = data_id;
            record.summary = Some(summary);
            record.state = ProfileState::Ready { generation: build.generation };
        })?;
        Ok(if published { Published::Current } else { Published::Superseded })
    }

    fn fail(&self, build: &BuildKey, reason: &str) -> Result<()> {
        let state = ProfileState::Failed { reason: reason.to_owned() };
        self.change_build(build, |record| record.state = state).map(drop)
    }

    fn remove(&self, id: &ProfileId) -> Result<bool> {
        let mut writer = self.writer();
        self.write(&mut writer, |database| database.remove(key(id)))?;
        Ok(self.rows.write().unwrap_or_else(PoisonError::into_inner).remove(id).is_some())
    }
}

/// Opens the database with all that can be read from it; a damaged one is set aside for a new one.
fn open_database(layout: &Layout) -> Result<(Database, Rows)> {
    let opened = match open_and_read(layout) {
        Err(DatabaseError::Damaged(reason)) => {
            tracing::warn!("the catalogue's database is damaged ({reason}): it is written anew");
            set_aside(layout)?;
            open_and_read(layout)
        }
        opened => opened,
    };
    opened.map_err(failed)
}

fn open_and_read(layout: &Layout) -> Result<(Database, Rows), DatabaseError> {
    let database = Database::open_or_repair(&layout.catalog())?;
    let mut rows = Rows::new();
    for entry in database.rows_from(&[]) {
        let (stored_key, bytes) = entry?;
        match Row::decode(&bytes).filter(|row| key(&row.record.id) == &*stored_key) {
            Some(row) => drop(rows.insert(row.record.id.clone(), row)),
            None => tracing::warn!("a record of the catalogue is damaged: it is taken from its `.meta`"),
        }
    }
    Ok((database, rows))
}

/// Makes the database hold these rows and no others, durably.
fn bring_to(database: &Database, rows: &Rows) -> Result<(), DatabaseError> {
    let mut missing: BTreeMap<&[u8], Vec<u8>> = BTreeMap::new();
    for (id, row) in rows {
        missing.insert(key(id), row.encode()?);
    }
    let stored = database.rows_from(&[]).collect::<Result<Vec<_>, _>>()?;
    for (stored_key, bytes) in stored {
        match missing.get(&*stored_key) {
            Some(wanted) if wanted == &*bytes => drop(missing.remove(&*stored_key)),
            Some(_) => {}
            None => database.remove(&stored_key)?,
        }
    }
    missing.iter().try_for_each(|(key, bytes)| database.insert(key, bytes))?;
    database.sync()
}

/// The row that a `.meta` stands for.
fn restore(layout: &Layout, id: &ProfileId) -> Result<Option<Row>> {
    match Meta::read(id, &layout.meta(id)) {
        Ok(record) => Ok(Some(Row { record, newest: Generation(0) })),
        // One damaged file must not keep all other profiles from being served.
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!("{error}; its profile is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Keeps the damaged database for who wants to look at it; only the last one.
fn set_aside(layout: &Layout) -> Result<()> {
    let (from, to) = (layout.catalog(), layout.damaged_catalog());
    durable::remove_dir(&to)?;
    fs::rename(&from, &to).map_err(StoreError::io("rename", &from))
}

fn merge(old: ProfileRecord, new: ProfileRecord) -> ProfileRecord {
    let mut record = old;
    record.labels.extend(new.labels);
    if !new.name.is_empty() {
        record.name = new.name;
    }
    if record.origin != Origin::Uploaded {
        record.origin = new.origin;
    }
    record
}

fn key(id: &ProfileId) -> &[u8] {
    id.as_str().as_bytes()
}

fn failed(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Damaged(reason) => StoreError::corrupt(format!("the catalogue's database ({reason})")),
        DatabaseError::Store(error) => error,
    }
}
