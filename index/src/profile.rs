//! A finished profile, ready to be asked.

use std::sync::{Arc, OnceLock};

use bytehound_store::{BuildKey, ProfileId, ProfileRecord, ProfileState, Segment, Store, SummaryReader};

use crate::alive::AliveCache;
use crate::bit_set::BitSet;
use crate::build::decode_manifest;
use crate::cache::Cache;
use crate::columns::Columns;
use crate::evaluate::{conjunction, evaluate};
use crate::groups::Stretches;
use crate::layout::StackKeys;
use crate::plan::{ChainEnds, Plan, matching_backtraces};
use crate::selection::Digest;
use crate::split::split;
use crate::summary_tables::{read_buckets, read_manifest, read_summaries};
use crate::work::Counters;
use crate::{
    Allocation, Backtrace, BacktraceId, BacktraceSet, BacktraceSummary, Cancel, Group, IndexError, Manifest,
    Predicate, Row, RowSet, Selection, TimeBucket, Work, groups,
};

/// One profile whose index is complete: its columns, mapped, and its summaries, read when first needed.
///
/// Every section of the segment is checked against its checksum when the profile is opened, so that reading single
/// allocations cannot fail later. Nothing in it changes; what it keeps are answers already given, within bounds.
pub struct Profile {
    key: BuildKey,
    manifest: Manifest,
    store: Store,
    segment: OpenSegment,
    summaries: OnceLock<Vec<BacktraceSummary>>,
    buckets: OnceLock<Arc<[TimeBucket]>>,
    row_sets: Cache<RowSet>,
    groups: Cache<[Group]>,
    frames: Cache<BitSet>,
    work: Counters,
    alive: AliveCache,
    stretches: Stretches,
    chain_ends: ChainEnds,
}

self_cell::self_cell!(
    struct OpenSegment {
        owner: Arc<Segment>,
        #[covariant]
        dependent: Columns,
    }
);

impl Profile {
    /// The profile as it was last published.
    ///
    /// # Errors
    /// [`IndexError::NotReady`] when it has no finished index; [`IndexError::Version`] when that is of a version
    /// which is not read; else whatever the store says.
    pub fn open(store: &Store, id: &ProfileId) -> Result<Arc<Self>, IndexError> {
        let record =
            store.catalog().get(id)?.ok_or_else(|| not_ready(id, "it does not exist; upload it first"))?;
        let key = record.ready_build().ok_or_else(|| not_ready(id, &state(&record)))?;
        let manifest = match &record.summary {
            Some(bytes) => decode_manifest(bytes)?,
            None => read_manifest(store.summaries().open(&key)?.as_ref())?,
        };
        Self::open_build(store, &key, manifest)
    }

    /// One build of a profile, published or not.
    ///
    /// # Errors
    /// As [`Profile::open`].
    pub fn open_build(store: &Store, key: &BuildKey, manifest: Manifest) -> Result<Arc<Self>, IndexError> {
        if !manifest.is_readable() {
            return Err(IndexError::Version {
                profile: key.profile.to_string(),
                found: manifest.layout_version,
            });
        }
        let layout = manifest.layout_version;
        let segment = store.segments().open(key)?;
        let segment = OpenSegment::try_new(segment, |segment| Columns::of(segment, layout))?;
        let stretches = Stretches::new(segment.borrow_dependent());
        Ok(Arc::new(Self {
            key: key.clone(),
            manifest,
            store: store.clone(),
            segment,
            summaries: OnceLock::new(),
            buckets: OnceLock::new(),
            row_sets: Cache::new(),
            groups: Cache::new(),
            frames: Cache::new(),
            work: Counters::default(),
            alive: AliveCache::default(),
            stretches,
            chain_ends: ChainEnds::default(),
        }))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ProfileId {
        &self.key.profile
    }

    /// What is said of it as a whole.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many allocations it has.
    #[must_use]
    pub fn row_count(&self) -> u32 {
        self.columns().row_count()
    }

    /// How many backtraces it has.
    #[must_use]
    pub fn backtrace_count(&self) -> u32 {
        self.columns().backtrace_count()
    }

    /// One allocation.
    ///
    /// # Panics
    /// When `row` is not below [`Profile::row_count`].
    #[must_use]
    pub fn allocation(&self, row: Row) -> Allocation {
        Allocation::of(self.columns(), row)
    }

    /// The size alone, for sorting many.
    ///
    /// # Panics
    /// As [`Profile::allocation`].
    #[must_use]
    pub fn size(&self, row: Row) -> u64 {
        self.columns().size.at(row.0 as usize)
    }

    /// The address alone, for sorting many.
    ///
    /// # Panics
    /// As [`Profile::allocation`].
    #[must_use]
    pub fn address(&self, row: Row) -> u64 {
        self.columns().address.at(row.0 as usize)
    }

    /// Its place in the capture alone, for sorting many.
    ///
    /// # Panics
    /// As [`Profile::allocation`].
    #[must_use]
    pub fn ordinal(&self, row: Row) -> u32 {
        self.columns().id.at(row.0 as usize)
    }

    /// One backtrace; without frames if there is no such.
    #[must_use]
    pub fn backtrace(&self, id: BacktraceId) -> Backtrace<'_> {
        Backtrace::of(self.columns(), id)
    }

