//! The seams in memory, for tests: any operation can be made to fail, before it did anything or after it did all of it.
//!
//! Those above this crate are tested over it: what they promise must hold whichever operation fails.

mod catalog;
mod faults;
mod segments;
mod summaries;

use std::sync::Arc;

pub use faults::{Fault, Faults};

use crate::damage::DamageLog;
use crate::{Seams, StoreError};

impl Seams {
    /// Everything in memory; operations fail as `faults` has it.
    #[must_use]
    pub fn in_memory(faults: &Arc<Faults>) -> Self {
        let damage = Arc::new(DamageLog::default());
        Self {
            segments: Arc::new(segments::MemorySegments::new(Arc::clone(faults), Arc::clone(&damage))),
            summaries: Arc::new(summaries::MemorySummaries::new(Arc::clone(faults), Arc::clone(&damage))),
            catalog: Arc::new(catalog::MemoryCatalog::new(Arc::clone(faults))),
            damage,
        }
    }
}

/// What a failed operation says.
fn fault(operation: &'static str, kind: std::io::ErrorKind) -> StoreError {
    StoreError::Io {
        what: operation,
        path: "a store in memory".into(),
        source: std::io::Error::new(kind, "made to fail"),
    }
}
