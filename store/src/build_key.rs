//! One build of a profile's index.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{ProfileId, Result, durable};

/// The number of a build: each profile counts its own, from 1, and never uses one twice while its files exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

/// Names one build: `<profile>.<generation>`, which is also how its files are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BuildKey {
    /// The profile that was built.
    pub profile: ProfileId,
    /// Which of its builds.
    pub generation: Generation,
}

/// A build that has files, and how large they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredBuild {
    /// The build.
    pub build: BuildKey,
    /// What they take.
    pub size_bytes: u64,
}

impl StoredBuild {
    /// Those of a directory whose entries are builds with this at the end of their names.
    pub(crate) fn in_dir(dir: &Path, suffix: &str) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for path in durable::entries(dir)? {
            let name =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(suffix));
            if let Some(build) = name.and_then(BuildKey::parse) {
                found.push(Self { build, size_bytes: durable::size_bytes(&path)? });
            }
        }
        found.sort();
        Ok(found)
    }
}

impl BuildKey {
    /// Reads a key as [`Display`](fmt::Display) writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (profile, generation) = text.split_once('.')?;
        let key = Self {
            profile: ProfileId::parse(profile).ok()?,
            generation: Generation(generation.parse().ok()?),
        };
        (key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BuildKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.profile, self.generation)
    }
}
