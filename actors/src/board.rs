//! Where every profile stands, for whoever wants to know: the catalogue's record and the progress of its ingest.

use bytehound_index::Manifest;
use bytehound_index::build::{Progress, decode_manifest};
use bytehound_store::{ProfileId, ProfileRecord};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// One profile, and how far it has come.
#[derive(Clone, Debug)]
pub struct ProfileStatus {
    /// What the catalogue says.
    pub record: ProfileRecord,
    /// What the profile says of itself; once it is ready.
    pub manifest: Option<Arc<Manifest>>,
    /// How far its ingest has come; while there is one.
    pub progress: Option<Progress>,
    /// The upload that it shows as far as that has come; while there is one.
    pub live: Option<String>,
}

impl ProfileStatus {
    /// The status of a record, with the progress of its ingest if there is one.
    pub(crate) fn new(record: ProfileRecord, progress: Option<Progress>) -> Self {
        Self { manifest: manifest(&record).map(Arc::new), record, progress, live: None }
    }
}

/// What a profile says of itself, as far as it was indexed and can be read.
pub(crate) fn manifest(record: &ProfileRecord) -> Option<Manifest> {
    decode_manifest(record.summary.as_deref()?).ok()
}

/// The latest status of each profile that somebody works on or watches.
#[derive(Default)]
pub(crate) struct Board {
    entries: DashMap<ProfileId, Entry>,
    /// Held by every job under way.
    in_hand: Arc<()>,
    events: AtomicU64,
    draining: AtomicBool,
    stopping: AtomicBool,
}

struct Entry {
    status: watch::Sender<ProfileStatus>,
    cancelled: Arc<AtomicBool>,
}

impl Board {
    /// Says where a profile stands now. Watchers of the board see the latest status, not every one.
    pub(crate) fn publish(&self, status: ProfileStatus) {
        match self.entries.get(&status.record.id) {
            Some(entry) => drop(entry.status.send_replace(status)),
            None => drop(self.watch(status)),
        }
    }

    /// Notes the progress of a running ingest.
    pub(crate) fn progress(&self, id: &ProfileId, progress: Progress) {
        if let Some(entry) = self.entries.get(id) {
            entry.status.send_modify(|status| status.progress = Some(progress));
        }
    }

    /// The progress last noted.
    pub(crate) fn current_progress(&self, id: &ProfileId) -> Option<Progress> {
        self.entries.get(id).and_then(|entry| entry.status.borrow().progress)
    }

    /// Follows a profile, whose status is known to be `status` if nobody has said more.
    pub(crate) fn watch(&self, status: ProfileStatus) -> watch::Receiver<ProfileStatus> {
        let id = status.record.id.clone();
        let entry = self
            .entries
            .entry(id)
            .or_insert_with(|| Entry { status: watch::Sender::new(status), cancelled: Arc::default() });
        entry.status.subscribe()
    }

    /// The flag that ends the ingest of a profile when it is set.
    pub(crate) fn cancel_flag(&self, id: &ProfileId) -> Arc<AtomicBool> {
        self.entries.get(id).map(|entry| Arc::clone(&entry.cancelled)).unwrap_or_default()
    }

    /// Ends the ingest of a profile.
    pub(crate) fn cancel(&self, id: &ProfileId) {
        // Relaxed: the flag orders nothing, it is looked at again and again.
        self.cancel_flag(id).store(true, Ordering::Relaxed);
    }

    /// Whether somebody wanted the ingest of a profile to end.
    pub(crate) fn is_cancelled(&self, id: &ProfileId) -> bool {
        self.cancel_flag(id).load(Ordering::Relaxed)
    }

    /// What was ended before may begin anew.
    pub(crate) fn renew(&self, id: &ProfileId) {
        if let Some(mut entry) = self.entries.get_mut(id)
            && entry.cancelled.load(Ordering::Relaxed)
        {
            entry.cancelled = Arc::default();
        }
    }

    /// Ends whatever goes on with a profile, and forgets it.
    pub(crate) fn forget(&self, id: &ProfileId) {
        if let Some((_, entry)) = self.entries.remove(id) {
            // Relaxed: the flag orders nothing, it is looked at again and again.
            entry.cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Counts a job as under way for as long as it has this.
    pub(crate) fn begin(&self) -> Arc<()> {
        Arc::clone(&self.in_hand)
    }

    /// Jobs under way.
    pub(crate) fn in_hand(&self) -> usize {
        Arc::strong_count(&self.in_hand) - 1
    }

    /// Notes that events were read from a capture.
    pub(crate) fn add_events(&self, count: u64) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }

    /// Events read from captures so far.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Has no job begin any more.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends all jobs under way.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Drops the entries that nobody watches and that have come to their end.
    pub(crate) fn sweep(&self) {
        self.entries
            .retain(|_, entry| entry.status.receiver_count() > 0 || entry.status.borrow().progress.is_some());
    }
}
