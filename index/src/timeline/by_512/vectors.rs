//! The vectors behind [`super::add`].
#![expect(unsafe_code, reason = "reading and writing by address: see each call")]

use core::arch::x86_64::*;
use std::num::Wrapping;

use super::{Near, SIZE_END};
use crate::chronicle::Word;
use crate::timeline::change::Change;
use crate::timeline::reader::{LARGE, NEAR};

/// Operations of a vector.
const SIDE: usize = 16;

/// As [`super::add`].
#[target_feature(enable = "avx512f,popcnt")]
pub(super) fn add_up(
    near: &Near<'_, impl Fn(u32) -> u64>,
    words: impl Iterator<Item = Word>,
    mut born: u32,
    mut since: &[u32],
) -> Option<Change<i32>> {
    let mut sums = Sums::nothing();
    for Word { births, deaths } in words {
        for first in (0..u64::BITS).step_by(SIDE) {
            let (births, deaths) = ((births >> first) as u16, (deaths >> first) as u16);
            let (dead, later) = since.split_at_checked(deaths.count_ones() as usize)?;
            let rows = rows(births, deaths, born, dead);
            let known = known(near, births | deaths, rows)?;
            sums.add(births, deaths, known);
            since = later;
            born = born.wrapping_add(births.count_ones());
        }
    }
    Some(sums.change())
}

/// The rows of some operations.
#[inline]
#[target_feature(enable = "avx512f")]
fn rows(births: __mmask16, deaths: __mmask16, born: u32, since: &[u32]) -> __m512i {
    let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let born = _mm512_set1_epi32(born.cast_signed());
    let born_here = _mm512_maskz_expand_epi32(births, places);
    // SAFETY: as many numbers are read as there are deaths, which `since` has.
    let since = unsafe { _mm512_maskz_expandloadu_epi32(deaths, since.as_ptr().cast()) };
    // Before a death, all of the places before are births, but for the deaths.
    let before = _mm512_sub_epi32(places, _mm512_maskz_expand_epi32(deaths, places));
    let back = _mm512_add_epi32(since, _mm512_set1_epi32(1));
    let dying = _mm512_sub_epi32(before, back);
    _mm512_add_epi32(born, _mm512_mask_blend_epi32(deaths, born_here, dying))
}

/// What is known of rows; none if a size is too large.
#[inline]
#[target_feature(enable = "avx512f")]
fn known(near: &Near<'_, impl Fn(u32) -> u64>, asked: __mmask16, rows: __m512i) -> Option<__m512i> {
    let first = _mm512_set1_epi32(near.first.cast_signed());
    let pairs = _mm512_srli_epi32::<1>(_mm512_and_si512(rows, _mm512_set1_epi32(NEAR as i32 - 1)));
    // SAFETY: half of a number below `NEAR` counts pairs of its numbers.
    let pairs = unsafe {
        _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), asked, pairs, near.known.as_ptr().cast())
    };
    // The number at an odd place is the upper half.
    let shift = _mm512_slli_epi32::<4>(_mm512_and_si512(rows, _mm512_set1_epi32(1)));
    let large = _mm512_set1_epi32(LARGE.into());
    let known = _mm512_and_si512(_mm512_srlv_epi32(pairs, shift), large);
    let far = _mm512_mask_cmplt_epu32_mask(asked, rows, first);
    match far | _mm512_mask_cmpeq_epi32_mask(asked, known, large) {
        0 => Some(known),
        unknown => look_up(near, unknown, rows, known),
    }
}

/// Looks up what is not known of some rows.
#[cold]
#[target_feature(enable = "avx512f")]
fn look_up(
    near: &Near<'_, impl Fn(u32) -> u64>,
    unknown: __mmask16,
    rows: __m512i,
    known: __m512i,
) -> Option<__m512i> {
    let (mut row, mut number) = ([0_u32; SIDE], [0_u32; SIDE]);
    // SAFETY: each has room for a vector.
    unsafe {
        _mm512_storeu_si512(row.as_mut_ptr().cast(), rows);
        _mm512_storeu_si512(number.as_mut_ptr().cast(), known);
    }
    for (at, row) in row.into_iter().enumerate().filter(|(at, _)| unknown >> at & 1 == 1) {
        let known = (near.look_up)(row);
        number[at] = u32::try_from(known).ok().filter(|_| known < SIZE_END)?;
    }
    // SAFETY: it is as long as a vector.
    Some(unsafe { _mm512_loadu_si512(number.as_ptr().cast()) })
}

/// What operations have changed so far.
struct Sums {
    operations: u32,
    allocated_bytes: __m512i,
    /// All the same number.
    bytes: __m512i,
    count: __m512i,
    bytes_max: __m512i,
    count_max: __m512i,
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn nothing() -> Self {
        let (zero, least) = (_mm512_setzero_si512(), _mm512_set1_epi32(i32::MIN));
        Self {
            operations: 0,
            allocated_bytes: zero,
            bytes: zero,
            count: zero,
            bytes_max: least,
            count_max: least,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn add(&mut self, births: __mmask16, deaths: __mmask16, known: __m512i) {
        let (zero, one) = (_mm512_setzero_si512(), _mm512_set1_epi32(1));
        let asked = _mm512_test_epi32_mask(known, known);
        let sizes = _mm512_maskz_sub_epi32(asked, known, one);
        let counts = _mm512_maskz_mov_epi32(asked, one);
        self.operations += u32::from(asked).count_ones();
        self.allocated_bytes = _mm512_add_epi32(self.allocated_bytes, _mm512_maskz_mov_epi32(births, sizes));
        let bytes = sums_to(_mm512_mask_sub_epi32(sizes, deaths, zero, sizes));
        let count = sums_to(_mm512_mask_sub_epi32(counts, deaths, zero, counts));
        let (bytes, count) = (_mm512_add_epi32(self.bytes, bytes), _mm512_add_epi32(self.count, count));
        self.bytes_max = _mm512_max_epi32(self.bytes_max, bytes);
        self.count_max = _mm512_max_epi32(self.count_max, count);
        let last = _mm512_set1_epi32(SIDE as i32 - 1);
        self.bytes = _mm512_permutexvar_epi32(last, bytes);
        self.count = _mm512_permutexvar_epi32(last, count);
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn change(&self) -> Change<i32> {
        let first = |numbers| Wrapping(_mm512_cvtsi512_si32(numbers));
        Change {
            operations: Wrapping(self.operations.cast_signed()),
            allocated_bytes: Wrapping(_mm512_reduce_add_epi32(self.allocated_bytes)),
            reallocated: 0,
            bytes: first(self.bytes),
            count: first(self.count),
            bytes_max: Wrapping(_mm512_reduce_max_epi32(self.bytes_max)),
            count_max: Wrapping(_mm512_reduce_max_epi32(self.count_max)),
        }
    }
}

/// Of each number, the sum of it and all before it.
#[inline]
#[target_feature(enable = "avx512f")]
fn sums_to(numbers: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let sums = _mm512_add_epi32(numbers, _mm512_alignr_epi32::<15>(numbers, zero));
    let sums = _mm512_add_epi32(sums, _mm512_alignr_epi32::<14>(sums, zero));
    let sums = _mm512_add_epi32(sums, _mm512_alignr_epi32::<12>(sums, zero));
    _mm512_add_epi32(sums, _mm512_alignr_epi32::<8>(sums, zero))
}
