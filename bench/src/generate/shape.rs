//! What a capture is to be like.

use anyhow::{Result, ensure};
use bytehound_format::Container;
use clap::{Args, ValueEnum};

/// Everything that a capture depends on: the same shape gives the same bytes.
#[derive(Args, Clone, Debug)]
pub struct Shape {
    /// Allocations, frees and reallocs together.
    #[arg(long)]
    pub events: u64,
    /// Distinct backtraces that allocate.
    #[arg(long, default_value_t = 1000)]
    pub stacks: u32,
    /// Blocks that are alive at a time, about.
    #[arg(long, default_value_t = 10_000)]
    pub live: u32,
    /// Sizes, lifetimes and stacks are random by this number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads that take turns.
    #[arg(long, default_value_t = 4)]
    pub threads: u32,
    /// Version of the container.
    #[arg(long, value_enum, default_value_t = Version::V2)]
    pub format: Version,
}

/// A version of the container, as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Version {
    /// What Bytehound 0.11 reads and writes.
    #[value(name = "0.11")]
    V0_11,
    /// What the capture library writes.
    #[value(name = "2")]
    V2,
}

impl Shape {
    /// Of so many events an allocation is the first of its stack: all stacks get their turn.
    const EVENTS_A_STACK: u64 = 8;

    /// Says what is wrong with it, if anything is.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(self.stacks > 0 && self.live > 0 && self.threads > 0, "there is nothing of it");
        let needed = u64::from(self.stacks) * Self::EVENTS_A_STACK;
        ensure!(
            self.events >= needed,
            "{} stacks need {needed} events: give more `--events`, or fewer `--stacks`",
            self.stacks
        );
        Ok(())
    }
}

impl Version {
    pub(super) fn container(self) -> Container {
        match self {
            Self::V0_11 => Container::V0_11,
            Self::V2 => Container::V2,
        }
    }
}
