//! Numbers to the words of a packed block, with the widest instructions that the processor has: [`super::packed`] says what
//! the words are.

use multiversion::multiversion;

use super::packed::{
    COUNTING, Extremes, FRAME, Frame, LANES, Number, head_len, lowest_bits, with_steps, with_widths,
};

/// Stands for the largest number of a type, until it has a code.
const LARGEST: u64 = u64::MAX;
/// Codes of fewer bits are not worth splitting.
const SPLIT_MIN: u32 = 4;
/// Codes that are counted side by side: enough for a processor not to wait, few enough to be added up soon.
const TURNS: usize = 4;

/// The bits that are left out, the words, which are put into memory that is empty, and what the numbers lie between.
///
/// All of it is inlined, to be compiled for each set of instructions.
#[multiversion(targets(
    "x86_64+avx512f+avx512dq+avx512bw+avx512vl+avx512cd+avx2+bmi1+bmi2+lzcnt+popcnt",
    "x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"
))]
pub(super) fn pack<T: Number>(numbers: &[T], words: Vec<u64>) -> (u64, Vec<u64>, Extremes) {
    let (mut used, mut least) = (0, LARGEST);
    let (mut most, mut largest) = (0, 0);
    for number in numbers {
        let is_largest = *number == T::narrow(T::LARGEST);
        used |= if is_largest { 0 } else { number.widen() };
        least = least.min(if is_largest { LARGEST } else { number.widen() });
        most = most.max(number.widen());
        largest += u64::from(is_largest);
    }
    let shift = if used == 0 { 0 } else { used.trailing_zeros() };
    let mut words = Words::new(words, numbers.len(), shift, least >> shift);
    let (frames, last) = numbers.as_chunks::<FRAME>();
    frames.iter().for_each(|frame| words.add(frame));
    if !last.is_empty() {
        words.add(last);
    }
    words.all.extend([0; LANES]);
    (shift.into(), words.all, Extremes { least: least.min(T::LARGEST), most, largest })
}

/// The words of a block, frame by frame.
struct Words {
    all: Vec<u64>,
    codes_start: usize,
    frames: usize,
    shift: u32,
    least: u64,
}

impl Words {
    fn new(mut all: Vec<u64>, len: usize, shift: u32, least: u64) -> Self {
        let codes_start = head_len(len.div_ceil(FRAME));
        // Most numbers take fewer than 32 bits.
        all.reserve(codes_start + len / 2);
        all.resize(codes_start, 0);
        all[0] = least;
        Self { all, codes_start, frames: 0, shift, least }
    }

    #[inline(always)]
    fn add<T: Number>(&mut self, numbers: &[T]) {
        let mut codes = [0; FRAME];
        for (code, number) in codes.iter_mut().zip(numbers) {
            let is_largest = *number == T::narrow(T::LARGEST);
            *code =
                if is_largest { LARGEST } else { (number.widen() >> self.shift).wrapping_sub(self.least) };
        }
        let mut frame = Frame::of(&mut codes[..numbers.len()]);
        if frame.narrow != COUNTING {
            frame.narrow = narrow_width(&codes, frame.width);
        }
        let place = ((self.all.len() - self.codes_start) / LANES) as u64;
        self.frames += 1;
        self.all[self.frames] = frame.head(place);
        if frame.narrow != COUNTING {
            append_narrow(&codes, frame.narrow, &mut self.all);
            if frame.narrow < frame.width {
                append_rest(&codes, frame.narrow, frame.width, &mut self.all);
            }
        }
    }
}

impl Frame {
    /// Turns the numbers into their codes, none of them split yet.
    #[inline(always)]
    fn of(numbers: &mut [u64]) -> Self {
        let (mut least, mut most, mut has_largest) = (LARGEST, 0, false);
        for &number in numbers.iter() {
            has_largest |= number == LARGEST;
            least = least.min(number);
            most = most.max(if number == LARGEST { 0 } else { number });
        }
        let base = u32::try_from(least).unwrap_or(u32::MAX);
        // Where the largest has a code, the others give way; it becomes 0 itself.
        let below = u64::from(base).wrapping_sub(has_largest.into());
        for number in numbers.iter_mut() {
            *number = if *number == LARGEST { 0 } else { number.wrapping_sub(below) };
        }
        let highest = if least == LARGEST { 0 } else { most.wrapping_sub(below) };
        let width = u64::BITS - highest.leading_zeros();
        let may_count = highest > 0 && !has_largest && highest + 1 == numbers.len() as u64;
        let counts = may_count && (0..).zip(&*numbers).all(|(at, code)| at == *code);
        Self { base, narrow: if counts { COUNTING } else { width }, width, has_largest }
    }

