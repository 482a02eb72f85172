//! What happened to the heap, in the order of the file: births, deaths, and how they follow each other.

use bytehound_store::{Column, MappedVec, PackedList, PackedVec, Scratch};

use super::operations::{Operation, sort_by_time};
use super::rows::{Block, Moment};
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

/// Lists of numbers that grow side by side, and the same when they are whole.
macro_rules! lists {
    ($(#[$growing_doc:meta])* $growing:ident, $(#[$whole_doc:meta])* $whole:ident, {$($name:ident: $type:ty),* $(,)?}) => {
        $(#[$growing_doc])*
        pub(super) struct $growing { $($name: PackedVec<$type>),* }

        $(#[$whole_doc])*
        pub(super) struct $whole { $(pub(super) $name: PackedList<$type>),* }

        impl $growing {
            pub(super) fn new(scratch: &Scratch) -> Result<Self, IndexError> {
                Ok(Self { $($name: PackedVec::new(scratch)?),* })
            }

            pub(super) fn finish(self) -> Result<$whole, IndexError> {
                Ok($whole { $($name: self.$name.finish()?),* })
            }
        }
    };
}

lists!(
    /// The rows as they are born. Backtraces are numbers of [`super::stacks::Stacks`].
    Births,
    /// All births.
    FinishedBirths,
    {
        time: u64, address: u64, size: u64, extra: u32, backtrace: u32, thread: u32, marker: u32, flags: u8,
    }
);

lists!(
    /// What dies: when, which row, and how it was born; new is what was born in the same µs.
    Deaths,
    /// All deaths.
    FinishedDeaths,
    { time: u64, row: u32, size: u64, extra: u32, backtrace: u32, is_new: u8 }
);

impl Births {
    #[inline]
    pub(super) fn push(&mut self, at: Moment, block: &Block) -> Result<(), IndexError> {
        self.time.push(at.time)?;
        self.address.push(block.address)?;
        self.size.push(block.size)?;
        self.extra.push(block.extra)?;
        self.backtrace.push(at.backtrace)?;
        self.thread.push(at.thread)?;
        self.marker.push(block.marker)?;
        Ok(self.flags.push(block.flags)?)
    }
}

impl Deaths {
    /// A block dies; all but the time is as it was born.
    #[inline]
    pub(super) fn push(
        &mut self,
        time: u64,
        row: u32,
        size: u64,
        extra: u32,
        backtrace: u32,
        is_new: bool,
    ) -> Result<(), IndexError> {
        self.time.push(time)?;
        self.row.push(row)?;
        self.size.push(size)?;
        self.extra.push(extra)?;
        self.backtrace.push(backtrace)?;
        Ok(self.is_new.push(is_new.into())?)
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
        for operation in self.operations(births, deaths) {
            operations.push(operation)?;
        }
        Ok(Some(sort_by_time(operations, scratch)?))
    }

    /// The steps in the order of the file.
    pub(super) fn operations<'a>(
        &'a self,
        births: &'a FinishedBirths,
        deaths: &'a FinishedDeaths,
    ) -> impl Iterator<Item = Operation> + 'a {
        let all = |column: Column<'a, u64>| column.iter(0..column.len());
        let mut births = (0..).zip(all(births.time.column()));
        let mut deaths = (0..).zip(all(deaths.time.column()));
        let steps = self.steps.column();
        steps.iter(0..steps.len()).map_while(move |step| {
            let is = |which: Step| step == which as u8;
            let death = if is(Step::Birth) { None } else { Some(deaths.next()?) };
            let birth = if is(Step::Death) { None } else { Some(births.next()?) };
            let time = birth.or(death).map_or(0, |(_, time)| time);
            let number = |step: Option<(u32, u64)>| step.map_or(NONE, |(number, _)| number);
            Some(Operation { time, birth: number(birth), death: number(death) })
        })
    }
}
