//! Programs that map memory in every way: their captures have each map, with what is left of it, who made it, who took
//! it away, and how much of it is in memory.

use anyhow::{Context, Result, bail, ensure};
use bytehound_format::{Event, Reader};
use bytehound_index::{BacktraceId, Map, Profile};
use bytehound_tests::{
    Capture, bytehound, compile, compile_with_own_allocator, functions_of, index, library, preloaded, run,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tempfile::{TempDir, tempdir};

/// What a program says of the maps that one of its functions made: the places that are left, and their bytes in memory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    places: BTreeSet<(u64, u64)>,
    resident: u64,
}

struct Run {
    _folder: TempDir,
    capture: Capture,
    profile: Arc<Profile>,
}

impl Run {
    fn of(source: &str) -> Result<Self> {
        let folder = tempdir()?;
        let program = compile(source, folder.path())?;
        Self::of_program(folder, &program)
    }

    fn of_program(folder: TempDir, program: &Path) -> Result<Self> {
        let plain = run(&mut Command::new(program))?;
        ensure!(plain.code == Some(0), "`{}` fails by itself: {}", program.display(), plain.stderr);
        let capture = Capture::of(folder.path(), "program", &[program])?;
        assert_eq!(capture.ended.code, Some(0), "{}", capture.ended.stderr);
        let profile = index(&capture.path)?;
        assert_eq!(profile.manifest().defects, [""; 0], "{}", program.display());
        Ok(Self { _folder: folder, capture, profile })
    }

    /// What the program says is left, by function.
    fn told(&self) -> Result<BTreeMap<String, Left>> {
        let mut told: BTreeMap<_, Left> = BTreeMap::new();
        for line in self.capture.ended.stdout.lines().filter_map(|line| line.strip_prefix("map=")) {
            let (site, rest) = line.split_once(' ').context("a site and numbers")?;
            let number = |key: &str| {
                let mut pairs = rest.split(' ').filter_map(|pair| pair.split_once('='));
                let found = pairs.find(|(name, _)| *name == key).context("a key and a number")?;
                Ok::<u64, anyhow::Error>(found.1.parse()?)
            };
            let left = told.entry(site.to_owned()).or_default();
            left.places.insert((number("address")?, number("size")?));
            left.resident += number("resident")?;
        }
        ensure!(!told.is_empty(), "the program told of no map");
        Ok(told)
    }

    /// The maps that a function made by calling `mmap` or `mmap64`.
    fn made_by<'a>(&'a self, site: &'a str) -> impl Iterator<Item = Map<'a>> {
        self.profile.maps().filter(move |map| {
            let backtrace = map.call.and_then(|call| call.backtrace);
            backtrace.is_some_and(|backtrace| self.innermost(backtrace, ["mmap", "mmap64"]) == Some(site))
        })
    }

    /// The function that called one of these hooks.
    fn innermost(&self, backtrace: BacktraceId, hooks: [&str; 2]) -> Option<&str> {
        let mut functions = functions_of(&self.profile, backtrace);
        functions.next().filter(|hook| hooks.contains(hook)).and_then(|_| functions.next())
    }

    fn left(&self, site: &str) -> Left {
        let mut left = Left::default();
        for map in self.made_by(site) {
            let there = map.regions().filter(|region| region.removed_us.is_none());
            left.places.extend(there.map(|region| (region.address, region.size)));
            left.resident += map.usage().last().map_or(0, |usage| usage.rss());
        }
        left
    }
}

#[test]
fn of_every_map_the_capture_has_what_is_left_and_how_much_of_it_is_in_memory() -> Result<()> {
    let run = Run::of("mappings.c")?;
    for (site, told) in run.told()? {
        let mut found = run.left(&site);
        // The kernel reads around what is needed of a file.
        if site == "of_a_file" {
            found.resident = told.resident;
        }
        assert_eq!(found, told, "{site}");
    }
    Ok(())
}

#[test]
fn version_2_of_the_container_tells_the_same() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("mappings.c", folder.path())?;
    let path = folder.path().join("program.dat");
    let mut command = Command::new(&program);
    command.env("LD_PRELOAD", library()).env("MEMORY_PROFILER_OUTPUT", &path);
    let ended = run(command.env("MEMORY_PROFILER_FORMAT", "2"))?;
    let profile = index(&path)?;
    assert_eq!(profile.manifest().defects, [""; 0]);
    let run = Run { _folder: folder, capture: Capture { path, ended }, profile };
    for (site, told) in run.told()? {
        assert_eq!(run.left(&site).places, told.places, "{site}");
    }
    assert_eq!(run.made_by("short_lived").count(), 1001);
    Ok(())
}

