//! Files and directories that survive a power cut: sync the bytes, rename, sync the directory.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::{Result, StoreError};

/// Creates a directory (and its parents) that only its owner may enter; one that exists is left as it is.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StoreError::io("create", path))
}

/// Creates a new file that only its owner may read.
pub(crate) fn create_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path).map_err(StoreError::io("create", path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", path))
}

/// Moves a synced file to its final name, durably; the name must lie on the same file system.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(StoreError::io("rename", from))?;
    sync_dir(parent(to))
}

/// Exchanges two directories of one parent, durably: at any moment both names mean one of them.
pub(crate) fn exchange(one: &Path, other: &Path) -> Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
        .map_err(|error| StoreError::io("exchange", one)(error.into()))?;
    sync_dir(parent(other))
}

/// Replaces `path` by `bytes`: after a crash at any moment it holds the old bytes or the new ones, whole.
/// `staging` is a name on the same file system that nobody else uses.
pub(crate) fn replace(path: &Path, staging: &Path, bytes: &[u8]) -> Result<()> {
    remove_file(staging)?;
    let mut file = create_file(staging)?;
    file.write_all(bytes).map_err(StoreError::io("write", staging))?;
    file.sync_all().map_err(StoreError::io("sync", staging))?;
    rename(staging, path)
}

/// Removes a file; says whether there was one.
pub(crate) fn remove_file(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("remove", path)(error)),
    }
}

/// Removes a directory with all it holds; says whether there was one.
pub(crate) fn remove_dir(path: &Path) -> Result<bool> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("remove", path)(error)),
    }
}

/// Removes a file or a directory with all it holds.
pub(crate) fn remove_any(path: &Path) -> Result<()> {
    let is_dir = fs::symlink_metadata(path).map_err(StoreError::io("look at", path))?.is_dir();
    if is_dir {
        remove_dir(path)?
    } else {
        remove_file(path)?
    };
    Ok(())
}

/// The paths in a directory, in the order of their names.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut paths = list().map_err(StoreError::io("list", dir))?;
    paths.sort();
    Ok(paths)
}

/// What a file takes, or all files below a directory; what goes meanwhile takes nothing.
pub(crate) fn size_bytes(path: &Path) -> Result<u64> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        found => found.map_err(StoreError::io("look at", path))?,
    };
    if metadata.is_dir() {
        entries(path)?.iter().map(|entry| size_bytes(entry)).sum()
    } else {
        Ok(metadata.len())
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
