//! Operations with the sizes of their rows: most are about rows that were born not long ago, whose sizes are at hand.

use std::ops::Range;

use bytehound_store::Column;
use multiversion::multiversion;

use super::by_512::{self, Near};
use super::change::Change;
use super::lanes::{LANES, Lanes};
use crate::chronicle::{Chronicle, Stretch, VisitWords};
use crate::{Cancel, IndexError};

/// Operations that are read at a time.
const READ: usize = 1 << 14;
/// Rows whose sizes are at hand: nearly all that die are among them.
pub(super) const NEAR: usize = 1 << 21;
/// Rows before the first of a part whose sizes are read too, but not more than the part has operations.
const BEFORE: usize = NEAR / 2;
/// Sizes that are read together.
const SIZES: usize = 1 << 12;
/// The bits of a word.
const BITS: [u16; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
/// What is known of a row that is to be looked up.
pub(super) const LARGE: u16 = u16::MAX;

/// Goes through a part of the operations, in order.
pub(super) struct Reader<'a> {
    size: &'a Column<'a, u64>,
    /// The rows asked for, a bit each.
    words: &'a [u64],
    part: Range<usize>,
    /// The operations that were read last.
    stretch: Stretch<'a>,
    read_to: usize,
    /// Of some rows the size and one more, [`LARGE`] if that is too much; 0 if the row is not asked for. Each in the place of its
    /// number modulo [`NEAR`].
    near: Box<[u16]>,
    /// These rows.
    rows: Range<usize>,
    sizes: Vec<u64>,
    lanes: Lanes,
    /// Whether operations are added up by [`by_512`].
    by_512: bool,
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
            by_512: by_512::is_there(),
            cancel,
        }
    }

    #[inline(always)]
    fn walk_on(&mut self, operations: Range<usize>, change: &mut Change) -> Result<(), IndexError> {
        let mut rest = operations;
        while !rest.is_empty() {
            if rest.start >= self.read_to {
                self.cancel.check()?;
                self.read_on(rest.start);
            }
            let words = match change.is_nothing() {
                true => 1,
                false if self.by_512 => by_512::WORDS,
                false => LANES,
            };
            let end = rest.end.min(self.read_to).min((rest.start / 64 + words) * 64);
            let together = rest.start..end;
            rest.start = end;
            // Side by side, levels count where nothing is asked for: something must have been before.
            if change.is_nothing() || !self.walk_together(together.clone(), change) {
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

    /// Adds up operations side by side, unless a size is too large for that.
    #[inline(always)]
    fn walk_together(&mut self, operations: Range<usize>, change: &mut Change) -> bool {
        self.by_512 && self.add_by_512(operations.clone(), change) || self.walk_lanes(operations, change)
    }

    /// Adds up operations 16 at a time, unless a size is too large for that, or the processor can't.
    fn add_by_512(&self, operations: Range<usize>, change: &mut Change) -> bool {
        let (born, since) = self.stretch.before(operations.start);
        let Some(known) = self.near.first_chunk() else { return false };
        let look_up = |row| {
            let (size, asked) = look_up(self.size, self.words, row);
            size.saturating_add(asked)
        };
        let near = Near { known, first: self.rows.start as u32, look_up };
        let added = by_512::add(&near, self.stretch.words(operations), born, since);
        added.is_some_and(|more| {
            change.then(&more.into());
            true
        })
    }

    /// Adds up operations in lanes, unless a size is too large for them.
    #[inline(always)]
    fn walk_lanes(&mut self, operations: Range<usize>, change: &mut Change) -> bool {
        let count = operations.end.div_ceil(64) - operations.start / 64;
        for (end, lane) in [(operations.start, 0), (operations.end, count - 1)] {
            if !end.is_multiple_of(64) {
                self.lanes.clear(lane);
            }
        }
        let Some(near) = self.near.first_chunk() else { return false };
        let (size, words, rows) = (self.size, self.words, self.rows.clone());
        let mut filling = Filling { near, rows, size, words, lanes: &mut self.lanes, fit: true };
        self.stretch.walk_words(operations, &mut filling);
        if filling.fit {
            filling.lanes.add_to(change, count);
        }
        filling.fit
    }

    #[inline(always)]
    fn read_on(&mut self, from: usize) {
        self.read_to = self.part.end.min(from + READ);
        self.stretch.move_to(from..self.read_to);
        while self.rows.end < self.stretch.rows.end {
            let start = self.rows.end;
            let end = self.size.len().min(start + SIZES);
            let sizes = self.size.read(start..end, &mut self.sizes);
            let (near, _) = self.near[start % NEAR..][..SIZES].as_chunks_mut();
            for ((near, sizes), word) in near.iter_mut().zip(sizes.chunks(64)).zip(&self.words[start / 64..])
            {
                for (near, size) in near.iter_mut().zip(sizes) {
                    *near = (size + 1).min(LARGE.into()) as u16;
                }
                keep(near, *word);
            }
            self.rows = self.rows.start.max(end.saturating_sub(NEAR))..end;
        }
    }
}

/// Puts operations into lanes.
struct Filling<'a> {
    near: &'a [u16; NEAR],
    rows: Range<usize>,
    size: &'a Column<'a, u64>,
    words: &'a [u64],
    lanes: &'a mut Lanes,
    /// Whether all sizes fit into lanes.
    fit: bool,
}

impl VisitWords for Filling<'_> {
    #[inline(always)]
    fn visit(&mut self, word: usize, place: usize, row: u32, dies: bool) {
        let known = self.near[row as usize % NEAR];
        let mut sized = i32::from(known);
        if !is_at_hand(row, known, &self.rows) {
            let (size, asked) = look_up(self.size, self.words, row);
            self.fit &= Lanes::take(size);
            sized = (size + asked) as i32;
        }
        self.lanes.put(word, place, if dies { -sized } else { sized });
    }
}