    /// The backtraces that fulfil conditions on backtraces. Conditions on anything else are passed over.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`]; else as [`Profile::summaries`].
    pub fn backtraces(&self, predicates: &[Predicate], cancel: &Cancel) -> Result<BacktraceSet, IndexError> {
        let mut found = BitSet::of(self.backtrace_count() as usize, |_| true);
        for predicate in predicates {
            cancel.check()?;
            found.intersect(&matching_backtraces(self, predicate)?);
        }
        Ok(found.iter().map(|id| BacktraceId(id as u32)).collect())
    }

    /// The content hashes of one backtrace.
    #[must_use]
    pub fn stack_keys(&self, id: BacktraceId) -> Option<&StackKeys> {
        self.columns().stack_keys.get(id.0 as usize)
    }

    /// What is known of every backtrace, by its id. Read once, then kept.
    ///
    /// # Errors
    /// When the summaries are lost: index the profile again.
    pub fn summaries(&self) -> Result<&[BacktraceSummary], IndexError> {
        if let Some(summaries) = self.summaries.get() {
            return Ok(summaries);
        }
        let reader = self.summary_reader()?;
        let summaries = read_summaries(reader.as_ref(), self.backtrace_count())?;
        Ok(self.summaries.get_or_init(|| summaries))
    }

    /// What happened over time, in buckets of the manifest's width. Read once, then kept.
    ///
    /// # Errors
    /// As [`Profile::summaries`].
    pub fn buckets(&self) -> Result<Arc<[TimeBucket]>, IndexError> {
        if let Some(buckets) = self.buckets.get() {
            return Ok(Arc::clone(buckets));
        }
        let reader = self.summary_reader()?;
        let buckets = read_buckets(reader.as_ref())?.into();
        Ok(Arc::clone(self.buckets.get_or_init(|| buckets)))
    }

    /// The allocations of a selection. Asked again, it is answered from memory.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`] through `cancel`; else as [`Profile::summaries`], which
    /// conditions on groups need.
    pub fn rows(&self, selection: &Selection, cancel: &Cancel) -> Result<Arc<RowSet>, IndexError> {
        evaluate(self, selection, cancel)
    }

