//! What a script may use before it is stopped.

use std::time::Duration;

/// Bounds of one script. Each ends the script with an error that names the bound; zero means "unbounded" where noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations of the interpreter; 0 is unbounded.
    pub operations: u64,
    /// Script functions calling one another.
    pub call_levels: usize,
    /// Bytes of one string, and of all strings inside one array or map; 0 is unbounded.
    pub string_bytes: usize,
    /// Elements of one array, nested ones included; 0 is unbounded.
    pub array_elements: usize,
    /// Entries of one map, nested ones included; 0 is unbounded.
    pub map_entries: usize,
    /// Anonymous memory by which the whole process may grow while the script runs.
    pub memory_bytes: u64,
    /// Text printed, in bytes. Only text that is kept in memory counts: the native environment prints at once.
    pub output_bytes: usize,
    /// Files written, in bytes, each version of a file counting. Only files kept in memory count.
    pub files_bytes: usize,
    /// Time on the clock, the time of queries included.
    pub deadline: Duration,
    /// How far the interpreter steps back behind others who want the processor, as `nice` counts.
    pub niceness: i32,
}

impl Default for Limits {
    /// For scripts of people whom the service does not know: generous for analysis, harmless for the others.
    fn default() -> Self {
        Self {
            operations: 50_000_000,
            call_levels: 64,
            string_bytes: 1 << 20,
            array_elements: 100_000,
            map_entries: 10_000,
            memory_bytes: 512 << 20,
            output_bytes: 4 << 20,
            files_bytes: 64 << 20,
            deadline: Duration::from_secs(30),
            niceness: 5,
        }
    }
}

impl Limits {
    /// For a script that its author runs on his own machine: only what would take the process down is bounded.
    pub fn relaxed() -> Self {
        Self {
            operations: 0,
            call_levels: 256,
            string_bytes: 0,
            array_elements: 0,
            map_entries: 0,
            memory_bytes: u64::MAX,
            output_bytes: usize::MAX,
            files_bytes: usize::MAX,
            deadline: Duration::from_secs(u32::MAX as u64),
            niceness: 0,
        }
    }
}
