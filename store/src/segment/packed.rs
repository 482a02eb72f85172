//! Numbers of one block of a column in as few bits as they need, each still found in one step.
//!
//! A block is cut into frames of [`FRAME`] numbers. A frame stores its *base*, and every number as its *code*: its difference
//! to the base. As many bits of the codes lie side by side as make the frame smallest; what codes have above them lies behind,
//! for those codes alone that have something there. So a few large numbers do not make a frame wide. In frames with the largest
//! number of the type, which marks "never" and "none", its code is 0, and those of the others are one more. A frame whose
//! numbers count up by one has no codes at all. Lowest bits that are zero in all numbers but the largest one, such as those of
//! addresses, are left out in the whole block.
//!
//! ```text
//! least     one u64: the block's least number
//! heads     one u64 a frame: bits 0..17 where its codes begin, in units of 16 bytes; 17..24 the narrow width, that of the bits
//!           side by side, or 127 for numbers that count up; 24..31 the width of the largest code; 31 whether code 0 stands for
//!           the largest number; 32..64 the base, less the least number
//! codes     of each frame, filled up to 16 bytes with zeros:
//!             two lanes of 64-bit words in turn; lane l has the numbers l, l + 2, l + 4 …, lowest bit first
//!             if the widths differ: two words with a bit for every number that is wide; then what these have above the
//!             narrow width, one after the other, lowest bit first
//! ```
//!
//! Heads are filled up to 16 bytes with zeros, and 16 zero bytes follow the last code.

use bytemuck::Pod;
use xxhash_rust::xxh3::xxh3_64;

use super::packing::pack;

/// Numbers of one frame.
pub(super) const FRAME: usize = 128;
/// A frame's codes are that many words, times their bits.
pub(super) const LANES: usize = 2;
const PER_LANE: usize = FRAME / LANES;
/// In the place of a narrow width: the numbers count up by one.
pub(super) const COUNTING: u32 = 127;

/// The numbers that columns are made of: `u8` to `u64`.
pub trait Number: Pod + Ord + sealed::Sealed {
    /// The largest one.
    const LARGEST: u64;

    /// As the widest of them.
    fn widen(self) -> u64;

    /// Back from there; higher bits are dropped.
    fn narrow(wide: u64) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl sealed::Sealed for $type {}

        impl Number for $type {
            const LARGEST: u64 = <$type>::MAX as u64;

            #[inline(always)]
            fn widen(self) -> u64 {
                u64::from(self)
            }

            #[inline(always)]
            fn narrow(wide: u64) -> Self {
                wide as Self
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64);

/// Up to [`BLOCK_LEN`](super::BLOCK_LEN) numbers, packed: what [`SegmentWriter::write_block`](super::SegmentWriter::write_block)
/// takes. Making one needs no writer, so threads can do it side by side.
#[derive(Debug)]
pub struct PackedBlock {
    pub(super) element_size: u32,
    pub(super) count: u32,
    /// The number that all are equal to, where there are no words; else the bits that are left out.
    pub(super) value: u64,
    pub(crate) words: Vec<u64>,
    pub(super) checksum: u64,
    pub(crate) extremes: Extremes,
}

/// What some numbers lie between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extremes {
    /// The least of them.
    pub least: u64,
    /// The most.
    pub most: u64,
    /// How many are the largest number of their type.
    pub largest: u64,
}

impl PackedBlock {
    /// Packs them.
    ///
    /// # Panics
    /// When there are more than [`BLOCK_LEN`](super::BLOCK_LEN).
    #[must_use]
    pub fn of<T: Number>(numbers: &[T]) -> Self {
        Self::within(Vec::new(), numbers)
    }

    /// As [`Self::of`], in memory that was used before: what many blocks take in turn need not be got anew for each.
    pub(crate) fn within<T: Number>(mut words: Vec<u64>, numbers: &[T]) -> Self {
        words.clear();
        assert!(numbers.len() <= super::BLOCK_LEN, "{} numbers in a block", numbers.len());
        // Two slices are compared much faster than each number with the first.
        let is_constant = numbers.get(1..).is_none_or(|others| others == &numbers[..others.len()]);
        let first = numbers.first().map_or(0, |first| first.widen());
        let (value, words, extremes) = match is_constant {
            true => (first, words, Extremes::of_equal(numbers)),
            false => pack(numbers, words),
        };
        Self {
            element_size: size_of::<T>() as u32,
            count: numbers.len() as u32,
            value,
            checksum: xxh3_64(bytemuck::cast_slice(&words)),
            words,
            extremes,
        }
    }

    /// What the numbers lie between; all zero if there are none.
    #[must_use]
    pub fn extremes(&self) -> Extremes {
        self.extremes
    }
}

impl Extremes {
    fn of_equal<T: Number>(numbers: &[T]) -> Self {
        let Some(number) = numbers.first().map(|number| number.widen()) else { return Self::default() };
        Self {
            least: number,
            most: number,
            largest: if number == T::LARGEST { numbers.len() as u64 } else { 0 },
        }
    }
}

/// Words before the codes.
pub(super) fn head_len(frames: usize) -> usize {
    (1 + frames).next_multiple_of(LANES)
}

/// How the numbers of one frame are coded.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// Less the block's least number.
    pub(super) base: u32,
    /// Bits of every code that lie side by side.
    pub(super) narrow: u32,
    /// Bits of the largest code.
    pub(super) width: u32,
    pub(super) has_largest: bool,
}

