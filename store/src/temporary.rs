//! Data directories below the system's temporary one. A process that is killed leaves its own behind: the next one
//! that needs one removes it.

use std::fs::{DirEntry, File, OpenOptions, Permissions, read_dir, remove_dir_all};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::layout::Layout;
use crate::{Result, StoreError};

const PREFIX: &str = "bytehound-";
/// A lock that is younger may be one whose owner is about to take it.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// Makes a directory that is removed when it is dropped.
pub(crate) fn create() -> Result<TempDir> {
    let parent = std::env::temp_dir();
    remove_abandoned(&parent);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).permissions(Permissions::from_mode(0o700));
    builder.tempdir_in(&parent).map_err(StoreError::io("create a directory in", &parent))
}

/// What can't be removed stays for somebody who can.
fn remove_abandoned(parent: &Path) {
    for entry in read_dir(parent).into_iter().flatten().flatten().filter(is_ours) {
        if let Some(_lock) = abandoned(&Layout::new(&entry.path()).lock()) {
            let _ = remove_dir_all(entry.path());
        }
    }
}

fn is_ours(entry: &DirEntry) -> bool {
    entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
        && entry.file_type().is_ok_and(|kind| kind.is_dir())
}

/// The lock of a directory, if its owner is gone.
fn abandoned(lock: &Path) -> Option<File> {
    let file = OpenOptions::new().read(true).write(true).open(lock).ok()?;
    let age = file.metadata().ok()?.modified().ok()?.elapsed().ok()?;
    (age > ABANDONED_AFTER && file.try_lock().is_ok()).then_some(file)
}
