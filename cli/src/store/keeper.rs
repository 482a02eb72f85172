//! Who does the work.

use anyhow::Result;
use bytehound_store::{Freed, ProfileId, Stat, Verified};

/// Whoever has a data directory open.
pub(super) trait Keeper {
    /// What the directory holds.
    fn stat(&self) -> Result<Stat>;

    /// All profiles, the newest first.
    fn profiles(&self) -> Result<Vec<ProfileId>>;

    /// Reads all of a profile, and marks what is damaged.
    fn verify(&self, id: &ProfileId) -> Result<Verified>;

    /// Removes what is not needed any more.
    fn gc(&self) -> Result<Freed>;

    /// Indexes a profile again; returns once that is done.
    fn reindex(&self, id: &ProfileId) -> Result<()>;

    /// What becomes of what was found damaged, or what is to be done about it.
    fn advice(&self) -> &'static str;
}
