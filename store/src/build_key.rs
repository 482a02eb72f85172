//! One build of a profile's index.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ProfileId;

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
