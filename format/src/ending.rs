//! How a stream ended, and what was lost.

use std::fmt;

use crate::block::BlockDefect;
use crate::decode::Malformed;
use crate::losses::Losses;

/// How a stream ended. Everything before the end was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After a whole event, with the file.
    Clean,
    /// The file ends too early: the program was killed, the disk was full, or a copy was cut.
    Truncated {
        /// What the file ends in the middle of.
        inside: Cut,
        /// Bytes that it lacks, at least.
        missing: u64,
        /// Where.
        place: Place,
    },
    /// The file cannot be read on.
    Corrupt {
        /// Why.
        what: Defect,
        /// Where.
        place: Place,
    },
    /// Version 2: it was read to its end, but not all that was written is there.
    Partial(Losses),
}

/// What a truncated file ends in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A block.
    Block,
    /// An event, after a whole block.
    Event,
}

/// Why a file cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// A block is damaged.
    #[error(transparent)]
    Block(#[from] BlockDefect),
    /// An event is damaged, or of a kind that does not exist.
    #[error(transparent)]
    Event(#[from] Malformed),
    /// Version 2: the block that says which program this is cannot be read.
    #[error("its first block, which says which program this is, cannot be read")]
    NoStart,
}

/// Where reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset in the uncompressed stream after the last event that was read.
    pub stream_offset: u64,
    /// Offset in the file: of the block that is cut or damaged, or after the block that the defect was found in.
    pub file_offset: u64,
    /// Uncompressed bytes that were there but belong to no whole event.
    pub dropped: u64,
}

impl Place {
    /// Bytes of a file of `file_len` bytes that were not read.
    pub fn unread(&self, file_len: u64) -> u64 {
        file_len.saturating_sub(self.file_offset)
    }
}

impl Ending {
    /// Whether nothing was lost.
    pub fn is_clean(&self) -> bool {
        *self == Self::Clean
    }

    /// Where reading ended, unless it went on to the end of the file.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Clean | Self::Partial(_) => None,
            Self::Truncated { place, .. } | Self::Corrupt { place, .. } => Some(*place),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => write!(f, "the capture is complete"),
            Self::Partial(losses) => losses.fmt(f),
            Self::Truncated { inside, missing, place } => write!(
                f,
                "the file ends inside {} (file offset {}, at least {missing} bytes are missing): everything before \
                 it was read; the program was killed, the disk was full, or the copy is not complete",
                match inside {
                    Cut::Block => "a block",
                    Cut::Event => "an event",
                },
                place.file_offset,
            ),
            Self::Corrupt { what, place } => write!(
                f,
                "the file is damaged at file offset {} (stream offset {}): {what}; everything before it was read, \
                 nothing after it can be: take the file again from where it was written if you can",
                place.file_offset, place.stream_offset,
            ),
        }
    }
}
