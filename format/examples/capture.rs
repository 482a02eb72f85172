//! Measures reading: `generate PAIRS FILE [THREADS]` writes a capture of 0.11 with so many malloc/free pairs, as our
//! capture library writes them; `repack FILE OUT` writes it as version 2; `read FILE [RUNS]` decodes (and, for version
//! 2, merges) one that lies in memory.

use std::fs::{self, File};
use std::io::BufWriter;
use std::process::ExitCode;
use std::time::Instant;

use bytehound_format::{
    Addresses, AllocBody, AllocationId, Container, DataId, Event, HeaderBody, Reader, Timestamp, Writer,
    convert,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["read", file] => read(file, 5),
        ["read", file, runs] => runs.parse().map_err(Into::into).and_then(|runs| read(file, runs)),
        ["repack", file, out] => repack(file, out),
        ["generate", pairs, file] => generate(pairs, "1", file),
        ["generate", pairs, file, threads] => generate(pairs, threads, file),
        _ => Err("usage: generate PAIRS FILE [THREADS] | repack FILE OUT | read FILE [RUNS]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(file: &str, runs: u32) -> Result<()> {
    let bytes = fs::read(file)?;
    for _ in 0..runs {
        let begun = Instant::now();
        let mut reader = Reader::new(&bytes[..])?;
        let (mut events, mut sum) = (0_u64, 0_u64);
        while let Some(event) = reader.next_event()? {
            events += 1;
            if let Event::AllocEx { allocation, .. } = event {
                sum = sum.wrapping_add(allocation.size);
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        let ending = reader.ending().map(ToString::to_string).unwrap_or_default();
        println!(
            "{events} events ({sum} bytes allocated) in {seconds:.3} s: {:.1} million/s, {:.2} bytes each; {ending}",
            events as f64 / seconds / 1e6,
            bytes.len() as f64 / events as f64,
        );
    }
    Ok(())
}

fn repack(file: &str, out: &str) -> Result<()> {
    let mut reader = Reader::new(File::open(file)?)?;
    convert(&mut reader, Container::V2, BufWriter::new(File::create(out)?), |_| {})?;
    Ok(())
}

const BACKTRACES: u64 = 64;
const START: u64 = 1_000_000;

/// Each event is at a random place of the live blocks; threads take turns after a few events.
fn generate(pairs: &str, threads: &str, file: &str) -> Result<()> {
    let (pairs, threads): (u64, u64) = (pairs.parse()?, threads.parse::<u64>()?.max(1));
    let mut writer = Writer::new(BufWriter::new(File::create(file)?));
    writer.write(&Event::Header(header()))?;
    for id in 1..=BACKTRACES {
        let addresses: Vec<u64> =
            (0..12).map(|frame| 0x40_0000 + (id >> (frame / 2)) * 64 + frame * 4096).collect();
        writer.write(&Event::Backtrace { id, addresses: Addresses::Words(&addresses) })?;
    }
    let mut live = vec![None; 4096];
    let (mut random, mut now) = (1_u64, START);
    for number in 0..pairs {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now += u64::from(number % 16 == 0);
        let thread = 100 + (number / 7 % threads) as u32;
        let slot = (random >> 40) as usize % live.len();
        let pointer = 0x5555_0000_0000 + slot as u64 * 1024;
        let timestamp = Timestamp(now);
        let id = AllocationId::UNTRACKED;
        if live[slot].replace(pointer).is_some() {
            writer.write(&Event::FreeEx { id, timestamp, pointer, backtrace: 1 + number % 8, thread })?;
        }
        let size = 8 + (random >> 54);
        let extra = ((size + 23) & !15).saturating_sub(8).max(24) - size;
        let allocation = AllocBody {
            pointer,
            size,
            backtrace: 1 + (random >> 34) % BACKTRACES,
            thread,
            flags: 1,
            extra_usable_space: extra as u32,
            preceding_free_space: 0,
        };
        writer.write(&Event::AllocEx { id, timestamp, allocation })?;
    }
    writer.finish()?;
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
        cmdline: b"generated\0".into(),
        executable: b"generated".into(),
        arch: "x86_64".into(),
        flags: 1,
        pointer_size: 8,
    }
}
