//! Stack keys: the same call stack has the same key in every run, whatever numbers it has in its profile.
//!
//! A frame's keys are hashes of its normalised texts, each level made of the one before; a stack's keys are hashes of
//! its frames' keys, outermost first. `docs/index.md` has the bytes.

use bytehound_symbols::normalize;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::layout::StackKeys;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameText<'a> {
    /// Path or base name; empty when unknown.
    pub(crate) module: &'a str,
    /// Demangled.
    pub(crate) function: Option<&'a str>,
    pub(crate) raw_function: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    /// Or [`crate::layout::NONE`].
    pub(crate) line: u32,
}

impl<'a> FrameText<'a> {
    /// The readable name, or else the linkage name.
    pub(crate) fn name(&self) -> Option<&'a str> {
        self.function.or(self.raw_function)
    }
}

/// Keys of one frame, finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameKeys {
    line: u128,
    file: u128,
    function: u128,
}

/// Where a frame without a name lies; a named frame's key begins with another byte.
const BARE: u8 = 0;
const NAMED: u8 = 1;

/// Makes frame keys; every text is normalised once.
#[derive(Default)]
pub(crate) struct Normalizer {
    modules: FxHashMap<String, String>,
    functions: FxHashMap<String, String>,
    sources: FxHashMap<String, String>,
    buffer: Vec<u8>,
}

impl Normalizer {
    /// Key of a place in a binary: its id, or its path when it has none, and the address in it.
    pub(crate) fn location(&mut self, binary: &str, relative: u64) -> u128 {
        self.buffer.clear();
        put_text(&mut self.buffer, binary);
        self.buffer.extend_from_slice(&relative.to_le_bytes());
        xxh3_128(&self.buffer)
    }

    /// Module and function; then the file; then the line.
    pub(crate) fn named_frame(&mut self, text: &FrameText<'_>) -> FrameKeys {
        self.buffer.clear();
        self.buffer.push(NAMED);
        put_text(
            &mut self.buffer,
            once(&mut self.modules, text.module, |path| normalize::module(path).into()),
        );
        let name = text.name().unwrap_or_default();
        put_text(&mut self.buffer, once(&mut self.functions, name, |name| normalize::function(name).into()));
        let function = xxh3_128(&self.buffer);

        self.buffer.clear();
        self.buffer.extend_from_slice(&function.to_le_bytes());
        let source = text.source.unwrap_or_default();
        put_text(&mut self.buffer, once(&mut self.sources, source, |path| normalize::source(path).into()));
        let file = xxh3_128(&self.buffer);

        self.buffer.clear();
        self.buffer.extend_from_slice(&file.to_le_bytes());
        self.buffer.extend_from_slice(&text.line.to_le_bytes());
        FrameKeys { line: xxh3_128(&self.buffer), file, function }
    }

    /// Module and address in it, at every level; the module is empty when the address lies in none.
    pub(crate) fn bare_frame(&mut self, module: &str, relative: u64) -> FrameKeys {
        self.buffer.clear();
        self.buffer.push(BARE);
        put_text(&mut self.buffer, once(&mut self.modules, module, |path| normalize::module(path).into()));
        self.buffer.extend_from_slice(&relative.to_le_bytes());
        let key = xxh3_128(&self.buffer);
        FrameKeys { line: key, file: key, function: key }
    }
}

/// Makes the keys of one stack out of those of its frames, outermost first.
pub(crate) struct StackHasher {
    exact: Xxh3,
    line: Xxh3,
    file: Xxh3,
    function: Xxh3,
}

impl Default for StackHasher {
    fn default() -> Self {
        Self { exact: Xxh3::new(), line: Xxh3::new(), file: Xxh3::new(), function: Xxh3::new() }
    }
}

impl StackHasher {
    /// The next return address.
    pub(crate) fn location(&mut self, key: u128) {
        self.exact.update(&key.to_le_bytes());
    }

    /// The next frame; an address has one or more.
    pub(crate) fn frame(&mut self, keys: &FrameKeys) {
        self.line.update(&keys.line.to_le_bytes());
        self.file.update(&keys.file.to_le_bytes());
        self.function.update(&keys.function.to_le_bytes());
    }

    pub(crate) fn finish(&self) -> StackKeys {
        StackKeys {
            exact: halves(self.exact.digest128()),
            line: halves(self.line.digest128()),
            file: halves(self.file.digest128()),
            function: halves(self.function.digest128()),
        }
    }
}

/// The high half first.
fn halves(key: u128) -> [u64; 2] {
    [(key >> 64) as u64, key as u64]
}

/// A length before each text: no two lists of texts give the same bytes.
fn put_text(buffer: &mut Vec<u8>, text: &str) {
    buffer.extend_from_slice(&(text.len() as u32).to_le_bytes());
    buffer.extend_from_slice(text.as_bytes());
}

fn once<'a>(
    known: &'a mut FxHashMap<String, String>,
    text: &str,
    normalize: impl FnOnce(&str) -> String,
) -> &'a str {
    if !known.contains_key(text) {
        known.insert(text.to_owned(), normalize(text));
    }
    known.get(text).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frames: &[FrameText<'_>]) -> StackKeys {
        let mut normalizer = Normalizer::default();
        let mut hasher = StackHasher::default();
        for frame in frames {
            hasher.frame(&normalizer.named_frame(frame));
        }
        hasher.finish()
    }

    fn frame<'a>(module: &'a str, function: &'a str, source: &'a str, line: u32) -> FrameText<'a> {
        FrameText { module, function: Some(function), raw_function: None, source: Some(source), line }
    }

    #[test]
    fn a_shifted_line_changes_the_line_key_alone() {
        let before = stack(&[frame("/bin/a", "main", "a.c", 1)]);
        let after = stack(&[frame("/bin/a", "main", "a.c", 2)]);
        assert_ne!(before.line, after.line);
        assert_eq!((before.file, before.function), (after.file, after.function));
    }

    #[test]
    fn a_moved_file_keeps_the_function_key() {
        let before = stack(&[frame("/bin/a", "main", "a.c", 1)]);
        let after = stack(&[frame("/bin/a", "main", "b.c", 1)]);
        assert_ne!(before.file, after.file);
        assert_eq!(before.function, after.function);
    }

    #[test]
    fn the_directory_of_a_module_does_not_matter() {
        let here = stack(&[frame("/bin/a", "main", "a.c", 1)]);
        assert_eq!(here, stack(&[frame("/opt/x/a", "main", "a.c", 1)]));
        assert_ne!(here.function, stack(&[frame("/bin/b", "main", "a.c", 1)]).function);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let one = stack(&[frame("ab", "c", "", 0)]);
        let other = stack(&[frame("a", "bc", "", 0)]);
        assert_ne!(one.function, other.function);
    }

    #[test]
    fn order_matters() {
        let (a, b) = (frame("m", "a", "", 0), frame("m", "b", "", 0));
        assert_ne!(stack(&[a, b]).function, stack(&[b, a]).function);
    }
}
