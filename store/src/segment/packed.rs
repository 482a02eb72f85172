//! Numbers of one block of a column in as few bits as they need, each still found in one step.
//!
//! A block is cut into frames of [`FRAME`] numbers. A frame stores its least number, the *base*, and every number as its
//! difference to the base, in as many bits as the largest of them takes. The highest code stands for the largest number of
//! the type, which marks "never" and "none", in frames that have it; so one such number does not make a frame wide.
//!
//! ```text
//! bases     one u64 a frame
//! places    one u32 a frame and one for the end: bits 0..24 where its codes begin, in units of 16 bytes;
//!           bit 31 whether its highest code stands for the largest number
//! codes     of each frame: two lanes of 64-bit words in turn; lane l has the numbers l, l + 2, l + 4 …, lowest bit first
//! ```
//!
//! Places and codes are each filled up to 16 bytes with zeros, and 16 zero bytes follow the last code.

use bytemuck::Pod;
use xxhash_rust::xxh3::xxh3_64;

/// Numbers of one frame.
pub(super) const FRAME: usize = 128;
/// A frame's codes are that many words, times their bits.
const LANES: usize = 2;
const PER_LANE: usize = FRAME / LANES;
const HAS_LARGEST: u32 = 1 << 31;

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
    /// The number that all are equal to, where there are no words.
    pub(super) value: u64,
    pub(crate) words: Vec<u64>,
    pub(super) checksum: u64,
}

impl PackedBlock {
    /// Packs them.
    ///
    /// # Panics
    /// When there are more than [`BLOCK_LEN`](super::BLOCK_LEN).
    #[must_use]
    pub fn of<T: Number>(numbers: &[T]) -> Self {
        assert!(numbers.len() <= super::BLOCK_LEN, "{} numbers in a block", numbers.len());
        let first = numbers.first().map_or(0, |first| first.widen());
        let is_constant = numbers.iter().all(|number| number.widen() == first);
        let words = if is_constant { Vec::new() } else { pack(numbers) };
        Self {
            element_size: size_of::<T>() as u32,
            count: numbers.len() as u32,
            value: if is_constant { first } else { 0 },
            checksum: xxh3_64(bytemuck::cast_slice(&words)),
            words,
        }
    }
}

fn pack<T: Number>(numbers: &[T]) -> Vec<u64> {
    let frames = numbers.len().div_ceil(FRAME);
    let head = head_len(frames);
    let mut words = vec![0; head];
    for (index, values) in numbers.chunks(FRAME).enumerate() {
        let frame = Frame::of(values);
        let place = ((words.len() - head) / LANES) as u32;
        words[index] = frame.base;
        set_place(&mut words, frames, index, place | if frame.has_largest { HAS_LARGEST } else { 0 });
        frame.append(values, &mut words);
    }
    let end = ((words.len() - head) / LANES) as u32;
    set_place(&mut words, frames, frames, end);
    words.extend([0; LANES]);
    words
}

/// Words before the codes: a base a frame, places two in a word.
fn head_len(frames: usize) -> usize {
    (frames + (frames + 1).div_ceil(2)).next_multiple_of(LANES)
}

fn set_place(words: &mut [u64], frames: usize, index: usize, place: u32) {
    words[frames + index / 2] |= u64::from(place) << (32 * (index % 2));
}

/// How the numbers of one frame are coded.
struct Frame {
    base: u64,
    /// Bits of a code.
    width: u32,
    has_largest: bool,
}

impl Frame {
    fn of<T: Number>(values: &[T]) -> Self {
        let (mut least, mut most, mut has_largest) = (u64::MAX, 0, false);
        for value in values.iter().map(|value| value.widen()) {
            let is_largest = value == T::LARGEST;
            has_largest |= is_largest;
            least = least.min(value);
            most = most.max(if is_largest { 0 } else { value });
        }
        if least == T::LARGEST {
            return Self { base: 0, width: 0, has_largest };
        }
        // Below the type's largest, so that one more has room.
        let codes = most - least + u64::from(has_largest);
        Self { base: least, width: u64::BITS - codes.leading_zeros(), has_largest }
    }

    fn append<T: Number>(&self, values: &[T], words: &mut Vec<u64>) {
        if self.width == 0 {
            return;
        }
        let codes = self.codes(values);
        let (mut pending, mut filled) = ([0; LANES], 0);
        for pair in codes.chunks_exact(LANES) {
            for (word, code) in pending.iter_mut().zip(pair) {
                *word |= code << filled;
            }
            filled += self.width;
            if filled >= u64::BITS {
                words.extend(pending);
                filled -= u64::BITS;
                for (word, code) in pending.iter_mut().zip(pair) {
                    // In two shifts, since one of 64 bits would be one of none.
                    *word = (code >> 1) >> (self.width - filled - 1);
                }
            }
        }
    }

