//! Generated captures hold what their answers say: they are indexed, and asked.

use anyhow::Result;
use bytehound_bench::{Answers, Shape, Sums, Version, generate};
use bytehound_index::build::ingest;
use bytehound_index::{BacktraceId, Cancel, Group, Pattern, Predicate, Profile, Selection};
use bytehound_store::{NewProfile, Store};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

fn shape(seed: u64, format: Version) -> Shape {
    Shape { events: 20_000, stacks: 300, live: 700, seed, threads: 3, format }
}

fn index(capture: &[u8]) -> Result<Arc<Profile>> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(capture)?;
    let store = Store::temporary()?;
    let new = NewProfile { name: String::new(), labels: Default::default() };
    let id = store.captures().reference(file.path(), new)?.record.id;
    ingest(&store, &id, &())?;
    Ok(Profile::open(&store, &id)?)
}

fn sums(group: &Group) -> Sums {
    Sums {
        allocations: group.count,
        allocated_bytes: group.bytes,
        leaked_count: group.leaked_count,
        leaked_bytes: group.leaked_bytes,
    }
}

/// Return addresses, innermost first.
fn stack_of(profile: &Profile, id: BacktraceId) -> Vec<u64> {
    let mut addresses: Vec<_> = profile.backtrace(id).frames().map(|frame| frame.address + 1).collect();
    addresses.reverse();
    addresses
}

fn check(profile: &Profile, known: &Answers) -> Result<()> {
    let (manifest, cancel) = (profile.manifest(), Cancel::new());
    assert_eq!(manifest.defects, [""; 0]);
    assert_eq!(manifest.allocations, known.allocations);
    assert_eq!(manifest.allocated_bytes, known.allocated_bytes);
    assert_eq!((manifest.leaked_count, manifest.leaked_bytes), (known.leaked_count, known.leaked_bytes));
    assert_eq!(manifest.freed_bytes, known.allocated_bytes - known.leaked_bytes);
    assert_eq!(manifest.peak_bytes, known.peak_bytes);
    assert_eq!(manifest.peak_at_us - manifest.start_us, known.peak_at_us);
    assert_eq!(manifest.runtime_us(), known.end_us);
    let most = profile.buckets()?.iter().map(|bucket| bucket.live_count_max).max();
    assert_eq!(most, Some(known.peak_live));

    let groups = profile.groups(&Selection::all(), &cancel)?;
    let found: BTreeMap<_, _> =
        groups.iter().map(|group| (stack_of(profile, group.backtrace), sums(group))).collect();
    let told: BTreeMap<_, _> = known.groups.iter().map(|group| (group.stack.clone(), group.sums)).collect();
    assert_eq!(found, told);
    Ok(())
}

#[test]
fn what_is_known_of_a_capture_is_what_is_found_in_it() -> Result<()> {
    for (seed, format) in [(1, Version::V2), (2, Version::V2), (1, Version::V0_11), (3, Version::V0_11)] {
        let mut capture = Vec::new();
        let known = generate(&shape(seed, format), &mut capture)?;
        assert_eq!((known.events, known.groups.len()), (20_000, 300));
        assert!(known.leaked_count > 20 && known.peak_live > 300, "{known:?}");
        check(&*index(&capture)?, &known)?;
    }
    Ok(())
}

#[test]
fn the_blocks_alive_at_a_moment_are_known() -> Result<()> {
    let mut capture = Vec::new();
    let known = generate(&shape(4, Version::V2), &mut capture)?;
    let profile = index(&capture)?;
    assert!(known.moments.len() > 10);
    for moment in &known.moments {
        let at = profile.manifest().start_us + moment.at_us;
        let alive = profile.alive_at(at, &Cancel::new())?;
        let count: u64 = alive.iter().map(|alive| alive.count).sum();
        let bytes: u64 = alive.iter().map(|alive| alive.bytes).sum();
        assert_eq!((count, bytes), (moment.live_count, moment.live_bytes), "{moment:?}");
    }
    Ok(())
}

#[test]
fn functions_and_source_files_have_names_that_can_be_asked_for() -> Result<()> {
    let mut capture = Vec::new();
    let known = generate(&shape(5, Version::V2), &mut capture)?;
    let profile = index(&capture)?;
    assert_eq!(known.by_function.len(), 16);
    for (word, told) in &known.by_function {
        for predicate in [
            Predicate::PassingThroughFunction(Pattern::new(&format!("::{word}::"))?),
            Predicate::PassingThroughSource(Pattern::new(&format!("/{word}.rs"))?),
        ] {
            let groups = profile.groups(&Selection::all().filtered(predicate), &Cancel::new())?;
            let found = groups.iter().map(sums).fold(Sums::default(), |mut all, sums| {
                all.allocations += sums.allocations;
                all.allocated_bytes += sums.allocated_bytes;
                all.leaked_count += sums.leaked_count;
                all.leaked_bytes += sums.leaked_bytes;
                all
            });
            assert_eq!(found, *told, "{word}");
        }
    }
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() -> Result<()> {
    let bytes = |seed| {
        let mut capture = Vec::new();
        generate(&shape(seed, Version::V2), &mut capture).map(|_| capture)
    };
    assert!(bytes(1)? == bytes(1)?);
    assert!(bytes(1)? != bytes(2)?);
    Ok(())
}

#[test]
fn a_shape_with_too_many_stacks_says_what_to_change() {
    let shape = Shape { stacks: 10_000, ..shape(1, Version::V2) };
    let error = generate(&shape, Vec::new()).expect_err("2 events a stack are too few");
    assert!(error.to_string().contains("--events"), "{error}");
}
