//! Operations with the sizes of their rows: most are about rows that were born not long ago, whose sizes are at hand.

use std::ops::Range;

use bytehound_store::Column;

use super::change::Change;
use super::lanes::{LANES, Lanes};
use crate::chronicle::{Chronicle, Stretch};
use crate::{Cancel, IndexError};

/// Operations that are read at a time.
const READ: usize = 1 << 14;
/// Rows whose sizes are at hand: nearly all that die are among them.
const NEAR: usize = 1 << 21;
/// Rows before the first of a part whose sizes are read too, but not more than the part has operations.
const BEFORE: usize = NEAR / 2;
/// Sizes that are read together.
const SIZES: usize = 1 << 12;
/// What is known of a row that is to be looked up.
const LARGE: u16 = u16::MAX;

/// Goes through a part of the operations, in order.
pub(super) struct Reader<'a> {
    size: &'a Column<'a, u64>,
    /// The rows asked for, a bit each.
    words: &'a [u64],
    part: Range<usize>,
    /// The operations that were read last.
    stretch: Stretch<'a>,
    read_to: usize,
    /// What is [`known`] of some rows, each in the place of its number modulo [`NEAR`].
    near: Box<[u16]>,
    /// These rows.
    rows: Range<usize>,
    sizes: Vec<u64>,
    lanes: Lanes,
    cancel: &'a Cancel,
}

impl<'a> Reader<'a> {
    /// `words` has a bit for each row that is asked for.
    pub(super) fn new(
        chronicle: &'a Chronicle<'a>,
        size: &'a Column<'a, u64>,
        words: &'a [u64],
        part: Range<usize>,
        cancel: &'a Cancel,
    ) -> Self {
        let stretch = chronicle.stretch(part.start..part.start);
        let before = BEFORE.min(part.len());
        let first = stretch.rows.start.saturating_sub(before) / SIZES * SIZES;
        Self {
            size,
            words,
            read_to: part.start,
            part,
            stretch,
            near: vec![0; NEAR].into(),
            rows: first..first,
            sizes: Vec::new(),
            lanes: Lanes::new(),
            cancel,
        }
    }

    /// What some operations of the part change. They must not lie before those of the last time.
    pub(super) fn walk(&mut self, operations: Range<usize>, change: &mut Change) -> Result<(), IndexError> {
        let mut rest = operations;
        while !rest.is_empty() {
            if rest.start >= self.read_to {
                self.cancel.check()?;
                self.read_on(rest.start);
            }
            let words = if change.is_nothing() { 1 } else { LANES };
            let end = rest.end.min(self.read_to).min((rest.start / 64 + words) * 64);
            let together = rest.start..end;
            rest.start = end;
            // Lanes count levels where nothing is asked for: something must have been before.
            if change.is_nothing() || !self.walk_lanes(together.clone(), change) {
                let each = |row, births| self.operation(row, births, change);
                self.stretch.walk(together, each);
            }
        }
        Ok(())
    }

    /// What one operation changes.
    #[inline(always)]
    pub(super) fn operation(&self, row: u32, births: u32, change: &mut Change) {
        let known = self.near[row as usize % NEAR];
        let (size, asked) = match is_at_hand(row, known, &self.rows) {
            true => (u64::from(known.saturating_sub(1)), u64::from(known.min(1))),
            false => look_up(self.size, self.words, row),
        };
        if asked == 1 {
            change.operation(size, births.into());
        }
    }

    /// Lets lanes be added up side by side, unless a size is too large for them.
    fn walk_lanes(&mut self, operations: Range<usize>, change: &mut Change) -> bool {
        let count = operations.end.div_ceil(64) - operations.start / 64;
        for (end, lane) in [(operations.start, 0), (operations.end, count - 1)] {
            if !end.is_multiple_of(64) {
                self.lanes.clear(lane);
            }
        }
        let Some(near) = self.near.first_chunk::<NEAR>() else { return false };
        let (lanes, mut fit) = (&mut self.lanes, true);
        self.stretch.walk_words(operations, |lane, step, row, dies| {
            let known = near[row as usize % NEAR];
            let mut sized = i32::from(known);
            if !is_at_hand(row, known, &self.rows) {
                let (size, asked) = look_up(self.size, self.words, row);
                fit &= Lanes::take(size);
                sized = (size + asked) as i32;
            }
            lanes.put(lane, step, if dies { -sized } else { sized });
        });
        if fit {
            lanes.add_to(change, count);
        }
        fit
    }

    fn read_on(&mut self, from: usize) {
        self.read_to = self.part.end.min(from + READ);
        self.stretch.move_to(from..self.read_to);
        while self.rows.end < self.stretch.rows.end {
            let start = self.rows.end;
            let end = self.size.len().min(start + SIZES);
            let sizes = self.size.read(start..end, &mut self.sizes);
            let near = &mut self.near[start % NEAR..][..end - start];
            for ((near, sizes), word) in
                near.chunks_mut(64).zip(sizes.chunks(64)).zip(&self.words[start / 64..])
            {
                for (bit, (near, size)) in near.iter_mut().zip(sizes).enumerate() {
                    *near = known(*size, word >> bit & 1);
                }
            }
            self.rows = self.rows.start.max(end.saturating_sub(NEAR))..end;
        }
    }
}

/// The size of a row and one more, [`LARGE`] if that is too much; 0 if the row is not asked for.
#[inline(always)]
fn known(size: u64, asked: u64) -> u16 {
    (size + 1).min(LARGE.into()) as u16 & (asked as u16).wrapping_neg()
}

/// Whether what is known of a row is the row's, and all of it.
#[inline(always)]
fn is_at_hand(row: u32, known: u16, rows: &Range<usize>) -> bool {
    row as usize >= rows.start && known != LARGE
}

/// The size of a row and 1; or 0 and 0 if it is not asked for.
#[cold]
#[inline(never)]
fn look_up(size: &Column<'_, u64>, words: &[u64], row: u32) -> (u64, u64) {
    match words[row as usize / 64] >> (row % 64) & 1 {
        1 => (size.at(row as usize), 1),
        _ => (0, 0),
    }
}
