//! What a capture of version 2 lacks.

use std::fmt;

/// What was lost of a capture whose reader goes on behind damage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// The capture has no end mark: the program was killed, or it is still running.
    pub unfinished: bool,
    /// The file ends inside a block that lacks so many bytes.
    pub cut: Option<u64>,
    /// Places of the file that hold no blocks.
    pub damaged_places: u64,
    /// Bytes in these places.
    pub damaged_bytes: u64,
    /// Offset in the file of the first such place.
    pub first_damage: Option<u64>,
    /// Blocks that were written and are not there, by their numbers.
    pub missing_blocks: u64,
    /// Events whose stack was lost with another block.
    pub unknown_stacks: u64,
    /// Batches and pieces of events that make no sense, or miss a part.
    pub broken_pieces: u64,
    /// Events that came later than a mark allowed: their order is not certain.
    pub late_events: u64,
}

impl Losses {
    /// Whether nothing was lost.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Takes note that there are no blocks from `start` to `end`, if there is something between them.
    pub(crate) fn damage(&mut self, start: u64, end: u64) {
        if end > start {
            self.damaged_places += 1;
            self.damaged_bytes += end - start;
            self.first_damage.get_or_insert(start);
        }
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clauses = Clauses { f, first: true };
        if let Some(missing) = self.cut {
            clauses.add(format_args!(
                "the file ends inside a block (at least {missing} bytes are missing): the program was killed, the disk \
                 was full, or the copy is not complete"
            ))?;
        } else if self.unfinished {
            clauses.add(format_args!(
                "the capture has no end: the program was killed, or it is still running"
            ))?;
        }
        if let Some(offset) = self.first_damage {
            let (places, bytes) = (self.damaged_places, self.damaged_bytes);
            clauses.add(format_args!(
                "the file is damaged in {places} places, {bytes} bytes in all, the first at file offset {offset}"
            ))?;
        }
        clauses.count(self.missing_blocks, "blocks are missing")?;
        clauses.count(self.unknown_stacks, "events have lost their stacks with another block")?;
        clauses.count(self.broken_pieces, "batches or pieces of events are not whole")?;
        clauses.count(self.late_events, "events came too late to be put in order")?;
        clauses.add(format_args!("everything else was read"))
    }
}

struct Clauses<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    first: bool,
}

impl Clauses<'_, '_> {
    fn add(&mut self, clause: fmt::Arguments<'_>) -> fmt::Result {
        let separator = if self.first { "" } else { "; " };
        self.first = false;
        write!(self.f, "{separator}{clause}")
    }

    fn count(&mut self, count: u64, what: &str) -> fmt::Result {
        if count == 0 { Ok(()) } else { self.add(format_args!("{count} {what}")) }
    }
}
