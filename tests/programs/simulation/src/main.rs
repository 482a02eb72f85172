//! The program of the book's case study: five patterns of allocation, known exactly.
//!
//! What it does depends on its arguments alone; the clock only paces it, so that the patterns spread over time.
//! It ends with one line a pattern, `pattern=… allocated=… leaked=… leaked_bytes=…`, which is what a capture of it
//! has to show.

mod patterns;
mod random;

use clap::Parser;
use patterns::{Patterns, Tally};
use std::time::{Duration, Instant};

/// Allocates in five patterns: temporary, leaking, leaking until the end, bounded, and mixed.
#[derive(Parser)]
struct Arguments {
    /// How long to run, in seconds: the number of steps is this times `--steps-per-second`.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Steps in a second; every step makes a few allocations.
    #[arg(long, default_value_t = 1000)]
    steps_per_second: u32,
    /// Chooses the sizes and the order of what happens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Adds a sixth pattern: a leak that the other run doesn't have.
    #[arg(long)]
    extra_leak: bool,
    /// Don't wait between steps.
    #[arg(long)]
    unpaced: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let steps = (arguments.seconds * f64::from(arguments.steps_per_second)) as u64;
    let mut patterns = Patterns::new(arguments.seed);
    let mut pace = Pace::new(arguments.steps_per_second, arguments.unpaced);
    for step in 0..steps {
        patterns::allocate_temporary(&mut patterns);
        patterns::allocate_linear_leak_never_deallocated(&mut patterns, step);
        patterns::allocate_linear_leak_deallocated_at_the_end(&mut patterns, step);
        patterns::allocate_bounded_leak(&mut patterns, step);
        patterns::allocate_both_temporary_and_linear_leak(&mut patterns, step);
        if arguments.extra_leak {
            patterns::allocate_extra_leak(&mut patterns, step);
        }
        pace.wait(step);
    }
    let tallies = patterns.finish();
    report(&tallies);
}

/// Keeps step `n` from running before `n` periods have passed.
struct Pace {
    start: Instant,
    period: Option<Duration>,
}

impl Pace {
    fn new(steps_per_second: u32, unpaced: bool) -> Self {
        let period = (!unpaced && steps_per_second > 0).then(|| Duration::from_secs(1) / steps_per_second);
        Self { start: Instant::now(), period }
    }

    fn wait(&mut self, step: u64) {
        let Some(period) = self.period else { return };
        let due = self.start + period * u32::try_from(step).unwrap_or(u32::MAX);
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(early);
        }
    }
}

fn report(tallies: &[(&str, Tally)]) {
    for (pattern, tally) in tallies {
        println!(
            "pattern={pattern} allocated={} leaked={} leaked_bytes={}",
            tally.allocated, tally.leaked, tally.leaked_bytes
        );
    }
}
