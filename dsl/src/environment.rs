//! Where a script runs: what it prints to, writes to and may load.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytehound_index::Profile;

use xxhash_rust::xxh3::xxh3_128;

use crate::failure::Failure;

/// Something that a script produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputItem {
    /// One `println`, without the line end.
    Println(String),
    /// A file that was written.
    Image {
        /// Absolute path in the virtual file system; on the command line as the script gave it.
        path: String,
        /// Its content.
        bytes: Arc<[u8]>,
        /// 32 hexadecimal digits that name the content.
        checksum: String,
    },
}

impl OutputItem {
    pub(crate) fn image(path: String, content: Vec<u8>) -> Self {
        let checksum = format!("{:032x}", xxh3_128(&content));
        Self::Image { path, bytes: content.into(), checksum }
    }
}

/// Opens data files for `load(path)`.
pub trait ProfileSource: Send + Sync {
    /// The profile in the file at `path`, indexed, or why it can't be had.
    fn load(&self, path: &str) -> Result<Arc<Profile>, String>;
}

/// The profiles that are kept, for `profile(id)` and `profiles(labels)`.
pub trait Shelf: Send + Sync {
    /// The ready profile that `name` means, or why it can't be had.
    fn profile(&self, name: &str) -> Result<Arc<Profile>, String>;

    /// The names of all ready profiles that have these labels, the newest first.
    fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<String>, String>;
}

/// The two worlds that a script can run in.
pub enum Environment {
    /// The command line: writes real files, may load more data.
    Native {
        /// What `argv()` gives.
        arguments: Vec<String>,
        /// Where what it prints goes.
        printing: Printing,
        /// What `load()` uses.
        source: Arc<dyn ProfileSource>,
        /// What `profile()` and `profiles()` use.
        shelf: Arc<dyn Shelf>,
    },
    /// The service: everything stays in memory and comes back as [`OutputItem`]s.
    Virtual {
        /// What `profile()` and `profiles()` use.
        shelf: Arc<dyn Shelf>,
    },
}

/// Where the text that a script prints on the command line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printing {
    /// To the standard output, at once.
    AtOnce,
    /// Into the [`crate::Outcome`], together with the files that were written.
    Kept,
}

impl Environment {
    /// [`Environment::Virtual`] with nothing to be had beside the profiles that a script is given.
    pub fn closed() -> Self {
        Self::Virtual { shelf: Arc::new(NoShelf) }
    }
}

struct NoShelf;

impl Shelf for NoShelf {
    fn profile(&self, _: &str) -> Result<Arc<Profile>, String> {
        Err(Failure::Unsupported.to_string())
    }

    fn labelled(&self, _: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
        Err(Failure::Unsupported.to_string())
    }
}

/// What [`Environment`] promises, as calls.
pub(crate) trait World: Send {
    /// One line of output.
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
