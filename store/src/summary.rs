//! Summaries: ordered rows of bytes, written once by one build and read by key and by prefix.

mod local;
mod reader;
mod row;
mod writer;

use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use local::LocalSummaries;

use crate::{BuildKey, Result, StoredBuild};

/// The longest value; 1 to 8 KiB are best, so pack several small things in one.
pub const MAX_VALUE: usize = 64 * 1024;

/// The longest key.
pub const MAX_KEY: usize = 512;

/// The rows of all builds.
///
/// *Durability*: the rows survive a kill and a power cut once `finish` returned. *Atomicity*: a build has all its rows
/// or none; a writer that is dropped leaves none. *Visibility*: any reader can open them from then on. Damage is
/// [`SummaryLost`](crate::StoreError::SummaryLost), never a wrong or missing row: what was lost can be derived again. It
/// is noted in the [`DamageLog`](crate::DamageLog).
pub trait SummaryIndex: Send + Sync {
    /// Begins to write a build's rows, replacing what it had.
    fn writer(&self, build: &BuildKey) -> Result<Box<dyn SummaryWriter>>;

    /// Opens a build's rows. A reader stays usable until it is dropped, even when the rows are deleted meanwhile.
    fn open(&self, build: &BuildKey) -> Result<Arc<dyn SummaryReader>>;

    /// The builds that have rows, finished or not, in order.
    fn list(&self) -> Result<Vec<StoredBuild>>;

    /// Deletes a build's rows; rows that are not there are no error.
    fn delete(&self, build: &BuildKey) -> Result<()>;
}

/// Writes the rows of one build.
pub trait SummaryWriter: Send {
    /// Adds a row. Keys ascend; a key has at most [`MAX_KEY`] bytes, a value [`MAX_VALUE`].
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()>;

    /// Makes the rows durable, and then visible.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Reads the rows of one build.
pub trait SummaryReader: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the rows whose keys begin with `prefix`, in order, until the visitor breaks off.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()>;
}

/// Sees a key and its value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;
