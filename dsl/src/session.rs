//! What all objects of one running script share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytehound_index::{Cancel, IndexError, Profile};

use crate::environment::{Shelf, World};
use crate::failure::{Failure, Stop};

pub(crate) struct Session {
    pub(crate) profiles: Vec<Arc<Profile>>,
    pub(crate) shelf: Arc<dyn Shelf>,
    running: Mutex<Running>,
    world: Mutex<Box<dyn World>>,
    graphs: AtomicU64,
    flame_graphs: AtomicU64,
}

/// What runs right now.
#[derive(Default)]
struct Running {
    cancel: Cancel,
    /// Why it was ended from within this crate.
    verdict: Option<String>,
}

impl Session {
    pub(crate) fn new(profiles: Vec<Arc<Profile>>, shelf: Arc<dyn Shelf>, world: Box<dyn World>) -> Self {
        Self {
            profiles,
            shelf,
            running: Mutex::default(),
            world: Mutex::new(world),
            graphs: AtomicU64::new(1),
            flame_graphs: AtomicU64::new(1),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, Box<dyn World>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What runs next is given up through `cancel`.
    pub(crate) fn begin(&self, cancel: Cancel) {
        *self.running() = Running { cancel, verdict: None };
    }

    /// How what runs right now is given up.
    pub(crate) fn cancel(&self) -> Cancel {
        self.running().cancel.clone()
    }

    /// Why the script has to end now, if it has to.
    pub(crate) fn stop(&self) -> Option<Stop> {
        match self.cancel().check() {
            Ok(()) => None,
            Err(IndexError::Deadline) => Some(Stop::Deadline),
            Err(_) => Some(Stop::Cancelled),
        }
    }

    /// Ends the script, and says why; the first reason given counts.
    pub(crate) fn end(&self, why: String) {
        let mut running = self.running();
        running.verdict.get_or_insert(why);
        running.cancel.cancel();
    }

    /// Why [`Self::end`] was called, if it was.
    pub(crate) fn verdict(&self) -> Option<String> {
        self.running().verdict.clone()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The globally loaded profile; `wanted` is what the script asked it for.
    pub(crate) fn global(&self, wanted: &'static str) -> Result<Arc<Profile>, Failure> {
        self.profiles.first().cloned().ok_or(Failure::NothingLoaded(wanted))
    }

    pub(crate) fn next_graph_name(&self) -> String {
        format!("Graph #{}.svg", self.graphs.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn next_flame_graph_name(&self) -> String {
        format!("Flamegraph #{}.svg", self.flame_graphs.fetch_add(1, Ordering::Relaxed))
    }
}
