//! Culling: what lives only shortly is left out of a capture, but for its sums; everything else is there.

use anyhow::{Context, Result, ensure};
use bytehound_format::{Event, Reader};
use bytehound_index::{BacktraceId, Profile};
use bytehound_tests::{Sites, allocations_at, compile, functions_of, index, preloaded, sites_in};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::{TempDir, tempdir};

const CULL: (&str, &str) = ("CULL_TEMPORARY_ALLOCATIONS", "1");
const SECOND: (&str, &str) = ("TEMPORARY_ALLOCATION_LIFETIME_THRESHOLD", "1000");

/// A run of `short_lives.c`.
struct Culled {
    told: Sites,
    capture: PathBuf,
    _folder: TempDir,
}

impl Culled {
    fn run(settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempdir()?;
        let program = compile("short_lives.c", folder.path())?;
        let program = program.to_str().context("the path is no text")?;
        let ended = preloaded(folder.path(), &[program], settings)?;
        ensure!(ended.code == Some(0), "the program failed: {}", ended.stderr);
        Ok(Self { told: ended.sites(), capture: folder.path().join("program.dat"), _folder: folder })
    }

    fn profile(&self) -> Result<Arc<Profile>> {
        let profile = index(&self.capture)?;
        assert_eq!(profile.manifest().defects, [""; 0]);
        Ok(profile)
    }

    /// What is to be in the capture one by one.
    fn survivors(&self) -> Sites {
        let survives = |name: &str| ["long_lived", "leaked_young", "grown_and_kept"].contains(&name);
        let site = |(name, &site): (&String, &_)| {
            (name.clone(), if survives(name) { site } else { Default::default() })
        };
        self.told.iter().map(site).collect()
    }
}

/// Allocations and frees of each site, those that were left out included.
fn counts(profile: &Profile, told: &Sites) -> Result<BTreeMap<String, (u64, u64)>> {
    let mut counts: BTreeMap<_, _> = told.keys().map(|name| (name.clone(), (0, 0))).collect();
    for (id, summary) in (0..).zip(profile.summaries()?) {
        let site = functions_of(profile, BacktraceId(id)).find_map(|name| told.get_key_value(name));
        if let Some(count) = site.and_then(|(name, _)| counts.get_mut(name)) {
            count.0 += summary.allocated_count;
            count.1 += summary.freed_count;
        }
    }
    Ok(counts)
}

fn told_counts(told: &Sites) -> BTreeMap<String, (u64, u64)> {
    told.iter().map(|(name, site)| (name.clone(), (site.allocated, site.allocated - site.leaked))).collect()
}

#[test]
fn only_what_lives_long_or_is_leaked_is_in_the_capture_and_the_sums_of_the_rest() -> Result<()> {
    for format in ["0.11", "2"] {
        let run = Culled::run(&[CULL, SECOND, ("FORMAT", format)])?;
        let profile = run.profile()?;
        assert_eq!(sites_in(&profile, &run.told), run.survivors(), "format {format}");
        assert_eq!(counts(&profile, &run.told)?, told_counts(&run.told), "format {format}");
    }
    Ok(())
}

#[test]
fn reallocs_of_a_block_that_stays_are_one_chain() -> Result<()> {
    for format in ["0.11", "2"] {
        let run = Culled::run(&[CULL, SECOND, ("FORMAT", format)])?;
        let profile = run.profile()?;
        let told = run.told["grown_and_kept"].allocated;
        let blocks = allocations_at(&profile, &run.told).filter(|(site, _)| *site == "grown_and_kept");
        let lengths: Vec<_> = blocks.map(|(_, block)| u64::from(block.chain.length)).collect();
        assert_eq!(lengths, vec![told; told as usize], "format {format}");
    }
    Ok(())
}

#[test]
fn with_a_pending_threshold_the_oldest_are_in_the_capture_whatever_becomes_of_them() -> Result<()> {
    let pending = ("TEMPORARY_ALLOCATION_PENDING_THRESHOLD", "10");
    let run = Culled::run(&[CULL, SECOND, pending])?;
    let profile = run.profile()?;
    let sites = sites_in(&profile, &run.told);
    assert_eq!(sites["short_lived"].allocated, 0);
    let handed = sites["handed_over"].allocated;
    assert!((40..=50).contains(&handed), "{handed} of 50 blocks");
    assert_eq!(counts(&profile, &run.told)?, told_counts(&run.told));
    Ok(())
}

#[test]
fn a_capture_that_culls_is_small() -> Result<()> {
    let allocations = |settings: &[(&str, &str)]| -> Result<u64> {
        let run = Culled::run(settings)?;
        let mut reader = Reader::new(std::fs::File::open(&run.capture)?)?;
        let mut count = 0;
        while let Some(event) = reader.next_event()? {
            count += u64::from(matches!(event, Event::AllocEx { .. } | Event::FreeEx { .. }));
        }
        Ok(count)
    };
    let (all, few) = (allocations(&[])?, allocations(&[CULL, SECOND])?);
    assert!(all > 40_000 && few < 400, "{all} and {few} events");
    Ok(())
}
