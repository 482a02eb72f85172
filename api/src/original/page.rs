//! Which part of a list is wanted, and in what order.

use crate::parameters::Parameters;
use crate::problem::Problem;
use bytehound_actors::ServiceError;
use serde::Serialize;
use std::io::{self, Write};
use std::ops::Range;

/// A part of a list; all of it unless told otherwise.
pub(super) struct Page {
    pub(super) is_descending: bool,
    skip: u64,
    count: Option<u32>,
}

impl Page {
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            is_descending: parameters.word("order", &[("asc", false), ("dsc", true)])?.unwrap_or(false),
            skip: parameters.read("skip")?.unwrap_or(0),
            count: parameters.read("count")?,
        })
    }

    /// Where the wanted part lies among `len`.
    pub(super) fn range(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.skip).map_or(len, |skip| skip.min(len));
        let end = self.count.map_or(len, |count| start.saturating_add(count as usize).min(len));
        start..end
    }

    /// The wanted part of `items` in order of their keys; the rest is not put in order. No two keys may be equal, so that
    /// descending is ascending backwards.
    pub(super) fn cut<'i, T, K: Ord, F: Fn(&T) -> K>(
        &self,
        items: &'i mut [T],
        key: F,
    ) -> impl Iterator<Item = &'i T> + use<'i, T, K, F> {
        let Range { start, end } = self.range(items.len());
        let (from, to) = match self.is_descending {
            false => (start, end),
            true => (items.len() - end, items.len() - start),
        };
        if (1..items.len()).contains(&from) {
            items.select_nth_unstable_by_key(from, &key);
        }
        let rest = &mut items[from..];
        if to - from < rest.len() {
            rest.select_nth_unstable_by_key(to - from, &key);
        }
        let part = &mut rest[..to - from];
        part.sort_unstable_by_key(&key);
        self.directed(part.iter())
    }

    /// The position in ascending order of what stands at `index` of the wanted order, if the last is at `last`.
    pub(super) fn position(&self, index: u64, last: u64) -> u64 {
        if self.is_descending { last - index } else { index }
    }

    /// Ascending becomes descending where that is wanted.
    fn directed<I: DoubleEndedIterator>(&self, mut items: I) -> impl Iterator<Item = I::Item> + use<I> {
        let is_descending = self.is_descending;
        std::iter::from_fn(move || if is_descending { items.next_back() } else { items.next() })
    }
}

/// Writes an array, one element at a time, so that they need not all be there at once.
pub(super) fn write_array<T: Serialize>(
    writer: &mut impl Write,
    elements: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    writer.write_all(b"[")?;
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            writer.write_all(b",")?;
        }
        serde_json::to_writer(&mut *writer, &element)?;
    }
    writer.write_all(b"]")
}

/// A list and its length, as `{"name": [elements], "total_count": total}`.
pub(super) fn write_list<W: Write, T: Serialize>(
    writer: &mut W,
    name: &str,
    elements: impl IntoIterator<Item = T>,
    total_count: u64,
) -> Result<(), ServiceError> {
    let write = |writer: &mut W| {
        write!(writer, "{{\"{name}\":")?;
        write_array(writer, elements)?;
        write!(writer, ",\"total_count\":{total_count}}}")
    };
    write(writer).map_err(unread)
}

/// What cannot be written has nobody who would read it.
pub(super) fn unread(_: io::Error) -> ServiceError {
    ServiceError::Cancelled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(query: &str) -> Vec<u32> {
        let page = Page::read(&Parameters::parse(query)).unwrap();
        let mut items: Vec<u32> = (0..100).map(|number| number * 37 % 100).collect();
        page.cut(&mut items, |item| *item).copied().collect()
    }

    #[test]
    fn parts_are_those_of_the_whole_list_in_order() {
        let all: Vec<u32> = (0..100).collect();
        assert_eq!(cut(""), all);
        assert_eq!(cut("skip=3&count=4"), [3, 4, 5, 6]);
        assert_eq!(cut("order=dsc&skip=3&count=4"), [96, 95, 94, 93]);
        assert_eq!(cut("skip=98&count=4294967295"), [98, 99]);
        assert_eq!(cut("skip=100"), [0; 0]);
        assert_eq!(cut("skip=18446744073709551615&order=dsc"), [0; 0]);
        assert_eq!(cut("count=0"), [0; 0]);
    }
}