    fn head(&self, place: u64) -> u64 {
        let widths = u64::from(self.narrow) << 17 | u64::from(self.width) << 24;
        place | widths | u64::from(self.has_largest) << 31 | u64::from(self.base) << 32
    }
}

/// The narrow width that makes a frame smallest.
#[inline(always)]
fn narrow_width(codes: &[u64; FRAME], width: u32) -> u32 {
    if width < SPLIT_MIN {
        return width;
    }
    // By their bits; in turns, since each step would wait for the one before it where neighbours are alike.
    let mut counts = [[0_u8; u64::BITS as usize + 1]; TURNS];
    for some in codes.as_chunks::<TURNS>().0 {
        for (counts, code) in counts.iter_mut().zip(some) {
            counts[(u64::BITS - code.leading_zeros()) as usize] += 1;
        }
    }
    // No more than a byte can tell: a frame has fewer numbers.
    let mut sums = [0_u8; u64::BITS as usize + 1];
    for counts in counts {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let (mut best, mut least, mut wider) = (width, width * FRAME as u32, 0);
    for narrow in (0..width).rev() {
        wider += u32::from(sums[narrow as usize + 1]);
        let bits = (narrow + 1) * FRAME as u32 + wider * (width - narrow);
        if bits < least {
            (best, least) = (narrow, bits);
        }
    }
    best
}

/// The lowest bits of all codes. Every width has a function of its own.
#[inline(always)]
fn append_narrow(codes: &[u64; FRAME], width: u32, words: &mut Vec<u64>) {
    let start = words.len();
    words.resize(start + LANES * width as usize, 0);
    let out = &mut words[start..];
    macro_rules! pack {
        ($($width:literal)*) => {
            match width {
                $($width => pack_width::<$width>(codes, out),)*
                _ => {}
            }
        };
    }
    with_widths!(pack);
}

#[inline(never)]
fn pack_width<const WIDTH: usize>(codes: &[u64; FRAME], words: &mut [u64]) {
    let words = &mut words[..LANES * WIDTH];
    let mut pending = [0; LANES];
    macro_rules! pack {
        ($($step:literal)*) => {$(
            let (word, filled) = (LANES * ($step * WIDTH / 64), $step * WIDTH % 64);
            for lane in 0..LANES {
                let code = codes[LANES * $step + lane] & lowest_bits(WIDTH as u32);
                pending[lane] |= code << filled;
                if filled + WIDTH >= 64 {
                    words[word + lane] = pending[lane];
                    // In two shifts, since one of 64 bits would be one of none.
                    pending[lane] = (code >> 1) >> (63 - filled);
                }
            }
        )*};
    }
    with_steps!(pack);
}

/// Which codes are wide, and what they have above.
#[inline(always)]
fn append_rest(codes: &[u64; FRAME], narrow: u32, width: u32, words: &mut Vec<u64>) {
    let start = words.len();
    let mut are_wide = [0_u64; FRAME / 64];
    for (wide, codes) in are_wide.iter_mut().zip(codes.as_chunks::<64>().0) {
        *wide = (0..).zip(codes).fold(0, |wide, (bit, code)| wide | u64::from(code >> narrow != 0) << bit);
    }
    words.extend(are_wide);
    let (mut word, mut filled) = (0, 0);
    for (half, mut wide) in codes.as_chunks::<64>().0.iter().zip(are_wide) {
        while wide != 0 {
            let rest = half[wide.trailing_zeros() as usize] >> narrow;
            wide &= wide - 1;
            word |= rest << filled;
            filled += width - narrow;
            if filled >= u64::BITS {
                words.push(word);
                filled -= u64::BITS;
                word = (rest >> 1) >> (width - narrow - filled - 1);
            }
        }
    }
    if filled > 0 {
        words.push(word);
    }
    words.resize(start + (words.len() - start).next_multiple_of(LANES), 0);
}
