//! What all objects of one running script share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytehound_index::{Cancel, IndexError, Profile};

use crate::environment::World;
use crate::failure::{Failure, Stop};

pub(crate) struct Session {
    pub(crate) profiles: Vec<Arc<Profile>>,
    pub(crate) cancel: Cancel,
    /// Why the script was ended from within this crate.
    verdict: OnceLock<String>,
    world: Mutex<Box<dyn World>>,
    graphs: AtomicU64,
    flame_graphs: AtomicU64,
}

impl Session {
    pub(crate) fn new(profiles: Vec<Arc<Profile>>, cancel: Cancel, world: Box<dyn World>) -> Self {
        Self {
            profiles,
            cancel,
            verdict: OnceLock::new(),
            world: Mutex::new(world),
            graphs: AtomicU64::new(1),
            flame_graphs: AtomicU64::new(1),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, Box<dyn World>> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the script has to end now, if it has to.
    pub(crate) fn stop(&self) -> Option<Stop> {
        match self.cancel.check() {
            Ok(()) => None,
            Err(IndexError::Deadline) => Some(Stop::Deadline),
            Err(_) => Some(Stop::Cancelled),
        }
    }

    /// Ends the script, and says why; the first reason given counts.
    pub(crate) fn end(&self, why: String) {
        // The reason is there before anybody can ask for it.
        _ = self.verdict.set(why);
        self.cancel.cancel();
    }

    /// Why [`Self::end`] was called, if it was.
    pub(crate) fn verdict(&self) -> Option<&str> {
        self.verdict.get().map(String::as_str)
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
