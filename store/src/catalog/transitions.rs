//! What each method of a [`Catalog`](super::Catalog) does to a row, whoever keeps the rows.
//!
//! A transition gives `Some` when it changed the row, and leaves the row alone otherwise.

use std::collections::BTreeSet;

use bytehound_symbols::BinaryId;

use super::row::Row;
use super::{FailureCause, Lease, Origin, ProfileRecord, ProfileState, SUMMARY_LEN_MAX};
use crate::{Generation, Result, StoreError};

impl Row {
    /// A profile that was just stored.
    pub(crate) fn new(record: ProfileRecord) -> Self {
        Self { record, newest: Generation(0), leased_until_ms: None, symcaches: None }
    }

    /// The same bytes came again, with this to say about them.
    pub(crate) fn merged(mut self, new: ProfileRecord) -> Self {
        let record = &mut self.record;
        record.labels.extend(new.labels);
        if !new.name.is_empty() {
            record.name = new.name;
        }
        if new.origin == Origin::Uploaded {
            // What just came is whole.
            record.damage = None;
        }
        if record.origin != Origin::Uploaded {
            record.origin = new.origin;
        }
        self
    }

    pub(crate) fn begin(&mut self, lease: Option<&Lease>) -> Generation {
        self.newest.0 += 1;
        self.record.state = ProfileState::Indexing { answering: self.record.state.answering() };
        self.leased_until_ms = lease.map(|lease| lease.until_ms);
        self.newest
    }

    pub(crate) fn is_open_job(&self, now_ms: u64) -> bool {
        match self.record.state {
            ProfileState::Stored => true,
            ProfileState::Indexing { .. } => !self.is_leased(now_ms),
            ProfileState::Ready { .. } | ProfileState::Failed { .. } => false,
        }
    }

    pub(crate) fn take(&mut self, lease: &Lease) -> Option<Generation> {
        let is_free =
            !matches!(self.record.state, ProfileState::Indexing { .. }) || !self.is_leased(lease.now_ms);
        is_free.then(|| self.begin(Some(lease)))
    }

    pub(crate) fn renew(&mut self, generation: Generation, lease: &Lease) -> Option<()> {
        self.running(generation)?;
        self.leased_until_ms = Some(lease.until_ms);
        Some(())
    }

    pub(crate) fn refer(&mut self, generation: Generation, symcaches: &BTreeSet<BinaryId>) -> Option<()> {
        self.running(generation)?;
        self.symcaches = Some(symcaches.iter().map(|id| id.as_str().to_owned()).collect());
        Some(())
    }

    /// What it refers to; `None` if it answers from a build that did not tell.
    pub(crate) fn referred(&self) -> Option<BTreeSet<BinaryId>> {
        match &self.symcaches {
            Some(symcaches) => Some(symcaches.iter().filter_map(|id| BinaryId::parse(id).ok()).collect()),
            None => self.record.state.answering().is_none().then(BTreeSet::new),
        }
    }

    pub(crate) fn publish(
        &mut self,
        generation: Generation,
        data_id: Option<String>,
        summary: Vec<u8>,
    ) -> Result<Option<()>> {
        if summary.len() > SUMMARY_LEN_MAX {
            let len = summary.len();
            let message = format!("a summary of {len} bytes is too long; give {SUMMARY_LEN_MAX} at most");
            return Err(StoreError::Refused(message));
        }
        let Some(record) = self.running(generation) else { return Ok(None) };
        record.data_id = data_id;
        record.summary = Some(summary);
        record.state = ProfileState::Ready { generation };
        record.damage = None;
        Ok(Some(()))
    }

    pub(crate) fn fail(&mut self, generation: Generation, cause: FailureCause, reason: &str) -> Option<()> {
        let record = self.running(generation)?;
        record.state = match record.state.answering() {
            Some(generation) => ProfileState::Ready { generation },
            None => ProfileState::Failed { reason: reason.to_owned(), cause },
        };
        Some(())
    }

    pub(crate) fn lose(&mut self, generation: Generation, damage: &str) -> Option<()> {
        let record = &mut self.record;
        record.state = match record.state {
            ProfileState::Ready { generation: answering } if answering == generation => ProfileState::Stored,
            ProfileState::Indexing { answering } if answering == Some(generation) => {
                ProfileState::Indexing { answering: None }
            }
            _ => return None,
        };
        record.damage = Some(damage.to_owned());
        Some(())
    }

    pub(crate) fn note_damage(&mut self, damage: &str) -> Option<()> {
        let damage = Some(damage.to_owned());
        (self.record.damage != damage).then(|| self.record.damage = damage)
    }

    /// A build that was running when its process ended is none any more.
    pub(crate) fn end_build(&mut self) {
        if let ProfileState::Indexing { answering } = self.record.state {
            self.record.state = match answering {
                Some(generation) => ProfileState::Ready { generation },
                None => ProfileState::Stored,
            };
        }
    }

    /// The record, if this is the newest build and still running.
    fn running(&mut self, generation: Generation) -> Option<&mut ProfileRecord> {
        let is_running =
            self.newest == generation && matches!(self.record.state, ProfileState::Indexing { .. });
        is_running.then_some(&mut self.record)
    }

    fn is_leased(&self, now_ms: u64) -> bool {
        self.leased_until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// In the order of lists.
pub(crate) fn newest_first(mut records: Vec<ProfileRecord>) -> Vec<ProfileRecord> {
    records.sort_by(|a, b| b.created_at_ms.cmp(&a.created_at_ms).then_with(|| a.id.cmp(&b.id)));
    records
}
