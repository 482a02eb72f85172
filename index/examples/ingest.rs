//! Measures a build: `generate PAIRS FILE [THREADS]` writes a capture of so many malloc/free pairs, its threads taking
//! turns in batches; `ingest FILE` indexes one in a temporary store and prints its speed and the most anonymous memory
//! it took.

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
use bytehound_store::{NewProfile, Store};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["generate", pairs, file] => generate(pairs, "1", Path::new(file)),
        ["generate", pairs, file, threads] => generate(pairs, threads, Path::new(file)),
        ["ingest", file] => measure(Path::new(file)),
        _ => Err("usage: generate PAIRS FILE [THREADS] | ingest FILE".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Blocks that are live at a time.
const SLOTS: usize = 4096;
const BACKTRACES: u64 = 64;
const FRAMES: u64 = 12;

/// Pairs that a thread writes in a row. Batches of different threads cover the same time, so with several threads
/// the events are out of order.
const BATCH: u64 = 1000;
const START: u64 = 1_000_000;

fn generate(pairs: &str, threads: &str, path: &Path) -> Result<()> {
    let (pairs, threads): (u64, u64) = (pairs.parse()?, threads.parse::<u64>()?.max(1));
    let mut writer = Writer::new(BufWriter::new(File::create(path)?));
    writer.write(&Event::Header(header()))?;
    for id in 1..=BACKTRACES {
        let addresses: Vec<u64> =
            (0..FRAMES).map(|frame| 0x40_0000 + (id << (FRAMES - frame)) * 16).collect();
        writer.write(&Event::Backtrace { id, addresses: Addresses::Words(&addresses) })?;
    }
    let mut slots = [None; SLOTS];
    let mut random = 1_u64;
    for number in 1..=pairs {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let batch = number / BATCH;
        let now = START + batch / threads * BATCH + number % BATCH;
        let own_slots = SLOTS as u64 / threads;
        let slot = batch % threads * own_slots + (random >> 20) % own_slots;
        let slot = slot as usize;
        if let Some((id, pointer)) = slots[slot] {
            writer.write(&free(id, pointer, now))?;
        }
        let id = AllocationId { thread: 1 + batch % threads, allocation: number };
        let pointer = 0x5555_0000_0000 + slot as u64 * 1024;
        slots[slot] = Some((id, pointer));
        writer.write(&allocation(id, pointer, now, random))?;
    }
    let end = START + pairs + BATCH;
    for (id, pointer) in slots.into_iter().flatten() {
        writer.write(&free(id, pointer, end))?;
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

fn allocation(id: AllocationId, pointer: u64, now: u64, random: u64) -> Event<'static> {
    let allocation = AllocBody {
        pointer,
        size: 16 + (random >> 40) % 1008,
        backtrace: 1 + (random >> 34) % BACKTRACES,
        thread: id.thread as u32,
        flags: 1,
        extra_usable_space: ((random >> 50) % 16) as u32,
        preceding_free_space: 0,
    };
    Event::AllocEx { id, timestamp: Timestamp(now), allocation }
}

fn free(id: AllocationId, pointer: u64, now: u64) -> Event<'static> {
    let backtrace = 1 + pointer / 1024 % BACKTRACES;
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