impl Frame {
    #[inline(always)]
    fn from_head(head: u64) -> Self {
        Self {
            base: (head >> 32) as u32,
            narrow: (head >> 17 & 127) as u32,
            width: (head >> 24 & 127) as u32,
            has_largest: head >> 31 & 1 != 0,
        }
    }
}

pub(super) fn lowest_bits(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// The words of a packed block, to be read.
#[derive(Clone, Copy)]
pub(super) struct PackedWords<'a> {
    pub(super) words: &'a [u64],
    pub(super) count: usize,
    /// The bits that are left out.
    pub(super) shift: u32,
}

impl<'a> PackedWords<'a> {
    /// How the frame is coded, and the words from its codes on.
    #[inline(always)]
    fn frame(self, index: usize) -> (Frame, &'a [u64]) {
        let head = self.words[1 + index];
        let place = (head & 0x1_ffff) as usize;
        (Frame::from_head(head), &self.words[head_len(self.count.div_ceil(FRAME)) + LANES * place..])
    }

    /// What is added to the codes of a frame.
    #[inline(always)]
    fn below(self, frame: &Frame) -> u64 {
        self.words[0].wrapping_add(frame.base.into()).wrapping_sub(frame.has_largest.into())
    }

    #[inline(always)]
    pub(super) fn at<T: Number>(self, index: usize) -> T {
        let (frame, codes) = self.frame(index / FRAME);
        let at = index % FRAME;
        let mut code = match frame.narrow {
            0 => 0,
            COUNTING => at as u64,
            narrow => code_at(codes, at % LANES, at / LANES, narrow),
        };
        if frame.narrow < frame.width {
            code |= Rest::of(&frame, codes).at(at) << frame.narrow;
        }
        if frame.has_largest && code == 0 {
            return T::narrow(T::LARGEST);
        }
        T::narrow(self.below(&frame).wrapping_add(code) << self.shift)
    }

    /// All numbers of one frame.
    #[inline(always)]
    pub(super) fn unpack<T: Number>(self, index: usize, out: &mut [T; FRAME]) {
        let (frame, codes) = self.frame(index);
        let below = self.below(&frame);
        if frame.width == 0 {
            out.fill(T::narrow(if frame.has_largest { T::LARGEST } else { below << self.shift }));
            return;
        }
        let mut wide = [0; FRAME];
        match frame.narrow {
            COUNTING => wide = std::array::from_fn(|at| at as u64),
            narrow => unpack_codes(codes, narrow, &mut wide),
        }
        if frame.narrow < frame.width {
            Rest::of(&frame, codes).add_to(&mut wide, frame.narrow);
        }
        for (value, code) in out.iter_mut().zip(wide) {
            *value = T::narrow(below.wrapping_add(code) << self.shift);
        }
        if frame.has_largest {
            for (value, code) in out.iter_mut().zip(wide) {
                *value = if code == 0 { T::narrow(T::LARGEST) } else { *value };
            }
        }
    }
}

/// What wide codes have above the narrow width.
struct Rest<'a> {
    is_wide: [u64; FRAME / 64],
    bits: u32,
    words: &'a [u64],
}

impl<'a> Rest<'a> {
    #[inline(always)]
    fn of(frame: &Frame, codes: &'a [u64]) -> Self {
        let map_at = LANES * frame.narrow as usize;
        Self {
            is_wide: [codes[map_at], codes[map_at + 1]],
            bits: frame.width - frame.narrow,
            words: &codes[map_at + 2..],
        }
    }

    #[inline(always)]
    fn at(&self, at: usize) -> u64 {
        let (map, bit) = (self.is_wide[at / 64], at % 64);
        if map >> bit & 1 == 0 {
            return 0;
        }
        let before = if at < 64 { 0 } else { self.is_wide[0].count_ones() };
        self.number((before + (map & !(u64::MAX << bit)).count_ones()) as usize)
    }

    /// Adds all of them to the codes.
    #[inline(always)]
    fn add_to(&self, codes: &mut [u64; FRAME], narrow: u32) {
        let (halves, _) = codes.as_chunks_mut::<64>();
        let mut number = 0;
        for (half, mut map) in halves.iter_mut().zip(self.is_wide) {
            while map != 0 {
                half[map.trailing_zeros() as usize % 64] |= self.number(number) << narrow;
                number += 1;
                map &= map - 1;
            }
        }
    }

    /// Of the wide code with this number among them.
    #[inline(always)]
    fn number(&self, number: usize) -> u64 {
        let bit = number * self.bits as usize;
        two_words(self.words[bit / 64], self.words[bit / 64 + 1], bit % 64) & lowest_bits(self.bits)
    }
}

