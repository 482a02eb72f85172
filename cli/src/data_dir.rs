//! Where indexes are kept.

use crate::arguments::DataDir;
use anyhow::{Context, Result};
use bytehound_store::{Store, StoreError};
use std::path::PathBuf;

impl DataDir {
    /// The folder, as told or as the XDG base directory specification has it.
    pub(crate) fn resolve(&self) -> Result<PathBuf> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
        Ok(base
            .context("neither XDG_DATA_HOME nor HOME is set; say where with `--data-dir`")?
            .join("bytehound"))
    }

    /// The data directory for oneself alone.
    pub(crate) fn open(&self) -> Result<Store> {
        Ok(Store::open(&self.resolve()?)?)
    }

    /// The data directory, or one that is gone when we are, if a server holds it.
    pub(crate) fn open_or_borrow(&self) -> Result<Store> {
        match Store::open(&self.resolve()?) {
            Err(StoreError::Locked { dir, .. }) => {
                eprintln!(
                    "note: another bytehound holds `{}`: indexing anew in a temporary directory",
                    dir.display()
                );
                Ok(Store::temporary()?)
            }
            opened => Ok(opened?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_wins() {
        let told = DataDir { path: Some("elsewhere".into()) };
        assert_eq!(told.resolve().unwrap(), PathBuf::from("elsewhere"));
    }
}