#[test]
fn maps_are_named_and_have_the_access_that_was_asked_for() -> Result<()> {
    let run = Run::of("mappings.c")?;
    let the = |site| run.made_by(site).next().context(site);
    assert_eq!((the("whole")?.name, the("shared")?.name), ("[anon:mmap]", "[anon:mmap]"));
    assert!(the("shared")?.access.shared && !the("whole")?.access.shared && the("whole")?.access.writable);
    let file = the("of_a_file")?;
    assert!(file.name.ends_with("/mappings") && !file.access.writable, "{}", file.name);
    assert!(run.profile.maps().any(|map| map.is_bytehound() && map.peak_rss > 0));
    assert!(run.profile.maps().any(|map| map.name == "[stack]" && map.peak_rss > 0));
    Ok(())
}

#[test]
fn every_removal_has_its_part_and_its_caller() -> Result<()> {
    let run = Run::of("mappings.c")?;
    let removals = |site| {
        let mut told = Vec::new();
        for map in run.made_by(site) {
            for removal in map.regions().flat_map(|region| region.removals().collect::<Vec<_>>()) {
                let name = |backtrace| functions_of(&run.profile, backtrace).nth(1);
                told.push((removal.size / 4096, removal.call.backtrace.and_then(name)));
            }
        }
        told
    };
    assert_eq!(removals("punched"), [(2, Some("unmaps"))]);
    assert_eq!(removals("below"), [(4, Some("overlay"))]);
    assert_eq!(removals("shrunk"), [(27, Some("remaps"))]);
    assert_eq!(removals("moved"), [(4, Some("remaps"))]);
    assert_eq!(removals("target"), [(2, Some("remaps"))]);
    assert_eq!(removals("whole"), []);
    Ok(())
}

#[test]
fn maps_that_lived_for_a_moment_are_there_and_so_are_those_of_threads() -> Result<()> {
    let run = Run::of("mappings.c")?;
    for (site, count) in [("short_lived", 1001), ("in_a_thread", 400)] {
        let maps: Vec<_> = run.made_by(site).collect();
        assert_eq!(maps.len(), count, "{site}");
        for map in maps {
            let end = map.unmapped_by.and_then(|call| call.backtrace).context("nobody unmapped it")?;
            assert_eq!(run.innermost(end, ["munmap"; 2]), Some("unmaps"), "{site}");
            assert!(map.unmapped_us >= Some(map.mapped_us), "{site}");
        }
    }
    let touched = run.made_by("short_lived").filter(|map| map.peak_rss == 2 * 4096);
    assert_eq!(touched.count(), 1000, "what was in memory of them");
    let threads: BTreeSet<_> = run.made_by("in_a_thread").filter_map(|map| Some(map.call?.thread)).collect();
    assert_eq!(threads.len(), 4);
    Ok(())
}

#[test]
fn scripts_find_maps_by_what_they_are() -> Result<()> {
    let run = Run::of("mappings.c")?;
    let script = r#"
        let through = |name| maps().only_passing_through_function("^" + name + "$");
        println("{} {}", through.call("short_lived").len(), through.call("short_lived").only_temporary().len());
        println("{}", through.call("whole").only_leaked().only_writable().only_peak_rss_at_least(1048576).len());
        println("{}", through.call("whole").only_bytehound().len());
        println("{}", through.call("shared")[0].size());
    "#;
    assert_eq!(answer(&run, script)?, "1001 1001\n1\n0\n65536\n");
    Ok(())
}

fn answer(of: &Run, script: &str) -> Result<String> {
    let folder = tempdir()?;
    let file = folder.path().join("script.rhai");
    std::fs::write(&file, script)?;
    let mut command = Command::new(bytehound());
    command.arg("script").arg(&file).arg("-d").arg(&of.capture.path);
    let ended = run(command.arg("--data-dir").arg(folder.path().join("data")))?;
    ensure!(ended.code == Some(0), "the script fails: {}", ended.stderr);
    Ok(ended.stdout)
}

#[test]
fn whatever_many_threads_do_at_once_nothing_is_missing_and_nothing_is_left_too_much() -> Result<()> {
    let run = Run::of("mapping_storm.c")?;
    let places = |places: &BTreeSet<(u64, u64)>| united(places.iter().copied());
    let told = run.told()?;
    assert_eq!(places(&run.left("storms").places), places(&told["storms"].places));
    for map in run.made_by("storms") {
        for region in map.regions().filter(|region| region.removed_us.is_some()) {
            assert_ne!(
                region.removals().len(),
                0,
                "nobody took {} bytes at {:#x}",
                region.size,
                region.address
            );
        }
    }
    Ok(())
}

