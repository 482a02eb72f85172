//! The chronicle of a profile, written while its heap is lived through: [`crate::layout`] says what it is,
//! [`crate::chronicle`] reads it.

use bytehound_store::{MappedVec, PackedList, PackedVec, Scratch, SegmentWriter};

use super::bits::Bits;
use super::columns::OrderedRows;
use super::history::History;
use super::operations::Operation;
use super::order::Order;
use super::window::Window;
use crate::IndexError;
use crate::layout::{NONE, section};

/// A chronicle, ready to be written.
pub(super) struct Chronicle {
    words: MappedVec<u64>,
    since: PackedList<u32>,
}

impl Chronicle {
    /// That of some rows.
    pub(super) fn of(
        rows: &OrderedRows<'_>,
        history: &History<'_>,
        scratch: &Scratch,
    ) -> Result<Self, IndexError> {
        let mut chronicler = Chronicler::new(rows, scratch)?;
        history.tell(|operations| operations.iter().try_for_each(|operation| chronicler.take(operation)))?;
        chronicler.finish()
    }

    pub(super) fn write(&self, writer: &mut SegmentWriter) -> Result<(), IndexError> {
        writer.write_section(section::CHRONICLE, self.words.as_slice())?;
        Ok(writer.write_list(section::DEATHS, &self.since)?)
    }
}

/// Takes operations in order of time.
struct Chronicler<'a> {
    /// The row of each death.
    rows: Window<'a, u32>,
    /// Of each death, whether its row was born in the same µs.
    is_new: Window<'a, u8>,
    /// The place of each row; `None` if that is the row.
    places: Option<&'a [u32]>,
    /// What happened in the µs that is not over.
    moment: Vec<Operation>,
    /// Of it, the rows that die and were not born in it.
    older: Vec<u32>,
    /// A bit an operation, set for a birth.
    bits: Bits,
    born: u32,
    /// Of each death, the rows born since the row that dies.
    since: PackedVec<u32>,
}

impl<'a> Chronicler<'a> {
    fn new(rows: &OrderedRows<'a>, scratch: &Scratch) -> Result<Self, IndexError> {
        Ok(Self {
            rows: Window::new(rows.rows.deaths.row.column()),
            is_new: Window::new(rows.rows.deaths.is_new.column()),
            places: rows.order.map(Order::places),
            moment: Vec::new(),
            older: Vec::new(),
            bits: Bits::new(scratch)?,
            born: 0,
            since: PackedVec::new(scratch)?,
        })
    }

    #[inline]
    fn take(&mut self, operation: &Operation) -> Result<(), IndexError> {
        if self.moment.first().is_some_and(|first| first.time != operation.time) {
            self.end_moment()?;
        }
        self.moment.push(*operation);
        Ok(())
    }

    fn finish(mut self) -> Result<Chronicle, IndexError> {
        self.end_moment()?;
        Ok(Chronicle { words: self.bits.finish()?, since: self.since.finish()? })
    }

    fn end_moment(&mut self) -> Result<(), IndexError> {
        let mut moment = std::mem::take(&mut self.moment);
        match moment.as_slice() {
            // What is alone was not born in the same µs.
            [operation] => {
                if operation.death != NONE {
                    self.die(operation)?;
                }
                self.be_born(usize::from(operation.birth != NONE))?;
            }
            operations => self.order(operations)?,
        }
        moment.clear();
        self.moment = moment;
        Ok(())
    }

    /// Within a µs, older blocks die first, in order of their rows. Then blocks are born; one that a realloc ends at once
    /// dies right before its successor is born. At last new blocks die.
    fn order(&mut self, operations: &[Operation]) -> Result<(), IndexError> {
        let (mut older, mut new) = (std::mem::take(&mut self.older), 0);
        for operation in operations.iter().filter(|operation| operation.death != NONE) {
            if self.is_new(operation) {
                new += 1;
            } else {
                older.push(self.dying(operation));
            }
        }
        sort(&mut older);
        self.since.extend(&older, |row| self.born - 1 - row)?;
        self.bits.push(false, older.len())?;
        older.clear();
        self.older = older;
        if new == 0 {
            let births = operations.iter().filter(|operation| operation.birth != NONE).count();
            return self.be_born(births);
        }
        self.order_new(operations)
    }

    /// The births, and the deaths of what was born in the same µs.
    fn order_new(&mut self, operations: &[Operation]) -> Result<(), IndexError> {
        for operation in operations.iter().filter(|operation| operation.birth != NONE) {
            if operation.death != NONE && self.is_new(operation) {
                self.die(operation)?;
            }
            self.be_born(1)?;
        }
        for operation in operations.iter().filter(|operation| operation.birth == NONE) {
            if self.is_new(operation) {
                self.die(operation)?;
            }
        }
        Ok(())
    }

    /// Whether what dies was born in the same µs.
    fn is_new(&mut self, operation: &Operation) -> bool {
        self.is_new.get(operation.death as usize) != 0
    }

    /// The place of the row that dies.
    fn dying(&mut self, operation: &Operation) -> u32 {
        let row = self.rows.get(operation.death as usize);
        self.places.map_or(row, |places| places[row as usize])
    }

    fn die(&mut self, operation: &Operation) -> Result<(), IndexError> {
        let row = self.dying(operation);
        self.since.push(self.born - 1 - row)?;
        self.bits.push(false, 1)
    }

    fn be_born(&mut self, births: usize) -> Result<(), IndexError> {
        self.born += births as u32;
        self.bits.push(true, births)
    }
}

/// Sorts different rows. There are seldom many of them, and nobody can guess their order: comparing each with all others
/// takes more steps than other ways, and none that has to wait.
fn sort(rows: &mut [u32]) {
    match rows.len() {
        0 | 1 => {}
        2..=16 => sort_by_ranks::<16>(rows),
        17..=32 => sort_by_ranks::<32>(rows),
        _ => rows.sort_unstable(),
    }
}

fn sort_by_ranks<const MOST: usize>(rows: &mut [u32]) {
    let (mut unsorted, mut ranks) = ([0; MOST], [0; MOST]);
    unsorted[..rows.len()].copy_from_slice(rows);
    for lower in &*rows {
        for (rank, row) in ranks.iter_mut().zip(&unsorted) {
            *rank += u32::from(lower < row);
        }
    }
    let ranked = unsorted.iter().zip(ranks).take(rows.len());
    ranked.for_each(|(row, rank)| rows[rank as usize] = *row);
}
