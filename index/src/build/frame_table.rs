//! The distinct frames and strings of a capture, and which frames stand for which location.

use bytehound_symbols::library_name;
use bytemuck::Zeroable;
use rustc_hash::FxHashMap;

use super::interner::Interner;
use super::modules::is_profiler;
use crate::keys::{FrameKeys, FrameText, Normalizer, StackHasher};
use crate::layout::{FrameRecord, NONE, StackKeys};

/// Locations are added in order of their numbers: `begin_location`, its frames innermost first, `end_location`.
pub(super) struct FrameTable {
    pub(super) strings: Interner<u8>,
    pub(super) frames: Vec<FrameRecord>,
    /// Of every frame; none when the frame doesn't tell stacks apart.
    keys: Vec<Option<FrameKeys>>,
    numbers: FxHashMap<[u64; 6], u32>,
    /// Location `l` has the frames `location_frames[location_ends[l - 1]..location_ends[l]]`.
    location_ends: Vec<u32>,
    location_frames: Vec<u32>,
    location_keys: Vec<u128>,
    normalizer: Normalizer,
}

impl FrameTable {
    pub(super) fn new() -> Self {
        Self {
            strings: Interner::new(),
            frames: Vec::new(),
            keys: Vec::new(),
            numbers: FxHashMap::default(),
            location_ends: Vec::new(),
            location_frames: Vec::new(),
            location_keys: Vec::new(),
            normalizer: Normalizer::default(),
        }
    }

    /// The next location: an address in a binary, or in a module when its binary isn't known.
    pub(super) fn begin_location(&mut self, binary: Option<&str>, module: &str, relative: u64) {
        self.location_keys.push(self.normalizer.location(binary.unwrap_or(module), relative));
    }

    /// A frame with a name.
    pub(super) fn add_frame(&mut self, address: u64, text: &FrameText<'_>, column: u32, is_inline: bool) {
        let record = FrameRecord {
            address,
            library: self.string(Some(library_name(text.module)).filter(|library| !library.is_empty())),
            raw_function: self.string(text.raw_function),
            function: self.string(text.function),
            source: self.string(text.source),
            line: text.line,
            column,
            is_inline: u32::from(is_inline),
            ..FrameRecord::zeroed()
        };
        // A build of the capture library with other inlining is no other stack.
        let tells = !(is_inline && is_profiler(text.module));
        self.add_record(record, |normalizer| tells.then(|| normalizer.named_frame(text)));
    }

    /// A frame without a name, in `module` at `relative` if it is known where it lies.
    pub(super) fn add_bare(&mut self, address: u64, place: Option<(&str, u64)>) {
        let record = FrameRecord {
            address,
            library: self.string(place.map(|(module, _)| library_name(module))),
            raw_function: NONE,
            function: NONE,
            source: NONE,
            line: NONE,
            column: NONE,
            ..FrameRecord::zeroed()
        };
        let (module, relative) = place.unwrap_or(("", address));
        self.add_record(record, |normalizer| Some(normalizer.bare_frame(module, relative)));
    }

    pub(super) fn end_location(&mut self) {
        self.location_ends.push(self.location_frames.len() as u32);
    }

    /// Puts the frames of a stack into `frames`, outermost first. `list` has its locations, innermost first.
    pub(super) fn expand(&self, list: &[u32], ends_in_hook: bool, frames: &mut Vec<u32>) -> StackKeys {
        let mut hasher = StackHasher::default();
        frames.clear();
        for (at, &location) in list.iter().enumerate().rev() {
            hasher.location(self.location_keys[location as usize]);
            let inlined = self.frames_of(location);
            // How the hook is made inside is no part of the program.
            let shown = if at == 0 && ends_in_hook { &inlined[inlined.len() - 1..] } else { inlined };
            frames.extend(shown.iter().rev());
        }
        for &frame in frames.iter() {
            if let Some(keys) = &self.keys[frame as usize] {
                hasher.frame(keys);
            }
        }
        hasher.finish()
    }

    /// Innermost first; never empty.
    fn frames_of(&self, location: u32) -> &[u32] {
        let at = location as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.location_ends[before]);
        &self.location_frames[start as usize..self.location_ends[at] as usize]
    }

    fn add_record(&mut self, record: FrameRecord, keys: impl FnOnce(&mut Normalizer) -> Option<FrameKeys>) {
        let number = *self.numbers.entry(bytemuck::cast(record)).or_insert_with(|| {
            self.frames.push(record);
            self.keys.push(keys(&mut self.normalizer));
            (self.frames.len() - 1) as u32
        });
        self.location_frames.push(number);
    }

    fn string(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NONE, |text| self.strings.intern(text.as_bytes()))
    }
}
