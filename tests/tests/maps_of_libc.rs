//! What the C library maps by itself, without a call that a preloaded library could take: it is captured all the same, and
//! threads go unharmed.

use anyhow::{Context, Result};
use bytehound_index::{BacktraceId, Map, Profile};
use bytehound_tests::{Capture, Ended, compile, functions_of, index, run};
use std::process::Command;
use std::sync::Arc;
use tempfile::tempdir;

fn captured() -> Result<(Arc<Profile>, Ended, Ended)> {
    let folder = tempdir()?;
    let program = compile("maps_of_libc.c", folder.path())?;
    let plain = run(&mut Command::new(&program))?;
    let capture = Capture::of(folder.path(), "program", &[&program])?;
    Ok((index(&capture.path)?, plain, capture.ended))
}

fn passes(profile: &Profile, backtrace: Option<BacktraceId>, function: &str) -> bool {
    backtrace.is_some_and(|backtrace| functions_of(profile, backtrace).any(|name| name == function))
}

/// The maps that were made on behalf of a function.
fn made_for<'a>(profile: &'a Profile, function: &'a str) -> impl Iterator<Item = Map<'a>> {
    profile.maps().filter(move |map| passes(profile, map.call.and_then(|call| call.backtrace), function))
}

#[test]
fn large_blocks_and_stacks_of_threads_are_maps_with_the_stack_of_who_needed_them() -> Result<()> {
    let (profile, plain, ended) = captured()?;
    assert_eq!((ended.code, ended.stdout), (Some(0), plain.stdout));
    let large: Vec<_> = made_for(&profile, "large_blocks").collect();
    assert_eq!(large.len(), 200);
    for map in &large {
        assert_eq!((map.name, map.peak_rss > 0), ("[anon:glibc]", true));
        let end = map.unmapped_by.context("nobody unmapped it")?;
        assert!(passes(&profile, end.backtrace, "large_blocks"));
    }
    let grown: Vec<_> = made_for(&profile, "grown_block").collect();
    assert!(grown.iter().any(|map| map.unmapped_us.is_none() && map.peak_rss >= 1 << 20));
    let stacks = made_for(&profile, "creates").filter(|map| map.size >= 3 << 20);
    assert_eq!(stacks.count(), 8);
    Ok(())
}
