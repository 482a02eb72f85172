//! Stacks as they are read: frames with their names.

use std::fmt;

use bytehound_store::Column;
use bytehound_symbols::noise;

use crate::columns::Columns;
use crate::layout::{FrameRecord, NONE};
use crate::model::{BacktraceId, FrameId};

/// One backtrace of a profile.
#[derive(Clone, Copy)]
pub struct Backtrace<'a> {
    id: BacktraceId,
    frames: Column<'a, u32>,
    columns: &'a Columns<'a>,
}

/// One frame; an inlined call is a frame of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Return address − 1, as it was in the process.
    pub address: u64,
    /// How many allocations of the capture pass through it, culled ones included.
    pub count: u64,
    /// Base name of the module.
    pub library: Option<&'a str>,
    /// Demangled name.
    pub function: Option<&'a str>,
    /// Linkage name.
    pub raw_function: Option<&'a str>,
    /// Full path of the source file.
    pub source: Option<&'a str>,
    /// Line in it.
    pub line: Option<u32>,
    /// Column in that line.
    pub column: Option<u32>,
    /// An inlined call.
    pub is_inline: bool,
}

impl<'a> Backtrace<'a> {
    /// `id` without frames when the profile has no such backtrace.
    pub(crate) fn of(columns: &'a Columns<'a>, id: BacktraceId) -> Self {
        Self { id, frames: columns.frames_of(id), columns }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> BacktraceId {
        self.id
    }

    /// How many frames it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Its frames, outermost first.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = Frame<'a>> + ExactSizeIterator + use<'a> {
        let columns = self.columns;
        let frames = self.frames;
        (0..frames.len()).map(move |index| Frame::of(columns, frames.at(index)))
    }

    /// Which frames these are: frames with the same number are the same.
    pub fn frame_ids(&self) -> impl ExactSizeIterator<Item = FrameId> + use<'a> {
        let frames = self.frames;
        (0..frames.len()).map(move |index| FrameId(frames.at(index)))
    }

    /// Its frames with their positions, without those that say nothing about the program: the language's runtime at
    /// work, and how a vector gets its memory.
    pub fn stripped(&self) -> impl Iterator<Item = (usize, Frame<'a>)> + use<'a> {
        let mut ended = false;
        self.frames().enumerate().filter(move |(_, frame)| {
            let function = frame.name().unwrap_or_default();
            let kept = !ended && !noise::is_runtime_frame(function);
            ended |= noise::ends_stripped_backtrace(function);
            kept
        })
    }
}

/// `[library] function [file:line]`, as far as each is known.
impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(library) = self.library {
            write!(f, "[{library}] ")?;
        }
        match self.name() {
            Some(function) => f.write_str(function)?,
            None => write!(f, "{:x}", self.address)?,
        }
        let Some(source) = self.source else { return Ok(()) };
        let file = source.rsplit('/').next().unwrap_or(source);
        match self.line {
            Some(line) => write!(f, " [{file}:{line}]"),
            None => write!(f, " [{file}]"),
        }
    }
}

impl<'a> Frame<'a> {
    /// What to call it: the demangled name, else the linkage name.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.function.or(self.raw_function)
    }

    fn of(columns: &Columns<'a>, index: u32) -> Self {
        let record = columns.frames.get(index as usize).copied().unwrap_or(UNKNOWN);
        Self {
            address: record.address,
            count: record.count,
            library: columns.string(record.library),
            function: columns.string(record.function),
            raw_function: columns.string(record.raw_function),
            source: columns.string(record.source),
            line: some(record.line),
            column: some(record.column),
            is_inline: record.is_inline != 0,
        }
    }
}

const UNKNOWN: FrameRecord = FrameRecord {
    address: 0,
    count: 0,
    library: NONE,
    raw_function: NONE,
    function: NONE,
    source: NONE,
    line: NONE,
    column: NONE,
    is_inline: 0,
    reserved: 0,
};

fn some(value: u32) -> Option<u32> {
    (value != NONE).then_some(value)
}