    /// The allocations of several selections. Those that are groups of one and the same are found together.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn rows_of_each(
        &self,
        selections: &[&Selection],
        cancel: &Cancel,
    ) -> Result<Vec<Arc<RowSet>>, IndexError> {
        let mut rows = Vec::with_capacity(selections.len());
        for run in selections.chunk_by(|a, b| a.are_of_same_groups(b)) {
            match split(self, run, cancel)? {
                Some(groups) => rows.extend(groups.into_iter().map(Arc::new)),
                None => {
                    let each = run.iter().map(|selection| self.rows(selection, cancel));
                    rows.extend(each.collect::<Result<Vec<_>, _>>()?);
                }
            }
        }
        Ok(rows)
    }

    /// How many allocations a selection has; where summaries tell, without looking at rows.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn count(&self, selection: &Selection, cancel: &Cancel) -> Result<u64, IndexError> {
        cancel.check()?;
        let known = match conjunction(selection, |_| false) {
            (Selection::All, predicates) if predicates.is_empty() => Some(u64::from(self.row_count())),
            (Selection::All, predicates) => Plan::new(self, &predicates, cancel)?.count(self)?,
            _ => self.count_of_groups(selection),
        };
        known.map_or_else(|| Ok(self.rows(selection, cancel)?.len()), Ok)
    }

    /// How many allocations some groups have, if what they are groups of is known by groups.
    fn count_of_groups(&self, selection: &Selection) -> Option<u64> {
        let (base, backtraces) = selection.as_groups()?;
        let groups = self.groups.get(&base.digests().of(base))?;
        let count = |backtrace| {
            let place = groups.binary_search_by_key(&backtrace, |group: &Group| group.backtrace).ok()?;
            groups.get(place).map(|group| group.count)
        };
        Some(backtraces.iter().filter_map(count).sum())
    }

    /// The allocations of a selection, summed up by backtrace; ascending. Asked again, it is answered from memory.
    ///
    /// # Errors
    /// As [`Profile::rows`].
    pub fn groups(&self, selection: &Selection, cancel: &Cancel) -> Result<Arc<[Group]>, IndexError> {
        let digest = selection.digests().of(selection);
        if let Some(groups) = self.groups.get(&digest) {
            return Ok(groups);
        }
        let groups: Arc<[Group]> = match selection {
            Selection::All => groups::of_summaries(self.summaries()?, |_| true).into(),
            _ => match self.groups_of_backtraces(selection, cancel)? {
                Some(groups) => groups.into(),
                None => self.groups_of(self.rows(selection, cancel)?.as_ref(), cancel)?.into(),
            },
        };
        self.groups.put(digest, Arc::clone(&groups), size_of_val(&*groups));
        Ok(groups)
    }

    /// Any allocations, summed up by backtrace; ascending.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn groups_of(&self, rows: &RowSet, cancel: &Cancel) -> Result<Vec<Group>, IndexError> {
        groups::of_rows(self.columns(), &self.stretches, rows, cancel)
    }

    /// The groups of a selection that is about backtraces alone.
    fn groups_of_backtraces(
        &self,
        selection: &Selection,
        cancel: &Cancel,
    ) -> Result<Option<Vec<Group>>, IndexError> {
        let (base, predicates) = conjunction(selection, |_| false);
        if !matches!(base, Selection::All) || !Plan::asks_backtraces_alone(self, &predicates) {
            return Ok(None);
        }
        let plan = Plan::new(self, &predicates, cancel)?;
        let summaries = self.summaries()?;
        let groups = || groups::of_summaries(summaries, |backtrace| plan.has_backtrace(backtrace));
        Ok(plan.takes_whole_backtraces().then(groups))
    }

    /// What the tables take that were made when a question first needed them, and are kept as long as the profile is open.
    #[must_use]
    pub fn tables_bytes(&self) -> usize {
        let summaries = self.summaries.get().map_or(0, |summaries| size_of_val(&**summaries));
        let buckets = self.buckets.get().map_or(0, |buckets| size_of_val(&**buckets));
        summaries
            + buckets
            + self.alive.kept_bytes()
            + self.stretches.kept_bytes()
            + self.chain_ends.kept_bytes()
    }

    /// What was done so far to answer; what is answered from memory adds nothing.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work.so_far()
    }

    pub(crate) fn columns(&self) -> &Columns<'_> {
        self.segment.borrow_dependent()
    }

    pub(crate) fn alive(&self) -> &AliveCache {
        &self.alive
    }

    pub(crate) fn chain_ends(&self) -> &ChainEnds {
        &self.chain_ends
    }

    pub(crate) fn summary_reader(&self) -> Result<Arc<dyn SummaryReader>, IndexError> {
        Ok(self.store.summaries().open(&self.key)?)
    }

    pub(crate) fn work_done(&self) -> &Counters {
        &self.work
    }

    pub(crate) fn kept_frames(&self, digest: &Digest) -> Option<Arc<BitSet>> {
        self.frames.get(digest)
    }

    pub(crate) fn keep_frames(&self, digest: Digest, frames: &Arc<BitSet>) {
        self.frames.put(digest, Arc::clone(frames), frames.memory_bytes());
    }

    pub(crate) fn kept_rows(&self, digest: &Digest) -> Option<Arc<RowSet>> {
        self.row_sets.get(digest)
    }

    pub(crate) fn keep_rows(&self, digest: Digest, rows: &Arc<RowSet>) {
        self.row_sets.put(digest, Arc::clone(rows), rows.memory_bytes());
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile")
            .field("key", &self.key)
            .field("rows", &self.row_count())
            .finish_non_exhaustive()
    }
}

fn not_ready(id: &ProfileId, state: &str) -> IndexError {
    IndexError::NotReady { profile: id.to_string(), state: state.to_owned() }
}

fn state(record: &ProfileRecord) -> String {
    match &record.state {
        ProfileState::Indexing { .. } => "it is being indexed; ask again later".to_owned(),
        ProfileState::Failed { reason, .. } => format!("indexing failed ({reason})"),
        _ => "it has not been indexed yet".to_owned(),
    }
}
