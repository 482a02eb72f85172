//! Where a script runs: what it prints to, writes to and may load.

use std::sync::Arc;

use bytehound_index::Profile;

use crate::failure::Failure;

/// Something that a script produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputItem {
    /// One `println`, without the line end.
    Println(String),
    /// A file that was written.
    Image {
        /// Absolute path in the virtual file system.
        path: String,
        /// Its content.
        bytes: Arc<[u8]>,
        /// 32 hexadecimal digits that name the content.
        checksum: String,
    },
}

/// Opens data files for `load(path)`.
pub trait ProfileSource: Send + Sync {
    /// The profile in the file at `path`, indexed, or why it can't be had.
    fn load(&self, path: &str) -> Result<Arc<Profile>, String>;
}

/// The two worlds that a script can run in.
pub enum Environment {
    /// The command line: prints at once to the standard output, writes real files, may load more data.
    Native {
        /// What `argv()` gives.
        arguments: Vec<String>,
        /// What `load()` uses.
        source: Arc<dyn ProfileSource>,
    },
    /// The service: everything stays in memory and comes back as [`OutputItem`]s.
    Virtual,
}

/// What [`Environment`] promises, as calls.
pub(crate) trait World: Send {
    fn print(&mut self, line: String) -> Result<(), Failure>;
    /// Writes to the log of the program.
    fn log(&mut self, message: &str) -> Result<(), Failure>;
    fn write(&mut self, path: &str, content: Vec<u8>) -> Result<(), Failure>;
    fn make_directories(&mut self, path: &str) -> Result<(), Failure>;
    fn change_directory(&mut self, path: &str) -> Result<(), Failure>;
    fn arguments(&self) -> Vec<String>;
    fn source(&self) -> Result<Arc<dyn ProfileSource>, Failure>;
    /// What was kept in memory since the last call.
    fn take_output(&mut self) -> Vec<OutputItem>;
}
