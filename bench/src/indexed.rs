//! A capture that is indexed once and then asked often.

use crate::captures::answers;
use anyhow::{Result, ensure};
use bytehound_bench::Answers;
use bytehound_index::build::ingest;
use bytehound_index::{Cancel, IndexError, Pattern, Predicate, Profile, Selection};
use bytehound_store::{NewProfile, ProfileId, Store};
use std::path::Path;
use std::sync::Arc;

/// A profile, and what is known of it.
pub(crate) struct Indexed {
    store: Store,
    id: ProfileId,
    pub(crate) profile: Arc<Profile>,
    pub(crate) known: Answers,
}

impl Indexed {
    /// Indexes a capture, unless the store beside it has it, and holds the index against the answers.
    pub(crate) fn open(capture: &Path) -> Result<Self> {
        let known = answers(capture)?;
        let store = Store::open(&capture.with_extension("store"))?;
        let id = reference(&store, capture)?;
        let profile = match Profile::open(&store, &id) {
            Err(IndexError::NotReady { .. } | IndexError::Version { .. }) => {
                eprintln!("indexing `{}`", capture.display());
                ingest(&store, &id, &())?;
                Profile::open(&store, &id)?
            }
            found => found?,
        };
        let indexed = Self { store, id, profile, known };
        indexed.check()?;
        Ok(indexed)
    }

    /// The same profile, without any answer that it kept; what it reads once is read.
    pub(crate) fn afresh(&self) -> Result<Arc<Profile>> {
        let profile = Profile::open(&self.store, &self.id)?;
        profile.summaries()?;
        profile.buckets()?;
        Ok(profile)
    }

    /// Whether the index tells what is known: figures of wrong answers are worth nothing.
    fn check(&self) -> Result<()> {
        check_totals(&self.profile, &self.known)?;
        let cancel = Cancel::new();
        let start_us = self.profile.manifest().start_us;
        for moment in &self.known.moments {
            let alive = self.profile.alive_at(start_us + moment.at_us, &cancel)?;
            let bytes: u64 = alive.iter().map(|alive| alive.bytes).sum();
            ensure!(bytes == moment.live_bytes, "{bytes} bytes are alive where {moment:?} were");
        }
        for (word, sums) in self.known.by_function.iter().take(2) {
            let named = Predicate::PassingThroughFunction(Pattern::new(&format!("::{word}::"))?);
            let found = self.profile.count(&Selection::all().filtered(named), &cancel)?;
            ensure!(found == sums.allocations, "{found} allocations through `{word}`, not {sums:?}");
        }
        Ok(())
    }
}

/// Tells the store of a capture.
pub(crate) fn reference(store: &Store, capture: &Path) -> Result<ProfileId> {
    let new = NewProfile { name: String::new(), labels: Default::default() };
    Ok(store.captures().reference(&capture.canonicalize()?, new)?.record.id)
}

/// Holds totals, leaks, peak and groups against what is known.
pub(crate) fn check_totals(profile: &Profile, known: &Answers) -> Result<()> {
    let found = profile.manifest();
    let pairs = [
        ("allocations", found.allocations, known.allocations),
        ("bytes allocated", found.allocated_bytes, known.allocated_bytes),
        ("blocks leaked", found.leaked_count, known.leaked_count),
        ("bytes leaked", found.leaked_bytes, known.leaked_bytes),
        ("bytes at the peak", found.peak_bytes, known.peak_bytes),
        ("µs until the peak", found.peak_at_us - found.start_us, known.peak_at_us),
        ("µs until the end", found.runtime_us(), known.end_us),
        ("defects", found.defects.len() as u64, 0),
    ];
    for (what, found, known) in pairs {
        ensure!(found == known, "{what}: {found}, but {known} are known");
    }
    let groups = profile.groups(&Selection::all(), &Cancel::new())?;
    let mut found: Vec<_> = groups
        .iter()
        .map(|group| (group.count, group.bytes, group.leaked_count, group.leaked_bytes))
        .collect();
    let known = known.groups.iter().map(|group| group.sums);
    let mut known: Vec<_> = known
        .map(|sums| (sums.allocations, sums.allocated_bytes, sums.leaked_count, sums.leaked_bytes))
        .collect();
    found.sort_unstable();
    known.sort_unstable();
    ensure!(found == known, "the groups are not those that are known");
    Ok(())
}