/// 64 bits that begin in one word and may end in the next.
#[inline(always)]
fn two_words(low: u64, high: u64, shift: usize) -> u64 {
    // In two shifts, since one of 64 bits would be one of none.
    low >> shift | (high << 1) << (63 - shift)
}

/// Every width of a code but 0: shifts that are known beforehand take half the time.
macro_rules! with_widths {
    ($macro:ident) => {
        $macro!(
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22
            23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44
            45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
        )
    };
}
pub(super) use with_widths;

/// Every step of a lane.
macro_rules! with_steps {
    ($macro:ident) => {
        $macro!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21
            22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43
            44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        )
    };
}
pub(super) use with_steps;

/// All codes of a frame, unless they have no bits. Every width has a function of its own.
fn unpack_codes(codes: &[u64], width: u32, wide: &mut [u64; FRAME]) {
    macro_rules! unpack {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_width::<$width>(codes, wide),)*
                _ => {}
            }
        };
    }
    with_widths!(unpack);
}

#[inline(never)]
fn unpack_width<const WIDTH: usize>(codes: &[u64], wide: &mut [u64; FRAME]) {
    let codes = &codes[..LANES * (WIDTH + 1)];
    macro_rules! unpack {
        ($($step:literal)*) => {$(
            let (word, shift) = (LANES * ($step * WIDTH / 64), $step * WIDTH % 64);
            for lane in 0..LANES {
                let code = two_words(codes[word + lane], codes[word + LANES + lane], shift);
                wide[LANES * $step + lane] = code & lowest_bits(WIDTH as u32);
            }
        )*};
    }
    with_steps!(unpack);
}

/// The code at a step of a lane: `width` bits that begin in one word and may end in the lane's next.
#[inline(always)]
fn code_at(codes: &[u64], lane: usize, step: usize, width: u32) -> u64 {
    debug_assert!(step < PER_LANE);
    let bit = step * width as usize;
    let (word, shift) = (LANES * (bit / 64) + lane, bit % 64);
    two_words(codes[word], codes[word + LANES], shift) & lowest_bits(width)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<T: Number + std::fmt::Debug>(numbers: &[T]) {
        let block = PackedBlock::of(numbers);
        let wide = || numbers.iter().map(|number| number.widen());
        let extremes = Extremes {
            least: wide().min().expect("some numbers"),
            most: wide().max().expect("some numbers"),
            largest: wide().filter(|number| *number == T::LARGEST).count() as u64,
        };
        assert_eq!(block.extremes(), extremes);
        if block.words.is_empty() {
            assert!(numbers.iter().all(|number| number.widen() == block.value), "{numbers:?} as one number");
            return;
        }
        let packed = PackedWords { words: &block.words, count: numbers.len(), shift: block.value as u32 };
        for (index, frame) in numbers.chunks(FRAME).enumerate() {
            let mut unpacked = [T::narrow(0); FRAME];
            packed.unpack(index, &mut unpacked);
            assert_eq!(&unpacked[..frame.len()], frame);
        }
        for (index, number) in numbers.iter().enumerate() {
            assert_eq!(packed.at::<T>(index), *number, "number {index}");
        }
    }

    proptest! {
        #[test]
        fn numbers_of_all_widths_come_back(
            numbers in prop::collection::vec((any::<u64>(), 0_u32..66, 0_u32..66), 1..400),
            narrow in 0_u32..64,
            shift in 0_u32..40,
        ) {
            // Mostly narrow numbers, some of any width, and the largest.
            let mixed = numbers.iter().map(|&(number, pick, width)| match (pick, width) {
                (0..8, 65) => u64::MAX,
                (0..8, width) => number & lowest_bits(width),
                _ => number & lowest_bits(narrow),
            });
            let mixed: Vec<u64> = mixed.collect();
            check(&mixed);
            let shifted = mixed.iter().map(|&number| if number == u64::MAX { number } else { number << shift });
            check(&shifted.collect::<Vec<_>>());
            check(&mixed.iter().map(|&number| number as u32).collect::<Vec<_>>());
            check(&mixed.iter().map(|&number| number as u8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn numbers_that_count_up_take_no_codes() {
        let numbers: Vec<u32> = (7..7 + 1000).collect();
        check(&numbers);
        assert_eq!(PackedBlock::of(&numbers).words.len(), head_len(1000_usize.div_ceil(FRAME)) + LANES);
        check(&[numbers.as_slice(), &[3, 5]].concat());
        check(&[3_u32, 4, 5, u32::MAX]);
    }

    #[test]
    fn a_few_large_numbers_do_not_make_a_frame_wide() {
        let numbers: Vec<u64> =
            (0..FRAME as u64).map(|at| if at % 40 == 7 { at << 40 } else { at % 13 }).collect();
        check(&numbers);
        let bits = 64 * PackedBlock::of(&numbers).words.len();
        assert!(bits < FRAME * 10, "{bits} bits");
    }
}
