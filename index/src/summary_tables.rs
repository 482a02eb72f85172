//! The rows of the summary index: how they are keyed and packed, both ways.
//!
//! | key | value |
//! |---|---|
//! | `c` span:u64 page:u32 | cells of the backtraces `[256·page, 256·page + 256)` in the buckets `[64·span, 64·span + 64)` |
//! | `m` part:u16 | one part of the manifest |
//! | `s` page:u32 | summaries of the backtraces `[32·page, 32·page + 32)` |
//! | `t` page:u32 | the next 64 time buckets |
//!
//! Numbers in keys are big endian, so that keys sort as their numbers do. Values are packed rows (see `pack`), most of
//! them 1–8 KiB: small enough to be read for one question, large enough to cost the database little.

use std::ops::{ControlFlow, Range};

use bytehound_store::{SummaryReader, SummaryWriter};

use crate::IndexError;
use crate::model::{BacktraceSummary, Cell, Manifest, TimeBucket};

/// Time buckets in the span of one [`Cell`].
pub const SPAN_BUCKETS: u64 = 64;

const CELLS: u8 = b'c';
const MANIFEST: u8 = b'm';
const SUMMARIES: u8 = b's';
const BUCKETS: u8 = b't';

const CELLS_PER_PAGE: u32 = 256;
const SUMMARIES_PER_PAGE: usize = 32;
const BUCKETS_PER_PAGE: usize = 64;
const MANIFEST_PART: usize = 8 << 10;

/// Writes the cells of one span, which are in order of their backtraces. Spans come in ascending order, before
/// everything else.
pub(crate) fn write_cells(
    writer: &mut dyn SummaryWriter,
    span: u64,
    cells: &[Cell],
) -> Result<(), IndexError> {
    for page in cells.chunk_by(|a, b| a.backtrace / CELLS_PER_PAGE == b.backtrace / CELLS_PER_PAGE) {
        let key = cell_key(span, page[0].backtrace / CELLS_PER_PAGE);
        writer.put(&key, &pack(page.iter().map(cell_fields)))?;
    }
    Ok(())
}

/// Writes the rest, after the cells.
pub(crate) fn write_rest(
    writer: &mut dyn SummaryWriter,
    manifest: &[u8],
    mut summaries: impl Iterator<Item = BacktraceSummary>,
    buckets: &[TimeBucket],
) -> Result<(), IndexError> {
    for (part, bytes) in manifest.chunks(MANIFEST_PART).enumerate() {
        let [high, low] = (part as u16).to_be_bytes();
        writer.put(&[MANIFEST, high, low], bytes)?;
    }
    let mut rows = Vec::with_capacity(SUMMARIES_PER_PAGE);
    for page in 0.. {
        rows.clear();
        rows.extend(summaries.by_ref().take(SUMMARIES_PER_PAGE));
        if rows.is_empty() {
            break;
        }
        writer.put(&page_key(SUMMARIES, page), &pack(rows.iter().map(summary_fields)))?;
    }
    for (page, rows) in buckets.chunks(BUCKETS_PER_PAGE).enumerate() {
        writer.put(&page_key(BUCKETS, page), &pack(rows.iter().map(bucket_fields)))?;
    }
    Ok(())
}

/// The manifest, as [`crate::build::encode_manifest`] wrote it.
pub fn read_manifest(reader: &dyn SummaryReader) -> Result<Manifest, IndexError> {
    let mut bytes = Vec::new();
    reader.scan(&[MANIFEST], &mut |_, value| {
        bytes.extend_from_slice(value);
        ControlFlow::Continue(())
    })?;
    crate::build::decode_manifest(&bytes)
}

/// The summaries of all `count` backtraces of a profile.
pub fn read_summaries(reader: &dyn SummaryReader, count: u32) -> Result<Vec<BacktraceSummary>, IndexError> {
    let summaries = read_table(reader, &[SUMMARIES], summary_of)?;
    if summaries.len() != count as usize {
        return Err(damaged(format!("{} backtrace summaries instead of {count}", summaries.len())));
    }
    Ok(summaries)
}

/// All time buckets of a profile, in order.
pub fn read_buckets(reader: &dyn SummaryReader) -> Result<Vec<TimeBucket>, IndexError> {
    read_table(reader, &[BUCKETS], bucket_of)
}

/// The cells of some spans, with their span, in order of (span, backtrace).
pub fn read_cells(reader: &dyn SummaryReader, spans: Range<u64>) -> Result<Vec<(u64, Cell)>, IndexError> {
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let (first, last) = (cell_key(spans.start, 0), cell_key(spans.end - 1, u32::MAX));
    let common = first.iter().zip(&last).take_while(|(a, b)| a == b).count();
    let mut cells = Vec::new();
    scan(reader, &first[..common], |key, value| {
        let span = span_of(key)?;
        if spans.contains(&span) {
            cells.extend(unpack(value)?.into_iter().map(|fields| (span, cell_of(fields))));
        }
        Ok(())
    })?;
    Ok(cells)
}

fn read_table<const N: usize, T>(
    reader: &dyn SummaryReader,
    prefix: &[u8],
    row: fn([u64; N]) -> T,
) -> Result<Vec<T>, IndexError> {
    let mut rows = Vec::new();
    scan(reader, prefix, |_, value| {
        rows.extend(unpack(value)?.into_iter().map(row));
        Ok(())
    })?;
    Ok(rows)
}