    fn codes<T: Number>(&self, values: &[T]) -> [u64; FRAME] {
        let mut codes = [0; FRAME];
        for (code, value) in codes.iter_mut().zip(values) {
            *code = value.widen().wrapping_sub(self.base);
        }
        if self.has_largest {
            let (largest, highest) = (T::LARGEST.wrapping_sub(self.base), highest_code(self.width));
            codes.iter_mut().for_each(|code| *code = if *code == largest { highest } else { *code });
        }
        codes
    }
}

fn highest_code(width: u32) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width) }
}

/// The words of a packed block, to be read.
#[derive(Clone, Copy)]
pub(super) struct PackedWords<'a> {
    pub(super) words: &'a [u64],
    pub(super) count: usize,
}

impl<'a> PackedWords<'a> {
    #[inline]
    fn frames(self) -> usize {
        self.count.div_ceil(FRAME)
    }

    #[inline]
    fn place(self, index: usize) -> u32 {
        (self.words[self.frames() + index / 2] >> (32 * (index % 2))) as u32
    }

    /// How the frame is coded, and its codes with the words behind them.
    #[inline]
    fn frame(self, index: usize) -> (Frame, &'a [u64]) {
        let (place, end) = (self.place(index), self.place(index + 1));
        let (start, end) = (place & !HAS_LARGEST, end & !HAS_LARGEST);
        let frame =
            Frame { base: self.words[index], width: end - start, has_largest: place & HAS_LARGEST != 0 };
        let first = head_len(self.frames()) + LANES * start as usize;
        // Codes are read two words at a time: those behind the last word of the frame must exist.
        let behind = first + LANES * (frame.width as usize + 1);
        (frame, &self.words[first..behind])
    }

    #[inline]
    pub(super) fn at<T: Number>(self, index: usize) -> T {
        let (frame, codes) = self.frame(index / FRAME);
        let at = index % FRAME;
        let code = match frame.width {
            0 => 0,
            width => code_at(codes, at % LANES, at / LANES, width),
        };
        if frame.has_largest && code == highest_code(frame.width) {
            return T::narrow(T::LARGEST);
        }
        T::narrow(frame.base.wrapping_add(code))
    }

    /// All numbers of one frame.
    #[inline]
    pub(super) fn unpack<T: Number>(self, index: usize, out: &mut [T; FRAME]) {
        let (frame, codes) = self.frame(index);
        if frame.width == 0 {
            out.fill(T::narrow(if frame.has_largest { T::LARGEST } else { frame.base }));
            return;
        }
        let mut wide = unpack_codes(codes, frame.width);
        if frame.has_largest {
            let highest = highest_code(frame.width);
            let largest = T::LARGEST.wrapping_sub(frame.base);
            wide.iter_mut().for_each(|code| *code = if *code == highest { largest } else { *code });
        }
        for (value, code) in out.iter_mut().zip(wide) {
            *value = T::narrow(frame.base.wrapping_add(code));
        }
    }
}

/// All codes of a frame.
#[inline]
fn unpack_codes(codes: &[u64], width: u32) -> [u64; FRAME] {
    let mask = highest_code(width);
    let mut pairs = codes.chunks_exact(LANES).map(|pair| [pair[0], pair[1]]);
    let mut next = || pairs.next().unwrap_or_default();
    let (mut low, mut high, mut shift) = (next(), next(), 0);
    let mut wide = [0; FRAME];
    for out in wide.chunks_exact_mut(LANES) {
        for lane in 0..LANES {
            // In two shifts, since one of 64 bits would be one of none.
            out[lane] = (low[lane] >> shift | (high[lane] << 1) << (63 - shift)) & mask;
        }
        shift += width;
        if shift >= u64::BITS {
            shift -= u64::BITS;
            low = std::mem::replace(&mut high, next());
        }
    }
    wide
}

/// The code at a step of a lane: `width` bits that begin in one word and may end in the lane's next.
#[inline(always)]
fn code_at(codes: &[u64], lane: usize, step: usize, width: u32) -> u64 {
    debug_assert!(step < PER_LANE);
    let bit = step * width as usize;
    let (word, shift) = (LANES * (bit / 64) + lane, bit % 64);
    let high = (codes[word + LANES] << 1) << (63 - shift);
    (codes[word] >> shift | high) & highest_code(width)
}
