//! Births less deaths, by backtrace.

use super::Alive;
use crate::model::{BacktraceId, Cell};

/// One entry a backtrace. Sums wrap: a damaged capture can claim sizes whose sum is beyond 2⁶⁴, and differences stay
/// right.
#[derive(Clone)]
pub(super) struct Balance(Vec<Net>);

#[derive(Clone, Copy, Default)]
struct Net {
    count: u64,
    bytes: u64,
}

impl Balance {
    pub(super) fn nothing(backtraces: u32) -> Self {
        Self(vec![Net::default(); backtraces as usize])
    }

    /// What [`Balance::alive`] told, of so many backtraces.
    pub(super) fn of(backtraces: u32, alive: &[Alive]) -> Self {
        let mut balance = Self::nothing(backtraces);
        alive.iter().for_each(|alive| balance.change(alive.backtrace.0, alive.count, alive.bytes));
        balance
    }

    pub(super) fn birth(&mut self, backtrace: u32, size: u64) {
        self.change(backtrace, 1, size);
    }

    pub(super) fn death(&mut self, backtrace: u32, size: u64) {
        self.change(backtrace, 1_u64.wrapping_neg(), size.wrapping_neg());
    }

    /// Lives through one span.
    pub(super) fn apply(&mut self, cells: &[Cell]) {
        for cell in cells {
            let count = cell.allocated_count.wrapping_sub(cell.freed_count);
            self.change(cell.backtrace, count, cell.allocated_bytes.wrapping_sub(cell.freed_bytes));
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (net, other) in self.0.iter_mut().zip(&other.0) {
            net.add(other.count, other.bytes);
        }
    }

    /// What is left, ascending.
    pub(super) fn alive(&self) -> impl Iterator<Item = Alive> {
        let numbered = (0..).map(BacktraceId).zip(&self.0);
        let alive =
            |(backtrace, net): (BacktraceId, &Net)| Alive { backtrace, count: net.count, bytes: net.bytes };
        numbered.filter(|(_, net)| net.count > 0).map(alive)
    }

    /// Backtraces that a damaged index names but does not have are passed over.
    fn change(&mut self, backtrace: u32, count: u64, bytes: u64) {
        if let Some(net) = self.0.get_mut(backtrace as usize) {
            net.add(count, bytes);
        }
    }
}

impl Net {
    fn add(&mut self, count: u64, bytes: u64) {
        self.count = self.count.wrapping_add(count);
        self.bytes = self.bytes.wrapping_add(bytes);
    }
}
