//! Frames by name: a regular expression is tried once on each distinct name, and what it found is kept.

use std::sync::Arc;

use rayon::prelude::*;

use crate::bit_set::BitSet;
use crate::columns::Columns;
use crate::layout::{FrameRecord, NONE};
use crate::selection::Digest;
use crate::{Pattern, Profile};

/// What of a frame an expression is tried on.
#[derive(Clone, Copy, Hash)]
pub(super) enum Name {
    /// The demangled function, else the raw one.
    Function,
    /// The path of the source file.
    Source,
}

/// The frames whose name matches.
pub(super) fn frames(profile: &Profile, name: Name, pattern: &Pattern) -> Arc<BitSet> {
    let asked = Digest::of(&(name, pattern));
    if let Some(frames) = profile.kept_frames(&asked) {
        return frames;
    }
    let (frames, tried) = matching(profile.columns(), name, pattern);
    profile.work_done().names(tried);
    let frames = Arc::new(frames);
    profile.keep_frames(asked, &frames);
    frames
}

/// Also tells how many names were tried.
fn matching(columns: &Columns<'_>, name: Name, pattern: &Pattern) -> (BitSet, usize) {
    let mut used = BitSet::empty(columns.string_count());
    columns.frames.iter().for_each(|frame| used.insert(name.of(frame) as usize));
    let names: Vec<usize> = used.iter().collect();
    let tried = names.len();
    let is_match = |name: &usize| columns.string(*name as u32).is_some_and(|text| pattern.is_match(text));
    let found: Vec<usize> = names.into_par_iter().filter(is_match).collect();
    let mut matching = BitSet::empty(columns.string_count());
    found.into_iter().for_each(|name| matching.insert(name));
    let frames =
        BitSet::of(columns.frames.len(), |frame| matching.contains(name.of(&columns.frames[frame]) as usize));
    (frames, tried)
}

impl Name {
    fn of(self, frame: &FrameRecord) -> u32 {
        match self {
            Self::Function if frame.function == NONE => frame.raw_function,
            Self::Function => frame.function,
            Self::Source => frame.source,
        }
    }
}
