//! One frame's unwinding rule, in 32 bits.
//!
//! ```text
//! bit  31   29 28           16 15        8 7         0
//!     | kind  | CFA offset / 8 | bp slot   | bx slot   |
//! ```
//! The return address lies one word below the CFA. A slot of 0 means that the register is unchanged, `n` that
//! it was saved `n` words below the CFA.

/// Where the canonical frame address comes from, and what else there is to know of a code address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The frame is found from a register.
    Frame(Frame),
    /// There is no caller.
    Outermost,
    /// The tables say more than fits here: they are evaluated every time.
    Tables,
    /// No table covers the address: perhaps it keeps a frame pointer.
    Unknown,
}

/// See the module's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) base: Base,
    words: u16,
    bp_slot: u8,
    bx_slot: u8,
}

/// The register that the CFA is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Sp,
    Bp,
    Bx,
}

const SP: u32 = 1;
const BP: u32 = 2;
const BX: u32 = 3;
const OUTERMOST: u32 = 4;
const TABLES: u32 = 5;
const UNKNOWN: u32 = 6;

const WORDS_MAX: i64 = (1 << 13) - 1;

impl Frame {
    /// None if a number does not fit. Offsets are in bytes: of the CFA from its base, of slots from the CFA.
    pub(crate) fn new(base: Base, cfa: i64, bp: Option<i64>, bx: Option<i64>) -> Option<Self> {
        let words = u16::try_from(cfa / 8).ok()?;
        let fits = cfa % 8 == 0 && i64::from(words) <= WORDS_MAX;
        fits.then_some(Self { base, words, bp_slot: slot(bp)?, bx_slot: slot(bx)? })
    }

    /// Bytes from the base register to the CFA.
    #[inline(always)]
    pub(crate) fn cfa_offset(self) -> u64 {
        u64::from(self.words) * 8
    }

    /// Bytes from the slot of the frame pointer up to the CFA; 0 if it is unchanged.
    #[inline(always)]
    pub(crate) fn bp_distance(self) -> u16 {
        u16::from(self.bp_slot) * 8
    }

    /// As [`Self::bp_distance`], of the third register.
    #[inline(always)]
    pub(crate) fn bx_distance(self) -> u16 {
        u16::from(self.bx_slot) * 8
    }
}

fn slot(offset: Option<i64>) -> Option<u8> {
    let Some(offset) = offset else { return Some(0) };
    let words = u8::try_from(-(offset / 8)).ok()?;
    (offset % 8 == 0 && words > 0).then_some(words)
}

impl Rule {
    /// Never 0.
    #[inline]
    pub(crate) fn pack(self) -> u32 {
        let kind = match self {
            Self::Frame(Frame { base: Base::Sp, .. }) => SP,
            Self::Frame(Frame { base: Base::Bp, .. }) => BP,
            Self::Frame(Frame { base: Base::Bx, .. }) => BX,
            Self::Outermost => OUTERMOST,
            Self::Tables => TABLES,
            Self::Unknown => UNKNOWN,
        };
        let rest = match self {
            Self::Frame(frame) => {
                u32::from(frame.words) << 16 | u32::from(frame.bp_slot) << 8 | u32::from(frame.bx_slot)
            }
            _ => 0,
        };
        kind << 29 | rest
    }

    #[inline(always)]
    pub(crate) fn unpack(packed: u32) -> Self {
        let base = match packed >> 29 {
            SP => Base::Sp,
            BP => Base::Bp,
            BX => Base::Bx,
            OUTERMOST => return Self::Outermost,
            TABLES => return Self::Tables,
            _ => return Self::Unknown,
        };
        Self::Frame(Frame {
            base,
            words: (packed >> 16) as u16 & WORDS_MAX as u16,
            bp_slot: (packed >> 8) as u8,
            bx_slot: packed as u8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_survives_packing() {
        let frames = [
            Frame::new(Base::Sp, 8, None, None),
            Frame::new(Base::Bp, 16, Some(-16), None),
            Frame::new(Base::Bx, 8 * WORDS_MAX, Some(-8 * 255), Some(-24)),
        ];
        let rules = frames.map(|frame| Rule::Frame(frame.unwrap()));
        for rule in rules.into_iter().chain([Rule::Outermost, Rule::Tables, Rule::Unknown]) {
            assert_ne!(rule.pack(), 0);
            assert_eq!(Rule::unpack(rule.pack()), rule);
        }
    }

    #[test]
    fn what_does_not_fit_is_not_packed() {
        assert_eq!(Frame::new(Base::Sp, 12, None, None), None);
        assert_eq!(Frame::new(Base::Sp, -8, None, None), None);
        assert_eq!(Frame::new(Base::Sp, 8 * (WORDS_MAX + 1), None, None), None);
        assert_eq!(Frame::new(Base::Sp, 8, Some(8), None), None);
        assert_eq!(Frame::new(Base::Sp, 8, Some(-8 * 256), None), None);
        assert_eq!(Frame::new(Base::Sp, 8, None, Some(-12)), None);
    }

    #[test]
    fn distances_are_in_bytes() {
        let frame = Frame::new(Base::Sp, 48, Some(-16), Some(-24)).unwrap();
        assert_eq!((frame.cfa_offset(), frame.bp_distance(), frame.bx_distance()), (48, 16, 24));
    }
}
