//! What happened to the heap, in the order of the file: births, deaths, and how they follow each other.

use bytehound_store::{Column, MappedVec, PackedList, PackedVec, Scratch};

use super::ends::{End, Ends};
use super::lists::{Lists, lists};
use super::operations::{Operation, sort_by_time};
use crate::IndexError;
use crate::layout::NONE;

/// One step of the program's heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next birth.
    Birth = 0,
    /// The next death.
    Death = 1,
    /// The next death and, of the block that took its place, the next birth.
    Realloc = 2,
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

/// A death, and the end that its row has by it.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    pub(super) death: Death,
    pub(super) end: End,
}

/// Deaths, and ends of rows, so far.
pub(super) struct Dead {
    deaths: Deaths,
    ends: Ends,
    some: Vec<Death>,
}

impl Lists for Dead {
    type Record = Ended;
    type Whole = (FinishedDeaths, Ends);

    fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self { deaths: Deaths::new(scratch)?, ends: Ends::new(scratch)?, some: Vec::new() })
    }

    fn append(&mut self, records: &[Ended]) -> Result<(), IndexError> {
        self.some.clear();
        self.some.extend(records.iter().map(|record| record.death));
        self.deaths.append(&self.some)?;
        records.iter().try_for_each(|record| self.ends.push(record.end))
    }

    fn finish(self) -> Result<Self::Whole, IndexError> {
        Ok((self.deaths.finish()?, self.ends))
    }
}

/// The steps as they come.
pub(super) struct Log {
    steps: PackedVec<u8>,
    latest: u64,
    is_ordered: bool,
}

/// All steps.
pub(super) struct FinishedLog {
    steps: PackedList<u8>,
    /// Whether they came in order of time.
    is_ordered: bool,
}

impl Log {
    pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self { steps: PackedVec::new(scratch)?, latest: 0, is_ordered: true })
    }

    #[inline]
    pub(super) fn push(&mut self, step: Step, time: u64) -> Result<(), IndexError> {
        self.is_ordered &= time >= self.latest;
        self.latest = self.latest.max(time);
        Ok(self.steps.push(step as u8)?)
    }

    pub(super) fn finish(self) -> Result<FinishedLog, IndexError> {
        Ok(FinishedLog { steps: self.steps.finish()?, is_ordered: self.is_ordered })
    }
}

impl FinishedLog {
    pub(super) fn len(&self) -> usize {
        self.steps.column().len()
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
            steps: self.steps.column(),
            births: Walked::new(births.time.column()),
            deaths: Walked::new(deaths.time.column()),
            at: 0,
            read: Vec::new(),
        }
    }
}

/// Steps that are read at a time.
const WALK: usize = 1024;

/// The steps in the order of the file.
pub(super) struct Walk<'a> {
    steps: Column<'a, u8>,
    births: Walked<'a>,
    deaths: Walked<'a>,
    at: usize,
    read: Vec<u8>,
}

impl Walk<'_> {
    /// Puts the next operations in the place of `operations`; false if there are none.
    pub(super) fn next(&mut self, operations: &mut Vec<Operation>) -> bool {
        operations.clear();
        let end = self.steps.len().min(self.at + WALK);
        self.steps.copy_to(self.at..end, &mut self.read);
        self.at = end;
        // A realloc is both.
        self.births.read(self.read.iter().filter(|&&step| step != Step::Death as u8).count());
        self.deaths.read(self.read.iter().filter(|&&step| step != Step::Birth as u8).count());
        operations.extend(self.read.iter().map(|&step| {
            // Nothing here depends on a guess: whether the next step is a birth or a death is anybody's.
            let (birth, birth_time) = self.births.take(step != Step::Death as u8);
            let (death, death_time) = self.deaths.take(step != Step::Birth as u8);
            Operation { time: if birth == NONE { death_time } else { birth_time }, birth, death }
        }));
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
