//! The catalogue of one machine: answered from memory, kept over restarts by sled, and where sled loses something, by
//! the `.meta` files.
//!
//! Memory holds what is durable: a change is first written to sled and synced, then seen by readers. When a write fails
//! (a full disk, mostly) sled refuses everything from then on, reading too. Then the database is closed, readers
//! go on, and the next change opens it again and first brings it to what memory holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use bytehound_symbols::BinaryId;

use super::row::Row;
use super::transitions::newest_first;
use super::{Catalog, FailureCause, Lease, ProfileRecord, Published};
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

/// A smaller database is left as it is: sled takes half a megabyte for nothing.
const COMPACT_BYTES_MIN: u64 = 8 << 20;
/// How many times the bytes of its rows a database may take.
const COMPACT_WASTE_MIN: u64 = 4;

type Rows = BTreeMap<ProfileId, Row>;
/// The right to change the catalogue.
type Writer<'a> = MutexGuard<'a, Option<Database>>;

impl LocalCatalog {
    /// Opens the catalogue. What sled lost is taken from the `.meta` files; a build that was running when the last
    /// process ended is none any more.
    pub(crate) fn open(layout: &Layout) -> Result<Self> {
        // A crash may have left it; what it holds is in the catalogue, or in what was exchanged for it.
        durable::remove_dir(&layout.compacted_catalog())?;
        let (database, mut rows) = open_database(layout)?;
        for id in Meta::list(layout)? {
            if !rows.contains_key(&id) {
                rows.extend(restore(layout, &id)?.map(|row| (id, row)));
            }
        }
        rows.values_mut().for_each(Row::end_build);
        bring_to(&database, &rows).map_err(failed)?;
        Ok(Self { layout: layout.clone(), rows: RwLock::new(rows), database: Mutex::new(Some(database)) })
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

    /// Applies a change to an existing row, and stores it if the change says that it made one.
    fn change<T>(
        &self,
        id: &ProfileId,
        change: impl FnOnce(&mut Row) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let writer = self.writer();
        let mut row = self.row(id)?;
        let changed = change(&mut row)?;
        if changed.is_some() {
            self.store(writer, row)?;
        }
        Ok(changed)
    }

    /// As [`Self::change`], on a profile that may have been deleted meanwhile; says whether there was a change.
    fn change_build(
        &self,
        build: &BuildKey,
        change: impl FnOnce(&mut Row) -> Result<Option<()>>,
    ) -> Result<bool> {
        match self.change(&build.profile, change) {
            Err(StoreError::NoSuchProfile(_)) => Ok(false),
            changed => Ok(changed?.is_some()),
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
            Ok(row) => row.merged(record),
            Err(_) => Row::new(record),
        };
        Meta::write(&row.record, &self.layout)?;
        Ok(self.store(writer, row)?.record)
    }

    fn get(&self, id: &ProfileId) -> Result<Option<ProfileRecord>> {
        Ok(self.rows().get(id).map(|row| row.record.clone()))
    }

    fn list(&self) -> Result<Vec<ProfileRecord>> {
        Ok(newest_first(self.rows().values().map(|row| row.record.clone()).collect()))
    }

    fn set_labels(&self, id: &ProfileId, labels: &BTreeMap<String, String>) -> Result<ProfileRecord> {
        let writer = self.writer();
        let mut row = self.row(id)?;
        row.record.labels.extend(labels.clone());
        Meta::write(&row.record, &self.layout)?;
        Ok(self.store(writer, row)?.record)
    }

    fn begin_build(&self, id: &ProfileId) -> Result<Generation> {
        let begun = self.change(id, |row| Ok(Some(row.begin(None))))?;
        begun.ok_or_else(|| StoreError::NoSuchProfile(id.clone()))
    }

    fn open_jobs(&self, now_ms: u64) -> Result<Vec<ProfileId>> {
        let rows = self.rows();
        let open = rows.values().filter(|row| row.is_open_job(now_ms)).map(|row| row.record.clone());
        Ok(newest_first(open.collect()).into_iter().rev().map(|record| record.id).collect())
    }

    fn take_job(&self, id: &ProfileId, lease: &Lease) -> Result<Option<Generation>> {
        self.change(id, |row| Ok(row.take(lease)))
    }

    fn renew_lease(&self, build: &BuildKey, lease: &Lease) -> Result<bool> {
        self.change_build(build, |row| Ok(row.renew(build.generation, lease)))
    }

    fn publish(&self, build: &BuildKey, data_id: Option<String>, summary: Vec<u8>) -> Result<Published> {
        let published = self.change_build(build, |row| row.publish(build.generation, data_id, summary))?;
        Ok(if published { Published::Current } else { Published::Superseded })
    }

    fn refer(&self, build: &BuildKey, symcaches: &BTreeSet<BinaryId>) -> Result<()> {
        self.change_build(build, |row| Ok(row.refer(build.generation, symcaches))).map(drop)
    }

    fn referred(&self) -> Result<Option<BTreeSet<BinaryId>>> {
        let referred: Option<Vec<_>> = self.rows().values().map(Row::referred).collect();
        Ok(referred.map(|sets| sets.into_iter().flatten().collect()))
    }

    fn fail(&self, build: &BuildKey, cause: FailureCause, reason: &str) -> Result<()> {
        self.change_build(build, |row| Ok(row.fail(build.generation, cause, reason))).map(drop)
    }

    fn lose_build(&self, build: &BuildKey, damage: &str) -> Result<bool> {
        self.change_build(build, |row| Ok(row.lose(build.generation, damage)))
    }

    fn note_damage(&self, id: &ProfileId, damage: &str) -> Result<()> {
        self.change(id, |row| Ok(row.note_damage(damage))).map(drop)
    }

    fn compact(&self) -> Result<u64> {
        let mut writer = self.writer();
        let rows = self.rows();
        let before = durable::size_bytes(&self.layout.catalog())?;
        let needed = rows.values().map(|row| Ok(row.encode()?.len() as u64)).sum::<Result<u64>>()?;
        if before < COMPACT_BYTES_MIN || before / COMPACT_WASTE_MIN < needed {
            return Ok(0);
        }
        let fresh = self.layout.compacted_catalog();
        durable::remove_dir(&fresh)?;
        let database = Database::open_or_repair(&fresh).map_err(failed)?;
        bring_to(&database, &rows).map_err(failed)?;
        drop(database);
        durable::sync_dir(&fresh)?;
        // Closed before it is exchanged; the next change opens what lies there then.
        *writer = None;
        durable::exchange(&fresh, &self.layout.catalog())?;
        durable::remove_dir(&fresh)?;
        Ok(before.saturating_sub(durable::size_bytes(&self.layout.catalog())?))
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
        Ok(record) => Ok(Some(Row::new(record))),
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

fn key(id: &ProfileId) -> &[u8] {
    id.as_str().as_bytes()
}

fn failed(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::Damaged(reason) => StoreError::corrupt(format!("the catalogue's database ({reason})")),
        DatabaseError::Store(error) => error,
    }
}
