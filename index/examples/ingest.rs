//! Measures a build: `generate PAIRS FILE [THREADS [BACKTRACES [LIVE [LEAKED]]]]` writes a capture of so many
//! malloc/free pairs, its threads taking turns in batches, with LIVE blocks at a time, one of LEAKED blocks never being
//! freed. `ingest FILE` indexes one in a temporary store and prints its speed and the most anonymous memory it took.
//! `alive FILE` asks what was alive at some moments, in the two ways that there are.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytehound_format::{Addresses, AllocBody, AllocationId, DataId, Event, HeaderBody, Timestamp, Writer};
use bytehound_index::build::{Observer, Phase, Progress, ingest};
use bytehound_index::{Cancel, Predicate, Profile, Selection};
use bytehound_store::{NewProfile, Store};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["generate", pairs, file, ref shape @ ..] if shape.len() <= 4 => {
            Shape::read(pairs, shape).and_then(|shape| generate(&shape, Path::new(file)))
        }
        ["ingest", file] => measure(Path::new(file)),
        ["alive", file] => measure_alive(Path::new(file)),
        _ => Err(
            "usage: generate PAIRS FILE [THREADS [BACKTRACES [LIVE [LEAKED]]]] | ingest FILE | alive FILE"
                .into(),
        ),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a generated capture is like.
struct Shape {
    pairs: u64,
    threads: u64,
    backtraces: u64,
    /// Blocks that are live at a time.
    live: u64,
    /// Of so many blocks one is never freed; 0 for none.
    leaked: u64,
}

impl Shape {
    fn read(pairs: &str, rest: &[&str]) -> Result<Self> {
        let number =
            |index: usize, otherwise| rest.get(index).map_or(Ok(otherwise), |text| text.parse::<u64>());
        Ok(Self {
            pairs: pairs.parse()?,
            threads: number(0, 1)?.max(1),
            backtraces: number(1, 64)?.max(1),
            live: number(2, 4096)?.max(1),
            leaked: number(3, 0)?,
        })
    }
}

const FRAMES: u64 = 12;

/// Pairs that a thread writes in a row. Batches of different threads cover the same time, so with several threads
/// the events are out of order.
const BATCH: u64 = 1000;
const START: u64 = 1_000_000;

fn generate(shape: &Shape, path: &Path) -> Result<()> {
    let Shape { pairs, threads, backtraces, live, leaked } = *shape;
    let mut writer = Writer::new(BufWriter::new(File::create(path)?));
    writer.write(&Event::Header(header()))?;
    for id in 1..=backtraces {
        let addresses: Vec<u64> =
            (0..FRAMES).map(|frame| 0x40_0000 + (id << (FRAMES - frame)) * 16).collect();
        writer.write(&Event::Backtrace { id, addresses: Addresses::Words(&addresses) })?;
    }
    let mut slots = vec![None; usize::try_from(live)?];
    let mut random = 1_u64;
    for number in 1..=pairs {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let batch = number / BATCH;
        let now = START + batch / threads * BATCH + number % BATCH;
        let own_slots = (live / threads).max(1);
        let slot = batch % threads * own_slots + (random >> 20) % own_slots;
        let slot = slot as usize % slots.len();
        if let Some((id, pointer)) = slots[slot] {
            writer.write(&free(id, pointer, now, backtraces))?;
        }
        let id = AllocationId { thread: 1 + batch % threads, allocation: number };
        let pointer = 0x5555_0000_0000 + slot as u64 * 1024;
        let is_leaked = leaked > 0 && number.is_multiple_of(leaked);
        slots[slot] = (!is_leaked).then_some((id, pointer));
        writer.write(&allocation(id, pointer, now, random, backtraces))?;
    }
    let end = START + pairs + BATCH;
    for (id, pointer) in slots.into_iter().flatten() {
        writer.write(&free(id, pointer, end, backtraces))?;
    }
    writer.finish()?.flush()?;
    println!("{} bytes", fs::metadata(path)?.len());
    Ok(())
}

