//! `GET /data/{id}/export/replay`: what a program did to its heap, for a program that does it again.
//!
//! Words of 64 bits in the order of this machine: how many slots there are; then steps of four words, and a zero.
//!
//! | step | |
//! |---|---|
//! | `1 slot µs size` | allocates into a slot |
//! | `2 slot µs 0` | frees what is there |
//! | `3 slot µs size` | reallocates it |
//! | `4 frame 0 0` | calls a function; the most used have the lowest numbers |
//! | `5 0 0 0` | returns |

use super::filter::Filter;
use super::page::unread;
use super::{Answer, BYTES, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_index::{BacktraceId, FrameId, Operation, Profile, Row, RowSet};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

const ALLOCATE: u64 = 1;
const FREE: u64 = 2;
const REALLOCATE: u64 = 3;
const CALL: u64 = 4;
const RETURN: u64 = 5;

/// Matched allocations, to be made again.
pub(crate) async fn replay(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, BYTES, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let survey = Survey::of(profile, &rows);
        cancel.check()?;
        survey.write(profile, &rows, writer).map_err(unread)
    })
    .await
}

/// What must be known before the first step is written.
struct Survey {
    slots: u64,
    frames: HashMap<FrameId, u64>,
}

impl Survey {
    fn of(profile: &Profile, rows: &RowSet) -> Self {
        let mut slots = Slots::default();
        let mut calls: HashMap<BacktraceId, u64> = HashMap::new();
        for operation in profile.operations(rows) {
            slots.take(operation);
            if let Some(backtrace) = place(profile, operation) {
                *calls.entry(backtrace).or_default() += 1;
            }
        }
        let mut uses: HashMap<FrameId, u64> = HashMap::new();
        for (backtrace, calls) in calls {
            for frame in profile.backtrace(backtrace).frame_ids() {
                *uses.entry(frame).or_default() += calls;
            }
        }
        let mut frames: Vec<_> = uses.into_iter().collect();
        frames.sort_unstable_by_key(|(frame, uses)| (Reverse(*uses), *frame));
        let numbered = frames.into_iter().zip(0..).map(|((frame, _), number)| (frame, number));
        Self { slots: slots.count, frames: numbered.collect() }
    }

    fn write(&self, profile: &Profile, rows: &RowSet, writer: &mut impl Write) -> io::Result<()> {
        writer.write_all(&self.slots.to_ne_bytes())?;
        let mut slots = Slots::default();
        let mut path: Vec<FrameId> = Vec::new();
        for operation in profile.operations(rows) {
            let slot = slots.take(operation);
            if let Some(backtrace) = place(profile, operation) {
                self.walk(profile, &mut path, backtrace, writer)?;
            }
            step(writer, words(profile, operation, slot))?;
        }
        writer.write_all(&0_u64.to_ne_bytes())
    }

    /// From where the last step was made to where the next one is.
    fn walk(
        &self,
        profile: &Profile,
        path: &mut Vec<FrameId>,
        to: BacktraceId,
        writer: &mut impl Write,
    ) -> io::Result<()> {
        let target: Vec<FrameId> = profile.backtrace(to).frame_ids().collect();
        let shared = path.iter().zip(&target).take_while(|(a, b)| a == b).count();
        for _ in shared..path.len() {
            step(writer, [RETURN, 0, 0, 0])?;
        }
        for frame in &target[shared..] {
            step(writer, [CALL, self.frames.get(frame).copied().unwrap_or_default(), 0, 0])?;
        }
        *path = target;
        Ok(())
    }
}

/// Which slot each live block is in. One that became free is used before a new one.
#[derive(Default)]
struct Slots {
    count: u64,
    free: Vec<u64>,
    live: HashMap<Row, u64>,
}

impl Slots {
    /// The slot that a step is about.
    fn take(&mut self, operation: Operation) -> u64 {
        match operation {
            Operation::Allocate(row) => {
                let slot = self.free.pop().unwrap_or_else(|| self.add());
                self.live.insert(row, slot);
                slot
            }
            Operation::Free(row) => {
                let slot = self.live.remove(&row).unwrap_or_else(|| self.add());
                self.free.push(slot);
                slot
            }
            Operation::Reallocate { old, new } => {
                let slot = self.live.remove(&old).unwrap_or_else(|| self.add());
                self.live.insert(new, slot);
                slot
            }
        }
    }

    fn add(&mut self) -> u64 {
        self.count += 1;
        self.count - 1
    }
}

/// Where a step was made, as far as it is known.
fn place(profile: &Profile, operation: Operation) -> Option<BacktraceId> {
    match operation {
        Operation::Allocate(row) | Operation::Reallocate { new: row, .. } => {
            Some(profile.allocation(row).backtrace)
        }
        Operation::Free(row) => profile.allocation(row).death_backtrace,
    }
}

fn words(profile: &Profile, operation: Operation, slot: u64) -> [u64; 4] {
    match operation {
        Operation::Allocate(row) => {
            let allocation = profile.allocation(row);
            [ALLOCATE, slot, allocation.birth_us, allocation.size]
        }
        Operation::Free(row) => {
            let allocation = profile.allocation(row);
            [FREE, slot, allocation.death_us.unwrap_or(allocation.birth_us), 0]
        }
        Operation::Reallocate { new, .. } => {
            let allocation = profile.allocation(new);
            [REALLOCATE, slot, allocation.birth_us, allocation.size]
        }
    }
}

fn step(writer: &mut impl Write, words: [u64; 4]) -> io::Result<()> {
    words.iter().try_for_each(|word| writer.write_all(&word.to_ne_bytes()))
}
