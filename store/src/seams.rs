//! The three seams at which one machine could become many.
//!
//! Captures and segments are immutable and named by what they are, so they could lie in an object store; catalogue, leases
//! and summaries could lie in a database that many share. Whoever is above this crate sees the traits, and cannot tell.

use std::sync::Arc;

use crate::catalog::LocalCatalog;
use crate::damage::DamageLog;
use crate::layout::Layout;
use crate::segment::LocalSegments;
use crate::summary::LocalSummaries;
use crate::{Catalog, Result, SegmentStore, SummaryIndex};

/// One implementation of each seam; they belong together.
///
/// Fields are dropped in this order, the databases last: what reads them goes before.
pub struct Seams {
    /// The columns of all builds.
    pub segments: Arc<dyn SegmentStore>,
    /// The summaries of all builds.
    pub summaries: Arc<dyn SummaryIndex>,
    /// The profiles and their states.
    pub catalog: Arc<dyn Catalog>,
    /// Where segments and summaries note the damage that their readers meet.
    pub damage: Arc<DamageLog>,
}

impl Seams {
    /// Files and sled databases of one data directory.
    pub(crate) fn local(layout: &Layout) -> Result<Self> {
        let damage = Arc::new(DamageLog::default());
        Ok(Self {
            segments: Arc::new(LocalSegments::new(layout.clone(), Arc::clone(&damage))),
            summaries: Arc::new(LocalSummaries::new(layout.clone(), Arc::clone(&damage))),
            catalog: Arc::new(LocalCatalog::open(layout)?),
            damage,
        })
    }
}