fn header() -> HeaderBody<'static> {
    HeaderBody {
        id: DataId { a: 1, b: 2 },
        initial_timestamp: Timestamp(START),
        timestamp: Timestamp(START),
        wall_clock_secs: 1_700_000_000,
        wall_clock_nsecs: 0,
        pid: 1,
        cmdline: Cow::Borrowed(b"generated\0"),
        executable: Cow::Borrowed(b"generated"),
        arch: Cow::Borrowed("x86_64"),
        flags: 1,
        pointer_size: 8,
    }
}

fn allocation(id: AllocationId, pointer: u64, now: u64, random: u64, backtraces: u64) -> Event<'static> {
    let allocation = AllocBody {
        pointer,
        size: 16 + (random >> 40) % 1008,
        backtrace: 1 + (random >> 34) % backtraces,
        thread: id.thread as u32,
        flags: 1,
        extra_usable_space: ((random >> 50) % 16) as u32,
        preceding_free_space: 0,
    };
    Event::AllocEx { id, timestamp: Timestamp(now), allocation }
}

fn free(id: AllocationId, pointer: u64, now: u64, backtraces: u64) -> Event<'static> {
    let backtrace = 1 + pointer / 1024 % backtraces;
    Event::FreeEx { id, timestamp: Timestamp(now), pointer, backtrace, thread: id.thread as u32 }
}

fn measure(path: &Path) -> Result<()> {
    let store = Store::temporary()?;
    let new = NewProfile { name: String::new(), labels: Default::default() };
    let profile = store.captures().reference(path, new)?.record.id;
    let meter = Meter::default();
    let begun = Instant::now();
    let manifest = ingest(&store, &profile, &meter)?;
    let took = begun.elapsed();
    meter.sample();
    for (phase, at) in meter.phases.lock().map_err(|_| "a thread panicked")?.iter() {
        println!("{phase:?} until {:.2} s", at.duration_since(begun).as_secs_f64());
    }
    println!(
        "{} events in {:.2} s: {:.0} events/s",
        manifest.events,
        took.as_secs_f64(),
        rate(manifest.events, took)
    );
    println!("{} rows, {} B live at the peak", manifest.allocations, manifest.peak_bytes);
    println!("peak anonymous memory: {} kB", meter.peak_kb.load(Ordering::Relaxed));
    Ok(())
}

fn measure_alive(path: &Path) -> Result<()> {
    let store = Store::temporary()?;
    let new = NewProfile { name: String::new(), labels: Default::default() };
    let id = store.captures().reference(path, new)?.record.id;
    ingest(&store, &id, &())?;
    let profile = Profile::open(&store, &id)?;
    let (manifest, cancel) = (profile.manifest(), Cancel::new());
    println!("{} rows, {} backtraces", manifest.allocations, manifest.backtraces);
    for part in [50, 1, 12, 25, 37, 63, 75, 88, 99] {
        let offset = manifest.runtime_us() * part / 100;
        let selection = Selection::all().filtered(Predicate::AliveAt(vec![offset]));
        let begun = Instant::now();
        let alive = profile.alive_at(manifest.start_us + offset, &cancel)?;
        let by_cells = begun.elapsed();
        let begun = Instant::now();
        let groups = profile.groups(&selection, &cancel)?;
        let by_rows = begun.elapsed();
        println!("{part} %: {by_cells:.2?} by cells, {by_rows:.2?} by rows, {} backtraces", alive.len());
        if alive.len() != groups.len() {
            return Err(format!("{} backtraces by cells, {} by rows", alive.len(), groups.len()).into());
        }
    }
    Ok(())
}

fn rate(events: u64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

/// Samples the process's memory whenever the build reports.
#[derive(Default)]
struct Meter {
    peak_kb: AtomicU64,
    /// When each phase was last heard of.
    phases: Mutex<Vec<(Phase, Instant)>>,
}

impl Meter {
    fn sample(&self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kb = anonymous.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        self.peak_kb.fetch_max(kb.unwrap_or(0), Ordering::Relaxed);
    }
}

impl Observer for Meter {
    fn progress(&self, progress: Progress) {
        self.sample();
        let Ok(mut phases) = self.phases.lock() else { return };
        match phases.last_mut().filter(|(phase, _)| *phase == progress.phase) {
            Some((_, at)) => *at = Instant::now(),
            None => phases.push((progress.phase, Instant::now())),
        }
    }
}
