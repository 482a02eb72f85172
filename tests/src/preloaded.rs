//! A program with the library in front of it, without `bytehound run`.

use crate::{Ended, library, run};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Runs a program in a folder with the capture library alone; the settings are those of `MEMORY_PROFILER_…`.
pub fn preloaded(folder: &Path, program: &[&str], settings: &[(&str, &str)]) -> Result<Ended> {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).current_dir(folder).env("LD_PRELOAD", library());
    command.env("MEMORY_PROFILER_OUTPUT", "program.dat");
    command.envs(settings.iter().map(|(name, value)| (format!("MEMORY_PROFILER_{name}"), value)));
    run(&mut command)
}
