//! Captures that stay where they lie: telling one file from another, and from itself after a change.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::{Origin, ProfileId, Result, StoreError};

/// What tells this file, in its present content, from others.
pub(super) fn identify(file: &File, path: &Path) -> Result<Origin> {
    let metadata = file.metadata().map_err(StoreError::io("look at", path))?;
    if !metadata.is_file() {
        return Err(StoreError::Refused(format!(
            "`{}` is not a regular file; name a capture",
            path.display()
        )));
    }
    Ok(Origin::Referenced {
        path: path.to_owned(),
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
    })
}

/// The id of a file's bytes; a file that changes meanwhile is refused.
pub(super) fn hash(mut file: &File, path: &Path, origin: &Origin) -> Result<ProfileId> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
    }
    if identify(file, path)? != *origin {
        return Err(StoreError::Changed { path: path.to_owned() });
    }
    Ok(ProfileId::of(&hasher.finalize()))
}