/// What some operations of the reader's part change. They must not lie before those of the last time. Compiled for each set of
/// instructions.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
pub(super) fn walk(
    reader: &mut Reader<'_>,
    operations: Range<usize>,
    change: &mut Change,
) -> Result<(), IndexError> {
    reader.walk_on(operations, change)
}

/// Clears the numbers whose bits are not set.
#[inline(always)]
fn keep(numbers: &mut [u16; 64], bits: u64) {
    for (at, numbers) in numbers.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let bits = (bits >> (16 * at)) as u16;
        for (number, bit) in numbers.iter_mut().zip(BITS) {
            *number &= u16::from(bits & bit == bit).wrapping_neg();
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows that are born before all else: so many that they are not at hand any more later.
    const OLD: usize = 2 * SIZES + 100;

    /// A run, made of what is done next: a birth, or the death of one of the rows that are live.
    struct Run {
        operations: Vec<(u32, u32)>,
        words: Vec<u64>,
        since: Vec<u32>,
        rows: usize,
    }

    impl Run {
        fn of(steps: &[Option<prop::sample::Index>]) -> Self {
            let mut run = Self { operations: Vec::new(), words: Vec::new(), since: Vec::new(), rows: 0 };
            let mut live = Vec::new();
            for step in steps {
                match step.as_ref().filter(|_| !live.is_empty()) {
                    Some(dying) => {
                        let row = live.swap_remove(dying.index(live.len()));
                        run.since.push(run.rows as u32 - row - 1);
                        run.operations.push((row, 0));
                    }
                    None => {
                        live.push(run.rows as u32);
                        run.operations.push((run.rows as u32, 1));
                        run.rows += 1;
                    }
                }
            }
            let bits = |operations: &[(u32, u32)]| {
                (0..).zip(operations).fold(0, |word, (bit, (_, births))| word | u64::from(*births) << bit)
            };
            run.words = run.operations.chunks(64).map(bits).collect();
            run
        }
    }

    fn sizes() -> impl Strategy<Value = u64> {
        prop_oneof![
            30 => 0_u64..2000,
            1 => 65_530_u64..65_540,
            1 => (1_u64 << 20) - 3..(1 << 20) + 3,
            1 => (1_u64 << 24) - 3..(1 << 24) + 3,
        ]
    }

    proptest! {
        #[test]
        fn however_operations_are_added_up_they_change_the_same(
            steps in prop::collection::vec(prop::option::of(any::<prop::sample::Index>()), 1..4000),
            sizes in prop::collection::vec(sizes(), OLD + 4000),
            asked in prop::collection::vec(any::<u64>(), (OLD + 4000).div_ceil(64)),
            cuts in any::<[prop::sample::Index; 2]>(),
        ) {
            let run = Run::of(&[vec![None; OLD], steps].concat());
            let (times, deaths) = (Column::Constant { value: 0, len: run.rows }, Column::Values(&run.since));
            let chronicle = Chronicle::of_operations(&times, &run.words, &deaths);
            let size = Column::Values(&sizes[..run.rows]);
            let mut cuts = cuts.map(|cut| cut.index(run.operations.len()));
            cuts.sort_unstable();
            let cancel = Cancel::new();
            let [first, second] = cuts;
            for part in [first..second, second..run.operations.len()] {
                let mut expected = Change::NOTHING;
                for (row, births) in &run.operations[part.clone()] {
                    if asked[*row as usize / 64] >> (row % 64) & 1 == 1 {
                        expected.operation(sizes[*row as usize], (*births).into());
                    }
                }
                for by_512 in [by_512::is_there(), false] {
                    let mut reader = Reader::new(&chronicle, &size, &asked, part.clone(), &cancel);
                    reader.by_512 = by_512;
                    let mut change = Change::NOTHING;
                    walk(&mut reader, part.clone(), &mut change).expect("nobody cancels");
                    prop_assert_eq!(change, expected);
                }
            }
        }
    }
}
