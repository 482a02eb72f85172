//! Births and deaths in order of time, as the segment has them: what was live is followed without sorting, at any moment
//! and in any part of the run.

use std::ops::Range;

use bytehound_store::Column;
use multiversion::multiversion;

use crate::columns::Columns;

/// Births are counted every so many words, when the chronicle is opened.
const WORDS_BETWEEN: usize = 64;

/// The operations of a profile, numbered in order of time. Within a µs, blocks of before die first, then blocks are born
/// in the order of the capture (a reallocated one dies right before its successor), and blocks of the same µs die last.
pub(crate) struct Chronicle<'a> {
    birth: &'a Column<'a, u64>,
    death: &'a Column<'a, u64>,
    /// A bit an operation, set for a birth.
    words: &'a [u64],
    /// Of each death, how many rows were born since the row that dies.
    deaths: &'a Column<'a, u32>,
    /// Births before each group of words.
    born: Vec<u32>,
}

impl<'a> Chronicle<'a> {
    pub(crate) fn of(columns: &'a Columns<'a>) -> Self {
        let (words, deaths) = (columns.chronicle, &columns.deaths);
        Self { birth: &columns.birth, death: &columns.death, words, deaths, born: born(words) }
    }

    /// Operations that all happen when their rows are born.
    #[cfg(test)]
    pub(crate) fn of_operations(
        times: &'a Column<'a, u64>,
        words: &'a [u64],
        deaths: &'a Column<'a, u32>,
    ) -> Self {
        Self { birth: times, death: times, words, deaths, born: born(words) }
    }

    /// How many operations there are.
    pub(crate) fn len(&self) -> usize {
        self.birth.len() + self.deaths.len()
    }

    /// How many rows are born before an operation.
    #[inline(always)]
    pub(crate) fn born_before(&self, operation: usize) -> usize {
        let word = operation / 64;
        let group = word / WORDS_BETWEEN;
        let whole = self.words.get(group * WORDS_BETWEEN..word).unwrap_or_default();
        let whole: u32 = whole.iter().map(|word| word.count_ones()).sum();
        let part =
            self.words.get(word).map_or(0, |word| (word & !(u64::MAX << (operation % 64))).count_ones());
        let before = self.born.get(group).copied().unwrap_or(self.birth.len() as u32);
        (before + whole + part) as usize
    }

    /// Which operation the birth of a row is.
    pub(crate) fn birth_of(&self, row: u32) -> usize {
        let group = self.born.partition_point(|born| *born <= row).saturating_sub(1);
        let mut left = row - self.born.get(group).copied().unwrap_or(0);
        for (index, word) in self.words.iter().enumerate().skip(group * WORDS_BETWEEN) {
            let births = word.count_ones();
            if left < births {
                let rest = (0..left).fold(*word, |rest, _| rest & (rest - 1));
                return index * 64 + rest.trailing_zeros() as usize;
            }
            left -= births;
        }
        self.len()
    }

    /// The row that an operation is about, and how many are born by it: 1 or 0.
    pub(crate) fn operation(&self, operation: usize) -> (u32, u32) {
        let born = self.born_before(operation);
        match self.births(operation) {
            1 => (born as u32, 1),
            births => ((born as u32).wrapping_sub(self.deaths.at(operation - born).wrapping_add(1)), births),
        }
    }

    /// When an operation happens.
    pub(crate) fn time(&self, operation: usize) -> u64 {
        let (row, births) = self.operation(operation);
        let column = if births == 1 { self.birth } else { self.death };
        column.at(row as usize)
    }

    /// The first operation of `among` that happens at `time` or later. Near ones are found soonest. Births are in order, and
    /// looked at first: what else there is between two of them is little.
    pub(crate) fn first_since(&self, time: u64, among: Range<usize>) -> usize {
        let rows = self.born_before(among.start)..self.born_before(among.end);
        let row = first_where(rows.clone(), |row| self.birth.at(row) >= time);
        let after = |row: usize| if rows.contains(&row) { self.birth_of(row as u32) } else { among.end };
        let from = if row > rows.start { after(row - 1) + 1 } else { among.start };
        first_where(from..after(row), |operation| self.time(operation) >= time)
    }

    /// Cuts operations into parts of about `len`, never within a µs.
    pub(crate) fn parts(&self, operations: Range<usize>, len: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut rest = operations;
        while !rest.is_empty() {
            let near = rest.end.min(rest.start + len);
            let end = match near == rest.end {
                true => near,
                false => self.first_since(self.time(near - 1).saturating_add(1), near..rest.end),
            };
            parts.push(rest.start..end);
            rest.start = end;
        }
        parts
    }

