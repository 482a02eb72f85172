//! One frame's unwinding rule, in 28 bits.
//!
//! ```text
//! bit  27   25 24           12 11        6 5         0
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

/// See the module's picture. The kind is that of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame(u32);

/// The register that the CFA is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Sp = 1,
    Bp,
    Bx,
}

const SP: u32 = Base::Sp as u32;
const BX: u32 = Base::Bx as u32;
const OUTERMOST: u32 = 4;
const TABLES: u32 = 5;
const UNKNOWN: u32 = 6;

/// Bits of a packed rule.
pub(crate) const BITS: u32 = 28;
const KIND: u32 = 25;
const CFA: u32 = 12;
const BP: u32 = 6;

const WORDS_MAX: i64 = (1 << (KIND - CFA)) - 1;
const SLOT_MAX: u32 = (1 << BP) - 1;

impl Frame {
    /// None if a number does not fit. Offsets are in bytes: of the CFA from its base, of slots from the CFA.
    pub(crate) fn new(base: Base, cfa: i64, bp: Option<i64>, bx: Option<i64>) -> Option<Self> {
        let words = u16::try_from(cfa / 8).ok().filter(|&words| i64::from(words) <= WORDS_MAX)?;
        let slots = slot(bp)? << BP | slot(bx)?;
        (cfa % 8 == 0).then_some(Self((base as u32) << KIND | u32::from(words) << CFA | slots))
    }

    /// What stands for the base register, of one for each. Without a jump: which it is changes from frame to frame.
    #[inline(always)]
    pub(crate) fn of_base<T: Copy>(self, of_sp: T, of_bp: T, of_bx: T) -> T {
        let of_others = if self.0 >> KIND == BX { of_bx } else { of_bp };
        if self.0 >> KIND == SP { of_sp } else { of_others }
    }

    /// Bytes from the base register to the CFA.
    #[inline(always)]
    pub(crate) fn cfa_offset(self) -> u64 {
        u64::from(self.0 >> CFA & WORDS_MAX as u32) * 8
    }

    /// Bytes from the slot of the frame pointer up to the CFA; 0 if it is unchanged.
    #[inline(always)]
    pub(crate) fn bp_distance(self) -> u16 {
        (self.0 >> BP & SLOT_MAX) as u16 * 8
    }

    /// As [`Self::bp_distance`], of the third register.
    #[inline(always)]
    pub(crate) fn bx_distance(self) -> u16 {
        (self.0 & SLOT_MAX) as u16 * 8
    }
}

fn slot(offset: Option<i64>) -> Option<u32> {
    let Some(offset) = offset else { return Some(0) };
    let words = u32::try_from(-(offset / 8)).ok()?;
    (offset % 8 == 0 && (1..=SLOT_MAX).contains(&words)).then_some(words)
}

impl Rule {
    /// Never 0.
    #[inline]
    pub(crate) fn pack(self) -> u32 {
        match self {
            Self::Frame(Frame(packed)) => packed,
            Self::Outermost => OUTERMOST << KIND,
            Self::Tables => TABLES << KIND,
            Self::Unknown => UNKNOWN << KIND,
        }
    }

    #[inline(always)]
    pub(crate) fn unpack(packed: u32) -> Self {
        match packed >> KIND {
            SP..=BX => Self::Frame(Frame(packed)),
            OUTERMOST => Self::Outermost,
            TABLES => Self::Tables,
            _ => Self::Unknown,
        }
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
            Frame::new(Base::Bx, 8 * WORDS_MAX, Some(-8 * 63), Some(-24)),
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
        assert_eq!(Frame::new(Base::Sp, 8, Some(-8 * 64), None), None);
        assert_eq!(Frame::new(Base::Sp, 8, None, Some(-12)), None);
    }

    #[test]
    fn distances_are_in_bytes() {
        let frame = Frame::new(Base::Sp, 48, Some(-16), Some(-24)).unwrap();
        assert_eq!((frame.cfa_offset(), frame.bp_distance(), frame.bx_distance()), (48, 16, 24));
    }
}