/// A scan whose visitor may fail.
fn scan(
    reader: &dyn SummaryReader,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    let mut outcome = Ok(());
    reader.scan(prefix, &mut |key, value| {
        outcome = visit(key, value);
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    outcome
}

fn cell_key(span: u64, page: u32) -> [u8; 13] {
    let mut key = [CELLS; 13];
    key[1..9].copy_from_slice(&span.to_be_bytes());
    key[9..].copy_from_slice(&page.to_be_bytes());
    key
}

fn span_of(key: &[u8]) -> Result<u64, IndexError> {
    let span = key.get(1..).and_then(|rest| rest.first_chunk());
    span.map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or_else(|| damaged("a key of the cells is too short".into()))
}

fn page_key(table: u8, page: usize) -> [u8; 5] {
    let mut key = [table; 5];
    key[1..].copy_from_slice(&(page as u32).to_be_bytes());
    key
}

fn damaged(what: String) -> IndexError {
    IndexError::Damaged { what }
}

/// Version of the packing, the first byte of every value.
const PACKING: u8 = 1;

/// Rows of `N` numbers: version, count, then every number as its difference to the row before, zigzag, in 7-bit groups,
/// the lowest first.
fn pack<const N: usize>(rows: impl ExactSizeIterator<Item = [u64; N]>) -> Vec<u8> {
    let mut out = vec![PACKING];
    put_varint(&mut out, rows.len() as u64);
    let mut before = [0; N];
    for row in rows {
        for (now, before) in row.iter().zip(&before) {
            put_varint(&mut out, zigzag(now.wrapping_sub(*before)));
        }
        before = row;
    }
    out
}

fn unpack<const N: usize>(bytes: &[u8]) -> Result<Vec<[u64; N]>, IndexError> {
    let Some((&PACKING, mut rest)) = bytes.split_first() else {
        return Err(damaged("a summary value has an unknown packing".into()));
    };
    let cut = || damaged("a summary value ends too early".into());
    let count = take_varint(&mut rest).ok_or_else(cut)?;
    // A row takes at least N bytes: what a damaged count may make us allocate is bounded by what is there.
    let mut rows = Vec::with_capacity((count as usize).min(rest.len() / N));
    let mut row = [0_u64; N];
    for _ in 0..count {
        for field in &mut row {
            *field = field.wrapping_add(unzigzag(take_varint(&mut rest).ok_or_else(cut)?));
        }
        rows.push(row);
    }
    if rest.is_empty() { Ok(rows) } else { Err(damaged("a summary value has more than its rows".into())) }
}

/// Small differences of either sign become small numbers.
fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (((difference as i64) >> 63) as u64)
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A row of numbers and the numbers of a row: the fields as they are packed, in this order.
macro_rules! packed {
    ($fields:ident, $of:ident, $row:ident, $count:literal, [$($name:ident: $type:ty),* $(,)?]) => {
        fn $fields(row: &$row) -> [u64; $count] {
            // Without `..`: a field that is left out is an error.
            let $row { $($name),* } = *row;
            [$(u64::from($name)),*]
        }

        fn $of([$($name),*]: [u64; $count]) -> $row {
            $row { $($name: $name as $type),* }
        }
    };
}

packed!(cell_fields, cell_of, Cell, 5, [
    backtrace: u32, allocated_count: u64, allocated_bytes: u64, freed_count: u64, freed_bytes: u64,
]);

packed!(bucket_fields, bucket_of, TimeBucket, 10, [
    index: u64, allocated_count: u64, allocated_bytes: u64, freed_count: u64, freed_bytes: u64,
    reallocated_count: u64, live_bytes_end: u64, live_bytes_max: u64, live_count_end: u64, live_count_max: u64,
]);

packed!(summary_fields, summary_of, BacktraceSummary, 19, [
    rows: u64, allocated_count: u64, allocated_bytes: u64, freed_count: u64, freed_bytes: u64, leaked_count: u64,
    leaked_bytes: u64, usable_bytes: u64, min_size: u64, max_size: u64, min_usable: u64, max_usable: u64,
    first_us: u64, last_us: u64, first_row_us: u64, last_row_us: u64, own_peak_usable: u64, own_peak_at_us: u64,
    peak_bytes: u64,
]);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_rows_come_back(rows in prop::collection::vec(prop::array::uniform5(any::<u64>()), 0..80)) {
            let packed = pack(rows.iter().copied());
            prop_assert_eq!(unpack::<5>(&packed).ok(), Some(rows));
        }

        #[test]
        fn damaged_values_are_refused_or_read_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(unpack::<5>(&bytes));
        }
    }

    #[test]
    fn the_documentation_s_example_is_right() {
        let packed = pack([[100, 7], [102, 5]].into_iter());
        assert_eq!(packed, [0x01, 0x02, 0xc8, 0x01, 0x0e, 0x04, 0x03]);
    }

    #[test]
    fn every_cut_of_a_value_is_noticed() {
        let packed = pack([[1, 2, 3], [500, 600, u64::MAX]].into_iter());
        for end in 0..packed.len() {
            assert!(unpack::<3>(&packed[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn fields_keep_their_places() {
        let numbers: [u64; 19] = std::array::from_fn(|at| at as u64 + 1);
        assert_eq!(summary_fields(&summary_of(numbers)), numbers);
        let numbers: [u64; 10] = std::array::from_fn(|at| at as u64 + 1);
        assert_eq!(bucket_fields(&bucket_of(numbers)), numbers);
        let numbers: [u64; 5] = std::array::from_fn(|at| at as u64 + 1);
        assert_eq!(cell_fields(&cell_of(numbers)), numbers);
    }

    #[test]
    fn keys_sort_as_their_numbers_do() {
        assert!(cell_key(1, u32::MAX) < cell_key(2, 0));
        assert!(cell_key(255, 0) < cell_key(256, 0));
        assert!(page_key(BUCKETS, 255) < page_key(BUCKETS, 256));
    }
}
