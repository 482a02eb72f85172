//! `cargo xtask bench unwind`: what finding one stack takes.
//!
//! Measured from outside, through the library as programs have it: a pair of malloc and free with the stack of the
//! free, and without. The difference is one stack.

use crate::build;
use crate::shell::{self, root, run};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

const FRAMES: [u32; 2] = [22, 66];
const PAIRS: u32 = 2_000_000;
const RUNS: usize = 5;
/// An unchanged frame may take so many nanoseconds.
const FRAME_TARGET: f64 = 1.0;

/// Nanoseconds that a stack takes.
struct Stack {
    frames: u32,
    unchanged: f64,
    /// The three innermost frames are others than last time.
    changing: f64,
}

pub(super) fn start() -> Result<()> {
    build::capture_library()?;
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let source = root().join("tests/programs/bench/unwind.c");
    run(shell::program("gcc -O2 -o").arg(folder.join("unwind")).arg(source))?;
    let [short, long] = FRAMES.map(|frames| measure(&folder, frames));
    let (short, long) = (short?, long?);
    println!("{:>8} {:>14} {:>18}", "frames", "unchanged, ns", "3 of them new, ns");
    for Stack { frames, unchanged, changing } in [&short, &long] {
        println!("{frames:>8} {unchanged:>14.1} {changing:>18.1}");
    }
    let frame = (long.unchanged - short.unchanged) / f64::from(long.frames - short.frames);
    println!("an unchanged frame: {frame:.2} ns");
    ensure!(frame <= FRAME_TARGET, "missed: an unchanged frame takes more than {FRAME_TARGET} ns");
    Ok(())
}

fn measure(folder: &Path, frames: u32) -> Result<Stack> {
    let [mut one, mut both, mut changing] = [f64::INFINITY; 3];
    // In turn, so that a slow minute of the machine falls on all; what disturbs a run only makes it longer.
    for _ in 0..RUNS {
        one = one.min(pair(folder, frames, false, false)?);
        both = both.min(pair(folder, frames, false, true)?);
        changing = changing.min(pair(folder, frames, true, true)?);
    }
    let unchanged = both - one;
    let without_stacks = one - unchanged;
    Ok(Stack { frames, unchanged, changing: (changing - without_stacks) / 2.0 })
}

/// Nanoseconds of processor time of a pair, with the stack of the malloc and perhaps that of the free.
fn pair(folder: &Path, frames: u32, changing: bool, both: bool) -> Result<f64> {
    let mut command = Command::new(folder.join("unwind"));
    command.args([frames, u32::from(changing), PAIRS].map(|number| number.to_string()));
    command.env("LD_PRELOAD", root().join("target/release/libbytehound.so"));
    command.env("MEMORY_PROFILER_OUTPUT", folder.join("unwind.dat"));
    command.env("MEMORY_PROFILER_FORMAT", "2");
    command.env("MEMORY_PROFILER_GRAB_BACKTRACES_ON_FREE", u32::from(both).to_string());
    let output = command.output().context("cannot run `unwind`")?;
    ensure!(output.status.success(), "`unwind` failed: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}