#[test]
fn what_an_allocator_maps_under_its_own_lock_has_the_stack_of_who_allocates() -> Result<()> {
    let folder = tempdir()?;
    let program = compile_with_own_allocator("threads.c", folder.path(), &["-DLOCKED"])?;
    let run = Run::of_program(folder, &program)?;
    let stacks = run.profile.maps().filter_map(|map| map.call?.backtrace);
    let nested = stacks.filter(|&stack| {
        let functions: Vec<_> = functions_of(&run.profile, stack).collect();
        functions.starts_with(&["mmap"]) && functions.contains(&"malloc") && functions.contains(&"produce")
    });
    assert_ne!(nested.count(), 0);
    Ok(())
}

#[test]
fn what_the_c_library_maps_for_itself_has_its_name_and_the_stack_of_who_made_it_do_so() -> Result<()> {
    let run = Run::of("libc_mappings.c")?;
    let through = |stack: Option<BacktraceId>, name: &str| {
        stack.is_some_and(|stack| functions_of(&run.profile, stack).any(|function| function == name))
    };
    let made_in = |name: &str| -> Vec<_> {
        let own = run.profile.maps().filter(|map| map.name == "[anon:glibc]");
        own.filter(|map| through(map.call.and_then(|call| call.backtrace), name)).collect()
    };
    let blocks = made_in("large_block");
    assert_eq!(blocks.len(), 3);
    assert!(blocks.iter().all(|block| block.size >= 1 << 20 && block.peak_rss >= 1 << 20));
    let given_back = |map: &&Map<'_>| through(map.unmapped_by.and_then(|call| call.backtrace), "gives_back");
    assert_eq!(blocks.iter().filter(given_back).count(), 1);
    assert_eq!(
        blocks.iter().filter(|block| block.regions().any(|region| region.size >= 16 << 20)).count(),
        1
    );
    assert!(!made_in("starts_a_thread").is_empty(), "a stack");
    assert!(!made_in("in_an_arena").is_empty(), "an arena");
    Ok(())
}

#[test]
fn maps_are_not_recorded_where_they_are_not_wanted() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("mappings.c", folder.path())?;
    for (setting, expected) in
        [("GATHER_MAPS=1", true), ("GATHER_MAPS=0", false), ("GATHER_MMAP_CALLS=0", false)]
    {
        let output = folder.path().join("capture.dat");
        let (name, value) = setting.split_once('=').context("a name and a value")?;
        let mut command = Command::new(&program);
        command.env("LD_PRELOAD", library()).env("MEMORY_PROFILER_OUTPUT", &output);
        let ended = run(command.env(format!("MEMORY_PROFILER_{name}"), value))?;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(has_maps(&output)?, expected, "{setting}");
    }
    Ok(())
}

fn has_maps(capture: &Path) -> Result<bool> {
    let mut reader = Reader::new(std::fs::File::open(capture)?)?;
    while let Some(event) = reader.next_event()? {
        if matches!(event, Event::MemoryMapEx { .. } | Event::AddRegion { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Neighbours as one.
fn united(places: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut united: Vec<(u64, u64)> = Vec::new();
    for (start, size) in places {
        match united.last_mut() {
            Some((before, len)) if *before + *len == start => *len += size,
            _ => united.push((start, size)),
        }
    }
    united
}

#[test]
fn the_times_of_maps_are_those_of_the_programs_clock_from_the_first_moment_on() -> Result<()> {
    /// Both clocks are read one after the other, and the processor may be taken away in between.
    const TOLERANCE_US: u64 = 100;
    let folder = tempdir()?;
    let program = compile("mapped_times.c", folder.path())?;
    for format in ["0.11", "2"] {
        let ended = preloaded(folder.path(), &[&program.to_string_lossy()], &[("FORMAT", format)])?;
        let mut told = BTreeMap::new();
        for line in ended.stdout.lines() {
            let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
            let [size, before, after] = numbers[..] else { bail!("not three numbers: {line}") };
            told.insert(size, before.saturating_sub(TOLERANCE_US)..=after + TOLERANCE_US);
        }
        let mut reader = Reader::new(std::fs::File::open(folder.path().join("program.dat"))?)?;
        while let Some(event) = reader.next_event()? {
            let Event::MemoryMapEx { requested_length, source, .. } = event else { continue };
            let Some(span) = told.remove(&requested_length) else { continue };
            assert!(span.contains(&source.timestamp.0), "{} is not in {span:?}", source.timestamp.0);
        }
        assert_eq!(told, BTreeMap::new(), "maps that nobody told of");
    }
    Ok(())
}
