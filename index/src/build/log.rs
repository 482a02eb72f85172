//! What happened to the heap, in the order of the file: births, deaths, and how they follow each other.

use bytehound_store::{Column, MappedVec, Scratch};

use super::bits::Bits;
use super::ends::{End, Ends, Fate};
use super::lists::{Lists, lists};
use super::operations::{Operation, sort_by_time};
use crate::IndexError;
use crate::layout::NONE;

/// One step of the program's heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next birth.
    Birth,
    /// The next death.
    Death,
    /// The next death and, of the block that took its place, the next birth.
    Realloc,
}

lists!(
    /// A row as it is born. Backtraces are numbers of [`super::stacks::Stacks`].
    Birth,
    /// Births so far.
    Births,
    /// All births.
    FinishedBirths,
    {
        time: u64, address: u64, size: u64, extra: u32, backtrace: u32, thread: u32, marker: u32, flags: u8,
    }
);

lists!(
    /// What dies: when, which row, and how it was born; new is what was born in the same µs.
    Death,
    /// Deaths so far.
    Deaths,
    /// All deaths.
    FinishedDeaths,
    { time: u64, row: u32, size: u64, extra: u32, backtrace: u32, is_new: u8 }
);

/// A death, and what else there is to tell of the end that its row has by it.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) death: Death,
    pub(super) backtrace: u32,
    pub(super) thread: u32,
    /// That of a [`super::ends::Link`].
    pub(super) link: u32,
}

impl Ended {
    fn end(&self) -> End {
        let &Self { death: Death { time, row, .. }, backtrace, thread, link } = self;
        End { row, fate: Fate { time, backtrace, thread, link } }
    }
}

/// Deaths, and ends of rows, so far.
pub(super) struct Dead {
    deaths: Deaths,
    ends: Ends,
}

impl Lists for Dead {
    type Record = Ended;
    type Whole = (FinishedDeaths, Ends);

    fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self { deaths: Deaths::new(scratch)?, ends: Ends::new(scratch)? })
    }

    fn append(&mut self, records: &[Ended]) -> Result<(), IndexError> {
        self.deaths.append_parts(records, |record| &record.death)?;
        records.iter().try_for_each(|record| self.ends.push(record.end()))
    }

    fn finish(self) -> Result<Self::Whole, IndexError> {
        Ok((self.deaths.finish()?, self.ends))
    }
}

/// The steps as they come: a bit for each that has a birth, and one for each that has a death.
pub(super) struct Log {
    births: Bits,
    deaths: Bits,
    len: usize,
    latest: u64,
    is_ordered: bool,
}

/// All steps.
pub(super) struct FinishedLog {
    births: MappedVec<u64>,
    deaths: MappedVec<u64>,
    len: usize,
    /// Whether they came in order of time.
    is_ordered: bool,
}

impl Log {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        let (births, deaths) = (Bits::new(scratch)?, Bits::new(scratch)?);
        Ok(Self { births, deaths, len: 0, latest: 0, is_ordered: true })
    }

    #[inline]
    pub(super) fn push(&mut self, step: Step, time: u64) -> Result<(), IndexError> {
        self.is_ordered &= time >= self.latest;
        self.latest = self.latest.max(time);
        self.len += 1;
        self.births.push(step != Step::Death, 1)?;
        self.deaths.push(step != Step::Birth, 1)
    }

    pub(super) fn finish(self) -> Result<FinishedLog, IndexError> {
        let (births, deaths) = (self.births.finish()?, self.deaths.finish()?);
        Ok(FinishedLog { births, deaths, len: self.len, is_ordered: self.is_ordered })
    }
}

impl FinishedLog {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The steps, sorted by time; `None` if they came so.
    pub(super) fn sort(
        &self,
        births: &FinishedBirths,
        deaths: &FinishedDeaths,
        scratch: &Scratch,
    ) -> Result<Option<MappedVec<Operation>>, IndexError> {
        if self.is_ordered {
            return Ok(None);
        }
        let mut operations = MappedVec::new(scratch)?;
        let mut walk = self.walk(births, deaths);
        let mut some = Vec::new();
        while walk.next(&mut some) {
            operations.extend_from_slice(&some)?;
        }
        Ok(Some(sort_by_time(operations, scratch)?))
    }

    /// Begins to go through the steps in the order of the file.
    pub(super) fn walk<'a>(&'a self, births: &'a FinishedBirths, deaths: &'a FinishedDeaths) -> Walk<'a> {
        Walk {
            log: self,
            births: Walked::new(births.time.column()),
            deaths: Walked::new(deaths.time.column()),
            at: 0,
        }
    }
}

/// Steps that are read at a time, in words.
const WALK: usize = 32;

/// The steps in the order of the file.
pub(super) struct Walk<'a> {
    log: &'a FinishedLog,
    births: Walked<'a>,
    deaths: Walked<'a>,
    /// The next word.
    at: usize,
}

impl Walk<'_> {
    /// Puts the next operations in the place of `operations`; false if there are none.
    pub(super) fn next(&mut self, operations: &mut Vec<Operation>) -> bool {
        operations.clear();
        let (births, deaths) = (self.log.births.as_slice(), self.log.deaths.as_slice());
        let words = self.at..births.len().min(self.at + WALK);
        let count = |words: &[u64]| words.iter().map(|word| word.count_ones() as usize).sum();
        self.births.read(count(&births[words.clone()]));
        self.deaths.read(count(&deaths[words.clone()]));
        self.at = words.end;
        for word in words {
            let (mut has_birth, mut has_death) = (births[word], deaths[word]);
            operations.extend((word * 64..self.log.len.min(word * 64 + 64)).map(|_| {
                // Nothing here depends on a guess: whether the next step is a birth or a death is anybody's.
                let (birth, birth_time) = self.births.take(has_birth & 1 != 0);
                let (death, death_time) = self.deaths.take(has_death & 1 != 0);
                (has_birth, has_death) = (has_birth >> 1, has_death >> 1);
                Operation { time: if birth == NONE { death_time } else { birth_time }, birth, death }
            }));
        }
        !operations.is_empty()
    }
}

/// Births or deaths on the way.
struct Walked<'a> {
    times: Column<'a, u64>,
    /// Those that come next, and one more.
    ahead: Vec<u64>,
    first: u32,
    at: usize,
}

impl<'a> Walked<'a> {
    fn new(times: Column<'a, u64>) -> Self {
        Self { times, ahead: vec![0], first: 0, at: 0 }
    }

    /// Reads the next ones; those before were taken.
    fn read(&mut self, count: usize) {
        self.first += self.at as u32;
        self.at = 0;
        let start = self.first as usize;
        self.times.copy_to(start..start + count, &mut self.ahead);
        self.ahead.push(0);
    }

    /// The number and the time of the next one, if it is its turn.
    #[inline(always)]
    fn take(&mut self, is_next: bool) -> (u32, u64) {
        let (number, time) = (self.first + self.at as u32, self.ahead[self.at]);
        self.at += usize::from(is_next);
        (if is_next { number } else { NONE }, time)
    }
}
