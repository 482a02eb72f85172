//! What was left out, in sum for every stack.

use bytehound_format::{Event, Timestamp};

use super::pending::{Full, State};

/// The allocations of one stack.
#[derive(Clone, Copy, Debug)]
struct Sum {
    stack: u32,
    first: u64,
    last: u64,
    count: u64,
    /// Usable ones.
    bytes: u64,
    least: u64,
    most: u64,
}

/// The sums that were not told yet.
pub(super) struct Culled {
    /// For each stack, where its sum is, plus one.
    places: Vec<u32>,
    sums: Vec<Sum>,
}

impl Culled {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), sums: Vec::new() }
    }

    /// Makes sure that there will be room for allocations of `stack`.
    pub(super) fn prepare(&mut self, stack: u32) -> Result<(), Full> {
        let at = stack as usize;
        if self.places.get(at).is_some_and(|&place| place != 0) {
            return Ok(());
        }
        if self.places.len() <= at {
            let len = (at + 1).next_power_of_two();
            self.places.try_reserve_exact(len - self.places.len()).map_err(|_| Full)?;
            self.places.resize(len, 0);
        }
        self.sums.try_reserve(1).map_err(|_| Full)?;
        self.sums.push(Sum { stack, first: 0, last: 0, count: 0, bytes: 0, least: 0, most: 0 });
        if let Some(place) = self.places.get_mut(at) {
            *place = self.sums.len() as u32;
        }
        Ok(())
    }

    /// Adds an allocation of `bytes`; its stack was prepared.
    pub(super) fn add(&mut self, state: &State, bytes: u64) {
        let place = self.places.get(state.stack as usize).copied().unwrap_or_default();
        let Some(sum) = self.sums.get_mut((place as usize).wrapping_sub(1)) else { return };
        if sum.count == 0 {
            (sum.first, sum.last, sum.least, sum.most) = (state.time, state.time, bytes, bytes);
        }
        sum.first = sum.first.min(state.time);
        sum.last = sum.last.max(state.time);
        sum.least = sum.least.min(bytes);
        sum.most = sum.most.max(bytes);
        sum.count += 1;
        sum.bytes = sum.bytes.saturating_add(bytes);
    }

    /// Tells the sums, and begins new ones.
    pub(super) fn tell<E>(
        &mut self,
        out: &mut impl FnMut(&Event<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        for sum in self.sums.iter_mut().filter(|sum| sum.count != 0) {
            out(&Event::GroupStatistics {
                backtrace: sum.stack.into(),
                first_allocation: Timestamp(sum.first),
                last_allocation: Timestamp(sum.last),
                free_count: sum.count,
                free_size: sum.bytes,
                min_size: sum.least,
                max_size: sum.most,
            })?;
            (sum.count, sum.bytes) = (0, 0);
        }
        Ok(())
    }
}
