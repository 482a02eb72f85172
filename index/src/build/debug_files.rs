//! Debug information in files of their own, as `objcopy --only-keep-debug` makes them and distributions ship them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytehound_store::Store;
use bytehound_symbols::{digest, inspect};

use crate::IndexError;

/// Folders inside folders are followed this deep: enough for `.build-id/ab/cdef.debug` in any prefix.
const DEPTH_MAX: usize = 32;

/// Keeps the symbols of every ELF file at these paths, folders being searched, for binaries with the same build-id.
/// They serve captures that are indexed from now on. Gives how many files were of use.
///
/// Files without a build-id cannot be told to belong to anything, and those that know less than is known already are
/// left alone: neither counts, nor do files that are not ELF.
pub fn add_debug_files(store: &Store, paths: &[PathBuf]) -> Result<usize, IndexError> {
    let mut added = 0;
    for path in paths {
        visit(path, DEPTH_MAX, &mut |file| {
            added += usize::from(add(store, file)?);
            Ok(())
        })?;
    }
    Ok(added)
}

fn visit(
    path: &Path,
    depth: usize,
    found: &mut dyn FnMut(&Path) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    if !fs::metadata(path)?.is_dir() {
        return found(path);
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // What a link in a folder points at is found where it is, if it is to be found.
        let kind = entry.file_type()?;
        if kind.is_file() || (kind.is_dir() && depth > 0) {
            visit(&entry.path(), depth.saturating_sub(1), found)?;
        }
    }
    Ok(())
}

fn add(store: &Store, path: &Path) -> Result<bool, IndexError> {
    if !is_elf(path)? {
        return Ok(false);
    }
    let elf = fs::read(path)?;
    let Ok(binary) = inspect(&elf) else { return Ok(false) };
    if !binary.id.is_build_id() {
        return Ok(false);
    }
    let symcache = match digest(&elf) {
        Ok(symcache) => symcache,
        Err(error) => {
            tracing::warn!("`{}` has no usable debug information: {error}", path.display());
            return Ok(false);
        }
    };
    store.symcaches().hold_for_ever(&binary.id);
    let known = store.symcaches().get(&binary.id)?;
    if known.is_some_and(|known| known.as_ref().len() >= symcache.len()) {
        return Ok(false);
    }
    store.symcaches().put(&binary.id, &symcache)?;
    Ok(true)
}

fn is_elf(path: &Path) -> Result<bool, IndexError> {
    let mut start = Vec::new();
    fs::File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start == b"\x7fELF")
}
