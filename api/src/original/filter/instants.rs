//! Points in time as filters give them: a share of the runtime, a clock time, or a duration.

use super::interval;
use crate::errors::BAD_PARAMETER;
use crate::problem::Problem;
use bytehound_index::Manifest;

/// An offset from the start of a profile, once the profile is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Offset {
    /// Percent of the runtime; may be more than 100.
    Percent(u32),
    /// µs since 1970.
    Clock(u64),
    /// µs after the start.
    Duration(u64),
}

/// How a value without a percent sign is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flavour {
    /// Milliseconds since 1970, the beginning of that millisecond.
    From,
    /// Milliseconds since 1970, the end of that millisecond.
    To,
    /// An interval.
    Length,
}

impl Offset {
    pub(super) fn parse(text: &str, flavour: Flavour) -> Result<Self, Problem> {
        if let Some(percent) = text.strip_suffix('%') {
            return percent.parse().map(Self::Percent).map_err(|_| refuse("not a valid percentage"));
        }
        let clock = |last_us| {
            let ms: u64 = text.parse().map_err(|_| refuse("not a valid number"))?;
            Ok(Self::Clock(ms.saturating_mul(1000).saturating_add(last_us)))
        };
        match flavour {
            Flavour::From => clock(0),
            Flavour::To => clock(999),
            Flavour::Length => duration(text).map(Self::Duration),
        }
    }

    /// In µs after the start of this profile.
    pub(super) fn in_us(self, manifest: &Manifest) -> u64 {
        match self {
            Self::Percent(percent) => {
                let us = u128::from(manifest.runtime_us()) * u128::from(percent) / 100;
                u64::try_from(us).unwrap_or(u64::MAX)
            }
            Self::Clock(us) => us.saturating_sub(manifest.start_us),
            Self::Duration(us) => us,
        }
    }
}

/// An interval in µs.
pub(super) fn duration(text: &str) -> Result<u64, Problem> {
    interval::parse_us(text).ok_or_else(|| refuse("not a valid interval"))
}

pub(super) fn refuse(message: &str) -> Problem {
    Problem::new(&BAD_PARAMETER, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str, flavour: Flavour) -> u64 {
        let manifest = Manifest { start_us: 5_000_000, end_us: 7_000_000, ..Manifest::default() };
        Offset::parse(text, flavour).unwrap().in_us(&manifest)
    }

    #[test]
    fn offsets_are_counted_from_the_start() {
        assert_eq!(us("50%", Flavour::From), 1_000_000);
        assert_eq!(us("150%", Flavour::To), 3_000_000);
        assert_eq!(us("5001", Flavour::From), 1000);
        assert_eq!(us("5001", Flavour::To), 1999);
        assert_eq!(us("4000", Flavour::To), 0);
        assert_eq!(us("1m", Flavour::Length), 60_000_000);
    }

    #[test]
    fn the_messages_are_those_of_the_original() {
        let message = |text, flavour| Offset::parse(text, flavour).unwrap_err().detail;
        assert_eq!(message("x%", Flavour::From), "not a valid percentage");
        assert_eq!(message("x", Flavour::To), "not a valid number");
        assert_eq!(message("x", Flavour::Length), "not a valid interval");
    }
}
