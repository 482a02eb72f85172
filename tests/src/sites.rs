//! What was allocated at each call site: as a program counted it, and as its capture has it.
//!
//! A program's own allocations are told from those of its C library by the functions that made them. The programs of
//! `tests/programs/c` give each call site a function, and say `site=FUNCTION allocated=… bytes=… leaked=… leaked_bytes=…`.

use crate::Ended;
use anyhow::Result;
use bytehound_index::{Allocation, BacktraceId, Profile, Row, build};
use bytehound_store::{NewProfile, Store};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What was allocated at one call site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Blocks, those made by a realloc included.
    pub allocated: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks never freed.
    pub leaked: u64,
    /// Their bytes.
    pub leaked_bytes: u64,
}

/// Call sites by the names of their functions.
pub type Sites = BTreeMap<String, Site>;

impl Ended {
    /// The call sites that the program told of.
    pub fn sites(&self) -> Sites {
        let lines = self.stdout.lines().filter(|line| line.starts_with("site="));
        lines.filter_map(site_of_line).collect()
    }
}

fn site_of_line(line: &str) -> Option<(String, Site)> {
    let said: BTreeMap<_, _> = line.split_whitespace().filter_map(|word| word.split_once('=')).collect();
    let number = |key| said.get(key)?.parse().ok();
    let site = Site {
        allocated: number("allocated")?,
        bytes: number("bytes")?,
        leaked: number("leaked")?,
        leaked_bytes: number("leaked_bytes")?,
    };
    Some(((*said.get("site")?).to_owned(), site))
}

/// Indexes a capture in a store of its own, which ends with the profile.
pub fn index(capture: &Path) -> Result<Arc<Profile>> {
    let store = Store::temporary()?;
    let new = NewProfile { name: "capture".into(), labels: BTreeMap::new() };
    let record = store.captures().reference(capture, new)?.record;
    build::ingest(&store, &record.id, &())?;
    Ok(Profile::open(&store, &record.id)?)
}

/// The allocations of a profile, each with that of the told call sites that made it: the innermost that its stack
/// passes through. Those of no such site are left out.
pub fn allocations_at<'a>(profile: &Profile, told: &'a Sites) -> impl Iterator<Item = (&'a str, Allocation)> {
    let sites: Vec<_> =
        (0..profile.backtrace_count()).map(|id| innermost(profile, BacktraceId(id), told)).collect();
    let rows = (0..profile.row_count()).map(|row| profile.allocation(Row(row)));
    rows.filter_map(move |allocation| {
        let site = *sites.get(allocation.backtrace.0 as usize)?;
        Some((site?, allocation))
    })
}

/// What a profile has of the told call sites.
pub fn sites_in(profile: &Profile, told: &Sites) -> Sites {
    let mut sites: Sites = told.keys().map(|name| (name.clone(), Site::default())).collect();
    for (name, allocation) in allocations_at(profile, told) {
        let site = sites.entry(name.to_owned()).or_default();
        site.allocated += 1;
        site.bytes += allocation.size;
        if allocation.is_leaked() {
            site.leaked += 1;
            site.leaked_bytes += allocation.size;
        }
    }
    sites
}

/// The functions that a stack passes through, innermost first, without their scopes and arguments.
pub fn functions_of(profile: &Profile, backtrace: BacktraceId) -> impl Iterator<Item = &str> {
    profile.backtrace(backtrace).frames().rev().filter_map(|frame| frame.name()).map(own_name)
}

fn innermost<'a>(profile: &Profile, backtrace: BacktraceId, told: &'a Sites) -> Option<&'a str> {
    let mut told = functions_of(profile, backtrace).filter_map(|function| told.get_key_value(function));
    told.next().map(|(name, _)| name.as_str())
}

fn own_name(function: &str) -> &str {
    let name = function.split_once('(').map_or(function, |(name, _)| name);
    name.rsplit_once("::").map_or(name, |(_, name)| name)
}
