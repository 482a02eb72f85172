//! Looking after a data directory: what it takes, whether it is whole, what is not needed any more.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    BuildKey, Origin, ProfileId, ProfileRecord, ProfileState, Result, Store, StoreError, StoredBuild, durable,
};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Freed {
    /// Files, and databases.
    pub files: u64,
    /// What they took.
    pub bytes: u64,
}

impl Freed {
    /// Removes a file or a directory, and counts it.
    pub(crate) fn remove(&mut self, path: &Path) -> Result<()> {
        let bytes = durable::size_bytes(path)?;
        durable::remove_any(path)?;
        self.count(bytes);
        Ok(())
    }

    fn count(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl std::ops::Add for Freed {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes }
    }
}

/// How many there are of a kind of file, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Tally {
    fn of(sizes: impl IntoIterator<Item = u64>) -> Self {
        let add = |sum: Self, bytes| Self { count: sum.count + 1, bytes: sum.bytes + bytes };
        sizes.into_iter().fold(Self::default(), add)
    }
}

/// What a data directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stat {
    /// Profiles, and the bytes of their captures, wherever those lie.
    pub profiles: Tally,
    /// Of these: waiting to be indexed.
    pub stored: u64,
    /// Being indexed.
    pub indexing: u64,
    /// Answering, and not being indexed again.
    pub ready: u64,
    /// Without an index that could be made.
    pub failed: u64,
    /// With damage that was not made good yet, whatever else they are.
    pub damaged: u64,
    /// Captures in the directory.
    pub captures: Tally,
    /// The columns of builds.
    pub segments: Tally,
    /// The summaries of builds.
    pub summaries: Tally,
    /// Digested binaries.
    pub symcaches: Tally,
    /// The catalogue's database.
    pub catalog_bytes: u64,
    /// What is arriving, and what running builds write.
    pub scratch_bytes: u64,
    /// Builds that were superseded: readers may have them open still; `gc` removes them.
    pub superseded: Tally,
    /// Symcaches that no profile refers to; `gc` removes them.
    pub unreferred: Tally,
    /// All of it.
    pub total_bytes: u64,
}

/// What was found of one profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// Which.
    pub profile: ProfileId,
    /// What is wrong with its capture.
    pub capture: Option<String>,
    /// What is wrong with its index; it is to be built again.
    pub index: Option<String>,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.capture.is_none() && self.index.is_none()
    }
}

impl Store {
    /// What the directory holds.
    pub fn stat(&self) -> Result<Stat> {
        let records = self.catalog().list()?;
        let count =
            |is: fn(&ProfileRecord) -> bool| records.iter().filter(|record| is(record)).count() as u64;
        let layout = self.layout();
        let sizes = |stored: Vec<StoredBuild>| Tally::of(stored.into_iter().map(|stored| stored.size_bytes));
        let sized = |paths: &[PathBuf]| -> Result<Tally> {
            let sizes = paths.iter().map(|path| durable::size_bytes(path)).collect::<Result<Vec<_>>>()?;
            Ok(Tally::of(sizes))
        };
        let files = |dir: &Path| sized(&durable::entries(dir)?);
        let mut stat = Stat {
            profiles: Tally::of(records.iter().map(|record| record.size_bytes)),
            stored: count(|record| record.state == ProfileState::Stored),
            indexing: count(|record| matches!(record.state, ProfileState::Indexing { .. })),
            ready: count(|record| matches!(record.state, ProfileState::Ready { .. })),
            failed: count(|record| matches!(record.state, ProfileState::Failed { .. })),
            damaged: count(|record| record.damage.is_some()),
            captures: Tally::of(
                records.iter().filter(|record| is_held(record)).map(|record| record.size_bytes),
            ),
            segments: sizes(self.segments().list()?),
            summaries: sizes(self.summaries().list()?),
            symcaches: files(&layout.symcaches())?,
            catalog_bytes: durable::size_bytes(&layout.catalog())?,
            scratch_bytes: files(&layout.incoming())?.bytes + files(&layout.tmp())?.bytes,
            superseded: Tally::of(self.superseded()?.into_iter().map(|stored| stored.size_bytes)),
            unreferred: sized(&self.symcaches().unreferred(self.catalog())?)?,
            total_bytes: 0,
        };
        let parts = [stat.captures, stat.segments, stat.summaries, stat.symcaches].map(|usage| usage.bytes);
        stat.total_bytes = parts.iter().sum::<u64>() + stat.catalog_bytes + stat.scratch_bytes;
        Ok(stat)
    }

