//! What a map needs over time: changes as they come, levels when all are known.

use crate::layout::UsageRecord;

/// Address space, anonymous, shared clean, shared dirty, private clean, private dirty, swap.
pub(super) type Amounts = [i64; 7];

/// Where the address space stands among the amounts.
const ADDRESS_SPACE: usize = 0;

/// The changes of one map, in their order.
#[derive(Default)]
pub(super) struct Changes(Vec<(u64, Amounts)>);

impl Changes {
    /// One that is told later is not earlier, whatever its time stamp says.
    pub(super) fn take(&mut self, time: u64, before: &Amounts, after: &Amounts) {
        let time = self.0.last().map_or(time, |&(last, _)| time.max(last));
        self.0.push((time, std::array::from_fn(|at| after[at] - before[at])));
    }

    /// Addresses are given back at `time`, and others taken.
    pub(super) fn take_addresses(&mut self, time: u64, before: u64, after: u64) {
        self.take(time, &addresses(before), &addresses(after));
    }

    /// The levels from each moment on at which one of them changed, and the most that was in memory, be it within one.
    pub(super) fn into_levels(self) -> (Vec<UsageRecord>, u64) {
        let mut levels = Amounts::default();
        let mut records = Vec::new();
        let mut peak_rss = 0;
        for moment in self.0.chunk_by(|(a, _), (b, _)| a == b) {
            let before = levels;
            for (time, change) in moment {
                levels = std::array::from_fn(|at| levels[at].wrapping_add(change[at]));
                peak_rss = peak_rss.max(record(*time, &levels).rss());
            }
            if levels != before {
                records.push(record(moment[0].0, &levels));
            }
        }
        (records, peak_rss)
    }
}

/// A map that needs so many addresses, and nothing else.
pub(super) fn addresses(size: u64) -> Amounts {
    let mut amounts = Amounts::default();
    amounts[ADDRESS_SPACE] = size.cast_signed();
    amounts
}

fn record(time: u64, levels: &Amounts) -> UsageRecord {
    let [address_space, anonymous, shared_clean, shared_dirty, private_clean, private_dirty, swap] =
        levels.map(|level| level.max(0).cast_unsigned());
    UsageRecord {
        time,
        address_space,
        anonymous,
        shared_clean,
        shared_dirty,
        private_clean,
        private_dirty,
        swap,
    }
}
