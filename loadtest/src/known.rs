//! What is known of a capture beforehand: `FILE.json` beside `FILE.dat`, as `cargo xtask gen-dat` writes it.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// As much of the answers as is asked for here.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Known {
    pub(crate) allocations: u64,
    pub(crate) leaked_count: u64,
    pub(crate) peak_bytes: u64,
    pub(crate) peak_live: u64,
    pub(crate) groups: Vec<Group>,
}

/// What was allocated from one stack.
#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    /// Words in the names of its functions.
    pub(crate) through: Vec<String>,
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    pub(crate) leaked_count: u64,
    pub(crate) leaked_bytes: u64,
}

/// Sums of a group under the names that the API has for them.
pub(crate) const SUMS: [&str; 4] = ["allocated_count", "allocated_bytes", "leaked_count", "leaked_bytes"];

impl Known {
    /// What is known of a capture, if something is.
    pub(crate) fn beside(capture: &Path) -> Result<Option<Self>> {
        let path = capture.with_extension("json");
        if !path.exists() {
            return Ok(None);
        }
        let file = BufReader::new(File::open(&path)?);
        let known = serde_json::from_reader(file);
        known.map(Some).with_context(|| format!("`{}` tells nothing of a capture", path.display()))
    }

    /// Sums of all stacks through functions with this word in their names; of all without one.
    pub(crate) fn sums(&self, word: Option<&str>) -> HashSet<[u64; 4]> {
        self.through(word).map(Group::sums).collect()
    }

    /// How many stacks there are, and the largest values of one of [`SUMS`].
    pub(crate) fn largest(&self, sum: &str, word: Option<&str>, count: usize) -> (usize, Vec<u64>) {
        let column = SUMS.iter().position(|name| *name == sum).unwrap_or_default();
        let mut values: Vec<_> = self.through(word).map(|group| group.sums()[column]).collect();
        values.sort_unstable_by(|one, other| other.cmp(one));
        let stacks = values.len();
        values.truncate(count);
        (stacks, values)
    }

    fn through(&self, word: Option<&str>) -> impl Iterator<Item = &Group> {
        let passes =
            move |group: &&Group| word.is_none_or(|word| group.through.iter().any(|own| own == word));
        self.groups.iter().filter(passes)
    }
}

impl Group {
    fn sums(&self) -> [u64; 4] {
        [self.allocations, self.allocated_bytes, self.leaked_count, self.leaked_bytes]
    }
}