    /// Reads all that there is of a profile and compares it with its checksums. A damaged index is given up, so that the
    /// profile wants a new one; a damaged capture is noted.
    pub fn verify(&self, id: &ProfileId) -> Result<Verified> {
        let record = self.catalog().get(id)?.ok_or_else(|| StoreError::NoSuchProfile(id.clone()))?;
        let index = match record.ready_build() {
            Some(build) => self.verify_build(&build)?,
            None => None,
        };
        let capture = match self.captures().read(id).and_then(crate::CaptureReader::finish) {
            Ok(()) => None,
            Err(error) => Some((error.to_string(), is_held(&record))),
        };
        if let Some((problem, true)) = &capture {
            self.catalog().note_damage(id, problem)?;
        }
        Ok(Verified { profile: id.clone(), capture: capture.map(|(problem, _)| problem), index })
    }

    fn verify_build(&self, build: &BuildKey) -> Result<Option<String>> {
        let columns = self.segments().open(build).and_then(|segment| segment.verify_all());
        let rows = || self.summaries().open(build)?.scan(b"", &mut |_, _| ControlFlow::Continue(()));
        match columns.and_then(|()| rows()) {
            Err(error) if error.is_damaged_build() => {
                self.catalog().lose_build(build, &error.to_string())?;
                Ok(Some(error.to_string()))
            }
            verified => verified.map(|()| None),
        }
    }

    /// The builds that no record names, and that nobody is writing. A reader may have one open: who deletes them leaves
    /// readers the time to end.
    pub fn superseded(&self) -> Result<Vec<StoredBuild>> {
        let mut superseded = Vec::new();
        let (segments, summaries) = (self.segments().list()?, self.summaries().list()?);
        // Listed after the files: a build that was published meanwhile is seen.
        for build in self.builds()? {
            let record = self.catalog().get(&build.profile)?;
            if record.is_some_and(|record| is_wanted(&record, &build)) {
                continue;
            }
            let parts = segments.iter().chain(&summaries).filter(|stored| stored.build == build);
            superseded.push(StoredBuild { size_bytes: parts.map(|stored| stored.size_bytes).sum(), build });
        }
        Ok(superseded)
    }

    /// Removes the symcaches that no profile refers to any more. What is held stays, and so does all as long as a profile
    /// answers that a version indexed which did not note what it refers to.
    pub fn drop_unreferred(&self) -> Result<Freed> {
        self.symcaches().collect(self.catalog())
    }

    /// Deletes superseded builds and the symcaches that no profile refers to, and writes the catalogue's database anew if
    /// most of it is waste.
    pub fn gc(&self) -> Result<Freed> {
        let mut freed = Freed::default();
        for stored in self.superseded()? {
            self.delete_build(&stored.build)?;
            freed.count(stored.size_bytes);
        }
        freed = freed + self.drop_unreferred()?;
        if let bytes @ 1.. = self.catalog().compact()? {
            freed.count(bytes);
        }
        Ok(freed)
    }

    /// What has to go so that captures, builds and symcaches take `bytes_max` at most: the oldest profiles without
    /// labels, as many as are needed. Labelled ones stay, and so does what still waits for its index or is being indexed.
    pub fn surplus(&self, bytes_max: u64) -> Result<Vec<ProfileId>> {
        let mut left = self.stat()?.total_bytes;
        let (segments, summaries) = (self.segments().list()?, self.summaries().list()?);
        let mut surplus = Vec::new();
        for record in self.catalog().list()?.into_iter().rev() {
            if left <= bytes_max {
                break;
            }
            let is_over = matches!(record.state, ProfileState::Ready { .. } | ProfileState::Failed { .. });
            if !is_over || !record.labels.is_empty() {
                continue;
            }
            let builds = segments.iter().chain(&summaries).filter(|stored| stored.build.profile == record.id);
            let own = if is_held(&record) { record.size_bytes } else { 0 };
            left = left.saturating_sub(own + builds.map(|stored| stored.size_bytes).sum::<u64>());
            surplus.push(record.id);
        }
        Ok(surplus)
    }
}

/// Whether the capture lies in the directory.
fn is_held(record: &ProfileRecord) -> bool {
    record.origin == Origin::Uploaded
}

/// Whether a build answers, or may be the one that is being written.
fn is_wanted(record: &ProfileRecord, build: &BuildKey) -> bool {
    let answering = record.state.answering();
    let is_running = matches!(record.state, ProfileState::Indexing { .. });
    answering == Some(build.generation) || is_running && answering < Some(build.generation)
}
