//! Everything that can go wrong in the data directory, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::{BuildKey, ProfileId};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused; a full disk is one of these (see [`StoreError::is_full_disk`]).
    #[error("could not {what} `{}`: {source}", path.display())]
    Io {
        /// What was being done, as a verb: "create", "sync".
        what: &'static str,
        /// The file or directory it was done to.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("{what} is damaged; index the profile again, or restore the file from a copy")]
    Corrupt {
        /// The damaged thing.
        what: String,
    },
    /// The bytes of a stored capture are not those that came in.
    #[error("the capture of `{0}` is damaged: its bytes are not those that came in; upload it again")]
    DamagedCapture(ProfileId),
    /// Written by another version of this program.
    #[error(
        "{what} has version {found}, this program reads {expected}; use the program that wrote it, or another directory"
    )]
    Version {
        /// The thing with the version.
        what: String,
        /// The version it has.
        found: u32,
        /// The version this program reads and writes.
        expected: u32,
    },
    /// Another process has the directory open.
    #[error("`{}` is in use by {}; ask its server over HTTP, or name another data directory", dir.display(),
        server.as_ref().map_or("another process".to_owned(), |url| format!("the server at {url}")))]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// Where the server that has it open listens, if it is one.
        server: Option<String>,
    },
    /// The directory holds other people's files.
    #[error("`{}` is not empty and not a data directory; name an empty or new one", dir.display())]
    NotADataDirectory {
        /// The directory that was named.
        dir: PathBuf,
    },
    /// There is no such profile.
    #[error("no profile `{0}`; the list of profiles has those that exist")]
    NoSuchProfile(ProfileId),
    /// Text that is no profile id.
    #[error("`{0}` is not a profile id; an id is `p_` and 32 characters of a-z and 2-7")]
    InvalidProfileId(String),
    /// There is no such file, or build, any more.
    #[error("{what} is not there; it may have been deleted or replaced: look the profile up again")]
    NotFound {
        /// The missing thing.
        what: String,
    },
    /// A referenced capture is no longer the file it was.
    #[error("`{}` changed since it was read; name it again to take it as it is now", path.display())]
    Changed {
        /// The capture.
        path: PathBuf,
    },
    /// The summaries of a build are damaged or gone; they can be derived again.
    #[error("the summaries of build `{build}` are lost ({reason}); build them again")]
    SummaryLost {
        /// The build.
        build: BuildKey,
        /// What was found.
        reason: String,
    },
    /// The caller broke a limit or an order that the store relies on.
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    /// Wraps an I/O error: `.map_err(StoreError::io("create", path))`.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// Of a reader of a build: whether its files are damaged, gone or of another version, so that they have to be made
    /// again.
    #[must_use]
    pub fn is_damaged_build(&self) -> bool {
        use StoreError::{Corrupt, NotFound, SummaryLost, Version};
        matches!(self, Corrupt { .. } | SummaryLost { .. } | NotFound { .. } | Version { .. })
    }

    /// No space left, quota reached, or a file-size limit: retry once there is room.
    #[must_use]
    pub fn is_full_disk(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }
}