    /// Some operations, read to be walked through.
    pub(crate) fn stretch(&self, operations: Range<usize>) -> Stretch<'_> {
        let mut stretch = Stretch { chronicle: self, rows: 0..0, first_death: 0, since: Vec::new() };
        stretch.move_to(operations);
        stretch
    }

    fn births(&self, operation: usize) -> u32 {
        (self.words[operation / 64] >> (operation % 64)) as u32 & 1
    }
}

/// Births before each group of words. Compiled for each set of instructions.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
fn born(words: &[u64]) -> Vec<u32> {
    let mut total = 0;
    let count = |words: &[u64]| {
        let before = total;
        total += words.iter().map(|word| word.count_ones()).sum::<u32>();
        before
    };
    words.chunks(WORDS_BETWEEN).map(count).collect()
}

/// The first of some ascending numbers for which something holds, as it does for all after it. Near ones are found soonest.
fn first_where(among: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut step) = (among.start, 1);
    while from + step < among.end && !holds(from + step) {
        from += step;
        step *= 2;
    }
    let mut to = among.end.min(from + step);
    while from < to {
        let middle = from.midpoint(to);
        if holds(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

/// Up to 64 operations in a row, a bit each.
pub(crate) struct Word {
    pub(crate) births: u64,
    pub(crate) deaths: u64,
}

/// Who is told of operations word by word.
pub(crate) trait VisitWords {
    /// The word and the place in it, both counted from the first operation; the row, and whether it dies.
    fn visit(&mut self, word: usize, place: usize, row: u32, dies: bool);
}

/// Operations of which the deaths are read.
pub(crate) struct Stretch<'a> {
    chronicle: &'a Chronicle<'a>,
    /// Those born in it.
    pub(crate) rows: Range<usize>,
    first_death: usize,
    /// With one more at the end, so that there always is a next one.
    since: Vec<u32>,
}

impl Stretch<'_> {
    /// Reads other operations instead, into the memory of these.
    pub(crate) fn move_to(&mut self, operations: Range<usize>) {
        let born = |operation| self.chronicle.born_before(operation);
        self.rows = born(operations.start)..born(operations.end);
        self.first_death = operations.start - self.rows.start;
        self.chronicle.deaths.copy_to(self.first_death..operations.end - self.rows.end, &mut self.since);
        self.since.push(0);
    }

    /// Tells the row of each operation, and how many are born by it: 1 or 0. Which of the two comes next cannot be
    /// guessed, so nothing here branches on it.
    #[inline(always)]
    pub(crate) fn walk(&self, operations: Range<usize>, mut visit: impl FnMut(u32, u32)) {
        let mut born = self.chronicle.born_before(operations.start) as u32;
        let mut next_dead = operations.start - born as usize - self.first_death;
        for word in operations.start / 64..operations.end.div_ceil(64) {
            let within = operations.start.max(word * 64)..operations.end.min(word * 64 + 64);
            let mut rest = self.chronicle.words[word] >> (within.start % 64);
            for _ in within {
                let births = rest as u32 & 1;
                rest >>= 1;
                let back = self.since[next_dead].wrapping_add(1);
                visit(born.wrapping_sub(back & births.wrapping_sub(1)), births);
                born += births;
                next_dead += 1 - births as usize;
            }
        }
    }

    /// How many rows are born before an operation, and how many since each row that dies from there on.
    #[inline(always)]
    pub(crate) fn before(&self, operation: usize) -> (u32, &[u32]) {
        let born = self.chronicle.born_before(operation);
        (born as u32, &self.since[operation - born - self.first_death..])
    }

    /// The operations word by word.
    #[inline(always)]
    pub(crate) fn words(&self, operations: Range<usize>) -> impl Iterator<Item = Word> {
        (operations.start / 64..operations.end.div_ceil(64)).map(move |word| {
            let within = operations.start.max(word * 64)..operations.end.min(word * 64 + 64);
            let all = u64::MAX >> (64 - within.len());
            let births = self.chronicle.words[word] >> (within.start % 64) & all;
            Word { births, deaths: !births & all }
        })
    }

    /// Goes through the operations word by word, of each first the deaths and then the births.
    #[inline(always)]
    pub(crate) fn walk_words(&self, operations: Range<usize>, visitor: &mut impl VisitWords) {
        let (mut born, mut since) = self.before(operations.start);
        for (index, Word { mut births, mut deaths }) in self.words(operations).enumerate() {
            let (dead, later) = since.split_at(deaths.count_ones() as usize);
            since = later;
            // What is born before a death of the word: all that is older, and what is neither it nor another death before.
            for (before, since) in (1_u32..).zip(dead) {
                let place = deaths.trailing_zeros();
                deaths &= deaths.wrapping_sub(1);
                let row = (born + place).wrapping_sub(before).wrapping_sub(*since);
                visitor.visit(index, place as usize, row, true);
            }
            while births != 0 {
                visitor.visit(index, births.trailing_zeros() as usize, born, false);
                births &= births - 1;
                born += 1;
            }
        }
    }
}
