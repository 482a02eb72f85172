//! The catalogue: one small record a profile, and the one write that makes a build visible.

mod failure;
mod lease;
mod local;
mod row;
mod transitions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bytehound_symbols::BinaryId;
use serde::{Deserialize, Serialize};

pub use failure::FailureCause;
pub use lease::Lease;
pub(crate) use local::LocalCatalog;
#[cfg(feature = "testing")]
pub(crate) use {row::Row, transitions::newest_first};

use crate::{BuildKey, Generation, ProfileId, Result};

/// The longest summary a record carries: a list of all profiles reads every one of them.
pub const SUMMARY_LEN_MAX: usize = 64 * 1024;

/// The profiles and their states.
///
/// *Durability*: what a changing method did survives a kill and a power cut once it returned `Ok`. After an error the
/// change was made whole or not at all.
///
/// *Atomicity*: each method changes one record as a whole; changes of one record come one after the other.
///
/// *Visibility*: a reader sees a change as soon as the changing method returned, and never a half of it.
///
/// *Jobs*: a profile without an answer is a job. Whoever takes it has it for the time of a [`Lease`], and prolongs that
/// while at work; the job of one who died is free again after it. Only the newest build of a profile can be published,
/// so a worker who was thought dead and is not does no harm.
pub trait Catalog: Send + Sync {
    /// Adds a record, and gives back what is stored now.
    ///
    /// When the profile exists, only these change: labels are merged (the last value wins), a name that is not empty
    /// replaces the old one, and so does the origin, unless it was uploaded: what we hold ourselves is never given up
    /// for a reference.
    fn insert(&self, record: ProfileRecord) -> Result<ProfileRecord>;

    /// The record of a profile.
    fn get(&self, id: &ProfileId) -> Result<Option<ProfileRecord>>;

    /// All records, the newest first.
    fn list(&self) -> Result<Vec<ProfileRecord>>;

    /// Merges labels into a profile's; the last value wins.
    fn set_labels(&self, id: &ProfileId, labels: &BTreeMap<String, String>) -> Result<ProfileRecord>;

    /// Begins a build, whoever else is at one: the state is `Indexing`, the generation one that was not used before. A
    /// build that answers goes on to do so. Other builds that are still running can no longer publish. There is no
    /// lease: this is for those who have the catalogue to themselves.
    fn begin_build(&self, id: &ProfileId) -> Result<Generation>;

    /// The jobs that nobody has a lease on at this time: profiles that are `Stored`, or `Indexing` under a lease that is
    /// over. The oldest profile comes first.
    fn open_jobs(&self, now_ms: u64) -> Result<Vec<ProfileId>>;

    /// Begins a build like [`begin_build`](Self::begin_build), unless another one has a lease on it now: then `None`.
    fn take_job(&self, id: &ProfileId, lease: &Lease) -> Result<Option<Generation>>;

    /// Prolongs the lease of a build. `false` when it was taken by another, or came to an end: it is to be given up.
    fn renew_lease(&self, build: &BuildKey, lease: &Lease) -> Result<bool>;

    /// Makes a build the one that answers, if no newer one was begun: compare-and-swap. The build's segment and
    /// summaries must be durable before.
    fn publish(&self, build: &BuildKey, data_id: Option<String>, summary: Vec<u8>) -> Result<Published>;

    /// Notes the symcaches that a running build takes its names from, instead of those of earlier builds. Nothing happens
    /// when it is not the newest one any more.
    fn refer(&self, build: &BuildKey, symcaches: &BTreeSet<BinaryId>) -> Result<()>;

    /// The symcaches that any profile refers to. `None` while that is not known of all that answer, since a version indexed
    /// them that did not note it.
    fn referred(&self) -> Result<Option<BTreeSet<BinaryId>>>;

    /// Ends a build without a result: the profile has failed, unless an earlier build answers. Nothing happens when it is
    /// not the newest one any more.
    fn fail(&self, build: &BuildKey, cause: FailureCause, reason: &str) -> Result<()>;

    /// Notes that the files of a build are damaged or gone, so that it cannot answer any more and the profile wants a new
    /// one. Nothing happens, and the answer is `false`, when another build answers meanwhile, or none.
    fn lose_build(&self, build: &BuildKey, damage: &str) -> Result<bool>;

    /// Notes that something of the profile is damaged, and leaves its state as it is. The note goes when a build is
    /// published, or when the capture comes in once more.
    fn note_damage(&self, id: &ProfileId, damage: &str) -> Result<()>;

    /// Gives back room that the catalogue does not need any more; says how many bytes.
    fn compact(&self) -> Result<u64>;

    /// Removes a record; says whether there was one.
    fn remove(&self, id: &ProfileId) -> Result<bool>;
}

/// What the catalogue knows of one profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// The hash of its bytes.
    pub id: ProfileId,
    /// A name for people; may be empty.
    pub name: String,
    /// `key=value` pairs by which profiles are selected.
    pub labels: BTreeMap<String, String>,
    /// Where its bytes are.
    pub origin: Origin,
    /// How many bytes the capture has.
    pub size_bytes: u64,
    /// When it first came, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// The id that the capture carries in itself, once it was read.
    pub data_id: Option<String>,
    /// How far it is.
    pub state: ProfileState,
    /// What the publisher of the build wants to have at hand in lists; opaque here.
    pub summary: Option<Vec<u8>>,
    /// What was found damaged of it, and was not made good yet.
    #[serde(default)]
    pub damage: Option<String>,
}

impl ProfileRecord {
    /// The build that answers, when there is one.
    #[must_use]
    pub fn ready_build(&self) -> Option<BuildKey> {
        self.state.answering().map(|generation| BuildKey { profile: self.id.clone(), generation })
    }
}

/// Where a capture's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// In the data directory.
    Uploaded,
    /// In a file of the user's, which stays there and may change or go.
    Referenced {
        /// Where it was last seen, absolute.
        #[serde(with = "row::path_text")]
        path: PathBuf,
        /// The device it lies on.
        device: u64,
        /// Its number there.
        inode: u64,
        /// Its length in bytes.
        size: u64,
        /// When it was last written, in nanoseconds since 1970.
        modified_ns: i64,
    },
}

/// How far a profile is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileState {
    /// Its bytes are safe; no build was begun, or the one that was did not survive its process.
    Stored,
    /// A build is running.
    Indexing {
        /// The earlier build that answers meanwhile, if there is one.
        answering: Option<Generation>,
    },
    /// It answers.
    Ready {
        /// The build that answers.
        generation: Generation,
    },
    /// The last build ended without a result.
    Failed {
        /// Why, for people.
        reason: String,
        /// Why, for programs.
        #[serde(default)]
        cause: FailureCause,
    },
}

impl ProfileState {
    /// What ended the last build, if that was without a result.
    #[must_use]
    pub fn failure(&self) -> Option<FailureCause> {
        match self {
            Self::Failed { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// The build that answers, when there is one.
    #[must_use]
    pub fn answering(&self) -> Option<Generation> {
        match self {
            Self::Ready { generation } | Self::Indexing { answering: Some(generation) } => Some(*generation),
            Self::Stored | Self::Indexing { answering: None } | Self::Failed { .. } => None,
        }
    }
}

/// What became of a build that wanted to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a superseded build is garbage: delete its files"]
pub enum Published {
    /// It answers from now on.
    Current,
    /// A newer build was begun, or the profile is gone: its files are to be deleted.
    Superseded,
}
